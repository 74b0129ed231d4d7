//! `bfd = {…}` of an interface, and `[scheduling]`.

use std::sync::Arc;
use std::time::Duration;

use super::Checker;
use super::auth::hidden_secret;
use crate::bfd::{AuthKey, AuthType};
use crate::core::config::{BfdConfig, InterfaceConfig};
use crate::runtime::bfd::Scheduling;
use crate::runtime::config::raw::{RawBfd, RawBfdAuth, RawBfdAuthType, RawInterface, RawScheduling};

/// What FRR has.
const DEFAULT_INTERVAL: Duration = Duration::from_millis(300);
const DEFAULT_MULTIPLIER: u8 = 3;
/// Below it the kernel's scheduling decides.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(60);
/// SCHED_RR has priorities up to this.
const MOST_PRIORITY: u8 = 99;

impl Checker<'_> {
    pub(super) fn bfd(&mut self, interface: &str, raw: &RawInterface) -> Option<BfdConfig> {
        let written = raw.bfd.as_ref()?;
        let key = ["interface", interface, "bfd"];
        if raw.passive == Some(true) {
            let help = "take bfd out, or passive";
            self.refuse(&key, "bfd on a passive interface has no neighbours to watch", help);
        }
        if written.echo == Some(true) {
            let message =
                "the Echo function of BFD is not supported: it would need the kernel to send packets back";
            let help = "take echo out; min_tx and min_rx of 10 ms and more do without it";
            self.refuse(&["interface", interface, "bfd", "echo"], message, help);
        }
        Some(BfdConfig {
            min_tx: self.interval(interface, "min_tx", written.min_tx),
            min_rx: self.interval(interface, "min_rx", written.min_rx),
            multiplier: self.number(
                &["interface", interface, "bfd", "multiplier"],
                written.multiplier,
                1,
                DEFAULT_MULTIPLIER,
            ),
            passive: written.passive.unwrap_or(false),
            strict: written.strict.unwrap_or(false),
            auth: written.auth.as_ref().and_then(|auth| self.bfd_auth(interface, auth)),
        })
    }

    fn interval(&mut self, interface: &str, key: &str, written: Option<Duration>) -> Duration {
        let span = written.unwrap_or(DEFAULT_INTERVAL);
        if !(SHORTEST..=LONGEST).contains(&span) {
            let message = format!("{key} is {span:?}, out of {SHORTEST:?} to {LONGEST:?}");
            self.refuse(&["interface", interface, "bfd", key], message, "write for instance \"50ms\"");
        }
        span
    }

    fn bfd_auth(&mut self, interface: &str, raw: &RawBfdAuth) -> Option<Arc<AuthKey>> {
        let key = ["interface", interface, "bfd", "auth"];
        let Some(kind) = raw.kind.map(auth_type) else {
            let names = AuthType::ALL.map(AuthType::name).join(", ");
            self.refuse(&key, "auth of bfd has no type", format!("write type as one of: {names}"));
            return None;
        };
        let id = self.number(&["interface", interface, "bfd", "auth", "key_id"], raw.key_id, 0, 1);
        let Some(secret) = &raw.secret else {
            let help = "write secret = { file = \"/etc/evenkeel/bfd.secret\" }, or secret = \"...\"";
            self.refuse(&key, "auth of bfd has no secret", help);
            return None;
        };
        let secret = self.secret(&["interface", interface, "bfd", "auth", "secret"], secret)?;
        let made = AuthKey::new(kind, id, secret.as_bytes());
        if made.is_none() {
            let (name, most) = (kind.name(), kind.max_secret_len());
            let message = format!("a secret for {name} has 1 to {most} bytes, this one {}", secret.len());
            self.refuse(&key, message, "give the one that the neighbour has");
        }
        made.map(Arc::new)
    }

    pub(super) fn scheduling(&mut self, raw: &RawScheduling) -> Scheduling {
        let realtime = raw.realtime.map(|value| {
            let number = u8::try_from(value).ok().filter(|number| (1..=MOST_PRIORITY).contains(number));
            if number.is_none() {
                let message = format!("realtime is {value}, out of 1 to {MOST_PRIORITY}");
                let help = "write for instance realtime = 50, or leave it out";
                self.refuse(&["scheduling", "realtime"], message, help);
            }
            number.unwrap_or(1)
        });
        Scheduling { realtime, lock_memory: raw.lock_memory.unwrap_or(false) }
    }
}

const fn auth_type(raw: RawBfdAuthType) -> AuthType {
    match raw {
        RawBfdAuthType::Simple => AuthType::Simple,
        RawBfdAuthType::KeyedMd5 => AuthType::KeyedMd5,
        RawBfdAuthType::MeticulousMd5 => AuthType::MeticulousMd5,
        RawBfdAuthType::KeyedSha1 => AuthType::KeyedSha1,
        RawBfdAuthType::MeticulousSha1 => AuthType::MeticulousSha1,
    }
}

/// The settings in the shape of the file, without the secret.
pub(super) fn normal(interface: &InterfaceConfig, raw: Option<&RawBfd>) -> Option<RawBfd> {
    let config = interface.bfd.as_ref()?;
    let auth = raw.and_then(|raw| raw.auth.as_ref());
    Some(RawBfd {
        min_tx: Some(config.min_tx),
        min_rx: Some(config.min_rx),
        multiplier: Some(config.multiplier.into()),
        passive: Some(config.passive),
        strict: Some(config.strict),
        echo: None,
        auth: auth.map(|auth| RawBfdAuth { secret: auth.secret.as_ref().map(hidden_secret), ..auth.clone() }),
    })
}

pub(super) fn normal_scheduling(scheduling: Scheduling) -> RawScheduling {
    RawScheduling { realtime: scheduling.realtime.map(Into::into), lock_memory: Some(scheduling.lock_memory) }
}
