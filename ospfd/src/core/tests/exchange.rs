//! The exchange of database descriptions and requests, against a neighbour that the test plays (RFC 2328 §10.5 to §10.9).

use std::net::Ipv4Addr;
use std::time::Duration;

use common::time::Instant;

use super::world::{World, address, config, link, router_id};
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::flood::Sender;
use crate::core::lsdb::{Origin, Scope};
use crate::packet::{
    Body, DatabaseDescription, ExternalLsa, ExternalMetric, Hello, LsType, Lsa, LsaBody, LsaKey, MAX_AGE,
    options,
};

/// Router IDs: ours is below the neighbour's, which is that of node 1, or above it.
const BELOW: usize = 0;
const ABOVE: usize = 9;
/// The neighbour's DD sequence number.
const THEIRS: u32 = 500;

fn hello(own: usize) -> Hello {
    Hello {
        network_mask: Ipv4Addr::new(255, 255, 255, 0),
        hello_interval: 1,
        options: options::E,
        priority: 0,
        router_dead_interval: 4,
        designated_router: Ipv4Addr::UNSPECIFIED,
        backup_designated_router: Ipv4Addr::UNSPECIFIED,
        neighbors: vec![router_id(own)],
    }
}

/// A description with these flags: `I`, `M`, and `S` for master.
fn description(flags: &str, sequence: u32) -> DatabaseDescription {
    DatabaseDescription {
        mtu: 1500,
        options: options::E,
        init: flags.contains('I'),
        more: flags.contains('M'),
        master: flags.contains('S'),
        sequence,
        headers: Vec::new(),
    }
}

fn external(id: u32, age: u16) -> Lsa {
    let key = LsaKey { ls_type: LsType::AsExternal, link_state_id: id, advertising_router: router_id(77) };
    let body = ExternalLsa {
        network_mask: Ipv4Addr::new(255, 255, 255, 0),
        metric_type: ExternalMetric::Type2,
        metric: 20,
        forwarding_address: Ipv4Addr::UNSPECIFIED,
        route_tag: 0,
    };
    Lsa::build(age, 2, key, 1, LsaBody::External(body)).unwrap()
}

/// A node whose Router ID is that of node `own`, and a neighbour that lists it: ExStart.
fn exstart(own: usize) -> World {
    let mut world = World::new(vec![config(own, PointToPoint)]);
    world.inject(1, 0, Body::Hello(hello(own)));
    assert_eq!(state(&world), "ExStart");
    world
}

/// The same with these LSAs in the database.
fn exstart_with(own: usize, lsas: impl IntoIterator<Item = Lsa>) -> World {
    let mut world = World::new(vec![config(own, PointToPoint)]);
    for lsa in lsas {
        world.nodes[0].lsdb.install(Scope::As, lsa, Origin::Requested, world.now).unwrap();
    }
    world.inject(1, 0, Body::Hello(hello(own)));
    world
}

/// We are slave: the neighbour has led the negotiation.
fn as_slave() -> World {
    let mut world = exstart(BELOW);
    describes(&mut world, description("IMS", THEIRS));
    assert_eq!(state(&world), "Exchange");
    world
}

/// We are master: the neighbour has acknowledged our first description, and has more.
fn as_master() -> (World, u32) {
    let mut world = exstart(ABOVE);
    let ours = last(&world).sequence;
    describes(&mut world, description("M", ours));
    assert_eq!(state(&world), "Exchange");
    (world, ours)
}

/// We are slave, and Full.
fn full_slave() -> World {
    let mut world = as_slave();
    describes(&mut world, description("S", THEIRS + 1));
    assert_eq!(state(&world), "Full");
    world
}

fn describes(world: &mut World, description: DatabaseDescription) {
    world.inject(1, 0, Body::DatabaseDescription(description));
}

fn state(world: &World) -> String {
    world.neighbor(0, 1).expect("heard").nbr_state
}

