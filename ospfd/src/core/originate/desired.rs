//! Which LSAs we should be the originator of (RFC 2328 §12.4). Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::Ipv4Network;

use crate::core::advertise::Offer;
use crate::core::config::{AreaConfig, AreaKind, NetworkType, TranslatorRole};
use crate::core::constants::{MAX_LINK_METRIC, MAX_ROUTER_LINKS};
use crate::core::interface::{Interface, State};
use crate::core::lsdb::Scope;
use crate::core::neighbor;
use crate::core::spf::route::RouteTable;
use crate::packet::{
    LsType, LsaBody, LsaKey, NetworkLsa, RouterLink, RouterLinkType, RouterLsa, router_flags,
};

use super::external::{bodies, lsas};
use super::nssa::{Place, nssa_lsas};
use super::summary::{BoundaryRoute, SummaryView, summary_lsas};
use super::translate::{Translation, add_translations};

/// What origination depends on.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// Our Router ID.
    pub(crate) router_id: RouterId,
    /// May others route through us?
    pub(crate) transit: bool,
    /// All interfaces.
    pub(crate) interfaces: &'a BTreeMap<IfIndex, Interface>,
    /// Prefixes to advertise as stub links, with their metrics.
    pub(crate) stubs: &'a BTreeMap<Ipv4Network, u16>,
    /// Prefixes to advertise as AS-external-LSAs.
    pub(crate) externals: &'a BTreeMap<Ipv4Network, Offer>,
    /// We are an AS boundary router.
    pub(crate) is_boundary: bool,
    /// Areas in which somebody listens; elsewhere nothing is originated.
    pub(crate) areas: &'a BTreeSet<AreaId>,
    /// Area settings.
    pub(crate) area_configs: &'a BTreeMap<AreaId, AreaConfig>,
    /// Areas that virtual links lead through.
    pub(crate) transit_areas: &'a BTreeSet<AreaId>,
    /// Routes within the AS.
    pub(crate) routes: &'a RouteTable,
    /// Ways to AS boundary routers.
    pub(crate) boundary: &'a [BoundaryRoute],
    /// What we tell the AS of the external routes of NSSAs.
    pub(crate) translation: Translation<'a>,
}

impl View<'_> {
    fn kind(&self, area: AreaId) -> AreaKind {
        self.area_configs.get(&area).map_or(AreaKind::Normal, |config| config.kind)
    }
}

/// Areas that an interface of ours is up in.
pub(crate) fn active_areas(interfaces: &BTreeMap<IfIndex, Interface>) -> BTreeSet<AreaId> {
    let up = interfaces.values().filter(|interface| interface.state != State::Down);
    up.map(|interface| interface.config.area).collect()
}

/// The LSAs that we want to stand in the database.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Desired {
    /// By scope and key.
    pub(crate) lsas: BTreeMap<(Scope, LsaKey), LsaBody>,
    /// Advertised prefixes that found no room in a Router-LSA, or no Link State ID.
    pub(crate) left_out: usize,
}

/// RFC 2328 §12.4.
pub(crate) fn desired_lsas(view: &View<'_>) -> Desired {
    let mut desired = Desired::default();
    // §12.4.1: attached to several areas.
    let active = active_areas(view.interfaces);
    let is_border = active.len() > 1;
    // RFC 3101 §3.1: the border routers of an NSSA are AS boundary routers, in every area that may have such.
    let borders_nssa = is_border && active.iter().any(|area| view.kind(*area).nssa().is_some());
    for &area in view.areas {
        let kind = view.kind(area);
        let (body, left_out) = router_lsa(view, area, flags(view, kind, is_border, borders_nssa));
        desired.left_out += left_out;
        desired.lsas.insert((Scope::Area(area), router_key(view.router_id)), LsaBody::Router(body));
        for interface in interfaces_in(view, area) {
            if let Some((link_state_id, body)) = network_lsa(view, interface) {
                let key =
                    LsaKey { ls_type: LsType::Network, link_state_id, advertising_router: view.router_id };
                desired.lsas.insert((Scope::Area(area), key), LsaBody::Network(body));
            }
        }
    }
    if is_border {
        add_summaries(view, &mut desired);
    }
    if view.areas.iter().any(|area| view.kind(*area).takes_externals()) {
        // §12.4.4
        let mut told = bodies(view.externals);
        if is_border {
            add_translations(&view.translation, &mut told);
        }
        let (externals, left_out) = lsas(view.router_id, LsType::AsExternal, told);
        desired.left_out += left_out;
        desired.lsas.extend(externals.into_iter().map(|(key, body)| ((Scope::As, key), body)));
    }
    let tells_as = active.iter().any(|area| view.kind(*area).takes_externals());
    for &area in view.areas {
        if let Some(nssa) = view.kind(area).nssa() {
            let (externals, left_out) = nssa_lsas(view, area, &nssa, Place { is_border, tells_as });
            desired.left_out += left_out;
            desired.lsas.extend(externals.into_iter().map(|(key, body)| ((Scope::Area(area), key), body)));
        }
    }
    desired
}

