//! The flooding procedure step by step (RFC 2328 §13, §14): who sends what where, what waits for whom, and who answers.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::database::external;
use super::world::{ETH0, World, address, config, router_id};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::constants::LAST_SEQUENCE;
use crate::core::flood::Sender;
use crate::core::lsdb::{Origin, Scope};
use crate::core::output::{ALL_D_ROUTERS, ALL_SPF_ROUTERS};
use crate::packet::{Body, DatabaseDescription, Hello, LsType, Lsa, LsaHeader, LsaKey, MAX_AGE, options};

/// A router that the script speaks for.
const GUEST: usize = 5;

/// Node 0 leads, node 1 is its backup, 2 and 3 are neither.
fn lan() -> World {
    let with_priority = |(node, priority)| {
        let mut config = config(node, Broadcast);
        config.interfaces.get_mut("eth0").unwrap().priority = priority;
        config
    };
    let mut world = World::new([9, 5, 1, 1].into_iter().enumerate().map(with_priority).collect());
    world.run(Duration::from_secs(20));
    assert_eq!([0, 1, 2, 3].map(|node| world.state(node)), ["DR", "Backup", "DROther", "DROther"]);
    world
}

fn update(world: &mut World, from: usize, to: usize, lsa: Lsa) {
    world.inject(from, to, Body::LinkStateUpdate(vec![lsa]));
}

fn acknowledge(world: &mut World, from: usize, to: usize, header: LsaHeader) {
    world.inject(from, to, Body::LinkStateAck(vec![header]));
}

/// Puts an LSA into node 0's database and floods it, as if it had made it.
fn flood(world: &mut World, lsa: Lsa) {
    let (now, key) = (world.now, lsa.header.key);
    world.nodes[0].lsdb.install(Scope::As, lsa, Origin::Requested, now).unwrap();
    world.nodes[0].flood(now, Scope::As, key, Sender::Us);
    world.nodes[0].handle_timeout(now);
    world.collect();
}

fn copy(world: &World, node: usize, id: u32) -> Option<i32> {
    let key = external(id, 1, 1).header.key;
    world.nodes[node].lsdb.get(Scope::As, key).map(|entry| entry.lsa().header.sequence)
}

/// On how many LSAs' acknowledgement `at` waits from `of`.
fn awaited(world: &World, at: usize, of: usize) -> u32 {
    world.neighbor(at, of).map_or(0, |neighbor| neighbor.link_state_retransmission_list_counter)
}

fn requested(world: &World, at: usize, of: usize) -> u32 {
    world.neighbor(at, of).map_or(0, |neighbor| neighbor.link_state_request_list_counter)
}

/// What `node` has sent since `mark` besides hellos: where to, and the sequence numbers of what is in it.
fn said(world: &World, node: usize, mark: usize) -> Vec<(&'static str, Ipv4Addr, Vec<i32>)> {
    let sent = world.sent[mark..].iter().filter(|(_, from, ..)| *from == node);
    let words = |(_, _, to, body): &(_, _, Ipv4Addr, Body)| match body {
        Body::LinkStateUpdate(lsas) => {
            Some(("update", *to, lsas.iter().map(|lsa| lsa.header.sequence).collect()))
        }
        Body::LinkStateAck(headers) => Some(("ack", *to, headers.iter().map(|h| h.sequence).collect())),
        Body::LinkStateRequest(keys) => Some(("request", *to, vec![0; keys.len()])),
        Body::DatabaseDescription(dd) => {
            Some(("description", *to, dd.headers.iter().map(|h| h.sequence).collect()))
        }
        Body::Hello(_) => None,
    };
    sent.filter_map(words).collect()
}

/// A guest describes `listed` to node 0, its master, and has more to describe: node 0 is in state Exchange with it.
fn guest_in_exchange(world: &mut World, listed: Vec<LsaHeader>) {
    let hello = Hello {
        network_mask: [255, 255, 255, 0].into(),
        hello_interval: 1,
        options: options::E,
        priority: 0,
        router_dead_interval: 4,
        designated_router: address(0),
        backup_designated_router: address(1),
        neighbors: vec![router_id(0)],
    };
    world.inject(GUEST, 0, Body::Hello(hello));
    describe(world, 77, true, Vec::new());
    describe(world, 78, true, listed);
    assert_eq!(world.neighbor(0, GUEST).unwrap().nbr_state, "Exchange");
}

fn describe(world: &mut World, sequence: u32, more: bool, headers: Vec<LsaHeader>) {
    let description = DatabaseDescription {
        mtu: 1500,
        options: options::E,
        init: sequence == 77,
        more,
        master: true,
        sequence,
        headers,
    };
    world.inject(GUEST, 0, Body::DatabaseDescription(description));
}

