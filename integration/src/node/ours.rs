//! Our daemons in a node, and their controllers.
//!
//! Configurations name the control sockets `{dir}/ospfd.sock` and `{dir}/director.sock`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Node, Output};
use crate::{clock, paths};

const START_LIMIT: Duration = Duration::from_secs(30);

impl Node {
    /// `ospfctl ARGUMENTS`, whatever its exit status.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn ospfctl(&self, arguments: &[&str]) -> Result<Output> {
        self.control("ospfctl", "ospfd", arguments)
    }

    /// `ospfctl ARGUMENTS --json`.
    ///
    /// # Errors
    /// It failed, as it does while ospfd is not running.
    pub fn ospfctl_json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        self.control_json("ospfctl", "ospfd", arguments)
    }

    /// `directorctl ARGUMENTS`, whatever its exit status.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn directorctl(&self, arguments: &[&str]) -> Result<Output> {
        self.control("directorctl", "director", arguments)
    }

    /// `directorctl ARGUMENTS --json`.
    ///
    /// # Errors
    /// It failed, as it does while director is not running.
    pub fn directorctl_json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        self.control_json("directorctl", "director", arguments)
    }

    /// Path of `ospfd`'s or `director`'s control socket.
    pub fn control_socket(&self, daemon: &str) -> PathBuf {
        self.dir().join(format!("{daemon}.sock"))
    }

    /// Starts one of our daemons with the configuration that stands in the node's directory, and waits until it listens.
    ///
    /// # Errors
    /// It did not start.
    pub fn start_ours(&self, daemon: &str) -> Result<()> {
        let program = paths::binary(daemon)?;
        let config = self.dir().join(format!("{daemon}.toml"));
        // A socket that a killed daemon left must not look like a new one that listens.
        let socket = self.control_socket(daemon);
        let _ = std::fs::remove_file(&socket);
        self.start_daemon(daemon, &[&program.to_string_lossy(), "--config", &config.to_string_lossy()])?;
        clock::until(START_LIMIT, &format!("{daemon} listens"), || {
            socket.exists() || !self.is_running(daemon)
        })?;
        self.ensure_running(daemon)
    }

    fn control(&self, program: &str, daemon: &str, arguments: &[&str]) -> Result<Output> {
        let program = paths::binary(program)?;
        let (program, socket) = (program.to_string_lossy(), self.control_socket(daemon));
        let socket = socket.to_string_lossy();
        let mut argv = vec![program.as_ref(), "--socket", &socket];
        argv.extend(arguments);
        self.exec(&argv)
    }

    fn control_json(&self, program: &str, daemon: &str, arguments: &[&str]) -> Result<serde_json::Value> {
        let mut with_json = arguments.to_vec();
        with_json.push("--json");
        let text = self.control(program, daemon, &with_json)?.ok()?;
        serde_json::from_str(&text).with_context(|| format!("{program}: not JSON: {text}"))
    }
}

pub(super) fn start(node: &Node, ospfd: Option<&str>, director: Option<&str>) -> Result<()> {
    for (daemon, config) in [("ospfd", ospfd), ("director", director)] {
        if let Some(config) = config {
            node.write_file(&format!("{daemon}.toml"), config)?;
            node.start_ours(daemon)?;
        }
    }
    Ok(())
}
