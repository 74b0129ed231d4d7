//! Summary-LSAs of an area border router (RFC 2328 §12.4.3): what one area is told of the others, from the routing table.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::{IpNetwork, Ipv4Network};

use crate::core::config::{AreaConfig, AreaKind, NssaConfig, RangeConfig};
use crate::core::spf::hops::NextHops;
use crate::core::spf::route::{PathType, RouteTable};
use crate::packet::{LS_INFINITY, LsType, LsaBody, LsaKey, SummaryLsa};

use super::external::link_state_ids;

const BACKBONE: AreaId = AreaId(0);

/// What traffic through us costs where nobody should send any: far above all others, and still a way of last resort.
/// RFC 6987 §2 speaks of links only; FRR and others use this number for summaries.
pub(super) const LAST_RESORT: u32 = 0x00ff_0000;

/// A way to an AS boundary router.
#[derive(Clone, Debug)]
pub(crate) struct BoundaryRoute {
    /// The router.
    pub(crate) router: RouterId,
    /// What kind of path leads there.
    pub(crate) path_type: PathType,
    /// The area that the path starts in.
    pub(crate) area: AreaId,
    /// Its cost.
    pub(crate) cost: u32,
    /// Its next hops.
    pub(crate) next_hops: NextHops,
}

/// What summaries are made from.
#[derive(Debug)]
pub(crate) struct SummaryView<'a> {
    /// Our Router ID.
    pub(crate) router_id: RouterId,
    /// May others route through us?
    pub(crate) transit: bool,
    /// Area settings; an area that is not in it is a normal one without ranges.
    pub(crate) areas: &'a BTreeMap<AreaId, AreaConfig>,
    /// Routes within the AS.
    pub(crate) routes: &'a RouteTable,
    /// Ways to AS boundary routers.
    pub(crate) boundary: &'a [BoundaryRoute],
    /// Areas that virtual links lead through.
    pub(crate) transit_areas: &'a BTreeSet<AreaId>,
    /// Prefixes that our Router-LSAs have in every area.
    pub(crate) own: &'a BTreeMap<Ipv4Network, u16>,
    /// Which area each interface is in.
    pub(crate) interfaces: &'a BTreeMap<IfIndex, AreaId>,
}

/// A path, as far as summaries care.
struct Path<'a> {
    path_type: PathType,
    area: AreaId,
    cost: u32,
    next_hops: &'a NextHops,
}

/// What `area` is told, and for how many prefixes there was no Link State ID.
pub(crate) fn summary_lsas(view: &SummaryView<'_>, area: AreaId) -> (BTreeMap<LsaKey, LsaBody>, usize) {
    let kind = view.areas.get(&area).map_or(AreaKind::Normal, |config| config.kind);
    let mut networks = match kind {
        AreaKind::Normal
        | AreaKind::Stub { summaries: true, .. }
        | AreaKind::Nssa(NssaConfig { summaries: true, .. }) => networks(view, area),
        AreaKind::Stub { summaries: false, .. } | AreaKind::Nssa(_) => BTreeMap::new(),
    };
    // RFC 3101 §2.7: an NSSA that is told of other areas has its default route from a type-7 LSA.
    let default_cost = match kind {
        AreaKind::Stub { default_cost, .. }
        | AreaKind::Nssa(NssaConfig { summaries: false, default_cost, .. }) => Some(default_cost),
        AreaKind::Normal | AreaKind::Nssa(_) => None,
    };
    if let Some(default_cost) = default_cost {
        // §12.4.3.1: what is not told of is behind us.
        let cost = if view.transit { default_cost } else { default_cost.max(LAST_RESORT) };
        // A.4.4, appendix B: under the address and mask 0.0.0.0.
        networks.extend(Ipv4Network::new([0; 4].into(), 0).ok().map(|default| (default, cost)));
    }
    let ids = link_state_ids(networks.keys().copied());
    let left_out = networks.len() - ids.len();
    let key = |ls_type, link_state_id| LsaKey { ls_type, link_state_id, advertising_router: view.router_id };
    let mut lsas: BTreeMap<_, _> = networks
        .iter()
        .filter_map(|(prefix, &metric)| {
            let body = SummaryLsa { network_mask: prefix.mask(), metric };
            Some((key(LsType::SummaryNetwork, *ids.get(prefix)?), LsaBody::Summary(body)))
        })
        .collect();
    if kind == AreaKind::Normal {
        for route in view.boundary.iter().filter(|route| route.router != view.router_id) {
            let BoundaryRoute { path_type, area: from, cost, ref next_hops, .. } = *route;
            if let Some(metric) = told_cost(view, area, &Path { path_type, area: from, cost, next_hops }) {
                let body = SummaryLsa { network_mask: [0; 4].into(), metric };
                lsas.insert(key(LsType::SummaryAsbr, route.router.0), LsaBody::Summary(body));
            }
        }
    }
    (lsas, left_out)
}

