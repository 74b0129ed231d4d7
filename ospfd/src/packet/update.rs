//! Link State Update packet (RFC 2328 A.3.5).

use bytes::Bytes;
use common::ids::{AreaId, RouterId};
use common::wire::{Reader, Writer};

use super::header::{TYPE_LINK_STATE_UPDATE, emit_packet};
use super::{Auth, DecodeError, EmitError, LSA_HEADER_LEN, Lsa, LsaHeader, LsaKey};

/// Bytes of a Link State Update between the packet header and the first LSA.
pub const UPDATE_FIXED_LEN: usize = 4;

/// An LSA that was left out of a Link State Update, while its neighbours in the packet were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedLsa {
    /// What it claimed to be.
    pub key: LsaKey,
    /// Why it was left out.
    pub error: DecodeError,
}

pub(super) fn parse(reader: &mut Reader<'_>, skipped: &mut Vec<SkippedLsa>) -> Result<Vec<Lsa>, DecodeError> {
    let count = reader.u32("update lsa count")?;
    let mut lsas = Vec::new();
    // The count is the peer's word: the bytes at hand end the loop, and nothing is reserved by it.
    for _ in 0..count {
        let header = LsaHeader::parse(&mut Reader::new(reader.peek()))?;
        let length = usize::from(header.length);
        if length < LSA_HEADER_LEN || length > reader.remaining() {
            return Err(DecodeError::LsaFraming { length: header.length, left: reader.remaining() });
        }
        match Lsa::parse(reader.bytes("update lsa", length)?) {
            Ok(lsa) => lsas.push(lsa),
            Err(error) => skipped.push(SkippedLsa { key: header.key, error }),
        }
    }
    if !reader.is_empty() {
        return Err(DecodeError::Trailing { field: "update lsas", left: reader.remaining() });
    }
    Ok(lsas)
}

pub(super) fn emit<'a>(lsas: impl ExactSizeIterator<Item = &'a Bytes>, writer: &mut Writer) {
    // A count that does not fit comes with a length that does not fit, and that is refused.
    writer.u32(u32::try_from(lsas.len()).unwrap_or(u32::MAX));
    for lsa in lsas {
        writer.bytes(lsa);
    }
}

/// A Link State Update straight from the bytes of its LSAs, see [`Lsa::raw_with_age`]. The only error is a packet
/// longer than an IP datagram.
pub fn encode_update(
    router_id: RouterId,
    area_id: AreaId,
    lsas: &[Bytes],
    auth: &Auth,
) -> Result<Bytes, EmitError> {
    emit_packet(TYPE_LINK_STATE_UPDATE, (router_id, area_id), auth, |writer| emit(lsas.iter(), writer))
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{assert_both_ways, bytes};
    use super::super::{
        Body, LsType, LsaBody, NetworkLsa, Packet, RouterLink, RouterLinkType, RouterLsa, router_flags,
    };
    use super::*;

    /// Sent by FRR 8.4.4 as an AS boundary router: one transit link, one host address on its loopback.
    const ROUTER: &str = "0204 004c 0a000001 00000000 752b 0000 0000000000000000 00000001
        0001 02 01 0a000001 0a000001 80000005 0b26 0030
        02 00 0002
        0a090002 0a090001 02 00 000a
        c0000201 ffffffff 03 00 0000";

    /// Sent by BIRD 2.0.12 as Designated Router.
    const NETWORK: &str = "0204 003c 0a000002 00000000 ded0 0000 0000000000000000 00000001
        0001 42 02 0a090002 0a000002 80000001 2bb6 0020
        ffffff00 0a000002 0a000001";

    fn router_lsa() -> Lsa {
        let key = LsaKey {
            ls_type: LsType::Router,
            link_state_id: 0x0a00_0001,
            advertising_router: RouterId(0x0a00_0001),
        };
        let transit = RouterLink {
            link_type: RouterLinkType::Transit,
            link_id: 0x0a09_0002,
            link_data: 0x0a09_0001,
            metric: 10,
        };
        let stub = RouterLink {
            link_type: RouterLinkType::Stub,
            link_id: 0xc000_0201,
            link_data: u32::MAX,
            metric: 0,
        };
        let body = LsaBody::Router(RouterLsa { flags: router_flags::E, links: vec![transit, stub] });
        Lsa::build(1, 2, key, i32::MIN + 5, body).unwrap()
    }

    #[test]
    fn a_captured_router_lsa_reads_and_builds_as_it_came() {
        assert_both_ways(ROUTER, 0x0a00_0001, Body::LinkStateUpdate(vec![router_lsa()]));
    }

    #[test]
    fn a_captured_network_lsa_reads_and_builds_as_it_came() {
        let key = LsaKey {
            ls_type: LsType::Network,
            link_state_id: 0x0a09_0002,
            advertising_router: RouterId(0x0a00_0002),
        };
        let body = LsaBody::Network(NetworkLsa {
            network_mask: [255, 255, 255, 0].into(),
            attached_routers: vec![RouterId(0x0a00_0002), RouterId(0x0a00_0001)],
        });
        let lsa = Lsa::build(1, 0x42, key, i32::MIN + 1, body).unwrap();

        assert_both_ways(NETWORK, 0x0a00_0002, Body::LinkStateUpdate(vec![lsa]));
    }

    #[test]
    fn an_update_from_raw_bytes_is_the_update_of_the_lsas() {
        let raw = router_lsa().raw;

        let update = encode_update(RouterId(0x0a00_0001), AreaId(0), &[raw], &Auth::Null).unwrap();

        assert_eq!(update, bytes(ROUTER));
    }

    #[test]
    fn another_age_keeps_the_checksum_valid() {
        let aged = router_lsa().with_age(3600);

        assert_eq!(Lsa::parse(&aged.raw).as_ref(), Ok(&aged));
        assert_eq!(aged.header.checksum, 0x0b26);
        assert_eq!(aged.raw[2..], router_lsa().raw[2..]);
    }

    #[test]
    fn a_bad_lsa_is_left_out_and_its_neighbours_are_kept() {
        let good = router_lsa();
        let mut bad = good.raw.to_vec();
        bad[30] ^= 1;
        let lsas = [good.raw.clone(), bad.into(), good.raw.clone()];
        let update = encode_update(RouterId(1), AreaId(0), &lsas, &Auth::Null).unwrap();

        let decoded = Packet::decode(&update, &Auth::Null).unwrap();

        assert_eq!(decoded.packet.body, Body::LinkStateUpdate(vec![good.clone(), good.clone()]));
        let error = DecodeError::LsaChecksum(0x0b26);
        assert_eq!(decoded.skipped, [SkippedLsa { key: good.header.key, error }]);
    }
}