/// RFC 2328 §13: before state Exchange nothing is taken.
#[test]
fn updates_and_acknowledgements_of_one_who_is_not_adjacent_are_dropped() {
    let mut world = lan();
    update(&mut world, 2, 3, external(1, 1, 1));
    assert_eq!((copy(&world, 3, 1), world.counter(3, "drop-neighbor-state")), (None, 1));
    acknowledge(&mut world, 2, 3, external(1, 1, 1).header);
    assert_eq!(world.counter(3, "drop-neighbor-state"), 2);
}

/// RFC 2328 §13 (2).
#[test]
fn an_lsa_of_unknown_type_is_left_out_and_the_next_one_is_taken() {
    let mut world = World::full_pair();
    let key = LsaKey { ls_type: LsType::Unknown(6), link_state_id: 1, advertising_router: router_id(77) };
    let unknown = Lsa::build_opaque(1, 2, key, 1, &[1, 2, 3, 4]).unwrap();
    let mark = world.sent.len();
    world.inject(1, 0, Body::LinkStateUpdate(vec![unknown, external(1, 1, 1)]));
    assert_eq!((copy(&world, 0, 1), world.counter(0, "drop-unsupported-ls-type")), (Some(1), 1));
    world.run(Duration::from_secs(1));
    assert_eq!(
        said(&world, 0, mark),
        [("ack", ALL_SPF_ROUTERS, vec![1])],
        "the other one is not acknowledged"
    );
}

/// RFC 2328 §13 (4), §14: as long as somebody loads, what is on its way out is kept, and flooded.
#[test]
fn an_unknown_lsa_at_max_age_is_kept_while_a_neighbour_loads() {
    let mut world = lan();
    guest_in_exchange(&mut world, Vec::new());
    update(&mut world, 2, 0, external(1, 3, MAX_AGE));
    assert_eq!((copy(&world, 0, 1), awaited(&world, 0, GUEST)), (Some(3), 1));
    // Everybody has acknowledged it, but the guest may have an older one to ask us for, or to tell us.
    world.run(Duration::from_secs(1));
    acknowledge(&mut world, GUEST, 0, external(1, 3, MAX_AGE).header);
    assert_eq!((copy(&world, 0, 1), awaited(&world, 0, GUEST)), (Some(3), 0));
    describe(&mut world, 79, false, Vec::new());
    assert_eq!(world.neighbor(0, GUEST).unwrap().nbr_state, "Full");
    assert_eq!(copy(&world, 0, 1), None);
}

/// RFC 2328 §13 (5)(b), Table 19.
#[test]
fn the_designated_router_floods_back_and_that_is_its_acknowledgement() {
    let mut world = lan();
    let mark = world.sent.len();
    update(&mut world, 2, 0, external(1, 1, 1));
    assert_eq!(said(&world, 0, mark), [("update", ALL_SPF_ROUTERS, vec![1])]);
    // Not from the one that sent it.
    assert_eq!([1, 2, 3].map(|of| awaited(&world, 0, of)), [1, 0, 1]);
    world.run(Duration::from_secs(8));
    assert_eq!(said(&world, 0, mark).len(), 1, "{:?}", said(&world, 0, mark));
    assert_eq!([1, 3].map(|node| copy(&world, node, 1)), [Some(1); 2]);
    // Table 19: the others acknowledge together with what else there is, to who has to hear it.
    assert_eq!(said(&world, 1, mark), [("ack", ALL_SPF_ROUTERS, vec![1])]);
    assert_eq!(said(&world, 3, mark), [("ack", ALL_D_ROUTERS, vec![1])]);
}

/// RFC 2328 §13.3 (3): what its backup has sent, all have.
#[test]
fn the_designated_router_does_not_flood_back_what_comes_from_its_backup() {
    let mut world = lan();
    let mark = world.sent.len();
    update(&mut world, 1, 0, external(1, 1, 1));
    assert_eq!(said(&world, 0, mark), []);
    assert_eq!([1, 2, 3].map(|of| awaited(&world, 0, of)), [0, 1, 1], "but it makes sure");
    world.run(Duration::from_secs(1));
    assert_eq!(said(&world, 0, mark), [("ack", ALL_SPF_ROUTERS, vec![1])]);
}

