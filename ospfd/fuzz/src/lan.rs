//! The instance under test, and on its LAN a neighbour that keeps the rules: another instance.
//!
//! The neighbour speaks without authentication. What passes between the two is read and sealed again, so that there is one
//! row of cryptographic sequence numbers for what the neighbour says and what is said in its name.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding};
use common::ids::{AreaId, IfIndex, RouterId};
use common::time::Instant;
use ospfd::core::Instance;
use ospfd::core::config::{
    AreaConfig, AreaKind, AuthConfig, Config, DEFAULT_MAX_LSAS, GracefulRestartConfig, InterfaceConfig, Key,
    KeyChain, Lifetime, NetworkType, NssaConfig, Password, RoutingConfig, SequenceRule,
};
use ospfd::core::event::{Event, LinkEvent, LinkState, RxDatagram, Transmit};
use ospfd::packet::{Algorithm, Auth, CryptoKey, Packet};

/// The interface to the LAN.
pub const LAN: IfIndex = IfIndex(1);
/// The interface to a point-to-point link, where only the input speaks.
pub const POINT_TO_POINT: IfIndex = IfIndex(2);
/// The instance under test.
pub const SUBJECT: RouterId = RouterId(0x0a00_0001);
/// The neighbour that keeps the rules.
pub const NEIGHBOR: RouterId = RouterId(0x0a00_0002);

const BACKBONE: AreaId = AreaId(0);
const STUB_AREA: AreaId = AreaId(1);
const NSSA: AreaId = AreaId(2);
const SECRET: [u8; 8] = *b"hostile\0";
const NEIGHBOR_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
/// Times that an instance may want to be called at one moment.
const MOST_AT_ONCE: usize = 10;
/// More datagrams than this at one moment are a storm.
const MOST_TRANSMITS: usize = 10_000;
/// Neighbours on one interface.
const MOST_NEIGHBORS: usize = 350;
/// How long two that keep the rules may take to be Full, whatever has happened.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the instance is configured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Authentication on the LAN: an index into null, simple, and the cryptographic algorithms; the last is strict MD5.
    pub auth: u8,
    /// With an HMAC: are sequence numbers those of RFC 7474?
    pub extended: bool,
    /// Is there a neighbour that keeps the rules?
    pub neighbor: bool,
    /// The LAN's area. The instance is a border router where it is not the backbone.
    pub area: Area,
}

/// Areas that the LAN can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The backbone.
    Backbone,
    /// A stub area.
    Stub,
    /// A not-so-stubby area, of which the instance may be the translator.
    Nssa,
}

impl Profile {
    /// From one byte, as [`Profile::byte`] gives it.
    pub const fn of(byte: u8) -> Self {
        let [alone, stub, extended, nssa] = [byte & 0x08, byte & 0x10, byte & 0x20, byte & 0x40];
        let area = match (nssa != 0, stub != 0) {
            (true, _) => Area::Nssa,
            (false, true) => Area::Stub,
            (false, false) => Area::Backbone,
        };
        Self { auth: byte & 7, neighbor: alone == 0, area, extended: extended != 0 }
    }

    /// As one byte.
    pub const fn byte(self) -> u8 {
        let alone = if self.neighbor { 0 } else { 0x08 };
        let area = match self.area {
            Area::Backbone => 0,
            Area::Stub => 0x10,
            Area::Nssa => 0x40,
        };
        let extended = if self.extended { 0x20 } else { 0 };
        (self.auth & 7) | alone | area | extended
    }

    fn algorithm(self) -> Option<Algorithm> {
        let index = usize::from(self.auth).checked_sub(2)?;
        Some(Algorithm::ALL.get(index).copied().unwrap_or(Algorithm::Md5))
    }

    fn key(self) -> Option<Arc<CryptoKey>> {
        CryptoKey::new(1, self.algorithm()?, &SECRET).map(Arc::new)
    }

    const fn sequence_rule(self) -> SequenceRule {
        match self.auth {
            7 => SequenceRule::Strict,
            3..=6 if self.extended => SequenceRule::Extended,
            _ => SequenceRule::Repeating,
        }
    }

    fn auth_config(self) -> AuthConfig {
        let of_key = |key| {
            let always = Lifetime::default();
            let chain = KeyChain::new(vec![Key { key, send: always, accept: always }]);
            AuthConfig::Keys { chain: Arc::new(chain), sequence: self.sequence_rule() }
        };
        match self.auth {
            0 => AuthConfig::Null,
            1 => AuthConfig::Simple(Password(SECRET)),
            _ => self.key().map_or(AuthConfig::Null, of_key),
        }
    }

