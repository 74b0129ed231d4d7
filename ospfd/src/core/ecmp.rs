//! Over which directors the upstream routers spread a VIP's traffic, as far as the database tells: shortest paths
//! again, but from each of them.
//!
//! Directors are the routers that announce the VIP, those that announce another host prefix together with one that
//! does, and this router. Every other router of the area is an upstream. An external announcement with a forwarding
//! address is counted by the way to its router.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::control::ospf::ecmp::{EcmpDirectorView, EcmpReason, EcmpUpstreamView, EcmpView};
use common::control::{Refusal, RefusalCode};
use common::ids::{AreaId, IfIndex, RouterId};
use common::time::Instant;
use ipnetwork::IpNetwork;

use super::instance::Instance;
use super::lsdb::Scope;
use super::spf::build_v2::{AreaGraph, LocalLink, external, nssa_external};
use super::spf::graph::Vertex;
use super::spf::hops::{FirstHop, FirstHops, NextHop};
use super::spf::route::PathType;
use super::spf::tree::{Tree, numbers};
use crate::packet::{ExternalMetric, LS_INFINITY, LsaBody, RouterLink, RouterLinkType};

/// Upstream routers that one request looks at; each costs as much as a calculation of routes.
const MOST_UPSTREAMS: usize = 32;
/// MaxLinkMetric (RFC 6987 §3).
const MAX_LINK_METRIC: u32 = 0xffff;

/// What a router says of the VIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Announcement {
    path_type: PathType,
    metric: u32,
}

/// What the area knows of the VIP.
#[derive(Debug)]
struct Area {
    id: AreaId,
    graph: AreaGraph,
    /// What each director announces, if it does.
    directors: BTreeMap<RouterId, Option<Announcement>>,
    /// Links to routers and networks that each director's Router-LSA has.
    told_links: BTreeMap<RouterId, usize>,
}

/// A path from an upstream to the VIP.
#[derive(Clone, Copy, Debug)]
struct Path {
    announcement: Announcement,
    distance: u32,
}

impl Path {
    /// The lowest wins (RFC 2328 §16.4 (6)); equal ones share.
    fn rank(self) -> (PathType, u32, u32) {
        let Announcement { path_type, metric } = self.announcement;
        match path_type {
            PathType::External2 => (path_type, metric, self.distance),
            PathType::IntraArea | PathType::InterArea | PathType::Discard | PathType::External1 => {
                (path_type, 0, self.distance.saturating_add(metric))
            }
        }
    }
}

impl Instance {
    /// Over which directors each upstream router, or the one named `from`, spreads the traffic for `prefix`.
    ///
    /// # Errors
    /// `NotFound` when `from` is no upstream router in any of our areas.
    pub fn ecmp(&self, now: Instant, prefix: IpNetwork, from: Option<RouterId>) -> Result<EcmpView, Refusal> {
        let mut view = EcmpView { prefix, upstreams: Vec::new(), left_out: 0 };
        for id in self.lsdb.areas() {
            let area = self.vip_in_area(now, id, prefix);
            let mut upstreams = area.upstreams(self.config.router_id);
            upstreams.retain(|(router, _)| from.is_none_or(|from| from == *router));
            let room = MOST_UPSTREAMS.saturating_sub(view.upstreams.len());
            view.left_out += u32::try_from(upstreams.len().saturating_sub(room)).unwrap_or(u32::MAX);
            view.upstreams
                .extend(upstreams.iter().take(room).map(|(id, vertex)| area.seen_from(*id, *vertex)));
        }
        match from {
            Some(from) if view.upstreams.is_empty() => Err(Refusal {
                code: RefusalCode::NotFound,
                message: format!(
                    "{from} is no upstream router: it is a director itself, or has no Router-LSA in the database; \
                     `ospfctl show database` lists those that have"
                ),
            }),
            Some(_) | None => Ok(view),
        }
    }

