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
