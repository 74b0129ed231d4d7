//! Topologies as LSAs, for tests and benches.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::Ipv4Network;
use ospfd::core::spf::build_v2::{self, AreaGraph, LocalLink};
use ospfd::core::spf::calculation::AreaInput;
use ospfd::packet::{
    ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, NetworkLsa, RouterLink, RouterLinkType,
    RouterLsa, SummaryLsa,
};

/// Routers, networks and what they say of each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    pub(crate) routers: BTreeMap<u32, RouterLsa>,
    pub(crate) networks: BTreeMap<(u32, u32), NetworkLsa>,
}

impl Topology {
    /// Sets the flags of a router.
    pub(crate) fn flags(&mut self, router: u32, flags: u8) {
        self.router(router).flags = flags;
    }

    /// One direction of a point-to-point link.
    pub(crate) fn one_way(&mut self, from: u32, to: u32, cost: u16) {
        let router = self.router(from);
        let link_data = u32::try_from(router.links.len()).unwrap() + 1;
        router.links.push(RouterLink {
            link_type: RouterLinkType::PointToPoint,
            link_id: to,
            link_data,
            metric: cost,
        });
    }

    /// A point-to-point link with the same cost both ways.
    pub(crate) fn link(&mut self, one: u32, other: u32, cost: u16) {
        self.one_way(one, other, cost);
        self.one_way(other, one, cost);
    }

    /// A network with pseudonode: `members` are routers, their addresses and costs, the Designated Router first.
    pub(crate) fn lan(&mut self, mask: Ipv4Addr, members: &[(u32, Ipv4Addr, u16)]) {
        let &(dr, dr_address, _) = members.first().unwrap();
        for &(router, address, cost) in members {
            self.router(router).links.push(RouterLink {
                link_type: RouterLinkType::Transit,
                link_id: dr_address.to_bits(),
                link_data: address.to_bits(),
                metric: cost,
            });
        }
        let attached_routers = members.iter().map(|member| RouterId(member.0)).collect();
        self.networks.insert((dr_address.to_bits(), dr), NetworkLsa { network_mask: mask, attached_routers });
    }

    /// A stub network.
    pub(crate) fn stub(&mut self, router: u32, address: Ipv4Addr, mask: Ipv4Addr, cost: u16) {
        self.router(router).links.push(RouterLink {
            link_type: RouterLinkType::Stub,
            link_id: address.to_bits(),
            link_data: mask.to_bits(),
            metric: cost,
        });
    }

    /// Its LSAs in the order of a database.
    pub(crate) fn lsas(&self) -> Vec<Lsa> {
        let routers =
            self.routers.iter().map(|(id, lsa)| (LsType::Router, *id, *id, LsaBody::Router(lsa.clone())));
        let networks = self
            .networks
            .iter()
            .map(|((id, by), lsa)| (LsType::Network, *id, *by, LsaBody::Network(lsa.clone())));
        routers.chain(networks).map(|(ls_type, id, by, body)| lsa(ls_type, id, by, body)).collect()
    }

    pub(crate) fn router(&mut self, id: u32) -> &mut RouterLsa {
        self.routers.entry(id).or_insert(RouterLsa { flags: 0, links: Vec::new() })
    }
}

/// An LSA of age 1.
pub(crate) fn lsa(ls_type: LsType, link_state_id: u32, by: u32, body: LsaBody) -> Lsa {
    let key = LsaKey { ls_type, link_state_id, advertising_router: RouterId(by) };
    Lsa::build(1, 2, key, 1, body).unwrap()
}

/// An area's input, with the Summary-LSAs among `more`.
pub(crate) fn area(id: u32, topology: &Topology, root: u32, more: &[Lsa]) -> AreaInput {
    AreaInput {
        id: AreaId(id),
        graph: AreaGraph::read(&topology.lsas(), RouterId(root), local),
        summaries: more.iter().filter_map(build_v2::summary).collect(),
    }
}

/// A Summary-LSA of a prefix.
pub(crate) fn summary(by: u32, prefix: Ipv4Network, metric: u32) -> Lsa {
    let body = LsaBody::Summary(SummaryLsa { network_mask: prefix.mask(), metric });
    lsa(LsType::SummaryNetwork, prefix.network().to_bits(), by, body)
}

/// A Summary-LSA of an AS boundary router.
pub(crate) fn asbr_summary(by: u32, router: u32, metric: u32) -> Lsa {
    let body = LsaBody::Summary(SummaryLsa { network_mask: Ipv4Addr::UNSPECIFIED, metric });
    lsa(LsType::SummaryAsbr, router, by, body)
}

/// An AS-external-LSA without forwarding address.
pub(crate) fn external(by: u32, prefix: Ipv4Network, metric_type: ExternalMetric, metric: u32) -> Lsa {
    external_via(by, prefix, metric_type, metric, Ipv4Addr::UNSPECIFIED)
}

/// An AS-external-LSA.
pub(crate) fn external_via(
    by: u32,
    prefix: Ipv4Network,
    metric_type: ExternalMetric,
    metric: u32,
    forwarding_address: Ipv4Addr,
) -> Lsa {
    let network_mask = prefix.mask();
    let body = ExternalLsa { network_mask, metric_type, metric, forwarding_address, route_tag: 0 };
    lsa(LsType::AsExternal, prefix.network().to_bits(), by, LsaBody::External(body))
}

/// Takes Link Data for the interface and Link ID for the neighbour's address.
pub(crate) fn local(link: &RouterLink) -> Option<LocalLink> {
    let gateway = Some(IpAddr::V4(Ipv4Addr::from_bits(link.link_id)));
    Some(LocalLink { if_index: IfIndex(link.link_data), gateway, cost: link.metric })
}

/// A grid of point-to-point links of equal cost, each router with a loopback. Routers are numbered from 10.0.0.1.
pub(crate) fn grid(width: u32, height: u32) -> Topology {
    let mut topology = Topology::default();
    let id = |x: u32, y: u32| 0x0a00_0001 + y * width + x;
    for y in 0..height {
        for x in 0..width {
            if x + 1 < width {
                topology.link(id(x, y), id(x + 1, y), 10);
            }
            if y + 1 < height {
                topology.link(id(x, y), id(x, y + 1), 10);
            }
            topology.stub(id(x, y), Ipv4Addr::from_bits(id(x, y)), Ipv4Addr::BROADCAST, 0);
        }
    }
    topology
}

/// A fat-tree of switches with `k` ports: k pods of k/2 edge and k/2 aggregation switches under (k/2)² cores.
pub(crate) fn fat_tree(k: u32) -> Topology {
    let half = k / 2;
    let mut topology = Topology::default();
    let edge = |pod: u32, at: u32| 0x0a01_0000 + (pod << 8) + at;
    let aggregation = |pod: u32, at: u32| 0x0a02_0000 + (pod << 8) + at;
    let core = |group: u32, at: u32| 0x0a03_0000 + (group << 8) + at;
    for pod in 0..k {
        for upper in 0..half {
            for at in 0..half {
                topology.link(edge(pod, at), aggregation(pod, upper), 10);
                topology.link(aggregation(pod, upper), core(upper, at), 10);
            }
        }
    }
    let ids: Vec<u32> = topology.routers.keys().copied().collect();
    for id in ids {
        topology.stub(id, Ipv4Addr::from_bits(id), Ipv4Addr::BROADCAST, 0);
    }
    topology
}
