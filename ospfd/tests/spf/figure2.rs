//! The sample Autonomous System of RFC 2328 §2, figures 2 and 3, with its tables 2 and 3.

use std::net::{IpAddr, Ipv4Addr};

use common::ids::RouterId;
use ipnetwork::Ipv4Network;
use ospfd::core::spf::build_v2;
use ospfd::core::spf::calculation::Calculation;
use ospfd::core::spf::{SpfConfig, route::RouteTable};
use ospfd::packet::{ExternalMetric, router_flags};

use crate::topology::{Topology, area, external};

fn network(number: u8) -> Ipv4Network {
    Ipv4Network::new(Ipv4Addr::new(10, number, 0, 0), 16).unwrap()
}

fn on(number: u8, router: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, number, 0, router)
}

/// The Autonomous System of figure 2.
fn sample() -> Topology {
    let mut topology = Topology::default();
    for (from, to, cost) in [
        (3, 6, 8),
        (6, 3, 6),
        (4, 5, 8),
        (5, 4, 8),
        (5, 6, 7),
        (6, 5, 6),
        (5, 7, 6),
        (7, 5, 6),
        (6, 10, 7),
        (10, 6, 5),
    ] {
        topology.one_way(from, to, cost);
    }
    for (number, members) in [
        (3_u8, &[(1_u8, 1_u16), (2, 1), (3, 1), (4, 1)][..]),
        (6, &[(7, 1), (8, 1), (10, 1)]),
        (8, &[(10, 3), (11, 2)]),
        (9, &[(9, 1), (11, 1), (12, 1)]),
    ] {
        let members: Vec<_> =
            members.iter().map(|(router, cost)| (u32::from(*router), on(number, *router), *cost)).collect();
        topology.lan(network(number).mask(), &members);
    }
    for (number, router, cost) in [(1, 1, 3), (2, 2, 3), (4, 3, 2), (7, 8, 4), (10, 12, 2), (11, 9, 3)] {
        topology.stub(router, network(number).network(), network(number).mask(), cost);
    }
    topology.stub(12, Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::BROADCAST, 10);
    for router in [5, 7] {
        topology.flags(router, router_flags::E);
    }
    topology
}

fn table_of(router: u32) -> RouteTable {
    let externals: Vec<_> = [(5, 12, 8), (5, 13, 8), (5, 14, 8), (7, 12, 2), (7, 15, 9)]
        .map(|(by, number, cost)| external(by, network(number), ExternalMetric::Type1, cost))
        .into();
    let mut calculation = Calculation::new(RouterId(router), SpfConfig::default());
    calculation.run(&[area(0, &sample(), router, &[])], externals.iter().filter_map(build_v2::external));
    calculation.table().clone()
}

fn found(table: &RouteTable, prefix: Ipv4Network) -> Option<(u32, Vec<IpAddr>)> {
    let route = table.get(prefix.into())?;
    Some((route.cost, route.next_hops.iter().filter_map(|hop| hop.gateway).collect()))
}

/// Point-to-point neighbours have their Router ID for an address here.
fn rt(number: u32) -> Vec<IpAddr> {
    vec![IpAddr::V4(Ipv4Addr::from_bits(number))]
}

#[test]
fn rt6_has_the_local_destinations_of_table_2() {
    let table = table_of(6);
    for (number, next, distance) in [
        (1, 3, 10),
        (2, 3, 10),
        (3, 3, 7),
        (4, 3, 8),
        (6, 10, 8),
        (7, 10, 12),
        (8, 10, 10),
        (9, 10, 11),
        (10, 10, 13),
        (11, 10, 14),
    ] {
        assert_eq!(found(&table, network(number)), Some((distance, rt(next))), "N{number}");
    }
    let h1 = Ipv4Network::new(Ipv4Addr::new(192, 0, 2, 1), 32).unwrap();
    assert_eq!(found(&table, h1), Some((21, rt(10))));
}

#[test]
fn rt6_has_the_external_destinations_of_table_3() {
    let table = table_of(6);
    for (number, next, distance) in [(12, 10, 10), (13, 5, 14), (14, 5, 14), (15, 10, 17)] {
        assert_eq!(found(&table, network(number)), Some((distance, rt(next))), "N{number}");
    }
    assert_eq!(table.len(), 15);
}

#[test]
fn rt1_sees_its_own_networks_as_local() {
    let table = table_of(1);
    let route = |number| table.get(network(number).into()).unwrap();
    assert!(route(1).next_hops.is_local() && route(3).next_hops.is_local());
    assert_eq!(found(&table, network(4)), Some((3, vec![IpAddr::V4(on(3, 3))])));
    // N12 through RT7: by RT3 1+8+7+1 and then 2, or by RT4 1+8+6 and then 2.
    assert_eq!(found(&table, network(12)), Some((17, vec![IpAddr::V4(on(3, 4))])));
}
