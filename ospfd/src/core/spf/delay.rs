//! When to calculate routes: the back-off of RFC 8405, as a table and two deadlines.
//!
//! LEARN_TIMER and HOLDDOWN_TIMER (§5.3) do nothing but change what the next change meets. So they are not timers here:
//! they are looked at when it comes, in the order in which they ran out.

use std::time::Duration;

use common::time::Instant;

/// The delays (RFC 8405 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayConfig {
    /// INITIAL_SPF_DELAY: before the first run after quiet times.
    pub initial: Duration,
    /// SHORT_SPF_DELAY: while one event is still being heard of from several routers.
    pub short: Duration,
    /// LONG_SPF_DELAY: while the network does not come to rest.
    pub long: Duration,
    /// TIME_TO_LEARN_INTERVAL: how long the news of one event may take.
    pub time_to_learn: Duration,
    /// HOLDDOWN_INTERVAL: how long nothing must happen until times are quiet again; longer than `time_to_learn`.
    pub hold_down: Duration,
}

impl Default for DelayConfig {
    /// Shorter than what RFC 8405 §6 proposes (50, 200, 5000, 500, 10000 ms): a run takes less than a millisecond in an
    /// area of thousands of routers, and a host that forwards for no one cannot cause micro-loops.
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(5),
            short: Duration::from_millis(50),
            long: Duration::from_millis(200),
            time_to_learn: Duration::from_millis(300),
            hold_down: Duration::from_millis(600),
        }
    }
}

/// States (RFC 8405 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    ShortWait,
    LongWait,
}

/// Events (RFC 8405 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// An LSA changed in a way that matters to routes.
    Change,
    /// LEARN_TIMER ran out.
    Learned,
    /// HOLDDOWN_TIMER ran out.
    Rested,
}

/// Which delay SPF_TIMER is started with, unless it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delay {
    Initial,
    Short,
    Long,
}

/// What an event leads to. HOLDDOWN_TIMER is restarted by every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    next: State,
    start_spf: Option<Delay>,
    start_learning: bool,
}

/// The transitions of RFC 8405 §5.4, by their numbers there.
const fn step(state: State, event: Event) -> Step {
    const fn stay(next: State) -> Step {
        Step { next, start_spf: None, start_learning: false }
    }
    match (state, event) {
        // 1
        (State::Quiet, Event::Change) => {
            Step { next: State::ShortWait, start_spf: Some(Delay::Initial), start_learning: true }
        }
        // 2
        (State::ShortWait, Event::Change) => {
            Step { next: State::ShortWait, start_spf: Some(Delay::Short), start_learning: false }
        }
        // 3
        (State::ShortWait, Event::Learned) => stay(State::LongWait),
        // 4
        (State::LongWait, Event::Change) => {
            Step { next: State::LongWait, start_spf: Some(Delay::Long), start_learning: false }
        }
        // 5 and 6
        (State::LongWait | State::ShortWait, Event::Rested) => stay(State::Quiet),
        // The timers do not run in these states.
        (State::Quiet, Event::Learned | Event::Rested) => stay(State::Quiet),
        (State::LongWait, Event::Learned) => stay(State::LongWait),
    }
}

/// Decides when to calculate.
#[derive(Clone, Debug)]
pub struct Backoff {
    config: DelayConfig,
    state: State,
    spf_at: Option<Instant>,
    learned_at: Option<Instant>,
    rested_at: Option<Instant>,
}

impl Backoff {
    /// A network at rest.
    pub const fn new(config: DelayConfig) -> Self {
        Self { config, state: State::Quiet, spf_at: None, learned_at: None, rested_at: None }
    }

    /// Other delays, from the next change on.
    pub const fn reconfigure(&mut self, config: DelayConfig) {
        self.config = config;
    }

    /// Something changed that matters to routes.
    pub fn note_change(&mut self, now: Instant) {
        self.catch_up(now);
        self.take(Event::Change, now);
        self.rested_at = Some(now + self.config.hold_down);
    }

