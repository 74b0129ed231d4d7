//! The configuration as it is written.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use common::config::duration;
use common::control::ospf::Encoding;
use common::ids::{AreaId, RouterId};
use serde::{Deserialize, Serialize};

/// The whole file. Scalars stand before tables, as TOML wants them when it is written.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) router_id: Option<RouterId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transit: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_lsas: Option<i64>,
    pub(super) control: RawControl,
    pub(super) log: RawLog,
    pub(super) scheduling: RawScheduling,
    pub(super) metrics: RawMetrics,
    pub(super) graceful_restart: RawGracefulRestart,
    pub(super) routes: RawRoutes,
    pub(super) spf: RawSpf,
    pub(super) area: BTreeMap<String, RawArea>,
    pub(super) interface: BTreeMap<String, RawInterface>,
    pub(super) key_chain: BTreeMap<String, RawKeyChain>,
    pub(super) advertise: BTreeMap<String, RawAdvertise>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawControl {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) socket: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<RawLogFormat>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMetrics {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) listen: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawGracefulRestart {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) helper: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strict_lsa_checking: Option<bool>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) max_grace: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawLogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRoutes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) install: Option<RawInstall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) table: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metric: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_paths: Option<i64>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawInstall {
    None,
    DefaultOnly,
    All,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSpf {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rfc1583_compatibility: Option<bool>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) initial_delay: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) short_delay: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) long_delay: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) time_to_learn: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) hold_down: Option<Duration>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawArea {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<RawAreaKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) no_summary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_cost: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_type: Option<RawMetricType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) translator: Option<RawTranslator>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) translator_stability: Option<Duration>,
    /// Read only to be refused with a word why.
    #[serde(skip_serializing)]
    pub(super) virtual_link: Option<toml::Value>,
    pub(super) range: BTreeMap<String, RawRange>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) nssa_range: BTreeMap<String, RawNssaRange>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawAreaKind {
    Normal,
    Stub,
    Nssa,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) enum RawMetricType {
    #[serde(rename = "external-1")]
    External1,
    #[serde(rename = "external-2")]
    External2,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawTranslator {
    Candidate,
    Always,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawNssaRange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advertise: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advertise: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawInterface {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) area: Option<AreaId>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) network_type: Option<RawNetworkType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<i64>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) hello_interval: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) dead_interval: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) retransmit_interval: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) transmit_delay: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mtu_ignore: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) passive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl_security: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) neighbors: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unnumbered: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hide_prefix: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<RawAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bfd: Option<RawBfd>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) neighbor: BTreeMap<String, RawNeighbor>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawNetworkType {
    PointToPoint,
    Broadcast,
    NonBroadcast,
    PointToMultipoint,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawNeighbor {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<i64>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) poll_interval: Option<Duration>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAuth {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) simple: Option<RawSecret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keys: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strict_sequence: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extended_sequence: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawBfd {
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) min_tx: Option<Duration>,
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub(super) min_rx: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) multiplier: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) passive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strict: Option<bool>,
    /// Read only to be refused with a word why.
    #[serde(skip_serializing)]
    pub(super) echo: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<RawBfdAuth>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawBfdAuth {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<RawBfdAuthType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<RawSecret>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) enum RawBfdAuthType {
    #[serde(rename = "simple")]
    Simple,
    #[serde(rename = "keyed-md5")]
    KeyedMd5,
    #[serde(rename = "meticulous-md5")]
    MeticulousMd5,
    #[serde(rename = "keyed-sha-1")]
    KeyedSha1,
    #[serde(rename = "meticulous-sha-1")]
    MeticulousSha1,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawScheduling {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) realtime: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lock_memory: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawKeyChain {
    pub(super) key: BTreeMap<String, RawKey>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) algorithm: Option<RawAlgorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<RawSecret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) send: Option<RawLifetime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accept: Option<RawLifetime>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) enum RawAlgorithm {
    #[serde(rename = "md5")]
    Md5,
    #[serde(rename = "hmac-sha-1")]
    HmacSha1,
    #[serde(rename = "hmac-sha-256")]
    HmacSha256,
    #[serde(rename = "hmac-sha-384")]
    HmacSha384,
    #[serde(rename = "hmac-sha-512")]
    HmacSha512,
}

/// RFC 3339 times.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLifetime {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

/// A secret, or where it stands.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged, expecting = "a secret is written \"...\" or { file = \"/path\" }")]
pub(super) enum RawSecret {
    Inline(String),
    File(RawSecretFile),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSecretFile {
    pub(super) file: PathBuf,
}

impl std::fmt::Debug for RawSecret {
    /// Shows where a secret is, never what it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("Inline(..)"),
            Self::File(file) => file.fmt(f),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAdvertise {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<Encoding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metric: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<i64>,
}