/// The bits of our Router-LSA in an area of kind `kind` (§12.4.1, RFC 3101 appendix B).
fn flags(view: &View<'_>, kind: AreaKind, is_border: bool, borders_nssa: bool) -> u8 {
    let mut flags = 0;
    if is_border {
        flags |= router_flags::B;
    }
    // §12.4.1: stub areas have no AS boundary routers.
    if (view.is_boundary || borders_nssa) && kind.has_boundary_routers() {
        flags |= router_flags::E;
    }
    if is_border && kind.nssa().is_some_and(|nssa| nssa.translator == TranslatorRole::Always) {
        flags |= router_flags::NT;
    }
    flags
}

/// §12.4.3
fn add_summaries(view: &View<'_>, desired: &mut Desired) {
    let interfaces = view.interfaces.iter().map(|(if_index, one)| (*if_index, one.config.area)).collect();
    let summaries = SummaryView {
        router_id: view.router_id,
        transit: view.transit,
        areas: view.area_configs,
        routes: view.routes,
        boundary: view.boundary,
        transit_areas: view.transit_areas,
        own: view.stubs,
        interfaces: &interfaces,
    };
    for &area in view.areas {
        let (lsas, left_out) = summary_lsas(&summaries, area);
        desired.left_out += left_out;
        desired.lsas.extend(lsas.into_iter().map(|(key, body)| ((Scope::Area(area), key), body)));
    }
}

/// The key of our Router-LSA: its Link State ID is its Advertising Router (RFC 2328 §12.1.4, §12.1.5, A.4.2).
pub(crate) const fn router_key(router_id: RouterId) -> LsaKey {
    LsaKey { ls_type: LsType::Router, link_state_id: router_id.0, advertising_router: router_id }
}

/// The stub link for `prefix` (RFC 2328 A.4.2, C.7).
pub(crate) fn stub_link(prefix: Ipv4Network, metric: u16) -> RouterLink {
    RouterLink {
        link_type: RouterLinkType::Stub,
        link_id: prefix.network().to_bits(),
        link_data: prefix.mask().to_bits(),
        metric,
    }
}

/// Our interfaces in an area.
pub(super) fn interfaces_in<'a>(view: &View<'a>, area: AreaId) -> impl Iterator<Item = &'a Interface> {
    view.interfaces.values().filter(move |interface| interface.config.area == area)
}

/// RFC 2328 §12.4.1, and how many advertised prefixes found no room.
fn router_lsa(view: &View<'_>, area: AreaId, flags: u8) -> (RouterLsa, usize) {
    let mut links = Vec::new();
    let mut stubs = BTreeMap::new();
    for interface in interfaces_in(view, area) {
        // RFC 6987 §2: links to other routers at MaxLinkMetric; what is attached to us stays reachable at its cost.
        let metric = if view.transit { interface.config.cost } else { MAX_LINK_METRIC };
        describe(interface, metric, &mut links, &mut stubs);
    }
    links.sort_unstable();
    for (&prefix, &metric) in view.stubs {
        stubs.entry(prefix).and_modify(|known: &mut u16| *known = metric.min(*known)).or_insert(metric);
    }
    links.extend(stubs.into_iter().map(|(prefix, metric)| stub_link(prefix, metric)));
    let left_out = links.len().saturating_sub(MAX_ROUTER_LINKS);
    links.truncate(MAX_ROUTER_LINKS);
    (RouterLsa { flags, links }, left_out)
}

