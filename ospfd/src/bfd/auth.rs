//! Authentication (RFC 5880 §4.2 to §4.4, §6.7).
//!
//! The digest types put the key where the digest goes, hash the packet, and replace the key by the digest.

use std::fmt;

use common::wire::Reader;
use md5::{Digest, Md5};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::packet::{A, DecodeError, Encoded, HEADER_LEN};

/// The longest section: that of SHA-1 (§4.4).
pub(super) const MAX_SECTION_LEN: usize = 28;
/// The longest password (§4.2).
const MAX_PASSWORD: usize = 16;
/// Type, length, key id, reserved byte, sequence number (§4.3, §4.4).
const DIGEST_OFFSET: usize = 8;
/// Sequence numbers that may be skipped are this many times Detect Mult (§6.7.3, §6.7.4).
const WINDOW: u32 = 3;

/// Authentication types (§4.1), with their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// A password, which anybody on the link can read.
    Simple = 1,
    /// MD5.
    KeyedMd5 = 2,
    /// MD5, with a new sequence number on each packet.
    MeticulousMd5 = 3,
    /// SHA-1.
    KeyedSha1 = 4,
    /// SHA-1, with a new sequence number on each packet.
    MeticulousSha1 = 5,
}

impl AuthType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Simple, Self::KeyedMd5, Self::MeticulousMd5, Self::KeyedSha1, Self::MeticulousSha1];

    /// Its name in configuration and views.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::KeyedMd5 => "keyed-md5",
            Self::MeticulousMd5 => "meticulous-md5",
            Self::KeyedSha1 => "keyed-sha-1",
            Self::MeticulousSha1 => "meticulous-sha-1",
        }
    }

    /// Must each packet have a new sequence number?
    pub const fn is_meticulous(self) -> bool {
        match self {
            Self::MeticulousMd5 | Self::MeticulousSha1 => true,
            Self::Simple | Self::KeyedMd5 | Self::KeyedSha1 => false,
        }
    }

    /// The longest secret, in bytes.
    pub const fn max_secret_len(self) -> usize {
        match self {
            Self::Simple => MAX_PASSWORD,
            Self::KeyedMd5 | Self::MeticulousMd5 => 16,
            Self::KeyedSha1 | Self::MeticulousSha1 => 20,
        }
    }

    fn from_wire(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// A key. Its secret is wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct AuthKey {
    kind: AuthType,
    id: u8,
    /// A password as it is, a key padded with zeros to the digest's length.
    secret: Zeroizing<Vec<u8>>,
}

impl AuthKey {
    /// A key. `None` when the secret is empty or longer than [`AuthType::max_secret_len`].
    pub fn new(kind: AuthType, id: u8, secret: &[u8]) -> Option<Self> {
        if secret.is_empty() || secret.len() > kind.max_secret_len() {
            return None;
        }
        let mut secret = Zeroizing::new(secret.to_vec());
        if kind != AuthType::Simple {
            // §6.7.3, §6.7.4: a shorter key is padded with zeros.
            secret.resize(kind.max_secret_len(), 0);
        }
        Some(Self { kind, id, secret })
    }

    /// How it is used.
    pub const fn kind(&self) -> AuthType {
        self.kind
    }

    /// Appends the section to `packet`, which has none: §6.7.2 to §6.7.4, transmission.
    pub(super) fn seal(&self, packet: &mut Encoded, sequence: u32) {
        let head = if self.kind == AuthType::Simple { 3 } else { DIGEST_OFFSET };
        let length = head + self.secret.len();
        packet.len = HEADER_LEN + length;
        packet.bytes[1] |= A;
        packet.bytes[3] = packet.len as u8;
        let [kind, id] = [self.kind as u8, self.id];
        let section = &mut packet.bytes[HEADER_LEN..];
        section[..3].copy_from_slice(&[kind, length as u8, id]);
        if self.kind != AuthType::Simple {
            section[4..DIGEST_OFFSET].copy_from_slice(&sequence.to_be_bytes());
        }
        section[head..length].copy_from_slice(&self.secret);
        if self.kind != AuthType::Simple {
            let digest = self.digest(packet.as_slice());
            packet.bytes[HEADER_LEN + head..HEADER_LEN + length].copy_from_slice(&digest);
        }
    }

    /// The digest of a packet that has the key in the digest's place.
    fn digest(&self, packet: &[u8]) -> Vec<u8> {
        match self.kind {
            AuthType::Simple => Vec::new(),
            AuthType::KeyedMd5 | AuthType::MeticulousMd5 => Md5::digest(packet).to_vec(),
            AuthType::KeyedSha1 | AuthType::MeticulousSha1 => Sha1::digest(packet).to_vec(),
        }
    }

