//! The clock of one measurement: its zero is its start, and all figures of a demo or a bench are read from it.

use std::time::Duration;

use common::time::Instant;

use crate::clock;

/// A clock that started when the run did. Copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that shows zero now.
    pub fn start() -> Self {
        Self { origin: clock::now() }
    }

    /// The moment now.
    pub fn now(self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    /// Time passed since `earlier`.
    pub fn since(self, earlier: Instant) -> Duration {
        self.now().since(earlier)
    }
}
