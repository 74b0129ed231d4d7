//! What leases do to our Router-LSA, and how fast.

use std::time::Duration;

use common::control::RefusalCode;

use super::world::{World, vip};
use crate::core::event::Event;
use crate::packet::{Body, LsaBody};

const TTL: Duration = Duration::from_secs(5);
const LINE: &str = "stub 203.0.113.1/32 metric 20";

fn with_vip() -> World {
    let mut world = World::full_pair();
    world.nodes[0].lease_open(world.now, "director", TTL).unwrap();
    world.nodes[0].lease_set(world.now, "director", 1, vec![vip(1, 20)]).unwrap();
    world.collect();
    world
}

fn keep_alive(world: &mut World, span: Duration) {
    let end = world.now + span;
    while world.now < end {
        world.nodes[0].lease_renew(world.now, "director").unwrap();
        world.run(Duration::from_millis(500));
    }
}

#[test]
fn a_vip_reaches_the_neighbour_in_one_hop_time() {
    let mut world = with_vip();
    assert!(world.nodes[0].advertised(world.now)[0].originated);
    world.run(Duration::from_millis(1));
    assert!(world.has_line(1, 0, LINE));
}

#[test]
fn a_withdrawal_leaves_within_the_same_call() {
    let mut world = with_vip();
    keep_alive(&mut world, Duration::from_secs(2));
    let before = world.sent.len();

    world.nodes[0].lease_set(world.now, "director", 2, vec![]).unwrap();
    world.collect();

    let updates: Vec<_> = world.sent[before..]
        .iter()
        .filter_map(|(_, _, _, body)| match body {
            Body::LinkStateUpdate(lsas) => Some(lsas),
            Body::Hello(_)
            | Body::DatabaseDescription(_)
            | Body::LinkStateRequest(_)
            | Body::LinkStateAck(_) => None,
        })
        .collect();
    let [lsas] = updates[..] else { panic!("one update, not {updates:?}") };
    let LsaBody::Router(router) = &lsas[0].body else { panic!("a Router-LSA, not {lsas:?}") };
    assert_eq!(router.links.len(), 2, "the link and its subnet: {router:?}");
}

#[test]
fn a_second_change_waits_until_the_neighbours_would_take_it() {
    let mut world = with_vip();
    let first = *world.router_lsa_sent(0).last().unwrap();
    world.run(Duration::from_millis(10));

    world.nodes[0].lease_set(world.now, "director", 2, vec![]).unwrap();
    world.run(Duration::from_secs(2));

    let second = *world.router_lsa_sent(0).last().unwrap();
    assert_eq!(second.since(first), Duration::from_millis(1_050));
    assert!(!world.has_line(1, 0, LINE));
    assert_eq!(world.counter(1, "drop-too-soon"), 0);
}

#[test]
fn changes_that_cancel_out_while_they_wait_are_not_sent() {
    let mut world = with_vip();
    world.run(Duration::from_millis(10));
    let before = world.router_lsa_sent(0).len();
    world.nodes[0].lease_set(world.now, "director", 2, vec![]).unwrap();
    world.nodes[0].lease_set(world.now, "director", 3, vec![vip(1, 20)]).unwrap();
    world.run(Duration::from_secs(3));
    assert_eq!(world.router_lsa_sent(0).len(), before);
    assert!(world.has_line(1, 0, LINE));
}

#[test]
fn a_lease_that_nobody_renews_lapses_and_withdraws() {
    let mut world = with_vip();
    world.run(TTL - Duration::from_millis(10));
    assert!(world.has_line(1, 0, LINE));
    world.run(Duration::from_millis(20));
    assert!(!world.has_line(1, 0, LINE));
    let lapsed = Event::Lease { name: "director".to_owned(), what: "lapsed", advertisements: 1 };
    assert!(world.events[0].contains(&lapsed));
}

#[test]
fn a_renewed_lease_holds_and_its_release_withdraws_at_once() {
    let mut world = with_vip();
    keep_alive(&mut world, Duration::from_secs(60));
    assert!(world.has_line(1, 0, LINE));
    world.nodes[0].lease_release(world.now, "director").unwrap();
    world.run(Duration::from_millis(1));
    assert!(!world.has_line(1, 0, LINE));
}

#[test]
fn a_lease_knows_whether_anybody_hears_it() {
    let mut world = World::full_pair();
    let view = world.nodes[0].lease_open(world.now, "director", TTL).unwrap();
    assert_eq!(view.full_neighbors, 1);
}

#[test]
fn a_refused_set_changes_nothing() {
    let mut world = with_vip();
    let sent = world.sent.len();
    let refusal = world.nodes[0].lease_set(world.now, "director", 1, vec![]).unwrap_err();
    world.collect();
    assert_eq!(refusal.code, RefusalCode::StaleGeneration);
    assert_eq!(world.sent.len(), sent);
}

#[test]
fn without_a_neighbour_nothing_is_originated_and_nothing_claimed() {
    let mut world = World::of(crate::core::config::NetworkType::PointToPoint, 1);
    world.nodes[0].lease_open(world.now, "director", TTL).unwrap();
    world.nodes[0].lease_set(world.now, "director", 1, vec![vip(1, 20)]).unwrap();
    world.run(Duration::from_secs(2));
    assert!(!world.nodes[0].advertised(world.now)[0].originated);
    assert!(world.router_lsa(0, 0).is_none());
}
