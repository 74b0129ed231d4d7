//! Passwords, keys and key chains.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::Checker;
use crate::core::config::{AuthConfig, KeyChain, Password, SequenceRule};
use crate::packet::{Algorithm, CryptoKey};
use crate::runtime::config::keys::{WallChain, WallKey, WallLifetime};
use crate::runtime::config::raw::{Raw, RawAlgorithm, RawAuth, RawKey, RawKeyChain, RawLifetime, RawSecret};

/// What the normal form shows in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// A type 1 key has 64 bits (RFC 2328 D.2).
const MAX_PASSWORD: usize = 8;

impl Checker<'_> {
    pub(super) fn auth(&mut self, interface: &str, raw: Option<&RawAuth>) -> AuthConfig {
        let Some(auth) = raw else { return AuthConfig::Null };
        let key = ["interface", interface, "auth"];
        match (&auth.simple, &auth.keys) {
            (Some(secret), None) => {
                for (name, given) in
                    [("strict_sequence", auth.strict_sequence), ("extended_sequence", auth.extended_sequence)]
                {
                    if given.is_some() {
                        let message = format!("{name} goes with keys: a password has no sequence");
                        self.refuse(&key, message, "take it out, or use a key chain");
                    }
                }
                self.password(&["interface", interface, "auth", "simple"], secret)
            }
            (None, Some(_)) => AuthConfig::Keys {
                chain: Arc::new(KeyChain::default()),
                sequence: self.sequence_rule(&key, auth),
            },
            (Some(_), Some(_)) => {
                self.refuse(&key, "auth has a simple password and keys", "keep one of them");
                AuthConfig::Null
            }
            (None, None) => {
                let help = "write auth = { keys = \"NAME\" } with [key_chain.NAME.key.1], or leave auth out";
                self.refuse(&key, "auth has neither keys nor a simple password", help);
                AuthConfig::Null
            }
        }
    }

    fn sequence_rule(&mut self, key: &[&str], auth: &RawAuth) -> SequenceRule {
        match (auth.extended_sequence.unwrap_or(false), auth.strict_sequence) {
            (true, Some(false)) => {
                let help = "take strict_sequence out";
                self.refuse(key, "extended sequence numbers are always checked strictly", help);
                SequenceRule::Extended
            }
            (true, Some(true) | None) => SequenceRule::Extended,
            (false, Some(true)) => SequenceRule::Strict,
            (false, Some(false) | None) => SequenceRule::Repeating,
        }
    }

    /// RFC 7474 §5 builds on the HMACs of RFC 5709 and has no place for MD5.
    fn no_md5(&mut self, interface: &str, name: &str, chain: &WallChain) {
        for id in chain.ids_of(Algorithm::Md5) {
            let message =
                format!("key {id} of chain `{name}` is md5, which extended_sequence does not go with");
            let help = "give the key an hmac-sha algorithm, or take extended_sequence out";
            self.refuse(&["interface", interface, "auth"], message, help);
        }
    }

    fn password(&mut self, key: &[&str], raw: &RawSecret) -> AuthConfig {
        let Some(secret) = self.secret(key, raw) else { return AuthConfig::Null };
        let mut bytes = [0; MAX_PASSWORD];
        match bytes.get_mut(..secret.len()) {
            Some(room) if !secret.is_empty() => room.copy_from_slice(secret.as_bytes()),
            _ => {
                let message =
                    format!("a simple password has 1 to {MAX_PASSWORD} bytes, this one {}", secret.len());
                self.refuse(key, message, "give the password that the neighbours have");
            }
        }
        AuthConfig::Simple(Password(bytes))
    }

    /// A secret, from where it stands.
    pub(super) fn secret(&mut self, key: &[&str], raw: &RawSecret) -> Option<Zeroizing<String>> {
        match raw {
            RawSecret::Inline(text) => Some(Zeroizing::new(text.clone())),
            RawSecret::File(secret) => match std::fs::read_to_string(&secret.file).map(Zeroizing::new) {
                Ok(text) => Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(error) => {
                    let message =
                        format!("the secret's file {} cannot be read: {error}", secret.file.display());
                    self.refuse(key, message, "give its absolute path, and see that this user may read it");
                    None
                }
            },
        }
    }

    /// All key chains, and who uses which.
    pub(super) fn key_chains(
        &mut self,
        raw: &Raw,
    ) -> (BTreeMap<String, WallChain>, BTreeMap<String, String>) {
        let chains: BTreeMap<_, _> =
            raw.key_chain.iter().map(|(name, chain)| (name.clone(), self.key_chain(name, chain))).collect();
        let mut keyed = BTreeMap::new();
        for (interface, raw) in &raw.interface {
            let Some(auth) = &raw.auth else { continue };
            let Some(name) = &auth.keys else { continue };
            if let Some(chain) = chains.get(name).filter(|_| auth.extended_sequence == Some(true)) {
                self.no_md5(interface, name, chain);
            }
            if !chains.contains_key(name) {
                let known: Vec<_> = chains.keys().map(String::as_str).collect();
                let help = if known.is_empty() {
                    format!("write [key_chain.{name}.key.1] with algorithm and secret")
                } else {
                    format!("write [key_chain.{name}.key.1], or use one of: {}", known.join(", "))
                };
                let key = ["interface", interface.as_str(), "auth", "keys"];
                self.refuse(&key, format!("there is no key chain `{name}`"), help);
            }
            keyed.insert(interface.clone(), name.clone());
        }
        (chains, keyed)
    }

    fn key_chain(&mut self, name: &str, raw: &RawKeyChain) -> WallChain {
        if raw.key.is_empty() {
            let help = format!("write [key_chain.{name}.key.1] with algorithm and secret");
            self.refuse(&["key_chain", name], format!("key chain `{name}` has no keys"), help);
        }
        let keys = raw.key.iter().filter_map(|(id, raw)| self.key(name, id, raw)).collect();
        let warning = self
            .sources
            .diagnostic(&["key_chain", name], format!("no key of chain `{name}` is in force for sending now"))
            .help("an expired key stays in use, one that has not begun is not used: add a key, or move `from` and `to`")
            .warning();
        WallChain::new(keys, warning.to_string())
    }

    fn key(&mut self, chain: &str, id: &str, raw: &RawKey) -> Option<WallKey> {
        let place = ["key_chain", chain, "key", id];
        // Written in one way only: `01` beside `1` would be the same key twice.
        let number = id.parse::<u8>().ok().filter(|number| *number > 0 && number.to_string() == id);
        if number.is_none() {
            self.refuse(&place, format!("`{id}` is no key id"), "give a whole number from 1 to 255");
        }
        let send = self.lifetime([chain, id, "send"], raw.send.as_ref());
        let accept = self.lifetime([chain, id, "accept"], raw.accept.as_ref());
        let algorithm = raw.algorithm.map(algorithm);
        if algorithm.is_none() {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            self.refuse(&place, format!("key {id} has no algorithm"), format!("write one of: {names}"));
        }
        let secret_place = ["key_chain", chain, "key", id, "secret"];
        let Some(secret) = &raw.secret else {
            let help = "write secret = { file = \"/etc/evenkeel/ospf.key\" }, or secret = \"...\"";
            self.refuse(&place, format!("key {id} has no secret"), help);
            return None;
        };
        let secret = self.secret(&secret_place, secret)?;
        // The key is pointed at and not its secret: the line may come into a log.
        if secret.is_empty() {
            self.refuse(&place, "the secret is empty", "give the one that the neighbours have");
        }
        let (number, algorithm) = (number?, algorithm?);
        let key = CryptoKey::new(number, algorithm, secret.as_bytes());
        if key.is_none() {
            let most = algorithm.max_secret_len().unwrap_or_default();
            let message =
                format!("a secret for {algorithm} has 1 to {most} bytes, this one {}", secret.len());
            self.refuse(&place, message, "shorten it on all routers, or use hmac-sha-256");
        }
        Some(WallKey { key: Arc::new(key?), send, accept })
    }

    fn lifetime(&mut self, [chain, id, which]: [&str; 3], raw: Option<&RawLifetime>) -> WallLifetime {
        let Some(raw) = raw else { return WallLifetime::default() };
        let key = ["key_chain", chain, "key", id, which];
        let from = self.time(&[&key[..], &["from"]].concat(), raw.from.as_ref());
        let to = self.time(&[&key[..], &["to"]].concat(), raw.to.as_ref());
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            let message = format!("`{which}` of key {id} ends before it begins");
            self.refuse(&[&key[..], &["to"]].concat(), message, "give a `to` that is later than `from`");
        }
        WallLifetime { from, to }
    }

    fn time(&mut self, key: &[&str], written: Option<&String>) -> Option<u64> {
        let text = written?;
        match text.parse::<Timestamp>() {
            Ok(time) => Some(u64::try_from(time.as_microsecond()).unwrap_or(0)),
            Err(error) => {
                let help = "write date, time and offset, like \"2026-01-01T00:00:00Z\" or \"2026-01-01T02:00:00+02:00\"";
                self.refuse(key, format!("`{text}` is no time: {error}"), help);
                None
            }
        }
    }
}

