//! An OSPFv2 area's LSAs as a graph, with the prefixes that hang on it.
//!
//! Deviations from the letter of RFC 2328 §16.1: Network-LSAs with the same Link State ID are one vertex, to which the
//! routers of all of them are attached (the link back settles which of them are right); and the costs of the root's
//! own links come from the caller, so that a router that tells others MaxLinkMetric (RFC 6987) still prefers its
//! better link. A Router-LSA whose Link State ID is not its advertising router (RFC 2328 §12.1.5) is not looked at.

use std::net::{IpAddr, Ipv4Addr};

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::{IpNetwork, Ipv4Network};

use crate::packet::{
    LS_INFINITY, LsType, Lsa, LsaBody, LsaKey, MAX_AGE, NetworkLsa, RouterLink, RouterLinkType, RouterLsa,
    SummaryLsa, options, router_flags,
};

use super::graph::{Graph, GraphBuilder, Vertex};
use super::hops::{FirstHop, FirstHops, NextHop};
use super::ids::IdIndex;
use super::{Destination, External, Origin, Summary};

/// A mask that says: this network only carries traffic, and is no destination (RFC 6860 §2.2.2.2).
const TRANSIT_ONLY: u32 = u32::MAX;

/// One of the root's own links in the terms of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalLink {
    /// The interface.
    pub if_index: IfIndex,
    /// The neighbour's address, on links without pseudonode.
    pub gateway: Option<IpAddr>,
    /// The cost to count with.
    pub cost: u16,
}

/// A prefix that hangs on a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachedPrefix {
    /// The vertex.
    pub vertex: Vertex,
    /// The prefix.
    pub prefix: IpNetwork,
    /// Cost from the vertex.
    pub metric: u32,
}

/// An area, ready for the calculation.
#[derive(Debug)]
pub struct AreaGraph {
    /// Its graph.
    pub graph: Graph,
    /// The router that the calculation starts from, if it has a Router-LSA.
    pub root: Option<Vertex>,
    /// The root's first steps.
    pub first_hops: FirstHops,
    /// Everything that is to be reached.
    pub prefixes: Vec<AttachedPrefix>,
    networks: IdIndex,
    routers: IdIndex,
    /// Flags of the Router-LSAs, in the order of `routers`.
    flags: Vec<u8>,
}

/// What the LSAs of an area say, in order.
struct Parts<'a> {
    networks: IdIndex,
    /// By Link State ID, and then by advertising router.
    network_lsas: Vec<(u32, RouterId, &'a NetworkLsa)>,
    routers: IdIndex,
    router_lsas: Vec<(u32, &'a RouterLsa)>,
}

impl AreaGraph {
    /// Reads the Router- and Network-LSAs among `lsas` that are not at MaxAge, for a calculation from `root`. `local`
    /// knows the root's links; one that it does not know leads nowhere.
    pub fn read<'a>(
        lsas: impl IntoIterator<Item = &'a Lsa>,
        root: RouterId,
        local: impl Fn(&RouterLink) -> Option<LocalLink>,
    ) -> Self {
        let parts = Parts::collect(lsas);
        let root = parts.router(root.0);
        let vertices = parts.networks.ids().len() + parts.routers.ids().len();
        let router_links: usize = parts.router_lsas.iter().map(|(_, lsa)| lsa.links.len()).sum();
        let network_links: usize =
            parts.network_lsas.iter().map(|(_, _, lsa)| lsa.attached_routers.len()).sum();

        let mut builder =
            GraphBuilder::new(parts.networks.ids().len(), vertices, router_links + network_links);
        parts.add_networks(&mut builder);
        let mut steps = Vec::new();
        for (at, (_, lsa)) in parts.router_lsas.iter().enumerate() {
            if root == Some(parts.router_vertex(at)) {
                steps = parts.add_root(lsa, &mut builder, &local);
            } else {
                parts.add_router(lsa, &mut builder);
            }
            builder.end_vertex();
        }
        let graph = builder.finish();
        let first_hops = root.map_or_else(FirstHops::default, |root| {
            FirstHops::new(&graph, root, &steps, |network, router| parts.addresses(network, router))
        });
        let prefixes = parts.prefixes();
        let flags = parts.router_lsas.iter().map(|(_, lsa)| lsa.flags).collect();
        Self { graph, root, first_hops, prefixes, networks: parts.networks, routers: parts.routers, flags }
    }

    /// The vertex of a router.
    pub fn router(&self, id: RouterId) -> Option<Vertex> {
        self.routers.find(id.0).map(|at| Vertex::from_index(self.networks.ids().len() + at))
    }

    /// The Router ID of a vertex that is a router.
    pub fn router_id(&self, vertex: Vertex) -> Option<RouterId> {
        let at = vertex.index().checked_sub(self.networks.ids().len())?;
        self.routers.ids().get(at).copied().map(RouterId)
    }

    /// The routers that call themselves area border routers.
    pub fn border_routers(&self) -> impl Iterator<Item = (RouterId, Vertex)> {
        self.flagged(router_flags::B)
    }

    /// The routers that call themselves endpoints of virtual links through the area.
    pub fn virtual_endpoints(&self) -> impl Iterator<Item = (RouterId, Vertex)> {
        self.flagged(router_flags::V)
    }

    /// Routers whose Router-LSA has any of `flags`.
    pub(super) fn flagged(&self, flag: u8) -> impl Iterator<Item = (RouterId, Vertex)> {
        let base = self.networks.ids().len();
        self.flags
            .iter()
            .zip(self.routers.ids())
            .enumerate()
            .filter(move |(_, (flags, _))| **flags & flag != 0)
            .map(move |(at, (_, id))| (RouterId(*id), Vertex::from_index(base + at)))
    }
}