/// RFC 2328 §13.3 (4), §13.6.
#[test]
fn the_backup_leaves_flooding_to_the_designated_router_and_repeats_what_that_has_not() {
    let mut world = lan();
    let mark = world.sent.len();
    update(&mut world, 2, 1, external(1, 1, 1));
    assert_eq!([0, 2, 3].map(|of| awaited(&world, 1, of)), [1, 0, 1]);
    world.run(Duration::from_secs(4));
    // Table 19: no acknowledgement of what comes from others than the Designated Router.
    assert_eq!(said(&world, 1, mark), []);
    world.run(Duration::from_millis(1_100));
    // Directly to each who lacks it.
    let repeated = [address(0), address(3)].map(|to| ("update", to, vec![1]));
    assert_eq!(said(&world, 1, mark)[..2], repeated);
}

/// RFC 2328 §13.3 (3), Table 19.
#[test]
fn a_bystander_acknowledges_to_the_leaders_and_floods_nothing_back() {
    let mut world = lan();
    let mark = world.sent.len();
    update(&mut world, 0, 2, external(1, 1, 1));
    assert_eq!((said(&world, 2, mark), [0, 1].map(|of| awaited(&world, 2, of))), (vec![], [0, 1]));
    world.run(Duration::from_secs(1));
    assert_eq!(said(&world, 2, mark), [("ack", ALL_D_ROUTERS, vec![1])]);
}

/// RFC 2328 §13.3 (5): an LSA of its own goes to the group that fits its state.
#[test]
fn who_leads_floods_to_all_and_who_does_not_to_the_leaders() {
    for (node, group) in [(0, ALL_SPF_ROUTERS), (1, ALL_SPF_ROUTERS), (2, ALL_D_ROUTERS)] {
        let mut world = lan();
        let (now, mark) = (world.now, world.sent.len());
        let lsa = external(1, 1, 1);
        world.nodes[node].lsdb.install(Scope::As, lsa.clone(), Origin::Requested, now).unwrap();
        world.nodes[node].flood(now, Scope::As, lsa.header.key, Sender::Us);
        world.nodes[node].handle_timeout(now);
        world.collect();
        assert_eq!(said(&world, node, mark), [("update", group, vec![1])]);
    }
}

/// RFC 2328 §13 (5)(c), §13.7.
#[test]
fn a_newer_instance_takes_the_place_of_the_one_that_is_awaited() {
    let mut world = World::full_pair();
    world.filter = Box::new(|node, body| node == 1 || matches!(body, Body::Hello(_)));
    flood(&mut world, external(1, 1, 1));
    flood(&mut world, external(1, 2, 1));
    assert_eq!(awaited(&world, 0, 1), 1);
    // An acknowledgement of the old one is questionable, and counts for nothing.
    acknowledge(&mut world, 1, 0, external(1, 1, 1).header);
    assert_eq!((awaited(&world, 0, 1), world.counter(0, "drop-unexpected-ack")), (1, 1));
    let mark = world.sent.len();
    world.run(Duration::from_millis(5_100));
    assert_eq!(said(&world, 0, mark), [("update", ALL_SPF_ROUTERS, vec![2])]);
    acknowledge(&mut world, 1, 0, external(1, 2, 6).header);
    assert_eq!((awaited(&world, 0, 1), world.counter(0, "drop-unexpected-ack")), (0, 1));
    acknowledge(&mut world, 1, 0, external(1, 2, 6).header);
    assert_eq!(world.counter(0, "drop-unexpected-ack"), 2, "nobody waits for it any more");
}

/// RFC 2328 §13 (6): the rest of the update is not looked at.
#[test]
fn who_sends_less_than_it_promised_is_described_the_database_anew() {
    let mut world = lan();
    flood(&mut world, external(1, 5, 1));
    world.run(Duration::from_secs(2));
    guest_in_exchange(&mut world, vec![external(1, 7, 1).header]);
    assert_eq!(requested(&world, 0, GUEST), 1);
    let both = vec![external(1, 5, 1), external(2, 1, 1)];
    world.inject(GUEST, 0, Body::LinkStateUpdate(both));
    assert_eq!(world.neighbor(0, GUEST).unwrap().nbr_state, "ExStart");
    assert_eq!(copy(&world, 0, 2), None);
}

/// RFC 2328 §13 (7)(a), Table 19.
#[test]
fn what_comes_back_while_it_is_awaited_is_an_acknowledgement_and_needs_none() {
    let mut world = World::full_pair();
    world.filter = Box::new(|_, body| !matches!(body, Body::LinkStateUpdate(_)));
    flood(&mut world, external(1, 1, 1));
    assert_eq!(awaited(&world, 0, 1), 1);
    let mark = world.sent.len();
    update(&mut world, 1, 0, external(1, 1, 2));
    assert_eq!(awaited(&world, 0, 1), 0);
    world.run(Duration::from_secs(8));
    assert_eq!(said(&world, 0, mark), []);
}

