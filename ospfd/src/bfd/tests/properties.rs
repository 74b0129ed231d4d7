//! What holds whatever the link does.

use std::time::Duration;

use proptest::prelude::*;

use super::world::{LINK, World, address, config, key, millis, with_auth};
use crate::bfd::{AuthType, Engine, RxPacket, SessionConfig, State};

/// What is done to the two sides.
#[derive(Clone, Debug)]
enum Act {
    Run(u64),
    Deafen(usize, bool),
    Loss(u8),
    Delay(u64),
    Configure(usize, u64, u64, u8),
    Close(usize),
    Restart(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let side = 0..2_usize;
    prop_oneof![
        4 => (1..3000_u64).prop_map(Act::Run),
        2 => (side.clone(), any::<bool>()).prop_map(|(side, deaf)| Act::Deafen(side, deaf)),
        1 => (0..60_u8).prop_map(Act::Loss),
        1 => (0..40_u64).prop_map(Act::Delay),
        2 => (side.clone(), 10..400_u64, 10..400_u64, 1..6_u8)
            .prop_map(|(side, tx, rx, multiplier)| Act::Configure(side, tx, rx, multiplier)),
        1 => side.clone().prop_map(Act::Close),
        1 => side.prop_map(Act::Restart),
    ]
}

fn wanted(side: usize, tx: u64, rx: u64, multiplier: u8, keyed: bool) -> SessionConfig {
    let base = if keyed { with_auth(side, AuthType::MeticulousSha1, b"secret") } else { config(side) };
    SessionConfig { min_tx: millis(tx), min_rx: millis(rx), multiplier, ..base }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn once_the_link_is_good_both_sides_are_up_and_stay_up(
        seed: u64,
        keyed: bool,
        acts in proptest::collection::vec(act(), 0..20),
    ) {
        let mut world = World::new(seed);
        for side in 0..2 {
            world.open(side, wanted(side, 50, 50, 3, keyed));
        }
        for act in acts {
            match act {
                Act::Run(span) => world.run(millis(span)),
                Act::Deafen(side, deaf) => world.deaf[side] = deaf,
                Act::Loss(percent) => world.loss = percent,
                Act::Delay(span) => world.delay = millis(span),
                Act::Configure(side, tx, rx, multiplier) => {
                    world.open(side, wanted(side, tx, rx, multiplier, keyed));
                }
                Act::Close(side) => world.sides[side].close(world.now, key(side)),
                Act::Restart(side) => {
                    world.sides[side] = Engine::new(seed ^ world.sent.len() as u64);
                    world.open(side, wanted(side, 50, 50, 3, keyed));
                }
            }
        }
        world.deaf = [false; 2];
        (world.loss, world.delay) = (0, millis(1));
        for side in 0..2 {
            world.open(side, wanted(side, 50, 50, 3, keyed));
        }
        world.run(millis(15_000));
        prop_assert_eq!(world.states(), [State::Up; 2]);
        let losses = [0, 1].map(|side| world.view(side).session_down);
        world.run(millis(10_000));
        prop_assert_eq!(world.states(), [State::Up; 2]);
        prop_assert_eq!([0, 1].map(|side| world.view(side).session_down), losses);
        prop_assert_eq!([0, 1].map(|side| world.view(side).polling), [false; 2]);
    }

    #[test]
    fn whatever_is_lost_no_side_sends_faster_than_the_other_wants(
        seed: u64,
        loss in 0..50_u8,
        min_rx in 10..500_u64,
    ) {
        let mut world = World::new(seed);
        world.loss = loss;
        world.open(0, wanted(0, 10, 50, 5, false));
        world.open(1, wanted(1, 50, min_rx, 5, false));
        world.run(millis(30_000));
        let sent = world.sent_by(0, common::time::Instant::ZERO);
        let periodic: Vec<_> = sent.iter().filter(|sent| !sent.packet.final_bit).collect();
        // A new state is told at once; periodic packets keep their distance.
        let same = periodic.windows(2).filter(|pair| pair[0].packet.state == pair[1].packet.state);
        for pair in same {
            let least = Duration::from_millis(min_rx) * 3 / 4;
            prop_assert!(pair[1].at.since(pair[0].at) >= least);
        }
    }

    #[test]
    fn any_bytes_leave_a_session_up_unless_they_know_its_name(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        cut in 0..24_usize,
    ) {
        let mut world = World::up(1, [config(0), config(1)]);
        let mut header = vec![0x20, 0x40, 3, 24];
        header.extend(bytes.iter().copied().chain(std::iter::repeat(0)).take(20));
        header.truncate(24 - cut);
        for payload in [&bytes, &header] {
            let before = world.view(0).session_down;
            let rx = RxPacket { if_index: LINK, source: address(5), ttl: 255, payload };
            world.sides[0].handle_packet(world.now, rx);
            prop_assert_eq!(world.view(0).session_down, before);
        }
    }
}
