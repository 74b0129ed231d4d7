//! VIPs as AS-external-LSAs: at once, each by itself, and for ever.

use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding, LsaView};

use super::world::{World, config, router_id, vip};
use crate::core::config::Config;
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::packet::{
    Body, ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, MAX_AGE, RouterLsa, router_flags,
};

const TTL: Duration = Duration::from_secs(3600);

fn external(last: u8, metric: u16) -> Advertisement {
    Advertisement { encoding: Encoding::External2, tag: 7, ..vip(last, metric) }
}

fn set(world: &mut World, generation: u64, advertisements: Vec<Advertisement>) {
    let now = world.now;
    if generation == 1 {
        world.nodes[0].lease_open(now, "director", TTL).unwrap();
    }
    world.nodes[0].lease_set(now, "director", generation, advertisements).unwrap();
    world.collect();
}

/// Node 0's type 5 LSA for a VIP in the database of node `at`.
fn lsa(world: &World, at: usize, last: u8) -> Option<LsaView> {
    let id = format!("203.0.113.{last}");
    world.nodes[at].database(world.now).into_iter().find(|lsa| {
        lsa.lsa_type == "as-external"
            && lsa.link_state_id == id
            && lsa.advertised_router == router_id(0)
            && lsa.lsa_age < MAX_AGE
    })
}

/// What node 0 has flooded since `mark`.
fn flooded(world: &World, mark: usize) -> Vec<Lsa> {
    let updates = world.sent_since(mark, 0).into_iter().filter_map(|body| match body {
        Body::LinkStateUpdate(lsas) => Some(lsas.clone()),
        Body::Hello(_) | Body::DatabaseDescription(_) | Body::LinkStateRequest(_) | Body::LinkStateAck(_) => {
            None
        }
    });
    updates.flatten().collect()
}

fn with_vips(lasts: &[u8]) -> World {
    let mut world = World::full_pair();
    set(&mut world, 1, lasts.iter().map(|last| external(*last, 20)).collect());
    world
}

#[test]
fn an_external_vip_is_a_route_with_metric_and_tag_in_one_hop_time() {
    let mut world = with_vips(&[1]);
    assert!(world.nodes[0].advertised(world.now)[0].originated);
    world.run(Duration::from_millis(100));
    let views = world.nodes[1].route_views();
    let route = views.iter().find(|route| route.prefix == vip(1, 0).prefix).expect("a route");
    assert_eq!(route.route_type, "N E2");
    assert_eq!((route.type2cost, route.tag, route.cost), (Some(20), Some(7), 10));
}

#[test]
fn the_router_lsa_says_that_we_are_an_as_boundary_router() {
    let world = with_vips(&[1]);
    let said = flooded(&world, 0);
    let router = said.iter().rev().find_map(|lsa| match &lsa.body {
        LsaBody::Router(RouterLsa { flags, .. }) => Some(*flags),
        LsaBody::Network(_) | LsaBody::Summary(_) | LsaBody::External(_) | LsaBody::Opaque => None,
    });
    assert_eq!(router, Some(router_flags::E));
}

#[test]
fn a_withdrawal_is_a_matter_of_one_lsa() {
    let mut world = with_vips(&[1, 2]);
    world.run(Duration::from_secs(5));
    let mark = world.sent.len();
    set(&mut world, 2, vec![external(2, 20)]);
    let said = flooded(&world, mark);
    let [only] = &said[..] else { panic!("one LSA, not {said:?}") };
    assert_eq!((only.header.key.ls_type, only.header.age), (LsType::AsExternal, MAX_AGE));
    world.run(Duration::from_millis(100));
    assert!(lsa(&world, 1, 1).is_none() && lsa(&world, 1, 2).is_some());

    // The last one, too.
    world.run(Duration::from_secs(5));
    let mark = world.sent.len();
    set(&mut world, 3, vec![]);
    assert_eq!(flooded(&world, mark).len(), 1);
    // Nothing is left but in the memory of sequence numbers.
    world.run(Duration::from_secs(5));
    assert!(!world.nodes[0].database(world.now).iter().any(|lsa| lsa.lsa_type == "as-external"));
}

