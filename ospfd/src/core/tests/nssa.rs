//! Not-so-stubby areas (RFC 3101): who may be a neighbour there, what is flooded, and how VIPs are told.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding};

use super::world::{AREA, ETH0, World, address, config, router_id, vip};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::config::{AreaConfig, AreaKind, Config, NssaConfig};
use crate::core::lsdb::Scope;
use crate::packet::{
    Body, DatabaseDescription, ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, MAX_AGE, options,
    router_flags,
};

const TTL: Duration = Duration::from_secs(3600);

fn nssa_config(node: usize) -> Config {
    let area = AreaConfig { kind: AreaKind::Nssa(NssaConfig::default()), ..AreaConfig::default() };
    Config { areas: [(AREA, area)].into(), ..config(node, PointToPoint) }
}

fn nssa_pair() -> World {
    let mut world = World::new((0..2).map(nssa_config).collect());
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    world
}

fn advertise(world: &mut World, generation: u64, encoding: Option<Encoding>) {
    let now = world.now;
    if generation == 1 {
        world.nodes[0].lease_open(now, "director", TTL).unwrap();
    }
    let set = encoding.map(|encoding| Advertisement { encoding, tag: 7, ..vip(1, 20) });
    world.nodes[0].lease_set(now, "director", generation, set.into_iter().collect()).unwrap();
    world.collect();
}

fn key(ls_type: LsType, by: usize) -> LsaKey {
    LsaKey { ls_type, link_state_id: 0xcb00_7101, advertising_router: router_id(by) }
}

fn external(ls_type: LsType, by: usize, sequence: i32) -> Lsa {
    let body = LsaBody::External(ExternalLsa {
        network_mask: Ipv4Addr::BROADCAST,
        metric_type: ExternalMetric::Type2,
        metric: 20,
        forwarding_address: address(by),
        route_tag: 0,
    });
    Lsa::build(1, options::NP, key(ls_type, by), sequence, body).unwrap()
}

/// Node 0's type-7 LSA of the VIP at node `at`.
fn type_7(world: &World, at: usize) -> Option<Lsa> {
    let entry = world.nodes[at].lsdb.get(Scope::Area(AREA), key(LsType::Nssa, 0))?;
    (entry.age(world.now) < MAX_AGE).then(|| entry.lsa().clone())
}

fn updates(world: &World) -> impl Iterator<Item = &Lsa> {
    world.sent.iter().flat_map(|(.., body)| match body {
        Body::LinkStateUpdate(lsas) => lsas.as_slice(),
        Body::Hello(_) | Body::DatabaseDescription(_) | Body::LinkStateRequest(_) | Body::LinkStateAck(_) => {
            &[]
        }
    })
}

/// RFC 3101 §2.1, appendix A.
#[test]
fn the_n_bit_is_in_hellos_only_and_the_e_bit_nowhere() {
    let mut world = nssa_pair();
    advertise(&mut world, 1, Some(Encoding::External2));
    world.run(Duration::from_secs(3));
    for (_, _, _, body) in &world.sent {
        match body {
            Body::Hello(hello) => assert_eq!(hello.options, options::NP),
            Body::DatabaseDescription(description) => {
                assert_eq!(description.options & (options::E | options::NP), 0);
            }
            Body::LinkStateUpdate(_) | Body::LinkStateRequest(_) | Body::LinkStateAck(_) => {}
        }
    }
    for lsa in updates(&world) {
        let p_bit = if lsa.header.key.ls_type == LsType::Nssa { options::NP } else { 0 };
        assert_eq!(lsa.header.options & (options::E | options::NP), p_bit, "{}", lsa.header.key);
    }
}

