//! The Hello Protocol on a network with a Designated Router, against a neighbour that the test plays (RFC 2328 §9.2 to §9.5).

use std::net::Ipv4Addr;
use std::time::Duration;

use common::time::Instant;

use super::world::{World, address, config, link, router_id};
use crate::core::config::NetworkType::{self, Broadcast, PointToPoint};
use crate::packet::{Body, Hello, options};

const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// What node 1 says when it hears node 0 and claims nothing.
fn hello() -> Hello {
    Hello {
        network_mask: Ipv4Addr::new(255, 255, 255, 0),
        hello_interval: 1,
        options: options::E,
        priority: 1,
        router_dead_interval: 4,
        designated_router: NOBODY,
        backup_designated_router: NOBODY,
        neighbors: vec![router_id(0)],
    }
}

/// Node 0 hears `hello` from node 1.
fn hears(world: &mut World, hello: Hello) {
    world.inject(1, 0, Body::Hello(hello));
}

/// Node 0's state, Designated Router and backup.
fn offices(world: &World) -> (String, Ipv4Addr, Ipv4Addr) {
    let view = &world.nodes[0].interfaces(world.now)[0];
    (view.state.clone(), view.dr_address, view.bdr_address)
}

/// Node 0, Designated Router because nobody else is there.
fn alone() -> World {
    let mut world = World::of(Broadcast, 1);
    world.run(Duration::from_secs(5));
    assert_eq!(offices(&world), ("DR".to_owned(), address(0), NOBODY));
    world
}

/// The hellos of node 0, and when.
fn hellos(world: &World) -> Vec<(Instant, Hello)> {
    let of = |(at, _, _, body): &(Instant, usize, Ipv4Addr, Body)| match body {
        Body::Hello(hello) => Some((*at, hello.clone())),
        Body::DatabaseDescription(_)
        | Body::LinkStateRequest(_)
        | Body::LinkStateUpdate(_)
        | Body::LinkStateAck(_) => None,
    };
    world.sent.iter().filter(|(_, from, ..)| *from == 0).filter_map(of).collect()
}

#[test]
fn the_wait_ends_when_a_backup_or_the_lack_of_one_is_declared() {
    let rows = [
        ("is backup", NOBODY, address(1), true, true),
        ("leads without a backup", address(1), NOBODY, true, true),
        ("leads and knows a backup", address(1), address(2), true, false),
        ("knows who leads", address(2), NOBODY, true, false),
        ("claims nothing", NOBODY, NOBODY, true, false),
        ("is backup and does not hear us", NOBODY, address(1), false, false),
        ("leads and does not hear us", address(1), NOBODY, false, false),
    ];
    for (claim, designated_router, backup_designated_router, hears_us, ends) in rows {
        let mut world = World::of(Broadcast, 1);
        let neighbors = if hears_us { vec![router_id(0)] } else { Vec::new() };
        hears(&mut world, Hello { designated_router, backup_designated_router, neighbors, ..hello() });
        assert_eq!(offices(&world).0 != "Waiting", ends, "one that {claim}");
    }
}

#[test]
fn nobody_is_elected_while_we_wait() {
    let mut world = World::of(Broadcast, 1);
    for priority in [1, 5, 0, 200] {
        hears(&mut world, Hello { priority, ..hello() });
        assert_eq!(offices(&world), ("Waiting".to_owned(), NOBODY, NOBODY));
    }
}

