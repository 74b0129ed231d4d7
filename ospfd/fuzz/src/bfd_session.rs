//! Bytes into a BFD session: packets with waits between them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use common::ids::IfIndex;
use common::time::Instant;
use common::wire::Reader;
use ospfd::bfd::{AuthKey, AuthType, ControlPacket, Engine, RxPacket, SessionConfig, SessionKey};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const LINK: IfIndex = IfIndex(2);

/// Plays `input`: records of a wait in 10 ms, flags, a length and so many bytes. Flags: 1 puts our discriminator in, 2 has version and
/// length made right, 4 makes the session a keyed one. Returns how many packets were accepted.
///
/// # Panics
/// When a law is broken.
pub fn run(input: &[u8]) -> u64 {
    let mut reader = Reader::new(input);
    let mut engine = Engine::new(7);
    let mut now = Instant::from_micros(1_000_000);
    let keyed = input.get(1).is_some_and(|flags| flags & 4 != 0);
    engine.open(now, SessionKey { if_index: LINK, peer: PEER }, config(keyed));
    let ours = engine.views(now)[0].id;
    while let (Ok([wait, flags, length]), true) = (reader.array::<3>("record"), reader.remaining() > 0) {
        let length = usize::from(length).min(reader.remaining());
        let mut packet = reader.bytes("packet", length).unwrap_or_default().to_vec();
        seal(&mut packet, flags, ours);
        let end = now + Duration::from_millis(u64::from(wait) * 10);
        while let Some(at) = engine.poll_timeout().filter(|at| *at <= end) {
            now = now.max(at);
            engine.handle_timeout(now);
            drain(&mut engine, keyed);
        }
        now = end;
        engine.handle_packet(now, RxPacket { if_index: LINK, source: PEER, ttl: 255, payload: &packet });
        drain(&mut engine, keyed);
        assert_eq!(engine.views(now).len(), 1);
    }
    engine.counters().received
}

fn config(keyed: bool) -> SessionConfig {
    let millis = Duration::from_millis(50);
    SessionConfig {
        interface: "eth0".to_owned(),
        local: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        min_tx: millis,
        min_rx: millis,
        multiplier: 3,
        passive: false,
        auth: keyed.then(|| AuthKey::new(AuthType::MeticulousSha1, 1, b"secret").map(Arc::new)).flatten(),
    }
}

/// What we send can be read, is authenticated as it must be, and never polls and answers at once.
fn drain(engine: &mut Engine, keyed: bool) {
    let mut sent = 0;
    while let Some(transmit) = engine.poll_transmit() {
        let decoded = ControlPacket::decode(transmit.packet.as_slice()).expect("we send what can be read");
        assert_eq!(decoded.section.is_some(), keyed);
        assert!(!(decoded.packet.poll && decoded.packet.final_bit));
        sent += 1;
        assert!(sent <= 3, "a storm");
    }
    while let Some(change) = engine.poll_change() {
        assert!(!format!("{change:?}").is_empty());
    }
}

fn seal(packet: &mut [u8], flags: u8, ours: u32) {
    let length = u8::try_from(packet.len()).unwrap_or(u8::MAX);
    if flags & 2 != 0 && packet.len() >= 4 {
        packet[0] = 0x20 | packet[0] & 0x1f;
        packet[3] = length;
    }
    if flags & 1 != 0 && packet.len() >= 12 {
        packet[8..12].copy_from_slice(&ours.to_be_bytes());
    }
}
