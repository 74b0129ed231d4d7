//! Adjacencies under keyed digests: keys that change, numbers that must not repeat, and what is refused (RFC 2328 appendix D).

use std::sync::Arc;
use std::time::Duration;

use common::time::Instant;

use super::world::{AREA, ETH0, World, address, config, link, router_id};
use crate::core::Instance;
use crate::core::config::NetworkType::{Broadcast, PointToPoint};
use crate::core::config::{AuthConfig, Config, Key, KeyChain, Lifetime, NetworkType, Password, SequenceRule};
use crate::core::event::{Event, RxDatagram};
use crate::core::output::ALL_SPF_ROUTERS;
use crate::packet::{Algorithm, Auth, Body, CryptoKey, Packet};

fn key(id: u8, secret: &str) -> Key {
    of_algorithm(id, Algorithm::HmacSha256, secret)
}

fn of_algorithm(id: u8, algorithm: Algorithm, secret: &str) -> Key {
    let key = Arc::new(CryptoKey::new(id, algorithm, secret.as_bytes()).unwrap());
    Key { key, send: Lifetime::default(), accept: Lifetime::default() }
}

fn lifetime(from: Option<u64>, to: Option<u64>) -> Lifetime {
    let at = |seconds| Instant::from_micros(seconds * 1_000_000);
    Lifetime { from: from.map(at), to: to.map(at) }
}

pub(super) fn chain(keys: &[Key]) -> AuthConfig {
    AuthConfig::Keys { chain: Arc::new(KeyChain::new(keys.to_vec())), sequence: SequenceRule::Repeating }
}

pub(super) fn longest_digest() -> AuthConfig {
    chain(&[of_algorithm(1, Algorithm::HmacSha512, "secret")])
}

fn keyed(node: usize, network_type: NetworkType, auth: &AuthConfig) -> Config {
    let mut config = config(node, network_type);
    config.interfaces.get_mut("eth0").unwrap().auth = auth.clone();
    config
}

fn pair(network_type: NetworkType, auths: [&AuthConfig; 2]) -> World {
    World::new((0..2).map(|node| keyed(node, network_type, auths[node])).collect())
}

fn full_pair(auth: &AuthConfig) -> World {
    let mut world = pair(PointToPoint, [auth, auth]);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    world
}

fn reconfigure(world: &mut World, node: usize, auth: &AuthConfig) {
    world.auths[node] = auth.clone();
    let now = world.now;
    world.nodes[node].reconfigure(now, keyed(node, PointToPoint, auth));
    world.collect();
}

/// Key ids that a node has sent with since `mark`, a length of `sent`, each once.
fn key_ids(world: &World, mark: usize, node: usize) -> Vec<u8> {
    let mut ids = Vec::new();
    for ((_, from, ..), payload) in world.sent.iter().zip(&world.payloads).skip(mark) {
        if *from == node && ids.last() != Some(&payload[18]) {
            ids.push(payload[18]);
        }
    }
    ids
}

fn sequences(world: &World, node: usize) -> Vec<u32> {
    let sent = world.sent.iter().zip(&world.payloads).filter(|((_, from, ..), _)| *from == node);
    sent.map(|(_, payload)| u32::from_be_bytes(payload[20..24].try_into().unwrap())).collect()
}

fn changes(world: &World) -> [u64; 2] {
    [world.neighbor(0, 1).unwrap().state_changes, world.neighbor(1, 0).unwrap().state_changes]
}

/// Gives node 0 once more what node 1 has sent.
fn replay(world: &mut World, payload: &[u8]) {
    let rx = RxDatagram { if_index: ETH0, source: address(1), destination: ALL_SPF_ROUTERS, ttl: 1, payload };
    let now = world.now;
    world.nodes[0].handle_datagram(now, rx);
    world.collect();
}

