//! Link State Acknowledgment packet (RFC 2328 A.3.6).

use common::wire::{Reader, Writer};

use super::{DecodeError, LsaHeader};

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Vec<LsaHeader>, DecodeError> {
    LsaHeader::parse_list(reader, "acknowledgment headers")
}

pub(super) fn emit(headers: &[LsaHeader], writer: &mut Writer) {
    for header in headers {
        header.emit(writer);
    }
}

#[cfg(test)]
mod tests {
    use common::ids::RouterId;

    use super::super::vectors::assert_both_ways;
    use super::super::{Body, LsType, LsaKey};
    use super::*;

    /// Sent by BIRD 2.0.12: two instances of one Router-LSA at once.
    const CAPTURED: &str = "0205 0040 0a000002 00000000 9afa 0000 0000000000000000
        0001 02 01 0a000001 0a000001 80000003 2127 0030
        0001 02 01 0a000001 0a000001 80000005 0b26 0030";

    #[test]
    fn a_captured_acknowledgment_reads_and_writes_as_it_came() {
        let key = LsaKey {
            ls_type: LsType::Router,
            link_state_id: 0x0a00_0001,
            advertising_router: RouterId(0x0a00_0001),
        };
        let third =
            LsaHeader { age: 1, options: 2, key, sequence: i32::MIN + 3, checksum: 0x2127, length: 48 };
        let fifth = LsaHeader { sequence: i32::MIN + 5, checksum: 0x0b26, ..third };

        assert_both_ways(CAPTURED, 0x0a00_0002, Body::LinkStateAck(vec![third, fifth]));
    }
}
