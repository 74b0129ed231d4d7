//! A world, and what a test may do to its routers and links.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use common::control::ospf::Encoding;
use common::ids::AreaId;
use common::time::Instant;
use ospfd::core::Instance;
use ospfd::core::config::{AreaConfig, Config, DEFAULT_MAX_LSAS, GracefulRestartConfig, RoutingConfig};
use ospfd::core::event::{LinkEvent, LinkState};
use ospfd::runtime::record::Entry;

use super::failure::Failure;
use super::fault::Fault;
use super::liveness;
use super::node::{Node, NodeId};
use super::queue::{Action, Delivery, Queue};
use super::safety::{self, MTU, Safety};
use super::topology::{LinkId, LinkSpec, Quality, Timing, Topology};
use super::trace::Trace;

/// Routers and links in virtual time.
#[derive(Debug)]
pub struct World {
    pub(super) seed: u64,
    pub(super) now: Instant,
    pub(super) rng: fastrand::Rng,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
    pub(super) safety: Safety,
    pub(super) timing: Timing,
    /// Do routers carry traffic for each other?
    pub(super) transit: bool,
    /// Areas that are not normal ones, or have ranges.
    pub(super) areas: BTreeMap<AreaId, AreaConfig>,
    pub(super) queue: Queue,
    /// When each engine wants to be called.
    pub(super) due: BTreeSet<(Instant, NodeId)>,
    pub(super) trace: Trace,
    /// Where the inputs of each router are taken down.
    recordings: Option<PathBuf>,
    /// A bug, planted to see whether it is found.
    pub(super) fault: Option<(NodeId, Fault)>,
    /// Laws that were broken; the run ends with the first.
    pub(super) broken: Vec<String>,
    pub(super) bounds_checked_at: Instant,
    /// Forgeries were injected, so that routers may refuse what they hear.
    pub(super) tampered: bool,
    pub(super) digest: DefaultHasher,
}

/// A link as it stands.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) spec: LinkSpec,
    /// What the routers see of it.
    pub(super) carrier: bool,
    /// Loses everything while the carrier stays.
    pub(super) cut: bool,
}

impl Link {
    /// Do datagrams get through?
    pub(super) fn carries(&self) -> bool {
        self.carrier && !self.cut
    }

    pub(super) fn is_on(&self, node: NodeId) -> bool {
        self.spec.ends.iter().any(|(end, _)| *end == node)
    }
}

impl World {
    /// A world in which nothing runs yet.
    pub fn new(topology: &Topology, seed: u64) -> Self {
        let node = |index| {
            let id = NodeId(index);
            let (links, interfaces): (Vec<_>, Vec<_>) = topology.interfaces(id).unzip();
            let is_in = |area: AreaId| interfaces.iter().any(|interface| interface.area == area);
            let areas = topology.areas.iter().filter(|(area, _)| is_in(**area));
            let config = Config {
                router_id: id.router_id(),
                transit: topology.transit,
                areas: areas.map(|(area, config)| (*area, config.clone())).collect(),
                interfaces: links.iter().map(|link| link.name()).zip(interfaces).collect(),
                static_advertisements: Vec::new(),
                routing: RoutingConfig::default(),
                graceful_restart: GracefulRestartConfig::default(),
                max_lsas: DEFAULT_MAX_LSAS,
            };
            Node::new(config, links, topology.timing.lease_ttl)
        };
        Self {
            seed,
            now: Instant::ZERO,
            rng: fastrand::Rng::with_seed(seed),
            nodes: (0..topology.routers).map(node).collect(),
            links: topology
                .links
                .iter()
                .map(|spec| Link { spec: spec.clone(), carrier: true, cut: false })
                .collect(),
            safety: Safety::default(),
            timing: topology.timing,
            transit: topology.transit,
            areas: topology.areas.clone(),
            queue: Queue::default(),
            due: BTreeSet::new(),
            trace: Trace::default(),
            recordings: None,
            fault: None,
            broken: Vec::new(),
            bounds_checked_at: Instant::ZERO,
            tampered: false,
            digest: DefaultHasher::new(),
        }
    }