/// RFC 3101 §2.1.
#[test]
fn who_does_not_agree_on_the_n_bit_is_no_neighbour() {
    let stub = AreaKind::Stub { default_cost: 1, summaries: true };
    let stub = AreaConfig { kind: stub, ..AreaConfig::default() };
    let others =
        [config(1, PointToPoint), Config { areas: [(AREA, stub)].into(), ..config(1, PointToPoint) }];
    for other in others {
        let mut world = World::new(vec![nssa_config(0), other]);
        world.run(Duration::from_secs(20));
        assert!(world.neighbor(0, 1).is_none() && world.neighbor(1, 0).is_none());
        for node in 0..2 {
            assert!(world.counter(node, "drop-options-mismatch") > 5);
        }
    }
}

/// RFC 3101 §2.3, §2.4.
#[test]
fn an_external_vip_is_a_type_7_lsa_with_the_p_bit_and_our_address() {
    for (encoding, metric_type) in
        [(Encoding::External1, ExternalMetric::Type1), (Encoding::External2, ExternalMetric::Type2)]
    {
        let mut world = nssa_pair();
        advertise(&mut world, 1, Some(encoding));
        world.run(Duration::from_secs(1));
        let lsa = type_7(&world, 1).expect("node 1 has it");
        let body = ExternalLsa {
            network_mask: Ipv4Addr::BROADCAST,
            metric_type,
            metric: 20,
            forwarding_address: address(0),
            route_tag: 7,
        };
        assert_eq!((lsa.header.options, lsa.body), (options::NP, LsaBody::External(body)));
        assert!(world.nodes[0].advertised(world.now)[0].originated);
        assert!(updates(&world).all(|lsa| lsa.header.key.ls_type != LsType::AsExternal));
        let flags: Vec<_> = updates(&world)
            .filter_map(|lsa| match &lsa.body {
                LsaBody::Router(router) if lsa.header.key.advertising_router == router_id(0) => {
                    Some(router.flags)
                }
                _ => None,
            })
            .collect();
        assert_eq!(flags.last(), Some(&router_flags::E));
        let views = world.nodes[1].route_views();
        let route = views.iter().find(|route| route.prefix == vip(1, 0).prefix).expect("a route");
        assert_eq!((route.cost, route.tag), (if encoding == Encoding::External1 { 30 } else { 10 }, Some(7)));
        assert_eq!(route.nexthops[0].ip, Some(address(0).into()));

        advertise(&mut world, 2, None);
        world.run(Duration::from_secs(3));
        assert!(type_7(&world, 0).is_none() && type_7(&world, 1).is_none());
    }
}

/// RFC 3101 §2.3.
#[test]
fn without_an_address_that_others_reach_the_p_bit_is_clear() {
    let mut configs: Vec<_> = (0..2).map(nssa_config).collect();
    configs[0].interfaces.get_mut("eth0").unwrap().hide_prefix = true;
    let mut world = World::new(configs);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    advertise(&mut world, 1, Some(Encoding::External2));
    world.run(Duration::from_secs(3));
    let lsa = type_7(&world, 1).expect("node 1 has it");
    let LsaBody::External(body) = lsa.body else { panic!("no external") };
    assert_eq!((lsa.header.options, body.forwarding_address), (0, Ipv4Addr::UNSPECIFIED));
    assert!(world.nodes[1].routes().get(vip(1, 0).prefix).is_some());
}

/// RFC 3101 §2.3.
#[test]
fn a_type_7_lsa_is_taken_in_an_nssa_only_and_a_type_5_lsa_elsewhere_only() {
    let mut world = nssa_pair();
    world.inject(1, 0, Body::LinkStateUpdate(vec![external(LsType::AsExternal, 1, 1)]));
    world.inject(1, 0, Body::LinkStateUpdate(vec![external(LsType::Nssa, 1, 1)]));
    let held = |world: &World, scope, ls_type| world.nodes[0].lsdb.get(scope, key(ls_type, 1)).is_some();
    assert!(held(&world, Scope::Area(AREA), LsType::Nssa) && !held(&world, Scope::As, LsType::AsExternal));
    assert_eq!(world.counter(0, "drop-unsupported-ls-type"), 1);

    let mut world = World::full_pair();
    world.inject(1, 0, Body::LinkStateUpdate(vec![external(LsType::Nssa, 1, 1)]));
    assert!(!held(&world, Scope::Area(AREA), LsType::Nssa));
    assert_eq!(world.counter(0, "drop-unsupported-ls-type"), 1);
}

