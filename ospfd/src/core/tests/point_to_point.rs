//! Adjacencies on networks of two (RFC 2328 §10).

use std::time::Duration;

use super::world::World;
use crate::core::config::NetworkType::PointToPoint;
use crate::core::event::Event;

#[test]
fn two_routers_become_full_and_agree_within_a_second() {
    let mut world = World::of(PointToPoint, 2);
    let start = world.now;
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.until("the databases agree", World::agrees);
    assert!(world.now.since(start) < Duration::from_secs(1), "took {:?}", world.now.since(start));
    for at in 0..2 {
        assert!(world.has_line(at, 0, "point-to-point to 10.0.0.2 from 192.0.2.1 metric 10"));
        assert!(world.has_line(at, 0, "stub 192.0.2.0/24 metric 10"));
        assert!(world.has_line(at, 1, "point-to-point to 10.0.0.1 from 192.0.2.2 metric 10"));
    }
}

#[test]
fn the_states_are_walked_in_order() {
    let world = World::full_pair();
    let states: Vec<_> = world.events[0]
        .iter()
        .filter_map(|event| match event {
            Event::NeighborState { to, cause, .. } => Some((*to, *cause)),
            Event::InterfaceState { .. }
            | Event::Groups { .. }
            | Event::Dropped { .. }
            | Event::SendKey { .. }
            | Event::Lease { .. }
            | Event::Translator { .. }
            | Event::Helper { .. }
            | Event::Bfd { .. }
            | Event::Routes(_)
            | Event::ShutdownComplete { .. } => None,
        })
        .collect();
    assert_eq!(
        states,
        [
            ("Init", "HelloReceived"),
            ("ExStart", "2-WayReceived"),
            ("Exchange", "NegotiationDone"),
            ("Full", "ExchangeDone"),
        ]
    );
}

#[test]
fn nobody_drops_anything_on_a_clean_start() {
    let world = World::full_pair();
    for node in 0..2 {
        let drops: Vec<_> = world.nodes[node]
            .counters()
            .into_iter()
            .filter(|counter| counter.name.starts_with("drop-") && counter.name != "drop-negotiation-ignored")
            .collect();
        assert_eq!(drops, [], "node {node}");
    }
}
