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
