//! An NSSA in virtual time: its translator is elected, crashes and comes back; its VIPs are told to the AS.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::{Encoding, RouteView};
use common::ids::AreaId;
use integration::sim::{Failure, LinkId, NodeId, Quality, Topology, World};
use ospfd::core::config::{AreaConfig, AreaKind, NssaConfig, NssaRangeConfig, TranslatorRole};

/// In the backbone only.
const INSIDE: NodeId = NodeId(0);
/// Border routers of the NSSA, area 1, and a router in it.
const ABR_A: NodeId = NodeId(1);
const ABR_B: NodeId = NodeId(2);
const FAR: NodeId = NodeId(3);
/// The border router of area 2, and a router in it.
const ABR_C: NodeId = NodeId(4);
const LEAF: NodeId = NodeId(5);
const NSSA: AreaId = AreaId(1);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER_VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const STABILITY: Duration = Duration::from_secs(10);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn nssa() -> NssaConfig {
    NssaConfig { stability_interval: STABILITY, ..NssaConfig::default() }
}

fn area(nssa: NssaConfig) -> AreaConfig {
    AreaConfig { kind: AreaKind::Nssa(nssa), ..AreaConfig::default() }
}

/// A router of the NSSA and one of area 2 advertise an external VIP each; everyone has been started.
fn world_with(config: AreaConfig) -> World {
    let mut topology = Topology::areas(Quality::CLEAN);
    topology.configure(NSSA, config);
    let mut world = World::new(&topology, 1);
    for (node, vip) in [(FAR, VIP), (LEAF, OTHER_VIP)] {
        world.encode(node, Encoding::External2);
        world.advertise(node, vip);
    }
    world.start_all();
    world
}

fn world() -> World {
    world_with(area(nssa()))
}

fn route(world: &World, at: NodeId, prefix: &str) -> Option<RouteView> {
    let prefix = prefix.parse().unwrap();
    world.instance(at)?.route_views().into_iter().find(|route| route.prefix == prefix)
}

fn route_type(world: &World, at: NodeId, prefix: &str) -> Option<String> {
    route(world, at, prefix).map(|route| route.route_type)
}

fn translator(world: &World, at: NodeId) -> String {
    let views = world.instance(at).unwrap().area_views();
    views.into_iter().find(|view| view.area_id == NSSA).unwrap().nssa_translator.unwrap()
}

/// Who tells of a prefix by LSAs of a type that router `at` has, and what the LSAs say.
fn told(world: &World, at: NodeId, lsa_type: &str, id: &str) -> Vec<(NodeId, String)> {
    let database = world.instance(at).unwrap().database(world.now());
    let found = database
        .into_iter()
        .filter(|lsa| lsa.lsa_type == lsa_type && lsa.link_state_id == id && lsa.lsa_age < 3600);
    let nodes = [INSIDE, ABR_A, ABR_B, FAR, ABR_C, LEAF];
    let by = |router| nodes.into_iter().find(|node| node.router_id() == router).unwrap();
    found.map(|lsa| (by(lsa.advertised_router), lsa.detail.join(" "))).collect()
}

fn tellers(world: &World, at: NodeId, lsa_type: &str, id: &str) -> Vec<NodeId> {
    told(world, at, lsa_type, id).into_iter().map(|(node, _)| node).collect()
}

#[test]
fn a_vip_of_the_nssa_is_told_to_the_as_by_the_border_router_of_the_highest_id() -> Result<(), Failure> {
    let mut world = world();
    world.settle(secs(60))?;
    assert_eq!((translator(&world, ABR_A), translator(&world, ABR_B)), ("disabled".into(), "elected".into()));
    assert_eq!(tellers(&world, FAR, "nssa", "192.0.2.1"), [FAR]);
    for at in [INSIDE, ABR_A, ABR_B, ABR_C, LEAF] {
        assert_eq!(tellers(&world, at, "as-external", "192.0.2.1"), [ABR_B], "{at:?}");
        assert_eq!(route_type(&world, at, "192.0.2.1/32").unwrap(), "N E2", "{at:?}");
    }
    // With the type-7 LSA's forwarding address both border routers carry the traffic.
    let (_, said) = &told(&world, INSIDE, "as-external", "192.0.2.1")[0];
    assert!(said.contains("10.1.0.2"), "{said}");
    // Type-7 LSAs stay within the NSSA, type-5 and type-4 LSAs out of it.
    assert_eq!(tellers(&world, LEAF, "nssa", "192.0.2.1"), []);
    let of_far = world.instance(FAR).unwrap().database(world.now());
    assert!(of_far.iter().all(|lsa| !["as-external", "summary-asbr"].contains(&lsa.lsa_type.as_str())));
    Ok(())
}

