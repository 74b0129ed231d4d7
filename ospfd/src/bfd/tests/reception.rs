//! Reception step by step (RFC 5880 §6.8.6), demultiplexing (RFC 5881 §3) and the TTL (§5).

use common::ids::IfIndex;
use common::time::Instant;

use super::world::{LINK, address, config, key, millis, with_auth};
use crate::bfd::{AuthType, ControlPacket, Diagnostic, Engine, RxPacket, SessionConfig, State};

const START: Instant = Instant::from_micros(1_000_000);

/// One engine with a session, spoken to by a test.
struct Lone {
    engine: Engine,
    now: Instant,
    ours: u32,
}

impl Lone {
    fn new(config: SessionConfig) -> Self {
        let mut engine = Engine::new(1);
        engine.open(START, key(0), config);
        engine.handle_timeout(START);
        let ours = engine.poll_transmit().map_or(0, |transmit| transmit.discriminator);
        Self { engine, now: START, ours }
    }

    /// In state Up, its poll answered.
    fn up() -> Self {
        let mut lone = Self::new(config(0));
        lone.hear(packet(State::Down, 0));
        lone.hear(packet(State::Init, lone.ours));
        lone.hear(ControlPacket { final_bit: true, ..packet(State::Up, lone.ours) });
        assert_eq!(lone.status(), "up");
        lone.sent();
        lone
    }

    fn hear(&mut self, packet: ControlPacket) {
        self.hear_on(LINK, 255, packet.encode().as_slice());
    }

    fn hear_on(&mut self, if_index: IfIndex, ttl: u8, payload: &[u8]) {
        let rx = RxPacket { if_index, source: address(1), ttl, payload };
        self.engine.handle_packet(self.now, rx);
    }

    fn sent(&mut self) -> Vec<ControlPacket> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.engine.poll_transmit() {
            sent.push(ControlPacket::decode(transmit.packet.as_slice()).unwrap().packet);
        }
        sent
    }

    fn wait(&mut self, span: u64) -> Vec<ControlPacket> {
        let mut sent = Vec::new();
        let end = self.now + millis(span);
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            sent.extend(self.sent());
        }
        self.now = end;
        sent
    }

    fn status(&self) -> String {
        self.engine.views(self.now)[0].status.clone()
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.engine.counters().dropped(reason)
    }
}

fn packet(state: State, your_discriminator: u32) -> ControlPacket {
    ControlPacket {
        diagnostic: Diagnostic::None,
        state,
        poll: false,
        final_bit: false,
        control_plane_independent: false,
        demand: false,
        multiplier: 3,
        my_discriminator: 99,
        your_discriminator,
        desired_min_tx: 50_000,
        required_min_rx: 50_000,
        required_min_echo_rx: 0,
    }
}

#[test]
fn packets_that_a_router_has_passed_on_are_dropped() {
    let mut lone = Lone::new(config(0));
    for ttl in [0, 1, 64, 254] {
        lone.hear_on(LINK, ttl, packet(State::Down, 0).encode().as_slice());
    }
    assert_eq!((lone.dropped("ttl-too-low"), lone.status().as_str()), (4, "down"));
    lone.hear(packet(State::Down, 0));
    assert_eq!(lone.status(), "init");
}

#[test]
fn a_discriminator_finds_its_session_whatever_the_source_is_and_no_other() {
    let mut lone = Lone::new(config(0));
    let known = packet(State::Init, lone.ours).encode();
    let rx = RxPacket { if_index: LINK, source: address(7), ttl: 255, payload: known.as_slice() };
    lone.engine.handle_packet(lone.now, rx);
    assert_eq!(lone.status(), "up");
    lone.hear(packet(State::Up, lone.ours ^ 1));
    assert_eq!(lone.dropped("unknown-discriminator"), 1);
    lone.hear_on(IfIndex(8), 255, known.as_slice());
    assert_eq!(lone.dropped("wrong-interface"), 1);
}

#[test]
fn without_discriminator_link_and_address_find_the_session() {
    let mut lone = Lone::new(config(0));
    lone.hear_on(IfIndex(8), 255, packet(State::Down, 0).encode().as_slice());
    let hello = packet(State::Down, 0).encode();
    let rx = RxPacket { if_index: LINK, source: address(5), ttl: 255, payload: hello.as_slice() };
    lone.engine.handle_packet(lone.now, rx);
    assert_eq!((lone.dropped("unknown-peer"), lone.status().as_str()), (2, "down"));
    lone.hear(packet(State::Down, 0));
    assert_eq!(lone.status(), "init");
}

#[test]
fn authentication_must_be_there_exactly_when_it_is_configured() {
    let mut plain = Lone::new(config(0));
    let mut keyed = Lone::new(with_auth(0, AuthType::KeyedSha1, b"k"));
    keyed.hear(packet(State::Down, 0));
    assert_eq!((keyed.dropped("missing-auth"), keyed.status().as_str()), (1, "down"));
    let mut other = Engine::new(2);
    other.open(START, key(1), with_auth(1, AuthType::KeyedSha1, b"k"));
    other.handle_timeout(START);
    let sealed = other.poll_transmit().unwrap().packet;
    plain.hear_on(LINK, 255, sealed.as_slice());
    assert_eq!((plain.dropped("unexpected-auth"), plain.status().as_str()), (1, "down"));
    keyed.hear_on(LINK, 255, sealed.as_slice());
    assert_eq!(keyed.status(), "init");
}