fn restart(world: &mut World, node: usize, auth: &AuthConfig, sequence: u32) {
    let instance = Instance::new(keyed(node, PointToPoint, auth), 99, world.now);
    world.nodes[node] = instance.with_crypto_sequence(sequence);
    let now = world.now;
    world.nodes[node].handle_link(now, link(node, true));
    world.collect();
}

#[test]
fn routers_that_share_a_key_of_any_algorithm_become_full() {
    for algorithm in Algorithm::ALL {
        for network_type in [PointToPoint, Broadcast] {
            let auth = chain(&[of_algorithm(7, algorithm, "secret")]);
            let mut world = pair(network_type, [&auth, &auth]);
            world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
            world.until("the databases agree", World::agrees);
        }
    }
}

#[test]
fn routers_that_do_not_agree_stay_apart_and_say_why() {
    let ours = chain(&[key(1, "secret")]);
    let late = Key { accept: lifetime(Some(1000), None), ..key(1, "secret") };
    for (theirs, reason) in [
        (chain(&[key(1, "Secret")]), "drop-bad-digest"),
        (chain(&[key(2, "secret")]), "drop-unknown-key-id"),
        (chain(&[of_algorithm(1, Algorithm::HmacSha1, "secret")]), "drop-bad-digest-length"),
        (AuthConfig::Null, "drop-auth-type-mismatch"),
        (AuthConfig::Simple(Password(*b"secret\0\0")), "drop-auth-type-mismatch"),
    ] {
        let mut world = pair(PointToPoint, [&ours, &theirs]);
        world.run(Duration::from_secs(10));
        assert!(world.neighbor(0, 1).is_none() && world.neighbor(1, 0).is_none(), "{theirs:?}");
        assert!(world.counter(0, reason) > 0, "{reason}: {}", world.describe());
        assert!(world.counter(1, reason) > 0, "{reason}: {}", world.describe());
    }
    let mut world = full_pair(&ours);
    // What node 0 sends from now on it would not itself accept: it is read back as before.
    let now = world.now;
    world.nodes[0].reconfigure(now, keyed(0, PointToPoint, &chain(&[late])));
    world.run(Duration::from_secs(10));
    assert!(world.counter(0, "drop-key-outside-lifetime") > 0, "{}", world.describe());
    assert!(world.neighbor(0, 1).is_none());
}

#[test]
fn a_rollover_by_lifetimes_keeps_the_adjacency_though_the_clocks_differ() {
    let keys = |skew: u64| {
        let old = Key {
            send: lifetime(None, Some(60 + skew)),
            accept: lifetime(None, Some(80 + skew)),
            ..key(1, "old")
        };
        let new = Key {
            send: lifetime(Some(60 + skew), None),
            accept: lifetime(Some(40 + skew), None),
            ..key(2, "new")
        };
        chain(&[old, new])
    };
    let mut world = pair(PointToPoint, [&keys(0), &keys(5)]);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    let (before, mark) = (changes(&world), world.sent.len());

    world.run(Duration::from_secs(120));

    assert!(world.is_full(0, 1) && world.is_full(1, 0));
    assert_eq!(changes(&world), before);
    assert_eq!([key_ids(&world, mark, 0), key_ids(&world, mark, 1)], [[1, 2], [1, 2]]);
    let told =
        Event::SendKey { interface: "eth0".to_owned(), key_id: 2, algorithm: "hmac-sha-256", expired: false };
    assert!(world.events[0].contains(&told) && world.events[1].contains(&told));
}

#[test]
fn a_rollover_by_reloads_keeps_the_adjacency() {
    let (old, new) = (key(1, "old"), of_algorithm(2, Algorithm::HmacSha512, "new"));
    let mut world = full_pair(&chain(std::slice::from_ref(&old)));
    let (before, mark) = (changes(&world), world.sent.len());
    // Known to all, used by all, alone. As the configuration orders them: of two without lifetimes the lowest id stands last.
    let retired = Key { send: lifetime(None, Some(1)), ..old.clone() };
    for auth in [chain(&[new.clone(), old]), chain(&[new.clone(), retired]), chain(&[new])] {
        for node in 0..2 {
            reconfigure(&mut world, node, &auth);
            world.run(Duration::from_secs(10));
        }
    }
    assert!(world.is_full(0, 1) && world.is_full(1, 0));
    assert_eq!(changes(&world), before);
    assert_eq!([key_ids(&world, mark, 0), key_ids(&world, mark, 1)], [[1, 2], [1, 2]]);
}

