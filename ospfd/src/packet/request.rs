//! Link State Request packet (RFC 2328 A.3.4).

use common::ids::RouterId;
use common::wire::{Reader, Writer};

use super::{DecodeError, LsType, LsaKey};

/// Bytes that one requested LSA takes.
pub const REQUEST_LEN: usize = 12;

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Vec<LsaKey>, DecodeError> {
    let mut keys = Vec::with_capacity(reader.remaining() / REQUEST_LEN);
    while reader.remaining() >= REQUEST_LEN {
        // The type has four bytes here, and one in an LSA.
        let ls_type = reader.u32("request ls type")?;
        keys.push(LsaKey {
            ls_type: u8::try_from(ls_type)
                .map(LsType::from)
                .map_err(|_| DecodeError::LsTypeRange(ls_type))?,
            link_state_id: reader.u32("request link state id")?,
            advertising_router: RouterId(reader.u32("request advertising router")?),
        });
    }
    if !reader.is_empty() {
        return Err(DecodeError::Trailing { field: "requests", left: reader.remaining() });
    }
    Ok(keys)
}

pub(super) fn emit(keys: &[LsaKey], writer: &mut Writer) {
    for key in keys {
        writer.u32(u32::from(u8::from(key.ls_type)));
        writer.u32(key.link_state_id);
        writer.u32(key.advertising_router.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::vectors::assert_both_ways;
    use super::*;

    /// Sent by BIRD 2.0.12 to FRR 8.4.4.
    const CAPTURED: &str = "0203 0024 0a000002 00000000 dfd3 0000 0000000000000000
        00000001 0a000001 0a000001";

    #[test]
    fn a_captured_request_reads_and_writes_as_it_came() {
        let key = LsaKey {
            ls_type: LsType::Router,
            link_state_id: 0x0a00_0001,
            advertising_router: RouterId(0x0a00_0001),
        };

        assert_both_ways(CAPTURED, 0x0a00_0002, Body::LinkStateRequest(vec![key]));
    }

    #[test]
    fn a_type_beyond_one_byte_is_refused() {
        let body = [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];

        assert_eq!(parse(&mut Reader::new(&body)), Err(DecodeError::LsTypeRange(0x101)));
    }
}
