//! Coming up, agreeing on intervals, and changing them.

use common::time::Instant;

use super::world::{World, config, key, millis, with_auth};
use crate::bfd::{AuthType, SessionConfig, State};

#[test]
fn two_sides_come_up_and_send_at_the_slower_of_what_both_want() {
    let slow = SessionConfig { min_rx: millis(200), ..config(1) };
    let mut world = World::up(1, [config(0), slow]);
    let since = world.now;
    world.run(millis(2000));
    // Side 0 would send every 50 ms, and side 1 wants no more than one packet in 200 ms.
    let gaps = gaps_between(&world, 0, since);
    assert!(gaps.iter().all(|gap| (150..=200).contains(gap)), "{gaps:?}");
    let gaps = gaps_between(&world, 1, since);
    assert!(gaps.iter().all(|gap| (37..=50).contains(gap)), "{gaps:?}");
    assert_eq!(world.view(0).detection_time, 150);
    assert_eq!(world.view(1).detection_time, 600);
}

fn gaps_between(world: &World, side: usize, since: Instant) -> Vec<u128> {
    let sent = world.sent_by(side, since);
    sent.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_millis()).collect()
}

#[test]
fn before_it_is_up_a_session_sends_once_a_second_and_says_so() {
    let mut world = World::new(2);
    world.open(0, config(0));
    world.run(millis(10_000));
    let sent = world.sent_by(0, Instant::ZERO);
    assert!((10..=14).contains(&sent.len()), "{}", sent.len());
    for sent in sent {
        assert_eq!((sent.packet.desired_min_tx, sent.packet.required_min_rx), (1_000_000, 50_000));
        assert_eq!((sent.packet.state, sent.packet.your_discriminator), (State::Down, 0));
    }
}

#[test]
fn coming_up_starts_a_poll_for_the_fast_interval_and_the_answer_ends_it() {
    let world = World::up(3, [config(0), config(1)]);
    for side in 0..2 {
        let sent = world.sent_by(side, Instant::ZERO);
        let first_up = sent.iter().position(|sent| sent.packet.state == State::Up).unwrap();
        assert!(sent[first_up].packet.poll, "the first packet in state Up polls");
        assert_eq!(sent[first_up].packet.desired_min_tx, 50_000);
        assert!(sent.iter().any(|sent| sent.packet.final_bit), "the other side's poll was answered");
        assert!(!sent.last().unwrap().packet.poll && !world.view(side).polling);
    }
}

#[test]
fn a_longer_interval_is_used_only_when_the_other_side_knows_it() {
    let mut world = World::up(4, [config(0), config(1)]);
    // The answers do not come through.
    world.deaf[1] = true;
    world.sides[0].open(world.now, key(0), SessionConfig { min_tx: millis(300), ..config(0) });
    world.run(millis(120));
    assert_eq!((world.view(0).offered_transmit_interval, world.view(0).current_transmit_interval), (300, 50));
    world.deaf[1] = false;
    world.run(millis(500));
    assert_eq!(world.view(0).current_transmit_interval, 300);
    assert_eq!(world.view(1).detection_time, 900);
    assert_eq!(world.states(), [State::Up; 2]);
    assert_eq!(world.view(0).session_up, 1, "it stayed up");
}

#[test]
fn every_change_of_intervals_keeps_the_session_up() {
    let mut world = World::up(5, [config(0), config(1)]);
    for (tx, rx, multiplier) in [(10, 10, 3), (300, 300, 3), (10, 300, 2), (300, 10, 1), (50, 50, 5)] {
        for side in [0, 1] {
            let changed =
                SessionConfig { min_tx: millis(tx), min_rx: millis(rx), multiplier, ..config(side) };
            world.open(side, changed);
            world.run(millis(40));
        }
        world.run(millis(3000));
    }
    assert_eq!((world.view(0).session_down, world.view(1).session_down), (0, 0));
    assert_eq!((world.view(0).session_up, world.view(1).session_up), (1, 1));
}

#[test]
fn a_passive_side_speaks_only_when_it_is_spoken_to() {
    let passive = |side| SessionConfig { passive: true, ..config(side) };
    let mut world = World::new(6);
    world.open(0, passive(0));
    world.run(millis(5000));
    assert!(world.sent.is_empty());
    world.open(1, config(1));
    world.run(millis(5000));
    assert_eq!(world.states(), [State::Up; 2]);
    let mut both = World::new(7);
    both.open(0, passive(0));
    both.open(1, passive(1));
    both.run(millis(5000));
    assert!(both.sent.is_empty());
}

#[test]
fn intervals_are_jittered_as_the_multiplier_asks() {
    for (multiplier, most) in [(1, 90), (3, 100)] {
        let one =
            |side| SessionConfig { min_tx: millis(100), min_rx: millis(100), multiplier, ..config(side) };
        let mut world = World::up(8, [one(0), one(1)]);
        let since = world.now;
        world.run(millis(20_000));
        let gaps = gaps_between(&world, 0, since);
        assert!(gaps.iter().all(|gap| (75..=most).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < 80) && gaps.iter().any(|gap| *gap > most - 5), "{gaps:?}");
    }
}

#[test]
fn each_type_of_authentication_comes_up_and_a_wrong_key_does_not() {
    for kind in AuthType::ALL {
        let mut world = World::up(9, [with_auth(0, kind, b"secret"), with_auth(1, kind, b"secret")]);
        world.run(millis(20_000));
        assert_eq!((world.states(), world.view(0).session_up), ([State::Up; 2], 1), "{kind:?}");
        let mut world = World::new(10);
        world.open(0, with_auth(0, kind, b"secret"));
        world.open(1, with_auth(1, kind, b"other"));
        world.run(millis(20_000));
        assert_eq!(world.states(), [State::Down; 2], "{kind:?}");
        let reason = if kind == AuthType::Simple { "auth-password" } else { "auth-digest" };
        assert!(world.sides[0].counters().dropped(reason) > 5, "{kind:?}");
    }
}

#[test]
fn a_side_that_starts_anew_with_another_sequence_is_heard_again() {
    let auth = |side| with_auth(side, AuthType::MeticulousSha1, b"secret");
    let mut world = World::up(11, [auth(0), auth(1)]);
    world.sides[1] = crate::bfd::Engine::new(4711);
    world.open(1, auth(1));
    world.run(millis(10_000));
    assert_eq!(world.states(), [State::Up; 2]);
    assert_eq!((world.view(0).session_up, world.view(0).session_down), (2, 1));
    assert!(world.sides[0].counters().dropped("auth-sequence") > 0, "the old window held for a while");
}