#[test]
fn a_change_is_not_held_back_by_that_of_another_vip() {
    let mut world = with_vips(&[1, 2]);
    world.run(Duration::from_secs(5));
    set(&mut world, 2, vec![external(1, 30), external(2, 20)]);
    world.run(Duration::from_millis(100));
    let mark = world.sent.len();
    // The second VIP changes for the first time, the first one for the second.
    set(&mut world, 3, vec![external(1, 40), external(2, 40)]);
    let said = flooded(&world, mark);
    let ids: Vec<_> = said.iter().map(|lsa| lsa.header.key.link_state_id & 0xff).collect();
    assert_eq!(ids, [2]);
    world.run(Duration::from_millis(1_000));
    assert!(lsa(&world, 1, 1).unwrap().detail[0].contains("metric: 40"));
    assert_eq!(world.counter(1, "drop-too-soon"), 0);
}

#[test]
fn a_refresh_keeps_an_external_vip_for_hours() {
    let mut world = with_vips(&[1, 2]);
    for _ in 0..16 {
        world.run(Duration::from_secs(900));
        world.nodes[0].lease_renew(world.now, "director").unwrap();
        assert!(lsa(&world, 1, 1).is_some_and(|lsa| lsa.lsa_age <= 1_900) && lsa(&world, 1, 2).is_some());
    }
}

fn forged(last: u8, sequence: i32) -> Lsa {
    let key = LsaKey {
        ls_type: LsType::AsExternal,
        link_state_id: 0xcb00_7100 + u32::from(last),
        advertising_router: router_id(0),
    };
    let body = LsaBody::External(ExternalLsa {
        network_mask: std::net::Ipv4Addr::BROADCAST,
        metric_type: ExternalMetric::Type2,
        metric: 1,
        forwarding_address: std::net::Ipv4Addr::UNSPECIFIED,
        route_tag: 0,
    });
    Lsa::build(1, 2, key, sequence, body).unwrap()
}

/// RFC 2328 §13.4.
#[test]
fn what_a_former_life_said_is_outdone_or_flushed() {
    let mut world = with_vips(&[1]);
    world.run(Duration::from_secs(5));
    world.inject(1, 0, Body::LinkStateUpdate(vec![forged(1, 500), forged(9, 500)]));
    world.run(Duration::from_secs(2));
    assert_eq!(lsa(&world, 1, 1).unwrap().sequence_number, format!("{:08x}", 501));
    assert!(lsa(&world, 1, 9).is_none());
    let flushed = flooded(&world, 0)
        .into_iter()
        .any(|lsa| lsa.header.key.link_state_id & 0xff == 9 && lsa.header.age == MAX_AGE);
    assert!(flushed);
}

fn with_static(node: usize) -> Config {
    let advertisement = Advertisement { encoding: Encoding::External1, ..vip(1, 20) };
    Config { static_advertisements: vec![advertisement], ..config(node, PointToPoint) }
}

#[test]
fn a_restart_never_flushes_a_vip_that_is_still_wanted() {
    let mut world = World::new(vec![with_static(0), config(1, PointToPoint)]);
    world.until("the VIP is known", |world| lsa(world, 1, 1).is_some());
    // The process dies and comes back: the neighbour still has what it said.
    world.nodes[0] = crate::core::Instance::new(with_static(0), 99, world.now);
    world.nodes[0].handle_link(world.now, super::world::link(0, true));
    let mark = world.sent.len();
    world.until("Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    assert!(lsa(&world, 1, 1).is_some());
    assert!(flooded(&world, mark).iter().all(|lsa| lsa.header.age < MAX_AGE));
}

#[test]
fn two_announcers_are_two_next_hops() {
    for encoding in [Encoding::External1, Encoding::External2] {
        let mut configs: Vec<_> = (0..3).map(|node| config(node, Broadcast)).collect();
        for config in &mut configs[1..] {
            config.static_advertisements = vec![Advertisement { encoding, ..vip(9, 5) }];
        }
        let mut world = World::new(configs);
        world.until("both are next hops", |world| {
            let route = world.nodes[0].routes().get(vip(9, 5).prefix).cloned();
            route.is_some_and(|route| route.next_hops.len() == 2)
        });
    }
}

#[test]
fn another_encoding_takes_the_place_of_the_first() {
    let mut world = with_vips(&[1]);
    world.run(Duration::from_secs(5));
    set(&mut world, 2, vec![vip(1, 20)]);
    world.run(Duration::from_millis(100));
    assert!(lsa(&world, 1, 1).is_none());
    assert!(world.has_line(1, 0, "stub 203.0.113.1/32 metric 20"));
}
