//! The calculation against a slow and simple one: all-pairs distances, and for every first step the question whether a
//! shortest path begins with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use common::ids::{IfIndex, RouterId};
use ipnetwork::{IpNetwork, Ipv4Network};
use ospfd::core::spf::SpfConfig;
use ospfd::core::spf::build_v2;
use ospfd::core::spf::calculation::Calculation;
use ospfd::core::spf::hops::NextHop;
use ospfd::core::spf::route::{PathType, RouteTable};
use ospfd::packet::{ExternalMetric, Lsa, LsaBody, RouterLinkType, router_flags};
use proptest::prelude::*;

use crate::topology::{Topology, area, external_via};

const ROOT: u32 = 1;
const FAR: u32 = u32::MAX / 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Router(u32),
    Network(u32),
}

/// What a path is worth (path type, type 2 metric, cost), and its next hops.
type Found = ((PathType, u32, u32), BTreeSet<NextHop>);

/// All-pairs distances over mutual links.
struct Oracle<'a> {
    topology: &'a Topology,
    distance: BTreeMap<(Node, Node), u32>,
}

impl<'a> Oracle<'a> {
    fn new(topology: &'a Topology) -> Self {
        let routers = topology.routers.keys().map(|id| Node::Router(*id));
        let networks = topology.networks.keys().map(|(id, _)| Node::Network(*id));
        let nodes: Vec<Node> = routers.chain(networks).collect();
        let mut distance = BTreeMap::new();
        for (from, to, cost) in directed(topology) {
            let known = distance.entry((from, to)).or_insert(FAR);
            *known = cost.min(*known);
        }
        let mutual: BTreeMap<_, _> = distance
            .iter()
            .filter(|((from, to), _)| distance.contains_key(&(*to, *from)))
            .map(|(ends, cost)| (*ends, *cost))
            .collect();
        let mut distance = mutual;
        distance.extend(nodes.iter().map(|node| ((*node, *node), 0)));
        for middle in &nodes {
            for from in &nodes {
                for to in &nodes {
                    let known = |ends| distance.get(&ends).copied().unwrap_or(FAR);
                    let through = known((*from, *middle)) + known((*middle, *to));
                    if through < known((*from, *to)) {
                        distance.insert((*from, *to), through);
                    }
                }
            }
        }
        Self { topology, distance }
    }

    fn distance(&self, from: Node, to: Node) -> u32 {
        self.distance.get(&(from, to)).copied().filter(|cost| *cost < FAR).unwrap_or(FAR)
    }

    /// The first steps of all shortest paths from the root to `to`.
    fn steps(&self, to: Node) -> BTreeSet<NextHop> {
        let mut steps = BTreeSet::new();
        let root = Node::Router(ROOT);
        let whole = self.distance(root, to);
        for link in self.topology.routers.get(&ROOT).into_iter().flat_map(|lsa| &lsa.links) {
            let (if_index, cost) = (IfIndex(link.link_data), u32::from(link.metric));
            let hop =
                |gateway: u32| NextHop { if_index, gateway: Some(IpAddr::V4(Ipv4Addr::from_bits(gateway))) };
            let mutual = |node| {
                directed(self.topology).iter().any(|(from, to, _)| *from == node && *to == Node::Router(ROOT))
            };
            match link.link_type {
                RouterLinkType::PointToPoint
                    if mutual(Node::Router(link.link_id))
                        && cost + self.distance(Node::Router(link.link_id), to) == whole =>
                {
                    steps.insert(hop(link.link_id));
                }
                RouterLinkType::Transit if mutual(Node::Network(link.link_id)) => {
                    let network = Node::Network(link.link_id);
                    if to == network && cost == whole {
                        steps.insert(NextHop { if_index, gateway: None });
                    }
                    for (_, router, _) in
                        directed(self.topology).iter().filter(|(from, _, _)| *from == network)
                    {
                        let &Node::Router(id) = router else { continue };
                        let back = address(self.topology, id, link.link_id);
                        if let Some(back) =
                            back.filter(|_| id != ROOT && cost + self.distance(*router, to) == whole)
                        {
                            steps.insert(hop(back));
                        }
                    }
                }
                _ => {}
            }
        }
        steps
    }

    /// The best way to the ends of a set of paths, each with the cost beyond its end.
    fn best(&self, ends: &[(Node, u32)]) -> Option<(u32, BTreeSet<NextHop>)> {
        let root = Node::Router(ROOT);
        let cost = ends.iter().map(|(end, more)| self.distance(root, *end) + more).min()?;
        if cost >= FAR {
            return None;
        }
        let ends: Vec<_> =
            ends.iter().filter(|(end, more)| self.distance(root, *end) + more == cost).collect();
        if ends.iter().any(|(end, _)| *end == root) {
            return Some((cost, BTreeSet::new()));
        }
        Some((cost, ends.iter().flat_map(|(end, _)| self.steps(*end)).collect()))
    }

