//! Two engines and the link between them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use common::control::ospf::bfd::BfdView;
use common::ids::IfIndex;
use common::time::Instant;

use crate::bfd::{
    AuthKey, AuthType, Change, ControlPacket, Engine, RxPacket, SessionConfig, SessionKey, State,
};

pub(super) const LINK: IfIndex = IfIndex(7);

/// The address of a side, 0 or 1.
pub(super) fn address(side: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, side as u8 + 1))
}

pub(super) const fn millis(span: u64) -> Duration {
    Duration::from_millis(span)
}

/// 50 ms both ways, three packets.
pub(super) fn config(side: usize) -> SessionConfig {
    SessionConfig {
        interface: "eth0".to_owned(),
        local: address(side),
        min_tx: millis(50),
        min_rx: millis(50),
        multiplier: 3,
        passive: false,
        auth: None,
    }
}

pub(super) fn with_auth(side: usize, kind: AuthType, secret: &[u8]) -> SessionConfig {
    SessionConfig { auth: AuthKey::new(kind, 1, secret).map(Arc::new), ..config(side) }
}

/// A packet that was put on the link.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) from: usize,
    pub(super) packet: ControlPacket,
    pub(super) lost: bool,
}

/// Both sides, and what is on the way.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) sides: [Engine; 2],
    pub(super) changes: Vec<(Instant, usize, Change)>,
    pub(super) sent: Vec<Sent>,
    /// Per side that packets come from: do they get lost?
    pub(super) deaf: [bool; 2],
    pub(super) delay: Duration,
    /// Of 100 packets, so many are lost.
    pub(super) loss: u8,
    rng: fastrand::Rng,
    on_the_way: BTreeSet<(Instant, u64, usize, Vec<u8>)>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Instant::from_micros(1_000_000),
            sides: [Engine::new(seed), Engine::new(seed ^ 0xffff)],
            changes: Vec::new(),
            sent: Vec::new(),
            deaf: [false; 2],
            delay: millis(1),
            loss: 0,
            rng: fastrand::Rng::with_seed(seed.wrapping_mul(31)),
            on_the_way: BTreeSet::new(),
        }
    }

    /// Both sides with these settings, given the time to come up.
    pub(super) fn up(seed: u64, configs: [SessionConfig; 2]) -> Self {
        let mut world = Self::new(seed);
        for (side, config) in configs.into_iter().enumerate() {
            world.open(side, config);
        }
        world.run(millis(5000));
        assert_eq!(world.states(), [State::Up; 2]);
        world
    }

    pub(super) fn open(&mut self, side: usize, config: SessionConfig) {
        self.sides[side].open(self.now, key(side), config);
        self.flush(side);
    }

    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let arrival = self.on_the_way.first().map(|(at, ..)| *at);
            let timers = self.sides.iter().filter_map(Engine::poll_timeout);
            let next = timers.chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while self.on_the_way.first().is_some_and(|(at, ..)| *at <= self.now) {
                let Some((_, _, from, bytes)) = self.on_the_way.pop_first() else { break };
                self.deliver(from, &bytes);
            }
            for side in 0..2 {
                self.sides[side].handle_timeout(self.now);
                self.flush(side);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, from: usize, bytes: &[u8]) {
        let to = 1 - from;
        let rx = RxPacket { if_index: LINK, source: address(from), ttl: 255, payload: bytes };
        self.sides[to].handle_packet(self.now, rx);
        self.flush(to);
    }

    fn flush(&mut self, side: usize) {
        while let Some(transmit) = self.sides[side].poll_transmit() {
            let bytes = transmit.packet.as_slice().to_vec();
            let lost = self.deaf[side] || self.rng.u8(0..100) < self.loss;
            let packet = ControlPacket::decode(&bytes).expect("we send packets that can be read").packet;
            assert!(!(packet.poll && packet.final_bit), "RFC 5880 §6.8.7");
            self.sent.push(Sent { at: self.now, from: side, packet, lost });
            if !lost {
                let number = self.sent.len() as u64;
                self.on_the_way.insert((self.now + self.delay, number, side, bytes));
            }
        }
        while let Some(change) = self.sides[side].poll_change() {
            self.changes.push((self.now, side, change));
        }
    }

    pub(super) fn view(&self, side: usize) -> BfdView {
        self.sides[side].views(self.now).pop().expect("there is a session")
    }

    pub(super) fn states(&self) -> [State; 2] {
        [0, 1].map(|side| match self.view(side).status.as_str() {
            "up" => State::Up,
            "init" => State::Init,
            "down" => State::Down,
            _ => State::AdminDown,
        })
    }

    /// Packets of one side since `since`.
    pub(super) fn sent_by(&self, side: usize, since: Instant) -> Vec<Sent> {
        self.sent.iter().filter(|sent| sent.from == side && sent.at >= since).cloned().collect()
    }
}

pub(super) fn key(side: usize) -> SessionKey {
    SessionKey { if_index: LINK, peer: address(1 - side) }
}
