//! Point-to-point links without a subnet of their own (RFC 2328 §9.5, §12.4.1.1).

use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::IfIndex;

use super::world::{ETH0, World, address, config, router_id, vip};
use crate::core::config::NetworkType::PointToPoint;
use crate::core::event::{LinkEvent, LinkState};
use crate::packet::Body;

const LO: IfIndex = IfIndex(1);

fn eth0(address: Option<Ipv4Addr>) -> LinkEvent {
    let address = address.map(Into::into);
    LinkEvent::State(LinkState { if_index: ETH0, name: "eth0".to_owned(), up: true, address, mtu: 1500 })
}

fn lo(address: Option<Ipv4Addr>) -> LinkEvent {
    let address = address.map(Into::into);
    LinkEvent::State(LinkState { if_index: LO, name: "lo".to_owned(), up: true, address, mtu: 65_535 })
}

/// Node 0 borrows the address of its `lo`; node 1 has one of 32 bits.
fn pair() -> World {
    let mut configs: Vec<_> = (0..2).map(|node| config(node, PointToPoint)).collect();
    configs[0].interfaces.get_mut("eth0").unwrap().unnumbered = Some("lo".to_owned());
    configs[1].static_advertisements = vec![vip(9, 7)];
    let mut world = World::new(configs);
    let now = world.now;
    world.nodes[0].handle_link(now, eth0(None));
    world.nodes[1].handle_link(now, eth0(Some(address(1))));
    world.collect();
    world
}

fn are_full(world: &World) -> bool {
    world.is_full(0, 1) && world.is_full(1, 0)
}

#[test]
fn an_interface_waits_for_the_address_that_it_borrows_and_loses_it_with_its_owner() {
    let mut world = pair();
    assert_eq!(world.state(0), "Down");
    let now = world.now;
    world.nodes[0].handle_link(now, lo(Some(address(0))));
    world.until("both are Full", are_full);
    let now = world.now;
    world.nodes[0].handle_link(now, LinkEvent::Gone(LO));
    world.collect();
    assert_eq!(world.state(0), "Down");
    assert!(world.neighbor(0, 1).is_none());
}

#[test]
fn the_links_are_told_by_their_index_and_routes_lead_over_them() {
    let mut world = pair();
    let now = world.now;
    world.nodes[0].handle_link(now, lo(Some(address(0))));
    world.until("both are Full", are_full);
    world.run(Duration::from_secs(5));
    let index = Ipv4Addr::from_bits(ETH0.0);
    for (node, other) in [(0, 1), (1, 0)] {
        let line = format!("point-to-point to {} from {index} metric 10", router_id(other));
        assert!(world.has_line(other, node, &line), "{:?}", world.router_lsa(other, node));
    }
    // Its own address of 32 bits is told, a borrowed one is not.
    assert!(world.has_line(0, 1, "stub 192.0.2.2/32 metric 10"));
    assert!(!world.has_line(1, 0, "stub 192.0.2.1/32 metric 10"));
    let route = world.nodes[0].routes().get("203.0.113.9/32".parse().unwrap()).expect("a route").clone();
    let hops: Vec<_> = route.next_hops.iter().map(|hop| (hop.if_index, hop.gateway)).collect();
    assert_eq!((route.cost, hops), (17, vec![(ETH0, Some(address(1).into()))]));
    // §9.5: no mask in the hellos of either.
    let masks = world.sent.iter().filter_map(|(.., body)| match body {
        Body::Hello(hello) => Some(hello.network_mask),
        Body::DatabaseDescription(_)
        | Body::LinkStateRequest(_)
        | Body::LinkStateUpdate(_)
        | Body::LinkStateAck(_) => None,
    });
    assert!(masks.skip(2).all(|mask| mask.is_unspecified()));
}