    /// How a packet with sequence number `sequence` from `source` is authenticated on the LAN.
    pub fn auth(self, sequence: u32, source: Ipv4Addr) -> Auth {
        let of_key = |key| match self.sequence_rule() {
            SequenceRule::Repeating | SequenceRule::Strict => Auth::Crypto(key, sequence),
            SequenceRule::Extended => Auth::Extended(key, sequence.into(), source),
        };
        match self.auth {
            0 => Auth::Null,
            1 => Auth::Simple(SECRET),
            _ => self.key().map_or(Auth::Null, of_key),
        }
    }

    /// The area of the LAN.
    pub const fn area(self) -> AreaId {
        match self.area {
            Area::Backbone => BACKBONE,
            Area::Stub => STUB_AREA,
            Area::Nssa => NSSA,
        }
    }
}

/// The two instances and the moment.
#[derive(Debug)]
pub struct Lan {
    profile: Profile,
    now: Instant,
    subject: Instance,
    neighbor: Option<Instance>,
    /// The last cryptographic sequence number that the instance under test was given.
    sequence: u32,
    /// Bytes that it was given.
    heard: usize,
    /// Packets that it has sent.
    sent: usize,
    listener: fn(&Event),
}

impl Lan {
    /// Instances that have just started, or, with a neighbour, are Full. `listener` hears what the one under test tells.
    ///
    /// # Panics
    /// When they do not get there.
    pub fn new(profile: Profile, listener: fn(&Event)) -> Self {
        let now = Instant::ZERO;
        let mut subject = Instance::new(config(SUBJECT, profile, profile.auth_config()), 1, now);
        subject.handle_link(now, link(LAN, "lan", "10.9.0.1/24"));
        subject.handle_link(now, link(POINT_TO_POINT, "p2p", "10.8.0.1/30"));
        let neighbor = profile.neighbor.then(|| {
            let mut neighbor = Instance::new(config(NEIGHBOR, profile, AuthConfig::Null), 2, now);
            neighbor.handle_link(now, link(LAN, "lan", "10.9.0.2/24"));
            neighbor
        });
        let mut lan = Self { profile, now, subject, neighbor, sequence: 0, heard: 0, sent: 0, listener };
        lan.exchange();
        lan.await_full();
        lan
    }

    /// Packets that the instance under test has sent.
    pub const fn sent(&self) -> usize {
        self.sent
    }

    /// The instance under test.
    pub const fn subject(&self) -> &Instance {
        &self.subject
    }

