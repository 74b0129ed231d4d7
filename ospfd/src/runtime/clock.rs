//! The daemon's clock: the only place that reads the time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use common::time::Instant;

/// Monotonic time since the daemon started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that starts at zero now.
    #[expect(clippy::disallowed_methods, reason = "this is where a daemon reads the time")]
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
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

/// A seed that differs from start to start, from the operating system's randomness: the standard library draws the
/// keys of its hasher from there.
pub fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