/// The descriptions that we have sent since `mark`.
fn described(world: &World, mark: usize) -> Vec<DatabaseDescription> {
    let of = |body: &&Body| match body {
        Body::DatabaseDescription(description) => Some(description.clone()),
        Body::Hello(_) | Body::LinkStateRequest(_) | Body::LinkStateUpdate(_) | Body::LinkStateAck(_) => None,
    };
    world.sent_since(mark, 0).iter().filter_map(of).collect()
}

/// The requests that we have sent since `mark`.
fn requested(world: &World, mark: usize) -> Vec<Vec<LsaKey>> {
    let of = |body: &&Body| match body {
        Body::LinkStateRequest(keys) => Some(keys.clone()),
        Body::Hello(_) | Body::DatabaseDescription(_) | Body::LinkStateUpdate(_) | Body::LinkStateAck(_) => {
            None
        }
    };
    world.sent_since(mark, 0).iter().filter_map(of).collect()
}

/// Our last description.
fn last(world: &World) -> DatabaseDescription {
    described(world, 0).pop().expect("a description")
}

fn flags(description: &DatabaseDescription) -> (bool, bool, bool) {
    (description.init, description.more, description.master)
}

/// Time passes, and the neighbour's hellos go on.
fn pass(world: &mut World, own: usize, seconds: u64) {
    for _ in 0..seconds {
        world.run(Duration::from_secs(1));
        world.inject(1, 0, Body::Hello(hello(own)));
    }
}

/// The exchange has started over: lists empty, a new first description with another number.
#[track_caller]
fn assert_started_over(world: &World, before: u32, why: &str) {
    assert_eq!(state(world), "ExStart", "{why}");
    let first = last(world);
    assert_eq!((flags(&first), first.headers.len()), ((true, true, true), 0), "{why}");
    assert_eq!(first.sequence, before + 1, "{why}");
    let neighbor = world.neighbor(0, 1).unwrap();
    assert_eq!(neighbor.link_state_request_list_counter, 0, "{why}");
    assert_eq!(neighbor.link_state_retransmission_list_counter, 0, "{why}");
}

#[test]
fn a_first_description_is_empty_and_repeated_until_it_is_answered() {
    let mut world = exstart(ABOVE);
    let first = last(&world);
    assert_eq!(flags(&first), (true, true, true));
    assert!(first.headers.is_empty());
    assert_eq!((first.mtu, first.options), (1500, options::E | options::O));
    pass(&mut world, ABOVE, 11);
    assert_eq!(described(&world, 0), vec![first; 3], "at once, after 5 and after 10 s");
}

#[test]
fn the_higher_router_id_leads_and_the_lower_one_takes_its_number() {
    let world = as_slave();
    let answer = last(&world);
    assert_eq!((answer.init, answer.master, answer.sequence), (false, false, THEIRS));
    let (world, ours) = as_master();
    let next = last(&world);
    assert_eq!((next.init, next.master, next.sequence), (false, true, ours + 1));
}

#[test]
fn what_does_not_end_the_negotiation_is_ignored() {
    let headers = vec![external(1, 1).header];
    for (why, own, description) in [
        ("not empty", BELOW, DatabaseDescription { headers, ..description("IMS", THEIRS) }),
        ("I alone", BELOW, description("I", THEIRS)),
        ("I and M", BELOW, description("IM", THEIRS)),
        ("I and MS", BELOW, description("IS", THEIRS)),
        ("M and MS", BELOW, description("MS", THEIRS)),
        ("the lower one leads", ABOVE, description("IMS", THEIRS)),
        ("an answer to something else", ABOVE, description("M", THEIRS)),
    ] {
        let mut world = exstart(own);
        describes(&mut world, description);
        assert_eq!(state(&world), "ExStart", "{why}");
    }
    // An answer of one that should lead.
    let mut world = exstart(BELOW);
    let ours = last(&world).sequence;
    describes(&mut world, description("M", ours));
    assert_eq!(state(&world), "ExStart");
}