    fn internal(&self) -> BTreeMap<IpNetwork, (u32, BTreeSet<NextHop>)> {
        let mut ends: BTreeMap<IpNetwork, Vec<(Node, u32)>> = BTreeMap::new();
        for ((id, _), lsa) in &self.topology.networks {
            let prefix = Ipv4Network::with_netmask(Ipv4Addr::from_bits(*id), lsa.network_mask).unwrap();
            let prefix = Ipv4Network::new(prefix.network(), prefix.prefix()).unwrap();
            ends.entry(prefix.into()).or_default().push((Node::Network(*id), 0));
        }
        for (id, lsa) in &self.topology.routers {
            for link in lsa.links.iter().filter(|link| link.link_type == RouterLinkType::Stub) {
                let (address, mask) =
                    (Ipv4Addr::from_bits(link.link_id), Ipv4Addr::from_bits(link.link_data));
                let prefix = Ipv4Network::with_netmask(address, mask).unwrap();
                ends.entry(prefix.into()).or_default().push((Node::Router(*id), u32::from(link.metric)));
            }
        }
        ends.into_iter().filter_map(|(prefix, ends)| Some((prefix, self.best(&ends)?))).collect()
    }

    fn routes(&self, externals: &[Lsa]) -> BTreeMap<IpNetwork, Found> {
        let internal = self.internal();
        let mut found: BTreeMap<IpNetwork, Found> = BTreeMap::new();
        for lsa in externals {
            let LsaBody::External(body) = &lsa.body else { continue };
            let by = lsa.header.key.advertising_router.0;
            let flags = self.topology.routers.get(&by).map_or(0, |router| router.flags);
            let to_router = self.best(&[(Node::Router(by), 0)]);
            let Some(to_router) = to_router.filter(|_| by != ROOT && flags & router_flags::E != 0) else {
                continue;
            };
            let (exit, hops) = if body.forwarding_address.is_unspecified() {
                to_router
            } else {
                let to = IpAddr::V4(body.forwarding_address);
                let matching = internal.iter().filter(|(prefix, _)| prefix.contains(to));
                let Some((_, (cost, hops))) = matching.max_by_key(|(prefix, _)| prefix.prefix()) else {
                    continue;
                };
                let hops: BTreeSet<_> =
                    hops.iter().map(|hop| NextHop { gateway: hop.gateway.or(Some(to)), ..*hop }).collect();
                (*cost, hops)
            };
            if hops.is_empty() {
                continue;
            }
            let prefix = Ipv4Network::with_netmask(
                Ipv4Addr::from_bits(lsa.header.key.link_state_id),
                body.network_mask,
            );
            let worth = match body.metric_type {
                ExternalMetric::Type1 => (PathType::External1, 0, exit + body.metric),
                ExternalMetric::Type2 => (PathType::External2, body.metric, exit),
            };
            match found.entry(prefix.unwrap().into()).or_insert_with(|| (worth, BTreeSet::new())) {
                (known, known_hops) if *known == worth => known_hops.extend(hops),
                known if worth < known.0 => *known = (worth, hops),
                _ => {}
            }
        }
        found.extend(
            internal
                .into_iter()
                .map(|(prefix, (cost, hops))| (prefix, ((PathType::IntraArea, 0, cost), hops))),
        );
        found
    }
}

/// Every link that some LSA speaks of, whether it is mutual or not.
fn directed(topology: &Topology) -> Vec<(Node, Node, u32)> {
    let mut links = Vec::new();
    for (id, lsa) in &topology.routers {
        for link in &lsa.links {
            let to = match link.link_type {
                RouterLinkType::PointToPoint => Node::Router(link.link_id),
                RouterLinkType::Transit => Node::Network(link.link_id),
                _ => continue,
            };
            links.push((Node::Router(*id), to, u32::from(link.metric)));
        }
    }
    for ((id, _), lsa) in &topology.networks {
        links.extend(
            lsa.attached_routers.iter().map(|router| (Node::Network(*id), Node::Router(router.0), 0)),
        );
    }
    links
}

fn address(topology: &Topology, router: u32, network: u32) -> Option<u32> {
    let links = &topology.routers.get(&router)?.links;
    let link = links.iter().find(|link| link.link_type == RouterLinkType::Transit && link.link_id == network);
    link.map(|link| link.link_data)
}