    /// §6.7.2 to §6.7.4, reception: was the packet `bytes` made with this key, and is it new? `multiplier` is the packet's.
    pub(super) fn verify(
        &self,
        bytes: &[u8],
        section: Section<'_>,
        seen: &mut Option<u32>,
        multiplier: u8,
    ) -> Result<(), AuthRefusal> {
        if section.kind != self.kind {
            return Err(AuthRefusal::Type);
        }
        if section.key_id != self.id {
            return Err(AuthRefusal::KeyId);
        }
        if self.kind == AuthType::Simple {
            let same = bool::from(section.data.ct_eq(&self.secret));
            return if same { Ok(()) } else { Err(AuthRefusal::Password) };
        }
        if let Some(last) = *seen {
            let ahead = section.sequence.wrapping_sub(last);
            let least = u32::from(self.kind.is_meticulous());
            if !(least..=WINDOW * u32::from(multiplier)).contains(&ahead) {
                return Err(AuthRefusal::Sequence);
            }
        }
        let mut keyed = Zeroizing::new(bytes.to_vec());
        if let Some(place) = keyed.get_mut(HEADER_LEN + DIGEST_OFFSET..) {
            place.copy_from_slice(&self.secret);
        }
        if !bool::from(self.digest(&keyed).ct_eq(section.data)) {
            return Err(AuthRefusal::Digest);
        }
        *seen = Some(section.sequence);
        Ok(())
    }
}

impl PartialEq for AuthKey {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, self.id) == (other.kind, other.id)
            && bool::from(self.secret.as_slice().ct_eq(other.secret.as_slice()))
    }
}

impl Eq for AuthKey {}

/// Shows which key it is and hides the secret.
impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthKey({}, {}, hidden)", self.id, self.kind.name())
    }
}

/// Why a packet is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthRefusal {
    /// Another type.
    Type,
    /// Another key.
    KeyId,
    /// The sequence number is old, or too far ahead.
    Sequence,
    /// The password differs.
    Password,
    /// The digest differs.
    Digest,
}

/// An authentication section as it came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    kind: AuthType,
    key_id: u8,
    /// 0 with a password.
    sequence: u32,
    /// Password or digest, of the right length.
    data: &'a [u8],
}

impl<'a> Section<'a> {
    /// Reads what stands behind the header, which must be filled by it.
    pub(super) fn decode(rest: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(rest);
        let [kind, length] = reader.array("authentication section")?;
        let refused = DecodeError::AuthSection { kind, length };
        let known = AuthType::from_wire(kind).ok_or(refused)?;
        if usize::from(length) != rest.len() {
            return Err(refused);
        }
        let key_id = reader.u8("key id").map_err(|_| refused)?;
        if known == AuthType::Simple {
            let data = reader.peek();
            let fits = (1..=MAX_PASSWORD).contains(&data.len());
            return if fits { Ok(Self { kind: known, key_id, sequence: 0, data }) } else { Err(refused) };
        }
        // The reserved byte is not looked at.
        reader.u8("reserved").map_err(|_| refused)?;
        let sequence = reader.u32("sequence number").map_err(|_| refused)?;
        let data = reader.peek();
        if data.len() != known.max_secret_len() {
            return Err(refused);
        }
        Ok(Self { kind: known, key_id, sequence, data })
    }
}

