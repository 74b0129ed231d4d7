//! Whatever comes in, the engine stands, and an adjacency that had nothing to do with it stays.

use std::cell::RefCell;
use std::time::Duration;

use common::wire::checksum;
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::test_runner::Config;

use super::world::{ETH0, World, address};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::event::RxDatagram;
use crate::core::output::ALL_SPF_ROUTERS;

/// Gives node 0 a payload in node 1's name.
fn feed(world: &mut World, payload: &[u8]) {
    let rx = RxDatagram { if_index: ETH0, source: address(1), destination: ALL_SPF_ROUTERS, ttl: 1, payload };
    let now = world.now;
    world.nodes[0].handle_datagram(now, rx);
    world.collect();
}

/// `packet` with one byte changed and the packet checksum put right again.
fn mutated(packet: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    let at = at % bytes.len();
    bytes[at] = value;
    bytes[12..14].fill(0);
    let sum = checksum::internet(&[&bytes[..16], &bytes[24..]]);
    bytes[12..14].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn random_bytes_are_counted_and_change_nothing() {
    let world = RefCell::new(World::full_pair());
    proptest!(Config::with_cases(512), |(payload in vec(any::<u8>(), 0..200))| {
        let mut world = world.borrow_mut();
        let before: u64 = drops(&world);
        feed(&mut world, &payload);
        assert_eq!(drops(&world), before + 1);
        assert!(world.is_full(0, 1));
    });
}

fn drops(world: &World) -> u64 {
    world.nodes[0].counters().iter().filter(|c| c.name.starts_with("drop-")).map(|c| c.value).sum()
}

#[test]
fn after_mutated_packets_the_adjacency_comes_back() {
    for network_type in [PointToPoint, Broadcast] {
        let mut template = World::of(network_type, 2);
        template.run(Duration::from_secs(10));
        let payloads: Vec<_> = template
            .sent
            .iter()
            .zip(&template.payloads)
            .filter(|((_, node, ..), _)| *node == 1)
            .map(|(_, payload)| payload.clone())
            .collect();
        let world = RefCell::new(template);
        proptest!(Config::with_cases(1_000), |(which in any::<usize>(), at in any::<usize>(), value in any::<u8>())| {
            let mut world = world.borrow_mut();
            let bytes = mutated(&payloads[which % payloads.len()], at, value);
            feed(&mut world, &bytes);
            world.run(Duration::from_millis(10));
        });
        let mut world = world.into_inner();
        world.run(Duration::from_secs(30));
        assert!(world.is_full(0, 1) && world.is_full(1, 0), "{}", world.describe());
    }
}
