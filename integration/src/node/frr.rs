//! FRR in a node: its daemons, each in the foreground and in a path space of its own, and vtysh.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Node;
use crate::clock;

/// Where Debian's FRR keeps the directories of its path spaces.
const RUN: &str = "/var/run/frr";
/// Where Debian puts the daemons.
const DAEMONS: &str = "/usr/lib/frr";
/// A guest without hardware help takes some seconds to start one.
const START_LIMIT: Duration = Duration::from_secs(30);

impl Node {
    /// Asks FRR: `vtysh -c COMMAND`.
    ///
    /// # Errors
    /// vtysh failed, as it does while the daemons are starting.
    pub fn vtysh(&self, command: &str) -> Result<String> {
        self.run(&["vtysh", "-N", self.namespace().name(), "-c", command])
    }

    /// Asks FRR for JSON: `vtysh -c 'COMMAND json'`, which is `null` where FRR prints nothing.
    ///
    /// # Errors
    /// As for [`Node::vtysh`], or the answer is not JSON.
    pub fn vtysh_json(&self, command: &str) -> Result<serde_json::Value> {
        let text = self.vtysh(&format!("{command} json"))?;
        if text.trim().is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }

    /// Changes FRR's configuration: lines as typed after `configure terminal`.
    ///
    /// # Errors
    /// vtysh failed.
    pub fn vtysh_configure(&self, lines: &[&str]) -> Result<()> {
        let mut argv = vec!["vtysh", "-N", self.namespace().name(), "-c", "configure terminal"];
        for line in lines {
            argv.extend(["-c", line]);
        }
        self.run(&argv).map(drop)
    }

    /// Starts one of FRR's daemons again, which has ended while the others went on, and configures it as at first. What it
    /// left behind for its next life is there.
    ///
    /// # Errors
    /// It did not start, or refused its configuration.
    pub fn start_frr_daemon(&self, daemon: &str) -> Result<()> {
        let space = self.namespace().name();
        let _ = std::fs::remove_file(Path::new(RUN).join(space).join(format!("{daemon}.vty")));
        start_one(self, daemon)?;
        let config = self.dir().join("frr.conf");
        self.run(&["vtysh", "-N", space, "-f", &config.to_string_lossy()]).map(drop)
    }
}

pub(super) fn start(node: &Node, config: &str, daemons: &[String]) -> Result<()> {
    let space = node.namespace().name();
    let run = Path::new(RUN).join(space);
    // Sockets that killed daemons left must not look like new ones that listen.
    let _ = std::fs::remove_dir_all(&run);
    std::fs::create_dir_all(&run).with_context(|| format!("cannot make {}", run.display()))?;
    own_by_frr(&run)?;
    let config = node.write_file("frr.conf", config)?;
    for daemon in daemons {
        start_one(node, daemon)?;
    }
    node.run(&["vtysh", "-N", space, "-f", &config.to_string_lossy()]).map(drop)
}

fn start_one(node: &Node, daemon: &str) -> Result<()> {
    let space = node.namespace().name();
    let program = Path::new(DAEMONS).join(daemon);
    let program = program.to_string_lossy();
    let argv =
        [&program, "-N", space, "-u", "frr", "-g", "frr", "-f", "/dev/null", "-P", "0", "--log", "stdout"];
    node.start_daemon(daemon, &argv)?;
    // One after the other, zebra first: a daemon that misses zebra's socket tries again only after 10 s.
    let socket = Path::new(RUN).join(space).join(format!("{daemon}.vty"));
    clock::until(START_LIMIT, &format!("{daemon} listens"), || socket.exists() || !node.is_running(daemon))?;
    node.ensure_running(daemon)
}

fn own_by_frr(path: &Path) -> Result<()> {
    let user = nix::unistd::User::from_name("frr")?
        .context("there is no user frr; is the package frr installed?")?;
    nix::unistd::chown(path, Some(user.uid), Some(user.gid))
        .with_context(|| format!("cannot give {} to frr", path.display()))
}
