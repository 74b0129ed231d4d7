//! Several areas in virtual time: border routers, stub areas, ranges.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::RouteView;
use common::ids::AreaId;
use integration::sim::scenario::Suite;
use integration::sim::{Failure, LinkId, NodeId, Quality, Topology, World, sweep};
use ospfd::core::config::{AreaConfig, AreaKind, RangeConfig};

/// In the backbone only.
const INSIDE: NodeId = NodeId(0);
/// Border routers of area 1, and a router in it.
const ABR_A: NodeId = NodeId(1);
const ABR_B: NodeId = NodeId(2);
const FAR: NodeId = NodeId(3);
/// The border router of area 2, and a router in it.
const ABR_C: NodeId = NodeId(4);
const LEAF: NodeId = NodeId(5);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER_VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Seeds that `random_events_leave_all_areas_agreed` plays.
const SEEDS: u64 = 1_500;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn stub(summaries: bool) -> AreaConfig {
    AreaConfig { kind: AreaKind::Stub { default_cost: 1, summaries }, ..AreaConfig::default() }
}

/// A router of area 1 and one of area 2 advertise a VIP each; everyone has been started.
fn world(topology: &Topology) -> World {
    let mut world = World::new(topology, 1);
    world.advertise(FAR, VIP);
    world.advertise(LEAF, OTHER_VIP);
    world.start_all();
    world
}

fn route(world: &World, at: NodeId, prefix: &str) -> Option<RouteView> {
    let prefix = prefix.parse().unwrap();
    world.instance(at)?.route_views().into_iter().find(|route| route.prefix == prefix)
}

fn route_type(world: &World, at: NodeId, prefix: &str) -> Option<String> {
    route(world, at, prefix).map(|route| route.route_type)
}

#[test]
fn everyone_reaches_the_vips_of_other_areas_over_all_border_routers() -> Result<(), Failure> {
    let mut world = world(&Topology::areas(Quality::CLEAN));
    world.settle(secs(60))?;
    for at in [INSIDE, ABR_C, LEAF] {
        let found = route(&world, at, "192.0.2.1/32").unwrap();
        assert_eq!(found.route_type, "N IA", "{at:?}");
        let hops = if at == LEAF { 1 } else { 2 };
        assert_eq!(found.nexthops.len(), hops, "{at:?} uses both border routers: {found:?}");
    }
    assert_eq!(route_type(&world, ABR_A, "192.0.2.1/32").unwrap(), "N");
    assert_eq!(route_type(&world, FAR, "192.0.2.2/32").unwrap(), "N IA");
    // LAN, then the link to the VIP's router, then the VIP.
    assert_eq!(route(&world, INSIDE, "192.0.2.1/32").unwrap().cost, 10 + 10 + 20);
    Ok(())
}

#[test]
fn a_withdrawal_is_heard_in_every_area_within_moments() -> Result<(), Failure> {
    let mut world = world(&Topology::areas(Quality::CLEAN));
    world.settle(secs(60))?;
    world.run_for(secs(30))?;
    world.withdraw(FAR, VIP);
    world.run_for(Duration::from_millis(400))?;
    for at in [INSIDE, ABR_A, ABR_B, ABR_C, LEAF] {
        assert_eq!(route_type(&world, at, "192.0.2.1/32"), None, "{at:?}");
    }
    world.settle(secs(10)).map(drop)
}

#[test]
fn a_border_router_that_crashes_is_one_next_hop_less_and_comes_back() -> Result<(), Failure> {
    let mut world = world(&Topology::areas(Quality::CLEAN));
    world.settle(secs(60))?;
    world.crash(ABR_A);
    world.run_for(secs(10))?;
    assert_eq!(route(&world, INSIDE, "192.0.2.1/32").unwrap().nexthops.len(), 1);
    world.start(ABR_A);
    world.settle(secs(60))?;
    assert_eq!(route(&world, INSIDE, "192.0.2.1/32").unwrap().nexthops.len(), 2);
    Ok(())
}

#[test]
fn a_border_router_that_lost_its_area_takes_its_summaries_back() -> Result<(), Failure> {
    let mut world = world(&Topology::areas(Quality::CLEAN));
    world.settle(secs(60))?;
    world.set_carrier(LinkId(1), false);
    world.settle(secs(60))?;
    let found = route(&world, INSIDE, "192.0.2.1/32").unwrap();
    assert_eq!(found.nexthops.len(), 1, "{found:?}");
    // It knows the area from the backbone now.
    assert_eq!(route_type(&world, ABR_A, "192.0.2.1/32").unwrap(), "N IA");
    Ok(())
}

#[test]
fn a_stub_area_has_summaries_and_a_default_route() -> Result<(), Failure> {
    let mut topology = Topology::areas(Quality::CLEAN);
    topology.configure(AreaId(2), stub(true));
    let mut world = world(&topology);
    world.settle(secs(60))?;
    assert_eq!(route_type(&world, LEAF, "0.0.0.0/0").unwrap(), "N IA");
    assert_eq!(route_type(&world, LEAF, "192.0.2.1/32").unwrap(), "N IA");
    assert_eq!(route_type(&world, INSIDE, "0.0.0.0/0"), None);
    assert_eq!(route_type(&world, ABR_C, "0.0.0.0/0"), None);
    Ok(())
}

#[test]
fn a_totally_stubby_area_has_a_default_route_only() -> Result<(), Failure> {
    let mut topology = Topology::areas(Quality::CLEAN);
    topology.configure(AreaId(2), stub(false));
    let mut world = world(&topology);
    world.run_for(secs(60))?;
    let inter: Vec<_> = world
        .instance(LEAF)
        .unwrap()
        .route_views()
        .into_iter()
        .filter(|route| route.route_type == "N IA")
        .map(|route| route.prefix.to_string())
        .collect();
    assert_eq!(inter, ["0.0.0.0/0"]);
    assert_eq!(route_type(&world, INSIDE, "192.0.2.2/32").unwrap(), "N IA");
    Ok(())
}

#[test]
fn a_range_is_told_as_one_or_hidden() -> Result<(), Failure> {
    for advertise in [true, false] {
        let mut topology = Topology::areas(Quality::CLEAN);
        let range = RangeConfig { advertise, cost: Some(99) };
        let ranges = [("10.1.0.0/16".parse().unwrap(), range)].into();
        topology.configure(AreaId(1), AreaConfig { ranges, ..AreaConfig::default() });
        let mut world = world(&topology);
        world.settle(secs(60))?;
        assert_eq!(route_type(&world, INSIDE, "10.1.0.0/24"), None);
        let range = route(&world, INSIDE, "10.1.0.0/16").map(|route| (route.route_type, route.cost));
        assert_eq!(range, advertise.then(|| ("N IA".to_owned(), 109)));
        // RFC 2328 §16.2 (3): the other border router's range is none for this one, which drops what is in its own (§11.1).
        assert_eq!(route_type(&world, ABR_A, "10.1.0.0/16").unwrap(), "D IA");
        assert_eq!(route_type(&world, ABR_A, "10.1.0.0/24").unwrap(), "N");
    }
    Ok(())
}

#[test]
fn hours_go_by_without_a_change() -> Result<(), Failure> {
    let mut world = world(&Topology::areas(Quality::CLEAN));
    world.settle(secs(60))?;
    for _ in 0..6 {
        world.run_for(secs(1200))?;
        let missing = world.missing();
        world.claim(missing.is_empty(), &format!("{missing:?}"))?;
    }
    Ok(())
}

#[test]
fn random_events_leave_all_areas_agreed() -> Result<(), Failure> {
    sweep::test(Suite::Areas, SEEDS)
}
