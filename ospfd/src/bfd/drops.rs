//! Why something was dropped, and the counters.

use common::control::ospf::CounterView;

use super::auth::AuthRefusal;
use super::packet::DecodeError;

/// Why a packet was dropped. Each has a counter, `drop-bfd-` and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The codec refused it (RFC 5880 §6.8.6, first steps).
    Decode(DecodeError),
    /// A router has passed it on (RFC 5881 §5).
    TtlTooLow,
    /// Your Discriminator is none of ours.
    UnknownDiscriminator,
    /// Your Discriminator is 0, and no session is wanted with the sender.
    UnknownPeer,
    /// It came in on another interface than the session's (RFC 5881 §3).
    WrongInterface,
    /// It is authenticated, and the session is not.
    UnexpectedAuth,
    /// It is not authenticated, and the session is.
    MissingAuth,
    /// It is not authentic.
    Auth(AuthRefusal),
    /// The session is disabled here.
    AdminDown,
    /// Too many packets wait to be sent.
    TransmitQueueFull,
}

/// Every name that [`DropReason::name`] gives.
const NAMES: [&str; 21] = [
    "truncated",
    "bad-version",
    "bad-length",
    "zero-multiplier",
    "multipoint",
    "zero-my-discriminator",
    "zero-your-discriminator",
    "bad-auth-section",
    "ttl-too-low",
    "unknown-discriminator",
    "unknown-peer",
    "wrong-interface",
    "unexpected-auth",
    "missing-auth",
    "auth-type",
    "auth-key-id",
    "auth-sequence",
    "auth-password",
    "auth-digest",
    "admin-down",
    "transmit-queue-full",
];

impl DropReason {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode(error) => error.reason(),
            Self::TtlTooLow => "ttl-too-low",
            Self::UnknownDiscriminator => "unknown-discriminator",
            Self::UnknownPeer => "unknown-peer",
            Self::WrongInterface => "wrong-interface",
            Self::UnexpectedAuth => "unexpected-auth",
            Self::MissingAuth => "missing-auth",
            Self::Auth(AuthRefusal::Type) => "auth-type",
            Self::Auth(AuthRefusal::KeyId) => "auth-key-id",
            Self::Auth(AuthRefusal::Sequence) => "auth-sequence",
            Self::Auth(AuthRefusal::Password) => "auth-password",
            Self::Auth(AuthRefusal::Digest) => "auth-digest",
            Self::AdminDown => "admin-down",
            Self::TransmitQueueFull => "transmit-queue-full",
        }
    }
}

/// Counters since start, of a size that is cheap to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that were accepted.
    pub received: u64,
    /// Packets that were sent.
    pub sent: u64,
    /// Sessions that came up.
    pub ups: u64,
    /// Sessions that were lost: that went down, and not because the other side disabled them.
    pub losses: u64,
    drops: [u64; NAMES.len()],
}

impl Counters {
    pub(super) fn drop(&mut self, reason: DropReason) {
        let place = NAMES.iter().position(|name| *name == reason.name());
        if let Some(count) = place.and_then(|place| self.drops.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }

    /// How often something was dropped for the reason of this name.
    pub fn dropped(&self, name: &str) -> u64 {
        NAMES.iter().zip(self.drops).find(|(known, _)| **known == name).map_or(0, |(_, count)| count)
    }

    /// All of them.
    pub fn views(&self) -> Vec<CounterView> {
        let plain = [
            ("rx-bfd", self.received),
            ("tx-bfd", self.sent),
            ("bfd-up", self.ups),
            ("bfd-lost", self.losses),
        ];
        let plain = plain.into_iter().map(|(name, value)| (name.to_owned(), value));
        let drops = NAMES.iter().zip(self.drops).map(|(name, value)| (format!("drop-bfd-{name}"), value));
        plain.chain(drops).map(|(name, value)| CounterView { name, value }).collect()
    }
}
