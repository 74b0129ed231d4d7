//! The file as it is written: every key optional, so that fragments can be read by themselves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use common::config::duration;
use common::control::ospf::Encoding;
use common::telemetry::LogFormat;
use serde::{Deserialize, Serialize};

use crate::model::{Forward, PersistenceEngine, Protocol, SchedulerKind};

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vip_device: Option<String>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) resync: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_probes: Option<usize>,
    pub(super) log: RawLog,
    pub(super) control: RawControl,
    pub(super) ospfd: RawOspfd,
    pub(super) ipvs: RawIpvs,
    pub(super) vip: BTreeMap<String, RawVip>,
    pub(super) service: BTreeMap<String, RawService>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<RawLogFormat>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawControl {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) socket: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawOspfd {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) socket: Option<PathBuf>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) lease_ttl: Option<Duration>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawIpvs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) load_modules: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modprobe: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeouts: Option<RawTimeouts>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTimeouts {
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) tcp: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) tcp_fin: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) udp: Option<Duration>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPersistence {
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prefix: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) netmask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<RawEngine>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTunnel {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<RawTunnelKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<RawChecksum>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawVip {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metric: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drain_metric: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<Encoding>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawService {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protocol: Option<RawProtocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fwmark: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vips: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scheduler: Option<RawScheduler>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flags: Option<Vec<RawFlag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by_hand: Option<RawByHand>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) one_packet: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) persistence: Option<RawPersistence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) forward: Option<RawForward>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tunnel: Option<RawTunnel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replies_return: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quorum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<RawCheck>,
    pub(super) server: BTreeMap<String, RawServer>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upper_threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lower_threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) forward: Option<RawForward>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tunnel: Option<RawTunnel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<RawCheck>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCheck {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<RawCheckKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Vec<String>>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) interval: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rise: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fall: Option<u32>,
}

impl RawCheck {
    /// This check with what it leaves open taken from `outer`.
    pub(super) fn over(&self, outer: &Self) -> Self {
        Self {
            kind: self.kind.or(outer.kind),
            port: self.port.or(outer.port),
            path: self.path.clone().or_else(|| outer.path.clone()),
            host: self.host.clone().or_else(|| outer.host.clone()),
            status: self.status.clone().or_else(|| outer.status.clone()),
            interval: self.interval.or(outer.interval),
            timeout: self.timeout.or(outer.timeout),
            rise: self.rise.or(outer.rise),
            fall: self.fall.or(outer.fall),
        }
    }
}

/// A word of the file for each variant of a model enum.
macro_rules! words {
    ($name:ident => $target:ident { $($variant:ident),+ }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub(super) enum $name { $($variant),+ }

        impl From<$name> for $target {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant),+ }
            }
        }

        impl From<$target> for $name {
            fn from(value: $target) -> Self {
                match value { $($target::$variant => Self::$variant),+ }
            }
        }
    };
}

words!(RawProtocol => Protocol { Tcp, Udp, Sctp });
words!(RawEngine => PersistenceEngine { Sip });
words!(RawLogFormat => LogFormat { Text, Json });
words!(RawScheduler => SchedulerKind {
    Rr, Wrr, Lc, Wlc, Lblc, Lblcr, Dh, Sh, Mh, Sed, Nq, Fo, Ovf, Twos
});

/// What becomes of a change that somebody makes by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawByHand {
    Repair,
    Adopt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawForward {
    Dr,
    Tunnel,
    Nat,
}

impl From<Forward> for RawForward {
    fn from(forward: Forward) -> Self {
        match forward {
            Forward::Dr => Self::Dr,
            Forward::Tunnel(_) => Self::Tunnel,
            Forward::Nat => Self::Nat,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawTunnelKind {
    #[default]
    Ipip,
    Gue,
    Gre,
}

/// ipvsadm's words without `--tun-`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawChecksum {
    #[default]
    Nocsum,
    Csum,
    Remcsum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawFlag {
    MhPort,
    MhFallback,
    ShPort,
    ShFallback,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawCheckKind {
    None,
    Tcp,
    Http,
}
