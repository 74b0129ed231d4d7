//! What a packet must be like to be heard (RFC 2328 §8.2, §10.5): each reason to drop one, and nothing else changes.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::{AreaId, IfIndex, RouterId};

use super::world::{AREA, ETH0, World, address, config, router_id};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::config::{AuthConfig, Password};
use crate::core::event::{Event, RxDatagram};
use crate::core::output::{ALL_D_ROUTERS, ALL_SPF_ROUTERS};
use crate::packet::{Auth, Body, Hello, Packet, options};

/// What a router says that has just started, and has seen nobody.
pub(super) fn good_hello() -> Hello {
    Hello {
        network_mask: Ipv4Addr::new(255, 255, 255, 0),
        hello_interval: 1,
        options: options::E,
        priority: 1,
        router_dead_interval: 4,
        designated_router: Ipv4Addr::UNSPECIFIED,
        backup_designated_router: Ipv4Addr::UNSPECIFIED,
        neighbors: Vec::new(),
    }
}

/// A datagram that is right in everything, for a test to spoil.
struct Sent {
    if_index: IfIndex,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    router_id: RouterId,
    area_id: AreaId,
    auth: Auth,
    hello: Hello,
}

fn good() -> Sent {
    Sent {
        if_index: ETH0,
        source: address(1),
        destination: ALL_SPF_ROUTERS,
        router_id: router_id(1),
        area_id: AREA,
        auth: Auth::Null,
        hello: good_hello(),
    }
}

