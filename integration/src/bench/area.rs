//! Whole areas for a speaker to tell of.

#[path = "../../../ospfd/tests/spf/topology.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod topology;

use common::ids::RouterId;
use ospfd::packet::{LsType, Lsa, LsaBody, LsaKey, RouterLink, RouterLinkType, RouterLsa, options};

pub(super) use topology::{Topology, fat_tree, grid};

use super::stage::{ROUTER_ID, holder_address};

/// A point-to-point link from a router that the speaker is, at an end of its, to the subject.
pub(super) fn link_to_subject(end: u8, metric: u16) -> RouterLink {
    let (link_id, link_data) = (ROUTER_ID.0, holder_address(end).to_bits());
    RouterLink { link_type: RouterLinkType::PointToPoint, link_id, link_data, metric }
}

/// An instance of a Router-LSA; a higher `instance` is newer.
pub(super) fn router_lsa(router: u32, instance: i32, body: &RouterLsa) -> Option<Lsa> {
    let key = LsaKey { ls_type: LsType::Router, link_state_id: router, advertising_router: RouterId(router) };
    Lsa::build(1, options::E, key, i32::MIN + instance, LsaBody::Router(body.clone())).ok()
}

/// First instances of all Router-LSAs.
pub(super) fn lsas(topology: &Topology) -> Vec<Lsa> {
    topology.routers.iter().filter_map(|(router, body)| router_lsa(*router, 1, body)).collect()
}

/// Puts the subject in the place of a router, and returns its neighbours there: an end leads to each, in this order.
pub(super) fn seat_subject(topology: &mut Topology, root: u32) -> Vec<RouterId> {
    topology.routers.remove(&root);
    let mut neighbors = Vec::new();
    for (end, (router, body)) in (0..=u8::MAX).zip(
        topology.routers.iter_mut().filter(|(_, body)| body.links.iter().any(|link| leads_to(link, root))),
    ) {
        neighbors.push(RouterId(*router));
        for link in body.links.iter_mut().filter(|link| leads_to(link, root)) {
            *link = link_to_subject(end, link.metric);
        }
    }
    neighbors
}

/// Is it a point-to-point link to this router?
pub(super) fn leads_to(link: &RouterLink, router: u32) -> bool {
    link.link_type == RouterLinkType::PointToPoint && link.link_id == router
}
