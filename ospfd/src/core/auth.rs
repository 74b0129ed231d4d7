//! Authentication of an interface: key chains with their lifetimes, our sequence numbers and the neighbours'.
//!
//! Pure: lifetimes are [`Instant`] windows that the runtime has made of wall-clock times, and the first sequence number
//! comes from it too. Keys change hitlessly: we send with one key, and accept every one whose lifetime says so
//! (RFC 2328 D.3, RFC 5709 §3.2, §3.5).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use common::ids::IfIndex;
use common::time::Instant;

use crate::packet::{Auth, CryptoKey, EXTENDED_SEQUENCE_LEN, Expected, KeyRefusal, Stamp};

use super::drops::DropReason;
use super::event::Event;
use super::instance::Instance;

/// Authentication of an interface (RFC 2328 §9, appendix D).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuthConfig {
    /// AuType 0.
    #[default]
    Null,
    /// AuType 1: a password in clear.
    Simple(Password),
    /// AuType 2 or 3: keyed digests.
    Keys {
        /// The keys.
        chain: Arc<KeyChain>,
        /// Their sequence numbers.
        sequence: SequenceRule,
    },
}

/// What cryptographic sequence numbers are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SequenceRule {
    /// 32 bits, and never smaller than the last (RFC 2328 D.5.3). BIRD repeats a number within a second.
    #[default]
    Repeating,
    /// 32 bits, and larger than the last of the same packet type: the check of RFC 7474 §2.
    Strict,
    /// 64 bits, with the check of RFC 7474 §2: AuType 3.
    Extended,
}

/// A password in clear; not shown all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password(pub [u8; 8]);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

/// When something is in force: from `from`, before `to`. `None`: always has been, or always will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// Start.
    pub from: Option<Instant>,
    /// End.
    pub to: Option<Instant>,
}

impl Lifetime {
    fn has_started(&self, now: Instant) -> bool {
        self.from.is_none_or(|from| from <= now)
    }

    fn has_ended(&self, now: Instant) -> bool {
        self.to.is_some_and(|to| to <= now)
    }

    fn contains(&self, now: Instant) -> bool {
        self.has_started(now) && !self.has_ended(now)
    }
}

/// A key and when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub key: Arc<CryptoKey>,
    /// When packets are sent with it.
    pub send: Lifetime,
    /// When packets made with it are accepted.
    pub accept: Lifetime,
}

/// Keys of one or more interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChain {
    /// In order of preference for sending, the least preferred first.
    keys: Vec<Key>,
}

/// What to send with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendKey {
    /// The key.
    pub(crate) key: Arc<CryptoKey>,
    /// Its lifetime is over, and there is no other.
    pub(crate) expired: bool,
}

impl KeyChain {
    /// A chain of keys that differ in their ids, in the order in which their send lifetimes start: of several that are
    /// valid, the last is sent with. An order rather than instants, because all that lies before the daemon's start is one
    /// instant to it.
    pub fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// Its keys.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// RFC 2328 D.3, D.4.3, RFC 7474 §4: of the keys that are valid the one that started last. When all have expired, the
    /// one that did so last: its lifetime is taken as endless, rather than to do without authentication or without neighbours.
    pub(crate) fn send_key(&self, now: Instant) -> Option<SendKey> {
        let valid = self.keys.iter().rev().find(|key| key.send.contains(now));
        let found = valid.or_else(|| last_expired(&self.keys, now, |key| key.send))?;
        Some(SendKey { key: Arc::clone(&found.key), expired: valid.is_none() })
    }

    /// RFC 2328 D.5.3 (1): the key with this id, if it is accepted now. The last one to expire stays accepted, as it stays in
    /// use for sending.
    pub(crate) fn accept(&self, now: Instant, id: u32) -> Result<&CryptoKey, KeyRefusal> {
        let has_id = |key: &Key| u32::from(key.key.id()) == id;
        let found = self.keys.iter().find(|key| has_id(key)).ok_or(KeyRefusal::Unknown(id))?;
        let valid = found.accept.contains(now) || {
            self.keys.iter().all(|key| !key.accept.contains(now))
                && last_expired(&self.keys, now, |key| key.accept).is_some_and(has_id)
        };
        if valid { Ok(&found.key) } else { Err(KeyRefusal::OutsideLifetime(id)) }
    }

