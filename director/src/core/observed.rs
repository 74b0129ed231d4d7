//! The table that the kernel holds, as last dumped.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::ipvs::entry::Stats;
use crate::model::{ServerEntry, ServiceEntry, ServiceKey, Timeouts};

/// The kernel's table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// All services that have a [`ServiceKey`], ours and others'.
    pub services: BTreeMap<ServiceKey, ObservedService>,
    /// Services of protocols that we cannot name; they are never ours.
    pub unnamed: usize,
    /// Timeouts of connections.
    pub timeouts: Timeouts,
}

/// A service in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedService {
    /// Its row.
    pub entry: ServiceEntry,
    /// Its servers.
    pub servers: BTreeMap<SocketAddr, ObservedServer>,
    /// Addresses of the servers, oldest first: the scheduler walks them in the reverse of this.
    pub insertion: Vec<SocketAddr>,
    /// Its counters.
    pub stats: Stats,
}

/// A real server in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedServer {
    /// Its row.
    pub entry: ServerEntry,
    /// Connections that the kernel counts as active.
    pub active: u32,
    /// Other connections.
    pub inactive: u32,
    /// Persistence templates.
    pub persistent: u32,
    /// Its counters.
    pub stats: Stats,
}

impl ObservedService {
    /// Were the servers inserted in canonical order? When not (a server was added between others by somebody), `mh`, `sh` and `dh`
    /// may pick other servers here than on another director: the plan moves servers until they stand right.
    pub fn is_canonical(&self) -> bool {
        self.insertion.is_sorted()
    }
}
