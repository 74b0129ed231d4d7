//! A network of instances: what one sends, the others get, unless the script takes it away.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::{Advertisement, LsaView, NeighborView};
use common::ids::{AreaId, IfIndex, RouterId};
use common::time::Instant;
use ipnetwork::Ipv4Network;

use crate::core::Instance;
use crate::core::config::{
    AuthConfig, Config, DEFAULT_MAX_LSAS, GracefulRestartConfig, InterfaceConfig, NetworkType, RoutingConfig,
};
use crate::core::event::{Event, LinkEvent, LinkState, RxDatagram, Transmit};
use crate::core::output::{ALL_D_ROUTERS, ALL_SPF_ROUTERS};
use crate::packet::{Auth, Body, Packet};

/// The only interface of each node.
pub(super) const ETH0: IfIndex = IfIndex(2);
/// The only area.
pub(super) const AREA: AreaId = AreaId(0);
/// How long a datagram is under way.
const LATENCY: Duration = Duration::from_micros(200);

/// Says whether a datagram from node `usize` gets through.
pub(super) type Filter = Box<dyn FnMut(usize, &Body) -> bool>;

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Instance>,
    pub(super) events: Vec<Vec<Event>>,
    /// All that was sent: when, by whom, what.
    pub(super) sent: Vec<(Instant, usize, Ipv4Addr, Body)>,
    /// The same, as bytes.
    pub(super) payloads: Vec<bytes::Bytes>,
    pub(super) filter: Filter,
    /// Nodes below this one and the others do not reach each other.
    pub(super) cut: Option<usize>,
    /// Everything arrives this many times.
    pub(super) copies: usize,
    flying: VecDeque<(Instant, usize, Transmit)>,
    /// What each node's packets are read back with.
    pub(super) auths: Vec<AuthConfig>,
}

pub(super) fn interface_config(network_type: NetworkType) -> InterfaceConfig {
    InterfaceConfig {
        area: AREA,
        network_type,
        hello_interval: Duration::from_secs(1),
        dead_interval: Duration::from_secs(4),
        ..InterfaceConfig::default()
    }
}

pub(super) fn config(node: usize, network_type: NetworkType) -> Config {
    Config {
        router_id: router_id(node),
        transit: true,
        interfaces: BTreeMap::from([("eth0".to_owned(), interface_config(network_type))]),
        areas: BTreeMap::new(),
        static_advertisements: Vec::new(),
        routing: RoutingConfig::default(),
        graceful_restart: GracefulRestartConfig::default(),
        max_lsas: DEFAULT_MAX_LSAS,
    }
}

pub(super) fn router_id(node: usize) -> RouterId {
    RouterId(0x0a00_0000 + u32::try_from(node).unwrap() + 1)
}

pub(super) fn address(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, u8::try_from(node).unwrap() + 1)
}

pub(super) fn link(node: usize, up: bool) -> LinkEvent {
    LinkEvent::State(LinkState {
        if_index: ETH0,
        name: "eth0".to_owned(),
        up,
        address: Some(Ipv4Network::new(address(node), 24).unwrap()),
        mtu: 1500,
    })
}

pub(super) fn vip(last: u8, metric: u16) -> Advertisement {
    Advertisement {
        prefix: format!("203.0.113.{last}/32").parse().unwrap(),
        metric,
        encoding: common::control::ospf::Encoding::Stub,
        tag: 0,
    }
}

/// What was raised must be a counter that is told of from the start.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let known: BTreeSet<_> = Instance::counter_names().chain(["lsas".to_owned()]).collect();
        for counter in self.nodes.iter().flat_map(Instance::counters) {
            assert!(known.contains(&counter.name), "{} is missing in `drops::known`", counter.name);
        }
    }
}

impl World {
    /// Nodes with the given configurations; links come up at time 1 s.
    pub(super) fn new(configs: Vec<Config>) -> Self {
        let now = Instant::from_micros(1_000_000);
        let mut world = Self {
            now,
            auths: configs.iter().map(|config| config.interfaces["eth0"].auth.clone()).collect(),
            events: configs.iter().map(|_| Vec::new()).collect(),
            nodes: configs
                .into_iter()
                .enumerate()
                .map(|(node, config)| Instance::new(config, node as u64 + 7, now))
                .collect(),
            sent: Vec::new(),
            payloads: Vec::new(),
            filter: Box::new(|_, _| true),
            cut: None,
            copies: 1,
            flying: VecDeque::new(),
        };
        for node in 0..world.nodes.len() {
            world.nodes[node].handle_link(now, link(node, true));
        }
        world.collect();
        world
    }

    /// `count` nodes on a network of `network_type`.
    pub(super) fn of(network_type: NetworkType, count: usize) -> Self {
        Self::new((0..count).map(|node| config(node, network_type)).collect())
    }

    /// Two nodes, point-to-point, Full.
    pub(super) fn full_pair() -> Self {
        let mut world = Self::of(NetworkType::PointToPoint, 2);
        world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
        world.run(Duration::from_secs(3));
        world
    }

