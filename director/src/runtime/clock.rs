//! The daemon's clock: the only place that reads the time.

use common::time::Instant;

/// Monotonic time since the daemon started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that starts at zero now.
    #[expect(clippy::disallowed_methods, reason = "this is where the daemon reads the time")]
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
}
