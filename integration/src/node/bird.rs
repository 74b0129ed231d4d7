//! BIRD in a node: one daemon in the foreground, and birdc.

use std::time::Duration;

use anyhow::Result;

use super::Node;
use crate::clock;

const START_LIMIT: Duration = Duration::from_secs(30);

impl Node {
    /// Asks BIRD: `birdc COMMAND`, banner left out.
    ///
    /// # Errors
    /// birdc failed, as it does while BIRD is starting.
    pub fn birdc(&self, command: &str) -> Result<String> {
        let socket = self.dir().join("bird.ctl");
        let socket = socket.to_string_lossy();
        let mut argv = vec!["birdc", "-s", &socket];
        argv.extend(command.split_whitespace());
        let said = self.run(&argv)?;
        Ok(said
            .lines()
            .filter(|line| !line.starts_with("BIRD ") && !line.starts_with("Access "))
            .collect::<Vec<_>>()
            .join("\n"))
    }
}

pub(super) fn start(node: &Node, config: &str) -> Result<()> {
    let config = node.write_file("bird.conf", config)?;
    let socket = node.dir().join("bird.ctl");
    let argv = ["bird", "-f", "-c", &config.to_string_lossy(), "-s", &socket.to_string_lossy()];
    node.start_daemon("bird", &argv)?;
    clock::until(START_LIMIT, "BIRD listens", || socket.exists() || !node.is_running("bird"))?;
    node.ensure_running("bird")
}
