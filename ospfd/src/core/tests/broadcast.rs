//! Networks with a Designated Router (RFC 2328 §9.4, §10.4).

use std::time::Duration;

use super::world::{ETH0, World, config, link};
use crate::core::config::Config;
use crate::core::config::NetworkType::Broadcast;
use crate::core::event::{Event, Groups};
use crate::packet::Body;

fn with_priorities(priorities: &[u8]) -> World {
    World::new(priorities.iter().enumerate().map(|(node, &priority)| with_priority(node, priority)).collect())
}

fn with_priority(node: usize, priority: u8) -> Config {
    let mut config = config(node, Broadcast);
    config.interfaces.get_mut("eth0").unwrap().priority = priority;
    config
}

fn settled(priorities: &[u8]) -> World {
    let mut world = with_priorities(priorities);
    world.run(Duration::from_secs(20));
    world
}

fn states(world: &World) -> Vec<String> {
    (0..world.nodes.len()).map(|node| world.state(node)).collect()
}

#[test]
fn four_routers_elect_two_and_the_others_stay_two_way() {
    let world = settled(&[1, 5, 9, 1]);
    assert_eq!(states(&world), ["DROther", "Backup", "DR", "DROther"]);
    for node in [0, 1, 3] {
        assert!(world.is_full(node, 2) && world.is_full(2, node));
    }
    assert!(world.is_full(0, 1) && world.is_full(3, 1));
    assert_eq!(world.neighbor(0, 3).unwrap().nbr_state, "2-Way");
    assert!(world.agrees());
}

#[test]
fn the_network_lsa_lists_all_and_router_lsas_point_at_it() {
    let world = settled(&[1, 5, 9]);
    let network =
        world.nodes[0].database(world.now).into_iter().find(|lsa| lsa.lsa_type == "network").unwrap();
    assert_eq!(network.link_state_id, "192.0.2.3");
    assert_eq!(
        network.detail,
        [
            "mask 255.255.255.0",
            "attached router 10.0.0.1",
            "attached router 10.0.0.2",
            "attached router 10.0.0.3",
        ]
    );
    for node in 0..3 {
        let own = format!("transit via 192.0.2.3 from 192.0.2.{} metric 10", node + 1);
        assert!(world.has_line(0, node, &own), "{:?}", world.router_lsa(0, node));
    }
}

#[test]
fn the_election_waits_for_the_dead_interval_and_not_longer() {
    let mut world = with_priorities(&[1, 1]);
    let start = world.now;
    world.until("there is a Designated Router", |world| states(world).contains(&"DR".to_owned()));
    assert_eq!(world.now.since(start), Duration::from_secs(4));
}

#[test]
fn adjacencies_follow_the_election_without_waiting_for_a_retransmission() {
    // The nodes start apart, so that their elections end apart.
    for late in 0..3 {
        let mut world = with_priorities(&[1, 1, 1]);
        let now = world.now;
        world.nodes[late].handle_link(now, link(late, false));
        world.run(Duration::from_millis(600));
        let now = world.now;
        world.nodes[late].handle_link(now, link(late, true));
        world.run(Duration::from_millis(4_800));
        for (a, b) in [(0, 1), (1, 2), (0, 2)] {
            assert!(
                world.is_full(a, b) && world.is_full(b, a),
                "late {late}: {a}, {b}: {}",
                world.describe()
            );
        }
    }
}

#[test]
fn who_comes_late_does_not_wait_and_does_not_take_over() {
    let mut world = with_priorities(&[1, 1, 255]);
    let now = world.now;
    world.nodes[2].handle_link(now, link(2, false));
    world.run(Duration::from_secs(10));
    assert_eq!(states(&world)[..2], ["Backup", "DR"]);
    let joined = world.now;
    world.nodes[2].handle_link(joined, link(2, true));
    world.until("the late one is Full", |world| world.is_full(2, 0) && world.is_full(2, 1));
    assert!(world.now.since(joined) < Duration::from_secs(2));
    assert_eq!(states(&world), ["Backup", "DR", "DROther"]);
}

