//! Shortest paths and their first steps.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use common::ids::RouterId;
use ospfd::core::spf::build_v2::AreaGraph;
use ospfd::core::spf::tree::{Tree, numbers};
use ospfd::packet::{Lsa, MAX_AGE, RouterLink};

use crate::topology::{Topology, fat_tree, grid, local};

/// Distance to a router, and the gateways towards it.
fn path(topology: &Topology, from: u32, to: u32) -> Option<(u32, BTreeSet<u32>)> {
    let area = AreaGraph::read(&topology.lsas(), RouterId(from), local);
    let tree = Tree::grow(&area.graph, area.root?, &area.first_hops);
    let vertex = area.router(RouterId(to))?;
    let gateways = numbers(tree.steps(vertex))
        .filter_map(|step| match area.first_hops.get(step)?.next_hop.gateway? {
            IpAddr::V4(gateway) => Some(gateway.to_bits()),
            IpAddr::V6(_) => None,
        })
        .collect();
    Some((tree.distance(vertex)?, gateways))
}

fn found(cost: u32, gateways: &[u32]) -> Option<(u32, BTreeSet<u32>)> {
    Some((cost, gateways.iter().copied().collect()))
}

#[test]
fn a_diamond_gives_both_ways() {
    let mut diamond = Topology::default();
    for middle in [2, 3] {
        diamond.link(1, middle, 5);
        diamond.link(middle, 4, 7);
    }
    diamond.link(4, 5, 1);
    assert_eq!(path(&diamond, 1, 4), found(12, &[2, 3]));
    assert_eq!(path(&diamond, 1, 5), found(13, &[2, 3]));
    assert_eq!(path(&diamond, 1, 3), found(5, &[3]));
    assert_eq!(path(&diamond, 1, 1), found(0, &[]));
}

#[test]
fn a_link_that_only_one_end_speaks_of_carries_nothing() {
    let mut topology = Topology::default();
    topology.link(1, 2, 5);
    topology.link(2, 3, 5);
    topology.one_way(1, 3, 1);
    assert_eq!(path(&topology, 1, 3), found(10, &[2]));
    assert_eq!(path(&topology, 3, 1), found(10, &[2]));
}

#[test]
fn the_cost_of_a_link_is_that_of_its_start() {
    let mut topology = Topology::default();
    topology.one_way(1, 2, 5);
    topology.one_way(2, 1, 50);
    assert_eq!(path(&topology, 1, 2), found(5, &[2]));
    assert_eq!(path(&topology, 2, 1), found(50, &[1]));
}

#[test]
fn a_stub_router_carries_traffic_only_as_a_last_resort() {
    let mut topology = Topology::default();
    // 2 tells others not to go through it (RFC 6987).
    topology.one_way(1, 2, 1);
    topology.one_way(2, 1, u16::MAX);
    topology.one_way(3, 2, 1);
    topology.one_way(2, 3, u16::MAX);
    assert_eq!(path(&topology, 1, 3), found(1 + 65_535, &[2]));

    topology.link(1, 4, 1000);
    topology.link(4, 3, 1000);
    assert_eq!(path(&topology, 1, 3), found(2000, &[4]));
    assert_eq!(path(&topology, 1, 2), found(1, &[2]));
}

#[test]
fn across_a_network_the_next_hop_is_the_router_behind_it() {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    let address = |last| Ipv4Addr::new(10, 9, 9, last);
    let mut topology = Topology::default();
    topology.lan(mask, &[(2, address(2), 10), (1, address(1), 10), (3, address(3), 10), (4, address(4), 10)]);
    topology.link(3, 5, 1);
    topology.link(4, 5, 1);
    assert_eq!(path(&topology, 1, 3), found(10, &[address(3).to_bits()]));
    assert_eq!(path(&topology, 1, 5), found(11, &[address(3).to_bits(), address(4).to_bits()]));
}

#[test]
fn a_network_reached_directly_and_by_a_router_gives_both_ways() {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    let address = |last| Ipv4Addr::new(10, 9, 9, last);
    let mut topology = Topology::default();
    topology.lan(mask, &[(2, address(2), 5), (1, address(1), 10), (3, address(3), 10)]);
    topology.link(1, 2, 5);
    // To 3: over the network itself at 10, and by the link to 2 and then over the network, also at 10.
    assert_eq!(path(&topology, 1, 3), found(10, &[address(3).to_bits(), 2]));
}

