//! Hello packet (RFC 2328 A.3.2).

use std::net::Ipv4Addr;

use common::ids::RouterId;
use common::wire::{Reader, Writer};

use super::DecodeError;

const NEIGHBOR_LEN: usize = 4;

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

impl Hello {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut hello = Self {
            network_mask: reader.ipv4("hello network mask")?,
            hello_interval: reader.u16("hello interval")?,
            options: reader.u8("hello options")?,
            priority: reader.u8("hello priority")?,
            router_dead_interval: reader.u32("hello dead interval")?,
            designated_router: reader.ipv4("hello designated router")?,
            backup_designated_router: reader.ipv4("hello backup designated router")?,
            neighbors: Vec::with_capacity(reader.remaining() / NEIGHBOR_LEN),
        };
        while reader.remaining() >= NEIGHBOR_LEN {
            hello.neighbors.push(RouterId(reader.u32("hello neighbor")?));
        }
        if !reader.is_empty() {
            return Err(DecodeError::Trailing { field: "hello neighbors", left: reader.remaining() });
        }
        Ok(hello)
    }

    pub(super) fn emit(&self, writer: &mut Writer) {
        writer.ipv4(self.network_mask);
        writer.u16(self.hello_interval);
        writer.u8(self.options);
        writer.u8(self.priority);
        writer.u32(self.router_dead_interval);
        writer.ipv4(self.designated_router);
        writer.ipv4(self.backup_designated_router);
        for neighbor in &self.neighbors {
            writer.u32(neighbor.0);
        }
    }
}
