//! What needs no key: the packet checksum and the password in clear (RFC 2328 D.4.1, D.4.2).

use common::wire::checksum;
use subtle::ConstantTimeEq;

use super::super::DecodeError;
use super::super::header::{AUTH_AT, PACKET_HEADER_LEN};
use super::{FIELD_LEN, Received};

/// RFC 2328 D.5.1: the checksum covers all but the authentication field.
pub(super) fn verify_checksum(received: Received<'_>) -> Result<(), DecodeError> {
    let before = received.packet.get(..AUTH_AT).unwrap_or_default();
    let body = received.packet.get(PACKET_HEADER_LEN..).unwrap_or_default();
    if checksum::internet(&[before, body]) == 0 {
        Ok(())
    } else {
        Err(DecodeError::PacketChecksum(received.checksum))
    }
}

/// RFC 2328 D.5.2.
pub(super) fn verify(password: [u8; FIELD_LEN], field: [u8; FIELD_LEN]) -> Result<(), DecodeError> {
    if bool::from(password.ct_eq(&field)) { Ok(()) } else { Err(DecodeError::AuthFailed) }
}