#[test]
fn a_slave_starts_over_when_a_description_is_out_of_step() {
    for (why, description) in [
        ("the master bit is clear", description("", THEIRS + 1)),
        ("I is set", description("IMS", THEIRS + 1)),
        ("other options", DatabaseDescription { options: 0, ..description("S", THEIRS + 1) }),
        ("a gap", description("S", THEIRS + 2)),
        ("back", description("S", THEIRS - 1)),
    ] {
        let mut world = as_slave();
        describes(&mut world, description);
        assert_started_over(&world, THEIRS, why);
    }
}

#[test]
fn a_master_starts_over_when_a_description_is_out_of_step() {
    for (why, flags, offset, options) in [
        ("the master bit is set", "S", 1, options::E),
        ("I is set", "I", 1, options::E),
        ("other options", "", 1, 0),
        ("a gap", "", 2, options::E),
        ("the last number with other flags", "", 0, options::E),
    ] {
        let (mut world, ours) = as_master();
        describes(&mut world, DatabaseDescription { options, ..description(flags, ours + offset) });
        assert_started_over(&world, ours + 1, why);
    }
}

#[test]
fn starting_over_forgets_what_was_wanted() {
    let mut world = as_slave();
    let headers = vec![external(1, 1).header];
    describes(&mut world, DatabaseDescription { headers, ..description("MS", THEIRS + 1) });
    assert_eq!(world.neighbor(0, 1).unwrap().link_state_request_list_counter, 1);
    describes(&mut world, description("S", THEIRS + 9));
    assert_started_over(&world, THEIRS + 1, "a gap");
}

#[test]
fn a_slave_repeats_its_answer_and_only_when_asked() {
    let mut world = as_slave();
    let answer = last(&world);
    pass(&mut world, BELOW, 12);
    assert_eq!(last(&world), answer);
    assert_eq!(described(&world, 0).len(), 2, "the first one and the answer");
    let mark = world.sent.len();
    describes(&mut world, description("IMS", THEIRS));
    assert_eq!(described(&world, mark), [answer]);
    assert_eq!(state(&world), "Exchange");
}

#[test]
fn a_master_drops_what_it_has_heard_and_repeats_what_is_not_answered() {
    let (mut world, ours) = as_master();
    let mark = world.sent.len();
    describes(&mut world, description("M", ours));
    assert!(described(&world, mark).is_empty());
    assert_eq!(world.counter(0, "drop-duplicate-description"), 1);
    let unanswered = last(&world);
    pass(&mut world, ABOVE, 11);
    assert_eq!(described(&world, mark), vec![unanswered; 2], "after 5 and after 10 s");
    describes(&mut world, description("", ours + 1));
    assert_eq!(state(&world), "Full");
    let mark = world.sent.len();
    describes(&mut world, description("", ours + 1));
    pass(&mut world, ABOVE, 11);
    assert!(described(&world, mark).is_empty());
    assert_eq!(state(&world), "Full");
}

#[test]
fn a_full_slave_keeps_its_last_answer_for_the_dead_interval() {
    let mut world = full_slave();
    let answer = last(&world);
    pass(&mut world, BELOW, 3);
    let mark = world.sent.len();
    describes(&mut world, description("S", THEIRS + 1));
    assert_eq!(described(&world, mark), [answer]);
    pass(&mut world, BELOW, 2);
    describes(&mut world, description("S", THEIRS + 1));
    assert_started_over(&world, THEIRS + 1, "after RouterDeadInterval");
}

#[test]
fn a_full_neighbour_that_describes_anew_starts_over() {
    for (why, description) in [
        ("a first one", description("IMS", THEIRS + 7)),
        ("the next", description("S", THEIRS + 2)),
        ("other options", DatabaseDescription { options: 0, ..description("S", THEIRS + 1) }),
    ] {
        let mut world = full_slave();
        describes(&mut world, description);
        assert_started_over(&world, THEIRS + 1, why);
    }
}

