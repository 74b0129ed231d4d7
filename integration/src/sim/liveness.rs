//! What must hold once all is quiet: everyone who can hear each other agrees.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use common::control::ospf::{Encoding, InterfaceView, LsaView, RouteView};
use common::ids::{AreaId, RouterId};
use ospfd::core::Instance;
use ospfd::core::config::AreaKind;
use ospfd::packet::{ExternalMetric, Lsa, LsaBody, RouterLink, RouterLinkType};

use super::node::{NodeId, VIP_METRIC, is_vip};
use super::oracle::{Expected, Hops, Oracle};
use super::topology::{LinkId, LinkKind};
use super::world::{Link, World};

/// More than this is not told: it helps nobody.
const MOST_TOLD: usize = 50;

/// Everything that does not hold now; empty when the world has converged. Routes need databases, and databases
/// adjacencies: the first that are missing are what is told.
pub(super) fn missing(world: &World) -> Vec<String> {
    let mut missing = Vec::new();
    let views = Views::of(world);
    for (index, link) in world.links.iter().enumerate() {
        adjacencies(world, &views, LinkId(index), link, &mut missing);
    }
    let areas: BTreeSet<AreaId> = world.links.iter().map(|link| link.spec.area).collect();
    if missing.is_empty() {
        for &area in &areas {
            for component in components(world, Some(area)) {
                databases(world, area, &component, &mut missing);
            }
        }
    }
    if missing.is_empty() {
        let oracle = Oracle::new(world);
        for component in components(world, None) {
            // A router by itself has told nobody what it advertises, not even itself.
            if component.len() > 1 && is_whole(world, &areas, &component) {
                routes(world, &oracle, &areas, &component, &mut missing);
                translators(world, &areas, &component, &mut missing);
            }
        }
    }
    missing.truncate(MOST_TOLD);
    missing
}

/// What routers say of their interfaces and neighbours, by link.
struct Views {
    interfaces: BTreeMap<(LinkId, NodeId), InterfaceView>,
    /// Neighbours that have been heard, and their states.
    neighbors: BTreeMap<(LinkId, NodeId), BTreeMap<RouterId, String>>,
}

impl Views {
    fn of(world: &World) -> Self {
        let mut views = Self { interfaces: BTreeMap::new(), neighbors: BTreeMap::new() };
        for node in world.live() {
            let Some(instance) = world.instance(node) else { continue };
            let links: BTreeMap<String, LinkId> =
                world.nodes[node.0].links.iter().map(|link| (link.name(), *link)).collect();
            for view in instance.interfaces(world.now) {
                if let Some(link) = links.get(&view.name) {
                    views.interfaces.insert((*link, node), view);
                }
            }
            let heard = |router: RouterId| router != RouterId::default();
            for view in instance.neighbors(world.now) {
                if let (Some(link), true) = (links.get(&view.iface_name), heard(view.neighbor_router_id)) {
                    let seen = views.neighbors.entry((*link, node)).or_default();
                    seen.insert(view.neighbor_router_id, view.nbr_state);
                }
            }
        }
        views
    }
}

/// Does the backbone hold together, and reach every part of each other area? Else not everyone reaches everything.
fn is_whole(world: &World, areas: &BTreeSet<AreaId>, component: &BTreeSet<NodeId>) -> bool {
    let within = |area: AreaId| {
        let all = components(world, Some(area)).into_iter();
        all.filter(|part| part.is_subset(component)).collect::<Vec<_>>()
    };
    if areas.len() < 2 {
        return true;
    }
    let mut backbone = within(AreaId(0)).into_iter().filter(|part| part.len() > 1);
    let (Some(backbone), None) = (backbone.next(), backbone.next()) else { return false };
    areas
        .iter()
        .filter(|area| area.0 != 0)
        .flat_map(|area| within(*area))
        .all(|part| !part.is_disjoint(&backbone))
}

/// Routers that are up, grouped by who can reach whom over links of `area`, or over all.
fn components(world: &World, area: Option<AreaId>) -> Vec<BTreeSet<NodeId>> {
    let in_area = |link: &Link| area.is_none_or(|area| link.spec.area == area);
    let links_of = |node: NodeId| {
        world.nodes[node.0].links.iter().map(|id| &world.links[id.0]).filter(|link| in_area(link))
    };
    let mut left: BTreeSet<NodeId> = world.live().filter(|node| links_of(*node).next().is_some()).collect();
    let mut components = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut component = BTreeSet::from([first]);
        let mut open = vec![first];
        while let Some(node) = open.pop() {
            let links = links_of(node).filter(|link| world.synchronises(link));
            for (end, _) in links.flat_map(|link| &link.spec.ends) {
                if left.remove(end) {
                    component.insert(*end);
                    open.push(*end);
                }
            }
        }
        components.push(component);
    }
    components
}

