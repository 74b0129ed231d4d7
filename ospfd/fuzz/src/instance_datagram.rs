//! A conversation into one instance: datagrams with time between them.
//!
//! The input is a list of records: time to let pass in units of 100 ms (one byte), flags (one byte), length of the
//! packet (two bytes), packet. The checksums of the packet and of the LSAs in it are made right first unless a flag
//! says not to, so that the fuzzer does not spend its life on them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding};
use common::ids::{IfIndex, RouterId};
use common::time::Instant;
use common::wire::{Reader, checksum};
use ospfd::core::Instance;
use ospfd::core::config::{Config, InterfaceConfig, NetworkType, RoutingConfig};
use ospfd::core::event::{LinkEvent, LinkState, RxDatagram};
use ospfd::packet::{Auth, Packet};

/// Sent to AllSPFRouters rather than to us.
const FLAG_MULTICAST: u8 = 0x01;
/// Leave the checksums as they are.
const FLAG_AS_IS: u8 = 0x02;
/// On the point-to-point link rather than on the LAN.
const FLAG_POINT_TO_POINT: u8 = 0x04;
/// From a second neighbour.
const FLAG_OTHER_SOURCE: u8 = 0x08;

const LAN: IfIndex = IfIndex(1);
const POINT_TO_POINT: IfIndex = IfIndex(2);
/// Times that the instance may want to be called at one moment.
const MOST_AT_ONCE: usize = 10;
/// More than this in one go is a storm.
const MOST_TRANSMITS: usize = 10_000;

/// Plays `input` to a fresh instance. Gives the number of datagrams that it sent.
///
/// # Panics
/// When the instance breaks a law: a packet that cannot be read, a storm, a timer that stands in the past.
pub fn run(input: &[u8]) -> usize {
    let mut now = Instant::ZERO;
    let mut instance = Instance::new(config(), 1, now);
    for (if_index, name, address) in [(LAN, "lan", "10.9.0.1/24"), (POINT_TO_POINT, "p2p", "10.8.0.1/30")] {
        let state =
            LinkState { if_index, name: name.to_owned(), up: true, address: address.parse().ok(), mtu: 1500 };
        instance.handle_link(now, LinkEvent::State(state));
    }
    let mut sent = drain(&mut instance);
    let mut reader = Reader::new(input);
    while let Some((wait, flags, mut packet)) = record(&mut reader) {
        let until = now + Duration::from_millis(u64::from(wait) * 100);
        let mut at_once = 0;
        while let Some((at, key)) = instance.poll_timeout().filter(|(at, _)| *at <= until) {
            at_once = if at > now { 0 } else { at_once + 1 };
            assert!(at_once < MOST_AT_ONCE, "{key:?} is due for ever");
            now = now.max(at);
            instance.handle_timeout(now);
            sent += drain(&mut instance);
        }
        now = until;
        if flags & FLAG_AS_IS == 0 {
            seal(&mut packet);
        }
        let (if_index, net) = match flags & FLAG_POINT_TO_POINT {
            0 => (LAN, [10, 9, 0]),
            _ => (POINT_TO_POINT, [10, 8, 0]),
        };
        let on_net = |host| Ipv4Addr::from([net[0], net[1], net[2], host]);
        let source = on_net(if flags & FLAG_OTHER_SOURCE == 0 { 2 } else { 3 });
        let multicast = flags & FLAG_MULTICAST != 0;
        let destination = if multicast { Ipv4Addr::new(224, 0, 0, 5) } else { on_net(1) };
        instance.handle_datagram(now, RxDatagram { if_index, source, destination, ttl: 1, payload: &packet });
        sent += drain(&mut instance);
    }
    // Everything that an operator can ask for must stand any database.
    let shown = (instance.interfaces(now), instance.neighbors(now), instance.database(now));
    assert!(!format!("{shown:?} {:?} {:?}", instance.advertised(now), instance.counters()).is_empty());
    sent
}

fn config() -> Config {
    let interface = |network_type| InterfaceConfig {
        network_type,
        hello_interval: Duration::from_secs(1),
        dead_interval: Duration::from_secs(4),
        ..InterfaceConfig::default()
    };
    let vip = Advertisement {
        prefix: IpAddr::from([192, 0, 2, 1]).into(),
        metric: 10,
        encoding: Encoding::Stub,
        tag: 0,
    };
    Config {
        router_id: RouterId(0x0a00_0001),
        transit: false,
        interfaces: BTreeMap::from([
            ("lan".to_owned(), interface(NetworkType::Broadcast)),
            ("p2p".to_owned(), interface(NetworkType::PointToPoint)),
        ]),
        areas: BTreeMap::new(),
        static_advertisements: vec![vip],
        routing: RoutingConfig::default(),
    }
}

fn record(reader: &mut Reader<'_>) -> Option<(u8, u8, Vec<u8>)> {
    let wait = reader.u8("wait").ok()?;
    let flags = reader.u8("flags").ok()?;
    let length = usize::from(reader.u16("length").ok()?);
    let packet = reader.bytes("packet", length.min(reader.remaining())).ok()?;
    Some((wait, flags, packet.to_vec()))
}

/// Takes out all that the instance has to say, and reads every packet of it as a neighbour would.
fn drain(instance: &mut Instance) -> usize {
    let mut sent = 0;
    while let Some(transmit) = instance.poll_transmit() {
        let decoded = Packet::decode(&transmit.payload, &Auth::Null).expect("we send well-formed packets");
        assert!(decoded.skipped.is_empty(), "we send well-formed LSAs");
        sent += 1;
        assert!(sent < MOST_TRANSMITS, "a storm");
    }
    while let Some(event) = instance.poll_event() {
        assert!(!format!("{event:?}").is_empty());
    }
    sent
}

/// Gives the packet, and the LSAs of a Link State Update, lengths and checksums that hold as far as its bytes allow.
fn seal(packet: &mut [u8]) {
    if packet.len() < 24 {
        return;
    }
    if packet[1] == 4 && packet.len() > 28 {
        seal_lsas(&mut packet[28..]);
    }
    packet[0] = 2;
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet[12..16].copy_from_slice(&[0; 4]);
    let sum = checksum::internet(&[&packet[..16], &packet[24..]]);
    packet[12..14].copy_from_slice(&sum.to_be_bytes());
}

fn seal_lsas(mut rest: &mut [u8]) {
    while rest.len() >= 20 {
        let length = usize::from(u16::from_be_bytes([rest[18], rest[19]]));
        if length < 20 || length > rest.len() {
            return;
        }
        let (lsa, tail) = rest.split_at_mut(length);
        if let Some(sum) = checksum::fletcher(&lsa[2..], 14) {
            lsa[16..18].copy_from_slice(&sum.to_be_bytes());
        }
        rest = tail;
    }
}
