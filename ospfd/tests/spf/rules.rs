//! The rules of RFC 2328 §16, each by itself.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use common::ids::{AreaId, RouterId};
use ipnetwork::Ipv4Network;
use ospfd::core::spf::calculation::{AreaInput, Calculation};
use ospfd::core::spf::route::{PathType, Route};
use ospfd::core::spf::{Destination, SpfConfig, Summary, build_v2};
use ospfd::packet::ExternalMetric::{Type1, Type2};
use ospfd::packet::{Lsa, LsaKey, MAX_AGE, RouterLink, RouterLinkType, router_flags};

use crate::topology::{Topology, area, asbr_summary, external, external_via, summary};

const BORDER: u8 = router_flags::B;
const BOUNDARY: u8 = router_flags::E;

fn destination() -> Ipv4Network {
    "203.0.113.0/24".parse().unwrap()
}

/// Router 1's route to the destination.
fn route_with(areas: &[AreaInput], externals: &[Lsa], config: SpfConfig) -> Option<Route> {
    let mut calculation = Calculation::new(RouterId(1), config);
    calculation.run(areas, externals.iter().filter_map(build_v2::external));
    calculation.table().get(destination().into()).cloned()
}

fn route(areas: &[AreaInput], externals: &[Lsa]) -> Option<Route> {
    route_with(areas, externals, SpfConfig::default())
}

/// Path type, area, cost and gateways.
fn words(route: Option<Route>) -> Option<(PathType, u32, u32, Vec<u32>)> {
    let route = route?;
    let gateway = |gateway| match gateway {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(_) => 0,
    };
    let gateways = route.next_hops.iter().filter_map(|hop| hop.gateway.map(gateway)).collect();
    Some((route.path_type, route.area.0, route.cost, gateways))
}

/// Router 1 with one link to another.
fn pair(other: u32, cost: u16, flags: u8) -> Topology {
    let mut topology = Topology::default();
    topology.link(1, other, cost);
    topology.flags(other, flags);
    topology
}

/// A backbone that a virtual link holds together, from router 6 to router 4, and the area 1 in between, with router 5 nearer
/// to the destination than router 4 is: figure 17, looked at by a third border router.
fn split_backbone(endpoint_flags: u8, told_by_5: u32) -> [AreaInput; 2] {
    let mut backbone = Topology::default();
    backbone.link(1, 6, 1);
    for (from, to) in [(6, 4), (4, 6)] {
        let link_type = RouterLinkType::Virtual;
        backbone.router(from).links.push(RouterLink { link_type, link_id: to, link_data: from, metric: 2 });
    }
    let on = |last| Ipv4Addr::new(203, 0, 113, last);
    backbone.lan(destination().mask(), &[(4, on(4), 100), (5, on(5), 20)]);
    let mut between = Topology::default();
    for (from, to) in [(6, 2), (1, 2), (1, 3), (2, 4), (3, 5)] {
        between.link(from, to, 1);
    }
    for border in [4, 5, 6] {
        backbone.flags(border, BORDER);
        between.flags(border, BORDER);
    }
    for endpoint in [4, 6] {
        between.flags(endpoint, BORDER | endpoint_flags);
    }
    let told = [summary(4, destination(), 100), summary(5, destination(), told_by_5), asbr_summary(5, 99, 5)];
    [area(0, &backbone, 1, &[asbr_summary(4, 99, 50)]), area(1, &between, 1, &told)]
}

/// RFC 2328 §16.3 (5), with its example.
#[test]
fn through_a_transit_area_the_nearest_border_router_is_taken() {
    let found = |flags, told| words(route(&split_backbone(flags, told), &[]));
    assert_eq!(found(0, 20), Some((PathType::IntraArea, 0, 103, vec![6])), "no virtual link, no transit");
    assert_eq!(found(router_flags::V, 20), Some((PathType::IntraArea, 0, 22, vec![3])));
    // Router 4 tells the area of it, too, and is nearer through it than over the virtual link.
    assert_eq!(found(router_flags::V, 100), Some((PathType::IntraArea, 0, 102, vec![2, 3])));
    assert_eq!(found(router_flags::V, 101), Some((PathType::IntraArea, 0, 102, vec![2])));
}

#[test]
fn a_boundary_router_is_reached_through_a_transit_area_too() {
    let externals = [external(99, destination(), Type1, 1)];
    let found = |flags| words(route(&split_backbone(flags, 200).map(without_prefixes), &externals));
    assert_eq!(found(0), Some((PathType::External1, 0, 54, vec![6])));
    assert_eq!(found(router_flags::V), Some((PathType::External1, 0, 8, vec![3])));
}

fn without_prefixes(mut input: AreaInput) -> AreaInput {
    input.graph.prefixes.clear();
    input.summaries.retain(|summary| !matches!(summary.destination, Destination::Network(_)));
    input
}

/// RFC 2328 §16.3: it never makes reachable what is not.
#[test]
fn a_transit_area_s_summaries_make_nothing_reachable() {
    let inputs = split_backbone(router_flags::V, 20);
    let [mut backbone, between] = inputs;
    backbone.graph.prefixes.clear();
    assert_eq!(words(route(&[backbone, between], &[])), None);
}

