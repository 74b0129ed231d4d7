//! What must hold once all is quiet: everyone who can hear each other agrees.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use common::control::ospf::{InterfaceView, LsaView};
use common::ids::{AreaId, RouterId};
use ospfd::core::Instance;
use ospfd::core::config::AreaKind;
use ospfd::packet::RouterLinkType;

use super::node::{NodeId, VIP_METRIC, is_vip};
use super::topology::{LinkId, LinkKind};
use super::world::{Link, World};

/// Everything that does not hold now; empty when the world has converged.
pub(super) fn missing(world: &World) -> Vec<String> {
    let mut missing = Vec::new();
    for (index, link) in world.links.iter().enumerate() {
        adjacencies(world, LinkId(index), link, &mut missing);
    }
    let areas: BTreeSet<AreaId> = world.links.iter().map(|link| link.spec.area).collect();
    for &area in &areas {
        for component in components(world, Some(area)) {
            databases(world, area, &component, &mut missing);
        }
    }
    for component in components(world, None) {
        // A router by itself has told nobody what it advertises, not even itself.
        if component.len() > 1 && is_whole(world, &areas, &component) {
            routes(world, &areas, &component, &mut missing);
            translators(world, &areas, &component, &mut missing);
        }
    }
    missing
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
    let has_link = |node: &NodeId| world.links.iter().any(|link| in_area(link) && link.is_on(*node));
    let mut left: BTreeSet<NodeId> = world.live().filter(has_link).collect();
    let mut components = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut component = BTreeSet::from([first]);
        let mut open = vec![first];
        while let Some(node) = open.pop() {
            let links = world
                .links
                .iter()
                .filter(|link| in_area(link) && synchronises(world, link) && link.is_on(node));
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

/// Do databases pass over the link? On a LAN where nobody can become Designated Router, they do not.
fn synchronises(world: &World, link: &Link) -> bool {
    let elects =
        || link.spec.ends.iter().any(|(node, priority)| *priority > 0 && world.nodes[node.0].serves());
    link.carries() && (link.spec.kind == LinkKind::PointToPoint || elects())
}

/// Neighbours on one link: Full where RFC 2328 §10.4 says so, 2-Way elsewhere, and nobody who is not there.
fn adjacencies(world: &World, id: LinkId, link: &Link, missing: &mut Vec<String>) {
    let ends: Vec<NodeId> =
        link.spec.ends.iter().map(|(node, _)| *node).filter(|node| world.nodes[node.0].serves()).collect();
    let views: BTreeMap<NodeId, InterfaceView> = ends
        .iter()
        .filter_map(|node| {
            let mut views = world.instance(*node)?.interfaces(world.now).into_iter();
            Some((*node, views.find(|view| view.name == id.name())?))
        })
        .collect();
    let elected = match link.spec.kind {
        LinkKind::Lan if link.carries() => election(world, id, link, &views, missing),
        LinkKind::Lan | LinkKind::PointToPoint => BTreeSet::new(),
    };
    for node in &ends {
        let Some(instance) = world.instance(*node) else { continue };
        let seen: BTreeMap<RouterId, String> = instance
            .neighbors(world.now)
            .into_iter()
            .filter(|neighbor| neighbor.iface_name == id.name())
            .map(|neighbor| (neighbor.neighbor_router_id, neighbor.nbr_state))
            .collect();
        let adjacent = |other: &NodeId| {
            link.spec.kind == LinkKind::PointToPoint || elected.contains(node) || elected.contains(other)
        };
        let expected: BTreeMap<RouterId, String> = ends
            .iter()
            .filter(|other| link.carries() && *other != node)
            .map(|other| (other.router_id(), if adjacent(other) { "Full" } else { "2-Way" }.to_owned()))
            .collect();
        if seen != expected {
            missing.push(format!("{node:?} on {}: neighbours are {seen:?}, not {expected:?}", id.name()));
        }
    }
}

/// All agree on Designated Router and Backup, and there is one where there can be. Gives both.
fn election(
    world: &World,
    id: LinkId,
    link: &Link,
    views: &BTreeMap<NodeId, InterfaceView>,
    missing: &mut Vec<String>,
) -> BTreeSet<NodeId> {
    let agreed: BTreeSet<(Ipv4Addr, Ipv4Addr)> =
        views.values().map(|view| (view.dr_address, view.bdr_address)).collect();
    if agreed.len() > 1 {
        missing.push(format!("{}: several views of (DR, BDR): {agreed:?}", id.name()));
    }
    let eligible: BTreeSet<NodeId> = link
        .spec
        .ends
        .iter()
        .filter(|(node, priority)| *priority > 0 && world.nodes[node.0].serves())
        .map(|(node, _)| *node)
        .collect();
    let (dr, bdr) = agreed.first().copied().unwrap_or((Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED));
    let elected: BTreeSet<NodeId> =
        eligible.iter().copied().filter(|node| [dr, bdr].contains(&id.address(*node).ip())).collect();
    if elected.len() != eligible.len().min(2) || (dr == bdr && !eligible.is_empty()) {
        missing.push(format!("{}: DR {dr} and BDR {bdr} of {eligible:?}", id.name()));
    }
    elected
}

/// One database content within a part of an area, and in it the VIPs that its routers advertise, and no others.
fn databases(world: &World, area: AreaId, component: &BTreeSet<NodeId>, missing: &mut Vec<String>) {
    let takes_externals = world.areas.get(&area).is_none_or(|config| config.kind.takes_externals());
    let here = |lsa: &LsaView| lsa.area.map_or(takes_externals, |found| found == area);
    let database = |node: &NodeId| -> Vec<LsaView> {
        let all = world.instance(*node).map(|instance| instance.database(world.now)).unwrap_or_default();
        all.into_iter().filter(here).collect()
    };
    let name = |lsa: &LsaView| {
        let instance = (lsa.sequence_number.clone(), lsa.checksum.clone());
        (lsa.lsa_type.clone(), lsa.link_state_id.clone(), lsa.advertised_router, instance)
    };
    let contents: BTreeMap<NodeId, BTreeSet<_>> =
        component.iter().map(|node| (*node, database(node).iter().map(name).collect())).collect();
    let Some((first, expected)) = contents.first_key_value() else { return };
    for (node, content) in &contents {
        for lsa in content.symmetric_difference(expected) {
            missing.push(format!("{node:?} and {first:?} differ in {lsa:?}"));
        }
    }
    // A router by itself has told nobody what it advertises, not even itself.
    if component.len() == 1 {
        return;
    }
    let views = database(first);
    for node in component {
        let router = node.router_id();
        let expected = world.nodes[node.0].stubs(world.now);
        let Some(view) = views.iter().find(|lsa| lsa.lsa_type == "router" && lsa.advertised_router == router)
        else {
            missing.push(format!("{first:?} has no Router-LSA of {node:?}"));
            continue;
        };
        match vips(world, view) {
            Some(vips) if vips == expected => {}
            Some(vips) => missing.push(format!("{node:?} is seen with {vips:?}, not {expected:?}")),
            None => missing.push(format!("{view:?} of {node:?} never was on a link")),
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

/// Everyone has a route to every VIP of the component that is told to it, and to no other; packets for another's VIP have
/// somewhere to go.
fn routes(world: &World, areas: &BTreeSet<AreaId>, component: &BTreeSet<NodeId>, missing: &mut Vec<String>) {
    let parts = parts(world, areas, component);
    let is_in = |node: &NodeId, of_kind: fn(AreaKind) -> bool| {
        parts.iter().any(|(kind, part)| of_kind(*kind) && part.contains(node))
    };
    let shares_nssa = |one: &NodeId, other: &NodeId| {
        let both = |part: &BTreeSet<NodeId>| part.contains(one) && part.contains(other);
        parts.iter().any(|(kind, part)| kind.nssa().is_some() && both(part))
    };
    // External ones are not told in stub areas, and only a default route leads out of an NSSA.
    let is_told = |of: &NodeId, to: &NodeId| {
        let leaves = is_in(of, AreaKind::has_boundary_routers);
        !world.nodes[of.0].director.encoding.is_external()
            || (is_in(to, AreaKind::takes_externals) && leaves)
            || shares_nssa(of, to)
    };
    for node in component {
        let Some(instance) = world.instance(*node) else { continue };
        let own = world.nodes[node.0].stubs(world.now);
        let others = component.iter().filter(|other| *other != node && is_told(other, node));
        let expected: BTreeSet<Ipv4Addr> =
            others.flat_map(|other| world.nodes[other.0].advertised(world.now)).chain(own.clone()).collect();
        let mut found = BTreeSet::new();
        for route in instance.route_views() {
            let IpAddr::V4(address) = route.prefix.ip() else { continue };
            if route.prefix.prefix() != 32 || !is_vip(address) {
                continue;
            }
            found.insert(address);
            if route.nexthops.is_empty() != own.contains(&address) {
                missing.push(format!("{node:?} reaches {address} by {route:?}, its own are {own:?}"));
            }
        }
        if found != expected {
            missing.push(format!("{node:?} has routes to {found:?}, not {expected:?}"));
        }
    }
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

/// The VIPs in the Router-LSA that a view names: host routes with the VIPs' metric.
fn vips(world: &World, view: &LsaView) -> Option<BTreeSet<Ipv4Addr>> {
    let hex = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let sequence = hex(&view.sequence_number)?.cast_signed();
    let checksum = u16::try_from(hex(&view.checksum)?).ok()?;
    let lsa = world.safety.router_lsa(view.advertised_router, sequence, checksum)?;
    let is_vip = |link: &&ospfd::packet::RouterLink| {
        link.link_type == RouterLinkType::Stub && link.link_data == u32::MAX && link.metric == VIP_METRIC
    };
    Some(lsa.links.iter().filter(is_vip).map(|link| Ipv4Addr::from_bits(link.link_id)).collect())
}
