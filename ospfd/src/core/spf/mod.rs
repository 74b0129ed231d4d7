//! Routes from the link-state database (RFC 2328 §16).
//!
//! - [`delay`] says when to calculate (RFC 8405).
//! - [`build_v2`] reads an OSPFv2 area's LSAs into a graph; nothing else in here knows the version.
//! - [`graph`], [`hops`], [`tree`]: shortest paths with all equal-cost next hops (RFC 2328 §16.1).
//! - `internal`, `external`: routes from trees, summaries (§16.2, §16.3), AS-external-LSAs (§16.4) and NSSA-LSAs (RFC 3101
//!   §2.5).
//! - [`route`] is the routing table, and [`calculation`] fills it.
//!
//! Virtual links are not spoken, but areas that those of others lead through are what RFC 2328 §16.3 calls transit areas.

pub mod build_v2;
pub mod calculation;
pub mod delay;
mod external;
pub mod graph;
pub mod hops;
mod ids;
mod internal;
pub mod route;
pub mod tree;

use std::net::IpAddr;

use common::ids::{AreaId, RouterId};
use ipnetwork::IpNetwork;

use crate::packet::ExternalMetric;

pub use external::Translatable;

/// Rules of the calculation that an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpfConfig {
    /// Next hops of one route at most.
    pub max_paths: usize,
    /// RFC1583Compatibility (RFC 2328 C.1): all routers of the AS must agree. FRR and BIRD have it off by default.
    pub rfc1583_compatibility: bool,
}

impl Default for SpfConfig {
    fn default() -> Self {
        Self { max_paths: 64, rfc1583_compatibility: false }
    }
}

/// What an area border router tells of another area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The area border router.
    pub by: RouterId,
    /// Where it leads.
    pub destination: Destination,
    /// Its cost.
    pub metric: u32,
}

/// What a [`Summary`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A prefix.
    Network(IpNetwork),
    /// An AS boundary router.
    BoundaryRouter(RouterId),
}

/// What an AS boundary router tells of the world outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External {
    /// The AS boundary router.
    pub by: RouterId,
    /// The destination.
    pub prefix: IpNetwork,
    /// How the metric compares to costs inside the AS.
    pub metric_type: ExternalMetric,
    /// The metric; LSInfinity when the destination cannot be reached.
    pub metric: u32,
    /// Where packets go, if not to the AS boundary router.
    pub forwarding_address: Option<IpAddr>,
    /// External route tag.
    pub tag: u32,
    /// Where it is told.
    pub origin: Origin,
}

/// Where an [`External`] is told, and so over which ways its AS boundary router counts as reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the whole AS (type 5).
    As,
    /// In one NSSA (type 7).
    Nssa {
        /// The area.
        area: AreaId,
        /// The P-bit: border routers are to tell the AS of it.
        propagate: bool,
    },
}

/// How external routes are learnt in an area that AS-external-LSAs are not flooded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExternalRouting {
    /// Not at all (a stub area).
    None,
    /// From type-7 LSAs.
    Nssa {
        /// Border routers tell of other areas, too (ImportSummaries).
        summaries: bool,
    },
}
