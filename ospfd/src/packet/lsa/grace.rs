//! Body of a grace LSA (RFC 3623 appendix A): a type-9 opaque LSA of opaque type 3, made of TLVs.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use common::wire::{Reader, Truncated, Writer};

use super::{LSA_HEADER_LEN, LsType, Lsa, LsaKey};

/// RFC 3623 appendix A: the opaque type of grace LSAs.
pub const GRACE_OPAQUE_TYPE: u8 = 3;

const GRACE_PERIOD: u16 = 1;
const RESTART_REASON: u16 = 2;
const INTERFACE_ADDRESS: u16 = 3;
/// A TLV is padded to four bytes.
const ALIGNMENT: usize = 4;

/// A router restarts, and asks its neighbours to go on as if it were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraceLsa {
    /// How long, from the moment when the LSA had age 0.
    pub period: Duration,
    /// Why.
    pub reason: RestartReason,
    /// The router's address on the link; needed where there may be more than two routers.
    pub address: Option<Ipv4Addr>,
}

/// Why a router restarts (RFC 3623 appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartReason {
    /// 0
    Unknown,
    /// 1
    SoftwareRestart,
    /// 2
    SoftwareUpgrade,
    /// 3
    SwitchToRedundant,
    /// Any other.
    Other(u8),
}

impl RestartReason {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::SoftwareRestart => "software-restart",
            Self::SoftwareUpgrade => "software-upgrade",
            Self::SwitchToRedundant => "switch-to-redundant",
            Self::Other(_) => "other",
        }
    }
}

impl From<u8> for RestartReason {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::SoftwareRestart,
            2 => Self::SoftwareUpgrade,
            3 => Self::SwitchToRedundant,
            other => Self::Other(other),
        }
    }
}

impl From<RestartReason> for u8 {
    fn from(reason: RestartReason) -> Self {
        match reason {
            RestartReason::Unknown => 0,
            RestartReason::SoftwareRestart => 1,
            RestartReason::SoftwareUpgrade => 2,
            RestartReason::SwitchToRedundant => 3,
            RestartReason::Other(other) => other,
        }
    }
}

/// What is wrong with a grace LSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraceError {
    /// It ends inside a TLV.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// A TLV has another length than its type.
    #[error("TLV {kind} of a grace LSA has {length} bytes")]
    Length {
        /// Its type.
        kind: u16,
        /// Its length.
        length: u16,
    },
    /// A TLV that every grace LSA has is missing.
    #[error("a grace LSA without TLV {0}")]
    Missing(u16),
}

impl GraceLsa {
    /// Is an LSA of this key a grace LSA?
    pub const fn is_key(key: LsaKey) -> bool {
        matches!(key.ls_type, LsType::OpaqueLink) && key.link_state_id >> 24 == GRACE_OPAQUE_TYPE as u32
    }

    /// Reads what `lsa`, whose key says that it is a grace LSA, holds. Of TLVs that come twice the last counts.
    ///
    /// # Errors
    /// A TLV that is cut short, has a wrong length, or is missing.
    pub fn read(lsa: &Lsa) -> Result<Self, GraceError> {
        let mut reader = Reader::new(lsa.raw.get(LSA_HEADER_LEN..).unwrap_or_default());
        let (mut period, mut reason, mut address) = (None, None, None);
        while !reader.is_empty() {
            let kind = reader.u16("TLV type")?;
            let length = reader.u16("TLV length")?;
            let value = reader.bytes("TLV value", usize::from(length))?;
            let padding = usize::from(length).next_multiple_of(ALIGNMENT) - usize::from(length);
            reader.bytes("TLV padding", padding.min(reader.remaining()))?;
            match (kind, value) {
                (GRACE_PERIOD, &[a, b, c, d]) => period = Some(u32::from_be_bytes([a, b, c, d])),
                (RESTART_REASON, &[number]) => reason = Some(RestartReason::from(number)),
                (INTERFACE_ADDRESS, &[a, b, c, d]) => address = Some(Ipv4Addr::new(a, b, c, d)),
                (GRACE_PERIOD | RESTART_REASON | INTERFACE_ADDRESS, _) => {
                    return Err(GraceError::Length { kind, length });
                }
                // What later documents add.
                (_, _) => {}
            }
        }
        Ok(Self {
            period: Duration::from_secs(period.ok_or(GraceError::Missing(GRACE_PERIOD))?.into()),
            reason: reason.ok_or(GraceError::Missing(RESTART_REASON))?,
            address,
        })
    }

