//! All sessions (RFC 5880 §6.3, §6.8): which one a packet belongs to, what is due, what is to be sent and told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use common::control::ospf::bfd::BfdView;
use common::ids::IfIndex;
use common::time::Instant;
use serde::{Deserialize, Serialize};

use super::drops::{Counters, DropReason};
use super::packet::{ControlPacket, Decoded, Diagnostic, Encoded, State};
use super::session::{Session, SessionConfig, SessionKey};
use super::view;

/// RFC 5881 §5: what no router has passed on.
const UNFORWARDED_TTL: u8 = 255;
/// Packets that may wait to be sent.
const MAX_TRANSMITS: usize = 8192;

/// A datagram that came in on port 3784.
#[derive(Clone, Copy, Debug)]
pub struct RxPacket<'a> {
    /// Where.
    pub if_index: IfIndex,
    /// IP source.
    pub source: IpAddr,
    /// IP time to live, as it came.
    pub ttl: u8,
    /// The UDP payload.
    pub payload: &'a [u8],
}

/// A packet to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub key: SessionKey,
    /// Our address.
    pub local: IpAddr,
    /// Our name for the session, which tells its source port.
    pub discriminator: u32,
    /// The UDP payload.
    pub packet: Encoded,
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// The other side has it disabled, as far as is known.
    pub disabled_by_peer: bool,
    /// How often it was lost so far, which shows a loss that is over again.
    pub losses: u64,
    /// Why it is down.
    pub diagnostic: Diagnostic,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The session.
    pub key: SessionKey,
    /// How it stands now.
    pub status: Status,
}

/// All sessions of a host.
#[derive(Debug)]
pub struct Engine {
    rng: fastrand::Rng,
    sessions: BTreeMap<u32, Session>,
    by_key: BTreeMap<SessionKey, u32>,
    /// Sessions by when they have something to do. One may have less to do than it stands here for: it is looked at, and
    /// put back.
    queue: BTreeSet<(Instant, u32)>,
    transmits: VecDeque<Transmit>,
    changed: BTreeSet<SessionKey>,
    counters: Counters,
}

/// Inputs.
impl Engine {
    /// No sessions. `seed` drives discriminators, jitter and first sequence numbers.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            sessions: BTreeMap::new(),
            by_key: BTreeMap::new(),
            queue: BTreeSet::new(),
            transmits: VecDeque::new(),
            changed: BTreeSet::new(),
            counters: Counters::default(),
        }
    }

    /// Wants a session, or changes it.
    pub fn open(&mut self, now: Instant, key: SessionKey, config: SessionConfig) {
        let known = self.by_key.get(&key).copied();
        let discriminator = known.unwrap_or_else(|| self.free_discriminator());
        match self.sessions.get_mut(&discriminator) {
            Some(session) => session.configure(now, config, &mut self.rng),
            None => {
                let session = Session::new(now, key, config, &mut self.rng, discriminator);
                self.sessions.insert(discriminator, session);
                self.by_key.insert(key, discriminator);
            }
        }
        self.changed.insert(key);
        self.requeue(discriminator);
    }

    /// Wants a session no more. Who is heard is told for a while that it is disabled.
    pub fn close(&mut self, now: Instant, key: SessionKey) {
        let Some(&discriminator) = self.by_key.get(&key) else { return };
        let Some(session) = self.sessions.get_mut(&discriminator) else { return };
        if session.closes_at.is_some() {
            return;
        }
        if session.remote.discriminator == 0 {
            return self.remove(discriminator);
        }
        session.close(now);
        self.transmit(now, discriminator, false);
        self.requeue(discriminator);
    }

    /// Wants no session any more.
    pub fn close_all(&mut self, now: Instant) {
        let keys: Vec<_> = self.by_key.keys().copied().collect();
        for key in keys {
            self.close(now, key);
        }
    }

    /// A datagram came in: RFC 5880 §6.8.6.
    pub fn handle_packet(&mut self, now: Instant, rx: RxPacket<'_>) {
        if let Err(reason) = self.receive(now, rx) {
            self.counters.drop(reason);
        }
    }

    fn receive(&mut self, now: Instant, rx: RxPacket<'_>) -> Result<(), DropReason> {
        // RFC 5881 §5
        if rx.ttl != UNFORWARDED_TTL {
            return Err(DropReason::TtlTooLow);
        }
        let decoded = ControlPacket::decode(rx.payload).map_err(DropReason::Decode)?;
        let discriminator = self.select(rx, decoded)?;
        let Some(session) = self.sessions.get_mut(&discriminator) else {
            return Err(DropReason::UnknownDiscriminator);
        };
        let before = Self::status_of(session);
        let reaction = session.receive(now, decoded, &mut self.rng)?;
        self.counters.received += 1;
        self.note_change(discriminator, before);
        if reaction.tell {
            self.transmit(now, discriminator, false);
        }
        // RFC 5880 §6.8.7: the answer to a poll is not held back by the interval.
        if reaction.answer {
            self.transmit(now, discriminator, true);
        }
        self.requeue(discriminator);
        Ok(())
    }

    /// The session that a packet belongs to.
    fn select(&self, rx: RxPacket<'_>, decoded: Decoded<'_>) -> Result<u32, DropReason> {
        // §6.3
        let discriminator = decoded.packet.your_discriminator;
        if discriminator == 0 {
            // RFC 5881 §3: by the link and the other side's address.
            let key = SessionKey { if_index: rx.if_index, peer: rx.source };
            return self.by_key.get(&key).copied().ok_or(DropReason::UnknownPeer);
        }
        let session = self.sessions.get(&discriminator).ok_or(DropReason::UnknownDiscriminator)?;
        if session.key.if_index == rx.if_index { Ok(discriminator) } else { Err(DropReason::WrongInterface) }
    }

    /// Does what is due. What becomes due by that is left to the next call.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due = Vec::new();
        while let Some(&(at, discriminator)) = self.queue.first() {
            if at > now {
                break;
            }
            self.queue.pop_first();
            due.push(discriminator);
        }
        for discriminator in due {
            if let Some(session) = self.sessions.get_mut(&discriminator) {
                session.queued_at = None;
                self.look_after(now, discriminator);
                self.requeue(discriminator);
            }
        }
    }

    fn look_after(&mut self, now: Instant, discriminator: u32) {
        let Some(session) = self.sessions.get_mut(&discriminator) else { return };
        if session.closes_at.is_some_and(|at| at <= now) {
            return self.remove(discriminator);
        }
        if session.is_silent(now) {
            let before = Self::status_of(session);
            if session.expire(now) {
                self.note_change(discriminator, before);
                self.transmit(now, discriminator, false);
            }
            if let Some(session) = self.sessions.get_mut(&discriminator) {
                session.forget(now, &mut self.rng);
            }
        }
        if self.sessions.get(&discriminator).is_some_and(|s| s.transmit_at.is_some_and(|at| at <= now)) {
            self.transmit(now, discriminator, false);
        }
    }
}