    /// Runs for `span`.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.collect();
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            self.step(at);
        }
        self.now = end;
    }

    /// Runs until `done`, an hour at most.
    pub(super) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(3600);
        self.collect();
        while !done(self) {
            let at = self.next_at().filter(|at| *at <= end);
            let at = at.unwrap_or_else(|| panic!("not within an hour: {what}\n{}", self.describe()));
            self.step(at);
        }
    }

    /// Takes outputs after a command was given to a node directly.
    pub(super) fn collect(&mut self) {
        for node in 0..self.nodes.len() {
            while let Some(transmit) = self.nodes[node].poll_transmit() {
                let (decoded, _) = self.auths[node]
                    .expecting(self.now, transmit.source, |expected| {
                        Packet::decode_expecting(&transmit.payload, expected)
                    })
                    .expect("we send what we can read");
                let body = decoded.packet.body;
                let passes = (self.filter)(node, &body);
                self.sent.push((self.now, node, transmit.destination, body));
                self.payloads.push(transmit.payload.clone());
                for _ in 0..if passes { self.copies } else { 0 } {
                    self.flying.push_back((self.now + LATENCY, node, transmit.clone()));
                }
            }
            while let Some(event) = self.nodes[node].poll_event() {
                self.events[node].push(event);
            }
        }
    }

    fn next_at(&self) -> Option<Instant> {
        let timers = self.nodes.iter().filter_map(|node| node.poll_timeout().map(|(at, _)| at));
        timers.chain(self.flying.front().map(|(at, ..)| *at)).min()
    }

    fn step(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let now = self.now;
        while self.flying.front().is_some_and(|(due, ..)| *due <= now) {
            let Some((_, from, transmit)) = self.flying.pop_front() else { break };
            for node in (0..self.nodes.len()).filter(|node| *node != from) {
                let group = [ALL_SPF_ROUTERS, ALL_D_ROUTERS].contains(&transmit.destination);
                let apart = self.cut.is_some_and(|cut| (from < cut) != (node < cut));
                if !apart && (group || transmit.destination == address(node)) {
                    self.nodes[node].handle_datagram(
                        now,
                        RxDatagram {
                            if_index: ETH0,
                            source: transmit.source,
                            destination: transmit.destination,
                            ttl: transmit.ttl,
                            payload: &transmit.payload,
                        },
                    );
                }
            }
        }
        for node in &mut self.nodes {
            if node.poll_timeout().is_some_and(|(due, _)| due <= now) {
                node.handle_timeout(now);
            }
        }
        self.collect();
    }

    /// A packet that node `from` never made reaches node `to`.
    pub(super) fn inject(&mut self, from: usize, to: usize, body: Body) {
        self.inject_from(from, address(from), to, body);
    }

    /// The same, with an address of the script's choice.
    pub(super) fn inject_from(&mut self, from: usize, source: Ipv4Addr, to: usize, body: Body) {
        let payload = Packet { router_id: router_id(from), area_id: AREA, body }
            .encode(&Auth::Null)
            .expect("small enough");
        let rx =
            RxDatagram { if_index: ETH0, source, destination: ALL_SPF_ROUTERS, ttl: 1, payload: &payload };
        self.nodes[to].handle_datagram(self.now, rx);
        self.collect();
    }

    /// Bodies that `node` has sent since `mark`, a length of `sent`.
    pub(super) fn sent_since(&self, mark: usize, node: usize) -> Vec<&Body> {
        self.sent[mark..].iter().filter(|(_, from, ..)| *from == node).map(|(.., body)| body).collect()
    }

    /// Node `at`'s view of node `of`.
    pub(super) fn neighbor(&self, at: usize, of: usize) -> Option<NeighborView> {
        self.nodes[at]
            .neighbors(self.now)
            .into_iter()
            .find(|neighbor| neighbor.neighbor_router_id == router_id(of))
    }

    pub(super) fn is_full(&self, at: usize, of: usize) -> bool {
        self.neighbor(at, of).is_some_and(|neighbor| neighbor.nbr_state == "Full")
    }

    pub(super) fn state(&self, node: usize) -> String {
        self.nodes[node].interfaces(self.now)[0].state.clone()
    }

    pub(super) fn agrees(&self) -> bool {
        self.nodes.windows(2).all(|pair| pair[0].digest(AREA) == pair[1].digest(AREA))
    }

    /// The Router-LSA of node `of` in the database of node `at`.
    pub(super) fn router_lsa(&self, at: usize, of: usize) -> Option<LsaView> {
        self.nodes[at]
            .database(self.now)
            .into_iter()
            .find(|lsa| lsa.lsa_type == "router" && lsa.advertised_router == router_id(of))
    }

    pub(super) fn has_line(&self, at: usize, of: usize, line: &str) -> bool {
        self.router_lsa(at, of).is_some_and(|lsa| lsa.detail.iter().any(|found| found == line))
    }

    pub(super) fn counter(&self, node: usize, name: &str) -> u64 {
        self.nodes[node].counters().into_iter().find(|counter| counter.name == name).map_or(0, |c| c.value)
    }

    /// Moments at which `node` sent an update with its own Router-LSA.
    pub(super) fn router_lsa_sent(&self, node: usize) -> Vec<Instant> {
        self.sent
            .iter()
            .filter(|(_, from, _, body)| {
                *from == node
                    && matches!(body, Body::LinkStateUpdate(lsas) if lsas.iter().any(|lsa| {
                        lsa.header.key.advertising_router == router_id(node)
                    }))
            })
            .map(|(at, ..)| *at)
            .collect()
    }

    pub(super) fn describe(&self) -> String {
        let mut text = format!("at {}\n", self.now);
        for (index, node) in self.nodes.iter().enumerate() {
            text += &format!(
                "node {index}: {} {:#?}\n{:#?}\n",
                self.state(index),
                node.neighbors(self.now),
                node.counters()
            );
        }
        text
    }
}