const fn algorithm(raw: RawAlgorithm) -> Algorithm {
    match raw {
        RawAlgorithm::Md5 => Algorithm::Md5,
        RawAlgorithm::HmacSha1 => Algorithm::HmacSha1,
        RawAlgorithm::HmacSha256 => Algorithm::HmacSha256,
        RawAlgorithm::HmacSha384 => Algorithm::HmacSha384,
        RawAlgorithm::HmacSha512 => Algorithm::HmacSha512,
    }
}

/// The same without the password.
pub(super) fn hidden(auth: &RawAuth) -> RawAuth {
    RawAuth { simple: auth.simple.as_ref().map(hidden_secret), ..auth.clone() }
}

/// The same without the secrets.
pub(super) fn hidden_chains(chains: &BTreeMap<String, RawKeyChain>) -> BTreeMap<String, RawKeyChain> {
    let mut chains = chains.clone();
    for key in chains.values_mut().flat_map(|chain| chain.key.values_mut()) {
        key.secret = key.secret.as_ref().map(hidden_secret);
    }
    chains
}

pub(super) fn hidden_secret(secret: &RawSecret) -> RawSecret {
    match secret {
        RawSecret::Inline(_) => RawSecret::Inline(HIDDEN.to_owned()),
        RawSecret::File(_) => secret.clone(),
    }
}
