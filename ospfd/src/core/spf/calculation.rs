//! The whole calculation, and the partial one for external routes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::IpNetwork;

use crate::packet::router_flags;

use super::build_v2::AreaGraph;
use super::external::{ExternalBase, Translatable, installed};
use super::hops::HopInterner;
use super::internal::{AreaPaths, BoundaryPath, BoundaryPaths, choose_boundary};
use super::route::{Candidate, PathType, Route, RouteChange, RouteTable};
use super::{Destination, External, ExternalRouting, SpfConfig, Summary};

const BACKBONE: AreaId = AreaId(0);

/// What the database says of one area.
#[derive(Debug)]
pub struct AreaInput {
    /// The area.
    pub id: AreaId,
    /// Its graph.
    pub graph: AreaGraph,
    /// What its area border routers tell of.
    pub summaries: Vec<Summary>,
}

/// The routing table, and what is needed to calculate parts of it anew: paths to routers, too (RFC 2328 §11).
#[derive(Debug)]
pub struct Calculation {
    root: RouterId,
    config: SpfConfig,
    interner: HopInterner,
    /// Routes within the AS.
    internal: RouteTable,
    boundary: BTreeMap<RouterId, BoundaryPath>,
    /// Our own address ranges that are in use: others send us what is in them, and some of it may lead back to them.
    discards: RouteTable,
    /// All routes.
    table: RouteTable,
    /// Our own address ranges.
    ranges: BTreeSet<(AreaId, IpNetwork)>,
    /// Our own addresses.
    addresses: BTreeSet<IpAddr>,
    /// Areas that virtual links lead through.
    transit_areas: BTreeSet<AreaId>,
    /// Areas without AS-external-LSAs.
    kinds: BTreeMap<AreaId, ExternalRouting>,
    /// Our address and network on each of our links.
    connected: BTreeMap<IfIndex, IpNetwork>,
    is_border: bool,
    /// Ways to the AS boundary routers of NSSAs.
    nssa_boundary: BoundaryPaths,
    /// Other border routers of our NSSAs, and whether each translates in any case.
    nssa_borders: BTreeMap<AreaId, BTreeMap<RouterId, bool>>,
    /// What an NSSA's border router may tell the AS of.
    translatable: BTreeMap<(AreaId, IpNetwork), Translatable>,
}

impl Calculation {
    /// An empty table of the router `root`.
    pub fn new(root: RouterId, config: SpfConfig) -> Self {
        Self {
            root,
            config,
            interner: HopInterner::default(),
            internal: RouteTable::default(),
            boundary: BTreeMap::new(),
            discards: RouteTable::default(),
            table: RouteTable::default(),
            ranges: BTreeSet::new(),
            addresses: BTreeSet::new(),
            transit_areas: BTreeSet::new(),
            kinds: BTreeMap::new(),
            connected: BTreeMap::new(),
            is_border: false,
            nssa_boundary: BoundaryPaths::new(),
            nssa_borders: BTreeMap::new(),
            translatable: BTreeMap::new(),
        }
    }

    /// Another Router ID or other rules; what follows from them, the next [`Self::run`] finds out.
    pub fn reconfigure(&mut self, root: RouterId, config: SpfConfig) {
        (self.root, self.config) = (root, config);
    }

    /// Other address ranges (RFC 2328 C.2); what follows from them, the next [`Self::run`] finds out.
    pub fn set_ranges(&mut self, ranges: BTreeSet<(AreaId, IpNetwork)>) {
        self.ranges = ranges;
    }

    /// Our own addresses; what follows from them, the next [`Self::run`] finds out.
    pub fn set_addresses(&mut self, addresses: BTreeSet<IpAddr>) {
        self.addresses = addresses;
    }

    /// Other areas without AS-external-LSAs; what follows from them, the next [`Self::run`] finds out.
    pub fn set_kinds(&mut self, kinds: BTreeMap<AreaId, ExternalRouting>) {
        self.kinds = kinds;
    }