    /// When the answer of [`KeyChain::send_key`] may change next.
    pub(crate) fn next_change(&self, now: Instant) -> Option<Instant> {
        self.keys.iter().flat_map(|key| [key.send.from, key.send.to]).flatten().filter(|at| *at > now).min()
    }

    /// Bytes of the longest digest, so that packets fit whatever key is in force.
    pub(crate) fn trailer_len(&self) -> usize {
        self.keys.iter().map(|key| key.key.algorithm().digest_len()).max().unwrap_or(0)
    }
}

fn last_expired(keys: &[Key], now: Instant, lifetime: impl Fn(&Key) -> Lifetime) -> Option<&Key> {
    keys.iter().filter(|key| lifetime(key).has_ended(now)).max_by_key(|key| lifetime(key).to)
}

impl AuthConfig {
    /// Bytes that authentication adds behind a packet, at most.
    pub(crate) fn trailer_len(&self) -> usize {
        match self {
            Self::Null | Self::Simple(_) => 0,
            Self::Keys { chain, sequence: SequenceRule::Extended } => {
                EXTENDED_SEQUENCE_LEN + chain.trailer_len()
            }
            Self::Keys { chain, sequence: SequenceRule::Repeating | SequenceRule::Strict } => {
                chain.trailer_len()
            }
        }
    }

    /// Calls `read` with what a packet that comes in now from `source` must carry.
    pub(crate) fn expecting<T>(
        &self,
        now: Instant,
        source: Ipv4Addr,
        read: impl FnOnce(Expected<'_>) -> T,
    ) -> T {
        match self {
            Self::Null => read(Expected::Null),
            Self::Simple(password) => read(Expected::Simple(password.0)),
            Self::Keys { chain, sequence } => match sequence {
                SequenceRule::Repeating | SequenceRule::Strict => {
                    read(Expected::Crypto(&|id| chain.accept(now, id)))
                }
                SequenceRule::Extended => read(Expected::Extended(&|id| chain.accept(now, id), source)),
            },
        }
    }

    /// What sequence numbers are held to.
    pub(crate) const fn sequence_rule(&self) -> SequenceRule {
        match self {
            Self::Null | Self::Simple(_) => SequenceRule::Repeating,
            Self::Keys { sequence, .. } => *sequence,
        }
    }
}

/// The cryptographic sequence numbers that we send: strictly increasing on each interface (RFC 2328 D.4.3 (5), RFC 7474 §2).
///
/// They start where the runtime says, above all that was sent before the daemon's start. An interface that appears
/// later starts above all of them, in case it is an old one with a new index.
///
/// Those of 64 bits are one row for all interfaces: the boot count, which the runtime raises with each start, then the
/// packets of this life (RFC 7474 §2).
#[derive(Debug)]
pub(crate) struct Sequences {
    last: BTreeMap<IfIndex, u32>,
    highest: u32,
    extended: u64,
}

impl Sequences {
    /// The first number of all interfaces is the one after `start`.
    pub(crate) fn starting_after(start: u32) -> Self {
        Self { last: BTreeMap::new(), highest: start, extended: 0 }
    }

    /// The boot count of this life.
    pub(crate) fn set_boot_count(&mut self, boots: u32) {
        self.extended = u64::from(boots) << 32;
    }

    /// The boot count in use: one more when 2³² packets were sent (RFC 7474 §2).
    pub(crate) const fn boot_count(&self) -> u32 {
        (self.extended >> 32) as u32
    }

    /// The next number of an interface. After 2³²−1 there is none: that one is repeated, as RFC 2328 neighbours accept.
    fn next(&mut self, if_index: IfIndex) -> u32 {
        let last = self.last.entry(if_index).or_insert(self.highest);
        *last = last.saturating_add(1);
        self.highest = self.highest.max(*last);
        *last
    }

    /// The highest number that was used.
    pub(crate) const fn highest(&self) -> u32 {
        self.highest
    }

