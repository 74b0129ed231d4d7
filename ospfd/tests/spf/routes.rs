//! Which path becomes the route.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use common::ids::RouterId;
use ipnetwork::Ipv4Network;
use ospfd::core::spf::calculation::{AreaInput, Calculation};
use ospfd::core::spf::route::{PathType, RouteChange};
use ospfd::core::spf::{SpfConfig, build_v2};
use ospfd::packet::ExternalMetric::{Type1, Type2};
use ospfd::packet::{LS_INFINITY, Lsa, router_flags};

use crate::topology::{Topology, area, asbr_summary, external, external_via, summary};

fn net(text: &str) -> Ipv4Network {
    text.parse().unwrap()
}

/// 1 in the middle of 2 (cost 10), 3 (cost 20) and 4 (cost 20), which are of all kinds.
fn star() -> Topology {
    let mut star = Topology::default();
    for (router, cost) in [(2, 10), (3, 20), (4, 20)] {
        star.link(1, router, cost);
        star.flags(router, router_flags::B | router_flags::E);
    }
    star
}

/// Path type, cost and gateways of the route of 1 to 203.0.113.0/24.
fn route_with(
    areas: &[AreaInput],
    externals: &[Lsa],
    config: SpfConfig,
) -> Option<(PathType, u32, Vec<u32>)> {
    let mut calculation = Calculation::new(RouterId(1), config);
    calculation.run(areas, externals.iter().filter_map(build_v2::external));
    let route = calculation.table().get(net("203.0.113.0/24").into())?;
    let gateways = route.next_hops.iter().filter_map(|hop| match hop.gateway? {
        IpAddr::V4(address) => Some(address.to_bits()),
        IpAddr::V6(_) => None,
    });
    Some((route.path_type, route.cost, gateways.collect()))
}

fn route(topology: &Topology, more: &[Lsa]) -> Option<(PathType, u32, Vec<u32>)> {
    route_with(&[area(0, topology, 1, more)], more, SpfConfig::default())
}

const DESTINATION: &str = "203.0.113.0/24";

#[test]
fn equal_stub_links_of_two_routers_are_equal_cost_next_hops() {
    let mut topology = star();
    for (router, metric) in [(2, 15), (3, 5), (4, 5)] {
        topology.stub(router, net(DESTINATION).network(), net(DESTINATION).mask(), metric);
    }
    assert_eq!(route(&topology, &[]), Some((PathType::IntraArea, 25, vec![2, 3, 4])));
}

#[test]
fn what_this_router_has_itself_is_not_routed_elsewhere() {
    let mut topology = star();
    for (router, metric) in [(1, 15), (2, 5)] {
        topology.stub(router, net(DESTINATION).network(), net(DESTINATION).mask(), metric);
    }
    assert_eq!(route(&topology, &[]), Some((PathType::IntraArea, 15, vec![])));
}

#[test]
fn a_mask_with_holes_makes_no_route() {
    let mut topology = star();
    topology.stub(2, net(DESTINATION).network(), Ipv4Addr::new(255, 0, 255, 0), 5);
    let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
    assert_eq!(calculation.run(&[area(0, &topology, 1, &[])], std::iter::empty()), []);
}

#[test]
fn a_network_for_transit_only_is_no_destination() {
    let mut topology = star();
    let hidden = |last| Ipv4Addr::new(203, 0, 113, last);
    topology.lan(Ipv4Addr::BROADCAST, &[(1, hidden(1), 1), (5, hidden(5), 1)]);
    topology.stub(5, Ipv4Addr::new(192, 0, 2, 5), Ipv4Addr::BROADCAST, 0);
    let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
    calculation.run(&[area(0, &topology, 1, &[])], std::iter::empty());
    let prefixes: Vec<_> = calculation.table().iter().map(|route| route.prefix.to_string()).collect();
    assert_eq!(prefixes, ["192.0.2.5/32"]);
}

#[test]
fn path_types_are_preferred_in_the_order_of_the_rfc() {
    let mut topology = star();
    let more = [
        external(2, net(DESTINATION), Type2, 0),
        external(3, net(DESTINATION), Type1, 1000),
        summary(4, net(DESTINATION), 100_000),
    ];
    assert_eq!(route(&topology, &more[..1]), Some((PathType::External2, 10, vec![2])));
    assert_eq!(route(&topology, &more[..2]), Some((PathType::External1, 1020, vec![3])));
    assert_eq!(route(&topology, &more), Some((PathType::InterArea, 100_020, vec![4])));
    topology.stub(4, net(DESTINATION).network(), net(DESTINATION).mask(), u16::MAX);
    assert_eq!(route(&topology, &more), Some((PathType::IntraArea, 65_555, vec![4])));
}

