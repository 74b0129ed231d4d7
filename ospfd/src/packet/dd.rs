//! Database Description packet (RFC 2328 A.3.3).

use common::wire::{Reader, Writer};

use super::{DecodeError, LsaHeader};

/// Bytes of a Database Description between the packet header and the first LSA header.
pub const DD_FIXED_LEN: usize = 8;

const FLAG_MASTER: u8 = 0x01;
const FLAG_MORE: u8 = 0x02;
const FLAG_INIT: u8 = 0x04;

/// Database Description packet (RFC 2328 A.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseDescription {
    /// Largest IP datagram that the sender's interface takes unfragmented, in bytes; 0 on virtual links.
    pub mtu: u16,
    /// Options (A.2).
    pub options: u8,
    /// I: the first packet of the sequence.
    pub init: bool,
    /// M: more follow.
    pub more: bool,
    /// MS: the sender is master.
    pub master: bool,
    /// DD sequence number.
    pub sequence: u32,
    /// Headers of the sender's LSAs.
    pub headers: Vec<LsaHeader>,
}

impl DatabaseDescription {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mtu = reader.u16("database description mtu")?;
        let options = reader.u8("database description options")?;
        let flags = reader.u8("database description flags")?;
        let sequence = reader.u32("database description sequence")?;
        Ok(Self {
            mtu,
            options,
            init: flags & FLAG_INIT != 0,
            more: flags & FLAG_MORE != 0,
            master: flags & FLAG_MASTER != 0,
            sequence,
            headers: LsaHeader::parse_list(reader, "database description headers")?,
        })
    }

    pub(super) fn emit(&self, writer: &mut Writer) {
        writer.u16(self.mtu);
        writer.u8(self.options);
        let init = if self.init { FLAG_INIT } else { 0 };
        let more = if self.more { FLAG_MORE } else { 0 };
        let master = if self.master { FLAG_MASTER } else { 0 };
        writer.u8(init | more | master);
        writer.u32(self.sequence);
        for header in &self.headers {
            header.emit(writer);
        }
    }
}

#[cfg(test)]
mod tests {
    use common::ids::RouterId;

    use super::super::vectors::assert_both_ways;
    use super::super::{Body, LsType, LsaKey, options};
    use super::*;

    /// Sent by BIRD 2.0.12 as master, with its own Router-LSA.
    const CAPTURED: &str = "0202 0034 0a000002 00000000 4318 0000 0000000000000000
        05dc 42 01 df7dbc0d 0003 42 01 0a000002 0a000002 80000001 f70c 0030";

    #[test]
    fn a_captured_description_reads_and_writes_as_it_came() {
        assert_both_ways(
            CAPTURED,
            0x0a00_0002,
            Body::DatabaseDescription(DatabaseDescription {
                mtu: 1500,
                options: options::E | options::O,
                init: false,
                more: false,
                master: true,
                sequence: 0xdf7d_bc0d,
                headers: vec![LsaHeader {
                    age: 3,
                    options: options::E | options::O,
                    key: LsaKey {
                        ls_type: LsType::Router,
                        link_state_id: 0x0a00_0002,
                        advertising_router: RouterId(0x0a00_0002),
                    },
                    sequence: i32::MIN + 1,
                    checksum: 0xf70c,
                    length: 48,
                }],
            }),
        );
    }

    #[test]
    fn each_flag_has_its_own_bit() {
        for (flags, init, more, master) in [
            (0x04, true, false, false),
            (0x02, false, true, false),
            (0x01, false, false, true),
            (0xf8, false, false, false),
        ] {
            let body = [0x05, 0xdc, 0x02, flags, 0, 0, 0, 9];
            let description = DatabaseDescription::parse(&mut Reader::new(&body)).unwrap();

            assert_eq!((description.init, description.more, description.master), (init, more, master));
        }
    }
}