    /// The bytes of the body.
    pub fn to_body(&self) -> Bytes {
        let mut writer = Writer::default();
        writer.u16(GRACE_PERIOD);
        writer.u16(4);
        writer.u32(u32::try_from(self.period.as_secs()).unwrap_or(u32::MAX));
        writer.u16(RESTART_REASON);
        writer.u16(1);
        writer.bytes(&[self.reason.into(), 0, 0, 0]);
        if let Some(address) = self.address {
            writer.u16(INTERFACE_ADDRESS);
            writer.u16(4);
            writer.ipv4(address);
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use common::ids::RouterId;

    use super::*;

    const KEY: LsaKey =
        LsaKey { ls_type: LsType::OpaqueLink, link_state_id: 0x0300_0000, advertising_router: RouterId(7) };
    const GRACE: GraceLsa = GraceLsa {
        period: Duration::from_secs(120),
        reason: RestartReason::SoftwareUpgrade,
        address: Some(Ipv4Addr::new(10, 1, 0, 2)),
    };
    /// Laid out by hand after RFC 3623 appendix A.
    const BODY: [u8; 24] = [
        0, 1, 0, 4, 0, 0, 0, 120, // grace period
        0, 2, 0, 1, 2, 0, 0, 0, // reason, padded
        0, 3, 0, 4, 10, 1, 0, 2, // interface address
    ];

    fn read(body: &[u8]) -> Result<GraceLsa, GraceError> {
        GraceLsa::read(&Lsa::build_opaque(0, 2, KEY, 1, body).unwrap())
    }

    #[test]
    fn a_grace_lsa_is_its_three_tlvs_in_both_directions() {
        assert_eq!(read(&BODY), Ok(GRACE));
        assert_eq!(GRACE.to_body()[..], BODY);
        let plain = GraceLsa { address: None, ..GRACE };
        assert_eq!(read(&plain.to_body()), Ok(plain));
        assert_eq!(plain.to_body()[..], BODY[..16]);
    }

    #[test]
    fn only_link_local_opaque_lsas_of_type_3_are_grace_lsas() {
        assert!(GraceLsa::is_key(KEY) && GraceLsa::is_key(LsaKey { link_state_id: 0x0300_0009, ..KEY }));
        assert!(!GraceLsa::is_key(LsaKey { link_state_id: 0x0400_0000, ..KEY }));
        assert!(!GraceLsa::is_key(LsaKey { ls_type: LsType::OpaqueArea, ..KEY }));
    }

    #[test]
    fn unknown_tlvs_are_passed_over_and_reasons_keep_their_numbers() {
        let mut body = vec![0x80, 1, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];
        body.extend(BODY);
        assert_eq!(read(&body), Ok(GRACE));
        for number in 0..=u8::MAX {
            assert_eq!(u8::from(RestartReason::from(number)), number);
        }
    }

    #[test]
    fn what_is_cut_short_missing_or_of_wrong_length_is_refused() {
        for cut in (1..24).filter(|cut| ![16, 13, 14, 15].contains(cut)) {
            assert!(read(&BODY[..cut]).is_err(), "{cut} bytes");
        }
        assert_eq!(read(&BODY[8..]), Err(GraceError::Missing(GRACE_PERIOD)));
        assert_eq!(read(&BODY[..8]), Err(GraceError::Missing(RESTART_REASON)));
        assert_eq!(read(&[0, 1, 0, 2, 0, 9, 0, 0]), Err(GraceError::Length { kind: 1, length: 2 }));
    }
}