impl World {
    /// Do databases pass over the link? Where nobody can become Designated Router though there has to be one, they do not.
    pub(super) fn synchronises(&self, link: &Link) -> bool {
        let elects =
            || link.spec.ends.iter().any(|(node, priority)| *priority > 0 && self.nodes[node.0].serves());
        link.carries() && (!link.spec.kind.has_election() || elects())
    }
}

/// Neighbours on one link: Full where RFC 2328 §10.4 says so, 2-Way elsewhere, and nobody who is not there.
fn adjacencies(world: &World, views: &Views, id: LinkId, link: &Link, missing: &mut Vec<String>) {
    let ends: BTreeMap<NodeId, u8> =
        link.spec.ends.iter().copied().filter(|(node, _)| world.nodes[node.0].serves()).collect();
    let elected = match link.spec.kind.has_election() && link.carries() {
        true => election(id, link, &ends, views, missing),
        false => BTreeSet::new(),
    };
    for (node, priority) in &ends {
        let leads = |other: &NodeId| elected.contains(node) || elected.contains(other);
        let adjacent = |other: &NodeId| !link.spec.kind.has_election() || leads(other);
        // RFC 2328 §9.5.1: who is not eligible sends hellos to those only who are elected.
        let speaks = |(other, theirs): &(&NodeId, &u8)| {
            link.spec.kind != LinkKind::NonBroadcast || leads(other) || (*priority > 0 && **theirs > 0)
        };
        let others = ends.iter().filter(|(other, _)| link.carries() && *other != node);
        let (speaking, silent): (Vec<_>, Vec<_>) = others.partition(speaks);
        let expected: BTreeMap<RouterId, String> = speaking
            .into_iter()
            .map(|(other, _)| (other.router_id(), if adjacent(other) { "Full" } else { "2-Way" }.to_owned()))
            .collect();
        let mut seen = views.neighbors.get(&(id, *node)).cloned().unwrap_or_default();
        silent.iter().for_each(|(other, _)| drop(seen.remove(&other.router_id())));
        if seen != expected {
            missing.push(format!("{node:?} on {}: neighbours are {seen:?}, not {expected:?}", id.name()));
        }
    }
}

/// All agree on Designated Router and Backup, and there is one where there can be. Gives both.
fn election(
    id: LinkId,
    link: &Link,
    ends: &BTreeMap<NodeId, u8>,
    views: &Views,
    missing: &mut Vec<String>,
) -> BTreeSet<NodeId> {
    let agreed: BTreeSet<(Ipv4Addr, Ipv4Addr)> = ends
        .keys()
        .filter_map(|node| views.interfaces.get(&(id, *node)))
        .map(|view| (view.dr_address, view.bdr_address))
        .collect();
    if agreed.len() > 1 {
        missing.push(format!("{}: several views of (DR, BDR): {agreed:?}", id.name()));
    }
    let eligible: BTreeSet<NodeId> =
        ends.iter().filter(|(_, priority)| **priority > 0).map(|(node, _)| *node).collect();
    let (dr, bdr) = agreed.first().copied().unwrap_or((Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED));
    let is_elected =
        |node: &NodeId| link.spec.address(id, *node).is_some_and(|address| [dr, bdr].contains(&address.ip()));
    let elected: BTreeSet<NodeId> = eligible.iter().copied().filter(is_elected).collect();
    if elected.len() != eligible.len().min(2) || (dr == bdr && !eligible.is_empty()) {
        missing.push(format!("{}: DR {dr} and BDR {bdr} of {eligible:?}", id.name()));
    }
    elected
}