#[test]
fn priority_0_is_never_elected_and_never_waits() {
    let mut world = with_priorities(&[0, 1]);
    assert_eq!(world.state(0), "DROther");
    world.until("Full", |world| world.is_full(0, 1));
    world.run(Duration::from_secs(10));
    assert_eq!(states(&world), ["DROther", "DR"]);
    assert_eq!(world.nodes[0].interfaces(world.now)[0].bdr_address.to_string(), "0.0.0.0");
}

#[test]
fn the_backup_takes_over_when_the_designated_router_falls_silent() {
    let mut world = settled(&[1, 5, 9]);
    world.filter = Box::new(|node, _| node != 2);
    world.run(Duration::from_secs(10));
    assert_eq!(states(&world)[..2], ["Backup", "DR"]);
    assert!(world.is_full(0, 1) && world.is_full(1, 0));
    assert!(world.has_line(0, 0, "transit via 192.0.2.2 from 192.0.2.1 metric 10"));
    assert!(world.has_line(0, 1, "transit via 192.0.2.2 from 192.0.2.2 metric 10"));
}

#[test]
fn a_network_that_was_cut_in_two_heals_to_one_designated_router_and_one_network_lsa() {
    let mut world = with_priorities(&[1, 5, 1, 9]);
    world.cut = Some(2);
    world.run(Duration::from_secs(20));
    assert_eq!(states(&world), ["Backup", "DR", "Backup", "DR"]);
    world.cut = None;
    world.run(Duration::from_secs(30));
    assert_eq!(states(&world), ["DROther", "DROther", "Backup", "DR"], "who sits, stays");
    assert!(world.agrees());
    let networks: Vec<_> = world.nodes[0]
        .database(world.now)
        .into_iter()
        .filter(|lsa| lsa.lsa_type == "network")
        .map(|lsa| (lsa.link_state_id, lsa.detail.len()))
        .collect();
    assert_eq!(networks, [("192.0.2.4".to_owned(), 5)]);
}

#[test]
fn only_the_designated_router_and_its_backup_join_all_d_routers() {
    let world = settled(&[1, 5, 9]);
    let last = |node: usize| {
        world.events[node].iter().rev().find_map(|event| match event {
            Event::Groups { if_index, groups } => Some((*if_index, *groups)),
            _ => None,
        })
    };
    let groups = |all_d_routers| Some((ETH0, Groups { all_spf_routers: true, all_d_routers }));
    assert_eq!([last(0), last(1), last(2)], [groups(false), groups(true), groups(true)]);
}

#[test]
fn a_change_of_a_bystander_reaches_everybody_through_the_designated_router() {
    let mut world = settled(&[1, 5, 9, 1]);
    let mark = world.sent.len();
    world.nodes[0].lease_open(world.now, "director", Duration::from_secs(60)).unwrap();
    world.nodes[0].lease_set(world.now, "director", 1, vec![super::world::vip(1, 3)]).unwrap();
    world.run(Duration::from_secs(3));
    assert!((1..4).all(|node| world.has_line(node, 0, "stub 203.0.113.1/32 metric 3")));
    let updates = |node| {
        world.sent[mark..]
            .iter()
            .filter(|(_, from, _, body)| *from == node && matches!(body, Body::LinkStateUpdate(_)))
            .map(|(_, _, to, _)| to.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(updates(0), ["224.0.0.6"]);
    assert_eq!(updates(2), ["224.0.0.5"]);
    assert_eq!((updates(1), updates(3)), (vec![], vec![]));
}

#[test]
fn a_second_router_with_our_neighbours_id_is_reported_and_kept_out() {
    let mut world = settled(&[1, 5, 9]);
    let mark = world.events[0].len();
    let hello = world.sent.iter().rev().find_map(|(_, node, _, body)| match body {
        Body::Hello(hello) if *node == 1 => Some(hello.clone()),
        _ => None,
    });
    world.inject_from(1, "192.0.2.200".parse().unwrap(), 0, Body::Hello(hello.unwrap()));
    let reported = world.events[0][mark..]
        .iter()
        .any(|event| matches!(event, Event::Dropped { reason: "duplicate-router-id", .. }));
    assert!(reported);
    assert_eq!(world.neighbor(0, 1).unwrap().address.to_string(), "192.0.2.2");
}
