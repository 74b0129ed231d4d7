//! Routes from type-7 LSAs (RFC 3101 §2.5), and what a border router tells the AS of (§3.2).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::Ipv4Network;
use ospfd::core::spf::calculation::{AreaInput, Calculation};
use ospfd::core::spf::route::PathType;
use ospfd::core::spf::{External, ExternalRouting, SpfConfig, build_v2};
use ospfd::packet::ExternalMetric::{Type1, Type2};
use ospfd::packet::{ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, options, router_flags};

use crate::topology::{Topology, area, external, external_via};

const NSSA: AreaId = AreaId(7);
const NOWHERE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const DESTINATION: &str = "203.0.113.0/24";
const DEFAULT: &str = "0.0.0.0/0";

fn net(text: &str) -> Ipv4Network {
    text.parse().unwrap()
}

/// A router's loopback.
fn loopback(router: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 8, 0, router)
}

fn type_7_with(
    options: u8,
    by: u32,
    prefix: &str,
    (metric_type, metric): (ExternalMetric, u32),
    via: Ipv4Addr,
) -> Lsa {
    let prefix = net(prefix);
    let key = LsaKey {
        ls_type: LsType::Nssa,
        link_state_id: prefix.network().to_bits(),
        advertising_router: RouterId(by),
    };
    let body = ExternalLsa {
        network_mask: prefix.mask(),
        metric_type,
        metric,
        forwarding_address: via,
        route_tag: by,
    };
    Lsa::build(1, options, key, 1, LsaBody::External(body)).unwrap()
}

/// With the P-bit if there is a forwarding address.
fn type_7(by: u32, prefix: &str, metric_type: ExternalMetric, metric: u32, via: Ipv4Addr) -> Lsa {
    let options = if via.is_unspecified() { 0 } else { options::NP };
    type_7_with(options, by, prefix, (metric_type, metric), via)
}

/// Router 1, and in the NSSA routers 6 (cost 10) and 9 (cost 20) with loopbacks.
fn nssa() -> Topology {
    let mut topology = Topology::default();
    for (router, cost) in [(6, 10), (9, 20)] {
        topology.link(1, u32::from(router), cost);
        topology.flags(u32::from(router), router_flags::E);
        topology.stub(u32::from(router), loopback(router), Ipv4Addr::BROADCAST, 0);
    }
    topology
}

/// Router 1, and in the backbone router 2 at cost 5.
fn backbone() -> Topology {
    let mut topology = Topology::default();
    topology.link(1, 2, 5);
    topology.flags(2, router_flags::E | router_flags::B);
    topology.stub(2, loopback(2), Ipv4Addr::BROADCAST, 0);
    topology
}

fn inside() -> Vec<AreaInput> {
    vec![area(NSSA.0, &nssa(), 1, &[])]
}

fn at_the_border() -> Vec<AreaInput> {
    vec![area(0, &backbone(), 1, &[]), area(NSSA.0, &nssa(), 1, &[])]
}

fn parsed(lsas: &[Lsa]) -> Vec<External> {
    let one = |lsa: &Lsa| build_v2::external(lsa).or_else(|| build_v2::nssa_external(NSSA, lsa));
    lsas.iter().filter_map(one).collect()
}

fn calculate(areas: &[AreaInput], lsas: &[Lsa], summaries: bool) -> Calculation {
    let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
    calculation.set_kinds(BTreeMap::from([(NSSA, ExternalRouting::Nssa { summaries })]));
    calculation.run(areas, parsed(lsas).into_iter());
    calculation
}

/// Path type, cost, tag and gateways of the route to `prefix`.
fn route_of(calculation: &Calculation, prefix: &str) -> Option<(PathType, u32, u32, Vec<u32>)> {
    let route = calculation.table().get(net(prefix).into())?;
    let gateways = route.next_hops.iter().filter_map(|hop| match hop.gateway? {
        IpAddr::V4(address) => Some(address.to_bits()),
        IpAddr::V6(_) => None,
    });
    Some((route.path_type, route.cost, route.tag, gateways.collect()))
}

fn route(areas: &[AreaInput], lsas: &[Lsa]) -> Option<(PathType, u32, u32, Vec<u32>)> {
    route_of(&calculate(areas, lsas, true), DESTINATION)
}

