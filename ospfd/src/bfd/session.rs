//! One session: its state variables (RFC 5880 §6.8.1), reception (§6.8.6), and what is sent and when (§6.8.7).

use std::sync::Arc;
use std::time::Duration;

use common::ids::IfIndex;
use common::time::Instant;
use serde::{Deserialize, Serialize};

use super::auth::AuthKey;
use super::drops::DropReason;
use super::fsm::{self, Event};
use super::packet::{ControlPacket, Decoded, Diagnostic, Encoded, State};
use super::timing::{Intervals, Poll, Timing, jittered};

/// What a session is known by before its discriminators are: single-hop sessions belong to a link (RFC 5881 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// The link.
    pub if_index: IfIndex,
    /// The other side's address on it.
    pub peer: std::net::IpAddr,
}

/// How a session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The link's name, for views.
    pub interface: String,
    /// Our address.
    pub local: std::net::IpAddr,
    /// Packets are sent no faster than this once the session is Up.
    pub min_tx: Duration,
    /// Packets are wanted no faster than this.
    pub min_rx: Duration,
    /// Packets that may be missed, not 0.
    pub multiplier: u8,
    /// Wait for the other side to speak first (§6.1).
    pub passive: bool,
    /// Authentication.
    pub auth: Option<Arc<AuthKey>>,
}

impl SessionConfig {
    fn intervals(&self) -> Intervals {
        Intervals { min_tx: self.min_tx, min_rx: self.min_rx }
    }
}

/// What is known of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// bfd.RemoteDiscr: its name for the session; 0 when it is not heard.
    pub discriminator: u32,
    /// bfd.RemoteSessionState
    pub state: State,
    /// Its diagnostic.
    pub diagnostic: Diagnostic,
    /// bfd.RemoteDemandMode
    pub demand: bool,
    /// bfd.RemoteMinRxInterval
    pub min_rx: Duration,
    /// Its Desired Min TX Interval.
    pub min_tx: Duration,
    /// Its Required Min Echo RX Interval.
    pub min_echo_rx: Duration,
    /// Its Detect Mult; 0 before it was heard.
    pub multiplier: u8,
}

impl Remote {
    /// §6.8.1: initial values.
    const UNHEARD: Self = Self {
        discriminator: 0,
        state: State::Down,
        diagnostic: Diagnostic::None,
        demand: false,
        min_rx: Duration::from_micros(1),
        min_tx: Duration::ZERO,
        min_echo_rx: Duration::ZERO,
        multiplier: 0,
    };

    fn of(packet: &ControlPacket) -> Self {
        let span = |micros: u32| Duration::from_micros(micros.into());
        Self {
            discriminator: packet.my_discriminator,
            state: packet.state,
            diagnostic: packet.diagnostic,
            demand: packet.demand,
            min_rx: span(packet.required_min_rx),
            min_tx: span(packet.desired_min_tx),
            min_echo_rx: span(packet.required_min_echo_rx),
            multiplier: packet.multiplier,
        }
    }
}

/// What the receiver of packets has to do next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reaction {
    /// Answer a poll.
    pub(super) answer: bool,
    /// Tell the other side of a new state at once.
    pub(super) tell: bool,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: SessionKey,
    pub(super) config: SessionConfig,
    /// bfd.LocalDiscr
    pub(super) discriminator: u32,
    /// bfd.SessionState
    pub(super) state: State,
    /// bfd.LocalDiag
    pub(super) diagnostic: Diagnostic,
    pub(super) remote: Remote,
    pub(super) timing: Timing,
    /// When it came into its state.
    pub(super) since: Instant,
    pub(super) ups: u64,
    /// Times that it went down and the other side had not disabled it.
    pub(super) losses: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    /// bfd.RcvAuthSeq, and bfd.AuthSeqKnown by being there.
    seen: Option<u32>,
    /// bfd.XmitAuthSeq
    sequence: u32,
    /// What was sent last, polls and answers aside.
    told: Option<ControlPacket>,
    heard_at: Option<Instant>,
    /// The last periodic packet.
    sent_at: Option<Instant>,
    /// The next periodic packet.
    pub(super) transmit_at: Option<Instant>,
    /// The other side counts as silent from here on.
    detect_at: Option<Instant>,
    /// It is taken away, and until here says so.
    pub(super) closes_at: Option<Instant>,
    /// Where it stands in the queue of those that have something to do.
    pub(super) queued_at: Option<Instant>,
}