#[test]
fn what_the_codec_refuses_is_counted_under_its_name() {
    let mut lone = Lone::new(config(0));
    lone.hear_on(LINK, 255, &[0x20, 0x40]);
    let mut bytes = packet(State::Down, 0).encode().as_slice().to_vec();
    bytes[2] = 0;
    lone.hear_on(LINK, 255, &bytes);
    assert_eq!((lone.dropped("truncated"), lone.dropped("zero-multiplier")), (1, 1));
    let views = lone.engine.counters().views().into_iter();
    let raised: Vec<_> = views.filter(|view| view.value > 0).map(|view| view.name).collect();
    assert_eq!(raised, ["tx-bfd", "drop-bfd-truncated", "drop-bfd-zero-multiplier"]);
}

#[test]
fn the_state_machine_is_fed_by_the_state_that_the_packet_tells() {
    let mut lone = Lone::new(config(0));
    // Up does not follow on Down.
    lone.hear(packet(State::Up, lone.ours));
    assert_eq!(lone.status(), "down");
    lone.hear(packet(State::Down, 0));
    assert_eq!(lone.status(), "init");
    lone.hear(packet(State::Down, 0));
    assert_eq!(lone.status(), "init");
    lone.hear(packet(State::Up, lone.ours));
    assert_eq!(lone.status(), "up");
    lone.hear(packet(State::Init, lone.ours));
    assert_eq!(lone.status(), "up");
    lone.hear(packet(State::Down, lone.ours));
    assert_eq!(lone.status(), "down");
    assert_eq!(lone.engine.views(lone.now)[0].diagnostic, "neighbor signaled session down");
}

#[test]
fn a_new_state_is_told_at_once() {
    let mut lone = Lone::new(config(0));
    lone.hear(packet(State::Down, 0));
    let told = lone.sent();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].state, told[0].your_discriminator), (State::Init, 99));
}

#[test]
fn a_poll_is_answered_at_once_and_the_answer_does_not_move_the_next_packet() {
    let mut lone = Lone::up();
    let next = lone.engine.poll_timeout();
    lone.now = lone.now + millis(1);
    lone.hear(ControlPacket { poll: true, ..packet(State::Up, lone.ours) });
    let sent = lone.sent();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].final_bit && !sent[0].poll);
    assert_eq!(lone.engine.poll_timeout(), next);
}

#[test]
fn a_side_that_wants_no_packets_gets_none_but_answers() {
    let mut lone = Lone::up();
    lone.hear(ControlPacket { required_min_rx: 0, ..packet(State::Up, lone.ours) });
    lone.now = lone.now + millis(100);
    assert_eq!(lone.wait(30), []);
    lone.hear(ControlPacket { required_min_rx: 0, poll: true, ..packet(State::Up, lone.ours) });
    assert_eq!(lone.sent().len(), 1);
    lone.hear(packet(State::Up, lone.ours));
    assert!(!lone.wait(100).is_empty());
}

#[test]
fn demand_mode_of_the_other_side_ends_periodic_packets_while_both_are_up() {
    let mut lone = Lone::up();
    lone.hear(ControlPacket { demand: true, ..packet(State::Up, lone.ours) });
    assert_eq!(lone.wait(100), []);
    // A Poll Sequence of ours is sent nevertheless.
    lone.hear(ControlPacket { demand: true, ..packet(State::Up, lone.ours) });
    lone.engine.open(lone.now, key(0), SessionConfig { min_tx: millis(60), ..config(0) });
    let polls = lone.wait(100);
    assert!(!polls.is_empty() && polls.iter().all(|packet| packet.poll));
    // It is asked for periodic packets again when it is not Up.
    lone.hear(ControlPacket { demand: true, ..packet(State::Down, lone.ours) });
    lone.sent();
    assert!(!lone.wait(2000).is_empty());
}

#[test]
fn after_a_detection_time_of_silence_the_other_sides_name_is_forgotten() {
    let mut lone = Lone::up();
    let sent = lone.wait(200);
    // Down is told under the old name: it may be heard though we do not hear.
    let down = sent.iter().find(|packet| packet.state == State::Down).unwrap();
    assert_eq!(down.your_discriminator, 99);
    let later = lone.wait(3000);
    assert!(later.iter().all(|packet| packet.your_discriminator == 0) && !later.is_empty());
    assert_eq!(lone.engine.views(lone.now)[0].remote_id, 0);
}

#[test]
fn a_disabled_session_drops_what_comes() {
    let mut lone = Lone::up();
    lone.engine.close(lone.now, key(0));
    lone.hear(packet(State::Up, lone.ours));
    assert_eq!((lone.dropped("admin-down"), lone.status().as_str()), (1, "shutdown"));
}

#[test]
fn discriminators_of_many_sessions_differ_and_are_not_zero() {
    let mut engine = Engine::new(3);
    for number in 0..2000 {
        let key = crate::bfd::SessionKey { if_index: IfIndex(number), peer: address(1) };
        engine.open(START, key, config(0));
    }
    let mut names: Vec<_> = engine.views(START).iter().map(|view| view.id).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() == 2000 && names[0] != 0);
}
