//! Routes to destinations outside the AS (RFC 2328 §16.4, RFC 3101 §2.5).
//!
//! Deviation: in an NSSA, a border router counts as an AS boundary router even if it does not say so, since every one must
//! be (RFC 3101 §3.1).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::IpNetwork;

use crate::packet::{ExternalMetric, LS_INFINITY};

use super::hops::{HopInterner, NextHop, NextHops};
use super::internal::{BoundaryPath, BoundaryPaths, is_second_choice};
use super::route::{Candidate, PathType, Route, RouteTable};
use super::{External, ExternalRouting, Origin, SpfConfig};

/// What external routes are built on.
pub(super) struct ExternalBase<'a> {
    pub(super) root: RouterId,
    pub(super) config: &'a SpfConfig,
    /// We are a border router.
    pub(super) is_border: bool,
    /// Areas without AS-external-LSAs.
    pub(super) kinds: &'a BTreeMap<AreaId, ExternalRouting>,
    /// Ways to AS boundary routers through areas with AS-external-LSAs.
    pub(super) boundary: &'a BTreeMap<RouterId, BoundaryPath>,
    /// Ways to those of each NSSA within it.
    pub(super) nssa_boundary: &'a BoundaryPaths,
    pub(super) internal: &'a RouteTable,
    /// Addresses of ours.
    pub(super) own: &'a BTreeSet<IpAddr>,
    /// Our address and network on each of our links.
    pub(super) connected: &'a BTreeMap<IfIndex, IpNetwork>,
}

/// The type-7 LSA that stands for a destination when an NSSA's border router tells the AS of it (RFC 3101 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translatable {
    /// What it says.
    pub external: External,
    /// The cost of the way to its forwarding address.
    pub distance: u32,
}

/// How to get to where external traffic leaves the AS.
#[derive(Clone)]
struct Exit {
    path_type: PathType,
    area: AreaId,
    cost: u32,
    next_hops: NextHops,
}

/// The AS boundary router, its forwarding address if it gives one, and where it is told.
type ExitKey = (RouterId, Option<IpAddr>, Option<AreaId>);

