//! The whole calculation, and the partial one for external routes.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{AreaId, RouterId};
use ipnetwork::IpNetwork;

use super::build_v2::AreaGraph;
use super::external::ExternalBase;
use super::hops::HopInterner;
use super::internal::{AreaPaths, BoundaryPath, BoundaryPaths, choose_boundary};
use super::route::{RouteChange, RouteTable};
use super::{External, SpfConfig, Summary};

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

/// The routing table, and what is needed to calculate parts of it anew.
#[derive(Debug)]
pub struct Calculation {
    root: RouterId,
    config: SpfConfig,
    interner: HopInterner,
    /// Routes within the AS.
    internal: RouteTable,
    boundary: BTreeMap<RouterId, BoundaryPath>,
    /// All routes.
    table: RouteTable,
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
            table: RouteTable::default(),
        }
    }

    /// Another Router ID or other rules; what follows from them, the next [`Self::run`] finds out.
    pub fn reconfigure(&mut self, root: RouterId, config: SpfConfig) {
        (self.root, self.config) = (root, config);
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
        // RFC 2328 §16.2: with several areas, only the backbone's summaries count.
        let is_border = areas.len() > 1 && areas.iter().any(|area| area.id == BACKBONE);
        for input in areas {
            let Some(mut paths) = AreaPaths::new(input.id, &input.graph, self.config.max_paths) else {
                continue;
            };
            candidates.extend(paths.prefixes(&mut self.interner));
            paths.boundary_routers(&mut boundary, &mut self.interner);
            if !is_border || input.id == BACKBONE {
                candidates.extend(paths.summaries(&input.summaries, &mut boundary, &mut self.interner));
            }
        }
        self.internal = RouteTable::choose(candidates, &mut self.interner, self.config.max_paths);
        self.boundary = choose_boundary(boundary, &self.config);

        let externals = self.external_routes(externals);
        let table = self.internal.over(externals);
        let changes = self.table.changes_to(&table);
        self.table = table;
        self.interner.sweep();
        changes
    }

    /// RFC 2328 §16.6: calculates the routes to `prefixes` anew, of which `externals` are all AS-external-LSAs, and tells
    /// what changed. Nothing else may have changed since the last [`Self::run`].
    pub fn run_externals(
        &mut self,
        prefixes: &BTreeSet<IpNetwork>,
        externals: impl Iterator<Item = External>,
    ) -> Vec<RouteChange> {
        let wanted = |external: &External| prefixes.contains(&external.prefix);
        let routes = self.external_routes(externals.filter(wanted));
        let mut changes = Vec::new();
        for prefix in prefixes.iter().filter(|prefix| self.internal.get(**prefix).is_none()) {
            match (self.table.get(*prefix), routes.get(*prefix)) {
                (before, Some(after)) if before != Some(after) => {
                    changes.push(RouteChange::Set(after.clone()));
                }
                (Some(_), None) => changes.push(RouteChange::Unset(*prefix)),
                (_, Some(_)) | (None, None) => {}
            }
        }
        self.table.apply(&changes);
        changes
    }

    fn external_routes(&mut self, externals: impl Iterator<Item = External>) -> RouteTable {
        let base = ExternalBase {
            root: self.root,
            config: &self.config,
            boundary: &self.boundary,
            internal: &self.internal,
        };
        base.routes(externals, &mut self.interner)
    }
}