impl<'a> Parts<'a> {
    fn collect(lsas: impl IntoIterator<Item = &'a Lsa>) -> Self {
        let (mut network_lsas, mut router_lsas) = (Vec::new(), Vec::new());
        for Lsa { header, body, .. } in lsas {
            // RFC 2328 §16.1 (2)(b): an LSA at MaxAge is as good as none.
            if header.age >= MAX_AGE {
                continue;
            }
            let (id, by) = (header.key.link_state_id, header.key.advertising_router);
            match body {
                LsaBody::Router(lsa) if id == by.0 => router_lsas.push((id, lsa)),
                LsaBody::Network(lsa) => network_lsas.push((id, by, lsa)),
                LsaBody::Router(_) | LsaBody::Summary(_) | LsaBody::External(_) | LsaBody::Opaque => {}
            }
        }
        router_lsas.sort_by_key(|(id, _)| *id);
        router_lsas.dedup_by_key(|(id, _)| *id);
        network_lsas.sort_by_key(|(id, by, _)| (*id, *by));
        let routers = IdIndex::new(router_lsas.iter().map(|(id, _)| *id).collect());
        let mut network_ids: Vec<u32> = network_lsas.iter().map(|(id, _, _)| *id).collect();
        network_ids.dedup();
        Self { networks: IdIndex::new(network_ids), network_lsas, routers, router_lsas }
    }

    fn router_vertex(&self, at: usize) -> Vertex {
        Vertex::from_index(self.networks.ids().len() + at)
    }

    fn router(&self, id: u32) -> Option<Vertex> {
        self.routers.find(id).map(|at| self.router_vertex(at))
    }

    /// Where a link leads. Type 3 links lead to no vertex; a virtual link is one between routers (RFC 2328 §15).
    fn target(&self, link: &RouterLink) -> Option<Vertex> {
        match link.link_type {
            RouterLinkType::PointToPoint | RouterLinkType::Virtual => self.router(link.link_id),
            RouterLinkType::Transit => self.networks.find(link.link_id).map(Vertex::from_index),
            RouterLinkType::Stub | RouterLinkType::Unknown(_) => None,
        }
    }

    fn add_networks(&self, builder: &mut GraphBuilder) {
        for group in self.network_lsas.chunk_by(|one, other| one.0 == other.0) {
            for router in group.iter().flat_map(|(_, _, lsa)| &lsa.attached_routers) {
                if let Some(vertex) = self.router(router.0) {
                    // RFC 2328 §16.1 (2): from a network to its routers the cost is 0.
                    builder.link(vertex, 0);
                }
            }
            builder.end_vertex();
        }
    }

    fn add_router(&self, lsa: &RouterLsa, builder: &mut GraphBuilder) {
        for link in &lsa.links {
            if let Some(target) = self.target(link) {
                builder.link(target, u32::from(link.metric));
            }
        }
    }

    fn add_root(
        &self,
        lsa: &RouterLsa,
        builder: &mut GraphBuilder,
        local: &impl Fn(&RouterLink) -> Option<LocalLink>,
    ) -> Vec<FirstHop> {
        let mut steps = Vec::new();
        for link in &lsa.links {
            let Some(neighbor) = self.target(link) else { continue };
            let Some(LocalLink { if_index, gateway, cost }) = local(link) else { continue };
            let gateway = gateway.filter(|_| link.link_type != RouterLinkType::Transit);
            builder.link(neighbor, u32::from(cost));
            steps.push(FirstHop { next_hop: NextHop { if_index, gateway }, neighbor });
        }
        steps
    }

