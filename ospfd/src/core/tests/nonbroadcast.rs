//! Networks without multicast: NBMA and point-to-multipoint (RFC 2328 §9.5.1, §10.3, §12.4.1.4).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::RouterId;

use super::world::{World, address, config, router_id, vip};
use crate::core::config::NetworkType::{self, NonBroadcast, PointToMultipoint};
use crate::core::config::{Config, StaticNeighbor};
use crate::packet::Body;

const POLL: Duration = Duration::from_secs(10);

/// Nodes with these priorities, each of which knows all others.
fn mesh(network: NetworkType, priorities: &[u8]) -> Vec<Config> {
    let named = |node: usize| {
        let others = priorities.iter().enumerate().filter(move |(other, _)| *other != node);
        others.map(|(other, &priority)| (address(other), StaticNeighbor { priority, poll_interval: POLL }))
    };
    (0..priorities.len())
        .map(|node| {
            let mut config = config(node, network);
            let eth0 = config.interfaces.get_mut("eth0").unwrap();
            eth0.priority = priorities[node];
            eth0.static_neighbors = named(node).collect();
            config
        })
        .collect()
}

/// Where and when `node` has sent hellos since `mark`, in seconds from `from`.
fn hellos(world: &World, node: usize, mark: usize) -> Vec<(u64, Ipv4Addr)> {
    let start = world.sent.first().map(|(at, ..)| *at).unwrap();
    world.sent[mark..]
        .iter()
        .filter(|(_, from, _, body)| *from == node && matches!(body, Body::Hello(_)))
        .map(|(at, _, to, _)| (at.since(start).as_secs(), *to))
        .collect()
}

fn is_settled(world: &World) -> bool {
    let states: Vec<_> = (0..world.nodes.len()).map(|node| world.state(node)).collect();
    let leaders: Vec<_> =
        (0..states.len()).filter(|node| ["DR", "Backup"].contains(&&*states[*node])).collect();
    let others = |leader: usize| (0..states.len()).filter(move |node| *node != leader);
    leaders.len() == 2.min(states.len())
        && leaders.iter().all(|&leader| {
            others(leader).all(|node| world.is_full(leader, node) && world.is_full(node, leader))
        })
}

#[test]
fn routers_without_multicast_elect_a_designated_router_and_are_full_with_it() {
    let mut world = World::new(mesh(NonBroadcast, &[1, 1, 1, 1]));
    world.until("everybody is Full with DR and Backup", is_settled);
    world.run(Duration::from_secs(5));
    assert!(world.agrees());
    assert!(world.sent.iter().all(|(_, _, to, _)| !to.is_multicast()));
    let now = world.now;
    world.nodes[3].lease_open(now, "test", Duration::from_secs(600)).unwrap();
    world.nodes[3].lease_set(now, "test", 1, vec![vip(9, 7)]).unwrap();
    world.run(Duration::from_secs(2));
    for node in 0..3 {
        let route = world.nodes[node].routes().get("203.0.113.9/32".parse().unwrap());
        assert_eq!(route.map(|route| route.cost), Some(17), "node {node}");
    }
    world.run(Duration::from_secs(30));
    for node in 0..4 {
        let waiting = world.nodes[node].neighbors(world.now);
        assert!(waiting.iter().all(|neighbor| neighbor.link_state_retransmission_list_counter == 0));
    }
}

#[test]
fn a_silent_neighbour_is_attempted_then_polled() {
    let configs = mesh(NonBroadcast, &[1, 1]);
    let mut world = World::new(vec![configs[0].clone()]);
    let shown = |world: &World| {
        let neighbors = world.nodes[0].neighbors(world.now);
        (neighbors[0].neighbor_router_id, neighbors[0].address, neighbors[0].nbr_state.clone())
    };
    assert_eq!(shown(&world), (RouterId(0), address(1).into(), "Attempt".to_owned()));
    world.run(Duration::from_secs(36));
    assert_eq!(shown(&world).2, "Down");
    // Every HelloInterval for RouterDeadInterval, then every PollInterval.
    let at: Vec<_> = hellos(&world, 0, 0).into_iter().map(|(second, _)| second).collect();
    assert_eq!(at, [0, 1, 2, 3, 4, 14, 24, 34]);
}

#[test]
fn who_is_not_eligible_speaks_to_the_leaders_only_and_when_spoken_to() {
    let mut world = World::new(mesh(NonBroadcast, &[1, 1, 0, 0]));
    world.run(Duration::from_millis(2_500));
    // Nobody leads yet: the others are not spoken to, and say nothing.
    assert_eq!(world.state(0), "Waiting");
    assert!(hellos(&world, 2, 0).is_empty());
    assert!(hellos(&world, 0, 0).iter().all(|(_, to)| *to == address(1)));
    world.until("everybody is Full with DR and Backup", is_settled);
    let mark = world.sent.len();
    world.run(Duration::from_secs(5));
    let to: BTreeSet<_> = hellos(&world, 2, mark).into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, BTreeSet::from([address(0), address(1)]));
    let to: BTreeSet<_> = hellos(&world, 0, mark).into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, (1..4).map(address).collect());
    assert_eq!((world.state(2), world.state(3)), ("DROther".to_owned(), "DROther".to_owned()));
}