#[test]
fn who_describes_its_database_has_heard_us() {
    let mut world = World::new(vec![config(BELOW, PointToPoint)]);
    world.inject(1, 0, Body::Hello(Hello { neighbors: Vec::new(), ..hello(BELOW) }));
    assert_eq!(state(&world), "Init");
    describes(&mut world, description("IMS", THEIRS));
    assert_eq!(state(&world), "Exchange");
}

#[test]
fn who_shall_not_be_adjacent_is_not_answered() {
    let mut world = World::new(vec![config(BELOW, Broadcast)]);
    world.inject(1, 0, Body::Hello(hello(BELOW)));
    assert_eq!(state(&world), "2-Way", "nobody leads yet");
    for sent in [description("S", THEIRS), description("IMS", THEIRS)] {
        describes(&mut world, sent);
    }
    assert_eq!(state(&world), "2-Way");
    assert!(described(&world, 0).is_empty());
}

#[test]
fn a_type_that_nobody_knows_starts_the_exchange_over() {
    let mut world = as_slave();
    let mut header = external(1, 1).header;
    header.key.ls_type = LsType::Unknown(77);
    describes(&mut world, DatabaseDescription { headers: vec![header], ..description("S", THEIRS + 1) });
    assert_eq!(state(&world), "ExStart");
    assert_eq!(world.counter(0, "drop-unsupported-ls-type"), 1);
}

#[test]
fn what_is_newer_there_is_asked_for_and_what_is_not_is_not() {
    let mut world = exstart_with(BELOW, [external(1, 1), external(2, 1)]);
    describes(&mut world, description("IMS", THEIRS));
    let mut newer = external(2, 1).header;
    newer.sequence += 1;
    let headers = vec![external(1, 1).header, newer, external(3, 1).header];
    let mark = world.sent.len();
    describes(&mut world, DatabaseDescription { headers, ..description("S", THEIRS + 1) });
    assert_eq!(state(&world), "Loading");
    assert_eq!(requested(&world, mark), [vec![external(2, 1).header.key, external(3, 1).header.key]]);
}

#[test]
fn a_request_is_repeated_and_what_came_is_not_asked_for_again() {
    let mut world = as_slave();
    let headers = vec![external(1, 1).header, external(2, 1).header];
    describes(&mut world, DatabaseDescription { headers, ..description("S", THEIRS + 1) });
    let both = vec![external(1, 1).header.key, external(2, 1).header.key];
    let mark = world.sent.len();
    pass(&mut world, BELOW, 6);
    assert_eq!(requested(&world, mark), [both], "after 5 s");
    world.inject(1, 0, Body::LinkStateUpdate(vec![external(1, 1)]));
    let mark = world.sent.len();
    pass(&mut world, BELOW, 5);
    assert_eq!(requested(&world, mark), [vec![external(2, 1).header.key]]);
    world.inject(1, 0, Body::LinkStateUpdate(vec![external(2, 1)]));
    assert_eq!(state(&world), "Full");
    let mark = world.sent.len();
    pass(&mut world, BELOW, 11);
    assert!(requested(&world, mark).is_empty());
}

#[test]
fn one_packet_of_requests_is_under_way_at_a_time() {
    let mut world = as_slave();
    for (step, more) in [(1, "MS"), (2, "MS"), (3, "S")] {
        let headers = (0..70).map(|id| external(step * 100 + id, 1).header).collect();
        describes(&mut world, DatabaseDescription { headers, ..description(more, THEIRS + step) });
    }
    let asked = requested(&world, 0);
    assert_eq!(asked.len(), 1, "{} packets", asked.len());
    let mark = world.sent.len();
    let answers = asked[0].iter().map(|key| external(key.link_state_id, 1)).collect();
    world.inject(1, 0, Body::LinkStateUpdate(answers));
    assert_eq!(requested(&world, mark).len(), 1);
}

