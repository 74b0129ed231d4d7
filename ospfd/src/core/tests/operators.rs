//! What operators see of an instance, and do to it.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::RefusalCode;

use super::world::{World, address, router_id, vip};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::event::Event;
use crate::packet::Body;

/// The causes of the neighbour's state changes to Down that node 0 has told of.
fn lost(world: &World) -> Vec<&'static str> {
    let down = |event: &Event| match event {
        Event::NeighborState { to: "Down", cause, .. } => Some(*cause),
        _ => None,
    };
    world.events[0].iter().filter_map(down).collect()
}

#[test]
fn a_cleared_neighbour_comes_back() {
    for only in [None, Some(address(1)), Some(Ipv4Addr::from_bits(router_id(1).0))] {
        let mut world = World::full_pair();
        let now = world.now;
        assert_eq!(world.nodes[0].clear_neighbors(now, only), Ok(vec![router_id(1)]));
        assert!(world.neighbor(0, 1).is_none(), "cleared at once");
        world.collect();
        assert_eq!(lost(&world), ["KillNbr"]);
        world.until("both are Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
        assert!(world.now.since(now) < Duration::from_secs(10), "took {:?}", world.now.since(now));
        world.run(Duration::from_secs(3));
        assert!(world.agrees(), "{}", world.describe());
    }
}

#[test]
fn a_neighbour_that_is_not_there_cannot_be_cleared() {
    let mut world = World::full_pair();
    let now = world.now;
    let refusal = world.nodes[0].clear_neighbors(now, Some(Ipv4Addr::new(192, 0, 2, 99))).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotFound);
    assert!(world.is_full(0, 1));
    world.nodes[0].shutdown(now, now + Duration::from_secs(5));
    assert_eq!(world.nodes[0].clear_neighbors(now, None).unwrap_err().code, RefusalCode::Unavailable);
}

#[test]
fn areas_and_instance_count_what_the_database_holds() {
    let mut world = World::of(Broadcast, 3);
    world.until("the LAN is converged", |world| {
        world.agrees() && world.nodes.iter().all(|node| node.area_views()[0].lsa_number == 4)
    });
    world.run(Duration::from_secs(3));
    let areas = world.nodes[0].area_views();
    let [area] = areas.as_slice() else { panic!("{areas:?}") };
    assert_eq!((area.lsa_router_number, area.lsa_network_number), (3, 1));
    assert_eq!((area.area_if_total_counter, area.area_if_active_counter), (1, 1));
    assert_eq!(area.database_digest, world.nodes[1].area_views()[0].database_digest);
    let instance = world.nodes[0].instance_view();
    assert_eq!((instance.router_id, instance.state.as_str()), (router_id(0), "running"));
    assert_eq!((instance.lsa_number, instance.lsa_external_counter), (4, 0));
    assert_eq!(instance.nbr_full_adjacent_counter, area.nbr_full_adjacent_counter);
    assert_eq!(world.nodes[0].lsa_types().values().sum::<u32>(), 4);
}

#[test]
fn floods_are_counted_apart_from_their_repetitions() {
    let mut world = World::full_pair();
    let (flooded, again) = (world.counter(0, "lsa-flooded"), world.counter(0, "lsa-retransmitted"));
    assert!(flooded > 0);
    world.filter = Box::new(|node, body| node != 1 || !matches!(body, Body::LinkStateAck(_)));
    let now = world.now;
    world.nodes[0].lease_open(now, "test", Duration::from_secs(60)).unwrap();
    world.nodes[0].lease_set(now, "test", 1, vec![vip(9, 7)]).unwrap();
    world.run(Duration::from_secs(11));
    assert_eq!(world.counter(0, "lsa-flooded"), flooded + 1);
    // RxmtInterval is 5 s.
    assert_eq!(world.counter(0, "lsa-retransmitted"), again + 2);
}

#[test]
fn calculations_are_counted_and_dated() {
    let mut world = World::of(PointToPoint, 2);
    assert_eq!(world.nodes[0].spf_view(world.now).spf_last_executed_msecs, None);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    let view = world.nodes[0].spf_view(world.now);
    assert_eq!(view.full_runs + view.external_runs, world.nodes[0].spf_runs());
    assert!((1..10).contains(&view.full_runs), "{view:?}");
    assert_eq!(view.last_kind.as_deref(), Some("full"));
    assert!((2_000..3_000).contains(&view.spf_last_executed_msecs.unwrap()), "{view:?}");
    assert_eq!((view.backoff_state.as_str(), view.spf_timer_due_in_msecs), ("quiet", None));
    assert_eq!(view.routes, u32::try_from(world.nodes[0].routes().len()).unwrap());
}
