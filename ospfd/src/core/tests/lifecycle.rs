//! Refresh, restart, reconfiguration, shutdown.

use std::time::Duration;

use super::world::{AREA, World, address, config, link, router_id, vip};
use crate::core::Instance;
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::constants::LAST_SEQUENCE;
use crate::core::event::{Event, LinkEvent};
use crate::core::lsdb::Scope;
use crate::packet::{Body, LsType, Lsa, LsaBody, LsaKey, NetworkLsa, RouterLsa};

const HOUR: Duration = Duration::from_secs(3600);

fn sequence(world: &World, at: usize, of: usize) -> i32 {
    let lsa = world.router_lsa(at, of).expect("the Router-LSA is there");
    u32::from_str_radix(&lsa.sequence_number, 16).expect("hex").cast_signed()
}

fn completed(world: &World, node: usize) -> Option<bool> {
    world.events[node].iter().find_map(|event| match event {
        Event::ShutdownComplete { acknowledged } => Some(*acknowledged),
        _ => None,
    })
}

fn down_events(world: &World, node: usize) -> usize {
    world.events[node]
        .iter()
        .filter(|event| matches!(event, Event::NeighborState { from: "Full", .. }))
        .count()
}

#[test]
fn over_three_hours_lsas_are_refreshed_and_the_adjacency_stays() {
    let mut world = World::full_pair();
    let first = sequence(&world, 1, 0);
    for _ in 0..18 {
        world.run(HOUR / 6);
        assert!(
            world.nodes.iter().all(|node| node.database(world.now).iter().all(|lsa| lsa.lsa_age <= 1_802))
        );
        assert!(world.agrees());
    }
    assert!((6..=7).contains(&(sequence(&world, 1, 0) - first)));
    assert_eq!((down_events(&world, 0), down_events(&world, 1)), (0, 0));
}

#[test]
fn a_restarted_router_outdoes_what_its_former_life_left_behind() {
    let mut world = World::full_pair();
    world.run(3 * HOUR);
    let before = sequence(&world, 1, 0);

    world.nodes[0] = Instance::new(config(0, PointToPoint), 99, world.now);
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, true));
    world.run(Duration::from_secs(10));

    assert!(world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    // One without links as soon as the old one was listed, one with the link when Full.
    assert!((before + 1..=before + 2).contains(&sequence(&world, 1, 0)));
    assert!(world.has_line(1, 0, "point-to-point to 10.0.0.2 from 192.0.2.1 metric 10"));
}

#[test]
fn a_vip_of_a_former_life_is_gone_before_the_neighbour_is_full_again() {
    const LINE: &str = "stub 203.0.113.1/32 metric 20";
    // Once as slave of the exchange, once as master.
    for (returning, other) in [(0, 1), (1, 0)] {
        let mut world = World::full_pair();
        world.nodes[returning].lease_open(world.now, "director", Duration::from_secs(60)).unwrap();
        world.nodes[returning].lease_set(world.now, "director", 1, vec![vip(1, 20)]).unwrap();
        world.run(Duration::from_secs(3));
        assert!(world.has_line(other, returning, LINE));

        world.nodes[returning] = Instance::new(config(returning, PointToPoint), 99, world.now);
        let now = world.now;
        world.nodes[returning].handle_link(now, link(returning, true));
        world.until("the neighbour has noticed", |world| !world.is_full(other, returning));
        world.until("it is Full anew", |world| world.is_full(other, returning));

        assert!(!world.has_line(other, returning, LINE), "{}", world.describe());
    }
}

