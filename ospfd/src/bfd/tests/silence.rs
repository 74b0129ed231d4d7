//! Going down: silence, one-way silence, and on purpose.

use super::world::{World, config, key, millis, with_auth};
use crate::bfd::{AuthType, Diagnostic, SessionConfig, State};

#[test]
fn silence_is_detected_within_the_detection_time_and_not_before() {
    for seed in 0..50 {
        let mut world = World::up(seed, [config(0), config(1)]);
        let last = world.sent_by(1, common::time::Instant::ZERO).last().unwrap().at + world.delay;
        world.deaf[1] = true;
        world.changes.clear();
        world.run(millis(400));
        let (at, _, change) = *world.changes.iter().find(|(_, side, _)| *side == 0).unwrap();
        assert_eq!((change.status.state, change.status.losses), (State::Down, 1));
        assert_eq!(change.status.diagnostic, Diagnostic::DetectionTimeExpired);
        assert_eq!(at.since(last), millis(150), "seed {seed}");
    }
}

#[test]
fn who_is_not_heard_is_told_so() {
    let mut world = World::up(1, [config(0), config(1)]);
    world.deaf[1] = true;
    world.run(millis(300));
    // Side 1 hears 0 all the time, and learns from it that it is not heard itself.
    assert_eq!(world.view(1).diagnostic, Diagnostic::NeighborSignaledDown.as_str());
    assert_eq!(world.view(1).session_down, 1);
    assert_eq!(world.view(1).remote_diagnostic, Diagnostic::DetectionTimeExpired.as_str());
    world.deaf[1] = false;
    world.run(millis(5000));
    assert_eq!(world.states(), [State::Up; 2]);
    assert_eq!(world.view(1).diagnostic, "ok");
}

#[test]
fn one_way_silence_keeps_both_sides_from_up() {
    let mut world = World::new(2);
    world.deaf[0] = true;
    world.open(0, config(0));
    world.open(1, config(1));
    world.run(millis(20_000));
    // Side 0 hears, side 1 does not.
    assert_eq!(world.states()[1], State::Down);
    assert_ne!(world.states()[0], State::Up);
}

#[test]
fn a_session_that_is_closed_tells_the_other_side_and_is_no_loss_there() {
    let mut world = World::up(3, [config(0), config(1)]);
    let now = world.now;
    world.changes.clear();
    world.sides[0].close(now, key(0));
    world.run(millis(500));
    let (_, side, change) = *world.changes.last().unwrap();
    assert_eq!((side, change.status.state, change.status.losses), (1, State::Down, 0));
    assert!(change.status.disabled_by_peer);
    assert_eq!(world.view(0).status, "shutdown");
    assert_eq!(world.view(1).remote_diagnostic, Diagnostic::AdministrativelyDown.as_str());
    // For three packets at the interval of a session that is not Up.
    world.run(millis(3000));
    assert!(world.sides[0].is_empty());
    let told = world.sent_by(0, now);
    assert!((3..=5).contains(&told.len()), "{}", told.len());
    assert!(told.iter().all(|sent| sent.packet.state == State::AdminDown));
}

#[test]
fn a_session_that_is_closed_and_wanted_again_comes_up_again() {
    let mut world = World::up(4, [config(0), config(1)]);
    world.sides[0].close(world.now, key(0));
    world.run(millis(200));
    world.open(0, config(0));
    world.run(millis(5000));
    assert_eq!(world.states(), [State::Up; 2]);
    assert_eq!((world.view(0).session_down, world.view(1).session_down), (0, 0));
}

#[test]
fn a_session_that_nobody_has_heard_goes_without_a_word() {
    let mut world = World::new(5);
    world.open(0, config(0));
    world.run(millis(3000));
    let sent = world.sent.len();
    world.sides[0].close(world.now, key(0));
    world.run(millis(5000));
    assert!(world.sides[0].is_empty());
    assert_eq!(world.sent.len(), sent);
    assert_eq!(world.sides[0].poll_timeout(), None);
}

#[test]
fn a_loss_that_is_over_before_anybody_looks_is_counted() {
    let mut world = World::up(6, [config(0), config(1)]);
    let before = world.changes.last().unwrap().2.status.losses;
    world.deaf[1] = true;
    world.run(millis(300));
    world.deaf[1] = false;
    world.run(millis(5000));
    let (_, _, last) = world.changes.iter().rfind(|(_, side, _)| *side == 0).unwrap();
    assert_eq!((last.status.state, last.status.losses), (State::Up, before + 1));
}

#[test]
fn a_lost_packet_or_two_of_three_do_no_harm() {
    let five = |side| SessionConfig { multiplier: 5, ..config(side) };
    let mut world = World::up(7, [five(0), five(1)]);
    world.loss = 10;
    world.run(millis(60_000));
    assert_eq!((world.view(0).session_down, world.view(1).session_down), (0, 0));
    assert!(world.sent.iter().any(|sent| sent.lost));
}

#[test]
fn a_session_that_is_wanted_again_hears_a_side_that_has_started_anew_meanwhile() {
    // Found by proptest: the old sequence number was kept, and nobody watched how long the silence was.
    let auth = |side| with_auth(side, AuthType::MeticulousSha1, b"secret");
    let mut world = World::new(0);
    world.deaf[0] = true;
    world.open(0, auth(0));
    world.open(1, auth(1));
    world.run(millis(1));
    for side in [1, 0] {
        world.sides[side].close(world.now, key(side));
    }
    world.deaf[0] = false;
    world.open(0, auth(0));
    world.open(1, auth(1));
    world.run(millis(15_000));
    assert_eq!(world.states(), [State::Up; 2]);
}
