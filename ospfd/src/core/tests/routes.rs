//! From floods to routes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::ids::RouterId;

use super::world::{World, address, config, link, router_id, vip};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::event::Event;
use crate::core::spf::hops::NextHop;
use crate::core::spf::route::RouteChange;
use crate::packet::{
    Body, ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, MAX_AGE, RouterLink, RouterLinkType,
    RouterLsa, router_flags,
};

/// Cost and gateways of a node's route to a prefix.
fn route(world: &World, at: usize, prefix: &str) -> Option<(u32, Vec<IpAddr>)> {
    let route = world.nodes[at].routes().get(prefix.parse().unwrap())?;
    Some((route.cost, route.next_hops.iter().filter_map(|hop: &NextHop| hop.gateway).collect()))
}

fn via(nodes: &[usize]) -> Vec<IpAddr> {
    nodes.iter().map(|node| IpAddr::V4(address(*node))).collect()
}

#[test]
fn a_neighbour_s_vip_is_a_route_until_it_is_withdrawn() {
    let mut world = World::full_pair();
    let advertised = vip(9, 7);
    let prefix = advertised.prefix.to_string();
    let (now, start) = (world.now, world.now);
    world.nodes[1].lease_open(now, "test", Duration::from_secs(60)).unwrap();
    world.nodes[1].lease_set(now, "test", 1, vec![advertised]).unwrap();
    world.until("the route is there", |world| route(world, 0, &prefix).is_some());
    assert_eq!(route(&world, 0, &prefix), Some((17, via(&[1]))));
    assert!(world.now.since(start) < Duration::from_millis(100), "took {:?}", world.now.since(start));
    // The owner routes it nowhere.
    assert_eq!(route(&world, 1, &prefix), Some((7, vec![])));

    let now = world.now;
    world.nodes[1].lease_release(now, "test").unwrap();
    world.until("the route is gone", |world| route(world, 0, &prefix).is_none());
    let told = world.events[0].iter().rev().find_map(|event| match event {
        Event::Routes(changes) => Some(changes.clone()),
        Event::InterfaceState { .. }
        | Event::Groups { .. }
        | Event::NeighborState { .. }
        | Event::Dropped { .. }
        | Event::SendKey { .. }
        | Event::Lease { .. }
        | Event::Translator { .. }
        | Event::Helper { .. }
        | Event::Bfd { .. }
        | Event::ShutdownComplete { .. } => None,
    });
    assert_eq!(told, Some(vec![RouteChange::Unset(prefix.parse().unwrap())]));
}

#[test]
fn two_routers_with_one_vip_are_two_next_hops() {
    let mut configs: Vec<_> = (0..3).map(|node| config(node, Broadcast)).collect();
    for config in &mut configs[1..] {
        config.static_advertisements = vec![vip(9, 5)];
    }
    let mut world = World::new(configs);
    let prefix = vip(9, 5).prefix.to_string();
    world.until("both are next hops", |world| route(world, 0, &prefix) == Some((15, via(&[1, 2]))));
    let views = world.nodes[0].route_views();
    let view = views.iter().find(|view| view.prefix.to_string() == prefix).unwrap();
    assert_eq!((view.route_type.as_str(), view.cost, view.nexthops.len()), ("N", 15, 2));
    assert!(view.nexthops.iter().all(|hop| hop.via == "eth0"));
}

#[test]
fn a_link_that_goes_down_takes_its_routes_along() {
    let mut configs: Vec<_> = (0..2).map(|node| config(node, PointToPoint)).collect();
    configs[1].static_advertisements = vec![vip(9, 5)];
    let mut world = World::new(configs);
    let prefix = vip(9, 5).prefix.to_string();
    world.until("the route is there", |world| route(world, 0, &prefix).is_some());
    world.run(Duration::from_secs(2));
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, false));
    world.until("the route is gone", |world| route(world, 0, &prefix).is_none());
    assert!(world.now.since(now) < Duration::from_millis(10), "took {:?}", world.now.since(now));
}

#[test]
fn a_refresh_calculates_nothing() {
    let mut world = World::full_pair();
    let before = world.counter(0, "spf-full");
    assert!((1..10).contains(&before), "{before}");
    world.run(Duration::from_secs(4000));
    assert_eq!(world.counter(0, "spf-full"), before);
}

fn external(age: u16, sequence: i32) -> Lsa {
    let key = LsaKey {
        ls_type: LsType::AsExternal,
        // A host bit is set, as RFC 2328 appendix E allows.
        link_state_id: Ipv4Addr::new(203, 0, 113, 255).to_bits(),
        advertising_router: router_id(1),
    };
    let body = LsaBody::External(ExternalLsa {
        network_mask: Ipv4Addr::new(255, 255, 255, 0),
        metric_type: ExternalMetric::Type2,
        metric: 20,
        forwarding_address: Ipv4Addr::UNSPECIFIED,
        route_tag: 77,
    });
    Lsa::build(age, 2, key, sequence, body).unwrap()
}

/// The Router-LSA of node 1 with a link to node 0, and the flag of an AS boundary router.
fn boundary_router() -> Lsa {
    let RouterId(id) = router_id(1);
    let key = LsaKey { ls_type: LsType::Router, link_state_id: id, advertising_router: router_id(1) };
    let link = RouterLink {
        link_type: RouterLinkType::PointToPoint,
        link_id: router_id(0).0,
        link_data: address(1).to_bits(),
        metric: 10,
    };
    Lsa::build(1, 2, key, 5, LsaBody::Router(RouterLsa { flags: router_flags::E, links: vec![link] }))
        .unwrap()
}

#[test]
fn an_external_lsa_is_calculated_by_itself() {
    let mut world = World::full_pair();
    // Node 1 must not take part from here on: it would fight back.
    world.filter = Box::new(|_, _| false);
    world.inject(1, 0, Body::LinkStateUpdate(vec![boundary_router()]));
    world.run(Duration::from_millis(500));
    let full = world.counter(0, "spf-full");

    world.inject(1, 0, Body::LinkStateUpdate(vec![external(1, 1)]));
    world.run(Duration::from_millis(1100));
    assert_eq!(route(&world, 0, "203.0.113.0/24"), Some((10, via(&[1]))));
    let views = world.nodes[0].route_views();
    let view = views.iter().find(|view| view.route_type == "N E2").unwrap();
    assert_eq!((view.type2cost, view.tag), (Some(20), Some(77)));

    world.inject(1, 0, Body::LinkStateUpdate(vec![external(MAX_AGE, 2)]));
    world.run(Duration::from_millis(500));
    assert_eq!(route(&world, 0, "203.0.113.0/24"), None);
    assert_eq!(world.counter(0, "spf-full"), full);
    assert_eq!(world.counter(0, "spf-external"), 2);
}