#[test]
fn a_description_with_a_type_7_lsa_is_asked_for_in_an_nssa_only() {
    for (of, wanted) in [(nssa_config(0), true), (config(0, PointToPoint), false)] {
        let options = of.area_kind(AREA).options();
        let mut world = World::new(vec![of.clone(), Config { router_id: router_id(1), ..of }]);
        world.filter = Box::new(|node, body| node != 1 || matches!(body, Body::Hello(_)));
        world.run(Duration::from_secs(3));
        let first = DatabaseDescription {
            mtu: 1500,
            options,
            init: true,
            more: true,
            master: true,
            sequence: 77,
            headers: Vec::new(),
        };
        let second = DatabaseDescription {
            init: false,
            more: false,
            sequence: 78,
            headers: vec![external(LsType::Nssa, 1, 1).header],
            ..first.clone()
        };
        for description in [first, second] {
            world.inject_from(1, address(1), 0, Body::DatabaseDescription(description));
            world.run(Duration::from_millis(1));
        }
        let asked = world
            .sent_since(0, 0)
            .iter()
            .any(|body| matches!(body, Body::LinkStateRequest(keys) if keys.contains(&key(LsType::Nssa, 1))));
        assert_eq!(asked, wanted);
        assert_eq!(world.counter(0, "drop-unsupported-ls-type"), u64::from(!wanted));
    }
}

/// RFC 2328 §13.4, for type 7.
#[test]
fn p7_type_7_lsas_of_a_former_life_are_outdone_or_flushed() {
    for wanted in [true, false] {
        let mut world = nssa_pair();
        advertise(&mut world, 1, wanted.then_some(Encoding::External2));
        world.run(Duration::from_secs(3));
        let returned = external(LsType::Nssa, 0, 1_000);
        world.inject(0, 1, Body::LinkStateUpdate(vec![returned.clone()]));
        world.inject(1, 0, Body::LinkStateUpdate(vec![returned]));
        world.run(Duration::from_secs(20));
        let expected = wanted.then_some(1_001);
        for node in 0..2 {
            assert_eq!(type_7(&world, node).map(|lsa| lsa.header.sequence), expected);
        }
        assert!(world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    }
}

#[test]
fn two_announcers_in_an_nssa_are_two_next_hops() {
    let area = AreaConfig { kind: AreaKind::Nssa(NssaConfig::default()), ..AreaConfig::default() };
    let mut configs: Vec<_> = (0..3)
        .map(|node| Config { areas: [(AREA, area.clone())].into(), ..config(node, Broadcast) })
        .collect();
    for config in &mut configs[1..] {
        config.static_advertisements = vec![Advertisement { encoding: Encoding::External2, ..vip(9, 5) }];
    }
    let mut world = World::new(configs);
    world.until("both are next hops", |world| {
        let route = world.nodes[0].routes().get(vip(9, 5).prefix).cloned();
        route.is_some_and(|route| route.next_hops.len() == 2)
    });
    let view = world.nodes[1].ecmp(world.now, vip(9, 5).prefix, Some(router_id(0))).unwrap();
    assert_eq!(view.upstreams[0].directors.iter().filter(|director| director.used).count(), 2);
}

#[test]
fn an_area_that_is_no_nssa_any_more_loses_its_type_7_lsas() {
    let mut world = nssa_pair();
    advertise(&mut world, 1, Some(Encoding::External2));
    world.run(Duration::from_secs(3));
    let now = world.now;
    for node in 0..2 {
        world.nodes[node].reconfigure(now, config(node, PointToPoint));
    }
    world.until("Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    for node in 0..2 {
        assert!(type_7(&world, node).is_none());
        assert!(world.nodes[node].lsdb.get(Scope::As, key(LsType::AsExternal, 0)).is_some());
    }
    assert_eq!(world.nodes[0].interfaces(now)[0].if_index, ETH0);
}
