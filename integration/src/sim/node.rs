//! One router of a world: its engine, and the director that holds a lease of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding};
use common::ids::IfIndex;
use common::time::Instant;
use ospfd::core::Instance;
use ospfd::core::config::Config;
use ospfd::core::event::Groups;

/// The name of the lease that each router's director holds.
const LEASE: &str = "director";

/// Metric of every VIP.
pub(super) const VIP_METRIC: u16 = 20;

/// VIPs lie in 192.0.2.0/24, where nothing else does.
pub(super) fn is_vip(address: Ipv4Addr) -> bool {
    address.octets()[..3] == [192, 0, 2]
}

/// A router of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// One router.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) config: Config,
    /// `None` while it is down.
    pub(super) instance: Option<Instance>,
    /// Counts its starts, so that what was meant for a former life is not done to the next.
    pub(super) life: u64,
    /// Multicast groups that it asked to be in.
    pub(super) groups: BTreeMap<IfIndex, Groups>,
    /// Told to stop; it goes when it says that it is done.
    pub(super) stopping: bool,
    /// What it dropped, by reason, over all its lives.
    pub(super) drops: BTreeMap<&'static str, u64>,
    pub(super) director: Director,
}

/// Who holds the lease.
#[derive(Clone, Debug)]
pub(super) struct Director {
    /// What it wants advertised.
    pub(super) vips: BTreeSet<Ipv4Addr>,
    /// How it wants it.
    pub(super) encoding: Encoding,
    /// Renews no more, while frozen.
    pub(super) frozen: bool,
    ttl: Duration,
    generation: u64,
    renewed_at: Instant,
}

impl Node {
    pub(super) fn new(config: Config, lease_ttl: Duration) -> Self {
        let director = Director {
            vips: BTreeSet::new(),
            encoding: Encoding::Stub,
            frozen: false,
            ttl: lease_ttl,
            generation: 0,
            renewed_at: Instant::ZERO,
        };
        Self {
            config,
            instance: None,
            life: 0,
            groups: BTreeMap::new(),
            stopping: false,
            drops: BTreeMap::new(),
            director,
        }
    }

    /// Starts the engine, and has the director take its lease.
    pub(super) fn start(&mut self, now: Instant, seed: u64) -> Result<(), String> {
        self.life += 1;
        self.groups.clear();
        self.stopping = false;
        self.instance = Some(Instance::new(self.config.clone(), seed, now));
        self.director.generation = 0;
        self.director.frozen = false;
        self.set_advertised(now)
    }

    /// The process is gone, whatever it was doing.
    pub(super) fn stop(&mut self) {
        self.instance = None;
        self.groups.clear();
    }

    /// When its engine wants to be called.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.instance.as_ref().and_then(Instance::poll_timeout).map(|(at, _)| at)
    }

    /// Up, and not about to leave.
    pub(super) fn serves(&self) -> bool {
        self.instance.is_some() && !self.stopping
    }

    /// Hands the director's wish to the engine.
    pub(super) fn set_advertised(&mut self, now: Instant) -> Result<(), String> {
        let Some(instance) = &mut self.instance else { return Ok(()) };
        let director = &mut self.director;
        director.renewed_at = now;
        let set = director.vips.iter().map(|vip| advertisement(*vip, director.encoding)).collect();
        instance
            .lease_open(now, LEASE, director.ttl)
            .and_then(|view| {
                director.generation = director.generation.max(view.generation) + 1;
                instance.lease_set(now, LEASE, director.generation, set)
            })
            .map(drop)
            .map_err(|refusal| format!("the lease was refused: {refusal:?}"))
    }

    /// Renews the lease; a lease that lapsed meanwhile is taken anew, as a director would do it.
    pub(super) fn renew(&mut self, now: Instant) -> Result<(), String> {
        if self.director.frozen {
            return Ok(());
        }
        let Some(instance) = &mut self.instance else { return Ok(()) };
        match instance.lease_renew(now, LEASE) {
            Ok(_) => {
                self.director.renewed_at = now;
                Ok(())
            }
            Err(_) => self.set_advertised(now),
        }
    }

    /// How often the director renews.
    pub(super) fn renew_interval(&self) -> Duration {
        self.director.ttl / 3
    }

    /// Those of them that are stub links.
    pub(super) fn stubs(&self, now: Instant) -> BTreeSet<Ipv4Addr> {
        if self.director.encoding.is_external() { BTreeSet::new() } else { self.advertised(now) }
    }

    /// The VIPs that the network must see of this router.
    pub(super) fn advertised(&self, now: Instant) -> BTreeSet<Ipv4Addr> {
        let lapsed = now >= self.director.renewed_at + self.director.ttl;
        if self.serves() && !lapsed { self.director.vips.clone() } else { BTreeSet::new() }
    }
}

fn advertisement(vip: Ipv4Addr, encoding: Encoding) -> Advertisement {
    Advertisement { prefix: IpAddr::from(vip).into(), metric: VIP_METRIC, encoding, tag: 0 }
}
