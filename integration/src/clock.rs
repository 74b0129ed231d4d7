//! The lab's clock: the only place of this crate that reads the time or pauses.

#![expect(
    clippy::disallowed_methods,
    reason = "the lab watches real processes on a real kernel, in real time"
)]

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};

/// How long [`until`] pauses between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// The monotonic clock.
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since the epoch, for names of run directories.
pub fn epoch_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Pauses the calling thread: for pacing (traffic, polling), never for waiting until something has happened.
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// Waits until `condition` holds and returns how long it took.
///
/// # Errors
/// `what` did not come true within `within`.
pub fn until(within: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Result<Duration> {
    let started = now();
    until_some(within, what, || condition().then_some(()))?;
    Ok(started.elapsed())
}

/// Waits until `look` finds something and returns it.
///
/// # Errors
/// `what` did not come true within `within`.
pub fn until_some<T>(within: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let started = now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if started.elapsed() >= within {
            bail!("not within {within:?}: {what}");
        }
        pause(PAUSE);
    }
}