/// Hides the data, which may be a password.
impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Section({}, {}, {}, hidden)", self.key_id, self.kind.name(), self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bfd::packet::{ControlPacket, Diagnostic, State};

    fn packet() -> Encoded {
        let packet = ControlPacket {
            diagnostic: Diagnostic::None,
            state: State::Up,
            poll: false,
            final_bit: false,
            control_plane_independent: false,
            demand: false,
            multiplier: 3,
            my_discriminator: 1,
            your_discriminator: 2,
            desired_min_tx: 50_000,
            required_min_rx: 50_000,
            required_min_echo_rx: 0,
        };
        packet.encode()
    }

    fn sealed(key: &AuthKey, sequence: u32) -> Vec<u8> {
        let mut packet = packet();
        key.seal(&mut packet, sequence);
        packet.as_slice().to_vec()
    }

    fn check(key: &AuthKey, bytes: &[u8], seen: &mut Option<u32>) -> Result<(), AuthRefusal> {
        let decoded = ControlPacket::decode(bytes).unwrap();
        key.verify(decoded.bytes, decoded.section.unwrap(), seen, decoded.packet.multiplier)
    }

    #[test]
    fn a_packet_of_each_type_is_accepted_under_its_key_and_no_other() {
        for kind in AuthType::ALL {
            let key = AuthKey::new(kind, 7, b"secret").unwrap();
            let bytes = sealed(&key, 9);
            assert_eq!(check(&key, &bytes, &mut None), Ok(()), "{kind:?}");
            let other = AuthKey::new(kind, 7, b"Secret").unwrap();
            let wrong = if kind == AuthType::Simple { AuthRefusal::Password } else { AuthRefusal::Digest };
            assert_eq!(check(&other, &bytes, &mut None), Err(wrong), "{kind:?}");
            let other = AuthKey::new(kind, 8, b"secret").unwrap();
            assert_eq!(check(&other, &bytes, &mut None), Err(AuthRefusal::KeyId), "{kind:?}");
        }
        let md5 = AuthKey::new(AuthType::KeyedMd5, 7, b"secret").unwrap();
        let meticulous = AuthKey::new(AuthType::MeticulousMd5, 7, b"secret").unwrap();
        assert_eq!(check(&meticulous, &sealed(&md5, 1), &mut None), Err(AuthRefusal::Type));
    }

    /// Digests made with Python's hashlib over the packet with the padded key in the digest's place.
    #[test]
    fn digests_are_those_of_other_implementations() {
        let md5 = AuthKey::new(AuthType::KeyedMd5, 7, b"secret").unwrap();
        assert_eq!(hex(&sealed(&md5, 9)[32..]), MD5);
        let sha = AuthKey::new(AuthType::MeticulousSha1, 7, b"secret").unwrap();
        assert_eq!(hex(&sealed(&sha, 9)[32..]), SHA1);
    }

    const MD5: &str = "03c3e31da1738547b3f949fdfd9665c2";
    const SHA1: &str = "cff48ae9a4968b1dcfde7819b2fd1dfc588c373c";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed() {
        let key = AuthKey::new(AuthType::KeyedSha1, 7, b"secret").unwrap();
        let bytes = sealed(&key, 9);
        // Length, version, flags of the layout, and the section's head are refused before; the rest by the digest.
        for place in (4..24).chain(28..52) {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            if let Ok(decoded) = ControlPacket::decode(&changed) {
                let verdict = key.verify(decoded.bytes, decoded.section.unwrap(), &mut None, 3);
                assert_eq!(verdict, Err(AuthRefusal::Digest), "byte {place}");
            }
        }
    }

    #[test]
    fn sequence_numbers_are_taken_from_the_window_of_their_type() {
        for (kind, least) in [(AuthType::KeyedMd5, 0), (AuthType::MeticulousSha1, 1)] {
            let key = AuthKey::new(kind, 1, b"k").unwrap();
            let last = u32::MAX - 3;
            for ahead in [0, 1, 8, 9, 10, u32::MAX] {
                let sequence = last.wrapping_add(ahead);
                let mut seen = Some(last);
                let accepted = check(&key, &sealed(&key, sequence), &mut seen).is_ok();
                // Detect Mult is 3, so that 9 may be skipped; the number space is circular.
                assert_eq!(accepted, (least..=9).contains(&ahead), "{kind:?} {ahead}");
                assert_eq!(seen, Some(if accepted { sequence } else { last }));
            }
        }
    }

    #[test]
    fn a_forged_packet_does_not_move_the_window() {
        let key = AuthKey::new(AuthType::MeticulousMd5, 1, b"k").unwrap();
        let forged = sealed(&AuthKey::new(AuthType::MeticulousMd5, 1, b"x").unwrap(), 5);
        let mut seen = None;
        assert_eq!(check(&key, &forged, &mut seen), Err(AuthRefusal::Digest));
        assert_eq!(seen, None);
    }

    #[test]
    fn sections_with_lengths_that_lie_are_refused() {
        let key = AuthKey::new(AuthType::KeyedMd5, 1, b"k").unwrap();
        let bytes = sealed(&key, 1);
        for change in [(25, 23), (25, 25), (25, 0), (24, 0), (24, 6), (24, 1), (24, 4)] {
            let mut changed = bytes.clone();
            changed[change.0] = change.1;
            let error = ControlPacket::decode(&changed).unwrap_err();
            assert_eq!(error.reason(), "bad-auth-section", "{change:?}");
        }
    }

    #[test]
    fn secrets_have_a_length_and_are_not_shown() {
        for kind in AuthType::ALL {
            let most = kind.max_secret_len();
            assert!(AuthKey::new(kind, 1, b"").is_none());
            assert!(AuthKey::new(kind, 1, &vec![b'x'; most]).is_some());
            assert!(AuthKey::new(kind, 1, &vec![b'x'; most + 1]).is_none());
            let key = AuthKey::new(kind, 1, b"xyzzy").unwrap();
            let bytes = sealed(&key, 1);
            let decoded = ControlPacket::decode(&bytes).unwrap();
            assert!(!format!("{key:?}{decoded:?}").contains("xyzzy"));
        }
    }
}
