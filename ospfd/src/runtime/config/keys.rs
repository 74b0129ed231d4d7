//! Key chains as they are configured: with lifetimes on the wall clock.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::core::config::{Key, KeyChain, Lifetime};
use crate::packet::{Algorithm, CryptoKey};
use crate::runtime::clock::Moment;

/// A lifetime in microseconds since 1970: from `from`, before `to`; `None`: without a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallLifetime {
    /// Start.
    pub from: Option<u64>,
    /// End.
    pub to: Option<u64>,
}

impl WallLifetime {
    fn at(self, moment: Moment) -> Lifetime {
        let instant_of = |at| moment.instant_of(at);
        Lifetime { from: self.from.map(instant_of), to: self.to.map(instant_of) }
    }

    fn contains(self, unix_micros: u64) -> bool {
        self.from.is_none_or(|from| from <= unix_micros) && self.to.is_none_or(|to| unix_micros < to)
    }
}

/// A key with its lifetimes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallKey {
    /// The key.
    pub key: Arc<CryptoKey>,
    /// When packets are sent with it.
    pub send: WallLifetime,
    /// When packets made with it are accepted.
    pub accept: WallLifetime,
}

/// A key chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallChain {
    /// In order of preference for sending, the least preferred first.
    keys: Vec<WallKey>,
    /// What to tell the operator when no key is in force for sending.
    warning: String,
}

impl WallChain {
    /// A chain of these keys. Of keys that start at the same time the one with the lowest id is preferred: so a key can be added
    /// on one router after the other before it is used, by taking the old one away.
    pub(super) fn new(mut keys: Vec<WallKey>, warning: String) -> Self {
        keys.sort_by_key(|key| (key.send.from, Reverse(key.key.id())));
        Self { keys, warning }
    }

    /// Ids of the keys with this algorithm.
    pub(super) fn ids_of(&self, algorithm: Algorithm) -> impl Iterator<Item = u8> {
        self.keys
            .iter()
            .map(|key| &key.key)
            .filter(move |key| key.algorithm() == algorithm)
            .map(|key| key.id())
    }

    /// The chain on the engine's clock.
    pub fn at(&self, moment: Moment) -> KeyChain {
        let key = |key: &WallKey| Key {
            key: Arc::clone(&key.key),
            send: key.send.at(moment),
            accept: key.accept.at(moment),
        };
        KeyChain::new(self.keys.iter().map(key).collect())
    }

    /// What to tell the operator, if no key is in force for sending.
    pub fn warning(&self, moment: Moment) -> Option<&str> {
        let in_force = self.keys.iter().any(|key| key.send.contains(moment.unix_micros));
        (!in_force).then_some(self.warning.as_str())
    }
}
