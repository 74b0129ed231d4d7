//! The law as a property: whatever happens, at every step, what is advertised is served.

use proptest::prelude::*;

use super::super::*;
use super::world::{World, config, leased, options, vip};

#[derive(Clone, Debug)]
enum Step {
    Run(u16),
    Kill(u8),
    Revive(u8),
    Drain(bool),
    Ospfd(bool),
    Freeze(u16),
    Restart,
    CannotAsk(bool),
    KernelRefuses(bool),
    Reload(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..4000u16).prop_map(Step::Run),
        4 => (2..6u8).prop_map(Step::Kill),
        4 => (2..6u8).prop_map(Step::Revive),
        1 => any::<bool>().prop_map(Step::Drain),
        2 => any::<bool>().prop_map(Step::Ospfd),
        1 => (1..6000u16).prop_map(Step::Freeze),
        1 => Just(Step::Restart),
        1 => any::<bool>().prop_map(Step::CannotAsk),
        1 => any::<bool>().prop_map(Step::KernelRefuses),
        1 => any::<bool>().prop_map(Step::Reload),
    ]
}

fn play(advertising: &Advertising, steps: &[Step]) -> World {
    let mut world = World::new(config(&[1, 2], 1), options(advertising.clone()));
    for step in steps {
        match step {
            Step::Run(millis) => world.run(Duration::from_millis(u64::from(*millis))),
            Step::Kill(server) => drop(world.dead.insert(*server)),
            Step::Revive(server) => drop(world.dead.remove(server)),
            Step::Drain(true) => world.agent.drain(None).unwrap(),
            Step::Drain(false) => world.agent.undrain(None).unwrap(),
            Step::Ospfd(is_reachable) => world.ospfd_is_reachable = *is_reachable,
            Step::Freeze(millis) => world.freeze(Duration::from_millis(u64::from(*millis))),
            Step::Restart => world.restart(),
            Step::CannotAsk(on) => world.cannot_ask = *on,
            Step::KernelRefuses(on) => world.kernel_refuses = *on,
            Step::Reload(both) => {
                let vips: &[u8] = if *both { &[1, 2] } else { &[1] };
                world.agent.reconfigure(config(vips, 1), options(advertising.clone()), world.now);
            }
        }
    }
    world
}

fn comes_to_serve(mut world: World, both: bool) -> World {
    world.ospfd_is_reachable = true;
    world.cannot_ask = false;
    world.kernel_refuses = false;
    world.dead.clear();
    let vips: &[u8] = if both { &[1, 2] } else { &[1] };
    let options = world.agent.options.clone();
    world.agent.reconfigure(config(vips, 1), options, world.now);
    world.agent.undrain(None).unwrap();
    world.run(Duration::from_secs(30));
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    // The world asserts the law after every effect.
    #[test]
    fn what_is_advertised_is_served(steps in prop::collection::vec(any_step(), 0..25), both in any::<bool>()) {
        let world = comes_to_serve(play(&leased().advertising, &steps), both);
        prop_assert_eq!(world.advertised().len(), if both { 2 } else { 1 }, "and in the end all is well again");
        prop_assert!(world.advertised().contains_key(&vip(1)));
        prop_assert!(world.weights().iter().all(|weight| *weight == 1), "{:?}", world.weights());
    }

    #[test]
    fn what_has_its_address_is_served(steps in prop::collection::vec(any_step(), 0..25), both in any::<bool>()) {
        let world = comes_to_serve(play(&Advertising::Addresses, &steps), both);
        prop_assert_eq!(world.device.len(), if both { 2 } else { 1 });
        prop_assert!(world.weights().iter().all(|weight| *weight == 1), "{:?}", world.weights());
    }
}
