//! The agent in a model world, in virtual time.

mod law;
mod world;

use self::world::{RESYNC, TTL, World, config, leased, options, vip};
use super::*;
use crate::core::gate::Advertised;

const SECOND: Duration = Duration::from_secs(1);

fn set(vips: &[u8], metric: u16) -> Advertised {
    vips.iter().map(|last| (vip(*last), metric)).collect()
}

/// A world in which VIP 1, with servers 2 and 3, is advertised.
fn serving() -> World {
    let mut world = World::new(config(&[1], 1), leased());
    world.run(3 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
    world.history.clear();
    world.applied.clear();
    world
}

fn reason(world: &World) -> String {
    world.agent.status(world.now).vips[0].reason.clone()
}

#[test]
fn a_vip_is_advertised_after_the_table_and_the_first_check_round() {
    let mut world = World::new(config(&[1], 1), leased());
    world.run(Duration::from_micros(1));
    assert_eq!(world.weights(), [0, 0], "programmed, not used: nothing has been checked");
    assert_eq!(world.device, [vip(1)].into());
    assert!(world.advertised().is_empty());
    assert!(reason(&world).contains("usable servers"), "{}", reason(&world));
    world.run(2 * SECOND);
    assert_eq!(world.weights(), [1, 1]);
    assert_eq!(world.advertised(), set(&[1], 10));
    assert_eq!(reason(&world), "all services are served");
    assert_eq!(world.history.len(), 1, "in one step, after both servers were checked: {:?}", world.history);
}

#[test]
fn a_server_is_added_with_its_weight_and_quiesced_until_it_is_checked() {
    let mut world = World::new(config(&[1], 1), leased());
    world.run(Duration::from_micros(1));
    let shown: Vec<String> = world.applied.iter().map(ToString::to_string).collect();
    let expected = [
        "-A -t 192.0.2.1:80 -s mh -b mh-fallback,mh-port",
        "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 1",
        "-e -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 0",
        "-a -t 192.0.2.1:80 -r 10.0.0.3:80 -g -w 1",
        "-e -t 192.0.2.1:80 -r 10.0.0.3:80 -g -w 0",
    ];
    assert_eq!(shown, expected, "its seat in the table of mh is the same wherever it died");
}

#[test]
fn a_dead_server_gets_weight_0_and_the_vip_stays() {
    let mut world = serving();
    world.dead.insert(3);
    world.run(2 * SECOND);
    assert_eq!(world.weights(), [1, 0]);
    assert_eq!(world.advertised(), set(&[1], 10));
    world.dead.clear();
    world.run(SECOND);
    assert_eq!(world.weights(), [1, 1]);
    assert!(world.history.is_empty(), "{:?}", world.history);
}

#[test]
fn with_all_servers_dead_the_vip_is_withdrawn_and_comes_back_with_them() {
    let mut world = serving();
    world.dead = [2, 3].into();
    world.run(2 * SECOND);
    assert_eq!((world.advertised(), world.weights()), (set(&[], 0), vec![0, 0]));
    assert_eq!(reason(&world), "service web1 has 0 usable servers, and 1 must be");
    world.dead.remove(&2);
    world.run(2 * SECOND);
    assert_eq!((world.advertised(), world.weights()), (set(&[1], 10), vec![1, 0]));
}

#[test]
fn a_quorum_withdraws_before_the_last_server_is_gone() {
    let mut world = World::new(config(&[1], 2), leased());
    world.run(3 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
    world.dead.insert(2);
    world.run(2 * SECOND);
    assert_eq!((world.advertised(), world.weights()), (set(&[], 0), vec![0, 1]));
}

#[test]
fn a_restart_within_the_lease_disturbs_nothing() {
    let mut world = serving();
    world.restart();
    world.run(20 * SECOND);
    assert!(world.history.is_empty(), "nothing was withdrawn: {:?}", world.history);
    assert!(world.applied.is_empty(), "nothing was changed: {:?}", world.applied);
}

#[test]
fn a_restart_after_the_servers_died_withdraws_within_the_first_round() {
    let mut world = serving();
    world.dead = [2, 3].into();
    world.restart();
    world.run(2 * SECOND);
    assert_eq!((world.advertised(), world.weights()), (set(&[], 0), vec![0, 0]));
}

#[test]
fn a_table_flushed_by_hand_is_repaired_without_a_withdrawal() {
    let mut world = serving();
    world.is_tampered = true;
    world.kernel.0.clear();
    world.run(RESYNC + SECOND);
    assert_eq!(world.weights(), [1, 1]);
    assert!(world.history.is_empty(), "{:?}", world.history);
}

/// As `ipvsadm -C` does when the dump met the service and no more of its servers.
fn flushed_while_it_is_repaired(times: u32) -> World {
    let mut world = serving();
    world.is_tampered = true;
    for (_, servers) in world.kernel.0.values_mut() {
        servers.clear();
    }
    world.races = times;
    world.run(RESYNC + SECOND);
    world
}

#[test]
fn a_table_that_changes_between_dump_and_repair_is_read_again_and_repaired_without_a_withdrawal() {
    let world = flushed_while_it_is_repaired(OUTDATED_IN_A_ROW);
    assert_eq!((world.races, world.weights()), (0, vec![1, 1]));
    assert!(world.history.is_empty(), "{:?}", world.history);
}

#[test]
fn a_table_that_runs_away_from_every_repair_withdraws_the_vip() {
    let mut world = flushed_while_it_is_repaired(1000);
    assert_eq!(world.history.first(), Some(&set(&[], 0)));
    world.races = 0;
    world.run(20 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
}

#[test]
fn a_table_that_cannot_be_repaired_withdraws_the_vip() {
    let mut world = serving();
    world.is_tampered = true;
    world.kernel.0.clear();
    world.kernel_refuses = true;
    world.run(RESYNC + SECOND);
    assert!(world.advertised().is_empty());
    assert_eq!(reason(&world), "service web1 is not in the kernel's table");
    world.kernel_refuses = false;
    world.run(20 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
}

#[test]
fn a_table_that_cannot_be_read_withdraws_the_vip() {
    let mut world = serving();
    world.kernel_is_readable = false;
    world.run(RESYNC + SECOND);
    assert!(world.advertised().is_empty());
    assert_eq!(reason(&world), "the kernel's IPVS table cannot be read");
    world.kernel_is_readable = true;
    world.run(SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
}

#[test]
fn without_ospfd_the_table_waits_until_the_lease_must_have_lapsed() {
    let mut world = serving();
    world.ospfd_is_reachable = false;
    world.dead = [2, 3].into();
    world.run(2 * SECOND);
    assert_eq!(world.weights(), [1, 0], "the last one stays: the VIP may still be advertised");
    world.run(TTL);
    assert_eq!((world.advertised(), world.weights()), (set(&[], 0), vec![0, 0]));
}

#[test]
fn a_frozen_director_lapses_and_comes_back_by_itself() {
    let mut world = serving();
    world.freeze(10 * SECOND);
    assert!(world.advertised().is_empty(), "silence withdraws");
    world.run(2 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
    assert!(world.applied.is_empty(), "{:?}", world.applied);
}

#[test]
fn a_freeze_shorter_than_the_lease_withdraws_nothing() {
    let mut world = World::new(config(&[1], 1), options(Advertising::Lease { ttl: 10 * TTL }));
    world.run(3 * SECOND);
    world.history.clear();
    world.freeze(15 * SECOND);
    world.run(5 * SECOND);
    assert!(
        world.history.is_empty(),
        "the checks were not asked, and so have not stalled: {:?}",
        world.history
    );
    world.cannot_ask = true;
    world.run(10 * SECOND);
    assert!(world.advertised().is_empty(), "but a check that is asked in vain has");
}

#[test]
fn checks_that_stall_withdraw_the_vip_and_leave_the_table() {
    let mut world = serving();
    world.cannot_ask = true;
    world.run(10 * SECOND);
    assert!(world.advertised().is_empty());
    assert!(reason(&world).contains("have stalled"), "{}", reason(&world));
    assert!(world.applied.is_empty(), "{:?}", world.applied);
}

#[test]
fn a_drain_raises_the_metric_and_outlives_a_restart() {
    let mut world = serving();
    world.agent.drain(None).unwrap();
    world.run(SECOND);
    assert_eq!(world.advertised(), set(&[1], 1000));
    assert_eq!(world.agent.status(world.now).vips[0].state, "draining");
    world.restart();
    world.run(5 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 1000));
    world.agent.undrain(None).unwrap();
    world.run(SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
    assert!(world.applied.is_empty(), "{:?}", world.applied);
    assert_eq!(world.agent.drain(Some(vip(9))), Err(vip(9)));
}

#[test]
fn a_clean_stop_withdraws_and_leaves_the_table() {
    let mut world = serving();
    world.agent.stop();
    world.run(SECOND);
    assert!(world.agent.is_stopped(world.now));
    assert!(world.advertised().is_empty());
    assert_eq!((world.weights(), world.applied.len()), (vec![1, 1], 0));
    assert_eq!(world.device, [vip(1)].into());
}

#[test]
fn a_service_that_a_reload_adds_does_not_disturb_its_vip() {
    let mut world = serving();
    let mut grown = config(&[1], 1);
    let mut other = grown.services["web1"].clone();
    other.key = "tcp 192.0.2.1:443".parse().unwrap();
    for server in other.servers.values_mut() {
        server.address.set_port(443);
    }
    grown.services.insert("tls".into(), other);
    world.is_tampered = true; // the new service is configured before it can be served
    world.agent.reconfigure(grown, leased(), world.now);
    world.run(2 * SECOND);
    assert_eq!(world.weights(), [1, 1, 1, 1]);
    assert!(world.history.is_empty(), "{:?}", world.history);
}

#[test]
fn a_vip_that_a_reload_removes_is_withdrawn_before_its_service_goes() {
    let mut world = World::new(config(&[1, 2], 1), leased());
    world.run(3 * SECOND);
    assert_eq!(world.advertised(), set(&[1, 2], 10));
    world.agent.reconfigure(config(&[1], 1), leased(), world.now);
    world.act_once();
    assert_eq!(world.kernel.0.len(), 2, "its service stays until ospfd has confirmed");
    assert!(world.device.contains(&vip(2)), "and so does its address");
    world.run(SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
    assert_eq!(world.kernel.0.len(), 1);
    world.run(RESYNC);
    assert_eq!(world.device, [vip(1)].into());
}

#[test]
fn one_vip_does_not_wait_for_another() {
    let mut world = World::new(config(&[1, 2], 1), leased());
    world.run(3 * SECOND);
    world.dead = [4, 5].into();
    world.run(2 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
    assert_eq!(world.weights(), [1, 1, 0, 0]);
}

#[test]
fn without_ospfd_the_address_is_the_advertisement() {
    let mut world = World::new(config(&[1], 1), options(Advertising::Addresses));
    world.run(Duration::from_micros(1));
    assert!(world.device.is_empty(), "not before the first check round");
    world.run(2 * SECOND);
    assert_eq!(world.device, [vip(1)].into());
    world.restart();
    world.run(Duration::from_millis(10));
    assert_eq!(world.device, [vip(1)].into(), "a restart takes no address away");
    world.dead = [2, 3].into();
    world.run(3 * SECOND);
    assert!(world.device.is_empty());
    assert_eq!(world.weights(), [0, 0]);
    world.dead.clear();
    world.run(2 * SECOND);
    world.agent.stop();
    world.run(SECOND);
    assert!(world.agent.is_stopped(world.now) && world.device.is_empty());
}

#[test]
fn a_change_by_hand_stays_where_the_configuration_says_adopt_until_repair_is_asked_for() {
    let mut adopting = config(&[1], 1);
    adopting.services.values_mut().for_each(|service| service.adopts_by_hand = true);
    let mut world = World::new(adopting, leased());
    world.run(3 * SECOND);
    let set_weights = |world: &mut World, weight| {
        for (_, servers) in world.kernel.0.values_mut() {
            servers.iter_mut().for_each(|(_, entry)| entry.weight = weight);
        }
    };
    set_weights(&mut world, 7);
    world.run(2 * RESYNC);
    assert_eq!(world.weights(), [7, 7]);
    assert_eq!(world.advertised(), set(&[1], 10));

    world.dead.insert(2);
    world.run(3 * SECOND);
    assert_eq!(world.weights(), [0, 7], "a server that fails its checks is ours to quiesce");
    world.dead.clear();
    world.run(3 * SECOND);
    assert_eq!(world.weights(), [1, 7]);

    world.agent.forget_adopted();
    world.run(2 * RESYNC);
    assert_eq!(world.weights(), [1, 1]);
}

#[test]
fn a_vip_that_returns_while_its_service_is_being_removed_waits_for_the_end_of_that() {
    let mut world = World::new(config(&[1, 2], 1), leased());
    world.run(3 * SECOND);
    world.holds = true;
    world.agent.reconfigure(config(&[1], 1), leased(), world.now);
    world.run(3 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));

    // The removal is under way, and the last look still shows the service.
    world.agent.reconfigure(config(&[1, 2], 1), leased(), world.now);
    world.run(2 * SECOND);
    assert_eq!(world.advertised(), set(&[1], 10));
    world.release();
    world.run(3 * SECOND);
    assert_eq!(world.advertised(), set(&[1, 2], 10));
}
