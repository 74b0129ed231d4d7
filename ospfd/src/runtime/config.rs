//! The configuration file: read as it was written, then checked.
//!
//! `raw` has the shape of the TOML, where every key may be missing, so that fragments can be read by themselves;
//! `check` makes the engine's [`Config`] of it, or says with file and line what is wrong. Here the two meet, and the
//! normal form is printed back.

mod check;
mod keys;
mod raw;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::config::Diagnostics;
use common::telemetry::LogFormat;

use super::bfd::Scheduling;
use super::clock::Moment;
use super::routes::RouteSettings;
use crate::core::config::{AuthConfig, Config};

pub use keys::{WallChain, WallKey, WallLifetime};

/// Prefix of the environment variables that override the file.
pub const ENV_PREFIX: &str = "EVENKEEL_OSPFD";
/// Where numbers that must survive a restart are kept when nobody says otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/evenkeel";
/// Where the control socket is when nobody says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/evenkeel/ospfd.sock";

/// A configuration that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The engine's part. An interface with a key chain has an empty one in it, which nothing passes: [`Settings::core_at`] fills
    /// it.
    pub core: Config,
    /// Key chains by name.
    pub key_chains: BTreeMap<String, WallChain>,
    /// Which chain an interface uses.
    pub keyed: BTreeMap<String, String>,
    /// Where numbers that must survive a restart are kept.
    pub state_dir: PathBuf,
    /// What goes into the kernel's routing table.
    pub routes: RouteSettings,
    /// How the thread that speaks BFD is scheduled, and whether memory is locked.
    pub scheduling: Scheduling,
    /// Path of the control socket.
    pub socket: PathBuf,
    /// Where metrics are served over HTTP, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Log filter in `tracing`'s directive syntax.
    pub log_filter: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// All of it as it was written, secrets included: for recordings.
    pub written: Written,
    /// All of it as TOML, with the defaults written out and secrets hidden.
    pub normal_form: String,
}

/// A configuration as it was written, as TOML: fragments and environment are merged, secrets stand in it unless they are
/// in files. Not shown by accident.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Written(String);

impl Written {
    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

impl Settings {
    /// The engine's part, with the lifetimes of keys as instants.
    pub fn core_at(&self, moment: Moment) -> Config {
        let mut core = self.core.clone();
        for (name, chain) in &self.keyed {
            let interface = core.interfaces.get_mut(name);
            if let (Some(interface), Some(wall)) = (interface, self.key_chains.get(chain))
                && let AuthConfig::Keys { chain, .. } = &mut interface.auth
            {
                *chain = Arc::new(wall.at(moment));
            }
        }
        core
    }

    /// What the operator should know though it can be run.
    pub fn warnings(&self, moment: Moment) -> Vec<&str> {
        let used = self.key_chains.iter().filter(|(name, _)| self.keyed.values().any(|used| used == *name));
        used.filter_map(|(_, chain)| chain.warning(moment)).collect()
    }
}

/// Reads and checks the file, its fragments and the environment.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn load(path: &Path) -> Result<Settings, Diagnostics> {
    let document = common::config::load::<raw::Raw>(path, ENV_PREFIX)?;
    check::check(path, &document)
}

/// Reads and checks `text` alone, as a recording has it; `name` stands for it in diagnostics.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn parse(name: &Path, text: &str) -> Result<Settings, Diagnostics> {
    check::check(name, &common::config::parse::<raw::Raw>(name, text)?)
}

#[cfg(test)]
mod tests;
