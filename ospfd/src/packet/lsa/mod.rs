//! LSAs (RFC 2328 A.4): header, body, and the bytes that both came from.
//!
//! Router- and Network-LSAs are taken apart. All others are carried as bytes; of the types that RFC 2328 and 3101
//! define, the length is checked.

mod header;
mod network;
mod router;

pub use header::{LSA_HEADER_LEN, LsType, LsaHeader, LsaKey, MAX_AGE, MAX_AGE_DIFF};
pub use network::NetworkLsa;
pub use router::{RouterLink, RouterLinkType, RouterLsa, flags as router_flags};

use bytes::Bytes;
use common::wire::{Reader, Writer, checksum};

use super::header::{MAX_PACKET_LEN, PACKET_HEADER_LEN};
use super::update::UPDATE_FIXED_LEN;
use super::{DecodeError, EmitError};

/// The longest LSA that a Link State Update can carry.
pub const MAX_LSA_LEN: usize = MAX_PACKET_LEN - PACKET_HEADER_LEN - UPDATE_FIXED_LEN;

/// The age stands at the front, and no checksum covers it (RFC 2328 §12.1.7).
const AGE_LEN: usize = 2;
const CHECKSUM_AT: usize = 16;
const LENGTH_AT: usize = 18;

/// Mask, then metrics by TOS (RFC 2328 A.4.4).
const SUMMARY_BODY: (usize, usize) = (8, 4);
/// Mask, then metric, forwarding address and tag by TOS (RFC 2328 A.4.5, RFC 3101 appendix A).
const EXTERNAL_BODY: (usize, usize) = (16, 12);

/// An LSA: its header, its body in words, and the bytes that both came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lsa {
    /// The header.
    pub header: LsaHeader,
    /// The body.
    pub body: LsaBody,
    /// Header and body exactly as received or built.
    pub raw: Bytes,
}

/// LSA bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LsaBody {
    /// Type 1.
    Router(RouterLsa),
    /// Type 2.
    Network(NetworkLsa),
    /// A type that is stored and flooded, but not interpreted.
    Opaque,
}

impl Lsa {
    /// Reads one LSA that fills `bytes`, and verifies its checksum (RFC 2328 §13 (1)).
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = LsaHeader::parse(&mut reader)?;
        if usize::from(header.length) != bytes.len() {
            return Err(DecodeError::LsaFraming { length: header.length, left: bytes.len() });
        }
        // RFC 2328 §12.1.7: zero is no checksum, although the sum cannot tell it from 0xffff.
        let covered = bytes.get(AGE_LEN..).unwrap_or_default();
        if header.checksum == 0 || !checksum::fletcher_is_valid(covered) {
            return Err(DecodeError::LsaChecksum(header.checksum));
        }
        Ok(Self { header, body: LsaBody::parse(&header, &mut reader)?, raw: Bytes::copy_from_slice(bytes) })
    }

    /// Builds an LSA, its checksum included, from a body of the key's type.
    pub fn build(
        age: u16,
        options: u8,
        key: LsaKey,
        sequence: i32,
        body: LsaBody,
    ) -> Result<Self, EmitError> {
        let mut writer = Writer::default();
        body.emit(key, &mut writer)?;
        let (header, raw) = assemble(age, options, key, sequence, writer.written())?;
        Ok(Self { header, body, raw })
    }

    /// Builds an LSA around the bytes of a body that is not interpreted.
    pub fn build_opaque(
        age: u16,
        options: u8,
        key: LsaKey,
        sequence: i32,
        body: &[u8],
    ) -> Result<Self, EmitError> {
        match key.ls_type {
            LsType::Router | LsType::Network => Err(EmitError::BodyMismatch(key)),
            _ => {
                let (header, raw) = assemble(age, options, key, sequence, body)?;
                Ok(Self { header, body: LsaBody::Opaque, raw })
            }
        }
    }

    /// The bytes with another age, and nothing else changed.
    pub fn raw_with_age(&self, age: u16) -> Bytes {
        if self.raw.starts_with(&age.to_be_bytes()) {
            return self.raw.clone();
        }
        let mut writer = Writer::with_capacity(self.raw.len());
        writer.bytes(&self.raw);
        writer.patch(0, &age.to_be_bytes());
        writer.finish()
    }

    /// The LSA with another age, in header and bytes.
    pub fn with_age(&self, age: u16) -> Self {
        Self {
            header: LsaHeader { age, ..self.header },
            body: self.body.clone(),
            raw: self.raw_with_age(age),
        }
    }
}

impl LsaBody {
    fn parse(header: &LsaHeader, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bad_length = DecodeError::LsaLength { ls_type: header.key.ls_type, length: header.length };
        let fits = |(least, step): (usize, usize)| {
            reader.remaining().checked_sub(least).is_some_and(|more| more.is_multiple_of(step))
        };
        match header.key.ls_type {
            LsType::Router => RouterLsa::parse(reader, bad_length).map(Self::Router),
            LsType::Network => NetworkLsa::parse(reader, bad_length).map(Self::Network),
            LsType::SummaryNetwork | LsType::SummaryAsbr if fits(SUMMARY_BODY) => Ok(Self::Opaque),
            LsType::AsExternal | LsType::Nssa if fits(EXTERNAL_BODY) => Ok(Self::Opaque),
            LsType::SummaryNetwork | LsType::SummaryAsbr | LsType::AsExternal | LsType::Nssa => {
                Err(bad_length)
            }
            // Opaque bodies whose length is no multiple of 4 exist, and are taken as they are (RFC 5250 asks for padding).
            LsType::OpaqueLink | LsType::OpaqueArea | LsType::OpaqueAs | LsType::Unknown(_) => {
                Ok(Self::Opaque)
            }
        }
    }

    fn emit(&self, key: LsaKey, writer: &mut Writer) -> Result<(), EmitError> {
        match (key.ls_type, self) {
            (LsType::Router, Self::Router(router)) => router.emit(writer),
            (LsType::Network, Self::Network(network)) => {
                network.emit(writer);
                Ok(())
            }
            (_, Self::Router(_) | Self::Network(_) | Self::Opaque) => Err(EmitError::BodyMismatch(key)),
        }
    }
}

fn assemble(
    age: u16,
    options: u8,
    key: LsaKey,
    sequence: i32,
    body: &[u8],
) -> Result<(LsaHeader, Bytes), EmitError> {
    let whole = LSA_HEADER_LEN + body.len();
    if whole > MAX_LSA_LEN {
        return Err(EmitError::LsaTooLong(whole));
    }
    let length = u16::try_from(whole).map_err(|_| EmitError::LsaTooLong(whole))?;
    let mut header = LsaHeader { age, options, key, sequence, checksum: 0, length };
    let mut writer = Writer::with_capacity(whole);
    header.emit(&mut writer);
    writer.bytes(body);
    let covered = writer.written().get(AGE_LEN..).unwrap_or_default();
    header.checksum =
        checksum::fletcher(covered, CHECKSUM_AT - AGE_LEN).ok_or(EmitError::LsaTooLong(whole))?;
    writer.patch(CHECKSUM_AT, &header.checksum.to_be_bytes());
    Ok((header, writer.finish()))
}
