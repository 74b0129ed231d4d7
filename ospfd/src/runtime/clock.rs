//! The daemon's clock: the only place that reads the time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use common::time::Instant;

/// Monotonic time, counted from 1970 as the wall clock stood when the daemon started: so wall-clock times of the past are
/// instants too, and keep their order.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
    started: Instant,
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// On the monotonic one.
    pub now: Instant,
    /// On the wall, in microseconds since 1970.
    pub unix_micros: u64,
}

impl Moment {
    /// The instant at which the wall clock shows `unix_micros`, as far as is known now.
    pub fn instant_of(self, unix_micros: u64) -> Instant {
        match unix_micros.checked_sub(self.unix_micros) {
            Some(ahead) => self.now + Duration::from_micros(ahead),
            None => self.now - Duration::from_micros(self.unix_micros - unix_micros),
        }
    }

    /// How far the wall clock has been moved against the monotonic one since `earlier`.
    pub fn shift_since(self, earlier: Self) -> Duration {
        let expected = earlier.unix_micros.saturating_add(micros(self.now.since(earlier.now)));
        Duration::from_micros(expected.abs_diff(self.unix_micros))
    }
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "this is where a daemon reads the time")]
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now(), started: Instant::from_micros(wall()) }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        self.started + self.origin.elapsed()
    }

    /// Now, on both clocks.
    pub fn moment(&self) -> Moment {
        Moment { now: self.now(), unix_micros: wall() }
    }

    /// Sleeps until `deadline`; for ever without one.
    pub async fn sleep_until(&self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => tokio::time::sleep(deadline.since(self.now())).await,
            None => std::future::pending().await,
        }
    }

    /// How late it is for `deadline`; zero before it.
    pub fn lateness(&self, deadline: Option<Instant>) -> Duration {
        deadline.map_or(Duration::ZERO, |deadline| self.now().since(deadline))
    }
}

/// Microseconds since 1970; 0 before.
#[expect(clippy::disallowed_methods, reason = "this is where a daemon reads the time")]
fn wall() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    micros(since)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A seed that differs from start to start, from the operating system's randomness: the standard library draws the
/// keys of its hasher from there.
pub fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_times_are_instants_in_the_same_order() {
        let moment = Moment { now: Instant::from_micros(1_000), unix_micros: 5_000 };
        assert_eq!(moment.instant_of(5_500), Instant::from_micros(1_500));
        assert_eq!(moment.instant_of(4_500), Instant::from_micros(500));
        let clock = Clock::start();
        let early = [1_700_000_000_000_000, 1_700_000_001_000_000].map(|at| clock.moment().instant_of(at));
        assert!(Instant::ZERO < early[0] && early[0] < early[1] && early[1] < clock.now());
    }

    #[test]
    fn a_wall_clock_that_is_set_is_noticed() {
        let before = Moment { now: Instant::from_micros(1_000), unix_micros: 5_000 };
        let on_time = Moment { now: Instant::from_micros(3_000), unix_micros: 7_000 };
        assert_eq!(on_time.shift_since(before), Duration::ZERO);
        assert_eq!(
            Moment { unix_micros: 2_000, ..on_time }.shift_since(before),
            Duration::from_micros(5_000)
        );
    }
}
