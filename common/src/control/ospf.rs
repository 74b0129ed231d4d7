//! Requests to `ospfd`: leases, and what `ospfctl show` prints.
//!
//! A **lease** is a named set of advertisements. Its holder opens it with a time to live, replaces the whole set with
//! [`Request::SetAdvertised`], and renews it before it lapses. It belongs to the name, not to the connection:
//! a holder that comes back in time finds its set as it was, and nothing is withdrawn.

pub mod bfd;
pub mod ecmp;
pub mod status;

use std::net::{IpAddr, Ipv4Addr};

use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::ids::{AreaId, IfIndex, RouterId};

/// How a VIP is told to the neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// A host route in our Router-LSA (RFC 2328 §12.4.1.4).
    #[default]
    Stub,
    /// An AS-external-LSA of its own with a type 1 metric, which adds up with link costs (§12.4.4).
    #[serde(rename = "external-1")]
    External1,
    /// The same with a type 2 metric, which is above all link costs.
    #[serde(rename = "external-2")]
    External2,
}

impl Encoding {
    /// All of them, the one that routers prefer first.
    pub const ALL: [Self; 3] = [Self::Stub, Self::External1, Self::External2];

    /// The word for it in configurations and on the control socket.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stub => "stub",
            Self::External1 => "external-1",
            Self::External2 => "external-2",
        }
    }

    /// The encoding of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.as_str() == name)
    }

    /// Does it make an AS-external-LSA?
    pub const fn is_external(self) -> bool {
        match self {
            Self::Stub => false,
            Self::External1 | Self::External2 => true,
        }
    }
}

/// One prefix to advertise. The metric is always explicit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Advertisement {
    /// The VIP as a host prefix (/32), or a static prefix.
    pub prefix: IpNetwork,
    /// OSPF cost. The type 5 LSA has room for more, but what a stub link cannot say is not needed there either.
    pub metric: u16,
    /// How it is encoded.
    #[serde(default)]
    pub encoding: Encoding,
    /// Route tag of an external one, which routers pass on and do not look at; 0 for `stub`.
    #[serde(default)]
    pub tag: u32,
}

/// A request to `ospfd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Takes or resumes the lease `name`; answers [`Response::Lease`] with the set in force.
    LeaseOpen {
        /// The holder's name, e.g. `director`.
        name: String,
        /// Time without a renewal after which the set is withdrawn, in milliseconds.
        ttl_ms: u64,
    },
    /// Replaces the lease's whole set and renews it; answers [`Response::Lease`].
    SetAdvertised {
        /// The lease.
        name: String,
        /// Must be greater than the generation in force.
        generation: u64,
        /// The new set; a prefix may stand in it once.
        advertisements: Vec<Advertisement>,
    },
    /// Renews the lease; answers [`Response::Lease`].
    LeaseRenew {
        /// The lease.
        name: String,
    },
    /// Gives the lease up: its set is withdrawn at once; answers [`Response::Lease`].
    LeaseRelease {
        /// The lease.
        name: String,
    },
    /// Answers [`Response::Interfaces`].
    ShowInterfaces,
    /// Answers [`Response::Neighbors`].
    ShowNeighbors,
    /// Answers [`Response::Database`].
    ShowDatabase,
    /// Answers [`Response::Advertised`].
    ShowAdvertised,
    /// Answers [`Response::Routes`].
    ShowRoutes,
    /// Answers [`Response::Counters`].
    ShowCounters,
    /// Answers [`Response::Ecmp`].
    ShowEcmp {
        /// The VIP.
        prefix: IpNetwork,
        /// Only as this upstream router sees it.
        from: Option<RouterId>,
    },
    /// Answers [`Response::Instance`].
    ShowInstance,
    /// Answers [`Response::Areas`].
    ShowAreas,
    /// Answers [`Response::Spf`].
    ShowSpf,
    /// Answers [`Response::Log`].
    ShowLog,
    /// Answers [`Response::Bfd`].
    ShowBfd,
    /// Answers [`Response::Metrics`].
    ShowMetrics,
    /// Ends adjacencies, which then form anew; answers [`Response::Cleared`].
    ClearNeighbor {
        /// Only the neighbour with this Router ID or address.
        neighbor: Option<Ipv4Addr>,
    },
}

/// `ospfd`'s answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "response", content = "data", rename_all = "kebab-case")]
pub enum Response {
    /// The state of the lease after the request.
    Lease(LeaseView),
    /// All interfaces that OSPF runs on.
    Interfaces(Vec<InterfaceView>),
    /// All neighbours.
    Neighbors(Vec<NeighborView>),
    /// The link-state database.
    Database(Vec<LsaView>),
    /// What this router advertises, and on whose behalf.
    Advertised(Vec<AdvertisedView>),
    /// The routing table.
    Routes(Vec<RouteView>),
    /// Packets sent, received, and dropped by reason.
    Counters(Vec<CounterView>),
    /// A VIP as the upstream routers see it.
    Ecmp(ecmp::EcmpView),
    /// The instance as a whole.
    Instance(status::InstanceView),
    /// The areas.
    Areas(Vec<status::AreaView>),
    /// The route calculations.
    Spf(status::SpfView),
    /// The last state changes, the oldest first.
    Log(Vec<status::LogView>),
    /// All BFD sessions.
    Bfd(Vec<bfd::BfdView>),
    /// Metrics in OpenMetrics text.
    Metrics(String),
    /// The neighbours that were cleared.
    Cleared(Vec<RouterId>),
    /// The request was refused and changed nothing.
    Refused(Refusal),
}

