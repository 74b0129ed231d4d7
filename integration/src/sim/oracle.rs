//! Which routes there must be to the VIPs, worked out from the world's routers and links, and not from anybody's LSAs.
//!
//! The engine grows one tree from itself and hands next hops down. This looks back from each router that advertises
//! something: the distances of all others to it, and a link is a next hop where it is part of a distance.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::Ipv4Addr;

use common::control::ospf::Encoding;
use common::ids::AreaId;

use super::node::{NodeId, VIP_METRIC};
use super::topology::LinkId;
use super::world::{Link, World};

/// A router's costs when it carries no traffic for others (RFC 6987).
const MAX_LINK_METRIC: u32 = 0xffff;
const BACKBONE: AreaId = AreaId(0);

/// Where packets leave a router.
pub(super) type Hops = BTreeSet<(LinkId, Ipv4Addr)>;

/// A route, as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// `N`, `N IA`, `N E1` or `N E2`.
    pub(super) route_type: &'static str,
    pub(super) cost: u32,
    pub(super) hops: Hops,
    /// The area that it starts in.
    area: AreaId,
}

/// How far each router is from one; who does not reach it is not among them.
type Distances = BTreeMap<NodeId, u32>;

/// The world, ready to be asked.
pub(super) struct Oracle<'a> {
    world: &'a World,
    areas: BTreeSet<AreaId>,
    /// Distances to a router within an area.
    distances: BTreeMap<(AreaId, NodeId), Distances>,
    /// Who advertises a VIP, and how.
    announcers: BTreeMap<Ipv4Addr, Vec<(NodeId, Encoding)>>,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let areas: BTreeSet<AreaId> = world.links.iter().map(|link| link.spec.area).collect();
        let mut announcers: BTreeMap<Ipv4Addr, Vec<(NodeId, Encoding)>> = BTreeMap::new();
        for node in world.live() {
            for (vip, encoding) in world.nodes[node.0].advertised(world.now) {
                announcers.entry(vip).or_default().push((node, encoding));
            }
        }
        let mut oracle = Self { world, areas, distances: BTreeMap::new(), announcers };
        let told: BTreeSet<NodeId> = oracle.announcers.values().flatten().map(|(node, _)| *node).collect();
        let wanted = world.live().filter(|node| told.contains(node) || oracle.is_border(*node));
        let places = wanted.flat_map(|node| oracle.areas_of(node).into_iter().map(move |area| (area, node)));
        oracle.distances =
            places.map(|(area, node)| ((area, node), oracle.distances_to(area, node))).collect();
        oracle
    }

    /// The routes of `node` to VIPs. A VIP that it has itself as a stub link has a route without next hops.
    pub(super) fn routes(&self, node: NodeId) -> BTreeMap<Ipv4Addr, Expected> {
        let route = |(vip, announcers): (&Ipv4Addr, &Vec<_>)| Some((*vip, self.route(node, announcers)?));
        self.announcers.iter().filter_map(route).collect()
    }

    fn route(&self, node: NodeId, announcers: &[(NodeId, Encoding)]) -> Option<Expected> {
        let external = |encoding, route_type| self.external(node, by(announcers, encoding), route_type);
        self.within(node, announcers)
            .or_else(|| self.between(node, announcers))
            .or_else(|| external(Encoding::External1, "N E1"))
            .or_else(|| external(Encoding::External2, "N E2"))
    }

    /// Within an area.
    fn within(&self, node: NodeId, announcers: &[(NodeId, Encoding)]) -> Option<Expected> {
        let areas = self.areas_of(node).into_iter();
        best(areas.flat_map(|area| {
            by(announcers, Encoding::Stub).filter_map(move |announcer| {
                let cost = self.distance(area, node, announcer)? + u32::from(VIP_METRIC);
                Some(Expected { route_type: "N", cost, hops: self.hops(area, node, announcer), area })
            })
        }))
    }

    /// Through a border router: of the backbone, if we are one ourselves (RFC 2328 §16.2).
    fn between(&self, node: NodeId, announcers: &[(NodeId, Encoding)]) -> Option<Expected> {
        let areas = if self.is_border(node) { BTreeSet::from([BACKBONE]) } else { self.areas_of(node) };
        let borders: Vec<_> =
            self.world.live().filter(|border| *border != node && self.is_border(*border)).collect();
        best(areas.into_iter().flat_map(|area| {
            borders.iter().filter_map(move |border| {
                let told = self.told(*border, area, announcers)?;
                let cost = self.distance(area, node, *border)? + told;
                Some(Expected { route_type: "N IA", cost, hops: self.hops(area, node, *border), area })
            })
        }))
    }

    /// The cost at which a border router tells `area` of a VIP (RFC 2328 §12.4.3).
    fn told(&self, border: NodeId, area: AreaId, announcers: &[(NodeId, Encoding)]) -> Option<u32> {
        if !self.areas_of(border).contains(&area) {
            return None;
        }
        let within = self.within(border, announcers);
        // What is learnt from the backbone is not told to it.
        let between = || (area != BACKBONE).then(|| self.between(border, announcers)).flatten();
        within.or_else(between).filter(|route| route.area != area).map(|route| route.cost)
    }

    /// Outside the AS, in worlds of one area.
    fn external(
        &self,
        node: NodeId,
        announcers: impl Iterator<Item = NodeId>,
        route_type: &'static str,
    ) -> Option<Expected> {
        let metric = if route_type == "N E1" { u32::from(VIP_METRIC) } else { 0 };
        let others = announcers.filter(|announcer| *announcer != node && self.areas.len() == 1);
        best(others.filter_map(|announcer| {
            let cost = self.distance(BACKBONE, node, announcer)? + metric;
            Some(Expected { route_type, cost, hops: self.hops(BACKBONE, node, announcer), area: BACKBONE })
        }))
    }

    /// What the way from one router to another costs it: our own links have their cost for us, whatever we tell others.
    fn distance(&self, area: AreaId, from: NodeId, to: NodeId) -> Option<u32> {
        if from == to {
            return Some(0);
        }
        self.steps(area, from, to).map(|(cost, ..)| cost).min()
    }

    /// The first steps of all shortest paths.
    fn hops(&self, area: AreaId, from: NodeId, to: NodeId) -> Hops {
        let whole = self.distance(area, from, to);
        let shortest = self.steps(area, from, to).filter(|(cost, ..)| Some(*cost) == whole && from != to);
        shortest.map(|(_, link, gateway)| (link, gateway)).collect()
    }

    /// All first steps that lead there, and what the way costs if it begins with them.
    fn steps(&self, area: AreaId, from: NodeId, to: NodeId) -> impl Iterator<Item = (u32, LinkId, Ipv4Addr)> {
        let distances = self.distances.get(&(area, to));
        let links = self.world.nodes[from.0].links.iter().map(|id| (*id, &self.world.links[id.0]));
        links.filter(move |(_, link)| link.spec.area == area).flat_map(move |(id, link)| {
            self.adjacent(link, from).into_iter().filter_map(move |neighbor| {
                let rest = distances?.get(&neighbor)?;
                Some((u32::from(link.spec.cost) + rest, id, link.spec.address(id, neighbor)?.ip()))
            })
        })
    }

    /// Those whom packets of `node` reach over the link.
    fn adjacent(&self, link: &Link, node: NodeId) -> Vec<NodeId> {
        if !self.world.synchronises(link) || !link.is_on(node) {
            return Vec::new();
        }
        let others = link.spec.ends.iter().map(|(end, _)| *end).filter(|end| *end != node);
        others.filter(|end| self.world.nodes[end.0].serves()).collect()
    }

    fn cost(&self, link: &Link) -> u32 {
        if self.world.transit { link.spec.cost.into() } else { MAX_LINK_METRIC }
    }

    /// Dijkstra, against the direction of travel. All on a link have the same cost of it, so that both directions are alike.
    fn distances_to(&self, area: AreaId, to: NodeId) -> Distances {
        let mut cost = Distances::new();
        let mut open = BinaryHeap::from([Reverse((0, to))]);
        while let Some(Reverse((reached, node))) = open.pop() {
            if cost.contains_key(&node) {
                continue;
            }
            cost.insert(node, reached);
            for link in self.world.nodes[node.0].links.iter().map(|id| &self.world.links[id.0]) {
                if link.spec.area == area {
                    let more = self.adjacent(link, node).into_iter();
                    open.extend(more.map(|next| Reverse((reached + self.cost(link), next))));
                }
            }
        }
        cost
    }

    /// The areas that a router has a link of that is up.
    fn areas_of(&self, node: NodeId) -> BTreeSet<AreaId> {
        let links = self.world.nodes[node.0].links.iter().map(|id| &self.world.links[id.0]);
        links.filter(|link| link.carrier).map(|link| link.spec.area).collect()
    }

    fn is_border(&self, node: NodeId) -> bool {
        self.areas.len() > 1 && self.areas_of(node).len() > 1
    }
}

/// Those who advertise it in this encoding.
fn by(announcers: &[(NodeId, Encoding)], wanted: Encoding) -> impl Iterator<Item = NodeId> {
    announcers.iter().filter(move |(_, encoding)| *encoding == wanted).map(|(announcer, _)| *announcer)
}

/// The cheapest, with the next hops of all that are as cheap.
fn best(routes: impl Iterator<Item = Expected>) -> Option<Expected> {
    routes.reduce(|mut best, route| {
        match best.cost.cmp(&route.cost) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Greater => return route,
            std::cmp::Ordering::Equal if best.hops.is_empty() || route.hops.is_empty() => best.hops.clear(),
            std::cmp::Ordering::Equal => best.hops.extend(route.hops),
        }
        best
    })
}