#[test]
fn when_the_last_key_expires_the_adjacency_stays_and_somebody_is_told() {
    let until = lifetime(None, Some(30));
    let mut world = full_pair(&chain(&[Key { send: until, accept: until, ..key(1, "secret") }]));
    let before = changes(&world);
    world.run(Duration::from_secs(60));
    assert_eq!(changes(&world), before);
    let expired = |expired| Event::SendKey {
        interface: "eth0".to_owned(),
        key_id: 1,
        algorithm: "hmac-sha-256",
        expired,
    };
    let told = |event: Event| world.events[0].iter().filter(|told| **told == event).count();
    assert_eq!((told(expired(false)), told(expired(true))), (1, 1));
}

#[test]
fn before_a_key_begins_nothing_is_sent() {
    let from = lifetime(Some(20), None);
    let auth = chain(&[Key { send: from, accept: from, ..key(1, "secret") }]);
    let mut world = pair(PointToPoint, [&auth, &auth]);
    world.run(Duration::from_secs(18));
    assert_eq!(world.sent.len(), 0);
    assert!(world.counter(0, "drop-no-send-key") > 0);
    world.run(Duration::from_secs(5));
    assert!(world.is_full(0, 1) && world.is_full(1, 0));
}

#[test]
fn sequence_numbers_rise_with_every_packet() {
    let world = full_pair(&chain(&[key(1, "secret")]));
    let sequences = sequences(&world, 0);
    assert!(sequences.len() > 5);
    assert!(sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
    assert_eq!(world.nodes[0].crypto_sequence(), *sequences.last().unwrap());
}

#[test]
fn a_packet_that_was_recorded_is_not_taken_again() {
    let mut world = full_pair(&chain(&[key(1, "secret")]));
    let recorded: Vec<_> = world
        .sent
        .iter()
        .zip(&world.payloads)
        .filter(|((_, from, ..), _)| *from == 1)
        .map(|(_, payload)| payload.clone())
        .collect();
    let (last, older) = recorded.split_last().unwrap();
    for payload in older {
        replay(&mut world, payload);
    }
    assert_eq!(world.counter(0, "drop-sequence-replay"), u64::try_from(older.len()).unwrap());
    // BIRD repeats a number within a second.
    replay(&mut world, last);
    assert_eq!(world.counter(0, "drop-sequence-replay"), u64::try_from(older.len()).unwrap());
    assert!(world.is_full(0, 1));
}

#[test]
fn p1_our_numbers_rise_over_a_restart_and_one_that_a_neighbour_repeats_is_taken() {
    let auth = chain(&[key(1, "secret")]);
    let mut world = full_pair(&auth);
    let last = world.sent.iter().rposition(|(_, from, ..)| *from == 1).unwrap();
    let repeated = world.payloads[last].clone();
    replay(&mut world, &repeated);
    assert_eq!(world.counter(0, "drop-sequence-replay"), 0);
    let used = world.nodes[0].crypto_sequence();
    restart(&mut world, 0, &auth, used);
    world.until("both are Full anew", |world| world.is_full(0, 1) && world.is_full(1, 0));
    let sent = sequences(&world, 0);
    assert!(sent.iter().any(|number| *number > used));
    assert!(sent.is_sorted_by(|one, next| one < next), "{sent:?}");
    assert_eq!(world.counter(1, "drop-sequence-replay"), 0);
}

#[test]
fn a_repeated_number_is_refused_where_that_is_asked_for() {
    let AuthConfig::Keys { chain, .. } = chain(&[key(1, "secret")]) else { panic!("keys") };
    let mut world = full_pair(&AuthConfig::Keys { chain, sequence: SequenceRule::Strict });
    let last = world.sent.iter().rposition(|(_, from, ..)| *from == 1).unwrap();
    let payload = world.payloads[last].clone();
    replay(&mut world, &payload);
    assert_eq!(world.counter(0, "drop-sequence-replay"), 1);
}

#[test]
fn a_restart_that_goes_on_counting_is_heard_at_once() {
    let auth = chain(&[key(1, "secret")]);
    let mut world = full_pair(&auth);
    let sequence = world.nodes[0].crypto_sequence();
    let start = world.now;
    restart(&mut world, 0, &auth, sequence);
    world.until("both are Full anew", |world| world.is_full(0, 1) && world.is_full(1, 0) && world.agrees());
    assert!(world.now.since(start) < Duration::from_secs(1), "took {:?}", world.now.since(start));
    assert_eq!(world.counter(1, "drop-sequence-replay"), 0);
}

#[test]
fn a_restart_that_counts_anew_is_heard_once_it_was_forgotten() {
    let auth = chain(&[key(1, "secret")]);
    let mut world = full_pair(&auth);
    world.run(Duration::from_secs(60));
    restart(&mut world, 0, &auth, 0);
    world.run(Duration::from_secs(3));
    assert!(world.counter(1, "drop-sequence-replay") > 0);
    assert!(!world.is_full(0, 1));
    world.run(Duration::from_secs(10));
    assert!(world.is_full(0, 1) && world.is_full(1, 0), "{}", world.describe());
}

fn extended(keys: &[Key]) -> AuthConfig {
    let chain = Arc::new(KeyChain::new(keys.to_vec()));
    AuthConfig::Keys { chain, sequence: SequenceRule::Extended }
}

/// Everything that `node` has sent.
fn said_by(world: &World, node: usize) -> Vec<bytes::Bytes> {
    let sent = world.sent.iter().zip(&world.payloads).filter(|((_, from, ..), _)| *from == node);
    sent.map(|(_, payload)| payload.clone()).collect()
}

/// Node 1 starts anew with this boot count.
fn reboot(world: &mut World, auth: &AuthConfig, boots: u32) {
    let instance = Instance::new(keyed(1, PointToPoint, auth), 99, world.now);
    world.nodes[1] = instance.with_boot_count(boots);
    let now = world.now;
    world.nodes[1].handle_link(now, link(1, true));
    world.collect();
}

#[test]
fn routers_with_extended_sequence_numbers_become_full() {
    for algorithm in
        [Algorithm::HmacSha1, Algorithm::HmacSha256, Algorithm::HmacSha384, Algorithm::HmacSha512]
    {
        for network_type in [PointToPoint, Broadcast] {
            let auth = extended(&[of_algorithm(7, algorithm, "secret")]);
            let mut world = pair(network_type, [&auth, &auth]);
            world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
            world.until("the databases agree", World::agrees);
            assert_eq!(world.counter(0, "drop-sequence-replay"), 0);
        }
    }
}

#[test]
fn extended_and_plain_sequence_numbers_do_not_mix() {
    let mut world = pair(PointToPoint, [&extended(&[key(1, "secret")]), &chain(&[key(1, "secret")])]);
    world.run(Duration::from_secs(10));
    assert!(world.neighbor(0, 1).is_none() && world.neighbor(1, 0).is_none());
    assert!(
        world.counter(0, "drop-auth-type-mismatch") > 0 && world.counter(1, "drop-auth-type-mismatch") > 0
    );
}

#[test]
fn every_extended_packet_has_a_larger_number_than_the_one_before() {
    let world = full_pair(&extended(&[key(1, "secret")]));
    let number = |payload: &bytes::Bytes| {
        let length = usize::from(u16::from_be_bytes([payload[2], payload[3]]));
        u64::from_be_bytes(payload[length..length + 8].try_into().unwrap())
    };
    let numbers: Vec<_> = said_by(&world, 0).iter().map(number).collect();
    assert!(numbers.len() > 5 && numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[test]
fn an_extended_packet_is_not_taken_twice_whatever_its_type() {
    let mut world = full_pair(&extended(&[key(1, "secret")]));
    let recorded = said_by(&world, 1);
    for payload in &recorded {
        replay(&mut world, payload);
    }
    assert_eq!(world.counter(0, "drop-sequence-replay"), recorded.len() as u64);
    assert!(world.is_full(0, 1));
}

#[test]
fn types_that_overtake_one_another_are_taken_under_the_strict_rule() {
    let AuthConfig::Keys { chain, .. } = chain(&[key(1, "secret")]) else { panic!("keys") };
    let mut world = full_pair(&AuthConfig::Keys { chain, sequence: SequenceRule::Strict });
    // An acknowledgement that was sent before the last hello comes behind it.
    let now = world.now;
    let crypto = |sequence| Auth::Crypto(key(1, "secret").key, sequence);
    let hellos = world.nodes[1].crypto_sequence();
    let ack = Packet { router_id: router_id(1), area_id: AREA, body: Body::LinkStateAck(Vec::new()) };
    world.run(Duration::from_secs(2));
    assert!(world.nodes[1].crypto_sequence() > hellos + 1, "hellos were sent since {now}");
    let before = world.counter(0, "rx-link-state-ack");
    replay(&mut world, &ack.encode(&crypto(hellos + 1)).unwrap());
    assert_eq!(world.counter(0, "rx-link-state-ack"), before + 1);
    replay(&mut world, &ack.encode(&crypto(hellos + 1)).unwrap());
    assert_eq!(world.counter(0, "drop-sequence-replay"), 1);
}

#[test]
fn a_neighbor_s_former_life_cannot_be_played_again_even_when_it_was_declared_dead() {
    let auth = extended(&[key(1, "secret")]);
    let mut world = full_pair(&auth);
    let former = said_by(&world, 1);
    // It falls silent, and is forgotten but for its numbers.
    world.filter = Box::new(|from, _| from != 1);
    world.run(Duration::from_secs(10));
    assert!(world.neighbor(0, 1).is_none());
    for payload in &former {
        replay(&mut world, payload);
    }
    assert!(world.neighbor(0, 1).is_none(), "{}", world.describe());
    // It comes back with the next boot count, and is heard at once; its former life is not.
    world.filter = Box::new(|_, _| true);
    reboot(&mut world, &auth, 1);
    world.until("both are Full anew", |world| world.is_full(0, 1) && world.is_full(1, 0));
    let drops = world.counter(0, "drop-sequence-replay");
    for payload in &former {
        replay(&mut world, payload);
    }
    assert_eq!(world.counter(0, "drop-sequence-replay"), drops + former.len() as u64);
    assert!(world.is_full(0, 1));
}

#[test]
fn a_boot_count_that_was_lost_is_heard_after_an_operator_cleared_the_neighbor_or_under_a_new_key() {
    for with_new_key in [false, true] {
        let auth = extended(&[key(1, "secret")]);
        let mut world = full_pair(&auth);
        reboot(&mut world, &auth, 5);
        world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
        reboot(&mut world, &auth, 1);
        world.run(Duration::from_secs(30));
        assert!(!world.is_full(0, 1) && world.counter(0, "drop-sequence-replay") > 0);
        let now = world.now;
        if with_new_key {
            for node in 0..2 {
                reconfigure(&mut world, node, &extended(&[key(2, "other")]));
            }
        } else {
            world.nodes[0].clear_neighbors(now, None).unwrap();
        }
        world.until("it is heard", |world| world.is_full(0, 1) && world.is_full(1, 0));
    }
}
