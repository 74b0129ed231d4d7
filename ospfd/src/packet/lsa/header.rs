//! LSA header (RFC 2328 A.4.1), and which of two instances is newer (§13.1).

use std::cmp::Ordering;
use std::fmt;
use std::net::Ipv4Addr;

use common::ids::RouterId;
use common::wire::{Reader, Writer};

use super::DecodeError;

/// Length of the LSA header.
pub const LSA_HEADER_LEN: usize = 20;
/// MaxAge in seconds (RFC 2328 appendix B).
pub const MAX_AGE: u16 = 3600;
/// MaxAgeDiff in seconds (RFC 2328 appendix B).
pub const MAX_AGE_DIFF: u16 = 900;

/// DoNotAge (RFC 1793): we do not speak of demand circuits, so that nobody should send it to us.
const DO_NOT_AGE: u16 = 0x8000;

/// LS type (RFC 2328 A.4.1; 9, 10, 11: RFC 5250).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LsType {
    /// 1
    Router,
    /// 2
    Network,
    /// 3
    SummaryNetwork,
    /// 4
    SummaryAsbr,
    /// 5
    AsExternal,
    /// 7
    Nssa,
    /// 9
    OpaqueLink,
    /// 10
    OpaqueArea,
    /// 11
    OpaqueAs,
    /// Any other.
    Unknown(u8),
}

/// What identifies an LSA within its flooding scope (RFC 2328 §12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LsaKey {
    /// LS type.
    pub ls_type: LsType,
    /// Link State ID.
    pub link_state_id: u32,
    /// Advertising Router.
    pub advertising_router: RouterId,
}

/// LSA header (RFC 2328 A.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LsaHeader {
    /// LS age in seconds, without DoNotAge, and never above MaxAge (RFC 2328 §12.1.1).
    pub age: u16,
    /// Options (A.2).
    pub options: u8,
    /// Type, Link State ID, Advertising Router.
    pub key: LsaKey,
    /// LS sequence number, signed (RFC 2328 §12.1.6).
    pub sequence: i32,
    /// LS checksum as on the wire.
    pub checksum: u16,
    /// Length in bytes, these 20 included.
    pub length: u16,
}

impl LsType {
    /// Is it one of the types of RFC 5250?
    pub const fn is_opaque(self) -> bool {
        match self {
            Self::OpaqueLink | Self::OpaqueArea | Self::OpaqueAs => true,
            Self::Router
            | Self::Network
            | Self::SummaryNetwork
            | Self::SummaryAsbr
            | Self::AsExternal
            | Self::Nssa
            | Self::Unknown(_) => false,
        }
    }
}

impl LsaHeader {
    /// Compares how recent two instances of the same LSA are, both with their age of now: `Greater` when `self` is
    /// newer, `Equal` when they are the same instance.
    pub fn recency(&self, other: &Self) -> Ordering {
        // RFC 2328 §13.1: sequence number, then checksum, then MaxAge, then an age that differs by more than MaxAgeDiff.
        self.sequence
            .cmp(&other.sequence)
            .then(self.checksum.cmp(&other.checksum))
            .then((self.age >= MAX_AGE).cmp(&(other.age >= MAX_AGE)))
            .then_with(|| match self.age.abs_diff(other.age) > MAX_AGE_DIFF {
                true => other.age.cmp(&self.age),
                false => Ordering::Equal,
            })
    }

    pub(in crate::packet) fn parse(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            age: (reader.u16("ls age")? & !DO_NOT_AGE).min(MAX_AGE),
            options: reader.u8("ls options")?,
            key: LsaKey {
                ls_type: LsType::from(reader.u8("ls type")?),
                link_state_id: reader.u32("link state id")?,
                advertising_router: RouterId(reader.u32("advertising router")?),
            },
            sequence: reader.i32("ls sequence number")?,
            checksum: reader.u16("ls checksum")?,
            length: reader.u16("ls length")?,
        })
    }

    /// The headers that fill the rest of a packet.
    pub(in crate::packet) fn parse_list(
        reader: &mut Reader<'_>,
        field: &'static str,
    ) -> Result<Vec<Self>, DecodeError> {
        let mut headers = Vec::with_capacity(reader.remaining() / LSA_HEADER_LEN);
        while reader.remaining() >= LSA_HEADER_LEN {
            let header = Self::parse(reader)?;
            if usize::from(header.length) < LSA_HEADER_LEN {
                return Err(DecodeError::LsaLength { ls_type: header.key.ls_type, length: header.length });
            }
            headers.push(header);
        }
        if !reader.is_empty() {
            return Err(DecodeError::Trailing { field, left: reader.remaining() });
        }
        Ok(headers)
    }

    pub(in crate::packet) fn emit(&self, writer: &mut Writer) {
        writer.u16(self.age);
        writer.u8(self.options);
        writer.u8(self.key.ls_type.into());
        writer.u32(self.key.link_state_id);
        writer.u32(self.key.advertising_router.0);
        writer.i32(self.sequence);
        writer.u16(self.checksum);
        writer.u16(self.length);
    }
}