    /// RFC 2328 §16.1.1: a router's addresses on a network are the Link Data of its links to it.
    fn addresses(&self, network: Vertex, router: Vertex) -> Vec<IpAddr> {
        let network = self.networks.ids().get(network.index());
        let at = router.index().checked_sub(self.networks.ids().len());
        let Some((_, lsa)) = at.and_then(|at| self.router_lsas.get(at)) else { return Vec::new() };
        let leads_there =
            |link: &&RouterLink| link.link_type == RouterLinkType::Transit && Some(&link.link_id) == network;
        let links = lsa.links.iter().filter(leads_there);
        links.map(|link| IpAddr::V4(Ipv4Addr::from_bits(link.link_data))).collect()
    }

    fn prefixes(&self) -> Vec<AttachedPrefix> {
        let networks = self.network_lsas.chunk_by(|one, other| one.0 == other.0).enumerate().filter_map(
            |(at, group)| {
                let (id, _, lsa) = group.last()?;
                let mask = lsa.network_mask.to_bits();
                let prefix = v4_prefix(*id, mask).filter(|_| mask != TRANSIT_ONLY)?;
                Some(AttachedPrefix { vertex: Vertex::from_index(at), prefix, metric: 0 })
            },
        );
        let stubs = self.router_lsas.iter().enumerate().flat_map(|(at, (_, lsa))| {
            let vertex = self.router_vertex(at);
            lsa.links.iter().filter(|link| link.link_type == RouterLinkType::Stub).filter_map(move |link| {
                let prefix = v4_prefix(link.link_id, link.link_data)?;
                Some(AttachedPrefix { vertex, prefix, metric: u32::from(link.metric) })
            })
        });
        networks.chain(stubs).collect()
    }
}

/// The prefix of `address` under `mask`, whatever host bits a Link State ID has (RFC 2328 §12.1.4); `None` when the mask has
/// holes.
fn v4_prefix(address: u32, mask: u32) -> Option<IpNetwork> {
    let length = u8::try_from(mask.count_ones()).ok().filter(|_| mask.leading_ones() == mask.count_ones())?;
    Ipv4Network::new(Ipv4Addr::from_bits(address & mask), length).ok().map(IpNetwork::V4)
}

/// What a Summary-LSA tells of; `None` for other LSAs, and for what cannot be reached.
pub fn summary(lsa: &Lsa) -> Option<Summary> {
    let LsaKey { ls_type, link_state_id, advertising_router } = lsa.header.key;
    let LsaBody::Summary(SummaryLsa { network_mask, metric }) = lsa.body else { return None };
    // RFC 2328 §16.2 (1)
    if lsa.header.age >= MAX_AGE || metric >= LS_INFINITY {
        return None;
    }
    let destination = match ls_type {
        LsType::SummaryAsbr => Destination::BoundaryRouter(RouterId(link_state_id)),
        _ => Destination::Network(v4_prefix(link_state_id, network_mask.to_bits())?),
    };
    Some(Summary { by: advertising_router, destination, metric })
}

/// What an AS-external-LSA tells of; `None` for other LSAs.
pub fn external(lsa: &Lsa) -> Option<External> {
    if lsa.header.key.ls_type != LsType::AsExternal {
        return None;
    }
    external_from(lsa, Origin::As)
}

/// What an NSSA-LSA of `area` tells of; `None` for other LSAs.
pub fn nssa_external(area: AreaId, lsa: &Lsa) -> Option<External> {
    if lsa.header.key.ls_type != LsType::Nssa {
        return None;
    }
    external_from(lsa, Origin::Nssa { area, propagate: lsa.header.options & options::NP != 0 })
}

fn external_from(lsa: &Lsa, origin: Origin) -> Option<External> {
    let LsaBody::External(body) = lsa.body else { return None };
    // RFC 2328 §16.4 (1)
    if lsa.header.age >= MAX_AGE {
        return None;
    }
    Some(External {
        by: lsa.header.key.advertising_router,
        prefix: external_prefix(lsa)?,
        metric_type: body.metric_type,
        metric: body.metric,
        forwarding_address: Some(body.forwarding_address)
            .filter(|address| !address.is_unspecified())
            .map(IpAddr::V4),
        tag: body.route_tag,
        origin,
    })
}

/// The destination of an AS-external- or NSSA-LSA, whatever its age.
pub(crate) fn external_prefix(lsa: &Lsa) -> Option<IpNetwork> {
    let LsaBody::External(body) = lsa.body else { return None };
    v4_prefix(lsa.header.key.link_state_id, body.network_mask.to_bits())
}