impl Session {
    pub(super) fn new(
        now: Instant,
        key: SessionKey,
        config: SessionConfig,
        rng: &mut fastrand::Rng,
        discriminator: u32,
    ) -> Self {
        let mut session = Self {
            key,
            timing: Timing::new(config.intervals()),
            config,
            discriminator,
            state: State::Down,
            diagnostic: Diagnostic::None,
            remote: Remote::UNHEARD,
            since: now,
            ups: 0,
            losses: 0,
            received: 0,
            sent: 0,
            seen: None,
            // §6.8.1: a random value.
            sequence: rng.u32(..),
            told: None,
            heard_at: None,
            sent_at: None,
            transmit_at: None,
            queued_at: None,
            detect_at: None,
            closes_at: None,
        };
        session.plan(now, rng);
        session
    }

    /// The next moment at which something has to be done.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        [self.transmit_at, self.detect_at, self.closes_at].into_iter().flatten().min()
    }

    /// Takes other settings over. Intervals change as §6.8.3 says; the rest holds from the next packet on.
    pub(super) fn configure(&mut self, now: Instant, config: SessionConfig, rng: &mut fastrand::Rng) {
        if self.config.auth != config.auth {
            self.seen = None;
        }
        self.config = config;
        if self.closes_at.take().is_some() {
            // Nothing was watched meanwhile: the other side may have come and gone.
            (self.remote, self.seen, self.heard_at) = (Remote::UNHEARD, None, None);
            // To whoever wants it now, it is a new one.
            self.losses = 0;
            self.take(now, Event::Enable);
        }
        self.timing.want(self.config.intervals(), self.state == State::Up);
        self.plan(now, rng);
    }

    /// Disables the session: from now on it says so, for one Detection Time (§6.8.16).
    pub(super) fn close(&mut self, now: Instant) {
        self.take(now, Event::Disable);
        self.detect_at = None;
        let silence = self.timing.offered().min_tx.max(self.remote.min_rx);
        self.closes_at = Some(now + silence * u32::from(self.config.multiplier));
    }

    /// RFC 5880 §6.8.6, from where the session is known.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        decoded: Decoded<'_>,
        rng: &mut fastrand::Rng,
    ) -> Result<Reaction, DropReason> {
        let packet = &decoded.packet;
        self.authenticate(decoded)?;
        // "Set bfd.RemoteDiscr", "bfd.RemoteState", "bfd.RemoteDemandMode", "bfd.RemoteMinRxInterval".
        self.remote = Remote::of(packet);
        // "If a Poll Sequence is being transmitted by the local system and the Final (F) bit ... is set".
        if packet.final_bit {
            self.timing.answered();
        }
        if self.state == State::AdminDown {
            return Err(DropReason::AdminDown);
        }
        let tell = self.take(now, Event::Received(packet.state));
        // "The packet has been received for purposes of the Detection Time expiration rules".
        self.received += 1;
        self.heard_at = Some(now);
        self.detect_at = Some(now + self.detection_time());
        // "Update the transmit interval": the one that is running may be too long now, or too short.
        self.plan(now, rng);
        Ok(Reaction { answer: packet.poll, tell })
    }

    fn authenticate(&mut self, decoded: Decoded<'_>) -> Result<(), DropReason> {
        match (&self.config.auth, decoded.section) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(DropReason::UnexpectedAuth),
            (Some(_), None) => Err(DropReason::MissingAuth),
            (Some(key), Some(section)) => key
                .verify(decoded.bytes, section, &mut self.seen, decoded.packet.multiplier)
                .map_err(DropReason::Auth),
        }
    }

    /// Has the Detection Time run out?
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.detect_at.is_some_and(|at| at <= now)
    }

    /// It has (§6.8.4). True when there is something to tell the other side; [`Self::forget`] comes next.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        self.take(now, Event::DetectionTimeExpired)
    }

    /// §6.8.1: after a Detection Time without packets bfd.RemoteDiscr is forgotten, and after two bfd.AuthSeqKnown.
    pub(super) fn forget(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        let Remote { state, diagnostic, min_tx, multiplier, .. } = self.remote;
        self.remote = Remote { state, diagnostic, min_tx, multiplier, ..Remote::UNHEARD };
        let forgotten_at = self.heard_at.map_or(now, |heard| heard + self.detection_time() * 2);
        self.detect_at = (forgotten_at > now).then_some(forgotten_at);
        if self.detect_at.is_none() {
            self.seen = None;
        }
        self.plan(now, rng);
    }

    /// Feeds the state machine; true when the state changed.
    fn take(&mut self, now: Instant, event: Event) -> bool {
        let Some((next, diagnostic)) = fsm::step(self.state, event) else { return false };
        let before = std::mem::replace(&mut self.state, next);
        self.since = now;
        self.diagnostic = diagnostic.unwrap_or(self.diagnostic);
        if next == State::Up {
            self.ups += 1;
        }
        if before == State::Up && next == State::Down && self.remote.state != State::AdminDown {
            self.losses += 1;
        }
        self.timing.state_changed(next == State::Up);
        true
    }

    /// §6.8.4: in asynchronous mode, the other side's Detect Mult times the interval that it sends at.
    pub(super) fn detection_time(&self) -> Duration {
        self.timing.in_force().min_rx.max(self.remote.min_tx) * u32::from(self.remote.multiplier)
    }

    /// §6.8.2: the interval that we send at, jitter aside.
    pub(super) fn transmit_interval(&self) -> Duration {
        self.timing.in_force().min_tx.max(self.remote.min_rx)
    }

    /// §6.8.7: may periodic packets be sent?
    fn is_periodic(&self) -> bool {
        let waits = self.config.passive && self.remote.discriminator == 0;
        let not_wanted = self.remote.min_rx.is_zero();
        // §6.6
        let both_up = self.state == State::Up && self.remote.state == State::Up;
        let demanded = self.remote.demand && both_up && !self.timing.is_polling();
        !(waits || not_wanted || demanded)
    }

    /// Sets the time of the next periodic packet, if the interval has changed.
    fn plan(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        let interval = self.is_periodic().then(|| self.transmit_interval());
        if interval == self.timing.planned {
            return;
        }
        self.timing.planned = interval;
        // From the last packet on, so that who keeps changing his mind is heard nevertheless.
        self.transmit_at = interval.map(|interval| match self.sent_at {
            Some(sent) => now.max(sent + jittered(interval, self.config.multiplier, rng)),
            None => now,
        });
    }

    /// The packet of now; `answer`: the answer to a poll.
    pub(super) fn transmit(&mut self, now: Instant, answer: bool, rng: &mut fastrand::Rng) -> Encoded {
        let offered = self.timing.offered();
        let plain = ControlPacket {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: false,
            final_bit: false,
            // We share the fate of the daemon that we run in.
            control_plane_independent: false,
            demand: false,
            multiplier: self.config.multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: micros(offered.min_tx),
            required_min_rx: micros(offered.min_rx),
            // No echo packets are sent back (§6.4): they would need the forwarding plane's help.
            required_min_echo_rx: 0,
        };
        // §6.8.7: a packet has the P bit or the F bit, never both.
        let poll = !answer && self.timing.poll_now();
        let packet = ControlPacket { poll, final_bit: answer, ..plain };
        let mut encoded = packet.encode();
        if let Some(key) = &self.config.auth {
            // §6.7.3, §6.7.4: with each packet, or when the packet says something new.
            if key.kind().is_meticulous() || self.told != Some(plain) {
                self.sequence = self.sequence.wrapping_add(1);
            }
            key.seal(&mut encoded, self.sequence);
        }
        self.told = Some(plain);
        self.sent += 1;
        if !answer {
            self.sent_at = Some(now);
            self.timing.planned = None;
            self.plan(now, rng);
        }
        encoded
    }

    /// Polling, for views.
    pub(super) fn poll(&self) -> Poll {
        self.timing.poll()
    }
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}