#[test]
fn a_description_has_the_whole_database_but_what_is_at_max_age() {
    let mut world = exstart_with(BELOW, [external(1, 1), external(3, 1)]);
    // One that is being flushed, as it would be while another neighbour has not acknowledged it.
    world.nodes[0].lsdb.install(Scope::As, external(2, MAX_AGE), Origin::Requested, world.now).unwrap();
    describes(&mut world, description("IMS", THEIRS));
    let listed: Vec<_> = last(&world).headers.iter().map(|header| header.key).collect();
    assert_eq!(listed, [1, 3].map(|id| external(id, 1).header.key));
    assert_eq!(world.neighbor(0, 1).unwrap().link_state_retransmission_list_counter, 1);
}

#[test]
fn descriptions_carry_on_where_the_last_one_ended() {
    let mut world = exstart_with(BELOW, (0..150).map(|id| external(id, 1)));
    describes(&mut world, description("IMS", THEIRS));
    let mut listed = last(&world).headers;
    assert!(last(&world).more);
    for step in 1..=3 {
        let more = if step < 3 { "MS" } else { "S" };
        describes(&mut world, description(more, THEIRS + step));
        listed.extend(last(&world).headers);
    }
    assert!(!last(&world).more);
    let ids: Vec<_> = listed.iter().map(|header| header.key.link_state_id).collect();
    assert_eq!(ids, (0..150).collect::<Vec<_>>());
}

#[test]
fn an_answer_to_a_request_is_not_retransmitted() {
    let mut world = exstart_with(BELOW, [external(1, 1)]);
    describes(&mut world, description("IMS", THEIRS));
    let mark = world.sent.len();
    world.inject(1, 0, Body::LinkStateRequest(vec![external(1, 1).header.key]));
    let sent = world.sent_since(mark, 0);
    assert!(matches!(sent[..], [Body::LinkStateUpdate(_)]), "{sent:?}");
    assert_eq!(world.neighbor(0, 1).unwrap().link_state_retransmission_list_counter, 0);
}

#[test]
fn a_request_before_the_exchange_is_ignored() {
    let mut world = exstart_with(BELOW, [external(1, 1)]);
    assert_eq!(state(&world), "ExStart");
    let mark = world.sent.len();
    world.inject(1, 0, Body::LinkStateRequest(vec![external(1, 1).header.key, external(9, 1).header.key]));
    assert!(world.sent_since(mark, 0).is_empty());
    assert_eq!((state(&world), world.counter(0, "drop-neighbor-state")), ("ExStart".to_owned(), 1));
}

#[test]
fn a_neighbour_on_a_point_to_point_link_may_change_its_address() {
    let mut world = full_slave();
    let moved = Ipv4Addr::new(198, 51, 100, 7);
    world.inject_from(1, moved, 0, Body::Hello(hello(BELOW)));
    assert_eq!(world.neighbor(0, 1).unwrap().address, moved);
    assert_eq!(state(&world), "Full");
}

/// Exchange, with one LSA wanted and one not acknowledged.
fn busy(world: &mut World) {
    describes(world, description("IMS", THEIRS));
    let headers = vec![external(1, 1).header];
    describes(world, DatabaseDescription { headers, ..description("MS", THEIRS + 1) });
    let (now, lsa) = (world.now, external(2, 1));
    let key = lsa.header.key;
    world.nodes[0].lsdb.install(Scope::As, lsa, Origin::Requested, now).unwrap();
    world.nodes[0].flood(now, Scope::As, key, Sender::Us);
    world.nodes[0].handle_timeout(now);
    world.collect();
    assert_eq!((state(world), lists(world)), ("Exchange".to_owned(), (1, 1)));
}

fn lists(world: &World) -> (u32, u32) {
    let neighbor = world.neighbor(0, 1).unwrap();
    (neighbor.link_state_request_list_counter, neighbor.link_state_retransmission_list_counter)
}