    /// The state in the words of RFC 8405, as of `now`.
    pub fn state_at(&self, now: Instant) -> &'static str {
        let mut copy = self.clone();
        copy.catch_up(now);
        match copy.state {
            State::Quiet => "quiet",
            State::ShortWait => "short-wait",
            State::LongWait => "long-wait",
        }
    }

    /// When to calculate, if something waits for it.
    pub const fn deadline(&self) -> Option<Instant> {
        self.spf_at
    }

    /// Is it time? If so the caller calculates now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = self.spf_at.is_some_and(|at| at <= now);
        if due {
            self.spf_at = None;
        }
        due
    }

    fn catch_up(&mut self, now: Instant) {
        let learned = self.learned_at.filter(|at| *at <= now);
        let rested = self.rested_at.filter(|at| *at <= now);
        if learned.is_some() && rested.is_none_or(|at| learned <= Some(at)) {
            self.take(Event::Learned, now);
        }
        if rested.is_some() {
            self.take(Event::Rested, now);
        }
    }

    fn take(&mut self, event: Event, now: Instant) {
        let Step { next, start_spf, start_learning } = step(self.state, event);
        self.state = next;
        match event {
            Event::Change => {}
            Event::Learned => self.learned_at = None,
            Event::Rested => (self.learned_at, self.rested_at) = (None, None),
        }
        if start_learning {
            self.learned_at = Some(now + self.config.time_to_learn);
        }
        if let (Some(delay), None) = (start_spf, self.spf_at) {
            let delay = match delay {
                Delay::Initial => self.config.initial,
                Delay::Short => self.config.short,
                Delay::Long => self.config.long,
            };
            self.spf_at = Some(now + delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: DelayConfig = DelayConfig {
        initial: Duration::from_millis(50),
        short: Duration::from_millis(200),
        long: Duration::from_millis(5000),
        time_to_learn: Duration::from_millis(500),
        hold_down: Duration::from_millis(10_000),
    };

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// Runs changes at the given times, and gives the times of the calculations.
    fn runs(changes: &[u64]) -> Vec<u64> {
        let mut backoff = Backoff::new(CONFIG);
        let mut runs = Vec::new();
        for change in changes.iter().map(|millis| Some(at(*millis))).chain([None]) {
            while let Some(due) = backoff.deadline().filter(|due| change.is_none_or(|change| *due <= change))
            {
                assert!(backoff.is_due(due));
                runs.push(due.as_micros() / 1000);
            }
            if let Some(change) = change {
                backoff.note_change(change);
            }
        }
        runs
    }

    #[test]
    fn the_table_is_that_of_the_rfc() {
        let rows = [
            (State::Quiet, Event::Change, State::ShortWait, Some(Delay::Initial), true),
            (State::Quiet, Event::Learned, State::Quiet, None, false),
            (State::Quiet, Event::Rested, State::Quiet, None, false),
            (State::ShortWait, Event::Change, State::ShortWait, Some(Delay::Short), false),
            (State::ShortWait, Event::Learned, State::LongWait, None, false),
            (State::ShortWait, Event::Rested, State::Quiet, None, false),
            (State::LongWait, Event::Change, State::LongWait, Some(Delay::Long), false),
            (State::LongWait, Event::Learned, State::LongWait, None, false),
            (State::LongWait, Event::Rested, State::Quiet, None, false),
        ];
        for (state, event, next, start_spf, start_learning) in rows {
            assert_eq!(step(state, event), Step { next, start_spf, start_learning }, "{state:?} {event:?}");
        }
    }

    #[test]
    fn the_first_change_waits_for_the_initial_delay() {
        assert_eq!(runs(&[1000]), [1050]);
    }

    #[test]
    fn changes_while_a_run_is_due_share_it() {
        assert_eq!(runs(&[1000, 1010, 1049]), [1050]);
    }

    #[test]
    fn news_of_one_event_wait_for_the_short_delay() {
        assert_eq!(runs(&[1000, 1060, 1300]), [1050, 1260, 1500]);
    }

    #[test]
    fn a_network_that_does_not_rest_waits_for_the_long_delay() {
        assert_eq!(runs(&[1000, 1600, 2000, 7000]), [1050, 6600, 12_000]);
    }

    #[test]
    fn the_hold_down_counts_from_the_last_change() {
        assert_eq!(runs(&[1000, 10_000, 19_000]), [1050, 15_000, 24_000]);
        assert_eq!(runs(&[1000, 10_000, 20_000]), [1050, 15_000, 20_050]);
    }

    #[test]
    fn after_rest_the_first_change_is_quick_again() {
        assert_eq!(runs(&[1000, 11_000]), [1050, 11_050]);
        assert_eq!(runs(&[1000, 1100, 11_100]), [1050, 1300, 11_150]);
    }

    #[test]
    fn nothing_is_due_without_a_change() {
        let mut backoff = Backoff::new(CONFIG);
        assert_eq!(backoff.deadline(), None);
        assert!(!backoff.is_due(at(99_999)));
    }
}
