//! Network-LSA body (RFC 2328 A.4.3).

use std::net::Ipv4Addr;

use common::ids::RouterId;
use common::wire::{Reader, Writer};

use super::DecodeError;

const ROUTER_LEN: usize = 4;

/// Network-LSA body (RFC 2328 A.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkLsa {
    /// Mask of the network; its ones come first.
    pub network_mask: Ipv4Addr,
    /// Routers fully adjacent to the Designated Router, itself included.
    pub attached_routers: Vec<RouterId>,
}

impl NetworkLsa {
    pub(super) fn parse(reader: &mut Reader<'_>, bad_length: DecodeError) -> Result<Self, DecodeError> {
        let network_mask = reader.ipv4("network mask").map_err(|_| bad_length)?;
        let mask = network_mask.to_bits();
        if mask.leading_ones() != mask.count_ones() {
            return Err(DecodeError::NetworkMask(mask));
        }
        let mut attached_routers = Vec::with_capacity(reader.remaining() / ROUTER_LEN);
        while !reader.is_empty() {
            attached_routers.push(RouterId(reader.u32("attached router").map_err(|_| bad_length)?));
        }
        Ok(Self { network_mask, attached_routers })
    }

    pub(super) fn emit(&self, writer: &mut Writer) {
        writer.ipv4(self.network_mask);
        for router in &self.attached_routers {
            writer.u32(router.0);
        }
    }
}