/// Table 19: a backup tells the Designated Router, whose flood it took for an acknowledgement.
#[test]
fn a_backup_acknowledges_what_the_designated_router_floods_after_it() {
    let mut world = lan();
    update(&mut world, 2, 1, external(1, 1, 1));
    let mark = world.sent.len();
    update(&mut world, 0, 1, external(1, 1, 2));
    assert_eq!([0, 2, 3].map(|of| awaited(&world, 1, of)), [0, 0, 1]);
    world.run(Duration::from_secs(1));
    assert_eq!(said(&world, 1, mark), [("ack", ALL_SPF_ROUTERS, vec![1])]);
}

/// RFC 2328 §13 (7)(b), §13.5.
#[test]
fn a_duplicate_is_acknowledged_at_once_to_its_sender() {
    let mut world = lan();
    update(&mut world, 2, 0, external(1, 1, 1));
    world.run(Duration::from_secs(2));
    let mark = world.sent.len();
    update(&mut world, 2, 0, external(1, 1, 4));
    assert_eq!(said(&world, 0, mark), [("ack", address(2), vec![1])]);
}

/// RFC 2328 §13 (8).
#[test]
fn an_older_instance_is_answered_once_in_a_while_and_not_acknowledged() {
    let mut world = World::full_pair();
    update(&mut world, 1, 0, external(1, 7, 1));
    world.run(Duration::from_secs(3));
    let mark = world.sent.len();
    update(&mut world, 1, 0, external(1, 6, 1));
    update(&mut world, 1, 0, external(1, 6, 1));
    assert_eq!(
        (said(&world, 0, mark), awaited(&world, 0, 1)),
        (vec![("update", ALL_SPF_ROUTERS, vec![7])], 0)
    );
    world.run(Duration::from_millis(1_100));
    update(&mut world, 1, 0, external(1, 6, 1));
    let answer = ("update", ALL_SPF_ROUTERS, vec![7]);
    assert_eq!(said(&world, 0, mark), [answer.clone(), answer]);
}

/// RFC 2328 §13 (8): also where the originator starts over one number before the last.
#[test]
fn while_a_sequence_number_wraps_an_older_instance_is_not_answered() {
    for last in [LAST_SEQUENCE, i32::MAX] {
        let mut world = World::full_pair();
        world.filter = Box::new(|node, body| node == 1 || matches!(body, Body::Hello(_)));
        flood(&mut world, external(1, last, MAX_AGE));
        world.run(Duration::from_secs(2));
        let mark = world.sent.len();
        update(&mut world, 1, 0, external(1, i32::MIN + 1, 1));
        assert_eq!((said(&world, 0, mark), copy(&world, 0, 1)), (vec![], Some(last)));
        // Once it has gone, the first number is taken.
        acknowledge(&mut world, 1, 0, external(1, last, MAX_AGE).header);
        assert_eq!(copy(&world, 0, 1), None);
        update(&mut world, 1, 0, external(1, i32::MIN + 1, 1));
        assert_eq!(copy(&world, 0, 1), Some(i32::MIN + 1));
    }
}

/// RFC 2328 §13.3 (1)(b).
#[test]
fn what_a_loading_neighbour_has_decides_what_it_is_sent() {
    for (sequence, wanted, sent) in [(4, 1, 0), (5, 0, 0), (6, 0, 1)] {
        let mut world = lan();
        guest_in_exchange(&mut world, vec![external(1, 5, 1).header]);
        assert_eq!(requested(&world, 0, GUEST), 1);
        update(&mut world, 1, 0, external(1, sequence, 1));
        assert_eq!((requested(&world, 0, GUEST), awaited(&world, 0, GUEST)), (wanted, sent), "{sequence}");
    }
}

/// RFC 2328 §13.3 (1)(c), (2): on a link of two nothing goes back.
#[test]
fn nothing_is_flooded_back_over_a_link_of_two() {
    let mut world = World::full_pair();
    let mark = world.sent.len();
    update(&mut world, 1, 0, external(1, 1, 1));
    world.run(Duration::from_secs(8));
    assert_eq!(awaited(&world, 0, 1), 0);
    assert_eq!(said(&world, 0, mark), [("ack", ALL_SPF_ROUTERS, vec![1])]);
}

