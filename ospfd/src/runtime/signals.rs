//! Signals, and the messages to the service manager that go with them.

use std::io;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::debug;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM or SIGINT: flush and stop; a second one stops at once.
    Stop,
}

/// The signals that the daemon listens to.
#[derive(Debug)]
pub struct Signals {
    hangup: Stream,
    terminate: Stream,
    interrupt: Stream,
}

impl Signals {
    /// Starts listening; from now on the signals no longer end the process.
    ///
    /// # Errors
    /// What the system said.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Passes signals on until nobody takes them any more.
    pub async fn forward(mut self, to: mpsc::Sender<Signal>) {
        loop {
            let signal = tokio::select! {
                Some(()) = self.terminate.recv() => Signal::Stop,
                Some(()) = self.interrupt.recv() => Signal::Stop,
                Some(()) = self.hangup.recv() => Signal::Reload,
                else => return,
            };
            if to.send(signal).await.is_err() {
                return;
            }
        }
    }
}

/// Tells the service manager, if there is one.
pub fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "the service manager was not told");
    }
}

/// Tells the service manager that a reload begins; [`notify`] with `Ready` ends it.
pub fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => debug!(%error, "the service manager was not told"),
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal as Number, raise};

    use super::*;

    #[tokio::test]
    async fn each_signal_asks_for_its_own() {
        let (sender, mut signals) = mpsc::channel(4);
        let forwarder = tokio::spawn(Signals::listen().unwrap().forward(sender));
        for (number, expected) in [
            (Number::SIGHUP, Signal::Reload),
            (Number::SIGTERM, Signal::Stop),
            (Number::SIGINT, Signal::Stop),
            (Number::SIGHUP, Signal::Reload),
        ] {
            raise(number).unwrap();
            assert_eq!(signals.recv().await, Some(expected), "{number}");
        }
        drop(signals);
        raise(Number::SIGHUP).unwrap();
        forwarder.await.unwrap();
    }
}