    /// Says by which seed a failure of this run is to be told, when it is not the world's own.
    pub fn name(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Writes all that happens into `directory`: `trace.txt`, and a recording of each life of each router.
    pub fn write_down(&mut self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        self.trace.write_to(File::create(directory.join("trace.txt"))?);
        self.recordings = Some(directory.to_owned());
        Ok(())
    }

    /// Plants a bug in a router.
    pub fn plant(&mut self, node: NodeId, fault: Fault) {
        self.fault = Some((node, fault));
    }

    /// Starts every router.
    pub fn start_all(&mut self) {
        for index in 0..self.nodes.len() {
            self.start(NodeId(index));
        }
    }

    /// Starts a router that is down, and its director, which wants what it wanted before.
    pub fn start(&mut self, node: NodeId) {
        if self.nodes[node.0].instance.is_some() {
            return;
        }
        self.trace.done(self.now, format_args!("{node:?} starts"));
        self.safety.on_start(node);
        let seed = self.rng.u64(..);
        if let Some(directory) = &self.recordings
            && let Err(error) = self.nodes[node.0].record(node, directory)
        {
            self.broken.push(format!("{node:?} cannot be recorded: {error}"));
        }
        if let Err(broken) = self.nodes[node.0].start(self.now, seed) {
            self.broken.push(format!("{node:?}: {broken}"));
        }
        for index in 0..self.nodes[node.0].links.len() {
            self.report_link(node, self.nodes[node.0].links[index]);
        }
        self.schedule_renewal(node);
        self.drain(node);
    }

    /// The router is gone at once.
    pub fn crash(&mut self, node: NodeId) {
        self.trace.done(self.now, format_args!("{node:?} crashes"));
        self.nodes[node.0].stop(self.now);
        self.drain(node);
    }

    /// The router flushes its LSAs and leaves.
    pub fn shut_down(&mut self, node: NodeId) {
        self.trace.done(self.now, format_args!("{node:?} shuts down"));
        let deadline = self.now + Duration::from_secs(20);
        let now = self.now;
        let router = &mut self.nodes[node.0];
        let entry = || Entry::Shutdown { deadline: deadline.as_micros() };
        router.stopping = router.feed(now, entry, |instance| instance.shutdown(now, deadline)).is_some();
        self.drain(node);
    }

    /// Makes the router's director want its VIPs encoded so from now on.
    pub fn encode(&mut self, node: NodeId, encoding: Encoding) {
        self.trace.done(self.now, format_args!("{node:?} encodes its VIPs as {}", encoding.as_str()));
        let director = &mut self.nodes[node.0].director;
        director.encoding = encoding;
        director.vips.values_mut().for_each(|own| *own = encoding);
        self.apply_vips(node);
    }

    /// Adds a VIP to what the router's director wants advertised, as a stub link unless it encodes them otherwise.
    pub fn advertise(&mut self, node: NodeId, vip: Ipv4Addr) {
        self.advertise_as(node, vip, self.nodes[node.0].director.encoding);
    }

    /// Adds a VIP in an encoding, or changes it to that.
    pub fn advertise_as(&mut self, node: NodeId, vip: Ipv4Addr, encoding: Encoding) {
        self.trace.done(self.now, format_args!("{node:?} advertises {vip} as {}", encoding.as_str()));
        self.nodes[node.0].director.vips.insert(vip, encoding);
        self.apply_vips(node);
    }

    /// Takes a VIP out.
    pub fn withdraw(&mut self, node: NodeId, vip: Ipv4Addr) {
        self.trace.done(self.now, format_args!("{node:?} withdraws {vip}"));
        self.nodes[node.0].director.vips.remove(&vip);
        self.apply_vips(node);
    }

    /// The director stops renewing its lease, or goes on with it.
    pub fn freeze_director(&mut self, node: NodeId, frozen: bool) {
        self.trace.done(self.now, format_args!("{node:?}: director frozen: {frozen}"));
        self.nodes[node.0].director.frozen = frozen;
        if !frozen {
            self.renew(node);
        }
    }

    /// Takes a link's carrier away, or gives it back; the routers see it.
    pub fn set_carrier(&mut self, link: LinkId, carrier: bool) {
        self.trace.done(self.now, format_args!("{}: carrier {carrier}", link.name()));
        self.links[link.0].carrier = carrier;
        for place in 0..self.links[link.0].spec.ends.len() {
            let (node, _) = self.links[link.0].spec.ends[place];
            self.report_link(node, link);
            self.drain(node);
        }
    }

    /// Makes a link lose everything, or no more; the routers do not see it.
    pub fn set_cut(&mut self, link: LinkId, cut: bool) {
        self.trace.done(self.now, format_args!("{}: cut {cut}", link.name()));
        self.links[link.0].cut = cut;
    }

    /// Changes what a link does to datagrams.
    pub fn set_quality(&mut self, link: LinkId, quality: Quality) {
        self.trace.done(self.now, format_args!("{}: {quality:?}", link.name()));
        self.links[link.0].spec.quality = quality;
    }

    /// Lets `to` hear a datagram on a link as if `from` had sent it. From now on refusals are no failures.
    pub fn inject(&mut self, link: LinkId, from: NodeId, to: NodeId, payload: Bytes) {
        self.trace.done(self.now, format_args!("{to:?} hears a forgery in the name of {from:?}"));
        self.tampered = true;
        let spec = &self.links[link.0].spec;
        let ends = (spec.address(link, from), spec.address(link, to));
        let (Some(source), Some(destination)) = ends else {
            self.broken.push(format!("{from:?} and {to:?} are not on {}", link.name()));
            return;
        };
        let flooded = safety::flooded_in(&payload);
        let (source, destination) = (source.ip(), destination.ip());
        let delivery = Delivery { to, if_index: link.if_index(), source, destination, payload, flooded };
        self.queue.push(self.now, Action::Deliver(delivery));
    }

    /// What keeps the world from being converged now.
    pub fn missing(&self) -> Vec<String> {
        liveness::missing(self)
    }

    /// Fails, with everything that happened, when `claim` does not hold.
    pub fn claim(&mut self, claim: bool, what: &str) -> Result<(), Failure> {
        if !claim {
            self.broken.push(what.to_owned());
        }
        self.verdict()
    }

    /// A digest of all that was sent, when, and by whom.
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The engine of a router that is up.
    pub fn instance(&self, node: NodeId) -> Option<&Instance> {
        self.nodes[node.0].instance.as_ref()
    }

    /// Routers that are up and not about to leave.
    pub fn live(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len()).map(NodeId).filter(|node| self.nodes[node.0].serves())
    }