#[test]
fn summaries_count_from_border_routers_that_are_reached() {
    let mut topology = star();
    let more =
        [summary(2, net(DESTINATION), 15), summary(3, net(DESTINATION), 5), summary(4, net(DESTINATION), 6)];
    assert_eq!(route(&topology, &more), Some((PathType::InterArea, 25, vec![2, 3])));
    // Not a border router any more; one without a Router-LSA; ourselves.
    topology.flags(2, 0);
    let more = [more[0].clone(), summary(9, net(DESTINATION), 1), summary(1, net(DESTINATION), 1)];
    assert_eq!(route(&topology, &more), None);
    assert_eq!(route(&topology, &[summary(3, net(DESTINATION), LS_INFINITY)]), None);
}

#[test]
fn with_several_areas_only_the_backbone_s_summaries_count() {
    let more = [summary(2, net(DESTINATION), 1)];
    let none = Topology::default();
    let mut own = Topology::default();
    own.router(1);
    let config = SpfConfig::default();
    let in_area_7 = [area(0, &own, 1, &[]), area(7, &star(), 1, &more)];
    assert_eq!(route_with(&in_area_7, &[], config), None);
    let in_backbone = [area(0, &star(), 1, &more), area(7, &none, 1, &[])];
    assert_eq!(route_with(&in_backbone, &[], config), Some((PathType::InterArea, 11, vec![2])));
}

#[test]
fn type_1_metrics_add_up_and_type_2_metrics_come_first() {
    let more = [external(2, net(DESTINATION), Type1, 15), external(3, net(DESTINATION), Type1, 5)];
    assert_eq!(route(&star(), &more), Some((PathType::External1, 25, vec![2, 3])));

    let more = [external(2, net(DESTINATION), Type2, 7), external(3, net(DESTINATION), Type2, 6)];
    assert_eq!(route(&star(), &more), Some((PathType::External2, 20, vec![3])));

    let more: Vec<_> = (2..=4).map(|by| external(by, net(DESTINATION), Type2, 7)).collect();
    assert_eq!(route(&star(), &more), Some((PathType::External2, 10, vec![2])));
    assert_eq!(route(&star(), &more[1..]), Some((PathType::External2, 20, vec![3, 4])));
}

#[test]
fn externals_that_nobody_can_serve_make_no_route() {
    assert_eq!(route(&star(), &[external(2, net(DESTINATION), Type1, LS_INFINITY)]), None);
    assert_eq!(route(&star(), &[external(1, net(DESTINATION), Type1, 1)]), None);
    assert_eq!(route(&star(), &[external(9, net(DESTINATION), Type1, 1)]), None);
    let mut topology = star();
    topology.flags(2, 0);
    assert_eq!(route(&topology, &[external(2, net(DESTINATION), Type1, 1)]), None);
}

#[test]
fn a_forwarding_address_takes_the_place_of_the_router() {
    let address = |last| Ipv4Addr::new(10, 9, 9, last);
    let mut topology = star();
    topology.lan(Ipv4Addr::new(255, 255, 255, 0), &[(3, address(3), 1), (4, address(4), 1)]);
    let more = [external_via(2, net(DESTINATION), Type1, 5, address(77))];
    assert_eq!(route(&topology, &more), Some((PathType::External1, 26, vec![3, 4])));
    // No internal route to it.
    let more = [external_via(2, net(DESTINATION), Type1, 5, Ipv4Addr::new(10, 99, 9, 9))];
    assert_eq!(route(&topology, &more), None);
    // The router that tells of it is gone.
    let more = [external_via(8, net(DESTINATION), Type1, 5, address(77))];
    assert_eq!(route(&topology, &more), None);
}

#[test]
fn a_forwarding_address_on_our_own_link_is_the_next_hop() {
    let address = |last| Ipv4Addr::new(10, 9, 9, last);
    let mut topology = star();
    topology.lan(Ipv4Addr::new(255, 255, 255, 0), &[(2, address(2), 1), (1, address(1), 1)]);
    let more = [external_via(2, net(DESTINATION), Type2, 5, address(77))];
    assert_eq!(route(&topology, &more), Some((PathType::External2, 1, vec![address(77).to_bits()])));
}