/// Outputs.
impl Engine {
    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next session that has changed. Changes of one session that nobody has asked for are told as one.
    pub fn poll_change(&mut self) -> Option<Change> {
        while let Some(key) = self.changed.pop_first() {
            let session = self.by_key.get(&key).and_then(|discriminator| self.sessions.get(discriminator));
            if let Some(session) = session.filter(|session| session.closes_at.is_none()) {
                return Some(Change { key, status: Self::status_of(session) });
            }
        }
        None
    }

    /// Tells of `key` again: the change could not be taken.
    pub fn put_back(&mut self, key: SessionKey) {
        self.changed.insert(key);
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The counters.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many sessions are there, and how many of them are Up.
    pub fn totals(&self) -> (usize, usize) {
        (self.sessions.len(), self.sessions.values().filter(|session| session.state == State::Up).count())
    }

    /// Is this the name of a session?
    pub fn has(&self, discriminator: u32) -> bool {
        self.sessions.contains_key(&discriminator)
    }

    /// Are there no sessions, not even such as are being closed?
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// All sessions, by link and address.
    pub fn views(&self, now: Instant) -> Vec<BfdView> {
        let sessions = self.by_key.values().filter_map(|discriminator| self.sessions.get(discriminator));
        sessions.map(|session| view::of(now, session)).collect()
    }
}

impl Engine {
    fn status_of(session: &Session) -> Status {
        Status {
            state: session.state,
            disabled_by_peer: session.remote.state == State::AdminDown,
            losses: session.losses,
            diagnostic: session.diagnostic,
        }
    }

    fn note_change(&mut self, discriminator: u32, before: Status) {
        let Some(session) = self.sessions.get(&discriminator) else { return };
        let after = Self::status_of(session);
        if after != before {
            self.counters.ups += u64::from(after.state == State::Up && before.state != State::Up);
            self.counters.losses += after.losses - before.losses;
            self.changed.insert(session.key);
        }
    }

    fn transmit(&mut self, now: Instant, discriminator: u32, answer: bool) {
        let Some(session) = self.sessions.get_mut(&discriminator) else { return };
        let packet = session.transmit(now, answer, &mut self.rng);
        if self.transmits.len() >= MAX_TRANSMITS {
            return self.counters.drop(DropReason::TransmitQueueFull);
        }
        self.counters.sent += 1;
        let (key, local) = (session.key, session.config.local);
        self.transmits.push_back(Transmit { key, local, discriminator, packet });
    }

    /// Puts a session where it belongs in the queue, unless it stands there early enough.
    fn requeue(&mut self, discriminator: u32) {
        let Some(session) = self.sessions.get_mut(&discriminator) else { return };
        let Some(at) = session.wakes_at() else { return };
        match session.queued_at {
            Some(queued) if queued <= at => return,
            Some(queued) => drop(self.queue.remove(&(queued, discriminator))),
            None => {}
        }
        session.queued_at = Some(at);
        self.queue.insert((at, discriminator));
    }

    fn remove(&mut self, discriminator: u32) {
        if let Some(session) = self.sessions.remove(&discriminator) {
            self.by_key.remove(&session.key);
            if let Some(at) = session.queued_at {
                self.queue.remove(&(at, discriminator));
            }
        }
    }

    /// RFC 5880 §6.8.1: not 0, and no other session's; a random one is hard to guess (§9).
    fn free_discriminator(&mut self) -> u32 {
        loop {
            let discriminator = self.rng.u32(1..);
            if !self.sessions.contains_key(&discriminator) {
                return discriminator;
            }
        }
    }
}
