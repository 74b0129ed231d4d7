//! Opaque LSAs (RFC 5250): stored and passed on within their scope, to those who understand them.

use std::time::Duration;

use super::world::{AREA, ETH0, World, router_id};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::lsdb::{Origin, Scope};
use crate::packet::{Body, DatabaseDescription, Hello, LsType, Lsa, LsaHeader, LsaKey, MAX_AGE, options};

const SCOPES: [(LsType, Scope); 3] = [
    (LsType::OpaqueLink, Scope::Link(ETH0)),
    (LsType::OpaqueArea, Scope::Area(AREA)),
    (LsType::OpaqueAs, Scope::As),
];

/// Of a router that is not here, or of node `by`.
fn opaque(ls_type: LsType, by: usize, sequence: i32, body: &[u8]) -> Lsa {
    let key = LsaKey { ls_type, link_state_id: 0x0400_0007, advertising_router: router_id(by) };
    Lsa::build_opaque(5, options::E, key, sequence, body).unwrap()
}

fn held(world: &World, node: usize, scope: Scope, key: LsaKey) -> Option<Lsa> {
    world.nodes[node].lsdb.get(scope, key).map(|entry| entry.lsa().clone())
}

/// What `node` has described and flooded since `mark`: descriptions, then LSAs.
fn told(world: &World, node: usize, mark: usize) -> (Vec<LsType>, Vec<LsType>) {
    let (mut described, mut flooded) = (Vec::new(), Vec::new());
    for body in world.sent_since(mark, node) {
        match body {
            Body::DatabaseDescription(dd) => described.extend(dd.headers.iter().map(|h| h.key.ls_type)),
            Body::LinkStateUpdate(lsas) => flooded.extend(lsas.iter().map(|lsa| lsa.header.key.ls_type)),
            Body::Hello(_) | Body::LinkStateRequest(_) | Body::LinkStateAck(_) => {}
        }
    }
    (described, flooded)
}

/// Node 0 alone, with opaque LSAs in its database, and a neighbour without the O-bit that describes `listed` and has led it
/// through the exchange.
fn beside_a_neighbour_without_the_o_bit(listed: Vec<LsaHeader>) -> World {
    beside_a_neighbour_with_a_hello_of(options::E, listed)
}

/// The same, with these options in its hello.
fn beside_a_neighbour_with_a_hello_of(hello_options: u8, listed: Vec<LsaHeader>) -> World {
    let mut world = World::of(PointToPoint, 1);
    for (ls_type, scope) in SCOPES {
        let lsa = opaque(ls_type, 77, 1, &[1, 2, 3, 4]);
        world.nodes[0].lsdb.install(scope, lsa, Origin::Requested, world.now).unwrap();
    }
    let aged = opaque(LsType::OpaqueArea, 78, 1, &[]).with_age(MAX_AGE);
    world.nodes[0].lsdb.install(Scope::Area(AREA), aged, Origin::Requested, world.now).unwrap();
    let hello = Hello {
        network_mask: [255, 255, 255, 0].into(),
        hello_interval: 1,
        options: hello_options,
        priority: 1,
        router_dead_interval: 4,
        designated_router: [0, 0, 0, 0].into(),
        backup_designated_router: [0, 0, 0, 0].into(),
        neighbors: vec![router_id(0)],
    };
    world.inject(1, 0, Body::Hello(hello));
    let first = DatabaseDescription {
        mtu: 1500,
        options: options::E,
        init: true,
        more: true,
        master: true,
        sequence: 77,
        headers: Vec::new(),
    };
    world.inject(1, 0, Body::DatabaseDescription(first.clone()));
    let last = DatabaseDescription { init: false, more: false, sequence: 78, headers: listed, ..first };
    world.inject(1, 0, Body::DatabaseDescription(last));
    world
}

#[test]
fn opaque_lsas_of_each_scope_reach_the_neighbour_byte_for_byte() {
    let mut world = World::of(PointToPoint, 2);
    let sent: Vec<_> = SCOPES.map(|(ls_type, scope)| (scope, opaque(ls_type, 77, 1, &[9; 8]))).into();
    for (scope, lsa) in &sent {
        world.nodes[1].lsdb.install(*scope, lsa.clone(), Origin::Requested, world.now).unwrap();
    }
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    for (scope, lsa) in sent {
        let copy = held(&world, 0, scope, lsa.header.key).expect("asked for, and got");
        assert_eq!(copy.raw[2..], lsa.raw[2..]);
    }
    assert_eq!(world.counter(0, "drop-unsupported-ls-type"), 0);
}