impl ExternalBase<'_> {
    /// The best route for each prefix in `externals`; and what among it the router of an NSSA's border is to tell the AS of.
    pub(super) fn routes(
        &self,
        externals: impl Iterator<Item = External>,
        interner: &mut HopInterner,
    ) -> (RouteTable, Vec<Translatable>) {
        // Neighbours in the database mostly come from the same router.
        let mut last: Option<(ExitKey, Option<Exit>)> = None;
        let mut candidates = Vec::new();
        let mut translatable = Vec::new();
        for external in externals {
            // RFC 2328 §16.4 (1), (2)
            if external.metric >= LS_INFINITY
                || external.by == self.root
                || self.is_foreign_default(&external)
            {
                continue;
            }
            let key = (external.by, external.forwarding_address, nssa_of(&external));
            let exit = match &last {
                Some((known, exit)) if *known == key => exit.as_ref(),
                _ => last.insert((key, self.exit(&external, interner))).1.as_ref(),
            };
            let Some(exit) = exit else { continue };
            candidates.push(self.candidate(&external, exit));
            if self.is_border && is_translatable(&external) {
                translatable.push(Translatable { external, distance: exit.cost });
            }
        }
        (RouteTable::choose(candidates, interner, self.config.max_paths), translatable)
    }

    /// RFC 3101 §2.5 (3): a default route of type 7 that a border router does not follow.
    fn is_foreign_default(&self, external: &External) -> bool {
        let Origin::Nssa { area, propagate } = external.origin else { return false };
        let no_summaries = self.kinds.get(&area) == Some(&ExternalRouting::Nssa { summaries: false });
        self.is_border && external.prefix.prefix() == 0 && (!propagate || no_summaries)
    }

    /// RFC 2328 §16.4 (3), RFC 3101 §2.5 (3): by the forwarding address, or by the advertising router when there is none.
    fn exit(&self, external: &External, interner: &mut HopInterner) -> Option<Exit> {
        // The advertising router must be there in either case, or its LSA is a leftover.
        let nssa = nssa_of(external);
        let by = match nssa {
            None => self.boundary.get(&external.by),
            Some(area) => self.nssa_boundary.get(&(external.by, area)),
        };
        let BoundaryPath { path_type, area, cost, next_hops } = by?.clone();
        let Some(address) = external.forwarding_address else {
            return Some(Exit { path_type, area, cost, next_hops });
        };
        // Where it leads from here is not for others to say: to ourselves would be a loop.
        if self.own.contains(&address) {
            return None;
        }
        let Route { path_type, area, cost, ref next_hops, .. } = *self.internal.longest_match(address)?;
        let is_right_way = match nssa {
            None => !self.kinds.contains_key(&area),
            Some(nssa) => path_type == PathType::IntraArea && area == nssa,
        };
        if !is_right_way {
            return None;
        }
        // RFC 2328 §16.4 (3): on our own link the forwarding address itself is the next hop.
        let mut hops: Vec<NextHop> =
            next_hops.iter().map(|hop| NextHop { gateway: hop.gateway.or(Some(address)), ..*hop }).collect();
        if hops.is_empty() {
            // The prefix is our own, as that of a point-to-point link is.
            hops.extend(self.neighbors_at(address));
        }
        let next_hops = interner.intern(hops, self.config.max_paths);
        (!next_hops.is_empty()).then_some(Exit { path_type, area, cost, next_hops })
    }

    /// How a neighbour's address on our own links is reached.
    fn neighbors_at(&self, address: IpAddr) -> impl Iterator<Item = NextHop> {
        let around = self.connected.iter().filter(move |(_, own)| own.contains(address));
        around.map(move |(if_index, _)| NextHop { if_index: *if_index, gateway: Some(address) })
    }

    fn candidate(&self, external: &External, exit: &Exit) -> Candidate {
        let (path_type, cost, type2_cost) = costs(external, exit.cost);
        Candidate {
            route: Route {
                prefix: external.prefix,
                path_type,
                area: exit.area,
                cost,
                type2_cost,
                tag: external.tag,
                next_hops: exit.next_hops.clone(),
            },
            is_second_choice: is_second_choice(exit.path_type, exit.area, self.config),
            precedence: precedence(external),
        }
    }
}

/// Those of `translatable` that are routes in `table` (RFC 3101 §3.2: "only installed Type-7 LSAs"), one for each area and
/// destination.
pub(super) fn installed(
    translatable: Vec<Translatable>,
    table: &RouteTable,
) -> BTreeMap<(AreaId, IpNetwork), Translatable> {
    let mut installed: BTreeMap<_, Translatable> = BTreeMap::new();
    for one in translatable {
        let Translatable { external, distance } = one;
        let is_route = table.get(external.prefix).is_some_and(|route| {
            (route.path_type, route.cost, route.type2_cost) == costs(&external, distance)
        });
        let Some(area) = nssa_of(&external).filter(|_| is_route) else { continue };
        let best = installed.entry((area, external.prefix)).or_insert(one);
        if precedence(&external) > precedence(&best.external) {
            *best = one;
        }
    }
    installed
}

/// RFC 3101 §3.2 (1)
const fn is_translatable(external: &External) -> bool {
    matches!(external.origin, Origin::Nssa { propagate: true, .. }) && external.forwarding_address.is_some()
}

const fn nssa_of(external: &External) -> Option<AreaId> {
    match external.origin {
        Origin::As => None,
        Origin::Nssa { area, .. } => Some(area),
    }
}

/// Path type, cost and type 2 cost of a way of `distance` to where traffic leaves the AS.
const fn costs(external: &External, distance: u32) -> (PathType, u32, u32) {
    match external.metric_type {
        ExternalMetric::Type1 => (PathType::External1, distance.saturating_add(external.metric), 0),
        ExternalMetric::Type2 => (PathType::External2, distance, external.metric),
    }
}

/// RFC 3101 §2.5 (6)(e)
const fn precedence(external: &External) -> (u8, u32) {
    let class = match external.origin {
        Origin::Nssa { propagate: true, .. } => 2,
        Origin::As => 1,
        Origin::Nssa { propagate: false, .. } => 0,
    };
    (class, external.by.0)
}
