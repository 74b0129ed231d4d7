//! Hello packet (RFC 2328 A.3.2).

use std::net::Ipv4Addr;

use common::ids::RouterId;

/// Hello packet (RFC 2328 A.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Mask of the sender's interface address; 0.0.0.0 on unnumbered point-to-point links.
    pub network_mask: Ipv4Addr,
    /// HelloInterval in seconds.
    pub hello_interval: u16,
    /// Options (A.2).
    pub options: u8,
    /// Router priority; 0 never becomes Designated Router.
    pub priority: u8,
    /// RouterDeadInterval in seconds.
    pub router_dead_interval: u32,
    /// The Designated Router's interface address in the sender's view, or 0.0.0.0.
    pub designated_router: Ipv4Addr,
    /// The Backup Designated Router's interface address in the sender's view, or 0.0.0.0.
    pub backup_designated_router: Ipv4Addr,
    /// Router IDs heard from within RouterDeadInterval.
    pub neighbors: Vec<RouterId>,
}