#[test]
fn a_type_7_route_goes_to_its_router_or_its_forwarding_address() {
    let by_router = [type_7(6, DESTINATION, Type1, 5, NOWHERE)];
    assert_eq!(route(&inside(), &by_router), Some((PathType::External1, 15, 6, vec![6])));
    let by_address = [type_7(6, DESTINATION, Type2, 5, loopback(9))];
    assert_eq!(route(&inside(), &by_address), Some((PathType::External2, 20, 6, vec![9])));
}

#[test]
fn a_forwarding_address_behind_a_point_to_point_link_is_the_next_hop() {
    let mut topology = nssa();
    let near = Ipv4Addr::new(10, 9, 9, 6);
    for router in [1, 6] {
        topology.stub(router, near, Ipv4Addr::new(255, 255, 255, 0), 10);
    }
    let areas = [area(NSSA.0, &topology, 1, &[])];
    let gateways = |via| {
        let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
        calculation.set_kinds(BTreeMap::from([(NSSA, ExternalRouting::Nssa { summaries: true })]));
        calculation.set_connected(BTreeMap::from([(IfIndex(3), "10.9.9.1/24".parse().unwrap())]));
        calculation.run(&areas, parsed(&[type_7(6, DESTINATION, Type1, 5, via)]).into_iter());
        route_of(&calculation, DESTINATION).map(|(.., gateways)| gateways)
    };
    assert_eq!(gateways(near), Some(vec![near.to_bits()]));
}

#[test]
fn equal_type_7_lsas_share_the_traffic() {
    let both =
        [type_7(6, DESTINATION, Type1, 15, loopback(6)), type_7(9, DESTINATION, Type1, 5, loopback(9))];
    let (path_type, cost, _, gateways) = route(&inside(), &both).unwrap();
    assert_eq!((path_type, cost, gateways), (PathType::External1, 25, vec![6, 9]));
}

#[test]
fn the_router_of_a_type_7_lsa_must_be_in_its_nssa() {
    assert_eq!(route(&at_the_border(), &[type_7(2, DESTINATION, Type1, 5, NOWHERE)]), None);
}

#[test]
fn the_forwarding_address_of_a_type_7_lsa_must_be_in_its_nssa() {
    assert_eq!(route(&at_the_border(), &[type_7(6, DESTINATION, Type1, 5, loopback(2))]), None);
}

#[test]
fn a_type_5_route_does_not_go_through_an_nssa() {
    assert_eq!(route(&at_the_border(), &[external(6, net(DESTINATION), Type1, 5)]), None);
    let via = [external_via(2, net(DESTINATION), Type1, 5, loopback(6))];
    assert_eq!(route(&at_the_border(), &via), None);
}

#[test]
fn type_5_and_type_7_routes_compare_by_type_metric_and_distance() {
    let type_5 = |metric_type, metric| external(2, net(DESTINATION), metric_type, metric);
    let cases = [
        (type_5(Type1, 100), type_7(6, DESTINATION, Type2, 1, NOWHERE), (PathType::External1, 105)),
        (type_5(Type2, 2), type_7(6, DESTINATION, Type1, 100, NOWHERE), (PathType::External1, 110)),
        (type_5(Type2, 2), type_7(6, DESTINATION, Type2, 1, NOWHERE), (PathType::External2, 10)),
        // RFC 2328 §16.4.1: a path within an NSSA goes before one through the backbone.
        (type_5(Type2, 2), type_7(9, DESTINATION, Type2, 2, NOWHERE), (PathType::External2, 20)),
    ];
    for (one, other, expected) in cases {
        let (path_type, cost, ..) = route(&at_the_border(), &[one, other]).unwrap();
        assert_eq!((path_type, cost), expected);
    }
}

/// RFC 3101 §2.5 (6)(e)
#[test]
fn of_lsas_that_say_the_same_the_p_bit_and_then_the_router_id_decide() {
    let say = |options, by| type_7_with(options, by, DESTINATION, (Type2, 5), loopback(6));
    let tag = |lsas: &[Lsa]| route(&inside(), lsas).unwrap().2;
    assert_eq!(tag(&[say(options::NP, 6), say(0, 9)]), 6);
    assert_eq!(tag(&[say(0, 6), say(options::NP, 9)]), 9);
    assert_eq!(tag(&[say(options::NP, 6), say(options::NP, 9)]), 9);
    assert_eq!(tag(&[say(0, 9), say(0, 6)]), 9);
}