    fn vip_in_area(&self, now: Instant, id: AreaId, prefix: IpNetwork) -> Area {
        // No router has this ID, so every router's links are counted as it tells them.
        let told =
            |link: &RouterLink| Some(LocalLink { if_index: IfIndex(0), gateway: None, cost: link.metric });
        let graph = AreaGraph::read(self.lsdb.live(Scope::Area(id), now), RouterId(0), told);
        let announced = self.announced(now, id, &graph);
        let mut directors: BTreeMap<_, _> = BTreeMap::from([(self.config.router_id, None)]);
        for (by, _, announcement) in announced.iter().filter(|(_, of, _)| *of == prefix) {
            let best = directors.entry(*by).or_insert(Some(*announcement));
            *best = best.map_or(Some(*announcement), |best| Some(best.min(*announcement)));
        }
        let shared: BTreeSet<_> =
            announced.iter().filter(|(by, ..)| directors.contains_key(by)).map(|(_, of, _)| *of).collect();
        for (by, ..) in announced.iter().filter(|(_, of, _)| shared.contains(of)) {
            directors.entry(*by).or_insert(None);
        }
        let told_links = self
            .lsdb
            .live(Scope::Area(id), now)
            .filter_map(|lsa| match &lsa.body {
                LsaBody::Router(router) => {
                    let stub = |link: &&RouterLink| link.link_type == RouterLinkType::Stub;
                    let stubs = router.links.iter().filter(stub).count();
                    Some((lsa.header.key.advertising_router, router.links.len() - stubs))
                }
                _ => None,
            })
            .filter(|(router, _)| directors.contains_key(router))
            .collect();
        Area { id, graph, directors, told_links }
    }

    /// Every host prefix of the area and of the world outside, and who announces it how.
    fn announced(
        &self,
        now: Instant,
        id: AreaId,
        graph: &AreaGraph,
    ) -> Vec<(RouterId, IpNetwork, Announcement)> {
        let is_host = |prefix: IpNetwork| prefix.prefix() == if prefix.is_ipv4() { 32 } else { 128 };
        let stubs = graph.prefixes.iter().filter_map(|attached| {
            let announcement = Announcement { path_type: PathType::IntraArea, metric: attached.metric };
            Some((graph.router_id(attached.vertex)?, attached.prefix, announcement))
        });
        let of_as = self.lsdb.live(Scope::As, now).filter_map(external);
        let of_as = of_as.filter(|_| self.config.area_kind(id).takes_externals());
        let of_nssa = self.lsdb.live(Scope::Area(id), now).filter_map(|lsa| nssa_external(id, lsa));
        let externals = of_as.chain(of_nssa).map(|external| {
            let path_type = match external.metric_type {
                ExternalMetric::Type1 => PathType::External1,
                ExternalMetric::Type2 => PathType::External2,
            };
            (external.by, external.prefix, Announcement { path_type, metric: external.metric })
        });
        stubs.chain(externals).filter(|(_, prefix, _)| is_host(*prefix)).collect()
    }
}

impl Area {
    /// The upstream routers, those nearest to `own` first.
    fn upstreams(&self, own: RouterId) -> Vec<(RouterId, Vertex)> {
        let here = self.graph.router(own).map(|own| self.tree(own).0);
        let distance = |vertex| here.as_ref().and_then(|tree| tree.distance(vertex)).unwrap_or(u32::MAX);
        let mut upstreams: Vec<_> = (0..self.graph.graph.vertices())
            .map(Vertex::from_index)
            .filter_map(|vertex| Some((self.graph.router_id(vertex)?, vertex)))
            .filter(|(router, _)| !self.directors.contains_key(router))
            .collect();
        upstreams.sort_by_key(|(router, vertex)| (distance(*vertex), *router));
        upstreams
    }

