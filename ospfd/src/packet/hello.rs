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

#[cfg(test)]
mod tests {
    use super::super::vectors::assert_both_ways;
    use super::super::{Body, options};
    use super::*;

    /// Sent by BIRD 2.0.12 on a LAN of two, before the election.
    const CAPTURED: &str = "0201 0030 0a000002 00000000 e8c4 0000 0000000000000000
        ffffff00 0001 02 01 00000004 00000000 00000000 0a000001";

    #[test]
    fn a_captured_hello_reads_and_writes_as_it_came() {
        assert_both_ways(
            CAPTURED,
            0x0a00_0002,
            Body::Hello(Hello {
                network_mask: Ipv4Addr::new(255, 255, 255, 0),
                hello_interval: 1,
                options: options::E,
                priority: 1,
                router_dead_interval: 4,
                designated_router: Ipv4Addr::UNSPECIFIED,
                backup_designated_router: Ipv4Addr::UNSPECIFIED,
                neighbors: vec![RouterId(0x0a00_0001)],
            }),
        );
    }
}