#[test]
fn what_is_flooded_in_the_exchange_reaches_the_neighbour() {
    let mut world = exstart(BELOW);
    let mark = world.sent.len();
    busy(&mut world);
    let flooded = world.sent_since(mark, 0).into_iter().filter(|body| match body {
        Body::LinkStateUpdate(lsas) => lsas.iter().any(|lsa| lsa.header.key == external(2, 1).header.key),
        Body::Hello(_) | Body::DatabaseDescription(_) | Body::LinkStateRequest(_) | Body::LinkStateAck(_) => {
            false
        }
    });
    assert_eq!(flooded.count(), 1);
}

#[test]
fn who_does_not_hear_us_any_more_is_in_init() {
    let mut world = exstart(BELOW);
    busy(&mut world);
    let mark = world.sent.len();
    world.inject(1, 0, Body::Hello(Hello { neighbors: Vec::new(), ..hello(BELOW) }));
    assert_eq!((state(&world), lists(&world)), ("Init".to_owned(), (0, 0)));
    world.run(Duration::from_secs(3));
    assert!(described(&world, mark).is_empty() && requested(&world, mark).is_empty());
}

#[test]
fn an_adjacency_that_nobody_wants_any_more_ends() {
    let mut ours = config(BELOW, Broadcast);
    ours.interfaces.get_mut("eth0").unwrap().priority = 0;
    let mut world = World::new(vec![ours]);
    let leads = Hello { priority: 1, designated_router: address(1), ..hello(BELOW) };
    world.inject(1, 0, Body::Hello(leads));
    assert_eq!(state(&world), "ExStart");
    busy(&mut world);
    world.inject(1, 0, Body::Hello(hello(BELOW)));
    assert_eq!((state(&world), lists(&world)), ("2-Way".to_owned(), (0, 0)));
}

#[test]
fn first_numbers_are_drawn_at_random() {
    let number = |seed| {
        let now = Instant::from_micros(1_000_000);
        let mut node = crate::core::Instance::new(config(BELOW, PointToPoint), seed, now);
        node.handle_link(now, link(0, true));
        let mut world = World::new(vec![config(BELOW, PointToPoint)]);
        world.nodes[0] = node;
        world.inject(1, 0, Body::Hello(hello(BELOW)));
        last(&world).sequence
    };
    assert_ne!(number(1), number(2));
}

#[test]
fn option_bits_that_nobody_knows_change_nothing() {
    let unknown = options::E | 0x81;
    let mut world = World::new(vec![config(BELOW, PointToPoint)]);
    world.inject(1, 0, Body::Hello(Hello { options: unknown, ..hello(BELOW) }));
    let mut lsa = external(1, 1);
    lsa.header.options = unknown;
    let lsa = Lsa::build(1, unknown, lsa.header.key, 1, lsa.body).unwrap();
    let headers = vec![lsa.header];
    describes(&mut world, DatabaseDescription { options: unknown, ..description("IMS", THEIRS) });
    describes(&mut world, DatabaseDescription { options: unknown, headers, ..description("S", THEIRS + 1) });
    world.inject(1, 0, Body::LinkStateUpdate(vec![lsa.clone()]));
    assert_eq!(state(&world), "Full");
    let held = world.nodes[0].lsdb.get(Scope::As, lsa.header.key).unwrap();
    assert_eq!(held.lsa().header.options, unknown);
}

#[test]
fn the_answer_to_a_request_is_the_instance_of_now() {
    let mut world = exstart_with(BELOW, [external(1, 1)]);
    describes(&mut world, description("IMS", THEIRS));
    let described = external(1, 1);
    let newer = Lsa::build(1, 2, described.header.key, 2, described.body).unwrap();
    world.nodes[0].lsdb.install(Scope::As, newer, Origin::Requested, world.now).unwrap();
    let mark = world.sent.len();
    world.inject(1, 0, Body::LinkStateRequest(vec![external(1, 1).header.key]));
    let sent = world.sent_since(mark, 0);
    let [Body::LinkStateUpdate(lsas)] = &sent[..] else { panic!("one update, not {sent:?}") };
    assert_eq!(lsas[0].header.sequence, 2);
}
