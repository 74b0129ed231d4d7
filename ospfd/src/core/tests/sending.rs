//! Where packets are sent to, and what they come from (RFC 2328 §8.1).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::world::{World, address, config, link, vip};
use crate::core::Instance;
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::output::{ALL_D_ROUTERS, ALL_SPF_ROUTERS};
use crate::packet::Body;

/// Nodes 0 and 3 are neither, 1 is Backup and 2 is DR. Node 0 comes late, and has all to ask for.
fn settled_lan() -> World {
    let priorities = [1, 5, 9, 1];
    let configs = priorities.iter().enumerate().map(|(node, &priority)| {
        let mut config = config(node, Broadcast);
        config.interfaces.get_mut("eth0").unwrap().priority = priority;
        config
    });
    let mut world = World::new(configs.collect());
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, false));
    world.run(Duration::from_secs(10));
    let now = world.now;
    world.nodes[0].handle_link(now, link(0, true));
    world.run(Duration::from_secs(10));
    world
}

/// A VIP is advertised by `node`.
fn change(world: &mut World, node: usize) {
    world.nodes[node].lease_open(world.now, "director", Duration::from_secs(60)).unwrap();
    world.nodes[node].lease_set(world.now, "director", 1, vec![vip(1, 3)]).unwrap();
    world.collect();
}

/// Where the packets of one kind went that `node` has sent since `mark`.
fn destinations(world: &World, mark: usize, node: usize, kind: &str) -> BTreeSet<Ipv4Addr> {
    world.sent[mark..]
        .iter()
        .filter(|(_, from, _, body)| *from == node && body.name() == kind)
        .map(|(_, _, to, _)| *to)
        .collect()
}

#[test]
fn on_a_network_of_two_every_packet_goes_to_the_group() {
    let mut world = World::full_pair();
    // Without acknowledgements there are retransmissions, too.
    world.filter = Box::new(|_, body| !matches!(body, Body::LinkStateAck(_)));
    change(&mut world, 0);
    world.run(Duration::from_secs(12));
    assert!(world.counter(0, "lsa-retransmitted") > 0, "{:?}", world.nodes[0].counters());
    assert!(world.sent.iter().all(|(_, _, to, _)| *to == ALL_SPF_ROUTERS));
}

#[test]
fn on_a_broadcast_network_each_kind_of_packet_has_its_destination() {
    let mut world = settled_lan();
    let unicast: BTreeSet<_> = (0..4).map(address).collect();
    for node in 0..4 {
        assert_eq!(destinations(&world, 0, node, "hello"), BTreeSet::from([ALL_SPF_ROUTERS]));
        for kind in ["database-description", "link-state-request"] {
            let to = destinations(&world, 0, node, kind);
            assert!(to.is_subset(&unicast), "{kind} of node {node}: {to:?}");
        }
    }
    assert!(!destinations(&world, 0, 0, "database-description").is_empty());
    assert!(!destinations(&world, 0, 0, "link-state-request").is_empty());
    // What is acknowledged together, once all is quiet.
    let mark = world.sent.len();
    change(&mut world, 2);
    world.run(Duration::from_secs(3));
    assert_eq!(destinations(&world, mark, 2, "link-state-update"), BTreeSet::from([ALL_SPF_ROUTERS]));
    for (node, group) in [(0, ALL_D_ROUTERS), (1, ALL_SPF_ROUTERS), (3, ALL_D_ROUTERS)] {
        assert_eq!(
            destinations(&world, mark, node, "link-state-ack"),
            BTreeSet::from([group]),
            "node {node}"
        );
    }
    let mark = world.sent.len();
    change(&mut world, 1);
    world.run(Duration::from_secs(3));
    assert_eq!(destinations(&world, mark, 1, "link-state-update"), BTreeSet::from([ALL_SPF_ROUTERS]));
}

#[test]
fn a_retransmission_goes_to_the_neighbour_alone() {
    let mut world = settled_lan();
    world.filter = Box::new(|node, body| node != 0 || !matches!(body, Body::LinkStateAck(_)));
    change(&mut world, 2);
    world.run(Duration::from_secs(3));
    let mark = world.sent.len();
    world.run(Duration::from_secs(9));
    assert_eq!(destinations(&world, mark, 2, "link-state-update"), BTreeSet::from([address(0)]));
}

#[test]
fn packets_leave_from_the_address_of_their_interface() {
    let mut node = Instance::new(config(4, PointToPoint), 1, World::of(PointToPoint, 1).now);
    let now = common::time::Instant::from_micros(1_000_000);
    node.handle_link(now, link(4, true));
    let hello = node.poll_transmit().expect("a hello at once");
    assert_eq!((hello.source, hello.ttl), (address(4), 1));
}