fn as_found(table: &RouteTable) -> BTreeMap<IpNetwork, Found> {
    table
        .iter()
        .map(|route| {
            let worth = (route.path_type, route.type2_cost, route.cost);
            (route.prefix, (worth, route.next_hops.iter().copied().collect()))
        })
        .collect()
}

fn destination(number: u8) -> Ipv4Network {
    Ipv4Network::new(Ipv4Addr::new(10, 100, number, 0), 24).unwrap()
}

/// Up to 8 routers with links (some one-way), networks (some members silent), stubs that share prefixes.
fn any_topology() -> impl Strategy<Value = Topology> {
    let links = prop::collection::vec(
        (1..=8_u32, 1..=8_u32, 1..4_u16, prop::option::weighted(0.85, 1..4_u16)),
        0..14,
    );
    let lans = prop::collection::vec(
        (prop::collection::btree_map(1..=8_u32, (1..4_u16, prop::bool::weighted(0.9)), 2..5), any::<bool>()),
        0..4,
    );
    let stubs = prop::collection::vec((1..=8_u32, 0..6_u8, 0..4_u16), 0..10);
    let boundary = prop::collection::btree_set(1..=8_u32, 0..5);
    (links, lans, stubs, boundary).prop_map(|(links, lans, stubs, boundary)| {
        let mut topology = Topology::default();
        topology.router(ROOT);
        for (one, other, cost, back) in links {
            if one != other {
                topology.one_way(one, other, cost);
                if let Some(back) = back {
                    topology.one_way(other, one, back);
                }
            }
        }
        for (number, (members, _)) in (0_u8..).zip(lans) {
            let address = |router: u32| Ipv4Addr::new(10, 200, number, u8::try_from(router).unwrap());
            let list: Vec<_> =
                members.iter().map(|(router, (cost, _))| (*router, address(*router), *cost)).collect();
            topology.lan(Ipv4Addr::new(255, 255, 255, 0), &list);
            for (router, (_, speaks)) in &members {
                if !speaks {
                    topology.router(*router).links.pop();
                }
            }
        }
        for (router, number, metric) in stubs {
            topology.stub(router, destination(number).network(), destination(number).mask(), metric);
        }
        for router in boundary {
            topology.flags(router, router_flags::E);
        }
        topology
    })
}

fn any_externals() -> impl Strategy<Value = Vec<Lsa>> {
    let forwarding = prop_oneof![
        3 => Just(Ipv4Addr::UNSPECIFIED),
        1 => (0..7_u8).prop_map(|number| Ipv4Addr::new(10, 100, number, 99)),
        1 => (0..4_u8).prop_map(|number| Ipv4Addr::new(10, 200, number, 99)),
    ];
    prop::collection::btree_map((4..9_u8, 1..=8_u32), (any::<bool>(), 0..4_u32, forwarding), 0..8).prop_map(
        |all| {
            all.into_iter()
                .map(|((number, by), (first, metric, forwarding))| {
                    let metric_type = if first { ExternalMetric::Type1 } else { ExternalMetric::Type2 };
                    external_via(by, destination(number), metric_type, metric, forwarding)
                })
                .collect()
        },
    )
}

fn parsed(lsas: &[Lsa]) -> impl Iterator<Item = ospfd::core::spf::External> {
    lsas.iter().filter_map(build_v2::external)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn routes_are_those_of_the_oracle(topology in any_topology(), externals in any_externals()) {
        let mut calculation = Calculation::new(RouterId(ROOT), SpfConfig::default());
        calculation.run(&[area(7, &topology, ROOT, &[])], parsed(&externals));
        prop_assert_eq!(as_found(calculation.table()), Oracle::new(&topology).routes(&externals));
    }

    #[test]
    fn a_partial_calculation_ends_where_a_full_one_does(topology in any_topology(), before in any_externals(), after in any_externals()) {
        let input = [area(7, &topology, ROOT, &[])];
        let mut partial = Calculation::new(RouterId(ROOT), SpfConfig::default());
        partial.run(&input, parsed(&before));
        let prefixes: BTreeSet<IpNetwork> = parsed(&before).chain(parsed(&after)).map(|external| external.prefix).collect();
        let old = partial.table().clone();
        let changes = partial.run_externals(&prefixes, parsed(&after));

        let mut full = Calculation::new(RouterId(ROOT), SpfConfig::default());
        full.run(&input, parsed(&after));
        prop_assert_eq!(as_found(partial.table()), as_found(full.table()));
        prop_assert_eq!(changes, old.changes_to(full.table()));
    }
}
