//! The configuration file: read as it was written, then checked.
//!
//! `raw` has the shape of the TOML, where every key may be missing, so that fragments can be read by themselves;
//! `check` makes the engine's [`Config`] of it, or says with file and line what is wrong. Here the two meet, and the
//! normal form is printed back.

mod check;
mod raw;

use std::path::{Path, PathBuf};

use common::config::Diagnostics;
use common::telemetry::LogFormat;

use super::routes::RouteSettings;
use crate::core::config::Config;

/// Prefix of the environment variables that override the file.
pub const ENV_PREFIX: &str = "EVENKEEL_OSPFD";
/// Where the control socket is when nobody says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/evenkeel/ospfd.sock";

/// A configuration that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The engine's part.
    pub core: Config,
    /// What goes into the kernel's routing table.
    pub routes: RouteSettings,
    /// Path of the control socket.
    pub socket: PathBuf,
    /// Log filter in `tracing`'s directive syntax.
    pub log_filter: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// All of it as TOML, with the defaults written out and secrets hidden.
    pub normal_form: String,
}

/// Reads and checks the file, its fragments and the environment.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn load(path: &Path) -> Result<Settings, Diagnostics> {
    let document = common::config::load::<raw::Raw>(path, ENV_PREFIX)?;
    check::check(path, &document)
}

#[cfg(test)]
mod tests;
