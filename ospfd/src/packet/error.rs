//! Why bytes were refused, and why a struct has no bytes.

use common::wire::Truncated;

use super::{KeyRefusal, LsType, LsaKey};

/// Why a packet or an LSA was refused. The peer's fault, never ours: it is counted under [`DecodeError::reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within a field.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// The version is not 2.
    #[error("version is {0}, not 2")]
    Version(u8),
    /// The packet type is none of 1 to 5.
    #[error("packet type {0} is unknown")]
    PacketType(u8),
    /// The packet's length is below the header's, or above what was received.
    #[error("packet length is {length}, {received} bytes were received")]
    PacketLength {
        /// The length field.
        length: u16,
        /// Bytes received.
        received: usize,
    },
    /// The packet's checksum does not match.
    #[error("packet checksum {0:#06x} does not match")]
    PacketChecksum(u16),
    /// The AuType is not the one of this link.
    #[error("authentication type is {found}, not {expected}")]
    AuthType {
        /// The type configured here.
        expected: u16,
        /// The type in the packet.
        found: u16,
    },
    /// The password is wrong.
    #[error("authentication failed")]
    AuthFailed,
    /// There is no key for the packet.
    #[error("{}", match .0 {
        KeyRefusal::Unknown(id) => format!("there is no key {id}"),
        KeyRefusal::OutsideLifetime(id) => format!("key {id} is not accepted now"),
    })]
    Key(KeyRefusal),
    /// The digest's length is not the one of the key's algorithm, or the digest is cut off.
    #[error("the digest has {found} bytes by its field, {behind} bytes follow the packet")]
    DigestLength {
        /// The authentication data length field.
        found: u8,
        /// Bytes received behind the packet.
        behind: usize,
    },
    /// The digest was not made with our key.
    #[error("the digest does not match")]
    Digest,
    /// Bytes are left that are no whole element of the list that ends the packet or LSA.
    #[error("{left} bytes are left behind {field}")]
    Trailing {
        /// The list.
        field: &'static str,
        /// Bytes left.
        left: usize,
    },
    /// An LSA's length is below its header's, or above what is left of the packet.
    #[error("LSA length is {length}, {left} bytes are left")]
    LsaFraming {
        /// The length field.
        length: u16,
        /// Bytes left in the packet, the LSA's header included.
        left: usize,
    },
    /// A Link State Request names an LS type above 255.
    #[error("LS type {0} is out of range")]
    LsTypeRange(u32),
    /// The LS checksum is 0 or does not match.
    #[error("LS checksum {0:#06x} does not match")]
    LsaChecksum(u16),
    /// The LSA's length does not suit its type.
    #[error("length {length} does not suit a {ls_type} LSA")]
    LsaLength {
        /// The type.
        ls_type: LsType,
        /// The length field.
        length: u16,
    },
    /// The mask of a network or destination has holes.
    #[error("network mask {0:#010x} has holes")]
    NetworkMask(u32),
}

impl DecodeError {
    /// What [`DecodeError::reason`] can say.
    pub const REASONS: [&'static str; 17] = [
        "truncated",
        "bad-version",
        "unknown-packet-type",
        "bad-packet-length",
        "bad-checksum",
        "auth-type-mismatch",
        "auth-failed",
        "unknown-key-id",
        "key-outside-lifetime",
        "bad-digest-length",
        "bad-digest",
        "trailing-bytes",
        "bad-lsa-framing",
        "ls-type-out-of-range",
        "bad-ls-checksum",
        "bad-lsa-length",
        "bad-network-mask",
    ];
    /// Those among them for which one LSA of an update is left out.
    pub const LSA_REASONS: [&'static str; 3] = ["bad-ls-checksum", "bad-lsa-length", "bad-network-mask"];

    /// A short stable name in kebab case, for counters and logs.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Truncated(_) => "truncated",
            Self::Version(_) => "bad-version",
            Self::PacketType(_) => "unknown-packet-type",
            Self::PacketLength { .. } => "bad-packet-length",
            Self::PacketChecksum(_) => "bad-checksum",
            Self::AuthType { .. } => "auth-type-mismatch",
            Self::AuthFailed => "auth-failed",
            Self::Key(KeyRefusal::Unknown(_)) => "unknown-key-id",
            Self::Key(KeyRefusal::OutsideLifetime(_)) => "key-outside-lifetime",
            Self::DigestLength { .. } => "bad-digest-length",
            Self::Digest => "bad-digest",
            Self::Trailing { .. } => "trailing-bytes",
            Self::LsaFraming { .. } => "bad-lsa-framing",
            Self::LsTypeRange(_) => "ls-type-out-of-range",
            Self::LsaChecksum(_) => "bad-ls-checksum",
            Self::LsaLength { .. } => "bad-lsa-length",
            Self::NetworkMask(_) => "bad-network-mask",
        }
    }
}

/// Why something cannot be put into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The packet does not fit an IP datagram.
    #[error("packet of {0} bytes is longer than an IP datagram can be")]
    PacketTooLong(usize),
    /// The LSA fits no Link State Update.
    #[error("LSA of {0} bytes is longer than a Link State Update can carry")]
    LsaTooLong(usize),
    /// The body is not of the key's type, or was never interpreted and has no words to emit.
    #[error("the body given is not that of {0}")]
    BodyMismatch(LsaKey),
    /// A metric has more than 24 bits.
    #[error("metric {0} does not fit 24 bits")]
    MetricRange(u32),
}
