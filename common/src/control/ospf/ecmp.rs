//! `ospfctl show ecmp`: over which directors each upstream router spreads the traffic of a VIP.

use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};

use crate::ids::{AreaId, RouterId};

/// A VIP as the upstream routers see it, by this router's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcmpView {
    /// The VIP.
    pub prefix: IpNetwork,
    /// The upstream routers, the nearest to this router first.
    pub upstreams: Vec<EcmpUpstreamView>,
    /// Further upstream routers that were not looked at; each can be asked for by its Router ID.
    pub left_out: u32,
}

/// A VIP as one upstream router sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcmpUpstreamView {
    /// The area.
    pub area: AreaId,
    /// The upstream router.
    pub router_id: RouterId,
    /// The routers that it hands packets for the VIP to.
    pub nexthops: Vec<RouterId>,
    /// The directors, in the order of their Router IDs.
    pub directors: Vec<EcmpDirectorView>,
}

/// What one upstream router makes of one director.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcmpDirectorView {
    /// The director.
    pub router_id: RouterId,
    /// Does the upstream send it traffic for the VIP?
    pub used: bool,
    /// Why, or why not.
    pub reason: EcmpReason,
    /// `N` stub, `N E1` and `N E2` external; absent when it does not announce the VIP.
    pub route_type: Option<String>,
    /// Cost from the upstream to the director; absent when there is no path.
    pub distance: Option<u32>,
    /// The metric that the director gives the VIP.
    pub metric: Option<u32>,
}

/// Why an upstream sends a director traffic for a VIP, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EcmpReason {
    /// Used: as cheap as at least one other.
    EqualCost,
    /// Used: nobody else announces the VIP.
    OnlyAnnouncer,
    /// Used alone: the others are dearer or out of reach.
    Cheapest,
    /// Not used: it gives the VIP a higher metric.
    UnequalMetric,
    /// Not used: the way to it costs more.
    UnequalDistance,
    /// Not used: it, or a router on the way, asks by the maximum metric to be used last.
    MaxMetric,
    /// Not used: a path of another kind is preferred, as stub is to external.
    LessPreferred,
    /// Not used: its links are told of from one side only.
    NotBidirectional,
    /// Not used: no path leads to it.
    Unreachable,
    /// Not used: it announces other VIPs that the directors share, but not this one.
    NotAnnouncing,
}

impl EcmpReason {
    /// Is the director used?
    pub const fn is_used(self) -> bool {
        matches!(self, Self::EqualCost | Self::OnlyAnnouncer | Self::Cheapest)
    }
}