#[test]
fn a_restart_is_told_to_the_neighbour_without_waiting_for_a_timer() {
    let mut world = World::full_pair();
    world.run(Duration::from_secs(60));
    world.nodes[0] = Instance::new(config(0, PointToPoint), 99, world.now);
    let start = world.now;
    world.nodes[0].handle_link(start, link(0, true));
    world.until("both are Full anew", |world| world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    assert!(world.now.since(start) < Duration::from_secs(1), "took {:?}", world.now.since(start));
}

/// RFC 2328 §13.4: by our Router ID, or, in a Network-LSA, by our address under another one that we may have had.
#[test]
fn an_lsa_in_our_name_that_we_do_not_want_is_flushed() {
    for by in [0, 98] {
        let mut world = World::full_pair();
        let key = LsaKey {
            ls_type: LsType::Network,
            link_state_id: address(0).to_bits(),
            advertising_router: router_id(by),
        };
        let body =
            NetworkLsa { network_mask: [255, 255, 255, 0].into(), attached_routers: vec![router_id(by)] };
        let stale = Lsa::build(5, 2, key, 9, LsaBody::Network(body)).unwrap();
        let mark = world.sent.len();
        world.inject(1, 0, Body::LinkStateUpdate(vec![stale]));
        let is_flush = |lsa: &Lsa| (lsa.header.key, lsa.header.age, lsa.header.sequence) == (key, 3_600, 9);
        let flushed = world
            .sent_since(mark, 0)
            .into_iter()
            .any(|body| matches!(body, Body::LinkStateUpdate(lsas) if is_flush(&lsas[0])));
        assert!(flushed, "{:?}", world.sent_since(mark, 0));
        world.run(Duration::from_secs(10));
        assert!(world.nodes[0].lsdb.get(Scope::Area(AREA), key).is_none());
    }
}

#[test]
fn a_forged_router_lsa_of_ours_is_outdone() {
    let mut world = World::full_pair();
    let key =
        LsaKey { ls_type: LsType::Router, link_state_id: router_id(0).0, advertising_router: router_id(0) };
    let before = sequence(&world, 0, 0);
    let forged = LsaBody::Router(RouterLsa { flags: 0, links: Vec::new() });
    let forged = Lsa::build(1, 2, key, before + 5, forged).unwrap();
    world.inject(1, 0, Body::LinkStateUpdate(vec![forged.clone()]));
    world.inject(0, 1, Body::LinkStateUpdate(vec![forged]));
    world.run(Duration::from_secs(10));
    assert_eq!(world.counter(0, "drop-own-lsa-outdone"), 1);
    assert_eq!(sequence(&world, 1, 0), before + 6);
    assert!(world.has_line(1, 0, "point-to-point to 10.0.0.2 from 192.0.2.1 metric 10"));
}

#[test]
fn sequence_numbers_start_over_after_the_last_one() {
    let mut world = World::full_pair();
    let key =
        LsaKey { ls_type: LsType::Router, link_state_id: router_id(0).0, advertising_router: router_id(0) };
    let forged = LsaBody::Router(RouterLsa { flags: 0, links: Vec::new() });
    let forged = Lsa::build(1, 2, key, LAST_SEQUENCE, forged).unwrap();
    world.inject(1, 0, Body::LinkStateUpdate(vec![forged.clone()]));
    world.inject(0, 1, Body::LinkStateUpdate(vec![forged]));
    assert_eq!(sequence(&world, 1, 0), LAST_SEQUENCE);
    // The flush comes too soon after the forgery, and is repeated.
    world.run(Duration::from_secs(6));
    let flushed = world.router_lsa(1, 0).map(|lsa| (lsa.sequence_number, lsa.lsa_age));
    assert!(
        flushed.is_none_or(|flushed| flushed == ("7fffffff".to_owned(), 3_600)),
        "it goes as the last number"
    );
    world.run(Duration::from_secs(20));
    assert_eq!(world.router_lsa(1, 0).unwrap().sequence_number, "80000001");
    assert!(world.agrees());
}

#[test]
fn shutdown_flushes_and_waits_for_the_acknowledgement() {
    let mut world = World::full_pair();
    let now = world.now;
    world.nodes[0].shutdown(now, now + Duration::from_secs(5));
    world.collect();
    assert_eq!(completed(&world, 0), None);
    world.until("the end", |world| completed(world, 0).is_some());
    assert_eq!(completed(&world, 0), Some(true));
    assert!(world.now.since(now) < Duration::from_secs(1));
    world.run(Duration::from_millis(1));
    assert!(world.router_lsa(1, 0).is_none_or(|lsa| lsa.lsa_age == 3_600));
    assert_eq!(world.neighbor(1, 0).unwrap().nbr_state, "Init", "the last hello lists nobody");
    assert_eq!(world.nodes[0].poll_timeout(), None);
}

#[test]
fn shutdown_ends_at_the_deadline_when_nobody_acknowledges() {
    let mut world = World::full_pair();
    world.filter = Box::new(|_, body| !matches!(body, Body::LinkStateAck(_)));
    let now = world.now;
    world.nodes[0].shutdown(now, now + Duration::from_secs(3));
    world.run(Duration::from_secs(4));
    assert_eq!(completed(&world, 0), Some(false));
}

#[test]
fn a_flush_that_was_held_back_goes_out_at_the_deadline() {
    let mut world = World::full_pair();
    let now = world.now;
    world.nodes[0].lease_open(now, "director", Duration::from_secs(5)).unwrap();
    world.nodes[0].lease_set(now, "director", 1, vec![vip(1, 1)]).unwrap();
    world.nodes[0].shutdown(now, now + Duration::from_millis(100));
    world.run(Duration::from_millis(99));
    let mark = world.sent.len();
    world.run(Duration::from_millis(2));
    let sent = world.sent_since(mark, 0);
    assert!(matches!(&sent[0], Body::LinkStateUpdate(lsas) if lsas[0].header.age == 3_600), "{sent:?}");
    assert_eq!(completed(&world, 0), Some(false));
}

#[test]
fn shutdown_without_neighbours_ends_at_once() {
    let mut world = World::of(PointToPoint, 1);
    world.run(Duration::from_secs(2));
    let now = world.now;
    world.nodes[0].shutdown(now, now + Duration::from_secs(3));
    world.collect();
    assert_eq!(completed(&world, 0), Some(true));
}

#[test]
fn a_silent_neighbour_is_dead_after_the_dead_interval() {
    let mut world = World::full_pair();
    world.filter = Box::new(|node, _| node == 0);
    world.run(Duration::from_millis(2_900));
    assert!(world.is_full(0, 1));
    world.run(Duration::from_millis(1_200));
    assert!(world.neighbor(0, 1).is_none());
}

#[test]
fn a_link_that_goes_down_takes_the_neighbour_and_our_claim_with_it() {
    let mut world = World::full_pair();
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, false));
    world.collect();
    assert_eq!(world.state(0), "Down");
    assert!(world.neighbor(0, 1).is_none());
    assert!(world.router_lsa(0, 0).is_none());
    world.run(Duration::from_secs(5));
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, true));
    world.until("both are Full again", |world| world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
}