#[test]
fn a_neighbour_that_was_lost_is_polled_and_comes_back() {
    let mut world = World::new(mesh(NonBroadcast, &[1, 1]));
    world.until("both are Full", is_settled);
    world.cut = Some(1);
    world.until("node 1 is dead to node 0", |world| world.neighbor(0, 1).is_none());
    let unheard = world.nodes[0].neighbors(world.now);
    assert_eq!((unheard.len(), unheard[0].nbr_state.as_str()), (1, "Down"));
    let mark = world.sent.len();
    world.run(Duration::from_secs(60));
    let count = hellos(&world, 0, mark).len();
    assert!((5..=7).contains(&count), "{count} hellos in a minute, PollInterval 10 s");
    world.cut = None;
    world.until("both are Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn a_neighbour_that_is_configured_later_is_found_and_one_that_is_taken_out_is_not_polled() {
    let configs = mesh(NonBroadcast, &[1, 1]);
    let mut lonely = configs[0].clone();
    lonely.interfaces.get_mut("eth0").unwrap().static_neighbors.clear();
    let mut world = World::new(vec![lonely.clone()]);
    world.run(Duration::from_secs(5));
    assert!(hellos_of_nobody(&world));
    let now = world.now;
    world.nodes[0].reconfigure(now, configs[0].clone());
    world.run(Duration::from_secs(2));
    let mark = world.sent.len();
    assert_eq!(hellos(&world, 0, 0).len(), 3);
    let now = world.now;
    world.nodes[0].reconfigure(now, lonely);
    world.run(Duration::from_secs(30));
    assert!(hellos(&world, 0, mark).is_empty());
}

fn hellos_of_nobody(world: &World) -> bool {
    world.sent.iter().all(|(.., body)| !matches!(body, Body::Hello(_)))
}

#[test]
fn on_point_to_multipoint_everybody_is_adjacent_and_tells_a_host_route() {
    for named in [true, false] {
        let mut configs = mesh(PointToMultipoint, &[1, 1, 1]);
        if !named {
            for config in &mut configs {
                config.interfaces.get_mut("eth0").unwrap().static_neighbors.clear();
            }
        }
        let mut world = World::new(configs);
        let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        world.until("all pairs are Full", |world| pairs.iter().all(|&(at, of)| world.is_full(at, of)));
        world.run(Duration::from_secs(10));
        assert!(world.agrees());
        assert_eq!(world.state(0), "Point-to-point");
        // §12.4.1.4
        for (at, of) in pairs {
            let line = format!("point-to-point to {} from {} metric 10", router_id(at), address(of));
            assert!(world.has_line(at, of, &line), "{:?}", world.router_lsa(at, of));
            assert!(world.has_line(at, of, &format!("stub {}/32 metric 0", address(of))));
        }
        let database = world.nodes[0].database(world.now);
        assert!(database.iter().all(|lsa| lsa.lsa_type == "router"));
        let hops: Vec<_> = world.nodes[0]
            .routes()
            .get("192.0.2.3/32".parse().unwrap())
            .map(|route| route.next_hops.iter().filter_map(|hop| hop.gateway).collect())
            .unwrap_or_default();
        assert_eq!(hops, [std::net::IpAddr::from(address(2))]);
        let multicast = world.sent.iter().any(|(_, _, to, _)| to.is_multicast());
        assert_eq!(multicast, !named);
    }
}

#[test]
fn on_point_to_multipoint_two_that_do_not_hear_one_another_meet_over_a_third() {
    let mut configs = mesh(PointToMultipoint, &[1, 1, 1]);
    for end in [0, 2] {
        configs[end].interfaces.get_mut("eth0").unwrap().allowed = Some(BTreeSet::from([address(1)]));
    }
    configs[2].static_advertisements = vec![vip(9, 7)];
    let mut world = World::new(configs);
    let prefix = "203.0.113.9/32".parse().unwrap();
    world.until("the VIP is routed", |world| world.nodes[0].routes().get(prefix).is_some());
    let route = world.nodes[0].routes().get(prefix).unwrap().clone();
    let hops: Vec<_> = route.next_hops.iter().filter_map(|hop| hop.gateway).collect();
    assert_eq!((route.cost, hops), (27, vec![address(1).into()]));
    world.run(Duration::from_secs(30));
    let waiting = world.nodes[1].neighbors(world.now);
    assert!(waiting.iter().all(|neighbor| neighbor.link_state_retransmission_list_counter == 0));
}