    /// Our address and network on each of our links; what follows from them, the next [`Self::run`] finds out.
    pub fn set_connected(&mut self, connected: BTreeMap<IfIndex, IpNetwork>) {
        self.connected = connected;
    }

    /// What an NSSA's border router may tell the AS of (RFC 3101 §3.2).
    pub fn translatable(&self) -> &BTreeMap<(AreaId, IpNetwork), Translatable> {
        &self.translatable
    }

    /// The other border routers of an NSSA that are reached both within it and, as AS boundary routers, elsewhere; and
    /// whether each translates in any case (RFC 3101 §3.1).
    pub fn nssa_borders(&self, area: AreaId) -> impl Iterator<Item = (RouterId, bool)> {
        let borders = self.nssa_borders.get(&area).into_iter().flatten();
        borders
            .filter(|(router, _)| self.boundary.contains_key(router))
            .map(|(router, always)| (*router, *always))
    }

    /// Routes within the AS.
    pub(crate) fn internal(&self) -> &RouteTable {
        &self.internal
    }

    /// Ways to the AS boundary routers.
    pub(crate) fn boundary(&self) -> &BTreeMap<RouterId, BoundaryPath> {
        &self.boundary
    }

    /// The areas that virtual links of others lead through, as far as we are a border router of them.
    pub(crate) fn transit_areas(&self) -> &BTreeSet<AreaId> {
        &self.transit_areas
    }

    /// The routing table.
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// RFC 2328 §16: calculates everything anew, and tells what changed.
    pub fn run(
        &mut self,
        areas: &[AreaInput],
        externals: impl Iterator<Item = External>,
    ) -> Vec<RouteChange> {
        let (mut candidates, mut boundary) = (Vec::new(), BoundaryPaths::new());
        self.nssa_borders.clear();
        self.is_border = areas.len() > 1;
        // RFC 2328 §16.2: with several areas, only the backbone's summaries count.
        let is_border = areas.len() > 1 && areas.iter().any(|area| area.id == BACKBONE);
        let mut trees = Vec::with_capacity(areas.len());
        for input in areas {
            let Some(mut paths) = AreaPaths::new(input.id, &input.graph, self.config.max_paths) else {
                continue;
            };
            candidates.extend(paths.prefixes(&mut self.interner));
            let is_nssa = matches!(self.kinds.get(&input.id), Some(ExternalRouting::Nssa { .. }));
            let flags = if is_nssa { router_flags::B | router_flags::E } else { router_flags::E };
            paths.boundary_routers(flags, &mut boundary, &mut self.interner);
            if is_nssa {
                self.nssa_borders.insert(input.id, paths.nssa_borders());
            }
            trees.push((input, paths));
        }
        let active = if is_border { self.active_ranges(&candidates) } else { BTreeMap::new() };
        for (input, paths) in &mut trees {
            if !is_border || input.id == BACKBONE {
                // RFC 2328 §16.2 (3): what is a range of ours in use is not learnt from others.
                let foreign = |summary: &&Summary| match summary.destination {
                    Destination::Network(prefix) => !active.contains_key(&prefix),
                    Destination::BoundaryRouter(_) => true,
                };
                let summaries: Vec<_> = input.summaries.iter().filter(foreign).copied().collect();
                candidates.extend(paths.summaries(&summaries, &mut boundary, &mut self.interner));
            }
        }
        self.internal = RouteTable::choose(candidates, &mut self.interner, self.config.max_paths);
        self.transit_areas.clear();
        // RFC 2328 §16.3
        for (input, paths) in &mut trees {
            if is_border && paths.carries_transit() {
                self.transit_areas.insert(input.id);
                paths.shortcuts(&input.summaries, &mut self.internal, &mut boundary, &mut self.interner);
            }
        }
        // RFC 3101 §2.5 (3): an AS-external-LSA's router is reached through areas that such LSAs are flooded in.
        let (elsewhere, everywhere): (BoundaryPaths, BoundaryPaths) =
            boundary.into_iter().partition(|((_, area), _)| self.kinds.contains_key(area));
        self.boundary = choose_boundary(everywhere, &self.config);
        self.nssa_boundary = elsewhere;
        self.nssa_boundary.retain(|_, path| path.path_type == PathType::IntraArea);
        self.discards = active.into_iter().map(|(range, area)| self.discard(range, area)).collect();

        // RFC 2328 §16.4 (6)(a): what is within the AS goes before it.
        let (externals, translatable) = self.external_routes(externals);
        let table = match self.discards.is_empty() {
            true => self.internal.over(externals),
            false => self.internal.over(self.discards.over(externals)),
        };
        self.translatable = installed(translatable, &table);
        let changes = self.table.changes_to(&table);
        self.table = table;
        self.interner.sweep();
        changes
    }