#[test]
fn the_same_report_of_a_link_disturbs_nothing() {
    let mut world = World::full_pair();
    let (now, mark) = (world.now, world.sent.len());
    world.nodes[0].handle_link(now, link(0, true));
    world.collect();
    assert!(world.is_full(0, 1));
    assert_eq!(world.sent.len(), mark);
}

#[test]
fn an_interface_that_is_gone_is_forgotten() {
    let mut world = World::full_pair();
    let now = world.now;
    world.nodes[0].handle_link(now, LinkEvent::Gone(super::world::ETH0));
    assert!(world.nodes[0].interfaces(now).is_empty());
    assert!(world.nodes[0].neighbors(now).is_empty());
}

#[test]
fn a_new_cost_is_told_without_disturbing_the_adjacency() {
    let mut world = World::full_pair();
    let mut changed = config(0, PointToPoint);
    changed.interfaces.get_mut("eth0").unwrap().cost = 77;
    let now = world.now;
    world.nodes[0].reconfigure(now, changed);
    world.run(Duration::from_millis(1));
    assert!(world.has_line(1, 0, "point-to-point to 10.0.0.2 from 192.0.2.1 metric 77"));
    assert_eq!(down_events(&world, 0), 0);
}

#[test]
fn the_same_configuration_disturbs_nothing() {
    let mut world = World::full_pair();
    let (now, mark) = (world.now, world.sent.len());
    world.nodes[0].reconfigure(now, config(0, PointToPoint));
    world.collect();
    assert_eq!(world.sent.len(), mark);
}

#[test]
fn another_network_type_restarts_the_interface() {
    let mut world = World::full_pair();
    let now = world.now;
    world.nodes[0].reconfigure(now, config(0, Broadcast));
    assert_eq!(world.state(0), "Waiting");
    world.nodes[0].reconfigure(now, config(0, PointToPoint));
    world.until("both are Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn an_interface_that_is_configured_no_more_goes() {
    let mut world = World::full_pair();
    let now = world.now;
    let mut without = config(0, PointToPoint);
    without.interfaces.clear();
    world.nodes[0].reconfigure(now, without);
    assert!(world.nodes[0].interfaces(now).is_empty());
    assert!(world.nodes[0].database(now).is_empty());
}

#[test]
fn a_new_router_id_starts_a_new_life() {
    let mut world = World::full_pair();
    let now = world.now;
    let renamed = crate::core::config::Config { router_id: router_id(50), ..config(0, PointToPoint) };
    world.nodes[0].reconfigure(now, renamed);
    world.run(Duration::from_millis(10));
    assert!(world.router_lsa(1, 0).is_none(), "flushed");
    world
        .until("heard under the new name", |world| world.is_full(1, 50) && world.router_lsa(1, 50).is_some());
}

#[test]
fn who_is_no_transit_has_links_at_the_maximum_and_vips_at_their_own_metric() {
    let mut configs = [config(0, PointToPoint), config(1, PointToPoint)];
    configs[0].transit = false;
    configs[0].static_advertisements = vec![vip(9, 5)];
    let mut world = World::new(configs.into());
    world.until("the databases agree", |world| world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    assert_eq!(
        world.router_lsa(1, 0).unwrap().detail,
        [
            "point-to-point to 10.0.0.2 from 192.0.2.1 metric 65535",
            "stub 192.0.2.0/24 metric 10",
            "stub 203.0.113.9/32 metric 5",
        ]
    );
}

#[test]
fn a_passive_interface_is_advertised_and_silent() {
    let mut configs = [config(0, PointToPoint), config(1, PointToPoint)];
    configs[0].interfaces.get_mut("eth0").unwrap().passive = true;
    let mut world = World::new(configs.into());
    world.run(Duration::from_secs(10));
    assert_eq!(world.sent_since(0, 0), Vec::<&Body>::new());
    assert!(world.counter(0, "drop-interface-not-operational") > 0);
}
