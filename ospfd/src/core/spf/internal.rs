//! Routes within the AS: to the prefixes of our areas (RFC 2328 §16.1, second stage), to those that area border routers
//! tell of (§16.2, §16.3), and to AS boundary routers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use common::ids::{AreaId, RouterId};
use ipnetwork::IpNetwork;

use crate::packet::router_flags;

use super::build_v2::AreaGraph;
use super::graph::Vertex;
use super::hops::{HopInterner, NextHops};
use super::route::{Candidate, PathType, Route, RouteTable};
use super::tree::{Tree, numbers};
use super::{Destination, SpfConfig, Summary};

const BACKBONE: AreaId = AreaId(0);

/// An area with its tree.
pub(super) struct AreaPaths<'a> {
    id: AreaId,
    area: &'a AreaGraph,
    tree: Tree,
    /// Sets of next hops by sets of first steps.
    known_sets: BTreeMap<Vec<u64>, NextHops>,
    max_paths: usize,
}

/// A path to an AS boundary router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoundaryPath {
    pub(crate) path_type: PathType,
    pub(crate) area: AreaId,
    pub(crate) cost: u32,
    pub(crate) next_hops: NextHops,
}

/// Paths to AS boundary routers, one for each area that has one.
pub(super) type BoundaryPaths = BTreeMap<(RouterId, AreaId), BoundaryPath>;

impl<'a> AreaPaths<'a> {
    /// Grows the tree of an area; `None` when we have no Router-LSA in it.
    pub(super) fn new(id: AreaId, area: &'a AreaGraph, max_paths: usize) -> Option<Self> {
        let tree = Tree::grow(&area.graph, area.root?, &area.first_hops);
        Some(Self { id, area, tree, known_sets: BTreeMap::new(), max_paths })
    }

    /// RFC 2328 §16.1: the area's own prefixes, the best path to each.
    pub(super) fn prefixes(&mut self, interner: &mut HopInterner) -> Vec<Candidate> {
        let mut paths: Vec<(IpNetwork, u32, Vertex)> = self
            .area
            .prefixes
            .iter()
            .filter_map(|attached| {
                let cost = self.tree.distance(attached.vertex)?.saturating_add(attached.metric);
                Some((attached.prefix, cost, attached.vertex))
            })
            .collect();
        paths.sort_unstable();
        paths
            .chunk_by(|one, other| one.0 == other.0)
            .filter_map(|group| {
                let &(prefix, cost, _) = group.first()?;
                let ends = group.iter().take_while(|path| path.1 == cost).map(|path| path.2);
                let next_hops = self.next_hops_to_any(ends, interner);
                Some(self.route(prefix, PathType::IntraArea, cost, next_hops).into())
            })
            .collect()
    }

    /// RFC 2328 §16.2: what area border routers of this area tell of.
    pub(super) fn summaries(
        &mut self,
        summaries: &[Summary],
        boundary: &mut BoundaryPaths,
        interner: &mut HopInterner,
    ) -> Vec<Candidate> {
        let own = self.own();
        let mut candidates = Vec::new();
        for (destination, cost, next_hops) in self.summary_paths(summaries, interner) {
            match destination {
                Destination::Network(prefix) => {
                    candidates.push(self.route(prefix, PathType::InterArea, cost, next_hops).into());
                }
                Destination::BoundaryRouter(router) if Some(router) != own => {
                    let path = self.boundary_path(PathType::InterArea, cost, next_hops);
                    offer(boundary, router, path, interner, self.max_paths);
                }
                Destination::BoundaryRouter(_) => {}
            }
        }
        candidates
    }

    /// Do virtual links lead through the area? RFC 2328 §15, §16.1 (2), TransitCapability.
    pub(super) fn carries_transit(&self) -> bool {
        let mut endpoints = self.area.virtual_endpoints();
        self.id != BACKBONE && endpoints.any(|(_, vertex)| self.tree.distance(vertex).is_some())
    }

    /// RFC 2328 §16.3: shorter ways through this area, whose summaries these are, to what the backbone leads to. What we
    /// are attached to ourselves stays as it is: the host would not follow.
    pub(super) fn shortcuts(
        &mut self,
        summaries: &[Summary],
        routes: &mut RouteTable,
        boundary: &mut BoundaryPaths,
        interner: &mut HopInterner,
    ) {
        for (destination, cost, next_hops) in self.summary_paths(summaries, interner) {
            let known = match destination {
                Destination::Network(prefix) => routes
                    .get_mut(prefix)
                    .filter(|route| route.area == BACKBONE)
                    .map(|route| (&mut route.cost, &mut route.next_hops)),
                Destination::BoundaryRouter(router) => {
                    boundary.get_mut(&(router, BACKBONE)).map(|path| (&mut path.cost, &mut path.next_hops))
                }
            };
            match known.filter(|(_, known_hops)| !known_hops.is_local()) {
                Some((known_cost, known_hops)) if cost < *known_cost => {
                    (*known_cost, *known_hops) = (cost, next_hops);
                }
                Some((known_cost, known_hops)) if cost == *known_cost => {
                    *known_hops = interner.union(known_hops, &next_hops, self.max_paths);
                }
                Some(_) | None => {}
            }
        }
    }

