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

#[cfg(test)]
mod tests {
    use super::super::LsType;
    use super::*;

    const BAD_LENGTH: DecodeError = DecodeError::LsaLength { ls_type: LsType::Network, length: 0 };

    #[test]
    fn masks_may_be_any_prefix_and_have_no_holes() {
        for mask in [0_u32, 0x8000_0000, 0xffff_ff00, u32::MAX] {
            let network = NetworkLsa::parse(&mut Reader::new(&mask.to_be_bytes()), BAD_LENGTH).unwrap();
            assert_eq!(network.network_mask.to_bits(), mask);
        }
        for mask in [1_u32, 0xff00_ff00, 0x7fff_ffff] {
            let read = NetworkLsa::parse(&mut Reader::new(&mask.to_be_bytes()), BAD_LENGTH);
            assert_eq!(read, Err(DecodeError::NetworkMask(mask)));
        }
    }

    #[test]
    fn a_body_without_a_whole_mask_or_router_is_refused() {
        for body in [&[][..], &[255, 255, 255], &[255, 255, 255, 0, 10], &[255, 255, 255, 0, 10, 0, 0]] {
            assert_eq!(NetworkLsa::parse(&mut Reader::new(body), BAD_LENGTH), Err(BAD_LENGTH));
        }
    }
}
