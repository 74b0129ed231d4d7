//! Probes: one file per check type. The only code that dials real servers.
//!
//! A probe owns its socket, has one time limit for everything it does, and ends its connection with a reset, so
//! that a thousand checks a second leave no socket in TIME_WAIT.

mod http;
mod tcp;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::core::health::{Failure, Phase, Question};
use crate::model::CheckKind;

/// Asks `question` once. Returns within its timeout.
///
/// # Errors
/// The [`Failure`] that ended the probe.
pub async fn run(question: &Question) -> Result<(), Failure> {
    let spec = question.spec();
    let mut limit = Limit { sleep: Box::pin(sleep(spec.timeout)), whole: spec.timeout };
    match &spec.kind {
        CheckKind::None => Ok(()),
        CheckKind::Tcp => tcp::connect(question.target(), &mut limit).await.map(drop),
        CheckKind::Http { path, host, statuses } => {
            let request = http::request(path, host.as_deref(), question.target())?;
            http::get(question.target(), request, statuses, &mut limit).await
        }
    }
}

/// The time limit of a whole probe.
struct Limit {
    sleep: Pin<Box<Sleep>>,
    whole: Duration,
}

impl Limit {
    /// Awaits one phase, or the end of the probe's time.
    async fn within<T>(
        &mut self,
        phase: Phase,
        step: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            done = step => done,
            () = &mut self.sleep => Err(Failure::Timeout(phase, self.whole)),
        }
    }
}