/// One database content within a part of an area, and in it the VIPs that its routers advertise, and no others.
fn databases(world: &World, area: AreaId, component: &BTreeSet<NodeId>, missing: &mut Vec<String>) {
    let Some(first) = component.first() else { return };
    let digest = |node: &NodeId| world.instance(*node).map(|instance| instance.digest(area));
    for node in component.iter().filter(|node| digest(node) != digest(first)) {
        differences(world, area, *node, *first, missing);
    }
    // A router by itself has told nobody what it advertises, not even itself.
    let Some(instance) = world.instance(*first).filter(|_| component.len() > 1) else { return };
    let takes_externals = world.takes_externals(area);
    let has_borders = world.links.iter().any(|link| link.spec.area != area);
    let mut seen: BTreeMap<RouterId, BTreeSet<(Ipv4Addr, Encoding)>> = BTreeMap::new();
    for (_, lsa) in instance.lsas().filter(|(found, _)| found.map_or(takes_externals, |found| found == area))
    {
        match &lsa.body {
            LsaBody::Router(router) => {
                let vips = router.links.iter().filter(|link| is_vip_link(link));
                let vips = vips.map(|link| (Ipv4Addr::from_bits(link.link_id), Encoding::Stub));
                seen.entry(lsa.header.key.advertising_router).or_default().extend(vips);
            }
            // Border routers of NSSAs tell of what others have.
            LsaBody::External(_) if has_borders => {}
            LsaBody::External(_) => {
                seen.entry(lsa.header.key.advertising_router).or_default().extend(external_vip(lsa));
            }
            LsaBody::Network(_) | LsaBody::Summary(_) | LsaBody::Opaque => {}
        }
    }
    for node in component {
        let all = world.nodes[node.0].advertised(world.now);
        let expected: BTreeSet<_> =
            all.filter(|(_, encoding)| !has_borders || !encoding.is_external()).collect();
        match seen.get(&node.router_id()) {
            None => missing.push(format!("{first:?} has no Router-LSA of {node:?}")),
            Some(vips) if *vips == expected => {}
            Some(vips) => missing.push(format!("{node:?} is seen with {vips:?}, not {expected:?}")),
        }
    }
}

/// Where the databases of two routers differ.
fn differences(world: &World, area: AreaId, one: NodeId, other: NodeId, missing: &mut Vec<String>) {
    let takes_externals = world.takes_externals(area);
    let here = |lsa: &LsaView| lsa.area.map_or(takes_externals, |found| found == area);
    let content = |node| -> BTreeSet<_> {
        let all = world.instance(node).map(|instance| instance.database(world.now)).unwrap_or_default();
        let name = |lsa: LsaView| {
            (lsa.lsa_type, lsa.link_state_id, lsa.advertised_router, lsa.sequence_number, lsa.checksum)
        };
        all.into_iter().filter(here).map(name).collect()
    };
    let (one_has, other_has) = (content(one), content(other));
    let only = |whose: NodeId, lsas: Vec<&_>| format!("of {one:?} and {other:?} only {whose:?} has {lsas:?}");
    missing.push(only(one, one_has.difference(&other_has).collect()));
    missing.push(only(other, other_has.difference(&one_has).collect()));
}

/// Everyone has the routes to VIPs that the oracle says, and no others.
fn routes(
    world: &World,
    oracle: &Oracle<'_>,
    areas: &BTreeSet<AreaId>,
    component: &BTreeSet<NodeId>,
    missing: &mut Vec<String>,
) {
    let parts = parts(world, areas, component);
    for node in component {
        let Some(instance) = world.instance(*node) else { continue };
        let found: BTreeMap<Ipv4Addr, RouteView> = instance
            .route_views()
            .into_iter()
            .filter(|route| route.prefix.prefix() == 32)
            .filter_map(|route| match route.prefix.ip() {
                IpAddr::V4(address) if is_vip(address) => Some((address, route)),
                IpAddr::V4(_) | IpAddr::V6(_) => None,
            })
            .collect();
        let expected = oracle.routes(*node);
        // Of what is outside, the oracle knows in worlds of one area only.
        let outside = if areas.len() > 1 { told(world, &parts, component, *node) } else { BTreeSet::new() };
        for vip in outside.iter().filter(|vip| !found.contains_key(vip)) {
            missing.push(format!("{node:?} has no route to {vip}, which is told to it"));
        }
        for (vip, route) in &found {
            match expected.get(vip) {
                None if outside.contains(vip) && !route.nexthops.is_empty() => {}
                None => {
                    missing
                        .push(format!("{node:?} has a route to {vip}, which nobody advertises: {route:?}"));
                }
                Some(expected) if is_as(route, expected) => {}
                Some(expected) => missing.push(format!("{node:?} has {route:?}, not {expected:?}")),
            }
        }
        for (vip, expected) in expected.iter().filter(|(vip, _)| !found.contains_key(vip)) {
            missing.push(format!("{node:?} has no route to {vip}: {expected:?}"));
        }
    }
}