/// RFC 2328 §13.6: it ends with the adjacency.
#[test]
fn what_is_awaited_from_a_neighbour_goes_with_it() {
    let mut world = World::full_pair();
    world.filter = Box::new(|_, _| false);
    flood(&mut world, external(1, 1, MAX_AGE));
    assert_eq!((awaited(&world, 0, 1), copy(&world, 0, 1)), (1, Some(1)));
    world.run(Duration::from_secs(5));
    assert!(world.neighbor(0, 1).is_none());
    // And with the last one who has not acknowledged it, the LSA itself (§14).
    assert_eq!(copy(&world, 0, 1), None);
    let mark = world.sent.len();
    world.run(Duration::from_secs(20));
    assert_eq!(said(&world, 0, mark), []);
}

/// RFC 2328 §14, §10.3.
#[test]
fn an_lsa_at_max_age_is_not_described_to_a_new_neighbour_but_sent() {
    let mut world = lan();
    world.filter = Box::new(|node, body| node != 3 || matches!(body, Body::Hello(_)));
    flood(&mut world, external(1, 3, MAX_AGE));
    world.run(Duration::from_secs(1));
    assert_eq!(copy(&world, 0, 1), Some(3), "node 3 has not acknowledged it");
    let mark = world.sent.len();
    guest_in_exchange(&mut world, Vec::new());
    assert_eq!(awaited(&world, 0, GUEST), 1);
    world.run(Duration::from_millis(1));
    let described = world.sent_since(mark, 0).into_iter().filter_map(|body| match body {
        Body::DatabaseDescription(dd) => Some(dd.headers.clone()),
        Body::Hello(_) | Body::LinkStateRequest(_) | Body::LinkStateUpdate(_) | Body::LinkStateAck(_) => None,
    });
    let described = described.flatten().map(|header| header.key).collect::<Vec<_>>();
    assert!(!described.is_empty() && !described.contains(&external(1, 3, 1).header.key), "{described:?}");
    assert!(said(&world, 0, mark).contains(&("update", address(GUEST), vec![3])));
}

/// RFC 2328 §14, CheckAge: what memory has damaged goes, and the database is fetched anew.
#[test]
fn an_lsa_that_memory_has_damaged_is_found_and_replaced() {
    let mut world = World::full_pair();
    update(&mut world, 1, 0, external(1, 1, 1));
    world.inject(0, 1, Body::LinkStateUpdate(vec![external(1, 1, 1)]));
    world.run(Duration::from_secs(1));
    let mut damaged = world.nodes[0].lsdb.get(Scope::As, external(1, 1, 1).header.key).unwrap().lsa().clone();
    let mut bytes = damaged.raw.to_vec();
    bytes[27] ^= 1;
    damaged.raw = bytes.into();
    world.nodes[0].lsdb.install(Scope::As, damaged, Origin::Requested, world.now).unwrap();
    world.run(Duration::from_secs(301));
    assert_eq!(world.counter(0, "drop-damaged-lsa"), 1);
    assert!(world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    let entry = world.nodes[0].lsdb.get(Scope::As, external(1, 1, 1).header.key).expect("fetched anew");
    assert!(entry.lsa().is_intact());
    // A database that is sound is left alone.
    world.run(Duration::from_secs(1_200));
    assert_eq!(world.counter(0, "drop-damaged-lsa"), 1);
    assert_eq!(world.neighbor(0, 1).unwrap().nbr_state, "Full");
    assert_eq!(world.nodes[0].interfaces[&ETH0].full_neighbors().count(), 1);
}

/// RFC 2328 §13.3 (5), §14: the age grows on each hop, and stops at MaxAge.
#[test]
fn an_age_grows_by_the_transmit_delay_and_never_beyond_max_age() {
    let mut world = World::full_pair();
    world.filter = Box::new(|_, _| false);
    let eth0 = world.nodes[0].interfaces.get_mut(&ETH0).unwrap();
    eth0.config.transmit_delay = Duration::from_secs(5);
    assert_eq!(eth0.config.network_type, PointToPoint);
    for (age, sent) in [(10, 15), (MAX_AGE - 3, MAX_AGE), (MAX_AGE, MAX_AGE)] {
        let mark = world.sent.len();
        flood(&mut world, external(u32::from(age), 1, age));
        let ages = world.sent_since(mark, 0).into_iter().filter_map(|body| match body {
            Body::LinkStateUpdate(lsas) => lsas.first().map(|lsa| lsa.header.age),
            Body::Hello(_)
            | Body::DatabaseDescription(_)
            | Body::LinkStateRequest(_)
            | Body::LinkStateAck(_) => None,
        });
        assert_eq!(ages.collect::<Vec<_>>(), [sent]);
    }
}
