//! Timers: one table, keyed by what they are for. A timer that is set again moves; firing one takes it out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKey {
    /// HelloTimer (RFC 2328 §9).
    Hello(IfIndex),
    /// WaitTimer (§9).
    Wait(IfIndex),
    /// A hello to a configured neighbour that has not been heard (§9.5.1).
    Poll(IfIndex, Ipv4Addr),
    /// Delayed acknowledgements (§13.5).
    DelayedAck(IfIndex),
    /// InactivityTimer (§10).
    Inactivity(IfIndex, RouterId),
    /// Retransmission of database descriptions (§10.8).
    DdRetransmit(IfIndex, RouterId),
    /// A slave forgets its last database description (§10.8).
    DdHold(IfIndex, RouterId),
    /// Retransmission of link state requests (§10.9).
    LsRequest(IfIndex, RouterId),
    /// Retransmission of LSAs (§13.6).
    LsRetransmit(IfIndex, RouterId),
    /// A neighbour that BFD has lost is looked at again.
    BfdHold(IfIndex, IpAddr),
    /// The grace period of a neighbour that restarts is over (RFC 3623 §3.2 (2)).
    Grace(IfIndex, RouterId),
    /// An LSA reaches MaxAge (RFC 2328 §14).
    Age,
    /// The checksums of the database are verified (§14, CheckAge).
    Check,
    /// An own LSA is refreshed, or a change that was held back may go (§12.4).
    Originate,
    /// A lease lapses.
    Lease,
    /// A key's lifetime begins or ends.
    KeyChange,
    /// Routes are calculated (RFC 8405 §5.3, SPF_TIMER).
    Spf,
    /// Another router has been elected to translate an NSSA's externals long enough (RFC 3101 §3.1).
    Translator,
    /// Time to stop waiting for the last acknowledgements.
    Shutdown,
}

/// The timers that are running.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_key: BTreeMap<TimerKey, Instant>,
    by_time: BTreeSet<(Instant, TimerKey)>,
}

impl Timers {
    /// Starts `key`, or moves it.
    pub(crate) fn set(&mut self, key: TimerKey, at: Instant) {
        self.cancel(key);
        self.by_key.insert(key, at);
        self.by_time.insert((at, key));
    }

    /// Starts `key` unless it runs already.
    pub(crate) fn set_if_idle(&mut self, key: TimerKey, at: Instant) {
        if !self.by_key.contains_key(&key) {
            self.set(key, at);
        }
    }

    /// Stops `key`.
    pub(crate) fn cancel(&mut self, key: TimerKey) {
        if let Some(at) = self.by_key.remove(&key) {
            self.by_time.remove(&(at, key));
        }
    }

    /// Stops all timers of one neighbour.
    pub(crate) fn cancel_neighbor(&mut self, if_index: IfIndex, router_id: RouterId) {
        for key in [
            TimerKey::Inactivity(if_index, router_id),
            TimerKey::DdRetransmit(if_index, router_id),
            TimerKey::DdHold(if_index, router_id),
            TimerKey::LsRequest(if_index, router_id),
            TimerKey::LsRetransmit(if_index, router_id),
            TimerKey::Grace(if_index, router_id),
        ] {
            self.cancel(key);
        }
    }

    /// When `key` fires.
    pub(crate) fn deadline(&self, key: TimerKey) -> Option<Instant> {
        self.by_key.get(&key).copied()
    }

    /// The earliest timer.
    pub(crate) fn next(&self) -> Option<(Instant, TimerKey)> {
        self.by_time.first().copied()
    }

    /// Takes out the earliest timer that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerKey> {
        let (at, key) = self.next()?;
        if at > now {
            return None;
        }
        self.cancel(key);
        Some(key)
    }

    /// Stops everything.
    pub(crate) fn clear(&mut self) {
        self.by_key.clear();
        self.by_time.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_set_again_moves() {
        let mut timers = Timers::default();
        let key = TimerKey::Hello(IfIndex(1));
        timers.set(key, Instant::from_micros(5));
        timers.set(key, Instant::from_micros(9));
        timers.set(TimerKey::Wait(IfIndex(1)), Instant::from_micros(7));
        assert_eq!(timers.next(), Some((Instant::from_micros(7), TimerKey::Wait(IfIndex(1)))));
        assert_eq!(timers.pop_due(Instant::from_micros(6)), None);
        assert_eq!(timers.pop_due(Instant::from_micros(9)), Some(TimerKey::Wait(IfIndex(1))));
        assert_eq!(timers.pop_due(Instant::from_micros(9)), Some(key));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_running_timer_is_not_moved_by_set_if_idle() {
        let mut timers = Timers::default();
        timers.set_if_idle(TimerKey::Age, Instant::from_micros(5));
        timers.set_if_idle(TimerKey::Age, Instant::from_micros(3));
        assert_eq!(timers.deadline(TimerKey::Age), Some(Instant::from_micros(5)));
    }
}
