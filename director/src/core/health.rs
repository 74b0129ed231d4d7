//! Health of real servers.

use std::collections::BTreeMap;

/// Names a real server: (service, server), as in the configuration.
pub type ServerName = (String, String);

/// What the checks say about a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// Not decided yet, as after a start. A server that the kernel does not serve yet is not served; one that it
    /// serves already keeps its weight, so that a restart disturbs nothing.
    #[default]
    Unknown,
    /// Answers as it should.
    Up,
    /// Does not.
    Down,
}

/// The health of all servers.
pub type HealthMap = BTreeMap<ServerName, HealthState>;