/// §12.4.1: the links of one interface.
fn describe(
    interface: &Interface,
    metric: u16,
    links: &mut Vec<RouterLink>,
    stubs: &mut BTreeMap<Ipv4Network, u16>,
) {
    let Some(network) = interface.network() else { return };
    let mut stub = |prefix: Ipv4Network, cost: u16| {
        stubs.entry(prefix).and_modify(|known: &mut u16| *known = cost.min(*known)).or_insert(cost);
    };
    let own_network = Ipv4Network::new(network.network(), network.prefix()).unwrap_or(network);
    // RFC 6860 §2.1.2, §2.3.2.2: no link that makes the prefix a destination.
    let mut stub_of_link = |prefix: Ipv4Network, cost: u16| {
        if !interface.config.hide_prefix {
            stub(prefix, cost);
        }
    };
    match interface.state {
        State::Down => {}
        // §12.4.1: a host route to the looped interface, unless its address is that of another.
        State::Loopback if interface.config.unnumbered.is_some() => {}
        State::Loopback => stub(network.ip().into(), 0),
        State::PointToPoint => {
            // §12.4.1.1
            links.extend(interface.full_neighbors().map(|neighbor| RouterLink {
                link_type: RouterLinkType::PointToPoint,
                link_id: neighbor.router_id.0,
                link_data: interface.link_data(),
                metric,
            }));
            // Option 2: the subnet of the link. A borrowed address is its owner's to tell of.
            match interface.config.network_type {
                // §12.4.1.4: a host route to our own address.
                NetworkType::PointToMultipoint => stub_of_link(network.ip().into(), 0),
                NetworkType::PointToPoint if interface.config.unnumbered.is_some() => {}
                NetworkType::PointToPoint | NetworkType::Broadcast | NetworkType::NonBroadcast => {
                    stub_of_link(own_network, interface.config.cost);
                }
            }
        }
        State::Waiting => stub_of_link(own_network, interface.config.cost),
        State::DrOther | State::Backup | State::Dr => {
            // §12.4.1.2
            if has_transit(interface) {
                links.push(RouterLink {
                    link_type: RouterLinkType::Transit,
                    link_id: interface.designated.to_bits(),
                    link_data: network.ip().to_bits(),
                    metric,
                });
            } else {
                stub_of_link(own_network, interface.config.cost);
            }
        }
    }
}

/// §12.4.1.2: fully adjacent to the Designated Router, or being it with anybody fully adjacent.
fn has_transit(interface: &Interface) -> bool {
    let mut full = interface.full_neighbors();
    if interface.state == State::Dr {
        full.next().is_some()
    } else {
        full.any(|neighbor| neighbor.address == interface.designated)
    }
}

/// RFC 2328 §9.1 (DR), §12.4.2, A.4.3.
fn network_lsa(view: &View<'_>, interface: &Interface) -> Option<(u32, NetworkLsa)> {
    let network = interface.network()?;
    if interface.state != State::Dr || interface.full_neighbors().next().is_none() {
        return None;
    }
    let mut attached_routers: Vec<_> =
        interface.full_neighbors().map(|neighbor| neighbor.router_id).chain([view.router_id]).collect();
    attached_routers.sort_unstable();
    // RFC 6860 §2.2.2.1, §2.3.1: the mask that says that this is no destination.
    let network_mask = if interface.config.hide_prefix { Ipv4Addr::BROADCAST } else { network.mask() };
    Some((network.ip().to_bits(), NetworkLsa { network_mask, attached_routers }))
}

/// Areas in which somebody listens: a neighbour is Full, or is on its way there and our LSAs stand already.
///
/// RFC 2328 §12.4 has a Router-LSA originated as soon as an interface is up. We wait until there is somebody to tell: an
/// instance that a neighbour got in the database exchange makes some of them drop the next one, which carries the link to
/// them, for seconds. A border router tells other areas of one where it has no neighbours, if they listen.
pub(crate) fn listening_areas(
    interfaces: &BTreeMap<IfIndex, Interface>,
    stands: impl Fn(AreaId) -> bool,
) -> BTreeSet<AreaId> {
    let mut best: BTreeMap<AreaId, Option<neighbor::State>> = BTreeMap::new();
    for interface in interfaces.values().filter(|interface| interface.state != State::Down) {
        let here = interface.neighbors.values().map(neighbor::Neighbor::standing).max();
        let best = best.entry(interface.config.area).or_default();
        *best = here.max(*best);
    }
    let full = Some(neighbor::State::Full);
    let anyone = best.values().any(|best| *best == full);
    best.retain(|area, best| match *best {
        None => anyone,
        some if some == full => true,
        some => stands(*area) && (anyone || some >= Some(neighbor::State::Exchange)),
    });
    best.into_keys().collect()
}

#[cfg(test)]
#[path = "desired_tests.rs"]
mod tests;
