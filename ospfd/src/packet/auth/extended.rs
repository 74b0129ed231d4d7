//! AuType 3: HMAC-SHA with sequence numbers of 64 bits that are never used twice (RFC 7474).
//!
//! Key id and digest length stand in the header, the sequence number between packet and digest. The digest covers both, and
//! the IP source address. MD5 has no place in it: RFC 7474 builds on RFC 5709.

use std::net::Ipv4Addr;

use subtle::ConstantTimeEq;

use super::super::DecodeError;
use super::crypto::{CryptoKey, Stamp};
use super::{FIELD_LEN, Received};

/// Bytes of the sequence number, which stand between packet and digest.
pub const SEQUENCE_LEN: usize = 8;

/// The authentication field of AuType 3 (RFC 7474 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExtendedField {
    /// Which key. On the wire it has 32 bits.
    pub(super) key_id: u32,
    /// Bytes behind the packet: sequence number and digest.
    pub(super) data_len: u8,
}

impl ExtendedField {
    pub(super) fn new(key: &CryptoKey) -> Self {
        // At most 72.
        let data_len = u8::try_from(SEQUENCE_LEN + key.algorithm().digest_len()).unwrap_or(u8::MAX);
        Self { key_id: key.id().into(), data_len }
    }

    pub(super) const fn parse(field: [u8; FIELD_LEN]) -> Self {
        let [_, _, _, data_len, a, b, c, d] = field;
        Self { key_id: u32::from_be_bytes([a, b, c, d]), data_len }
    }

    pub(super) const fn emit(self) -> [u8; FIELD_LEN] {
        let [a, b, c, d] = self.key_id.to_be_bytes();
        [0, 0, 0, self.data_len, a, b, c, d]
    }
}

/// What stands behind `packet`: RFC 7474 §2, the sequence number, then the digest of both.
pub(super) fn trailer(key: &CryptoKey, packet: &[u8], sequence: u64, source: Ipv4Addr) -> Vec<u8> {
    let sequence = sequence.to_be_bytes();
    let digest = key.extended_digest(packet, sequence, source);
    [&sequence[..], &digest].concat()
}

/// Was the packet made with this key, and sent from where it came from? Takes the same time whatever the digest.
pub(super) fn verify(
    key: &CryptoKey,
    field: ExtendedField,
    source: Ipv4Addr,
    received: Received<'_>,
) -> Result<Stamp, DecodeError> {
    let length = SEQUENCE_LEN + key.algorithm().digest_len();
    let found = received.behind.get(..length).filter(|_| usize::from(field.data_len) == length);
    let Some((sequence, digest)) = found.and_then(|found| found.split_first_chunk::<SEQUENCE_LEN>()) else {
        return Err(DecodeError::DigestLength { found: field.data_len, behind: received.behind.len() });
    };
    if !bool::from(key.extended_digest(received.packet, *sequence, source).ct_eq(digest)) {
        return Err(DecodeError::Digest);
    }
    Ok(Stamp { key_id: key.id(), sequence: u64::from_be_bytes(*sequence) })
}