/// Gives it to a fresh node; returns whether the neighbour was heard, and the reasons for drops.
fn outcome(network: crate::core::config::NetworkType, sent: &Sent) -> (bool, Vec<&'static str>) {
    let mut world = World::of(network, 1);
    let packet =
        Packet { router_id: sent.router_id, area_id: sent.area_id, body: Body::Hello(sent.hello.clone()) };
    let payload = packet.encode(&sent.auth).unwrap();
    let rx = RxDatagram {
        if_index: sent.if_index,
        source: sent.source,
        destination: sent.destination,
        ttl: 1,
        payload: &payload,
    };
    let now = world.now;
    world.nodes[0].handle_datagram(now, rx);
    world.collect();
    let reasons = world.events[0]
        .iter()
        .filter_map(|event| match event {
            Event::Dropped { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    (!world.nodes[0].neighbors(now).is_empty(), reasons)
}

#[test]
fn a_good_hello_makes_a_neighbour() {
    for network in [PointToPoint, Broadcast] {
        assert_eq!(outcome(network, &good()), (true, vec![]));
    }
}

#[test]
fn each_mismatch_is_dropped_by_its_name() {
    let hello = good_hello;
    let rows = [
        ("unknown-interface", Sent { if_index: IfIndex(77), ..good() }),
        ("wrong-destination", Sent { destination: Ipv4Addr::new(192, 0, 2, 99), ..good() }),
        ("wrong-destination", Sent { destination: ALL_D_ROUTERS, ..good() }),
        ("source-not-on-network", Sent { source: Ipv4Addr::new(198, 51, 100, 1), ..good() }),
        ("area-mismatch", Sent { area_id: AreaId(9), ..good() }),
        ("zero-router-id", Sent { router_id: RouterId(0), ..good() }),
        ("duplicate-router-id", Sent { router_id: router_id(0), ..good() }),
        ("auth-type-mismatch", Sent { auth: Auth::Simple(*b"password"), ..good() }),
        (
            "mask-mismatch",
            Sent { hello: Hello { network_mask: [255, 255, 0, 0].into(), ..hello() }, ..good() },
        ),
        ("hello-interval-mismatch", Sent { hello: Hello { hello_interval: 2, ..hello() }, ..good() }),
        ("dead-interval-mismatch", Sent { hello: Hello { router_dead_interval: 40, ..hello() }, ..good() }),
        ("options-mismatch", Sent { hello: Hello { options: 0, ..hello() }, ..good() }),
        (
            "options-mismatch",
            Sent { hello: Hello { options: options::E | options::NP, ..hello() }, ..good() },
        ),
    ];
    for (reason, sent) in rows {
        assert_eq!(outcome(Broadcast, &sent), (false, vec![reason]));
    }
}

#[test]
fn what_we_sent_ourselves_is_not_taken() {
    let mut world = World::full_pair();
    world.inject_from(0, address(0), 0, Body::Hello(good_hello()));
    assert_eq!(world.counter(0, "drop-own-packet"), 1);
    assert_eq!(world.nodes[0].neighbors(world.now).len(), 1);
}

#[test]
fn mask_and_source_do_not_matter_on_point_to_point_networks() {
    let sent = Sent {
        source: Ipv4Addr::new(198, 51, 100, 1),
        hello: Hello { network_mask: Ipv4Addr::UNSPECIFIED, ..good_hello() },
        ..good()
    };
    assert_eq!(outcome(PointToPoint, &sent), (true, vec![]));
}

#[test]
fn option_bits_other_than_e_and_n_are_not_looked_at() {
    let options = options::E | options::L | options::O | options::DC | options::MC;
    let sent = Sent { hello: Hello { options, ..good_hello() }, ..good() };
    assert_eq!(outcome(Broadcast, &sent), (true, vec![]));
}

#[test]
fn a_third_router_is_kept_off_a_network_of_two() {
    let mut world = World::full_pair();
    world.inject(2, 0, Body::Hello(good_hello()));
    assert_eq!(world.counter(0, "drop-second-neighbor-on-point-to-point"), 1);
    assert!(world.is_full(0, 1));
}

#[test]
fn a_neighbour_that_returns_under_another_router_id_replaces_its_former_self() {
    let mut world = World::full_pair();
    world.inject_from(5, address(1), 0, Body::Hello(good_hello()));
    let neighbors = world.nodes[0].neighbors(world.now);
    assert_eq!(neighbors.len(), 1);
    assert_eq!(neighbors[0].neighbor_router_id, router_id(5));
}

#[test]
fn what_is_no_hello_is_heard_from_neighbours_only() {
    let mut world = World::full_pair();
    world.inject(3, 0, Body::LinkStateAck(Vec::new()));
    assert_eq!(world.counter(0, "drop-unknown-neighbor"), 1);
}

#[test]
fn any_packet_of_a_neighbour_shows_that_it_is_alive() {
    let mut world = World::full_pair();
    world.filter = Box::new(|node, _| node == 0);
    for _ in 0..20 {
        world.inject(1, 0, Body::LinkStateAck(Vec::new()));
        world.run(Duration::from_secs(1));
    }
    assert!(world.is_full(0, 1));
    world.run(Duration::from_secs(5));
    assert!(world.neighbor(0, 1).is_none());
}

#[test]
fn routers_that_share_a_password_become_full_and_others_do_not() {
    for same in [true, false] {
        let mut configs = [config(0, PointToPoint), config(1, PointToPoint)];
        let words = [*b"password", if same { *b"password" } else { *b"passw0rd" }];
        for (config, word) in configs.iter_mut().zip(words) {
            config.interfaces.get_mut("eth0").unwrap().auth = AuthConfig::Simple(Password(word));
        }
        let mut world = World::new(configs.into());
        world.run(Duration::from_secs(5));
        assert_eq!(world.is_full(0, 1), same);
        assert_eq!(world.counter(0, "drop-auth-failed") > 0, !same);
    }
}

#[test]
fn a_crowd_that_starts_together_is_not_answered_hello_by_hello() {
    const CROWD: usize = 40;
    let mut world = World::of(Broadcast, CROWD);
    // One HelloInterval: each router sends its first hello and the next, and few that answer the others.
    world.run(Duration::from_millis(1_100));
    let hellos = world.sent.iter().filter(|(_, _, _, body)| matches!(body, Body::Hello(_))).count();
    assert!(hellos <= 8 * CROWD, "{hellos} hellos of {CROWD} routers");
    let met = (1..CROWD)
        .filter(|&other| world.neighbor(0, other).is_some_and(|neighbor| neighbor.nbr_state == "2-Way"));
    assert_eq!(met.count(), CROWD - 1);
}
