//! Intervals, and how both sides agree on new ones: the Poll Sequence (RFC 5880 §6.5, §6.8.2, §6.8.3).

use std::time::Duration;

/// §6.8.3: a session that is not Up sends no faster than this.
const SLOW: Duration = Duration::from_secs(1);

/// A pair of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Intervals {
    /// Desired Min TX Interval.
    pub(super) min_tx: Duration,
    /// Required Min RX Interval.
    pub(super) min_rx: Duration,
}

/// A Poll Sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// None.
    Idle,
    /// The other side has not answered yet.
    Active,
    /// The same, and meanwhile there is something newer to agree on.
    Outdated,
    /// Answered, but outdated: one packet without the P bit tells the next sequence from this one (§6.5).
    Pause,
}

/// Which intervals hold, and which are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// As configured.
    wanted: Intervals,
    /// bfd.DesiredMinTxInterval and bfd.RequiredMinRxInterval: what packets say.
    offered: Intervals,
    /// What we go by until the other side knows `offered`.
    in_force: Intervals,
    poll: Poll,
    /// The interval that the next packet was planned with; `None`: none was.
    pub(super) planned: Option<Duration>,
}

impl Timing {
    /// Those of a session that is Down.
    pub(super) fn new(wanted: Intervals) -> Self {
        let slow = slowed(wanted);
        Self { wanted, offered: slow, in_force: slow, poll: Poll::Idle, planned: None }
    }

    pub(super) const fn offered(&self) -> Intervals {
        self.offered
    }

    pub(super) const fn in_force(&self) -> Intervals {
        self.in_force
    }

    pub(super) const fn poll(&self) -> Poll {
        self.poll
    }

    /// The configuration wants these.
    pub(super) fn want(&mut self, wanted: Intervals, up: bool) {
        self.wanted = wanted;
        if up { self.offer(wanted) } else { self.settle(slowed(wanted)) }
    }

    /// The session has come up, or is not Up.
    pub(super) fn state_changed(&mut self, up: bool) {
        if up { self.offer(self.wanted) } else { self.settle(slowed(self.wanted)) }
    }

    /// In a session that is not Up all holds at once: nothing is detected by it that is not known.
    fn settle(&mut self, intervals: Intervals) {
        (self.offered, self.in_force, self.poll) = (intervals, intervals, Poll::Idle);
    }

    /// §6.8.3: "If either bfd.DesiredMinTxInterval is changed or bfd.RequiredMinRxInterval is changed, a Poll Sequence MUST
    /// be initiated".
    fn offer(&mut self, intervals: Intervals) {
        if intervals == self.offered {
            return;
        }
        self.offered = intervals;
        // §6.8.3: a longer interval for sending waits for the answer, as the other side expects the shorter one; and so
        // does a shorter one for receiving, as the other side still sends at the longer one.
        self.in_force.min_tx = self.in_force.min_tx.min(intervals.min_tx);
        self.in_force.min_rx = self.in_force.min_rx.max(intervals.min_rx);
        self.poll = match self.poll {
            Poll::Idle => Poll::Active,
            Poll::Active | Poll::Outdated => Poll::Outdated,
            Poll::Pause => Poll::Pause,
        };
    }

    /// A packet with the F bit came.
    pub(super) fn answered(&mut self) {
        self.poll = match self.poll {
            Poll::Active => {
                self.in_force = self.offered;
                Poll::Idle
            }
            Poll::Outdated => Poll::Pause,
            other @ (Poll::Idle | Poll::Pause) => other,
        };
    }

    /// Is a Poll Sequence being sent?
    pub(super) const fn is_polling(&self) -> bool {
        !matches!(self.poll, Poll::Idle)
    }

    /// Has the next periodic packet the P bit? A pause ends with it.
    pub(super) fn poll_now(&mut self) -> bool {
        let now = matches!(self.poll, Poll::Active | Poll::Outdated);
        if self.poll == Poll::Pause {
            self.poll = Poll::Active;
        }
        now
    }
}

fn slowed(wanted: Intervals) -> Intervals {
    Intervals { min_tx: wanted.min_tx.max(SLOW), ..wanted }
}

/// §6.8.7: the interval less 0 to 25 %, or 10 to 25 % where no packet may be missed.
pub(super) fn jittered(interval: Duration, multiplier: u8, rng: &mut fastrand::Rng) -> Duration {
    let most = if multiplier == 1 { 900 } else { 1000 };
    interval * rng.u32(750..=most) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn intervals(tx: u64, rx: u64) -> Intervals {
        Intervals { min_tx: Duration::from_millis(tx), min_rx: Duration::from_millis(rx) }
    }

    fn up(tx: u64, rx: u64) -> Timing {
        let mut timing = Timing::new(intervals(tx, rx));
        timing.state_changed(true);
        timing.answered();
        timing
    }

    #[test]
    fn a_session_that_is_not_up_sends_once_a_second_at_most() {
        let mut timing = Timing::new(intervals(50, 40));
        assert_eq!(timing.offered(), intervals(1000, 40));
        timing.state_changed(true);
        assert_eq!((timing.offered(), timing.poll()), (intervals(50, 40), Poll::Active));
        timing.state_changed(false);
        assert_eq!((timing.in_force(), timing.poll()), (intervals(1000, 40), Poll::Idle));
        assert_eq!(Timing::new(intervals(3000, 40)).offered(), intervals(3000, 40));
    }

    #[test]
    fn what_would_be_taken_for_silence_waits_for_the_answer_and_the_rest_does_not() {
        let mut timing = up(50, 50);
        timing.want(intervals(100, 20), true);
        assert_eq!((timing.offered(), timing.in_force()), (intervals(100, 20), intervals(50, 50)));
        timing.answered();
        assert_eq!((timing.in_force(), timing.poll()), (intervals(100, 20), Poll::Idle));
        timing.want(intervals(20, 200), true);
        assert_eq!(timing.in_force(), intervals(20, 200));
        assert_eq!(timing.poll(), Poll::Active);
    }

    #[test]
    fn a_change_during_a_poll_is_polled_for_after_a_packet_without_the_bit() {
        let mut timing = up(50, 50);
        timing.want(intervals(100, 50), true);
        timing.want(intervals(200, 50), true);
        assert!(timing.poll_now());
        timing.answered();
        assert_eq!((timing.poll(), timing.in_force().min_tx), (Poll::Pause, Duration::from_millis(50)));
        assert!(!timing.poll_now());
        assert!(timing.poll_now());
        timing.answered();
        assert_eq!((timing.poll(), timing.in_force()), (Poll::Idle, intervals(200, 50)));
    }

    #[test]
    fn the_same_values_again_start_no_poll() {
        let mut timing = up(50, 50);
        timing.want(intervals(50, 50), true);
        assert_eq!(timing.poll(), Poll::Idle);
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_is_spread() {
        let mut rng = fastrand::Rng::with_seed(7);
        for (multiplier, most) in [(1, 90), (2, 100), (3, 100)] {
            let spans: Vec<_> =
                (0..1000).map(|_| jittered(Duration::from_millis(100), multiplier, &mut rng)).collect();
            let (least, longest) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
            assert!(*least >= Duration::from_millis(75) && *least < Duration::from_millis(77));
            assert!(*longest <= Duration::from_millis(most) && *longest > Duration::from_millis(most - 2));
        }
    }
}
