//! AuType 2: keyed MD5 (RFC 2328 D.3, D.4.3) and HMAC-SHA (RFC 5709).
//!
//! The digest stands behind the packet and does not count in the packet's length. It covers the packet, header
//! included, and in the digest's own place the key (MD5) or the constant Apad (HMAC).
//!
//! HMAC keys are prepared as erratum 3585 to RFC 5709 §3.3 (1) and RFC 2104 say: hashed when they are longer than the hash's
//! block. The RFC as printed hashes them when they are longer than the digest; BIRD does not, and FRR does not.

use std::fmt;
use std::net::Ipv4Addr;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::super::DecodeError;
use super::{FIELD_LEN, Received};

/// The longest digest: that of SHA-512.
pub const MAX_TRAILER_LEN: usize = 64;

/// RFC 5709 §3.3: what stands in the digest's place while the digest is made, over and over.
const APAD: [u8; 4] = [0x87, 0x8f, 0xe1, 0xf3];

/// RFC 7474 §6: OSPFv2 in IANA's registry of cryptographic protocol ids. It follows the secret, so that a digest is none of
/// another protocol that shares the key.
const PROTOCOL_ID: [u8; 2] = [0, 3];

/// How a digest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RFC 2328 D.4.3.
    Md5,
    /// RFC 5709, as the next four.
    HmacSha1,
    /// HMAC-SHA-256.
    HmacSha256,
    /// HMAC-SHA-384.
    HmacSha384,
    /// HMAC-SHA-512.
    HmacSha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Md5, Self::HmacSha1, Self::HmacSha256, Self::HmacSha384, Self::HmacSha512];

    /// Its name in configuration and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::HmacSha1 => "hmac-sha-1",
            Self::HmacSha256 => "hmac-sha-256",
            Self::HmacSha384 => "hmac-sha-384",
            Self::HmacSha512 => "hmac-sha-512",
        }
    }

    /// Length of its digest in bytes.
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::HmacSha1 => 20,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }

    /// The longest secret that it takes, in bytes; `None`: any.
    pub const fn max_secret_len(self) -> Option<usize> {
        match self {
            Self::Md5 => Some(16),
            Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha384 | Self::HmacSha512 => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why no key is found for a packet. Ids have 8 bits with AuType 2 and 32 with AuType 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// No key has this id.
    Unknown(u32),
    /// The key with this id is not accepted now.
    OutsideLifetime(u32),
}

/// What a digest vouches for, besides the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which key.
    pub key_id: u8,
    /// Cryptographic sequence number: 32 bits with AuType 2, 64 with AuType 3.
    pub sequence: u64,
}

/// A key: its secret is wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct CryptoKey {
    id: u8,
    algorithm: Algorithm,
    /// As the digest wants it.
    secret: Zeroizing<Vec<u8>>,
}

impl CryptoKey {
    /// A key. `None` when the secret is longer than [`Algorithm::max_secret_len`].
    pub fn new(id: u8, algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        if algorithm.max_secret_len().is_some_and(|most| secret.len() > most) {
            return None;
        }
        let mut secret = Zeroizing::new(secret.to_vec());
        if algorithm == Algorithm::Md5 {
            // RFC 2328 D.4.3 (6)(b): a shorter key is padded with zeros. HMAC does so by itself.
            secret.resize(algorithm.digest_len(), 0);
        }
        Some(Self { id, algorithm, secret })
    }

    /// Its id on the wire.
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// How its digests are made.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest of a packet.
    pub(super) fn digest(&self, packet: &[u8]) -> Vec<u8> {
        match self.algorithm {
            Algorithm::Md5 => Md5::new().chain_update(packet).chain_update(&*self.secret).finalize().to_vec(),
            Algorithm::HmacSha1 => hmac::<Hmac<Sha1>>(&self.secret, [packet, &[]], APAD, self.algorithm),
            Algorithm::HmacSha256 => hmac::<Hmac<Sha256>>(&self.secret, [packet, &[]], APAD, self.algorithm),
            Algorithm::HmacSha384 => hmac::<Hmac<Sha384>>(&self.secret, [packet, &[]], APAD, self.algorithm),
            Algorithm::HmacSha512 => hmac::<Hmac<Sha512>>(&self.secret, [packet, &[]], APAD, self.algorithm),
        }
    }