/// A lease as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseView {
    /// The holder's name.
    pub name: String,
    /// Generation in force; 0 before the first set.
    pub generation: u64,
    /// Time to live in milliseconds.
    pub ttl_ms: u64,
    /// Time left in milliseconds.
    pub remaining_ms: u64,
    /// The set in force.
    pub advertisements: Vec<Advertisement>,
    /// Neighbours in state Full now: 0 means that nobody hears what is advertised.
    pub full_neighbors: u32,
}

/// One interface. Names follow FRR's JSON where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceView {
    /// Interface name.
    pub name: String,
    /// Kernel index.
    pub if_index: IfIndex,
    /// Our address and prefix length on it.
    pub address: Option<IpNetwork>,
    /// The area.
    pub area: AreaId,
    /// `point-to-point` or `broadcast`.
    pub network_type: String,
    /// State in the words of RFC 2328 §9.1.
    pub state: String,
    /// Output cost.
    pub cost: u16,
    /// Router priority.
    pub priority: u8,
    /// HelloInterval in seconds.
    pub hello_interval: u16,
    /// RouterDeadInterval in seconds.
    pub router_dead_interval: u32,
    /// MTU in bytes.
    pub mtu: u16,
    /// Designated Router's address, 0.0.0.0 when there is none.
    pub dr_address: Ipv4Addr,
    /// Backup Designated Router's address, 0.0.0.0 when there is none.
    pub bdr_address: Ipv4Addr,
    /// Number of neighbours heard.
    pub nbr_count: u32,
    /// Number of neighbours in state Full.
    pub nbr_full_count: u32,
}

/// One neighbour. Names follow FRR's JSON where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeighborView {
    /// Its Router ID.
    pub neighbor_router_id: RouterId,
    /// Its address on the link.
    pub address: IpAddr,
    /// The interface's name.
    pub iface_name: String,
    /// State in the words of RFC 2328 §10.1 (`Full`, `2-Way`, ...).
    pub nbr_state: String,
    /// `DR`, `Backup`, `DROther`, or `-` on point-to-point links.
    pub role: String,
    /// Its router priority.
    pub nbr_priority: u8,
    /// Milliseconds until it is declared dead.
    pub router_dead_interval_timer_due_msec: u64,
    /// Milliseconds in the current state.
    pub state_for_msec: u64,
    /// State changes since it was first heard.
    pub state_changes: u64,
    /// LSAs still to be requested.
    pub link_state_request_list_counter: u32,
    /// LSAs sent and not yet acknowledged.
    pub link_state_retransmission_list_counter: u32,
    /// It restarts gracefully, and is helped (RFC 3623 §3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarting: Option<RestartingView>,
}

/// A neighbour that restarts gracefully.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartingView {
    /// Why it restarts: `unknown`, `software-restart`, `software-upgrade`, `switch-to-redundant`, or `other`.
    pub reason: String,
    /// Milliseconds for which it is helped at most.
    pub grace_remaining_msec: u64,
}

/// One LSA of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LsaView {
    /// Area, absent for AS scope.
    pub area: Option<AreaId>,
    /// LS type: `router`, `network`, ... or the number.
    pub lsa_type: String,
    /// Link State ID, dotted.
    pub link_state_id: String,
    /// Advertising router.
    pub advertised_router: RouterId,
    /// Age in seconds.
    pub lsa_age: u16,
    /// Sequence number in hex, `80000001`.
    pub sequence_number: String,
    /// Checksum in hex.
    pub checksum: String,
    /// Length in bytes, header included.
    pub length: u16,
    /// True for our own.
    pub self_originated: bool,
    /// Body in words, one line each.
    pub detail: Vec<String>,
}

/// One prefix that we advertise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdvertisedView {
    /// The advertisement.
    #[serde(flatten)]
    pub advertisement: Advertisement,
    /// `static` or the lease's name.
    pub owner: String,
    /// True once an LSA with it stands in our database.
    pub originated: bool,
}

/// One route. Names follow FRR's JSON where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteView {
    /// The destination.
    pub prefix: IpNetwork,
    /// `N` within the area, `N IA` through a border router, `N E1` and `N E2` external.
    pub route_type: String,
    /// The area that the path starts in.
    pub area: AreaId,
    /// Cost; of `N E2`, the part up to where traffic leaves the AS.
    pub cost: u32,
    /// The metric that an `N E2` was advertised with.
    pub type2cost: Option<u32>,
    /// The tag of an external route.
    pub tag: Option<u32>,
    /// Where packets go; empty for what this router has itself.
    pub nexthops: Vec<RouteNextHopView>,
}

/// One next hop of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteNextHopView {
    /// The gateway; absent when the destination is on the link.
    pub ip: Option<IpAddr>,
    /// The interface's name.
    pub via: String,
}

/// One counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterView {
    /// Name, e.g. `rx-hello`, `drop-bad-checksum`.
    pub name: String,
    /// Its value since start.
    pub value: u64,
}