    /// Are AS-external-LSAs flooded in the area?
    pub(super) fn takes_externals(&self, area: AreaId) -> bool {
        self.areas.get(&area).is_none_or(|config| config.kind.takes_externals())
    }

    /// What a router dropped, by reason, over all its lives.
    pub fn drops(&self, node: NodeId) -> &BTreeMap<&'static str, u64> {
        &self.nodes[node.0].drops
    }

    fn report_link(&mut self, node: NodeId, id: LinkId) {
        let link = &self.links[id.0];
        let state = LinkState {
            if_index: id.if_index(),
            name: id.name(),
            up: link.carrier,
            address: link.spec.address(id, node),
            mtu: MTU,
        };
        let (now, event) = (self.now, LinkEvent::State(state));
        let given = event.clone();
        self.nodes[node.0].feed(now, || Entry::Link { event }, |instance| instance.handle_link(now, given));
    }

    fn apply_vips(&mut self, node: NodeId) {
        if let Err(broken) = self.nodes[node.0].set_advertised(self.now) {
            self.broken.push(format!("{node:?}: {broken}"));
        }
        self.drain(node);
    }

    pub(super) fn renew(&mut self, node: NodeId) {
        if let Err(broken) = self.nodes[node.0].renew(self.now) {
            self.broken.push(format!("{node:?}: {broken}"));
        }
        self.drain(node);
    }

    pub(super) fn schedule_renewal(&mut self, node: NodeId) {
        let router = &self.nodes[node.0];
        let at = self.now + router.renew_interval();
        self.queue.push(at, Action::Renew { node, life: router.life });
    }
}
