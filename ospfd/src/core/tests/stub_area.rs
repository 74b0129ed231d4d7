//! Stub areas: who may be a neighbour, and what is not flooded.

use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding, LsaView};

use super::world::{AREA, World, address, config, router_id, vip};
use crate::core::config::NetworkType::PointToPoint;
use crate::core::config::{AreaConfig, AreaKind, Config};
use crate::packet::{
    Body, DatabaseDescription, ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, options,
    router_flags,
};

const STUB: AreaKind = AreaKind::Stub { default_cost: 1, summaries: true };

fn stub_config(node: usize) -> Config {
    let area = AreaConfig { kind: STUB, ..AreaConfig::default() };
    Config { areas: [(AREA, area)].into(), ..config(node, PointToPoint) }
}

pub(super) fn stub_pair() -> World {
    let mut world = World::new((0..2).map(stub_config).collect());
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    world
}

fn external() -> Lsa {
    let key =
        LsaKey { ls_type: LsType::AsExternal, link_state_id: 0x0a0a_0a00, advertising_router: router_id(7) };
    let body = LsaBody::External(ExternalLsa {
        network_mask: [255, 255, 255, 0].into(),
        metric_type: ExternalMetric::Type2,
        metric: 20,
        forwarding_address: [0; 4].into(),
        route_tag: 0,
    });
    Lsa::build(1, options::E, key, 1, body).unwrap()
}

/// RFC 2328 §9.5, §10.8, §12.1.2.
#[test]
fn no_packet_and_no_lsa_has_the_e_bit_there() {
    let world = stub_pair();
    for (_, _, _, body) in &world.sent {
        let said = match body {
            Body::Hello(hello) => vec![hello.options],
            Body::DatabaseDescription(description) => {
                description.headers.iter().map(|header| header.options).chain([description.options]).collect()
            }
            Body::LinkStateUpdate(lsas) => lsas.iter().map(|lsa| lsa.header.options).collect(),
            Body::LinkStateAck(headers) => headers.iter().map(|header| header.options).collect(),
            Body::LinkStateRequest(_) => Vec::new(),
        };
        assert!(said.iter().all(|options| options & options::E == 0), "{body:?}");
    }
    assert!(world.agrees());
}

/// RFC 2328 §10.5.
#[test]
fn who_does_not_agree_on_the_kind_of_the_area_is_no_neighbour() {
    let mut world = World::new(vec![stub_config(0), config(1, PointToPoint)]);
    world.run(Duration::from_secs(20));
    assert!(world.neighbor(0, 1).is_none() && world.neighbor(1, 0).is_none());
    for node in 0..2 {
        assert!(world.counter(node, "drop-options-mismatch") > 5);
    }
}

/// RFC 2328 §13 (3).
#[test]
fn a_type_5_lsa_is_not_taken_there() {
    let mut world = stub_pair();
    world.inject(1, 0, Body::LinkStateUpdate(vec![external()]));
    world.run(Duration::from_secs(1));
    assert!(world.nodes[0].database(world.now).iter().all(|lsa| lsa.lsa_type != "as-external"));
    assert_eq!(world.counter(0, "drop-unsupported-ls-type"), 1);
    assert!(world.is_full(0, 1));
}

/// RFC 2328 §10.6.
#[test]
fn a_description_with_a_type_5_lsa_starts_the_exchange_over() {
    let mut world = World::new((0..2).map(stub_config).collect());
    world.filter = Box::new(|node, body| node != 1 || matches!(body, Body::Hello(_)));
    world.run(Duration::from_secs(3));
    let first = DatabaseDescription {
        mtu: 1500,
        options: 0,
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
        headers: vec![external().header],
        ..first.clone()
    };
    for description in [first, second] {
        world.inject_from(1, address(1), 0, Body::DatabaseDescription(description));
        world.run(Duration::from_millis(1));
    }
    assert_eq!(world.counter(0, "drop-external-in-stub-area"), 1);
    assert_eq!(world.neighbor(0, 1).unwrap().nbr_state, "ExStart");
}

#[test]
fn an_external_vip_is_not_told_there_and_not_claimed() {
    let mut world = stub_pair();
    let now = world.now;
    let advertisement = Advertisement { encoding: Encoding::External2, ..vip(1, 20) };
    world.nodes[0].lease_open(now, "director", Duration::from_secs(60)).unwrap();
    world.nodes[0].lease_set(now, "director", 1, vec![advertisement]).unwrap();
    world.run(Duration::from_secs(3));
    assert!(!world.nodes[0].advertised(world.now)[0].originated);
    let flags: Vec<_> = world
        .sent
        .iter()
        .filter_map(|(.., body)| match body {
            Body::LinkStateUpdate(lsas) => Some(lsas),
            Body::Hello(_)
            | Body::DatabaseDescription(_)
            | Body::LinkStateRequest(_)
            | Body::LinkStateAck(_) => None,
        })
        .flatten()
        .filter_map(|lsa| match &lsa.body {
            LsaBody::Router(router) => Some(router.flags),
            LsaBody::Network(_) | LsaBody::Summary(_) | LsaBody::External(_) | LsaBody::Opaque => None,
        })
        .collect();
    assert!(!flags.is_empty() && flags.iter().all(|flags| flags & router_flags::E == 0), "{flags:?}");
}

#[test]
fn an_area_that_becomes_a_stub_area_loses_its_external_lsas() {
    let mut world = World::full_pair();
    world.inject(1, 0, Body::LinkStateUpdate(vec![external()]));
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[0].database(world.now).len(), 3);
    let now = world.now;
    for node in 0..2 {
        world.nodes[node].reconfigure(now, stub_config(node));
    }
    world.until("Full again", |world| world.is_full(0, 1) && world.is_full(1, 0));
    let is_external = |lsa: &LsaView| lsa.lsa_type == "as-external";
    assert!(world.nodes.iter().all(|node| !node.database(world.now).iter().any(is_external)));
}
