//! The service manager: readiness, reloads, and its watchdog, which the loop itself must keep quiet.

use std::time::Duration;

use common::time::Instant;
use sd_notify::NotifyState;

/// The watchdog's next ping.
#[derive(Clone, Copy, Debug)]
pub struct Watchdog {
    period: Option<Duration>,
    due_at: Instant,
}

impl Watchdog {
    /// As the service manager asks for it in the environment; silent without one.
    pub fn new(now: Instant) -> Self {
        Self { period: sd_notify::watchdog_enabled().map(|limit| limit / 2), due_at: now }
    }

    /// When [`Watchdog::handle_timeout`] must be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.period.map(|_| self.due_at)
    }

    /// Pings if it is time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(period) = self.period
            && now >= self.due_at
        {
            self.due_at = now + period;
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// Says that the daemon serves.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that a reload begins; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager was not told"),
    }
}

/// Says that the daemon stops.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