impl From<u8> for LsType {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Router,
            2 => Self::Network,
            3 => Self::SummaryNetwork,
            4 => Self::SummaryAsbr,
            5 => Self::AsExternal,
            7 => Self::Nssa,
            9 => Self::OpaqueLink,
            10 => Self::OpaqueArea,
            11 => Self::OpaqueAs,
            unknown => Self::Unknown(unknown),
        }
    }
}

impl From<LsType> for u8 {
    fn from(ls_type: LsType) -> Self {
        match ls_type {
            LsType::Router => 1,
            LsType::Network => 2,
            LsType::SummaryNetwork => 3,
            LsType::SummaryAsbr => 4,
            LsType::AsExternal => 5,
            LsType::Nssa => 7,
            LsType::OpaqueLink => 9,
            LsType::OpaqueArea => 10,
            LsType::OpaqueAs => 11,
            LsType::Unknown(number) => number,
        }
    }
}

/// The name in kebab case, or the number of a type that has none here.
impl fmt::Display for LsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Router => "router",
            Self::Network => "network",
            Self::SummaryNetwork => "summary-network",
            Self::SummaryAsbr => "summary-asbr",
            Self::AsExternal => "as-external",
            Self::Nssa => "nssa",
            Self::OpaqueLink => "opaque-link",
            Self::OpaqueArea => "opaque-area",
            Self::OpaqueAs => "opaque-as",
            Self::Unknown(number) => return write!(f, "type-{number}"),
        })
    }
}

/// Type, Link State ID, and who advertises it.
impl fmt::Display for LsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} of {}",
            self.ls_type,
            Ipv4Addr::from_bits(self.link_state_id),
            self.advertising_router
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header((sequence, checksum, age): (i32, u16, u16)) -> LsaHeader {
        let key = LsaKey { ls_type: LsType::Router, link_state_id: 1, advertising_router: RouterId(1) };
        LsaHeader { age, options: 2, key, sequence, checksum, length: 20 }
    }

    #[test]
    fn recency_follows_the_rules_in_order() {
        const FIRST: i32 = i32::MIN + 1;
        // RFC 2328 §13.1, rule by rule: (sequence, checksum, age) of the newer, then of the older instance.
        let newer = [
            ("sequence beats all", (FIRST + 1, 0, 0), (FIRST, 9, MAX_AGE)),
            ("sequences are signed", (1, 0, 0), (-1, 0, 0)),
            ("the last sequence beats the first", (i32::MAX, 0, 0), (FIRST, 0, 0)),
            ("checksum comes next", (FIRST, 9, 0), (FIRST, 8, MAX_AGE)),
            ("checksums are unsigned", (FIRST, 0x8000, 0), (FIRST, 0x7fff, 0)),
            ("MaxAge comes next", (FIRST, 9, MAX_AGE), (FIRST, 9, MAX_AGE - 1)),
            ("beyond MaxAgeDiff the younger wins", (FIRST, 9, 99), (FIRST, 9, 99 + MAX_AGE_DIFF + 1)),
        ];
        for (rule, new, old) in newer {
            assert_eq!(header(new).recency(&header(old)), Ordering::Greater, "{rule}");
            assert_eq!(header(old).recency(&header(new)), Ordering::Less, "{rule}");
        }
        let same = [
            ("within MaxAgeDiff they are the same", (FIRST, 9, 0), (FIRST, 9, MAX_AGE_DIFF)),
            ("both at MaxAge", (FIRST, 9, MAX_AGE), (FIRST, 9, MAX_AGE)),
        ];
        for (rule, one, other) in same {
            assert_eq!(header(one).recency(&header(other)), Ordering::Equal, "{rule}");
        }
    }

    #[test]
    fn an_age_on_the_wire_is_capped_and_freed_of_do_not_age() {
        for (wire, age) in [(0_u16, 0), (3599, 3599), (3601, 3600), (0x7fff, 3600), (0x8005, 5)] {
            let mut bytes = [0; LSA_HEADER_LEN];
            bytes[..2].copy_from_slice(&wire.to_be_bytes());

            assert_eq!(LsaHeader::parse(&mut Reader::new(&bytes)).unwrap().age, age);
        }
    }

    #[test]
    fn every_type_number_survives() {
        for number in 0..=u8::MAX {
            assert_eq!(u8::from(LsType::from(number)), number);
        }
        assert_eq!(LsType::from(5).to_string(), "as-external");
        assert_eq!(LsType::from(6).to_string(), "type-6");
    }
}