    /// Authentication of the next packet on an interface, if there is a key.
    pub(crate) fn authenticate(
        &mut self,
        if_index: IfIndex,
        config: &AuthConfig,
        key: Option<&SendKey>,
        source: Ipv4Addr,
    ) -> Option<Auth> {
        match config {
            AuthConfig::Null => Some(Auth::Null),
            AuthConfig::Simple(password) => Some(Auth::Simple(password.0)),
            AuthConfig::Keys { sequence, .. } => {
                let key = Arc::clone(&key?.key);
                Some(match sequence {
                    SequenceRule::Repeating | SequenceRule::Strict => Auth::Crypto(key, self.next(if_index)),
                    SequenceRule::Extended => {
                        self.extended = self.extended.saturating_add(1);
                        Auth::Extended(key, self.extended, source)
                    }
                })
            }
        }
    }
}

/// The last sequence numbers that a neighbour has used. They are forgotten with the neighbour, when it goes Down (RFC 2328
/// §10.1); those of 64 bits are not, because they outlive its restarts, too (RFC 7474 §2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(BTreeMap<Row, u64>);

/// Numbers rise within a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    /// RFC 2328 D.5.3: of a key.
    Key(u8),
    /// RFC 7474 §2: of a packet type. Of a key, too, because what another key has made is no replay, and a router whose boot
    /// count was lost is heard again under a new key (§8).
    KeyAndType(u8, u8),
}

impl Row {
    const fn of(rule: SequenceRule, key_id: u8, packet_type: u8) -> Self {
        match rule {
            SequenceRule::Repeating => Self::Key(key_id),
            SequenceRule::Strict | SequenceRule::Extended => Self::KeyAndType(key_id, packet_type),
        }
    }
}

impl Seen {
    /// RFC 2328 D.5.3 (2), or RFC 7474 §2: may a packet of type `packet_type` with this stamp follow what was seen?
    pub(crate) fn check(&self, rule: SequenceRule, stamp: Stamp, packet_type: u8) -> Result<(), DropReason> {
        let Some(&last) = self.0.get(&Row::of(rule, stamp.key_id, packet_type)) else { return Ok(()) };
        let follows = match rule {
            SequenceRule::Repeating => stamp.sequence >= last,
            SequenceRule::Strict | SequenceRule::Extended => stamp.sequence > last,
        };
        if follows { Ok(()) } else { Err(DropReason::SequenceReplay) }
    }

    /// Takes note of a stamp.
    pub(crate) fn note(&mut self, rule: SequenceRule, stamp: Stamp, packet_type: u8) {
        self.0.insert(Row::of(rule, stamp.key_id, packet_type), stamp.sequence);
    }
}

impl Instance {
    /// Chooses the key that an interface sends with, and tells when it is another one.
    pub(crate) fn select_key(&mut self, now: Instant, if_index: IfIndex) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let chosen = match &interface.config.auth {
            AuthConfig::Null | AuthConfig::Simple(_) => None,
            AuthConfig::Keys { chain, .. } => chain.send_key(now),
        };
        if interface.send_key == chosen {
            return;
        }
        if let Some(send) = &chosen {
            let interface = interface.link.name.clone();
            let (key_id, expired) = (send.key.id(), send.expired);
            let algorithm = send.key.algorithm().name();
            self.output.event(Event::SendKey { interface, key_id, algorithm, expired });
        }
        interface.send_key = chosen;
    }

    /// The next moment at which an interface may have to send with another key.
    pub(crate) fn next_key_change(&self, now: Instant) -> Option<Instant> {
        let changes = self.interfaces.values().filter_map(|interface| match &interface.config.auth {
            AuthConfig::Null | AuthConfig::Simple(_) => None,
            AuthConfig::Keys { chain, .. } => chain.next_change(now),
        });
        changes.min()
    }

    /// A lifetime has begun or ended.
    pub(crate) fn select_keys(&mut self, now: Instant) {
        let all: Vec<_> = self.interfaces.keys().copied().collect();
        for if_index in all {
            self.select_key(now, if_index);
        }
    }
}

#[cfg(test)]
mod tests;