    /// The shortest paths from `root`. Only the neighbours of the first steps have a meaning.
    fn tree(&self, root: Vertex) -> (Tree, FirstHops) {
        let graph = &self.graph.graph;
        let next_hop = NextHop { if_index: IfIndex(0), gateway: None };
        let steps: Vec<_> =
            graph.links(root).iter().map(|link| FirstHop { next_hop, neighbor: link.to }).collect();
        let somewhere = |_, _| vec![IpAddr::from([0, 0, 0, 0])];
        let first = FirstHops::new(graph, root, &steps, somewhere);
        (Tree::grow(graph, root, &first), first)
    }

    fn seen_from(&self, router_id: RouterId, root: Vertex) -> EcmpUpstreamView {
        let (tree, first) = self.tree(root);
        let mut paths = BTreeMap::new();
        for (director, announcement) in &self.directors {
            if let Some(announcement) = announcement.filter(|announced| announced.metric < LS_INFINITY)
                && let Some(distance) = self.distance(&tree, *director)
            {
                paths.insert(*director, Path { announcement, distance });
            }
        }
        let best = paths.values().copied().min_by_key(|path| path.rank());
        let users = |path: &&Path| best.is_some_and(|best| best.rank() == path.rank());
        let sharing = paths.values().filter(users).count();
        let mut nexthops = BTreeSet::new();
        let mut directors = Vec::new();
        for (&director, &announcement) in &self.directors {
            let reason = match (paths.get(&director), best) {
                (Some(path), Some(best)) => self.judge(*path, best, sharing),
                (_, _) => self.excuse(&tree, director, announcement),
            };
            if let Some(vertex) = self.graph.router(director).filter(|_| reason.is_used()) {
                let steps = numbers(tree.steps(vertex)).filter_map(|step| first.get(step));
                nexthops.extend(steps.filter_map(|step| self.graph.router_id(step.neighbor)));
            }
            directors.push(EcmpDirectorView {
                router_id: director,
                used: reason.is_used(),
                reason,
                route_type: announcement.map(|announced| announced.path_type.name().to_owned()),
                distance: self.distance(&tree, director),
                metric: announcement.map(|announced| announced.metric),
            });
        }
        EcmpUpstreamView { area: self.id, router_id, nexthops: nexthops.into_iter().collect(), directors }
    }

    fn distance(&self, tree: &Tree, router: RouterId) -> Option<u32> {
        tree.distance(self.graph.router(router)?)
    }

    /// Of a director that there is a path to.
    fn judge(&self, path: Path, best: Path, sharing: usize) -> EcmpReason {
        if path.rank() == best.rank() {
            let announcers = self.directors.values().flatten().count();
            return match (sharing, announcers) {
                (_, 1) => EcmpReason::OnlyAnnouncer,
                (1, _) => EcmpReason::Cheapest,
                (_, _) => EcmpReason::EqualCost,
            };
        }
        match (path.announcement, best.announcement) {
            (its, best) if its.path_type != best.path_type => EcmpReason::LessPreferred,
            (its, _) if its.metric >= MAX_LINK_METRIC || path.distance >= MAX_LINK_METRIC => {
                EcmpReason::MaxMetric
            }
            (its, best) if its.metric != best.metric => EcmpReason::UnequalMetric,
            (_, _) => EcmpReason::UnequalDistance,
        }
    }

    /// Of a director that there is no path to, or that has nothing to offer.
    fn excuse(&self, tree: &Tree, director: RouterId, announcement: Option<Announcement>) -> EcmpReason {
        if announcement.is_none() {
            return EcmpReason::NotAnnouncing;
        }
        if self.distance(tree, director).is_some() {
            return EcmpReason::MaxMetric;
        }
        let mutual = self.graph.router(director).map_or(0, |vertex| self.graph.graph.links(vertex).len());
        match self.told_links.get(&director) {
            Some(told) if *told > mutual => EcmpReason::NotBidirectional,
            Some(_) | None => EcmpReason::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests;
