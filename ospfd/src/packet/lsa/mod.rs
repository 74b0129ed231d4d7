//! LSAs (RFC 2328 A.4): header, body, and the bytes that both came from.
//!
//! The types of RFC 2328 and 3101 are taken apart. All others are carried as bytes.

mod external;
mod grace;
mod header;
mod network;
mod router;
mod summary;

pub use external::{ExternalLsa, ExternalMetric};
pub use grace::{GRACE_OPAQUE_TYPE, GraceError, GraceLsa, RestartReason};
pub use header::{LSA_HEADER_LEN, LsType, LsaHeader, LsaKey, MAX_AGE, MAX_AGE_DIFF};
pub use network::NetworkLsa;
pub use router::{RouterLink, RouterLinkType, RouterLsa, flags as router_flags};
pub use summary::{LS_INFINITY, SummaryLsa};

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
    /// Types 3 and 4.
    Summary(SummaryLsa),
    /// Types 5 and 7.
    External(ExternalLsa),
    /// A type that is stored and flooded, but not interpreted.
    Opaque,
}

impl Lsa {
    /// Reads one LSA that fills `bytes`, and verifies its checksum (RFC 2328 §13 (1), A.4.1).
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
            LsType::Router
            | LsType::Network
            | LsType::SummaryNetwork
            | LsType::SummaryAsbr
            | LsType::AsExternal
            | LsType::Nssa => Err(EmitError::BodyMismatch(key)),
            LsType::OpaqueLink | LsType::OpaqueArea | LsType::OpaqueAs | LsType::Unknown(_) => {
                let (header, raw) = assemble(age, options, key, sequence, body)?;
                Ok(Self { header, body: LsaBody::Opaque, raw })
            }
        }
    }

    /// Does its checksum still fit its bytes (RFC 2328 §12.1.7)?
    pub fn is_intact(&self) -> bool {
        self.header.checksum != 0 && checksum::fletcher_is_valid(self.raw.get(AGE_LEN..).unwrap_or_default())
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
        match header.key.ls_type {
            LsType::Router => RouterLsa::parse(reader, bad_length).map(Self::Router),
            LsType::Network => NetworkLsa::parse(reader, bad_length).map(Self::Network),
            ls_type @ (LsType::SummaryNetwork | LsType::SummaryAsbr) => {
                SummaryLsa::parse(ls_type, reader, bad_length).map(Self::Summary)
            }
            LsType::AsExternal | LsType::Nssa => ExternalLsa::parse(reader, bad_length).map(Self::External),
            // Opaque bodies whose length is no multiple of 4 exist, and are taken as they are (RFC 5250 §3 asks for padding).
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
            (LsType::SummaryNetwork | LsType::SummaryAsbr, Self::Summary(summary)) => summary.emit(writer),
            (LsType::AsExternal | LsType::Nssa, Self::External(external)) => external.emit(writer),
            (_, Self::Router(_) | Self::Network(_) | Self::Summary(_) | Self::External(_) | Self::Opaque) => {
                Err(EmitError::BodyMismatch(key))
            }
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use common::ids::RouterId;

    use super::*;

    fn key(ls_type: LsType) -> LsaKey {
        LsaKey { ls_type, link_state_id: 1, advertising_router: RouterId(1) }
    }

    fn router_of(links: usize) -> LsaBody {
        let link = RouterLink { link_type: RouterLinkType::Stub, link_id: 1, link_data: u32::MAX, metric: 1 };
        LsaBody::Router(RouterLsa { flags: 0, links: vec![link; links] })
    }

    #[test]
    fn more_links_than_fit_are_an_error() {
        let most = (MAX_LSA_LEN - LSA_HEADER_LEN - 4) / 12;
        let build = |links| Lsa::build(0, 2, key(LsType::Router), 1, router_of(links));

        assert_eq!(most, 5455);
        assert!(build(most).is_ok_and(|lsa| Lsa::parse(&lsa.raw) == Ok(lsa)));
        assert_eq!(build(most + 1), Err(EmitError::LsaTooLong(24 + 12 * (most + 1))));
        assert_eq!(build(65_536), Err(EmitError::LsaTooLong(12 * 65_536)));
    }

    #[test]
    fn a_body_of_another_type_is_an_error() {
        let mismatch = |ls_type| Err(EmitError::BodyMismatch(key(ls_type)));

        for ls_type in [LsType::Network, LsType::AsExternal] {
            assert_eq!(Lsa::build(0, 2, key(ls_type), 1, router_of(1)), mismatch(ls_type));
        }
        assert_eq!(
            Lsa::build(0, 2, key(LsType::OpaqueArea), 1, LsaBody::Opaque),
            mismatch(LsType::OpaqueArea)
        );
        assert_eq!(Lsa::build_opaque(0, 2, key(LsType::Router), 1, &[0; 4]), mismatch(LsType::Router));
    }

    #[test]
    fn lengths_suit_the_types() {
        let table: [(u8, &[usize], &[usize]); 6] = [
            (3, &[8, 12, 20], &[0, 4, 7, 10]),
            (4, &[8], &[4, 9]),
            (5, &[16, 28], &[0, 12, 20, 27]),
            (7, &[16, 40], &[15, 36]),
            (10, &[0, 1, 3, 4, 1001], &[]),
            (200, &[0, 5, 8], &[]),
        ];
        for (number, good, bad) in table {
            let build = |len| assemble(1, 2, key(number.into()), 1, &vec![0; len]).unwrap();
            for (header, raw) in good.iter().copied().map(build) {
                assert!(Lsa::parse(&raw).is_ok_and(|lsa| lsa.header == header && lsa.raw == raw));
            }
            for (header, raw) in bad.iter().copied().map(build) {
                let error = DecodeError::LsaLength { ls_type: number.into(), length: header.length };
                assert_eq!(Lsa::parse(&raw), Err(error));
            }
        }
    }

    #[test]
    fn summaries_and_externals_survive_the_wire() {
        let network_mask = Ipv4Addr::new(255, 255, 255, 0);
        let summary = LsaBody::Summary(SummaryLsa { network_mask, metric: 77 });
        let external = LsaBody::External(ExternalLsa {
            network_mask,
            metric_type: ExternalMetric::Type2,
            metric: LS_INFINITY,
            forwarding_address: Ipv4Addr::UNSPECIFIED,
            route_tag: 7,
        });
        let bodies = [(3, &summary), (4, &summary), (5, &external), (7, &external)];
        for (number, body) in bodies {
            let lsa = Lsa::build(1, 2, key(number.into()), 1, body.clone()).unwrap();
            assert_eq!(Lsa::parse(&lsa.raw), Ok(lsa));
        }
        let swapped = Lsa::build(1, 2, key(LsType::AsExternal), 1, summary);
        assert_eq!(swapped, Err(EmitError::BodyMismatch(key(LsType::AsExternal))));
    }

    #[test]
    fn a_checksum_of_zero_is_refused() {
        let mut raw = vec![0; LSA_HEADER_LEN];
        raw[3] = 200;
        raw[19] = 20;
        // Make both sums vanish with the checksum bytes at zero, by using two bytes of the Link State ID for it.
        let sum = checksum::fletcher(&raw[AGE_LEN..], 4 - AGE_LEN).unwrap();
        raw[4..6].copy_from_slice(&sum.to_be_bytes());

        assert!(checksum::fletcher_is_valid(&raw[AGE_LEN..]));
        assert_eq!(Lsa::parse(&raw), Err(DecodeError::LsaChecksum(0)));
    }

    #[test]
    fn bytes_that_are_not_the_lsa_s_length_are_refused() {
        let lsa = Lsa::build(0, 2, key(LsType::Router), 1, router_of(1)).unwrap();
        let longer = [&lsa.raw[..], &[0]].concat();

        let framing = |left| Err(DecodeError::LsaFraming { length: 36, left });
        assert_eq!(Lsa::parse(&longer), framing(37));
        assert_eq!(Lsa::parse(&lsa.raw[..35]), framing(35));
    }
}