/// RFC 3101 §2.5 (3)
#[test]
fn a_border_router_follows_a_default_route_with_the_p_bit_only_and_never_without_summaries() {
    let with = [type_7(6, DEFAULT, Type2, 1, loopback(6))];
    let without = [type_7(6, DEFAULT, Type2, 1, NOWHERE)];
    let is_route = |areas: &[AreaInput], lsas: &[Lsa], summaries| {
        route_of(&calculate(areas, lsas, summaries), DEFAULT).is_some()
    };
    assert!(is_route(&at_the_border(), &with, true));
    assert!(!is_route(&at_the_border(), &with, false));
    assert!(!is_route(&at_the_border(), &without, true));
    // Who is no border router follows all.
    assert!(is_route(&inside(), &without, true) && is_route(&inside(), &with, false));
    // A route that is no default route may do without the P-bit.
    assert!(route(&at_the_border(), &[type_7(6, DESTINATION, Type2, 1, NOWHERE)]).is_some());
}

#[test]
fn the_default_route_of_a_border_router_that_does_not_call_itself_a_boundary_router_is_followed() {
    let mut topology = nssa();
    topology.flags(6, router_flags::B);
    let areas = [area(NSSA.0, &topology, 1, &[])];
    let calculation = calculate(&areas, &[type_7(6, DEFAULT, Type2, 1, NOWHERE)], true);
    assert!(route_of(&calculation, DEFAULT).is_some());
}

fn translatable(calculation: &Calculation) -> Vec<(String, u32)> {
    calculation
        .translatable()
        .iter()
        .map(|((_, prefix), one)| (prefix.to_string(), one.external.by.0))
        .collect()
}

/// RFC 3101 §3.2
#[test]
fn what_is_translated_is_a_route_has_the_p_bit_and_a_forwarding_address() {
    let told = |lsas: &[Lsa]| translatable(&calculate(&at_the_border(), lsas, true));
    let good = type_7(6, DESTINATION, Type2, 5, loopback(6));
    assert_eq!(told(std::slice::from_ref(&good)), [(DESTINATION.to_owned(), 6)]);
    assert_eq!(told(&[type_7_with(0, 6, DESTINATION, (Type2, 5), loopback(6))]), []);
    assert_eq!(told(&[type_7_with(options::NP, 6, DESTINATION, (Type2, 5), NOWHERE)]), []);
    // Not the preferred route.
    assert_eq!(told(&[good.clone(), external(2, net(DESTINATION), Type2, 4)]), []);
    let better = type_7(9, DESTINATION, Type2, 4, loopback(9));
    assert_eq!(told(&[good.clone(), better]), [(DESTINATION.to_owned(), 9)]);
    // No border router.
    assert_eq!(translatable(&calculate(&inside(), &[good], true)), []);
}

/// RFC 3101 §2.6
#[test]
fn a_partial_calculation_ends_where_a_full_one_does() {
    let other = "198.51.100.0/24";
    let before = [
        type_7(6, DESTINATION, Type2, 5, loopback(6)),
        type_7(6, other, Type2, 5, loopback(6)),
        external(2, net(DESTINATION), Type2, 9),
    ];
    let after = [before[1].clone(), before[2].clone()];
    let mut calculation = calculate(&at_the_border(), &before, true);
    assert_eq!(translatable(&calculation).len(), 2);
    let changed = BTreeSet::from([net(DESTINATION).into()]);
    calculation.run_externals(&changed, parsed(&after).into_iter());
    let whole = calculate(&at_the_border(), &after, true);
    assert_eq!(calculation.table(), whole.table());
    assert_eq!(translatable(&calculation), translatable(&whole));
    assert_eq!(translatable(&calculation), [(other.to_owned(), 6)]);
}

/// RFC 3101 §3.1: reached within the NSSA, and elsewhere as an AS boundary router.
#[test]
fn the_other_border_routers_are_those_that_are_reached_on_both_sides() {
    let mut within = nssa();
    within.flags(6, router_flags::B | router_flags::E | router_flags::NT);
    within.flags(9, router_flags::B | router_flags::E);
    let mut outside = backbone();
    outside.link(2, 6, 5);
    outside.flags(6, router_flags::B | router_flags::E);
    let areas = [area(0, &outside, 1, &[]), area(NSSA.0, &within, 1, &[])];
    let calculation = calculate(&areas, &[], true);
    assert_eq!(calculation.nssa_borders(NSSA).collect::<Vec<_>>(), [(RouterId(6), true)]);
}
