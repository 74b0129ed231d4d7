//! Packet authentication (RFC 2328 appendix D, RFC 5709, RFC 7474): what a packet that is sent carries, and what one that is
//! received is held against.
//!
//! Which key is in force when, and which sequence number is next, is for the engine to say; here are bytes only.

mod crypto;
mod extended;
mod simple;

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

pub use crypto::{Algorithm, CryptoKey, KeyRefusal, MAX_TRAILER_LEN, Stamp};

use super::DecodeError;
use crypto::CryptoField;
use extended::ExtendedField;
pub use extended::SEQUENCE_LEN as EXTENDED_SEQUENCE_LEN;

const AU_TYPE_NULL: u16 = 0;
const AU_TYPE_SIMPLE: u16 = 1;
const AU_TYPE_CRYPTO: u16 = 2;
const AU_TYPE_EXTENDED: u16 = 3;

/// Length of the authentication field in the packet header.
pub(super) const FIELD_LEN: usize = 8;

/// How a packet is authenticated that is sent (RFC 2328 D.1, D.2, D.3).
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// AuType 0: not at all.
    #[default]
    Null,
    /// AuType 1: eight bytes in clear.
    Simple([u8; FIELD_LEN]),
    /// AuType 2: a keyed digest behind the packet, and the packet's cryptographic sequence number.
    Crypto(Arc<CryptoKey>, u32),
    /// AuType 3: the same with a sequence number of 64 bits, and the address that the packet is sent from.
    Extended(Arc<CryptoKey>, u64, Ipv4Addr),
}

impl Auth {
    /// The number in the AuType field.
    pub(super) const fn au_type(&self) -> u16 {
        match self {
            Self::Null => AU_TYPE_NULL,
            Self::Simple(_) => AU_TYPE_SIMPLE,
            Self::Crypto(..) => AU_TYPE_CRYPTO,
            Self::Extended(..) => AU_TYPE_EXTENDED,
        }
    }

    /// Does the packet checksum cover the packet? With AuType 2 and 3 the digest does it, and the field is 0 (RFC 2328 D.4.3 (1)).
    pub(super) const fn has_checksum(&self) -> bool {
        match self {
            Self::Null | Self::Simple(_) => true,
            Self::Crypto(..) | Self::Extended(..) => false,
        }
    }

    /// The 64-bit authentication field as it is sent (RFC 5709 §3.1).
    pub(super) fn field(&self) -> [u8; FIELD_LEN] {
        match self {
            Self::Null => [0; FIELD_LEN],
            Self::Simple(password) => *password,
            Self::Crypto(key, sequence) => CryptoField::new(key, *sequence).emit(),
            Self::Extended(key, ..) => ExtendedField::new(key).emit(),
        }
    }

    /// Bytes behind the packet.
    pub(super) fn trailer_len(&self) -> usize {
        match self {
            Self::Null | Self::Simple(_) => 0,
            Self::Crypto(key, _) => key.algorithm().digest_len(),
            Self::Extended(key, ..) => EXTENDED_SEQUENCE_LEN + key.algorithm().digest_len(),
        }
    }

    /// What follows `packet`, which is complete up to here.
    pub(super) fn trailer(&self, packet: &[u8]) -> Vec<u8> {
        match self {
            Self::Null | Self::Simple(_) => Vec::new(),
            Self::Crypto(key, _) => key.digest(packet),
            Self::Extended(key, sequence, source) => extended::trailer(key, packet, *sequence, *source),
        }
    }

    /// What a packet must carry that was sent like this (RFC 5709 §3.4); of a cryptographic one the key is compared, not the number.
    pub(super) fn verify(&self, received: Received<'_>) -> Result<Option<Stamp>, DecodeError> {
        match self {
            Self::Null => Expected::Null.verify(received),
            Self::Simple(password) => Expected::Simple(*password).verify(received),
            Self::Crypto(key, _) => Expected::Crypto(&|id| only(key, id)).verify(received),
            Self::Extended(key, _, source) => {
                Expected::Extended(&|id| only(key, id), *source).verify(received)
            }
        }
    }
}

/// Shows the kind and hides the secrets.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Simple(_) => f.write_str("Simple(hidden)"),
            Self::Crypto(key, sequence) => f.debug_tuple("Crypto").field(key).field(sequence).finish(),
            Self::Extended(key, sequence, source) => {
                f.debug_tuple("Extended").field(key).field(sequence).field(source).finish()
            }
        }
    }
}

/// The key, if it has this id.
fn only(key: &CryptoKey, id: u32) -> Result<&CryptoKey, KeyRefusal> {
    if u32::from(key.id()) == id { Ok(key) } else { Err(KeyRefusal::Unknown(id)) }
}

/// Finds a key by its id, or says why not.
type Lookup<'a> = dyn Fn(u32) -> Result<&'a CryptoKey, KeyRefusal> + 'a;

/// What a packet must carry that is received.
#[derive(Clone, Copy)]
pub enum Expected<'a> {
    /// AuType 0: the authentication field is not examined.
    Null,
    /// AuType 1: this password.
    Simple([u8; FIELD_LEN]),
    /// AuType 2: a digest under a key that this finds.
    Crypto(&'a Lookup<'a>),
    /// AuType 3: the same, and sent from this address.
    Extended(&'a Lookup<'a>, Ipv4Addr),
}

/// The parts of a received packet that authentication looks at.
#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    /// The AuType field.
    pub(super) au_type: u16,
    /// The authentication field.
    pub(super) field: [u8; FIELD_LEN],
    /// The checksum field.
    pub(super) checksum: u16,
    /// The packet, of its own length.
    pub(super) packet: &'a [u8],
    /// What was received behind it: digest, LLS block, padding.
    pub(super) behind: &'a [u8],
}

impl Expected<'_> {
    const fn au_type(&self) -> u16 {
        match self {
            Self::Null => AU_TYPE_NULL,
            Self::Simple(_) => AU_TYPE_SIMPLE,
            Self::Crypto(_) => AU_TYPE_CRYPTO,
            Self::Extended(..) => AU_TYPE_EXTENDED,
        }
    }

    /// RFC 2328 §8.2 and D.5, RFC 7474 §3: the AuType first, then what it stands for.
    pub(super) fn verify(&self, received: Received<'_>) -> Result<Option<Stamp>, DecodeError> {
        if received.au_type != self.au_type() {
            return Err(DecodeError::AuthType { expected: self.au_type(), found: received.au_type });
        }
        match self {
            Self::Null => simple::verify_checksum(received).map(|()| None),
            Self::Simple(password) => {
                simple::verify_checksum(received)?;
                simple::verify(*password, received.field).map(|()| None)
            }
            Self::Crypto(lookup) => {
                let field = CryptoField::parse(received.field);
                let key = lookup(field.key_id.into()).map_err(DecodeError::Key)?;
                key.verify(field, received).map(Some)
            }
            Self::Extended(lookup, source) => {
                let field = ExtendedField::parse(received.field);
                let key = lookup(field.key_id).map_err(DecodeError::Key)?;
                extended::verify(key, field, *source, received).map(Some)
            }
        }
    }
}

#[cfg(test)]
mod tests;
