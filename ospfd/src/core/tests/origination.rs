//! How our own LSAs are made and numbered (RFC 2328 §12.1, §12.4).

use std::time::Duration;

use super::world::{World, config, router_id, vip};
use crate::core::config::NetworkType::PointToPoint;
use crate::packet::{Body, LsType, Lsa};

/// What `node` has flooded since `mark` of its own Router-LSA.
fn told(world: &World, node: usize, mark: usize) -> Vec<Lsa> {
    let mut told = Vec::new();
    for body in world.sent_since(mark, node) {
        if let Body::LinkStateUpdate(lsas) = body {
            let is_own = |lsa: &&Lsa| {
                let key = lsa.header.key;
                key.ls_type == LsType::Router && key.advertising_router == router_id(node)
            };
            told.extend(lsas.iter().filter(is_own).cloned());
        }
    }
    told
}

/// RFC 2328 §12.1.1, §12.1.4 to §12.1.7.
#[test]
fn instances_are_numbered_one_by_one_from_the_first_and_are_sound() {
    let mut world = World::full_pair();
    for metric in 1..4 {
        let mut changed = config(0, PointToPoint);
        changed.interfaces.get_mut("eth0").unwrap().cost = metric;
        world.nodes[0].reconfigure(world.now, changed);
        world.run(Duration::from_secs(2));
    }
    let told = told(&world, 0, 0);
    let numbers: Vec<_> = told.iter().map(|lsa| lsa.header.sequence).collect();
    let first = i32::MIN + 1;
    assert_eq!(numbers, (first..first + 4).collect::<Vec<_>>());
    for lsa in told {
        assert_eq!(lsa.header.key.link_state_id, lsa.header.key.advertising_router.0);
        assert_eq!(lsa.header.age, 1, "0, and InfTransDelay on the way");
        assert_eq!(Lsa::parse(&lsa.raw), Ok(lsa.clone()));
        assert!(lsa.is_intact());
    }
}

/// RFC 2328 §12.4: only what changes is told anew.
#[test]
fn what_would_say_the_same_is_not_originated() {
    let mut world = World::full_pair();
    let now = world.now;
    world.nodes[0].lease_open(now, "director", Duration::from_secs(60)).unwrap();
    world.nodes[0].lease_set(now, "director", 1, vec![vip(1, 5)]).unwrap();
    world.run(Duration::from_secs(3));
    let mark = world.sent.len();
    world.nodes[0].lease_set(world.now, "director", 2, vec![vip(1, 5)]).unwrap();
    world.nodes[0].reconfigure(world.now, config(0, PointToPoint));
    world.run(Duration::from_secs(10));
    assert_eq!(told(&world, 0, mark), []);
}