#[test]
fn every_change_among_the_neighbours_is_an_election() {
    let mut world = alone();
    let state = |word: &str, designated, backup| (word.to_owned(), designated, backup);
    // It comes, and cannot be elected.
    hears(&mut world, Hello { priority: 0, ..hello() });
    assert_eq!(offices(&world), state("DR", address(0), NOBODY));
    // Another priority.
    hears(&mut world, hello());
    assert_eq!(offices(&world), state("DR", address(0), address(1)));
    // It declares itself Designated Router, and has the higher Router ID.
    hears(&mut world, Hello { designated_router: address(1), ..hello() });
    assert_eq!(offices(&world), state("Backup", address(1), address(0)));
    // It gives that up.
    hears(&mut world, Hello { priority: 0, ..hello() });
    assert_eq!(offices(&world), state("DR", address(0), NOBODY));
    // It declares itself backup, and does not any more.
    hears(&mut world, Hello { backup_designated_router: address(1), ..hello() });
    assert_eq!(offices(&world), state("DR", address(0), address(1)));
    // It does not hear us any more.
    hears(&mut world, Hello { neighbors: Vec::new(), ..hello() });
    assert_eq!(offices(&world), state("DR", address(0), NOBODY));
}

#[test]
fn a_hello_says_what_the_interface_is() {
    let mut ours = config(0, Broadcast);
    ours.interfaces.get_mut("eth0").unwrap().priority = 7;
    let mut world = World::new(vec![ours]);
    let first = hellos(&world).remove(0).1;
    assert_eq!(first, Hello { priority: 7, neighbors: Vec::new(), ..hello() });
    world.run(Duration::from_secs(5));
    hears(&mut world, Hello { neighbors: Vec::new(), ..hello() });
    let heard = hellos(&world).pop().unwrap().1;
    let expected =
        Hello { priority: 7, designated_router: address(0), neighbors: vec![router_id(1)], ..hello() };
    assert_eq!(heard, expected, "it is listed though it does not hear us");
    hears(&mut world, hello());
    let settled = hellos(&world).pop().unwrap().1;
    assert_eq!(settled, Hello { backup_designated_router: address(1), ..expected });
}

#[test]
fn hellos_leave_at_once_and_every_hello_interval() {
    for network in [PointToPoint, Broadcast] {
        let mut world = World::of(network, 1);
        let start = world.now;
        world.run(Duration::from_millis(3_500));
        let at: Vec<_> = hellos(&world).iter().map(|(at, _)| at.since(start).as_secs()).collect();
        assert_eq!(at, [0, 1, 2, 3]);
    }
}

#[test]
fn who_falls_silent_is_listed_no_more() {
    let mut world = alone();
    hears(&mut world, hello());
    world.run(Duration::from_millis(3_900));
    assert_eq!(hellos(&world).pop().unwrap().1.neighbors, [router_id(1)]);
    world.run(Duration::from_millis(1_200));
    assert!(hellos(&world).pop().unwrap().1.neighbors.is_empty());
}

#[test]
fn a_down_interface_neither_sends_nor_hears_and_comes_back_fresh() {
    let mut world = alone();
    hears(&mut world, hello());
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, false));
    world.collect();
    assert_eq!(offices(&world), ("Down".to_owned(), NOBODY, NOBODY));
    assert!(world.neighbor(0, 1).is_none());
    let mark = world.sent.len();
    world.run(Duration::from_secs(10));
    assert_eq!(world.sent.len(), mark);
    hears(&mut world, hello());
    assert_eq!(world.counter(0, "drop-interface-not-operational"), 1);
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, true));
    world.collect();
    assert_eq!(offices(&world), ("Waiting".to_owned(), NOBODY, NOBODY));
}

#[test]
fn each_network_type_comes_up_as_it_should() {
    let up = |network: NetworkType, priority| {
        let mut config = config(0, network);
        config.interfaces.get_mut("eth0").unwrap().priority = priority;
        World::new(vec![config]).state(0)
    };
    for network in [PointToPoint, NetworkType::PointToMultipoint] {
        assert_eq!((up(network, 0), up(network, 1)), ("Point-to-point".into(), "Point-to-point".into()));
    }
    for network in [Broadcast, NetworkType::NonBroadcast] {
        assert_eq!((up(network, 0), up(network, 1)), ("DROther".into(), "Waiting".into()));
    }
}
