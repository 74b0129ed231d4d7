//! Routes to destinations outside the AS (RFC 2328 §16.4).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::ids::{AreaId, RouterId};

use crate::packet::{ExternalMetric, LS_INFINITY};

use super::hops::{HopInterner, NextHop, NextHops};
use super::internal::{BoundaryPath, is_second_choice};
use super::route::{Candidate, PathType, Route, RouteTable};
use super::{External, SpfConfig};

/// What external routes are built on.
pub(super) struct ExternalBase<'a> {
    pub(super) root: RouterId,
    pub(super) config: &'a SpfConfig,
    pub(super) boundary: &'a BTreeMap<RouterId, BoundaryPath>,
    pub(super) internal: &'a RouteTable,
    /// Addresses of ours.
    pub(super) own: &'a BTreeSet<IpAddr>,
}

/// How to get to where external traffic leaves the AS.
#[derive(Clone)]
struct Exit {
    path_type: PathType,
    area: AreaId,
    cost: u32,
    next_hops: NextHops,
}

/// The AS boundary router, and its forwarding address if it gives one.
type ExitKey = (RouterId, Option<IpAddr>);

impl ExternalBase<'_> {
    /// The best route for each prefix in `externals`.
    pub(super) fn routes(
        &self,
        externals: impl Iterator<Item = External>,
        interner: &mut HopInterner,
    ) -> RouteTable {
        // Neighbours in the database mostly come from the same router.
        let mut last: Option<(ExitKey, Option<Exit>)> = None;
        let mut candidates = Vec::new();
        for external in externals {
            // RFC 2328 §16.4 (1), (2)
            if external.metric >= LS_INFINITY || external.by == self.root {
                continue;
            }
            let key = (external.by, external.forwarding_address);
            let exit = match &last {
                Some((known, exit)) if *known == key => exit.as_ref(),
                _ => last.insert((key, self.exit(key.0, key.1, interner))).1.as_ref(),
            };
            if let Some(exit) = exit {
                candidates.push(self.candidate(&external, exit));
            }
        }
        RouteTable::choose(candidates, interner, self.config.max_paths)
    }

    /// RFC 2328 §16.4 (3): by the forwarding address, or by the advertising router when there is none.
    fn exit(
        &self,
        by: RouterId,
        forwarding_address: Option<IpAddr>,
        interner: &mut HopInterner,
    ) -> Option<Exit> {
        // The advertising router must be there in either case, or its LSA is a leftover.
        let BoundaryPath { path_type, area, cost, next_hops } = self.boundary.get(&by)?.clone();
        let Some(address) = forwarding_address else {
            return Some(Exit { path_type, area, cost, next_hops });
        };
        // Where it leads from here is not for others to say: to ourselves would be a loop.
        if self.own.contains(&address) {
            return None;
        }
        let Route { path_type, area, cost, ref next_hops, .. } = *self.internal.longest_match(address)?;
        // RFC 2328 §16.4 (3): on our own link the forwarding address itself is the next hop.
        let hops: Vec<NextHop> =
            next_hops.iter().map(|hop| NextHop { gateway: hop.gateway.or(Some(address)), ..*hop }).collect();
        let next_hops = interner.intern(hops, self.config.max_paths);
        (!next_hops.is_empty()).then_some(Exit { path_type, area, cost, next_hops })
    }

    fn candidate(&self, external: &External, exit: &Exit) -> Candidate {
        let (path_type, cost, type2_cost) = match external.metric_type {
            ExternalMetric::Type1 => (PathType::External1, exit.cost.saturating_add(external.metric), 0),
            ExternalMetric::Type2 => (PathType::External2, exit.cost, external.metric),
        };
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
        }
    }
}