#[test]
fn more_first_steps_than_a_word_has_bits_are_all_found() {
    let mut topology = Topology::default();
    for middle in 10..210 {
        topology.link(1, middle, 1);
        topology.link(middle, 1000, 1);
    }
    topology.link(1000, 1001, 1);
    assert_eq!(path(&topology, 1, 1001), found(3, &(10..210).collect::<Vec<_>>()));

    topology.link(1, 500, 1);
    topology.link(500, 1001, 1);
    assert_eq!(path(&topology, 1, 1001), found(2, &[500]));
}

#[test]
fn a_shorter_path_found_later_replaces_the_steps() {
    let mut topology = Topology::default();
    topology.link(1, 2, 10);
    topology.link(1, 3, 1);
    topology.link(3, 2, 1);
    assert_eq!(path(&topology, 1, 2), found(2, &[3]));
}

#[test]
fn a_router_without_a_lsa_is_unreachable() {
    let mut topology = Topology::default();
    topology.one_way(1, 2, 1);
    topology.link(5, 6, 1);
    assert_eq!(path(&topology, 1, 2), None);
    assert_eq!(path(&topology, 1, 5), None);
    assert_eq!(path(&topology, 9, 1), None);
}

#[test]
fn a_grid_and_a_fat_tree_have_the_paths_that_they_are_drawn_for() {
    let corner = 0x0a00_0001;
    assert_eq!(path(&grid(5, 4), corner, corner + 19), found(7 * 10, &[corner + 1, corner + 5]));

    let uplinks: Vec<u32> = (0..4).map(|at| 0x0a02_0000 + at).collect();
    assert_eq!(path(&fat_tree(8), 0x0a01_0000, 0x0a01_0703), found(40, &uplinks));
    assert_eq!(path(&fat_tree(8), 0x0a01_0000, 0x0a01_0003), found(20, &uplinks));
}

/// RFC 2328 §16.1 (2)(b).
#[test]
fn an_lsa_at_max_age_is_as_good_as_none() {
    let mut topology = Topology::default();
    topology.link(1, 2, 5);
    topology.link(2, 3, 5);
    let lsas = topology.lsas();
    let reaches = |lsas: &[Lsa]| {
        let area = AreaGraph::read(lsas, RouterId(1), local);
        let tree = Tree::grow(&area.graph, area.root.unwrap(), &area.first_hops);
        area.router(RouterId(3)).and_then(|vertex| tree.distance(vertex))
    };
    assert_eq!(reaches(&lsas), Some(10));
    let aged: Vec<_> = lsas
        .iter()
        .map(|lsa| if lsa.header.key.link_state_id == 2 { lsa.with_age(MAX_AGE) } else { lsa.clone() })
        .collect();
    assert_eq!(reaches(&aged), None);
}

/// RFC 2328 §16.1 (2)(b): a network and a router must name each other.
#[test]
fn a_router_that_a_network_does_not_list_is_not_on_it() {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    let address = |last| Ipv4Addr::new(10, 9, 9, last);
    let lan = [(2, address(2), 10), (1, address(1), 10), (3, address(3), 10)];
    let mut topology = Topology::default();
    topology.lan(mask, &lan);
    let network = (address(2).to_bits(), 2);
    assert_eq!(path(&topology, 1, 3), found(10, &[address(3).to_bits()]));
    // Not listed any more.
    let listed = topology.networks.get_mut(&network).unwrap();
    listed.attached_routers.retain(|router| router.0 != 3);
    assert_eq!(path(&topology, 1, 3), None);
    // Listed, but it does not say so itself.
    let mut topology = Topology::default();
    topology.lan(mask, &lan);
    topology.router(3).links.clear();
    assert_eq!(path(&topology, 1, 3), None);
}

/// RFC 2328 §16.1.1: each of its links to the network is a way.
#[test]
fn a_router_with_two_addresses_on_a_network_is_two_next_hops() {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    let address = |last| Ipv4Addr::new(10, 9, 9, last);
    let mut topology = Topology::default();
    topology.lan(mask, &[(2, address(2), 10), (1, address(1), 10), (3, address(3), 10)]);
    let second = RouterLink { link_data: address(33).to_bits(), ..topology.router(3).links[0] };
    topology.router(3).links.push(second);
    assert_eq!(path(&topology, 1, 3), found(10, &[address(3).to_bits(), address(33).to_bits()]));
}
