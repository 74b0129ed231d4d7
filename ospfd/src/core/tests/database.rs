//! Exchange, loading, flooding, acknowledgements: with losses, duplicates and things that nobody should send.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::time::Instant;

use super::auth::longest_digest;
use super::world::{World, config, router_id};
use crate::core::config::AuthConfig;
use crate::core::config::NetworkType::PointToPoint;
use crate::core::constants::MAX_SEQUENCE;
use crate::core::event::Event;
use crate::core::lsdb::{Origin, Scope};
use crate::packet::{Body, ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, MAX_AGE};

/// An external of a router that is not here.
pub(super) fn external(link_state_id: u32, sequence: i32, age: u16) -> Lsa {
    let key = LsaKey { ls_type: LsType::AsExternal, link_state_id, advertising_router: router_id(77) };
    let body = ExternalLsa {
        network_mask: Ipv4Addr::new(255, 255, 255, 0),
        metric_type: ExternalMetric::Type2,
        metric: 20,
        forwarding_address: Ipv4Addr::UNSPECIFIED,
        route_tag: 0,
    };
    Lsa::build(age, 2, key, sequence, LsaBody::External(body)).unwrap()
}

fn install(world: &mut World, node: usize, scope: Scope, lsa: Lsa) {
    world.nodes[node].lsdb.install(scope, lsa, Origin::Requested, world.now).unwrap();
}

fn copy(world: &World, node: usize, id: u32) -> Option<i32> {
    let key = LsaKey { ls_type: LsType::AsExternal, link_state_id: id, advertising_router: router_id(77) };
    world.nodes[node].lsdb.get(Scope::As, key).map(|entry| entry.lsa().header.sequence)
}

fn update(world: &mut World, lsa: Lsa) {
    world.inject(1, 0, Body::LinkStateUpdate(vec![lsa]));
}

fn mismatches(world: &World, node: usize) -> usize {
    world.events[node]
        .iter()
        .filter(|event| matches!(event, Event::NeighborState { cause: "SeqNumberMismatch" | "BadLSReq", .. }))
        .count()
}

