//! Neighbours that BFD watches (RFC 5882): what the engine wants, and what follows from what it is told.

use std::net::IpAddr;
use std::time::Duration;

use super::world::{ETH0, World, address, config, link};
use crate::bfd::{Change, Diagnostic, SessionConfig, SessionKey, State, Status};
use crate::core::config::{BfdConfig, Config, NetworkType};
use crate::core::event::Event;

const PLAIN: BfdConfig = BfdConfig {
    min_tx: Duration::from_millis(50),
    min_rx: Duration::from_millis(50),
    multiplier: 3,
    passive: false,
    strict: false,
    auth: None,
};
const UP: Status =
    Status { state: State::Up, disabled_by_peer: false, losses: 0, diagnostic: Diagnostic::None };
const LOST: Status = Status {
    state: State::Down,
    disabled_by_peer: false,
    losses: 1,
    diagnostic: Diagnostic::DetectionTimeExpired,
};

fn watched(node: usize, bfd: BfdConfig) -> Config {
    let mut config = config(node, NetworkType::PointToPoint);
    config.interfaces.get_mut("eth0").unwrap().bfd = Some(bfd);
    config
}

/// Node 0 watches node 1.
fn world(bfd: BfdConfig) -> World {
    World::new(vec![watched(0, bfd), config(1, NetworkType::PointToPoint)])
}

fn full(bfd: BfdConfig) -> World {
    let mut world = world(bfd);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    world
}

fn wanted(world: &World) -> Vec<(SessionKey, SessionConfig)> {
    let (_, sessions) = world.nodes[0].bfd_sessions();
    sessions.map(|(key, config)| (key, config.clone())).collect()
}

fn revision(world: &World) -> u64 {
    world.nodes[0].bfd_sessions().0
}

fn tell(world: &mut World, status: Status) {
    let key = SessionKey { if_index: ETH0, peer: IpAddr::V4(address(1)) };
    world.nodes[0].handle_bfd(world.now, Change { key, status });
    world.collect();
}

fn state(world: &World) -> Option<String> {
    world.neighbor(0, 1).map(|neighbor| neighbor.nbr_state)
}

fn told(world: &World) -> Vec<&'static str> {
    let what = |event: &Event| if let Event::Bfd { what, .. } = event { Some(*what) } else { None };
    world.events[0].iter().filter_map(what).collect()
}

#[test]
fn a_session_is_wanted_with_each_neighbour_from_2_way_on() {
    let mut world = world(PLAIN);
    assert_eq!(wanted(&world), []);
    world.until("both are Full", |world| world.is_full(0, 1));
    let sessions = wanted(&world);
    assert_eq!(sessions.len(), 1);
    let (key, session) = &sessions[0];
    assert_eq!((key.if_index, key.peer), (ETH0, IpAddr::V4(address(1))));
    assert_eq!((session.local, session.min_tx), (IpAddr::V4(address(0)), PLAIN.min_tx));
    let before = revision(&world);
    world.run(Duration::from_secs(60));
    assert_eq!(revision(&world), before, "nothing changed");
}

