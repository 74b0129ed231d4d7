//! What other makes of router do, and how we live with it. Pitfalls that have a place of their own: cryptographic sequence
//! numbers (P1) in `auth`, opaque LSAs (P2, P9) in `opaque`. P5 needs a kernel, and P6 is one of OSPFv3, which is not spoken.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::world::{AREA, ETH0, World, address, config, router_id, vip};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::event::RxDatagram;
use crate::core::lsdb::{Place, Scope};
use crate::core::output::ALL_SPF_ROUTERS;
use crate::packet::{
    Auth, Body, DatabaseDescription, ExternalLsa, ExternalMetric, Hello, LsType, Lsa, LsaBody, LsaKey,
    MAX_AGE, Packet, RouterLsa, SummaryLsa, options,
};

/// An LLS block as Cisco sends it: checksum, length in words, extended options TLV with LR set (RFC 5613).
const LLS: [u8; 12] = [0xff, 0xf6, 0x00, 0x03, 0x00, 0x01, 0x00, 0x04, 0x00, 0x00, 0x00, 0x01];

fn feed(world: &mut World, body: Body, behind: &[u8]) {
    let packet = Packet { router_id: router_id(1), area_id: AREA, body }.encode(&Auth::Null).unwrap();
    let payload = [&packet[..], behind].concat();
    let rx = RxDatagram {
        if_index: ETH0,
        source: address(1),
        destination: ALL_SPF_ROUTERS,
        ttl: 1,
        payload: &payload,
    };
    let now = world.now;
    world.nodes[0].handle_datagram(now, rx);
    world.collect();
}

#[test]
fn p3_the_l_bit_and_an_lls_block_are_ignored() {
    let mut world = World::of(PointToPoint, 1);
    let hello = Hello {
        network_mask: [255, 255, 255, 0].into(),
        hello_interval: 1,
        // All bits that may differ between neighbours; only E and N must not.
        options: options::E | options::L | options::DC | options::O | options::MC | 0x81,
        priority: 1,
        router_dead_interval: 4,
        designated_router: Ipv4Addr::UNSPECIFIED,
        backup_designated_router: Ipv4Addr::UNSPECIFIED,
        neighbors: vec![router_id(0)],
    };
    feed(&mut world, Body::Hello(hello), &LLS);
    let description = DatabaseDescription {
        mtu: 1500,
        options: options::E | options::L | options::O,
        init: true,
        more: true,
        master: true,
        sequence: 7,
        headers: Vec::new(),
    };
    feed(&mut world, Body::DatabaseDescription(description.clone()), &LLS);
    let last = DatabaseDescription { init: false, more: false, sequence: 8, ..description };
    feed(&mut world, Body::DatabaseDescription(last), &LLS);
    assert_eq!(world.neighbor(0, 1).map(|neighbor| neighbor.nbr_state), Some("Full".to_owned()));
    let drops: Vec<_> =
        world.nodes[0].counters().into_iter().filter(|counter| counter.name.starts_with("drop")).collect();
    assert_eq!(drops, []);
}

#[test]
fn p4_a_vip_has_the_metric_that_was_given_whatever_the_interface_costs() {
    for (network, cost, transit) in
        [(PointToPoint, 1, true), (PointToPoint, 77, false), (Broadcast, 500, true)]
    {
        let mut configs: Vec<_> = (0..2).map(|node| config(node, network)).collect();
        configs[0].static_advertisements = vec![vip(9, 7), vip(10, 0)];
        configs[0].transit = transit;
        configs[0].interfaces.get_mut("eth0").unwrap().cost = cost;
        let mut world = World::new(configs);
        world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
        world.run(Duration::from_secs(5));
        assert!(world.has_line(1, 0, "stub 203.0.113.9/32 metric 7"), "{:?}", world.router_lsa(1, 0));
        assert!(world.has_line(1, 0, "stub 203.0.113.10/32 metric 0"));
    }
}

/// LSAs in node 0's name that a neighbour has kept over its reboot: their bodies, and whether it wants them still.
fn former_life() -> Vec<(LsaKey, LsaBody, bool)> {
    let network_mask = Ipv4Addr::new(255, 255, 255, 0);
    let key = |ls_type, link_state_id| LsaKey { ls_type, link_state_id, advertising_router: router_id(0) };
    let summary = LsaBody::Summary(SummaryLsa { network_mask, metric: 5 });
    let external = ExternalLsa {
        network_mask,
        metric_type: ExternalMetric::Type2,
        metric: 20,
        forwarding_address: Ipv4Addr::UNSPECIFIED,
        route_tag: 0,
    };
    let router = LsaBody::Router(RouterLsa { flags: 0, links: Vec::new() });
    vec![
        (key(LsType::Router, router_id(0).0), router, true),
        (key(LsType::SummaryNetwork, 0x0a07_0000), summary.clone(), false),
        (key(LsType::SummaryAsbr, 0x0a00_0063), summary, false),
        (key(LsType::AsExternal, 0x0a08_0000), LsaBody::External(external), false),
    ]
}

#[test]
fn p7_lsas_of_a_former_life_are_outdone_or_flushed() {
    for (key, body, wanted) in former_life() {
        let mut world = World::full_pair();
        world.run(Duration::from_secs(3));
        let returned = Lsa::build(5, options::E, key, 1_000, body).unwrap();
        world.inject(0, 1, Body::LinkStateUpdate(vec![returned.clone()]));
        world.inject(1, 0, Body::LinkStateUpdate(vec![returned]));
        world.run(Duration::from_secs(20));
        let scope = Scope::of(key.ls_type, Place { if_index: ETH0, area: AREA, takes_externals: true });
        let standing = |node: usize| {
            let entry = world.nodes[node].lsdb.get(scope, key)?;
            Some((entry.lsa().header.sequence, entry.age(world.now) >= MAX_AGE))
        };
        let expected = wanted.then_some((1_001, false));
        assert_eq!((standing(0), standing(1)), (expected, expected), "{key:?}");
        assert!(world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    }
}

#[test]
fn p8_a_clean_stop_flushes_what_is_ours_and_nothing_else() {
    let mut world = World::of(Broadcast, 3);
    world.until("all agree", |world| {
        world.is_full(0, 1) && world.is_full(0, 2) && world.is_full(1, 2) && world.agrees()
    });
    world.run(Duration::from_secs(5));
    let before = world.router_lsa(1, 2).unwrap().sequence_number;
    let (mark, now) = (world.sent.len(), world.now);
    world.nodes[0].shutdown(now, now + Duration::from_secs(5));
    world.collect();
    // Less than RouterDeadInterval: the others have not yet noticed that somebody fell silent.
    world.run(Duration::from_secs(1));
    let flushed: Vec<_> = world
        .sent_since(mark, 0)
        .into_iter()
        .filter_map(|body| match body {
            Body::LinkStateUpdate(lsas) => Some(lsas),
            _ => None,
        })
        .flatten()
        .filter(|lsa| lsa.header.age == MAX_AGE)
        .map(|lsa| lsa.header.key.advertising_router)
        .collect();
    assert!(!flushed.is_empty() && flushed.iter().all(|by| *by == router_id(0)), "{flushed:?}");
    assert!(world.router_lsa(1, 0).is_none_or(|lsa| lsa.lsa_age == 3_600));
    let others = world.router_lsa(1, 2).unwrap();
    assert!(others.lsa_age < 3_600, "{others:?}");
    assert!(others.sequence_number >= before);
}