#[test]
fn the_default_route_of_an_nssa_is_a_type_7_lsa_and_without_summaries_a_summary() -> Result<(), Failure> {
    let mut with = world();
    with.settle(secs(60))?;
    assert_eq!(route_type(&with, FAR, "0.0.0.0/0").unwrap(), "N E2");
    assert_eq!(tellers(&with, FAR, "nssa", "0.0.0.0"), [ABR_A, ABR_B]);
    // It stays within the NSSA, and its border routers do not follow each other's.
    for at in [INSIDE, ABR_A, ABR_B] {
        assert_eq!(route_type(&with, at, "0.0.0.0/0"), None, "{at:?}");
    }
    let mut without = world_with(area(NssaConfig { summaries: false, ..nssa() }));
    without.run_for(secs(60))?;
    assert_eq!(route_type(&without, FAR, "0.0.0.0/0").unwrap(), "N IA");
    assert_eq!(tellers(&without, FAR, "nssa", "0.0.0.0"), []);
    assert_eq!(route_type(&without, INSIDE, "192.0.2.1/32").unwrap(), "N E2");
    Ok(())
}

#[test]
fn when_the_translator_crashes_the_next_takes_over_and_gives_way_when_it_returns() -> Result<(), Failure> {
    let mut world = world();
    world.settle(secs(60))?;
    world.crash(ABR_B);
    world.run_for(secs(8))?;
    assert_eq!(translator(&world, ABR_A), "elected");
    assert_eq!(route_type(&world, INSIDE, "192.0.2.1/32").unwrap(), "N E2");
    assert!(tellers(&world, INSIDE, "as-external", "192.0.2.1").contains(&ABR_A));

    world.start(ABR_B);
    world.run_for(secs(5))?;
    // RFC 3101 §3.1: TranslatorStabilityInterval. Nobody is without the route meanwhile.
    assert_eq!((translator(&world, ABR_A), translator(&world, ABR_B)), ("deposed".into(), "elected".into()));
    assert_eq!(route_type(&world, LEAF, "192.0.2.1/32").unwrap(), "N E2");
    world.run_for(STABILITY)?;
    assert_eq!(translator(&world, ABR_A), "disabled");
    world.settle(secs(60))?;
    assert_eq!(tellers(&world, INSIDE, "as-external", "192.0.2.1"), [ABR_B]);
    Ok(())
}

#[test]
fn a_border_router_that_is_one_no_more_takes_its_translations_back() -> Result<(), Failure> {
    let mut world = world();
    world.settle(secs(60))?;
    // The link from the translator into the NSSA.
    world.set_carrier(LinkId(2), false);
    world.run_for(secs(5))?;
    assert_eq!(tellers(&world, INSIDE, "as-external", "192.0.2.1"), [ABR_A]);
    world.settle(secs(60)).map(drop)
}

#[test]
fn a_withdrawal_in_the_nssa_is_heard_in_every_area_within_moments() -> Result<(), Failure> {
    let mut world = world();
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
fn a_border_router_that_tells_the_as_itself_clears_the_p_bit() -> Result<(), Failure> {
    let mut world = world();
    world.encode(ABR_A, Encoding::External2);
    world.advertise(ABR_A, OTHER_VIP);
    world.withdraw(LEAF, OTHER_VIP);
    world.settle(secs(60))?;
    let said = told(&world, FAR, "nssa", "192.0.2.2");
    assert!(said.len() == 1 && said[0].1.contains("forwarding_address: 0.0.0.0"), "{said:?}");
    // So that the translator does not tell it again.
    assert_eq!(tellers(&world, INSIDE, "as-external", "192.0.2.2"), [ABR_A]);
    assert_eq!(route_type(&world, FAR, "192.0.2.2/32").unwrap(), "N E2");
    Ok(())
}

#[test]
fn who_always_translates_needs_no_election() -> Result<(), Failure> {
    let mut world = world_with(area(NssaConfig { translator: TranslatorRole::Always, ..nssa() }));
    world.run_for(secs(30))?;
    for at in [ABR_A, ABR_B] {
        assert_eq!(translator(&world, at), "enabled");
    }
    // Of two that say the same, the one with the higher Router ID does (§3.2 (2)).
    assert_eq!(tellers(&world, INSIDE, "as-external", "192.0.2.1"), [ABR_B]);
    Ok(())
}

#[test]
fn a_range_of_the_nssa_is_told_as_one_or_hidden() -> Result<(), Failure> {
    for advertise in [true, false] {
        let range = NssaRangeConfig { advertise, tag: if advertise { 99 } else { 0 } };
        let nssa_ranges = [("192.0.2.0/24".parse().unwrap(), range)].into();
        let mut world = world_with(AreaConfig { nssa_ranges, ..area(nssa()) });
        world.run_for(secs(30))?;
        assert_eq!(route_type(&world, INSIDE, "192.0.2.1/32"), None);
        let range = route(&world, INSIDE, "192.0.2.0/24");
        let range = range.map(|route| (route.route_type, route.type2cost, route.tag));
        assert_eq!(range, advertise.then(|| ("N E2".to_owned(), Some(21), Some(99))));
        assert_eq!(tellers(&world, FAR, "nssa", "192.0.2.1"), [FAR]);
    }
    Ok(())
}

#[test]
fn hours_go_by_without_a_change() -> Result<(), Failure> {
    let mut world = world();
    world.settle(secs(60))?;
    for _ in 0..6 {
        world.run_for(secs(1200))?;
        let missing = world.missing();
        world.claim(missing.is_empty(), &format!("{missing:?}"))?;
    }
    assert_eq!(tellers(&world, INSIDE, "as-external", "192.0.2.1"), [ABR_B]);
    Ok(())
}