#[test]
fn an_opaque_lsa_is_flooded_on_and_acknowledged() {
    let mut world = World::of(Broadcast, 3);
    world.until("all are Full", |world| (1..3).all(|node| world.is_full(0, node) && world.is_full(node, 0)));
    world.run(Duration::from_secs(2));
    let lsa = opaque(LsType::OpaqueArea, 77, 1, &[1, 2, 3, 4]);
    world.inject(1, 0, Body::LinkStateUpdate(vec![lsa.clone()]));
    world.run(Duration::from_secs(20));
    for node in 0..3 {
        assert!(held(&world, node, Scope::Area(AREA), lsa.header.key).is_some(), "node {node}");
        let waiting = world.nodes[node].neighbors(world.now);
        assert!(waiting.iter().all(|neighbor| neighbor.link_state_retransmission_list_counter == 0));
    }
}

/// Neither in descriptions nor by flooding does node 0 tell of an opaque LSA.
fn assert_tells_nothing_opaque(mut world: World) {
    world.run(Duration::from_secs(3));
    let (described, flooded) = told(&world, 0, 0);
    assert!(
        described.iter().chain(&flooded).all(|ls_type| !ls_type.is_opaque()),
        "{described:?} {flooded:?}"
    );
}

#[test]
fn p2_an_opaque_lsa_is_never_listed_to_a_neighbour_without_the_o_bit() {
    let world = beside_a_neighbour_without_the_o_bit(Vec::new());
    let state = world.neighbor(0, 1).unwrap().nbr_state;
    assert_eq!(state, "Full", "nothing that it does not understand held it up");
    assert_tells_nothing_opaque(world);
}

#[test]
fn p2_an_opaque_lsa_is_not_flooded_to_a_neighbour_without_the_o_bit() {
    let mut world = beside_a_neighbour_without_the_o_bit(Vec::new());
    let (now, mark) = (world.now, world.sent.len());
    let newer = opaque(LsType::OpaqueArea, 77, 2, &[1]);
    let key = newer.header.key;
    let node = &mut world.nodes[0];
    node.lsdb.install(Scope::Area(AREA), newer, Origin::Flooded, now).unwrap();
    node.flood(now, Scope::Area(AREA), key, crate::core::flood::Sender::Us);
    world.run(Duration::from_secs(12));
    let (_, flooded) = told(&world, 0, mark);
    assert!(flooded.iter().all(|ls_type| !ls_type.is_opaque()), "{flooded:?}");
}

#[test]
fn p2_an_opaque_lsa_in_the_description_of_a_neighbour_without_the_o_bit_is_skipped() {
    let listed = opaque(LsType::OpaqueAs, 77, 1, &[]).header;
    let mut world = beside_a_neighbour_without_the_o_bit(vec![listed]);
    assert_eq!(
        world.neighbor(0, 1).unwrap().nbr_state,
        "Full",
        "neither asked for nor a reason to start over"
    );
    world.run(Duration::from_secs(1));
    assert_eq!(world.counter(0, "drop-unsupported-ls-type"), 1);
    assert!(world.sent_since(0, 0).iter().all(|body| !matches!(body, Body::LinkStateRequest(_))));
}

#[test]
fn p9_opaque_bodies_of_any_length_are_passed_on() {
    for length in [0, 1, 2, 3, 5, 1_001, 1_471] {
        let mut world = World::full_pair();
        let lsa = opaque(LsType::OpaqueArea, 77, 1, &vec![0xa5; length]);
        // Before and behind one whose length is a multiple of 4.
        let others = [LsType::OpaqueLink, LsType::OpaqueAs].map(|kind| opaque(kind, 77, 1, &[1, 2, 3, 4]));
        let [before, behind] = others.clone();
        world.inject(1, 0, Body::LinkStateUpdate(vec![before, lsa.clone(), behind]));
        let copy = held(&world, 0, Scope::Area(AREA), lsa.header.key).expect("taken");
        assert_eq!(copy.raw[2..], lsa.raw[2..], "{length} bytes");
        assert!(held(&world, 0, Scope::As, others[1].header.key).is_some());
        let counters = world.nodes[0].counters();
        assert!(counters.iter().all(|counter| !counter.name.starts_with("drop-lsa")), "{counters:?}");
    }
}

