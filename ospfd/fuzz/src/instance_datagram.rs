//! A conversation into one instance: datagrams with time between them.
//!
//! The first byte of the input is a [`Profile`]. Then come records: time to let pass in units of 100 ms (one byte), flags
//! (one byte), length of the packet (two bytes), packet. What the flags do not exempt is made right first, checksums and
//! authentication included, so that the fuzzer does not spend its life on them.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::CounterView;
use common::wire::{Reader, checksum};
use ospfd::core::event::{Event, RxDatagram};
use ospfd::packet::{Auth, sealed};

use crate::lan::{LAN, Lan, NEIGHBOR, POINT_TO_POINT, Profile};

/// Sent to AllSPFRouters rather than to us.
pub const FLAG_MULTICAST: u8 = 0x01;
/// On the point-to-point link rather than on the LAN.
pub const FLAG_POINT_TO_POINT: u8 = 0x02;
/// From a second neighbour.
pub const FLAG_OTHER_SOURCE: u8 = 0x04;
/// The body is not made right: lengths, count and checksums of LSAs stay.
pub const FLAG_KEEP_BODY: u8 = 0x10;
/// Nor is the header: version, Router ID and area stay.
pub const FLAG_KEEP_HEADER: u8 = 0x20;
/// The packet stays as it is, neither length nor checksum nor authentication are made right.
pub const FLAG_AS_IS: u8 = 0x30;

/// What an instance has come to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Packets that it has sent.
    pub sent: usize,
    /// Its counters.
    pub counters: Vec<CounterView>,
    /// Its LSAs: type and Link State ID.
    pub lsas: Vec<(String, String)>,
    /// States of its neighbours.
    pub neighbors: Vec<String>,
}

/// Plays `input` to a fresh instance; what it tells goes to `listener`. Afterwards the neighbour that keeps the rules, if there
/// is one, is Full, again or still.
///
/// # Panics
/// When the instance breaks a law: a packet that cannot be read, a storm, a timer that stands in the past, memory that grows.
pub fn run(input: &[u8], listener: fn(&Event)) -> Report {
    let (profile, records) = input.split_first().map_or((0, input), |(first, rest)| (*first, rest));
    let profile = Profile::of(profile);
    let mut lan = Lan::new(profile, listener);
    let mut reader = Reader::new(records);
    while let Some((wait, flags, packet)) = record(&mut reader) {
        lan.advance(Duration::from_millis(u64::from(wait) * 100));
        say(&mut lan, profile, flags, packet);
    }
    if profile.neighbor {
        // Whoever else has spoken is dead by then.
        lan.advance(Duration::from_secs(5));
        lan.await_full();
    }
    report(&lan)
}

/// Shows all that the instance tells, as a log on its finest level does.
pub fn show(event: &Event) {
    assert!(!format!("{event:?}").is_empty());
}

fn say(lan: &mut Lan, profile: Profile, flags: u8, mut packet: Vec<u8>) {
    let on_link = flags & FLAG_POINT_TO_POINT != 0;
    let (if_index, net) = if on_link { (POINT_TO_POINT, [10, 8, 0]) } else { (LAN, [10, 9, 0]) };
    let other = u8::from(flags & FLAG_OTHER_SOURCE != 0);
    let on_net = |host| Ipv4Addr::from([net[0], net[1], net[2], host]);
    let kept = flags & FLAG_AS_IS;
    if packet.len() >= 24 && kept != FLAG_AS_IS {
        if kept == 0 {
            repair_body(&mut packet);
        }
        if kept != FLAG_KEEP_HEADER {
            packet[0] = 2;
            packet[4..8].copy_from_slice(&(NEIGHBOR.0 + u32::from(other)).to_be_bytes());
            let area = if on_link { 0 } else { profile.area().0 };
            packet[8..12].copy_from_slice(&area.to_be_bytes());
        }
        let auth = if on_link { Auth::Null } else { profile.auth(lan.next_sequence(), on_net(2 + other)) };
        if let Some(sealed) = sealed(&packet, &auth) {
            packet = sealed.to_vec();
        }
    }
    let multicast = flags & FLAG_MULTICAST != 0;
    lan.hear(RxDatagram {
        if_index,
        source: on_net(2 + other),
        destination: if multicast { Ipv4Addr::new(224, 0, 0, 5) } else { on_net(1) },
        ttl: 1,
        payload: &packet,
    });
}

/// Everything that an operator can ask for must stand any database.
fn report(lan: &Lan) -> Report {
    let (instance, now) = (lan.subject(), lan.now());
    let (neighbors, database) = (instance.neighbors(now), instance.database(now));
    let shown = (instance.interfaces(now), &neighbors, &database, instance.route_views());
    let figures = (instance.instance_view(), instance.area_views(), instance.spf_view(now));
    assert!(!format!("{shown:?} {figures:?} {:?}", instance.advertised(now)).is_empty());
    Report {
        sent: lan.sent(),
        counters: instance.counters(),
        lsas: database.into_iter().map(|lsa| (lsa.lsa_type, lsa.link_state_id)).collect(),
        neighbors: neighbors.into_iter().map(|neighbor| neighbor.nbr_state).collect(),
    }
}

fn record(reader: &mut Reader<'_>) -> Option<(u8, u8, Vec<u8>)> {
    let wait = reader.u8("wait").ok()?;
    let flags = reader.u8("flags").ok()?;
    let length = usize::from(reader.u16("length").ok()?);
    let packet = reader.bytes("packet", length.min(reader.remaining())).ok()?;
    Some((wait, flags, packet.to_vec()))
}

/// Gives the LSAs of a Link State Update checksums and a count that hold, as far as their lengths allow.
fn repair_body(packet: &mut [u8]) {
    if packet[1] != 4 || packet.len() < 28 {
        return;
    }
    let (head, mut rest) = packet.split_at_mut(28);
    let mut count = 0_u32;
    while rest.len() >= 20 {
        let length = usize::from(u16::from_be_bytes([rest[18], rest[19]]));
        if length < 20 || length > rest.len() {
            break;
        }
        let (lsa, tail) = rest.split_at_mut(length);
        if let Some(sum) = checksum::fletcher(&lsa[2..], 14) {
            lsa[16..18].copy_from_slice(&sum.to_be_bytes());
        }
        rest = tail;
        count += 1;
    }
    if rest.is_empty() {
        head[24..].copy_from_slice(&count.to_be_bytes());
    }
}
