//! Who is heard on an interface (RFC 5082, allowed neighbours), and what is not told of its network (RFC 6860).

use std::collections::BTreeSet;
use std::time::Duration;

use super::world::{World, address, config, vip};
use crate::core::config::Config;
use crate::core::config::NetworkType::{self, Broadcast, PointToPoint};

fn pair(
    network: NetworkType,
    edit: impl Fn(usize, &mut crate::core::config::InterfaceConfig),
) -> Vec<Config> {
    (0..2)
        .map(|node| {
            let mut config = config(node, network);
            edit(node, config.interfaces.get_mut("eth0").unwrap());
            config
        })
        .collect()
}

fn are_full(world: &World) -> bool {
    world.is_full(0, 1) && world.is_full(1, 0)
}

#[test]
fn with_ttl_security_on_both_sides_nothing_changes() {
    for network in [PointToPoint, Broadcast] {
        let mut world = World::new(pair(network, |_, eth0| eth0.ttl_security = true));
        world.until("both are Full", are_full);
        assert_eq!(world.counter(0, "drop-ttl-too-low"), 0);
    }
}

#[test]
fn a_packet_that_may_have_come_over_a_router_is_dropped_by_name() {
    let mut world = World::new(pair(PointToPoint, |node, eth0| eth0.ttl_security = node == 0));
    world.run(Duration::from_secs(30));
    assert!(world.neighbor(0, 1).is_none(), "it sends with TTL 1");
    assert!(world.counter(0, "drop-ttl-too-low") >= 30);
    // The other one hears us whatever our TTL.
    assert_eq!(world.neighbor(1, 0).unwrap().nbr_state, "Init");
}

#[test]
fn only_those_on_the_list_become_neighbours() {
    let configs = (0..3).map(|node| {
        let mut config = config(node, Broadcast);
        if node == 0 {
            config.interfaces.get_mut("eth0").unwrap().allowed = Some(BTreeSet::from([address(1)]));
        }
        config
    });
    let mut world = World::new(configs.collect());
    world.until("the allowed one is Full", are_full);
    world.run(Duration::from_secs(10));
    assert!(world.neighbor(0, 2).is_none());
    assert!(world.counter(0, "drop-neighbor-not-allowed") > 0);
}

#[test]
fn a_neighbour_that_is_taken_off_the_list_is_given_up_and_the_others_are_not() {
    let mut world = World::of(Broadcast, 3);
    world.until("all are Full", |world| (1..3).all(|node| world.is_full(0, node)));
    let mut changed = config(0, Broadcast);
    changed.interfaces.get_mut("eth0").unwrap().allowed = Some(BTreeSet::from([address(1)]));
    let (now, changes) = (world.now, world.neighbor(0, 1).unwrap().state_changes);
    world.nodes[0].reconfigure(now, changed);
    world.collect();
    assert!(world.neighbor(0, 2).is_none());
    assert_eq!(world.neighbor(0, 1).map(|neighbor| neighbor.state_changes), Some(changes));
}

#[test]
fn a_hidden_prefix_is_no_destination_and_what_is_behind_it_is_reached() {
    for network in [PointToPoint, Broadcast] {
        let mut configs = pair(network, |_, eth0| eth0.hide_prefix = true);
        configs[1].static_advertisements = vec![vip(9, 7)];
        let mut world = World::new(configs);
        world.until("both are Full", are_full);
        world.run(Duration::from_secs(10));
        let routes: Vec<_> = world.nodes[0].routes().iter().map(|route| route.prefix.to_string()).collect();
        assert_eq!(routes, ["203.0.113.9/32"], "{network:?}");
        let told: Vec<_> =
            world.nodes[0].database(world.now).into_iter().flat_map(|lsa| lsa.detail).collect();
        assert!(told.iter().all(|line| !line.starts_with("stub 192.0.2.")), "{told:?}");
        // RFC 6860 §2.2.2.1
        let masks: Vec<_> = told.iter().filter(|line| line.starts_with("mask")).collect();
        let expected: &[&str] = if network == Broadcast { &["mask 255.255.255.255"] } else { &[] };
        assert_eq!(masks, expected);
    }
}

#[test]
fn hiding_and_showing_a_prefix_leaves_the_adjacency_alone() {
    let mut world = World::full_pair();
    assert!(world.has_line(1, 0, "stub 192.0.2.0/24 metric 10"));
    let changes = world.neighbor(0, 1).unwrap().state_changes;
    let mut hidden = config(0, PointToPoint);
    hidden.interfaces.get_mut("eth0").unwrap().hide_prefix = true;
    let now = world.now;
    world.nodes[0].reconfigure(now, hidden);
    world.run(Duration::from_secs(5));
    assert!(!world.has_line(1, 0, "stub 192.0.2.0/24 metric 10"));
    assert_eq!(world.neighbor(0, 1).unwrap().state_changes, changes);
}
