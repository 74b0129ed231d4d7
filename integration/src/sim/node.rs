//! One router of a world: its engine, and the director that holds a lease of it.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding};
use common::ids::IfIndex;
use common::time::Instant;
use ospfd::core::Instance;
use ospfd::core::config::Config;
use ospfd::core::event::Groups;
use ospfd::runtime::record::{Entry, RecordedConfig, Recorder, VERSION};

use super::recording;
use super::topology::LinkId;

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
    /// The links that it is on.
    pub(super) links: Vec<LinkId>,
    /// `None` while it is down.
    pub(super) instance: Option<Instance>,
    /// When the engine wants to be called, as the world knows it.
    pub(super) due_at: Option<Instant>,
    /// Counts its starts, so that what was meant for a former life is not done to the next.
    pub(super) life: u64,
    /// Multicast groups that it asked to be in.
    pub(super) groups: BTreeMap<IfIndex, Groups>,
    /// Told to stop; it goes when it says that it is done.
    pub(super) stopping: bool,
    /// What it dropped, by reason, over all its lives.
    pub(super) drops: BTreeMap<&'static str, u64>,
    pub(super) director: Director,
    /// Takes down what the engine is given, when there is somewhere to put it.
    pub(super) recorder: Recorder,
}

/// Who holds the lease.
#[derive(Clone, Debug)]
pub(super) struct Director {
    /// What it wants advertised, and how.
    pub(super) vips: BTreeMap<Ipv4Addr, Encoding>,
    /// How it wants those that it is not told how to encode.
    pub(super) encoding: Encoding,
    /// Renews no more, while frozen.
    pub(super) frozen: bool,
    ttl: Duration,
    generation: u64,
    renewed_at: Instant,
}

impl Node {
    pub(super) fn new(config: Config, links: Vec<LinkId>, lease_ttl: Duration) -> Self {
        let director = Director {
            vips: BTreeMap::new(),
            encoding: Encoding::Stub,
            frozen: false,
            ttl: lease_ttl,
            generation: 0,
            renewed_at: Instant::ZERO,
        };
        Self {
            config,
            links,
            instance: None,
            due_at: None,
            life: 0,
            groups: BTreeMap::new(),
            stopping: false,
            drops: BTreeMap::new(),
            director,
            recorder: Recorder::default(),
        }
    }

    /// Starts the engine, and has the director take its lease.
    pub(super) fn start(&mut self, now: Instant, seed: u64) -> Result<(), String> {
        self.life += 1;
        self.groups.clear();
        self.stopping = false;
        let instance = Instance::new(self.config.clone(), seed, now);
        self.recorder.note(now, &instance, || {
            let config = RecordedConfig { toml: recording::toml(&self.config), unix_micros: 0 };
            Entry::Start { version: VERSION, seed, crypto_sequence: 0, boot_count: 0, config }
        });
        self.instance = Some(instance);
        self.director.generation = 0;
        self.director.frozen = false;
        self.set_advertised(now)
    }

    /// Takes down what the engine is given from its next start on.
    pub(super) fn record(&mut self, node: NodeId, directory: &Path) -> io::Result<()> {
        let name = format!("router-{}-life-{}.jsonl", node.0, self.life + 1);
        self.recorder = Recorder::create(&directory.join(name), recording::LIMIT)?;
        Ok(())
    }

    /// The process is gone, whatever it was doing.
    pub(super) fn stop(&mut self, now: Instant) {
        self.end_recording(now);
        self.instance = None;
        self.groups.clear();
    }

    /// Says in the recording what came out of the engine.
    pub(super) fn end_recording(&mut self, now: Instant) {
        if let Some(instance) = &self.instance {
            self.recorder.end(now, instance, false);
        }
    }

    /// Gives the engine an input, and takes it down.
    pub(super) fn feed<R>(
        &mut self,
        now: Instant,
        entry: impl FnOnce() -> Entry,
        input: impl FnOnce(&mut Instance) -> R,
    ) -> Option<R> {
        let instance = self.instance.as_mut()?;
        self.recorder.note(now, instance, entry);
        Some(input(instance))
    }

    /// Up, and not about to leave.
    pub(super) fn serves(&self) -> bool {
        self.instance.is_some() && !self.stopping
    }

    /// Hands the director's wish to the engine.
    pub(super) fn set_advertised(&mut self, now: Instant) -> Result<(), String> {
        self.director.renewed_at = now;
        let (name, ttl) = (LEASE.to_owned(), self.director.ttl);
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let open = || Entry::LeaseOpen { name, ttl_ms };
        let Some(opened) = self.feed(now, open, |instance| instance.lease_open(now, LEASE, ttl)) else {
            return Ok(());
        };
        let view = opened.map_err(|refusal| format!("the lease was refused: {refusal:?}"))?;
        self.director.generation = self.director.generation.max(view.generation) + 1;
        let generation = self.director.generation;
        let advertisements: Vec<_> =
            self.director.vips.iter().map(|(vip, encoding)| advertisement(*vip, *encoding)).collect();
        let (name, set) = (LEASE.to_owned(), advertisements.clone());
        let entry = || Entry::LeaseSet { name, generation, advertisements };
        match self.feed(now, entry, |instance| instance.lease_set(now, LEASE, generation, set)) {
            Some(Err(refusal)) => Err(format!("the set was refused: {refusal:?}")),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// Renews the lease; a lease that lapsed meanwhile is taken anew, as a director would do it.
    pub(super) fn renew(&mut self, now: Instant) -> Result<(), String> {
        if self.director.frozen {
            return Ok(());
        }
        let entry = || Entry::LeaseRenew { name: LEASE.to_owned() };
        match self.feed(now, entry, |instance| instance.lease_renew(now, LEASE)) {
            None => Ok(()),
            Some(Ok(_)) => {
                self.director.renewed_at = now;
                Ok(())
            }
            Some(Err(_)) => self.set_advertised(now),
        }
    }

    /// How often the director renews.
    pub(super) fn renew_interval(&self) -> Duration {
        self.director.ttl / 3
    }

    /// The VIPs that the network must see of this router, and how it tells of them.
    pub(super) fn advertised(&self, now: Instant) -> impl Iterator<Item = (Ipv4Addr, Encoding)> {
        let lapsed = now >= self.director.renewed_at + self.director.ttl;
        let stands = self.serves() && !lapsed;
        self.director.vips.iter().filter(move |_| stands).map(|(vip, encoding)| (*vip, *encoding))
    }
}

fn advertisement(vip: Ipv4Addr, encoding: Encoding) -> Advertisement {
    Advertisement { prefix: IpAddr::from(vip).into(), metric: VIP_METRIC, encoding, tag: 0 }
}
