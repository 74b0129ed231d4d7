//! BIRD in a node: one daemon in the foreground, and birdc.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Node, Output};
use crate::clock;

const START_LIMIT: Duration = Duration::from_secs(30);

impl Node {
    /// Asks BIRD: `birdc COMMAND`, banner left out.
    ///
    /// # Errors
    /// birdc failed, as it does while BIRD is starting, or when there is no such route.
    pub fn birdc(&self, command: &str) -> Result<String> {
        let said =
            self.birdc_output(command)?.ok().with_context(|| format!("{}: birdc {command}", self.name()))?;
        let is_banner = |line: &&str| line.starts_with("BIRD ") || line.starts_with("Access ");
        Ok(said.lines().filter(|line| !is_banner(line)).collect::<Vec<_>>().join("\n"))
    }

    /// `birdc COMMAND`, whatever its exit status.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn birdc_output(&self, command: &str) -> Result<Output> {
        let socket = self.dir().join("bird.ctl");
        let socket = socket.to_string_lossy();
        let mut argv = vec!["birdc", "-s", &socket];
        argv.extend(command.split_whitespace());
        self.exec(&argv)
    }

    /// Starts BIRD again after `birdc graceful restart`, so that it recovers.
    ///
    /// # Errors
    /// It did not start.
    pub fn start_bird_recovering(&self) -> Result<()> {
        launch(self, &["-R"])
    }
}

pub(super) fn start(node: &Node, config: &str) -> Result<()> {
    node.write_file("bird.conf", config)?;
    launch(node, &[])
}

fn launch(node: &Node, more: &[&str]) -> Result<()> {
    let config = node.dir().join("bird.conf");
    let socket = node.dir().join("bird.ctl");
    // A socket that a killed BIRD left must not look like a new one that listens.
    let _ = std::fs::remove_file(&socket);
    let (config, listens_at) = (config.to_string_lossy(), socket.to_string_lossy());
    // BIRD 2.0.12 sorts routes recursively, and at some 87,000 of them runs out of the usual stack.
    let mut argv = vec!["prlimit", "--stack=unlimited", "bird", "-f", "-c", &config, "-s", &listens_at];
    argv.extend(more);
    node.start_daemon("bird", &argv)?;
    clock::until(START_LIMIT, "BIRD listens", || socket.exists() || !node.is_running("bird"))?;
    node.ensure_running("bird")
}