/// The prefixes of other areas, with their costs; those of a range as one (§12.4.3).
fn networks(view: &SummaryView<'_>, area: AreaId) -> BTreeMap<Ipv4Network, u32> {
    let mut told = BTreeMap::new();
    let mut ranges: BTreeMap<Ipv4Network, (RangeConfig, u32)> = BTreeMap::new();
    for route in view.routes.iter() {
        let IpNetwork::V4(prefix) = route.prefix else { continue };
        let path = Path {
            path_type: route.path_type,
            area: route.area,
            cost: route.cost,
            next_hops: &route.next_hops,
        };
        let Some(cost) = told_cost(view, area, &path) else { continue };
        if view.own.contains_key(&prefix) {
            continue;
        }
        // What leads through an area has to know the backbone as it is.
        let as_it_is = route.area == BACKBONE && view.transit_areas.contains(&area);
        let may_condense = route.path_type == PathType::IntraArea && !as_it_is;
        match range_of(view, route.area, prefix).filter(|_| may_condense) {
            Some((range, config)) => {
                let (_, largest) = ranges.entry(range).or_insert((config, cost));
                *largest = cost.max(*largest);
            }
            None => {
                told.insert(prefix, cost);
            }
        }
    }
    let advertised = ranges.into_iter().filter(|(_, (config, _))| config.advertise);
    told.extend(advertised.map(|(range, (config, largest))| (range, config.cost.unwrap_or(largest))));
    told
}

/// Is `area` told of a path, and at which cost? `None`: not.
fn told_cost(view: &SummaryView<'_>, area: AreaId, path: &Path<'_>) -> Option<u32> {
    let may = match path.path_type {
        PathType::IntraArea => true,
        // Only what came over the backbone is passed on, and never back into it.
        PathType::InterArea => path.area == BACKBONE,
        PathType::Discard | PathType::External1 | PathType::External2 => false,
    };
    // Not into the area that it comes from, nor into one that it leads through.
    let leads_there = path.next_hops.iter().any(|hop| view.interfaces.get(&hop.if_index) == Some(&area));
    if !may || path.area == area || leads_there {
        return None;
    }
    let through_us = !path.next_hops.is_local();
    let cost = if through_us && !view.transit { path.cost.max(LAST_RESORT) } else { path.cost };
    (cost < LS_INFINITY).then_some(cost)
}

/// The longest range of `area` that `prefix` lies in.
fn range_of(view: &SummaryView<'_>, area: AreaId, prefix: Ipv4Network) -> Option<(Ipv4Network, RangeConfig)> {
    let ranges = &view.areas.get(&area)?.ranges;
    ranges
        .iter()
        .filter(|(range, _)| range.prefix() <= prefix.prefix() && range.contains(prefix.ip()))
        .max_by_key(|(range, _)| range.prefix())
        .map(|(range, config)| (*range, *config))
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