#[test]
fn p7_an_opaque_lsa_of_a_former_life_is_flushed() {
    let mut world = World::full_pair();
    let ours = opaque(LsType::OpaqueArea, 0, 40, &[1, 2, 3, 4]);
    let key = ours.header.key;
    world.inject(1, 0, Body::LinkStateUpdate(vec![ours]));
    world.run(Duration::from_secs(1));
    let flushed = world.sent.iter().any(|(_, from, _, body)| {
        let is_flush = |lsa: &Lsa| lsa.header.key == key && lsa.header.age >= MAX_AGE;
        *from == 0 && matches!(body, Body::LinkStateUpdate(lsas) if lsas.iter().any(is_flush))
    });
    assert!(flushed);
    world.run(Duration::from_secs(20));
    assert!((0..2).all(|node| held(&world, node, Scope::Area(AREA), key).is_none()));
}

#[test]
fn what_was_told_on_a_link_goes_with_it() {
    let mut world = World::full_pair();
    let lsas = SCOPES.map(|(ls_type, _)| opaque(ls_type, 77, 1, &[1, 2, 3, 4]));
    world.inject(1, 0, Body::LinkStateUpdate(lsas.to_vec()));
    let now = world.now;
    world.nodes[0].handle_link(now, super::world::link(0, false));
    let left = SCOPES.map(|(ls_type, scope)| held(&world, 0, scope, opaque(ls_type, 77, 1, &[]).header.key));
    assert_eq!(left.map(|lsa| lsa.is_some()), [false, true, true]);
}

/// RFC 5250 §3.1: the O-bit counts in database descriptions, and nowhere else.
#[test]
fn the_o_bit_of_a_hello_says_nothing() {
    let world = beside_a_neighbour_with_a_hello_of(options::E | options::O, Vec::new());
    assert_eq!(world.neighbor(0, 1).unwrap().nbr_state, "Full");
    assert_tells_nothing_opaque(world);
}

/// RFC 5250 §3.1, RFC 5613 §2.1: the O-bit, and the L-bit nowhere.
#[test]
fn the_o_bit_is_set_in_descriptions_alone() {
    let world = World::full_pair();
    for (_, _, _, body) in &world.sent {
        let (said, o_bit) = match body {
            Body::Hello(hello) => (vec![hello.options], 0),
            Body::DatabaseDescription(description) => (vec![description.options], options::O),
            Body::LinkStateUpdate(lsas) => (lsas.iter().map(|lsa| lsa.header.options).collect(), 0),
            Body::LinkStateAck(headers) => (headers.iter().map(|header| header.options).collect(), 0),
            Body::LinkStateRequest(_) => (Vec::new(), 0),
        };
        assert!(said.iter().all(|said| said & (options::O | options::L) == o_bit), "{body:?}");
    }
}

/// RFC 5250 §3, §3.1.
#[test]
fn an_opaque_lsa_of_as_scope_stays_out_of_a_stub_area() {
    let mut world = super::stub_area::stub_pair();
    let mark = world.sent.len();
    let [link, area, whole] = SCOPES.map(|(ls_type, _)| opaque(ls_type, 77, 1, &[1, 2, 3, 4]));
    world.inject(1, 0, Body::LinkStateUpdate(vec![whole.clone(), link, area]));
    world.run(Duration::from_secs(1));
    let [link_held, area_held, whole_held] = SCOPES
        .map(|(ls_type, scope)| held(&world, 0, scope, opaque(ls_type, 77, 1, &[]).header.key).is_some());
    assert_eq!((link_held, area_held, whole_held), (true, true, false));
    let acknowledged: Vec<_> = world
        .sent_since(mark, 0)
        .into_iter()
        .filter_map(|body| match body {
            Body::LinkStateAck(headers) => {
                Some(headers.iter().map(|header| header.key.ls_type).collect::<Vec<_>>())
            }
            Body::Hello(_)
            | Body::DatabaseDescription(_)
            | Body::LinkStateRequest(_)
            | Body::LinkStateUpdate(_) => None,
        })
        .collect();
    assert_eq!(acknowledged, [[LsType::OpaqueLink, LsType::OpaqueArea]]);
    // Nor is one that we had before sent there.
    let now = world.now;
    let node = &mut world.nodes[0];
    node.lsdb.install(Scope::As, whole.clone(), Origin::Requested, now).unwrap();
    assert!(!node.flood(now, Scope::As, whole.header.key, crate::core::flood::Sender::Us));
    let mark = world.sent.len();
    world.run(Duration::from_secs(12));
    assert_eq!(told(&world, 0, mark).1, []);
}