#[test]
fn a_boundary_router_of_another_area_is_found_by_its_summary() {
    let more = [
        asbr_summary(2, 99, 15),
        asbr_summary(3, 99, 5),
        asbr_summary(4, 99, 6),
        external(99, net(DESTINATION), Type1, 100),
    ];
    assert_eq!(route(&star(), &more), Some((PathType::External1, 125, vec![2, 3])));
}

#[test]
fn paths_within_an_area_beside_the_backbone_are_preferred_unless_rfc_1583_rules() {
    // Two boundary routers: 2 in the backbone at 10, 6 in area 7 at 30.
    let mut beside = Topology::default();
    beside.link(1, 6, 30);
    beside.flags(6, router_flags::E);
    let externals = [external(2, net(DESTINATION), Type1, 1), external(6, net(DESTINATION), Type1, 1)];
    let areas = || [area(0, &star(), 1, &[]), area(7, &beside, 1, &[])];
    let old = SpfConfig { rfc1583_compatibility: true, ..SpfConfig::default() };
    assert_eq!(
        route_with(&areas(), &externals, SpfConfig::default()),
        Some((PathType::External1, 31, vec![6]))
    );
    assert_eq!(route_with(&areas(), &externals, old), Some((PathType::External1, 11, vec![2])));
}

#[test]
fn max_paths_bounds_every_route() {
    let mut topology = star();
    for router in 3..=4 {
        topology.stub(router, net(DESTINATION).network(), net(DESTINATION).mask(), 5);
    }
    let config = SpfConfig { max_paths: 1, ..SpfConfig::default() };
    let found = route_with(&[area(0, &topology, 1, &[])], &[], config);
    assert_eq!(found, Some((PathType::IntraArea, 25, vec![3])));
}

#[test]
fn a_run_tells_what_changed_and_an_external_run_only_looks_at_its_prefixes() {
    let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
    let other = net("198.51.100.0/24");
    let lsas = [external(2, net(DESTINATION), Type1, 1), external(3, other, Type1, 1)];
    let parsed = |lsas: &[Lsa]| lsas.iter().filter_map(build_v2::external).collect::<Vec<_>>().into_iter();
    assert_eq!(calculation.run(&[area(0, &star(), 1, &[])], parsed(&lsas)).len(), 2);
    assert_eq!(calculation.run(&[area(0, &star(), 1, &[])], parsed(&lsas)), []);

    let changed = BTreeSet::from([net(DESTINATION).into()]);
    assert_eq!(calculation.run_externals(&changed, parsed(&lsas)), []);
    assert_eq!(
        calculation.run_externals(&changed, parsed(&[])),
        [RouteChange::Unset(net(DESTINATION).into())]
    );
    assert!(calculation.table().get(other.into()).is_some());
}

#[test]
fn a_border_router_drops_what_is_in_its_ranges_and_has_no_route() {
    let mut inside = Topology::default();
    inside.link(1, 5, 10);
    inside.stub(5, net("10.1.1.0/24").network(), net("10.1.1.0/24").mask(), 1);
    let (backbone, one) = (area(0, &star(), 1, &[]), area(1, &inside, 1, &[]));
    let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
    let ranges = [net("10.1.0.0/16"), net("10.2.0.0/16")];
    calculation.set_ranges(ranges.map(|range| (one.id, range.into())).into());
    let external = external(2, net("10.1.0.0/16"), Type1, 1);
    let externals = || build_v2::external(&external).into_iter();

    let areas = [backbone, one];
    calculation.run(&areas, externals());
    let path_type = |calculation: &Calculation, prefix| {
        calculation.table().get(net(prefix).into()).map(|route| route.path_type)
    };
    assert_eq!(path_type(&calculation, "10.1.0.0/16"), Some(PathType::Discard), "there is something in it");
    assert_eq!(path_type(&calculation, "10.2.0.0/16"), None, "there is nothing in it");
    assert_eq!(path_type(&calculation, "10.1.1.0/24"), Some(PathType::IntraArea));
    let changes = calculation.run_externals(&BTreeSet::from([net("10.1.0.0/16").into()]), externals());
    assert_eq!(changes, [], "an external route does not take its place");

    // No border router, no ranges.
    calculation.run(&areas[1..], externals());
    assert_eq!(path_type(&calculation, "10.1.0.0/16"), None);
}