    /// RFC 2328 §16.6: calculates the routes to `prefixes` anew, of which `externals` are all AS-external- and NSSA-LSAs, and tells
    /// what changed. Nothing else may have changed since the last [`Self::run`].
    pub fn run_externals(
        &mut self,
        prefixes: &BTreeSet<IpNetwork>,
        externals: impl Iterator<Item = External>,
    ) -> Vec<RouteChange> {
        let wanted = |external: &External| prefixes.contains(&external.prefix);
        let (routes, translatable) = self.external_routes(externals.filter(wanted));
        let mut changes = Vec::new();
        let is_taken =
            |prefix: IpNetwork| self.internal.get(prefix).is_some() || self.discards.get(prefix).is_some();
        for prefix in prefixes.iter().filter(|prefix| !is_taken(**prefix)) {
            match (self.table.get(*prefix), routes.get(*prefix)) {
                (before, Some(after)) if before != Some(after) => {
                    changes.push(RouteChange::Set(after.clone()));
                }
                (Some(_), None) => changes.push(RouteChange::Unset(*prefix)),
                (_, Some(_)) | (None, None) => {}
            }
        }
        self.table.apply(&changes);
        self.translatable.retain(|(_, prefix), _| !prefixes.contains(prefix));
        self.translatable.extend(installed(translatable, &self.table));
        changes
    }

    /// RFC 2328 §11.1: packets to what is in a range and has no route of its own are dropped. `internal` does not have
    /// these entries: nobody is told of them, and nothing external is reached by them.
    fn discard(&mut self, prefix: IpNetwork, area: AreaId) -> Route {
        let next_hops = self.interner.intern(Vec::new(), self.config.max_paths);
        Route { prefix, path_type: PathType::Discard, area, cost: 0, type2_cost: 0, tag: 0, next_hops }
    }

    /// The ranges in which there is anything, with their areas.
    fn active_ranges(&self, intra_area: &[Candidate]) -> BTreeMap<IpNetwork, AreaId> {
        let holds = |(area, range): &&(AreaId, IpNetwork)| {
            intra_area.iter().map(|candidate| &candidate.route).any(|route| {
                route.area == *area
                    && route.prefix.prefix() >= range.prefix()
                    && range.contains(route.prefix.ip())
            })
        };
        self.ranges.iter().filter(holds).map(|(area, range)| (*range, *area)).collect()
    }

    fn external_routes(
        &mut self,
        externals: impl Iterator<Item = External>,
    ) -> (RouteTable, Vec<Translatable>) {
        let base = ExternalBase {
            root: self.root,
            config: &self.config,
            is_border: self.is_border,
            kinds: &self.kinds,
            boundary: &self.boundary,
            nssa_boundary: &self.nssa_boundary,
            connected: &self.connected,
            internal: &self.internal,
            own: &self.addresses,
        };
        base.routes(externals, &mut self.interner)
    }
}
