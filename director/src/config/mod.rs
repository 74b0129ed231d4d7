//! The operator's file: `Raw` as written, then [`Settings`], valid by construction.
//!
//! Everything that is wrong is reported at once, each with file, line, reason and what to do; nothing of a file with a
//! fault is used. `docs/src/guide` explains the keys.

mod check;
mod normal;
mod raw;
mod resolve;
mod server;
mod service;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::config::{Diagnostics, load};
use common::telemetry::LogFormat;

use crate::model;

/// Prefix of environment variables that override the files: `EVENKEEL_DIRECTOR__RESYNC=2s`.
pub const ENV_PREFIX: &str = "EVENKEEL_DIRECTOR";

/// Where the file is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/evenkeel/director.toml";

/// Where the control socket is unless the file says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/evenkeel/director.sock";

/// The whole configuration of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What is served, checked and advertised.
    pub model: model::Config,
    /// Names of the other directors of the group.
    pub peers: Vec<String>,
    /// The control socket that we listen on.
    pub control_socket: PathBuf,
    /// How VIPs are advertised.
    pub routing: Routing,
    /// The device that carries VIP addresses.
    pub vip_device: String,
    /// Time between two looks at the kernel's table when nothing else happens.
    pub resync: Duration,
    /// The program that loads the kernel's modules for schedulers and persistence engines; absent: nobody may.
    pub modprobe: Option<PathBuf>,
    /// Most probes under way at once.
    pub max_probes: usize,
    /// Where drains, and what is ours in the kernel, are remembered.
    pub state_dir: PathBuf,
    /// Log filter in `tracing`'s directive syntax.
    pub log_filter: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// How VIPs come into the upstream's routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    /// `ospfd` advertises them for us, by lease.
    Ospfd {
        /// Its control socket.
        socket: PathBuf,
        /// Time without a renewal after which it withdraws them.
        lease_ttl: Duration,
    },
    /// Another routing daemon redistributes the addresses of the VIP device: an address is there only while its VIP may
    /// be advertised.
    Addresses,
}

/// Reads and checks `path`, its fragments and the environment.
///
/// # Errors
/// Everything that is wrong.
pub fn read(path: &Path) -> Result<Settings, Diagnostics> {
    read_with(path, ENV_PREFIX, || {
        std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map(|name| name.trim().to_owned())
            .unwrap_or_default()
    })
}

fn read_with(
    path: &Path,
    env_prefix: &str,
    host_name: impl FnOnce() -> String,
) -> Result<Settings, Diagnostics> {
    let document = load::<raw::Raw>(path, env_prefix)?;
    resolve::settings(&document.value, &document.sources, host_name)
}

/// The settings as a file, with every default written out. Reading it gives the same settings.
pub fn normal_form(settings: &Settings) -> String {
    // Strings, numbers and tables only: there is nothing that TOML could not hold.
    toml::to_string(&normal::raw(settings)).unwrap_or_default()
}