    /// RFC 7474 §5: the digest of a packet, its 64-bit sequence number and the address that it is sent from.
    pub(super) fn extended_digest(&self, packet: &[u8], sequence: [u8; 8], source: Ipv4Addr) -> Vec<u8> {
        let parts = [packet, &sequence];
        let apad = source.octets();
        let secret = self.protocol_secret();
        match self.algorithm {
            // Refused by the configuration, and no digest is anybody's.
            Algorithm::Md5 => Vec::new(),
            Algorithm::HmacSha1 => hmac::<Hmac<Sha1>>(&secret, parts, apad, self.algorithm),
            Algorithm::HmacSha256 => hmac::<Hmac<Sha256>>(&secret, parts, apad, self.algorithm),
            Algorithm::HmacSha384 => hmac::<Hmac<Sha384>>(&secret, parts, apad, self.algorithm),
            Algorithm::HmacSha512 => hmac::<Hmac<Sha512>>(&secret, parts, apad, self.algorithm),
        }
    }

    /// RFC 7474 §6: the secret and the protocol's id, hashed when they are longer than the digest. (A shorter one is padded
    /// with zeros, as HMAC does by itself.)
    fn protocol_secret(&self) -> Zeroizing<Vec<u8>> {
        let secret = Zeroizing::new([self.secret.as_slice(), &PROTOCOL_ID].concat());
        if secret.len() <= self.algorithm.digest_len() {
            return secret;
        }
        Zeroizing::new(match self.algorithm {
            Algorithm::Md5 => Md5::digest(&*secret).to_vec(),
            Algorithm::HmacSha1 => Sha1::digest(&*secret).to_vec(),
            Algorithm::HmacSha256 => Sha256::digest(&*secret).to_vec(),
            Algorithm::HmacSha384 => Sha384::digest(&*secret).to_vec(),
            Algorithm::HmacSha512 => Sha512::digest(&*secret).to_vec(),
        })
    }

    /// RFC 2328 D.5.3: was the packet made with this key? Takes the same time whatever the digest.
    pub(super) fn verify(&self, field: CryptoField, received: Received<'_>) -> Result<Stamp, DecodeError> {
        let length = self.algorithm.digest_len();
        let found = received.behind.get(..length).filter(|_| usize::from(field.digest_len) == length);
        let Some(found) = found else {
            return Err(DecodeError::DigestLength { found: field.digest_len, behind: received.behind.len() });
        };
        if !bool::from(self.digest(received.packet).ct_eq(found)) {
            return Err(DecodeError::Digest);
        }
        Ok(Stamp { key_id: field.key_id, sequence: field.sequence.into() })
    }
}

/// An HMAC over `parts` and Apad, which begins with `first` and has the length of the digest.
fn hmac<M: Mac + KeyInit>(secret: &[u8], parts: [&[u8]; 2], first: [u8; 4], algorithm: Algorithm) -> Vec<u8> {
    // HMAC takes keys of any length; a refusal would give a digest that nobody accepts.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { return Vec::new() };
    parts.into_iter().for_each(|part| mac.update(part));
    mac.update(&first);
    for _ in 1..algorithm.digest_len() / APAD.len() {
        mac.update(&APAD);
    }
    mac.finalize().into_bytes().to_vec()
}

impl PartialEq for CryptoKey {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.algorithm) == (other.id, other.algorithm)
            && bool::from(self.secret.as_slice().ct_eq(other.secret.as_slice()))
    }
}

impl Eq for CryptoKey {}

/// Shows which key it is and hides the secret.
impl fmt::Debug for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CryptoKey({}, {}, hidden)", self.id, self.algorithm)
    }
}

/// The authentication field of AuType 2 (RFC 2328 D.3, figure 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CryptoField {
    /// Which key.
    pub(super) key_id: u8,
    /// Bytes of the digest.
    pub(super) digest_len: u8,
    /// Cryptographic sequence number.
    pub(super) sequence: u32,
}

impl CryptoField {
    pub(super) fn new(key: &CryptoKey, sequence: u32) -> Self {
        // At most 64.
        let digest_len = u8::try_from(key.algorithm.digest_len()).unwrap_or(u8::MAX);
        Self { key_id: key.id, digest_len, sequence }
    }

    pub(super) const fn parse(field: [u8; FIELD_LEN]) -> Self {
        let [_, _, key_id, digest_len, a, b, c, d] = field;
        Self { key_id, digest_len, sequence: u32::from_be_bytes([a, b, c, d]) }
    }

    pub(super) const fn emit(self) -> [u8; FIELD_LEN] {
        let [a, b, c, d] = self.sequence.to_be_bytes();
        [0, 0, self.key_id, self.digest_len, a, b, c, d]
    }
}