    /// The moment.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The next cryptographic sequence number of the neighbour.
    pub const fn next_sequence(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    /// Lets time pass.
    ///
    /// # Panics
    /// When a timer stands in the past for ever, or packets breed packets.
    pub fn advance(&mut self, span: Duration) {
        let until = self.now + span;
        let mut at_once = 0;
        while let Some(at) = self.deadline().filter(|at| *at <= until) {
            at_once = if at > self.now { 0 } else { at_once + 1 };
            assert!(at_once < MOST_AT_ONCE, "{:?} is due for ever", self.subject.poll_timeout());
            self.now = self.now.max(at);
            for instance in [Some(&mut self.subject), self.neighbor.as_mut()].into_iter().flatten() {
                if instance.poll_timeout().is_some_and(|(due, _)| due <= self.now) {
                    instance.handle_timeout(self.now);
                }
            }
            self.exchange();
        }
        self.now = until;
    }

    fn deadline(&self) -> Option<Instant> {
        let of = |instance: &Instance| instance.poll_timeout().map(|(at, _)| at);
        [of(&self.subject), self.neighbor.as_ref().and_then(of)].into_iter().flatten().min()
    }

    /// Gives the instance under test a datagram, and both what follows from it.
    ///
    /// # Panics
    /// As [`Lan::advance`], and when more is kept than was given.
    pub fn hear(&mut self, rx: RxDatagram<'_>) {
        self.heard += rx.payload.len();
        self.subject.handle_datagram(self.now, rx);
        self.exchange();
        self.check_bounds();
    }

    /// Takes what both have to say to one another until they fall silent.
    fn exchange(&mut self) {
        let start = self.sent;
        loop {
            let before = self.sent;
            while let Some(transmit) = self.subject.poll_transmit() {
                self.pass_on(&transmit);
                assert!(self.sent - start < MOST_TRANSMITS, "a storm");
            }
            while let Some(event) = self.subject.poll_event() {
                (self.listener)(&event);
            }
            while let Some(transmit) = self.neighbor.as_mut().and_then(Instance::poll_transmit) {
                self.pass_back(&transmit);
            }
            if self.sent == before {
                break;
            }
        }
        while self.neighbor.as_mut().and_then(Instance::poll_event).is_some() {}
    }

    /// Reads what the instance under test has sent, and gives it to the neighbour.
    fn pass_on(&mut self, transmit: &Transmit) {
        self.sent += 1;
        let auth = if transmit.if_index == LAN { self.profile.auth(0, transmit.source) } else { Auth::Null };
        let decoded = Packet::decode(&transmit.payload, &auth).expect("we send well-formed packets");
        assert!(decoded.skipped.is_empty(), "we send well-formed LSAs");
        let Some(neighbor) = self.neighbor.as_mut().filter(|_| transmit.if_index == LAN) else { return };
        if transmit.destination.is_multicast() || transmit.destination == NEIGHBOR_ADDRESS {
            let payload = decoded.packet.encode(&Auth::Null).expect("it was a packet");
            neighbor.handle_datagram(self.now, received(transmit, &payload));
        }
    }

    fn pass_back(&mut self, transmit: &Transmit) {
        let auth = self.profile.auth(self.next_sequence(), transmit.source);
        let decoded = Packet::decode(&transmit.payload, &Auth::Null).expect("we send well-formed packets");
        let payload = decoded.packet.encode(&auth).expect("it was a packet");
        self.heard += payload.len();
        self.subject.handle_datagram(self.now, received(transmit, &payload));
        // Counted with the others: two who only talk to each other are a storm as well.
        self.sent += 1;
    }

    /// Nothing is kept that was not said: memory is bounded by what came in.
    fn check_bounds(&self) {
        let counters = self.subject.counters();
        let lsas = counters.iter().find(|counter| counter.name == "lsas").map_or(0, |counter| counter.value);
        // A Router-LSA's link takes 12 bytes, and may become a summary in the other area.
        let most = self.heard / 12 + 64;
        assert!(lsas <= most as u64, "{lsas} LSAs of {} bytes", self.heard);
        let neighbors = self.subject.neighbors(self.now);
        assert!(neighbors.len() <= 2 * MOST_NEIGHBORS);
        for neighbor in neighbors {
            assert!(neighbor.link_state_request_list_counter as usize <= self.heard / 20);
            assert!(u64::from(neighbor.link_state_retransmission_list_counter) <= lsas);
        }
    }

    /// Waits until the two that keep the rules are Full, if there are two.
    ///
    /// # Panics
    /// When they do not get there.
    pub fn await_full(&mut self) {
        let deadline = self.now + PATIENCE;
        while self.neighbor.is_some() && !self.is_full() {
            let next = self.deadline().expect("an instance that runs has timers");
            assert!(next <= deadline, "not Full: {:?}", self.subject.neighbors(self.now));
            self.advance(next.since(self.now));
        }
    }

    fn is_full(&self) -> bool {
        let sees = |instance: &Instance, router_id| {
            let neighbors = instance.neighbors(self.now);
            neighbors.iter().any(|one| one.neighbor_router_id == router_id && one.nbr_state == "Full")
        };
        let neighbor = self.neighbor.as_ref();
        sees(&self.subject, NEIGHBOR) && neighbor.is_some_and(|neighbor| sees(neighbor, SUBJECT))
    }
}

const fn received<'a>(transmit: &Transmit, payload: &'a [u8]) -> RxDatagram<'a> {
    let Transmit { source, destination, ttl, .. } = *transmit;
    RxDatagram { if_index: LAN, source, destination, ttl, payload }
}

fn link(if_index: IfIndex, name: &str, address: &str) -> LinkEvent {
    let address = address.parse().ok();
    LinkEvent::State(LinkState { if_index, name: name.to_owned(), up: true, address, mtu: 1500 })
}

fn config(router_id: RouterId, profile: Profile, auth: AuthConfig) -> Config {
    let interface = |network_type, area, auth| InterfaceConfig {
        area,
        network_type,
        auth,
        hello_interval: Duration::from_secs(1),
        dead_interval: Duration::from_secs(4),
        ..InterfaceConfig::default()
    };
    let vip = |last, encoding| Advertisement {
        prefix: IpAddr::from([192, 0, 2, last]).into(),
        metric: 10,
        encoding,
        tag: 0,
    };
    let stub =
        AreaConfig { kind: AreaKind::Stub { default_cost: 1, summaries: true }, ..AreaConfig::default() };
    let nssa = AreaConfig { kind: AreaKind::Nssa(NssaConfig::default()), ..AreaConfig::default() };
    Config {
        router_id,
        transit: true,
        interfaces: BTreeMap::from([
            ("lan".to_owned(), interface(NetworkType::Broadcast, profile.area(), auth)),
            ("p2p".to_owned(), interface(NetworkType::PointToPoint, BACKBONE, AuthConfig::Null)),
        ]),
        areas: BTreeMap::from([(STUB_AREA, stub), (NSSA, nssa)]),
        static_advertisements: vec![vip(1, Encoding::Stub), vip(2, Encoding::External2)],
        routing: RoutingConfig::default(),
        graceful_restart: GracefulRestartConfig::default(),
        max_lsas: DEFAULT_MAX_LSAS,
    }
}
