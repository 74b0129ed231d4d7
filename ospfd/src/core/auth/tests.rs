use crate::packet::{Algorithm, Auth, Stamp};

use super::*;

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn lifetime(from: Option<u64>, to: Option<u64>) -> Lifetime {
    Lifetime { from: from.map(at), to: to.map(at) }
}

fn key(id: u8, send: Lifetime, accept: Lifetime) -> Key {
    let key = CryptoKey::new(id, Algorithm::HmacSha256, b"secret").unwrap();
    Key { key: Arc::new(key), send, accept }
}

/// Key 1 until 100, key 2 from 90; both accepted for 20 s more, before and after.
fn rollover() -> KeyChain {
    KeyChain::new(vec![
        key(1, lifetime(None, Some(100)), lifetime(None, Some(120))),
        key(2, lifetime(Some(90), Some(200)), lifetime(Some(70), Some(220))),
    ])
}

fn sends(chain: &KeyChain, seconds: u64) -> Option<(u8, bool)> {
    chain.send_key(at(seconds)).map(|send| (send.key.id(), send.expired))
}

#[test]
fn the_key_that_started_last_is_sent_with() {
    let chain = rollover();
    assert_eq!(sends(&chain, 0), Some((1, false)));
    assert_eq!(sends(&chain, 89), Some((1, false)));
    assert_eq!(sends(&chain, 90), Some((2, false)));
    assert_eq!(sends(&chain, 199), Some((2, false)));
}

#[test]
fn when_all_have_expired_the_last_one_stays() {
    let chain = rollover();
    assert_eq!(sends(&chain, 200), Some((2, true)));
    assert_eq!(sends(&chain, 1_000_000), Some((2, true)));
    assert!(chain.accept(at(1_000_000), 2).is_ok());
    assert_eq!(chain.accept(at(1_000_000), 1).unwrap_err(), KeyRefusal::OutsideLifetime(1));
}

#[test]
fn before_the_first_key_starts_nothing_is_sent_or_accepted() {
    let chain = KeyChain::new(vec![key(1, lifetime(Some(10), None), lifetime(Some(10), None))]);
    assert_eq!(sends(&chain, 9), None);
    assert_eq!(chain.accept(at(9), 1).unwrap_err(), KeyRefusal::OutsideLifetime(1));
    assert_eq!(sends(&chain, 10), Some((1, false)));
}

#[test]
fn every_key_within_its_lifetime_is_accepted() {
    let chain = rollover();
    let accepted = |seconds| [1, 2].map(|id| chain.accept(at(seconds), id).is_ok());
    assert_eq!(accepted(69), [true, false]);
    assert_eq!(accepted(70), [true, true]);
    assert_eq!(accepted(119), [true, true]);
    assert_eq!(accepted(120), [false, true]);
    assert_eq!(chain.accept(at(70), 3).unwrap_err(), KeyRefusal::Unknown(3));
}

#[test]
fn changes_are_known_before_they_come() {
    let chain = rollover();
    assert_eq!(chain.next_change(at(0)), Some(at(90)));
    assert_eq!(chain.next_change(at(90)), Some(at(100)));
    assert_eq!(chain.next_change(at(100)), Some(at(200)));
    assert_eq!(chain.next_change(at(200)), None);
}

#[test]
fn numbers_rise_on_each_interface_and_never_start_below_one_that_was_used() {
    let mut sequences = Sequences::starting_after(1000);
    let (a, b, c) = (IfIndex(1), IfIndex(2), IfIndex(3));
    assert_eq!([sequences.next(a), sequences.next(a), sequences.next(b)], [1001, 1002, 1003]);
    assert_eq!([sequences.next(a), sequences.next(b)], [1003, 1004]);
    assert_eq!(sequences.next(c), 1005);
    assert_eq!(sequences.highest(), 1005);
}

#[test]
fn the_last_number_is_repeated_rather_than_starting_over() {
    let mut sequences = Sequences::starting_after(u32::MAX - 1);
    assert_eq!([sequences.next(IfIndex(1)), sequences.next(IfIndex(1))], [u32::MAX, u32::MAX]);
}

#[test]
fn an_old_number_is_refused_and_an_equal_one_if_so_asked() {
    use SequenceRule::{Extended, Repeating, Strict};
    let replay = Err(DropReason::SequenceReplay);
    let stamp = |key_id, sequence| Stamp { key_id, sequence };
    let (hello, update) = (1, 4);
    for (rule, equal, other_type) in
        [(Repeating, Ok(()), replay), (Strict, replay, Ok(())), (Extended, replay, Ok(()))]
    {
        let mut seen = Seen::default();
        assert_eq!(seen.check(rule, stamp(1, 0), hello), Ok(()));
        seen.note(rule, stamp(1, 50), hello);
        assert_eq!(seen.check(rule, stamp(1, 51), hello), Ok(()));
        assert_eq!(seen.check(rule, stamp(1, 50), hello), equal, "{rule:?}");
        assert_eq!(seen.check(rule, stamp(1, 49), hello), replay, "{rule:?}");
        assert_eq!(seen.check(rule, stamp(1, 49), update), other_type, "{rule:?}");
        assert_eq!(seen.check(rule, stamp(2, 49), hello), Ok(()), "another key has its own numbers");
    }
}

#[test]
fn numbers_of_64_bits_are_one_row_over_interfaces_and_the_boot_count_rises_with_the_last_of_them() {
    let key = Arc::new(CryptoKey::new(1, Algorithm::HmacSha256, b"secret").unwrap());
    let send = SendKey { key, expired: false };
    let chain = Arc::new(KeyChain::default());
    let config = AuthConfig::Keys { chain, sequence: SequenceRule::Extended };
    let mut sequences = Sequences::starting_after(0);
    let next = |sequences: &mut Sequences, interface| {
        let source = Ipv4Addr::LOCALHOST;
        match sequences.authenticate(IfIndex(interface), &config, Some(&send), source) {
            Some(Auth::Extended(_, sequence, _)) => sequence,
            other => panic!("{other:?}"),
        }
    };
    sequences.set_boot_count(7);
    assert_eq!([next(&mut sequences, 1), next(&mut sequences, 2)], [0x7_0000_0001, 0x7_0000_0002]);
    sequences.extended = 0x7_ffff_ffff;
    assert_eq!(next(&mut sequences, 1), 0x8_0000_0000);
    assert_eq!(sequences.boot_count(), 8);
}
