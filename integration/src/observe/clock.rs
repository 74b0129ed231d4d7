//! The one clock of a run: every figure of a demo or a bench is read from it.
#![expect(clippy::disallowed_methods, reason = "the lab measures real time, and reads it here only")]

use std::time::Duration;

use common::time::Instant;

/// A clock that started when the run did. Copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that shows zero now.
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// The moment now.
    pub fn now(self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    /// Time passed since `earlier`.
    pub fn since(self, earlier: Instant) -> Duration {
        self.now().since(earlier)
    }

    /// The same moment as tokio writes it, to sleep until.
    pub fn to_tokio(self, at: Instant) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.origin + at.since(Instant::ZERO))
    }
}

/// Waits until `condition` holds, looking every `every`; `None` when it still does not after `limit`.
pub fn until<T>(
    clock: Clock,
    limit: Duration,
    every: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> Option<T> {
    let end = clock.now() + limit;
    loop {
        if let Some(found) = condition() {
            return Some(found);
        }
        if clock.now() >= end {
            return None;
        }
        pause(every);
    }
}

/// Lets `span` pass. For the rhythm of a script and of polling, never to wait for a result.
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_returns_what_was_found_or_gives_up_at_the_limit() {
        let clock = Clock::start();
        let mut looks = 0;
        let found = until(clock, Duration::from_secs(5), Duration::from_millis(1), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, Some(3));
        let nothing: Option<()> = until(clock, Duration::from_millis(5), Duration::from_millis(1), || None);
        assert_eq!(nothing, None);
    }
}