#[test]
fn what_we_are_attached_to_ourselves_is_not_sought_through_a_transit_area() {
    let [_, between] = split_backbone(router_flags::V, 1);
    let mut own = Topology::default();
    own.stub(1, destination().network(), destination().mask(), 50);
    let found = words(route(&[area(0, &own, 1, &[]), between], &[]));
    assert_eq!(found, Some((PathType::IntraArea, 0, 50, vec![])));
}

/// RFC 2328 §16.2 (1), §16.4 (1).
#[test]
fn what_is_at_max_age_makes_no_route() {
    let topology = pair(2, 10, BORDER | BOUNDARY);
    let old = |lsa: Lsa| vec![lsa.with_age(MAX_AGE)];
    assert_eq!(route(&[area(0, &topology, 1, &old(summary(2, destination(), 1)))], &[]), None);
    let none = area(0, &topology, 1, &[]);
    assert_eq!(route(&[none], &old(external(2, destination(), Type1, 1))), None);
}

/// RFC 2328 §16.2 (3).
#[test]
fn a_range_of_ours_is_not_learnt_from_others_while_there_is_anything_in_it() {
    let found = |with_member: bool| {
        let backbone = pair(2, 10, BORDER);
        let mut own = pair(3, 1, 0);
        if with_member {
            own.stub(3, Ipv4Addr::new(203, 0, 113, 64), Ipv4Addr::new(255, 255, 255, 192), 1);
        }
        let inputs = [area(0, &backbone, 1, &[summary(2, destination(), 1)]), area(1, &own, 1, &[])];
        let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
        calculation.set_ranges(BTreeSet::from([(AreaId(1), destination().into())]));
        calculation.run(&inputs, std::iter::empty());
        words(calculation.table().get(destination().into()).cloned())
    };
    // Nothing but the end of what is in the range and not reached.
    assert_eq!(found(true), Some((PathType::Discard, 1, 0, vec![])));
    assert_eq!(found(false), Some((PathType::InterArea, 0, 11, vec![2])));
}

/// RFC 2328 §16.4: DefaultDestination.
#[test]
fn a_default_route_may_be_external() {
    let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
    let default = external(2, "0.0.0.0/0".parse().unwrap(), Type2, 1);
    calculation
        .run(&[area(0, &pair(2, 10, BOUNDARY), 1, &[])], [default].iter().filter_map(build_v2::external));
    let route = calculation.table().longest_match(Ipv4Addr::new(198, 51, 100, 1).into());
    assert_eq!(route.map(|route| route.path_type), Some(PathType::External2));
}

/// RFC 2328 §16.4 (3).
#[test]
fn of_equal_ways_to_a_boundary_router_that_of_the_greatest_area_is_taken() {
    let externals = [external(2, destination(), Type1, 1)];
    for rfc1583_compatibility in [false, true] {
        let config = SpfConfig { rfc1583_compatibility, ..SpfConfig::default() };
        let inputs = [5, 7, 6].map(|id| area(id, &pair(2, 10, BOUNDARY), 1, &[]));
        let found = words(route_with(&inputs, &externals, config));
        assert_eq!(found, Some((PathType::External1, 7, 11, vec![2])));
    }
}

/// RFC 2328 §16.4 (3), §16.4.1: a way within an area beside the backbone goes before a shorter one through it.
#[test]
fn of_the_ways_to_a_boundary_router_those_beside_the_backbone_are_pruned_last() {
    let externals = [external(2, destination(), Type1, 1)];
    let inputs = || [area(0, &pair(2, 10, BOUNDARY), 1, &[]), area(7, &pair(2, 30, BOUNDARY), 1, &[])];
    let old = SpfConfig { rfc1583_compatibility: true, ..SpfConfig::default() };
    assert_eq!(words(route(&inputs(), &externals)), Some((PathType::External1, 7, 31, vec![2])));
    assert_eq!(words(route_with(&inputs(), &externals, old)), Some((PathType::External1, 0, 11, vec![2])));
}

/// RFC 2328 §16.4.1: ways within the backbone and ways between areas are alike, and the cost decides.
#[test]
fn a_way_between_areas_is_as_good_as_one_within_the_backbone() {
    let mut backbone = pair(2, 30, BOUNDARY);
    backbone.link(1, 3, 10);
    backbone.flags(3, BORDER);
    let externals = [external(2, destination(), Type2, 5), external(99, destination(), Type2, 5)];
    let found = |metric| words(route(&[area(0, &backbone, 1, &[asbr_summary(3, 99, metric)])], &externals));
    assert_eq!(found(10), Some((PathType::External2, 0, 20, vec![3])));
    assert_eq!(found(20), Some((PathType::External2, 0, 30, vec![2, 3])));
    assert_eq!(found(21), Some((PathType::External2, 0, 30, vec![2])));
}