#[test]
fn a_large_database_is_loaded_without_waiting_for_any_timer() {
    let mut world = World::of(PointToPoint, 2);
    for id in 0..2_000 {
        install(&mut world, 1, Scope::As, external(id, 1, 5));
    }
    let start = world.now;
    world.until("the databases agree", |world| world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    assert_eq!(world.nodes[0].lsdb.len(), 2_002);
    assert!(world.now.since(start) < Duration::from_secs(1), "took {:?}", world.now.since(start));
}

#[test]
fn no_packet_is_larger_than_the_mtu() {
    for auth in [AuthConfig::Null, longest_digest()] {
        let mut configs = vec![config(0, PointToPoint), config(1, PointToPoint)];
        for config in &mut configs {
            config.interfaces.get_mut("eth0").unwrap().auth = auth.clone();
        }
        let mut world = World::new(configs);
        for id in 0..500 {
            install(&mut world, 1, Scope::As, external(id, 1, 5));
        }
        world.until("the databases agree", |world| world.is_full(0, 1) && world.agrees());
        let largest = world.payloads.iter().map(|payload| payload.len() + 20).max().unwrap();
        assert!((1_400..=1_500).contains(&largest), "largest datagram {largest}");
    }
}

#[test]
fn losses_are_made_good() {
    for seed in 0..8 {
        let mut world = World::of(PointToPoint, 2);
        for id in 0..300 {
            install(&mut world, 0, Scope::As, external(id, 1, 5));
            install(&mut world, 1, Scope::As, external(id + 1_000, 1, 5));
        }
        let mut dice = fastrand::Rng::with_seed(seed);
        world.filter = Box::new(move |_, body| matches!(body, Body::Hello(_)) || dice.f32() > 0.3);
        world.until("the databases agree", |world| {
            world.is_full(0, 1) && world.is_full(1, 0) && world.agrees()
        });
        assert_eq!(world.nodes[0].lsdb.len(), 602, "seed {seed}");
    }
}

#[test]
fn duplicates_do_not_disturb_the_exchange() {
    let mut world = World::of(PointToPoint, 2);
    world.copies = 2;
    for id in 0..300 {
        install(&mut world, 0, Scope::As, external(id, 1, 5));
    }
    world.until("the databases agree", |world| world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    assert_eq!((mismatches(&world, 0), mismatches(&world, 1)), (0, 0));
    assert!(world.counter(0, "drop-duplicate-description") > 0);
}

#[test]
fn a_slave_answers_a_repeated_description_even_when_full() {
    let mut world = World::of(PointToPoint, 2);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    let last = world.sent.iter().rev().find_map(|(_, node, _, body)| match body {
        Body::DatabaseDescription(description) if *node == 1 => Some(description.clone()),
        _ => None,
    });
    let mark = world.sent.len();
    world.inject(1, 0, Body::DatabaseDescription(last.unwrap()));
    assert!(matches!(world.sent_since(mark, 0)[..], [Body::DatabaseDescription(_)]));
    assert!(world.is_full(0, 1));
}

#[test]
fn an_exchange_out_of_step_starts_over_and_ends_full() {
    let mut world = World::full_pair();
    let description = world.sent.iter().find_map(|(_, node, _, body)| match body {
        Body::DatabaseDescription(description) if *node == 1 => Some(description.clone()),
        _ => None,
    });
    world.run(Duration::from_secs(10));
    world.inject(1, 0, Body::DatabaseDescription(description.unwrap()));
    assert!(!world.is_full(0, 1));
    world.until("both are Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
    assert_eq!(mismatches(&world, 0), 1);
}

#[test]
fn a_request_for_what_we_do_not_have_starts_over() {
    let mut world = World::full_pair();
    world.inject(1, 0, Body::LinkStateRequest(vec![external(5, 1, 1).header.key]));
    assert_eq!(world.neighbor(0, 1).unwrap().nbr_state, "ExStart");
    assert_eq!(world.counter(0, "drop-bad-request"), 1);
    world.until("both are Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn a_larger_mtu_keeps_the_adjacency_from_forming_unless_ignored() {
    for ignore in [false, true] {
        let mut configs = [config(0, PointToPoint), config(1, PointToPoint)];
        configs[0].interfaces.get_mut("eth0").unwrap().mtu_ignore = ignore;
        let mut world = World::new(configs.into());
        world.nodes[1].interfaces.values_mut().for_each(|interface| interface.link.mtu = 9_000);
        world.run(Duration::from_secs(20));
        assert_eq!(world.is_full(0, 1), ignore);
        assert_eq!(world.counter(0, "drop-mtu-mismatch") > 0, !ignore);
    }
}

#[test]
fn a_lost_update_comes_again_after_the_retransmit_interval() {
    let mut world = World::full_pair();
    let start = world.now;
    install(&mut world, 0, Scope::As, external(1, 1, 1));
    let mut lost = 0;
    world.filter = Box::new(move |node, body| {
        let loses = node == 0 && matches!(body, Body::LinkStateUpdate(_)) && lost == 0;
        lost += usize::from(loses);
        !loses
    });
    update(&mut world, external(2, 1, 1));
    let key = external(1, 1, 1).header.key;
    let now = world.now;
    world.nodes[0].flood(now, Scope::As, key, crate::core::flood::Sender::Us);
    world.nodes[0].handle_timeout(now);
    world.until("the lost LSA is there", |world| copy(world, 1, 1).is_some());
    assert_eq!(world.now.since(start).as_secs(), 5);
    world.run(Duration::from_secs(2));
    assert_eq!(world.neighbor(0, 1).unwrap().link_state_retransmission_list_counter, 0);
}

#[test]
fn without_acknowledgements_an_lsa_is_repeated_and_with_one_it_is_not() {
    let mut world = World::full_pair();
    world.filter = Box::new(|_, body| !matches!(body, Body::LinkStateAck(_)));
    world.nodes[0].lease_open(world.now, "director", Duration::from_secs(3600)).unwrap();
    world.nodes[0].lease_set(world.now, "director", 1, vec![super::world::vip(1, 1)]).unwrap();
    let mark = world.router_lsa_sent(0).len();
    world.run(Duration::from_secs(16));
    assert_eq!(world.router_lsa_sent(0).len() - mark, 4, "at once, and after 5, 10 and 15 s");
    assert_eq!(world.neighbor(0, 1).unwrap().link_state_retransmission_list_counter, 1);

    world.filter = Box::new(|_, _| true);
    world.run(Duration::from_secs(6));
    let mark = world.router_lsa_sent(0).len();
    world.run(Duration::from_secs(20));
    assert_eq!(world.router_lsa_sent(0).len(), mark);
}

#[test]
fn flooded_lsas_are_acknowledged_together() {
    let mut world = World::full_pair();
    let mark = world.sent.len();
    for id in 0..10 {
        update(&mut world, external(id, 1, 1));
    }
    world.run(Duration::from_secs(1));
    let acks: Vec<_> = world
        .sent_since(mark, 0)
        .into_iter()
        .filter_map(|body| if let Body::LinkStateAck(headers) = body { Some(headers.len()) } else { None })
        .collect();
    assert_eq!(acks, [10]);
}

#[test]
fn a_new_instance_within_a_second_is_dropped_and_after_it_taken() {
    let mut world = World::full_pair();
    update(&mut world, external(1, 1, 1));
    world.run(Duration::from_millis(900));
    update(&mut world, external(1, 2, 1));
    assert_eq!(copy(&world, 0, 1), Some(1));
    assert_eq!(world.counter(0, "drop-too-soon"), 1);
    world.run(Duration::from_millis(100));
    update(&mut world, external(1, 2, 1));
    assert_eq!(copy(&world, 0, 1), Some(2));
}

#[test]
fn a_copy_from_the_exchange_does_not_count_as_an_arrival() {
    let mut world = World::of(PointToPoint, 2);
    install(&mut world, 1, Scope::As, external(1, 1, 5));
    world.until("node 0 has it", |world| world.is_full(0, 1) && copy(world, 0, 1).is_some());
    update(&mut world, external(1, 2, 1));
    assert_eq!(copy(&world, 0, 1), Some(2));
}

#[test]
fn what_a_neighbour_may_ignore_for_coming_too_soon_it_hears_again_after_a_second() {
    let mut world = World::of(PointToPoint, 2);
    install(&mut world, 1, Scope::As, external(1, 1, 5));
    world.until("node 0 has it", |world| world.is_full(1, 0) && copy(world, 0, 1).is_some());
    let start = world.now;
    // What FRR does: drop a newer instance within a second of the copy that it asked for.
    world.filter = Box::new(|_, _| false);
    let (now, key) = (world.now, external(1, 2, 1).header.key);
    install(&mut world, 1, Scope::As, external(1, 2, 1));
    world.nodes[1].flood(now, Scope::As, key, crate::core::flood::Sender::Us);
    world.nodes[1].handle_timeout(now);
    world.collect();
    world.filter = Box::new(|_, _| true);
    world.until("node 0 has the new instance", |world| copy(world, 0, 1) == Some(2));
    let took = world.now.since(start);
    assert!((Duration::from_secs(1)..Duration::from_millis(1_100)).contains(&took), "took {took:?}");
}

#[test]
fn an_older_instance_is_answered_with_ours() {
    let mut world = World::full_pair();
    update(&mut world, external(1, 7, 1));
    world.run(Duration::from_secs(3));
    let mark = world.sent.len();
    update(&mut world, external(1, 6, 1));
    let sent = world.sent_since(mark, 0);
    let [Body::LinkStateUpdate(lsas)] = &sent[..] else { panic!("one update, not {sent:?}") };
    assert_eq!(lsas[0].header.sequence, 7);
}

#[test]
fn an_unknown_lsa_at_max_age_is_acknowledged_and_forgotten() {
    let mut world = World::full_pair();
    let mark = world.sent.len();
    update(&mut world, external(1, 1, MAX_AGE));
    assert_eq!(copy(&world, 0, 1), None);
    assert!(matches!(world.sent_since(mark, 0)[..], [Body::LinkStateAck(_)]));
}

#[test]
fn max_sequence_number_is_taken_at_max_age_only() {
    let mut world = World::full_pair();
    update(&mut world, external(1, 1, 1));
    update(&mut world, external(1, MAX_SEQUENCE, 1));
    assert_eq!(copy(&world, 0, 1), Some(1));
    update(&mut world, external(2, i32::MIN, 1));
    assert_eq!(copy(&world, 0, 2), None);
    assert_eq!(world.counter(0, "drop-bad-sequence-number"), 2);
}

#[test]
fn a_flushed_lsa_leaves_everywhere() {
    let mut world = World::full_pair();
    update(&mut world, external(1, 1, 1));
    world.run(Duration::from_secs(2));
    update(&mut world, external(1, 1, MAX_AGE));
    world.run(Duration::from_secs(2));
    assert_eq!(copy(&world, 0, 1), None);
    assert_eq!(world.nodes[0].lsdb.at_max_age().count(), 0);
}

#[test]
fn an_lsa_that_nobody_refreshes_is_gone_after_an_hour() {
    let mut world = World::of(PointToPoint, 2);
    install(&mut world, 1, Scope::As, external(1, 1, 5));
    world.until("node 0 has it", |world| world.is_full(0, 1) && copy(world, 0, 1).is_some());
    world.run(Duration::from_secs(3_580));
    assert!(copy(&world, 0, 1).is_some());
    world.run(Duration::from_secs(30));
    assert_eq!((copy(&world, 0, 1), copy(&world, 1, 1)), (None, None));
    assert!(world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn floods_are_byte_exact_but_for_the_age() {
    let mut world = World::of(PointToPoint, 2);
    let lsa = external(1, 1, 100);
    install(&mut world, 1, Scope::As, lsa.clone());
    world.until("node 0 has it", |world| copy(world, 0, 1).is_some());
    let entry = world.nodes[0].lsdb.get(Scope::As, lsa.header.key).unwrap();
    assert_eq!(entry.lsa().raw[2..], lsa.raw[2..]);
    assert_eq!(entry.lsa().header.age, 101, "one second of InfTransDelay");
    assert_eq!(entry.lsa().body, lsa.body);
    assert_ne!(entry.lsa().body, LsaBody::Opaque);
}

#[test]
fn a_full_database_takes_no_new_lsa_but_new_instances() {
    let mut lsdb = crate::core::lsdb::Lsdb::new(3);
    let now = Instant::from_micros(1);
    for id in 0..3 {
        lsdb.install(Scope::As, external(id, 1, 1), Origin::Flooded, now).unwrap();
    }
    let one_more = external(u32::MAX, 1, 1);
    assert!(lsdb.install(Scope::As, one_more.clone(), Origin::Flooded, now).is_err());
    assert!(lsdb.install(Scope::As, external(0, 2, 1), Origin::Flooded, now).is_ok());
    assert!(lsdb.install(Scope::As, one_more, Origin::Own, now).is_ok());
}
