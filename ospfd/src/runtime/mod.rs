//! The thin shell around the core: sockets, netlink, timers, files.
//!
//! `driver` owns the engine and is the only one that calls it; everything else brings it inputs or carries out its
//! outputs. `bfd` has a thread and an engine of its own. `clock` is the only place that reads the time.

pub mod bfd;
pub mod boots;
pub mod clock;
pub mod config;
pub mod control;
pub mod driver;
pub mod history;
pub mod links;
pub mod metrics;
pub mod record;
pub mod routes;
pub mod sequence;
pub mod signals;
pub mod socket;
pub mod stopwatch;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use nix::sys::mman::{MlockAllFlags, mlockall};
use tokio::sync::mpsc;
use tracing::warn;

use clock::Clock;
use config::Settings;
use control::Server;
use driver::{Driver, Ended, Inputs};
use metrics::exporter::Exporter;
use record::Recorder;
use signals::Signals;

/// Signals that may wait for the loop; the system itself keeps one of each kind.
const SIGNAL_QUEUE: usize = 4;
/// Link reports that may wait for the loop.
const LINK_QUEUE: usize = 256;

/// Why the daemon could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No raw socket.
    #[error(
        "cannot open a raw socket for OSPF (IP protocol 89); run ospfd as root, or give it CAP_NET_RAW and CAP_NET_ADMIN"
    )]
    RawSocket(#[source] io::Error),
    /// No control socket.
    #[error("cannot listen on the control socket {path}", path = path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No address for metrics.
    #[error(
        "cannot serve metrics on {address}; give [metrics] listen an address of this host and a free port"
    )]
    Metrics {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No signal handlers.
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
}

/// Runs the daemon until a signal stops it; `recorder` takes notes of what the engine is given.
///
/// # Errors
/// What is missing at the start; once it runs, it only ends when it is told to.
pub async fn run(config_path: PathBuf, settings: Settings, recorder: Recorder) -> Result<Ended, RunError> {
    socket::probe().map_err(RunError::RawSocket)?;
    let (signal_sender, signals) = mpsc::channel(SIGNAL_QUEUE);
    tokio::spawn(Signals::listen().map_err(RunError::Signals)?.forward(signal_sender));
    let (command_sender, commands) = mpsc::channel(control::QUEUE);
    let metrics_sender = command_sender.clone();
    let server = Server::start(&settings.socket, command_sender)
        .await
        .map_err(|source| RunError::Control { path: settings.socket.clone(), source })?;
    let exporter = match settings.metrics {
        Some(address) => Some(
            Exporter::start(address, metrics_sender)
                .await
                .map_err(|source| RunError::Metrics { address, source })?,
        ),
        None => None,
    };
    let (link_sender, links) = mpsc::channel(LINK_QUEUE);
    let watcher = tokio::spawn(links::watch_always(link_sender));

    if settings.scheduling.lock_memory
        && let Err(error) = mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
    {
        warn!(%error, "memory is not locked; give ospfd CAP_IPC_LOCK, or take [scheduling] lock_memory out");
    }
    let seed = clock::seed();
    let driver = Driver::new(Clock::start(), seed, config_path, settings).recorded_by(recorder, seed);
    let ended = driver.run(Inputs { signals, commands, links }).await;
    watcher.abort();
    drop((server, exporter));
    Ok(ended)
}