    /// The ways over area border routers that tell of something, with their costs.
    fn summary_paths(
        &mut self,
        summaries: &[Summary],
        interner: &mut HopInterner,
    ) -> Vec<(Destination, u32, NextHops)> {
        let own = self.own();
        let border: BTreeMap<RouterId, (u32, NextHops)> = self
            .area
            .border_routers()
            .filter_map(|(id, vertex)| {
                Some((id, (self.tree.distance(vertex)?, self.next_hops(vertex, interner))))
            })
            .collect();
        // RFC 2328 §16.2 (2), (4), §16.3 (2), (4)
        let others = summaries.iter().filter(|summary| Some(summary.by) != own);
        others
            .filter_map(|summary| {
                let (distance, next_hops) = border.get(&summary.by)?;
                Some((summary.destination, distance.saturating_add(summary.metric), next_hops.clone()))
            })
            .collect()
    }

    fn own(&self) -> Option<RouterId> {
        self.area.router_id(self.area.root?)
    }

    /// The AS boundary routers within the area: those whose Router-LSA has any of `flags`.
    pub(super) fn boundary_routers(
        &mut self,
        flags: u8,
        boundary: &mut BoundaryPaths,
        interner: &mut HopInterner,
    ) {
        for (router, vertex) in self.area.flagged(flags) {
            let Some(cost) = self.tree.distance(vertex) else { continue };
            let next_hops = self.next_hops(vertex, interner);
            let path = self.boundary_path(PathType::IntraArea, cost, next_hops);
            offer(boundary, router, path, interner, self.max_paths);
        }
    }

    /// The other border routers of the area that are reached within it, and whether each translates in any case
    /// (RFC 3101 §3.1).
    pub(super) fn nssa_borders(&self) -> BTreeMap<RouterId, bool> {
        let always: BTreeSet<_> = self.area.flagged(router_flags::NT).map(|(router, _)| router).collect();
        self.area
            .border_routers()
            .filter(|(_, vertex)| Some(*vertex) != self.area.root && self.tree.distance(*vertex).is_some())
            .map(|(router, _)| (router, always.contains(&router)))
            .collect()
    }

    fn route(&self, prefix: IpNetwork, path_type: PathType, cost: u32, next_hops: NextHops) -> Route {
        Route { prefix, path_type, area: self.id, cost, type2_cost: 0, tag: 0, next_hops }
    }

    fn boundary_path(&self, path_type: PathType, cost: u32, next_hops: NextHops) -> BoundaryPath {
        BoundaryPath { path_type, area: self.id, cost, next_hops }
    }

    fn next_hops(&mut self, vertex: Vertex, interner: &mut HopInterner) -> NextHops {
        self.next_hops_to_any(std::iter::once(vertex), interner)
    }

    /// The next hops towards all of `ends`; none if one of them is the root.
    fn next_hops_to_any(
        &mut self,
        ends: impl Iterator<Item = Vertex>,
        interner: &mut HopInterner,
    ) -> NextHops {
        let mut steps: Vec<u64> = Vec::new();
        for end in ends {
            if Some(end) == self.area.root {
                return interner.intern(Vec::new(), self.max_paths);
            }
            let more = self.tree.steps(end);
            steps.resize(more.len(), 0);
            steps.iter_mut().zip(more).for_each(|(word, more)| *word |= more);
        }
        if let Some(known) = self.known_sets.get(&steps) {
            return known.clone();
        }
        let first_hops = &self.area.first_hops;
        let hops = numbers(&steps).filter_map(|step| first_hops.get(step).map(|hop| hop.next_hop)).collect();
        let next_hops = interner.intern(hops, self.max_paths);
        self.known_sets.insert(steps, next_hops.clone());
        next_hops
    }
}

/// Takes a path up among those that are known.
fn offer(
    boundary: &mut BoundaryPaths,
    router: RouterId,
    path: BoundaryPath,
    interner: &mut HopInterner,
    max_paths: usize,
) {
    let rank = |path: &BoundaryPath| (path.path_type, path.cost);
    match boundary.get_mut(&(router, path.area)) {
        None => {
            boundary.insert((router, path.area), path);
        }
        Some(known) if rank(&path) < rank(known) => *known = path,
        Some(known) if rank(&path) == rank(known) => {
            known.next_hops = interner.union(&known.next_hops, &path.next_hops, max_paths);
        }
        Some(_) => {}
    }
}

/// RFC 2328 §16.4 (3): of the paths to each router through several areas, the one to be used.
pub(super) fn choose_boundary(paths: BoundaryPaths, config: &SpfConfig) -> BTreeMap<RouterId, BoundaryPath> {
    let mut chosen: BTreeMap<RouterId, BoundaryPath> = BTreeMap::new();
    for ((router, _), path) in paths {
        // The greatest area wins a draw.
        let rank = |path: &BoundaryPath| {
            (is_second_choice(path.path_type, path.area, config), path.cost, Reverse(path.area))
        };
        match chosen.get_mut(&router) {
            Some(best) if rank(best) <= rank(&path) => {}
            Some(best) => *best = path,
            None => {
                chosen.insert(router, path);
            }
        }
    }
    chosen
}

/// RFC 2328 §16.4.1: paths within an area that is not the backbone are preferred, unless the rules are those of RFC 1583.
pub(super) fn is_second_choice(path_type: PathType, area: AreaId, config: &SpfConfig) -> bool {
    !config.rfc1583_compatibility && (path_type != PathType::IntraArea || area == BACKBONE)
}