#[test]
fn a_lost_session_kills_the_neighbour_whose_hellos_do_not_bring_it_back() {
    let mut world = full(PLAIN);
    tell(&mut world, UP);
    tell(&mut world, LOST);
    assert_eq!(state(&world), None);
    assert_eq!(world.counter(0, "bfd-neighbors-killed"), 1);
    let killed = world.events[0]
        .iter()
        .any(|event| matches!(event, Event::NeighborState { to: "Down", cause: "KillNbr", .. }));
    assert!(killed && told(&world) == ["up", "lost: the neighbor is killed"]);
    // The session stays, and so does the neighbour, in Init.
    world.run(Duration::from_secs(30));
    assert_eq!((state(&world).as_deref(), wanted(&world).len()), (Some("Init"), 1));
    tell(&mut world, Status { losses: 1, ..UP });
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn a_loss_that_is_over_again_kills_the_neighbour_and_lets_it_come_back() {
    let mut world = full(PLAIN);
    tell(&mut world, UP);
    tell(&mut world, Status { losses: 1, ..UP });
    assert_eq!((state(&world), world.counter(0, "bfd-neighbors-killed")), (None, 1));
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn a_peer_that_disables_its_end_keeps_its_adjacency() {
    let mut world = full(PLAIN);
    tell(&mut world, UP);
    let disabled = Status { state: State::Down, disabled_by_peer: true, ..UP };
    tell(&mut world, disabled);
    world.run(Duration::from_secs(30));
    assert!(world.is_full(0, 1));
    assert_eq!(told(&world), ["up", "disabled by the peer"]);
}

#[test]
fn a_peer_without_bfd_becomes_full_unless_it_is_asked_for_strictly() {
    let mut world = world(BfdConfig { strict: true, ..PLAIN });
    world.run(Duration::from_secs(30));
    // Wanted from Init on, or it could never come up.
    assert_eq!((state(&world).as_deref(), wanted(&world).len()), (Some("Init"), 1));
    // The other side sees itself in our hellos, and may go ahead.
    assert!(world.neighbor(1, 0).is_some_and(|us| us.nbr_state != "Init"));
    tell(&mut world, UP);
    let start = world.now;
    world.until("Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    assert!(world.now.since(start) < Duration::from_secs(6), "it did not wait for a dead interval");
}

#[test]
fn a_lost_peer_that_keeps_its_end_disabled_is_let_in_after_the_dead_interval() {
    let mut world = full(PLAIN);
    tell(&mut world, UP);
    tell(&mut world, LOST);
    world.run(Duration::from_secs(2));
    // For a moment, as the end of a session that is made anew.
    tell(&mut world, Status { disabled_by_peer: true, ..LOST });
    world.run(Duration::from_secs(3));
    tell(&mut world, LOST);
    world.run(Duration::from_secs(20));
    assert_eq!(state(&world).as_deref(), Some("Init"));
    // For good.
    tell(&mut world, Status { disabled_by_peer: true, ..LOST });
    world.until("Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn who_is_lost_and_not_heard_is_forgotten_after_the_dead_interval() {
    let mut world = full(PLAIN);
    tell(&mut world, UP);
    world.filter = Box::new(|_, _| false);
    tell(&mut world, LOST);
    world.run(Duration::from_secs(3));
    assert_eq!(wanted(&world).len(), 1);
    world.run(Duration::from_secs(2));
    assert_eq!(wanted(&world).len(), 0);
    // It is as new when it comes back.
    world.filter = Box::new(|_, _| true);
    world.until("Full", |world| world.is_full(0, 1));
}

#[test]
fn sessions_go_with_the_link_with_the_neighbour_and_with_the_configuration() {
    let mut world = full(PLAIN);
    world.nodes[0].handle_link(world.now, link(0, false));
    assert_eq!(wanted(&world).len(), 0);
    world.nodes[0].handle_link(world.now, link(0, true));
    world.until("Full", |world| world.is_full(0, 1));
    assert_eq!(wanted(&world).len(), 1);
    world.filter = Box::new(|from, _| from == 0);
    world.run(Duration::from_secs(6));
    assert_eq!(wanted(&world).len(), 0);
    world.filter = Box::new(|_, _| true);
    world.until("Full", |world| world.is_full(0, 1));
    world.nodes[0].reconfigure(world.now, config(0, NetworkType::PointToPoint));
    assert_eq!(wanted(&world).len(), 0);
    assert!(world.is_full(0, 1), "the adjacency is not disturbed");
}

#[test]
fn a_reload_changes_the_session_and_leaves_the_adjacency_alone() {
    let mut world = full(PLAIN);
    tell(&mut world, UP);
    let before = revision(&world);
    let slower = BfdConfig { min_tx: Duration::from_millis(300), multiplier: 5, ..PLAIN };
    world.nodes[0].reconfigure(world.now, watched(0, slower));
    assert_ne!(revision(&world), before);
    let (_, session) = &wanted(&world)[0];
    assert_eq!((session.min_tx, session.multiplier), (Duration::from_millis(300), 5));
    world.run(Duration::from_secs(10));
    assert!(world.is_full(0, 1));
    assert_eq!(world.counter(0, "bfd-neighbors-killed"), 0);
}

#[test]
fn news_of_a_session_that_nobody_wants_changes_nothing() {
    let mut world = full(PLAIN);
    let key = SessionKey { if_index: ETH0, peer: IpAddr::V4(address(9)) };
    world.nodes[0].handle_bfd(world.now, Change { key, status: LOST });
    world.collect();
    assert!(world.is_full(0, 1) && told(&world).is_empty());
}