/// RFC 2328 §16.4 (6)(b), (c): the metric of type 2 first, then the way.
#[test]
fn the_type_2_metric_goes_before_the_preference_of_ways() {
    let inputs = || [area(0, &pair(2, 10, BOUNDARY), 1, &[]), area(7, &pair(6, 30, BOUNDARY), 1, &[])];
    let externals =
        |metric| [external(2, destination(), Type2, metric), external(6, destination(), Type2, 5)];
    assert_eq!(words(route(&inputs(), &externals(5))), Some((PathType::External2, 7, 30, vec![6])));
    assert_eq!(words(route(&inputs(), &externals(4))), Some((PathType::External2, 0, 10, vec![2])));
}

/// RFC 2328 §16.4 (3): a forwarding address may lie in another area, but not outside the AS.
#[test]
fn a_forwarding_address_is_reached_within_the_as() {
    let mut topology = pair(2, 10, BORDER | BOUNDARY);
    topology.link(1, 3, 10);
    topology.flags(3, BORDER | BOUNDARY);
    let elsewhere: Ipv4Network = "198.51.100.0/24".parse().unwrap();
    let via = Ipv4Addr::new(198, 51, 100, 9);
    let externals = [external_via(2, destination(), Type1, 5, via), external(3, elsewhere, Type2, 1)];
    let told = |more: &[Lsa]| words(route(&[area(0, &topology, 1, more)], &externals));
    assert_eq!(told(&[summary(3, elsewhere, 1)]), Some((PathType::External1, 0, 16, vec![3])));
    assert_eq!(told(&[]), None, "by another external route: no");
}

#[test]
fn a_forwarding_address_of_our_own_leads_nowhere() {
    let on = |last| Ipv4Addr::new(10, 9, 9, last);
    let mut topology = pair(2, 10, BOUNDARY);
    topology.lan(Ipv4Addr::new(255, 255, 255, 0), &[(2, on(2), 1), (1, on(1), 1)]);
    let found = |address| {
        let externals = [external_via(2, destination(), Type2, 5, address)];
        let mut calculation = Calculation::new(RouterId(1), SpfConfig::default());
        calculation.set_addresses(BTreeSet::from([on(1).into()]));
        calculation.run(&[area(0, &topology, 1, &[])], externals.iter().filter_map(build_v2::external));
        words(calculation.table().get(destination().into()).cloned())
    };
    assert_eq!(found(on(77)), Some((PathType::External2, 0, 1, vec![on(77).to_bits()])));
    assert_eq!(found(on(1)), None);
}

/// While Designated Routers change, two Network-LSAs may speak of one network (RFC 2328 §16.1 (4)).
#[test]
fn of_two_lsas_of_one_network_the_nearer_counts_and_of_equal_ones_both() {
    let on = |last| Ipv4Addr::new(203, 0, 113, last);
    let found = |cost| {
        let mut topology = pair(2, 10, 0);
        topology.link(1, 3, cost);
        topology.lan(destination().mask(), &[(2, on(2), 1), (4, on(4), 1)]);
        topology.lan(destination().mask(), &[(3, on(3), 1), (5, on(5), 1)]);
        words(route(&[area(0, &topology, 1, &[])], &[]))
    };
    assert_eq!(found(9), Some((PathType::IntraArea, 0, 10, vec![3])));
    assert_eq!(found(11), Some((PathType::IntraArea, 0, 11, vec![2])));
    assert_eq!(found(10), Some((PathType::IntraArea, 0, 11, vec![2, 3])));
}

/// RFC 2328 §12.1.4, appendix E.
#[test]
fn host_bits_of_a_link_state_id_do_not_matter() {
    let topology = pair(2, 10, BORDER | BOUNDARY);
    let with_host_bits = |told: Lsa| {
        let key = LsaKey { link_state_id: told.header.key.link_state_id | 0xff, ..told.header.key };
        Lsa::build(1, 2, key, 1, told.body).unwrap()
    };
    let summaries = [with_host_bits(summary(2, destination(), 5))];
    assert_eq!(
        words(route(&[area(0, &topology, 1, &summaries)], &[])),
        Some((PathType::InterArea, 0, 15, vec![2]))
    );
    let externals = [with_host_bits(external(2, destination(), Type1, 5))];
    assert_eq!(
        words(route(&[area(0, &topology, 1, &[])], &externals)),
        Some((PathType::External1, 0, 15, vec![2]))
    );
}

/// RFC 2328 §16.3, (2).
#[test]
fn who_is_no_border_router_looks_at_no_transit_area() {
    let [_, between] = split_backbone(router_flags::V, 20);
    // In area 1 alone its summaries count as such.
    assert_eq!(words(route(&[between], &[])), Some((PathType::InterArea, 1, 22, vec![3])));
    // And a border router does not hear itself.
    let [backbone, mut between] = split_backbone(router_flags::V, 200);
    let own = Summary { by: RouterId(1), destination: Destination::Network(destination().into()), metric: 0 };
    between.summaries = vec![own];
    assert_eq!(words(route(&[backbone, between], &[])), Some((PathType::IntraArea, 0, 103, vec![6])));
}