/// The parts of the areas that hold together, in one part of the network.
fn parts(
    world: &World,
    areas: &BTreeSet<AreaId>,
    component: &BTreeSet<NodeId>,
) -> Vec<(AreaKind, BTreeSet<NodeId>)> {
    let kind = |area: &AreaId| world.areas.get(area).map_or(AreaKind::Normal, |config| config.kind);
    let of_area = |area: &AreaId| {
        let here = components(world, Some(*area)).into_iter();
        let here = here.filter(|part| part.len() > 1 && part.is_subset(component));
        here.map(|part| (kind(area), part)).collect::<Vec<_>>()
    };
    areas.iter().flat_map(of_area).collect()
}

/// The external VIPs of others that are told to a router: they are not told in stub areas, and only a default route leads
/// out of an NSSA.
fn told(
    world: &World,
    parts: &[(AreaKind, BTreeSet<NodeId>)],
    component: &BTreeSet<NodeId>,
    to: NodeId,
) -> BTreeSet<Ipv4Addr> {
    let is_in = |node: NodeId, of_kind: fn(AreaKind) -> bool| {
        parts.iter().any(|(kind, part)| of_kind(*kind) && part.contains(&node))
    };
    let shares_nssa = |of: NodeId| {
        let both = |part: &BTreeSet<NodeId>| part.contains(&of) && part.contains(&to);
        parts.iter().any(|(kind, part)| kind.nssa().is_some() && both(part))
    };
    let is_told = |of: NodeId| {
        let leaves = is_in(of, AreaKind::has_boundary_routers);
        (is_in(to, AreaKind::takes_externals) && leaves) || shares_nssa(of)
    };
    let others = component.iter().filter(|other| **other != to && is_told(**other));
    let advertised = others.flat_map(|other| world.nodes[other.0].advertised(world.now));
    advertised.filter(|(_, encoding)| encoding.is_external()).map(|(vip, _)| vip).collect()
}

/// RFC 3101 §3.1: of the border routers of an NSSA, the one with the highest Router ID tells the AS of its external routes.
fn translators(
    world: &World,
    areas: &BTreeSet<AreaId>,
    component: &BTreeSet<NodeId>,
    missing: &mut Vec<String>,
) {
    for area in areas.iter().filter(|area| world.areas.get(area).is_some_and(|c| c.kind.nssa().is_some())) {
        for part in components(world, Some(*area)) {
            let is_border = |node: &NodeId| {
                let up = world.links.iter().filter(|link| link.carrier && link.is_on(*node));
                up.map(|link| link.spec.area).collect::<BTreeSet<_>>().len() > 1
            };
            let borders: Vec<_> = part.intersection(component).filter(|node| is_border(node)).collect();
            let state = |node: &NodeId| {
                let views = world.instance(*node).map(Instance::area_views).unwrap_or_default();
                views.into_iter().find(|view| view.area_id == *area).and_then(|view| view.nssa_translator)
            };
            for node in &borders {
                let expected = if Some(node) == borders.last() { "elected" } else { "disabled" };
                if part.len() > 1 && state(node).as_deref() != Some(expected) {
                    missing
                        .push(format!("{node:?} is {:?} translator of {area}, not {expected}", state(node)));
                }
            }
        }
    }
}

fn is_as(route: &RouteView, expected: &Expected) -> bool {
    let link = |name: &str| name.strip_prefix("link").and_then(|number| number.parse().ok()).map(LinkId);
    let hops: Option<Hops> = route
        .nexthops
        .iter()
        .map(|hop| match hop.ip {
            Some(IpAddr::V4(gateway)) => Some((link(&hop.via)?, gateway)),
            Some(IpAddr::V6(_)) | None => None,
        })
        .collect();
    route.route_type == expected.route_type
        && route.cost == expected.cost
        && hops.as_ref() == Some(&expected.hops)
}

/// A host route with the VIPs' metric.
fn is_vip_link(link: &RouterLink) -> bool {
    let is_host = link.link_type == RouterLinkType::Stub && link.link_data == u32::MAX;
    is_host && link.metric == VIP_METRIC && is_vip(Ipv4Addr::from_bits(link.link_id))
}

fn external_vip(lsa: &Lsa) -> Option<(Ipv4Addr, Encoding)> {
    let LsaBody::External(external) = &lsa.body else { return None };
    let encoding = match external.metric_type {
        ExternalMetric::Type1 => Encoding::External1,
        ExternalMetric::Type2 => Encoding::External2,
    };
    Some((Ipv4Addr::from_bits(lsa.header.key.link_state_id), encoding))
}
