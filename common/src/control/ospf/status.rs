//! `ospfctl show instance|area|spf|log`. Names follow FRR's JSON where it has one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{AreaId, RouterId};

/// The instance as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceView {
    /// Our Router ID.
    pub router_id: RouterId,
    /// `running` or `stopping`.
    pub state: String,
    /// Milliseconds since start.
    pub uptime_msec: u64,
    /// Our links carry the maximum metric, so that nobody routes through us (RFC 6987).
    pub stub_router: bool,
    /// Areas that we have an interface in.
    pub attached_area_counter: u32,
    /// Interfaces that OSPF runs on.
    pub if_total_counter: u32,
    /// Those of them that are up.
    pub if_active_counter: u32,
    /// Neighbours in state Full.
    pub nbr_full_adjacent_counter: u32,
    /// LSAs of all scopes.
    pub lsa_number: u32,
    /// AS-external-LSAs.
    pub lsa_external_counter: u32,
    /// Opaque LSAs of AS scope.
    pub lsa_asopaque_counter: u32,
    /// Prefixes that are to be advertised.
    pub advertised_counter: u32,
    /// Next hops of one route at most.
    pub maximum_paths: u32,
    /// RFC1583Compatibility.
    pub rfc1583_compatibility: bool,
}

/// One area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AreaView {
    /// The area.
    pub area_id: AreaId,
    /// `normal`, `stub`, `totally-stubby`, `nssa` or `totally-stubby-nssa`.
    pub area_type: String,
    /// In an NSSA, whether we tell the AS of its external routes: `disabled`, `elected`, `deposed` or `enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nssa_translator: Option<String>,
    /// Interfaces in it.
    pub area_if_total_counter: u32,
    /// Those of them that are up.
    pub area_if_active_counter: u32,
    /// Neighbours in state Full.
    pub nbr_full_adjacent_counter: u32,
    /// LSAs of the area.
    pub lsa_number: u32,
    /// Router-LSAs.
    pub lsa_router_number: u32,
    /// Network-LSAs.
    pub lsa_network_number: u32,
    /// Summary-LSAs of networks.
    pub lsa_summary_number: u32,
    /// Summary-LSAs of AS boundary routers.
    pub lsa_asbr_number: u32,
    /// NSSA-LSAs.
    pub lsa_nssa_number: u32,
    /// Opaque LSAs of one link.
    pub lsa_opaque_link_number: u32,
    /// Opaque LSAs of the area.
    pub lsa_opaque_area_number: u32,
    /// Sixteen hexadecimal digits that routers share when their databases agree.
    pub database_digest: String,
}

/// Route calculations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpfView {
    /// Calculations of everything.
    pub full_runs: u64,
    /// Calculations of some external routes only.
    pub external_runs: u64,
    /// Kind of the last one, `full` or `external`.
    pub last_kind: Option<String>,
    /// Milliseconds since the last one.
    pub spf_last_executed_msecs: Option<u64>,
    /// Microseconds that the last one took.
    pub last_duration_usec: u64,
    /// Microseconds that the longest one took.
    pub longest_duration_usec: u64,
    /// Microseconds that all together took.
    pub total_duration_usec: u64,
    /// Milliseconds until the next one, if one is due.
    pub spf_timer_due_in_msecs: Option<u64>,
    /// State of the back-off (RFC 8405): `quiet`, `short-wait`, `long-wait`.
    pub backoff_state: String,
    /// Routes in the table.
    pub routes: u32,
}

/// A state change of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogView {
    /// When, RFC 3339 in UTC with microseconds.
    pub time: String,
    /// What changed: `neighbor`, `interface`, `lease`, `key`, `daemon`.
    pub what: String,
    /// The particulars.
    pub fields: BTreeMap<String, String>,
}
