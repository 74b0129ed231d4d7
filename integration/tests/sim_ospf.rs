//! The OSPF engine among its like, in virtual time.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use common::control::ospf::LsaView;
use common::ids::{AreaId, RouterId};
use integration::sim::scenario::{self, Extras, Suite};
use integration::sim::{Failure, LinkId, NodeId, Quality, Timing, Topology, World, sweep};
use ospfd::packet::{Auth, LsType, Lsa, LsaBody, LsaKey, RouterLsa, encode_update, options};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);
const LINK: LinkId = LinkId(0);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER_VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Seeds that `random_networks_agree_once_the_weather_clears` plays.
const SEEDS: u64 = 3_000;

const LOSSY: Quality = Quality {
    delay: Duration::from_millis(5),
    jitter: Duration::from_millis(20),
    loss_permille: 100,
    duplicate_permille: 50,
    corrupt_permille: 0,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn router_lsa(world: &World, at: NodeId, of: RouterId) -> Option<LsaView> {
    let mut lsas = world.instance(at)?.database(world.now()).into_iter();
    lsas.find(|lsa| lsa.lsa_type == "router" && lsa.advertised_router == of)
}

fn sequence(world: &World, at: NodeId, of: NodeId) -> u32 {
    let view = router_lsa(world, at, of.router_id()).unwrap();
    u32::from_str_radix(view.sequence_number.trim_start_matches("0x"), 16).unwrap()
}

/// (DR, BDR) as one router sees them.
fn elected(world: &World, at: NodeId) -> (Ipv4Addr, Ipv4Addr) {
    let view = world.instance(at).unwrap().interfaces(world.now()).remove(0);
    (view.dr_address, view.bdr_address)
}

fn host(node: NodeId) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, u8::try_from(node.0).unwrap() + 1)
}

fn state_changes(world: &World, at: NodeId) -> Vec<u64> {
    world.instance(at).unwrap().neighbors(world.now()).iter().map(|neighbor| neighbor.state_changes).collect()
}

#[test]
fn two_routers_on_a_point_to_point_link_become_full_within_seconds() -> Result<(), Failure> {
    let mut world = World::new(&Topology::pair(Timing::FAST, Quality::CLEAN), 1);
    world.advertise(A, VIP);
    world.start_all();

    let took = world.settle(secs(10))?;

    world.claim(took <= secs(6), &format!("took {took:?}"))
}

#[test]
fn five_routers_on_a_lan_agree_on_dr_and_bdr() -> Result<(), Failure> {
    let mut world = World::new(&Topology::lan(5, Timing::FAST, Quality::CLEAN), 2);
    world.advertise(A, VIP);
    world.start_all();

    world.settle(secs(30))?;

    // All started at once with equal priority: the highest Router ID wins.
    assert_eq!(elected(&world, A), (host(NodeId(4)), host(NodeId(3))));
    Ok(())
}

#[test]
fn priority_decides_the_election_and_zero_never_wins() -> Result<(), Failure> {
    let mut topology = Topology::new(4, Timing::FAST);
    topology.broadcast(vec![(A, 9), (B, 5), (C, 1), (NodeId(3), 0)], Quality::CLEAN);
    let mut world = World::new(&topology, 3);
    world.start_all();

    world.settle(secs(30))?;

    assert_eq!(elected(&world, C), (host(A), host(B)));
    Ok(())
}

#[test]
fn a_router_that_comes_later_leaves_the_dr_in_office() -> Result<(), Failure> {
    let mut topology = Topology::new(3, Timing::FAST);
    topology.broadcast(vec![(A, 1), (B, 1), (C, 200)], Quality::CLEAN);
    let mut world = World::new(&topology, 4);
    world.start(A);
    world.start(B);
    world.settle(secs(30))?;
    let before = elected(&world, A);

    world.start(C);
    world.run_for(secs(2))?;
    world.settle(secs(30))?;

    assert_eq!(before, (host(B), host(A)));
    assert_eq!(elected(&world, C), before);
    Ok(())
}

#[test]
fn the_bdr_takes_over_when_the_dr_crashes() -> Result<(), Failure> {
    let mut world = World::new(&Topology::lan(5, Timing::FAST, Quality::CLEAN), 5);
    world.start_all();
    world.settle(secs(30))?;

    world.crash(NodeId(4));
    world.settle(secs(30))?;

    assert_eq!(elected(&world, A), (host(NodeId(3)), host(NodeId(2))));
    Ok(())
}

#[test]
fn adjacencies_and_databases_outlive_three_hours_of_refreshes() -> Result<(), Failure> {
    let mut topology = Topology::lan(3, Timing::RFC, Quality::CLEAN);
    topology.point_to_point(A, B, Quality::CLEAN);
    let mut world = World::new(&topology, 6);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(180))?;
    let (changes, first) = (state_changes(&world, B), sequence(&world, B, A));

    for _ in 0..180 {
        world.run_for(secs(60))?;
        let missing = world.missing();
        world.claim(missing.is_empty(), &format!("{missing:?}"))?;
        let oldest = world.instance(B).unwrap().database(world.now()).iter().map(|lsa| lsa.lsa_age).max();
        world.claim(oldest < Some(1810), &format!("an LSA grew {oldest:?} seconds old"))?;
    }

    // LSRefreshTime is half an hour.
    let refreshes = sequence(&world, B, A) - first;
    assert_eq!(state_changes(&world, B), changes);
    assert!((5..=7).contains(&refreshes), "{refreshes} refreshes");
    Ok(())
}

#[test]
fn one_datagram_in_ten_lost_still_converges() -> Result<(), Failure> {
    for seed in 0..20 {
        let mut topology = Topology::lan(4, Timing::FAST, LOSSY);
        topology.point_to_point(A, B, LOSSY);
        let mut world = World::new(&topology, seed);
        world.advertise(C, VIP);
        world.start_all();

        world.settle(secs(120))?;
    }
    Ok(())
}

#[test]
fn a_vip_and_its_withdrawal_reach_the_far_end() -> Result<(), Failure> {
    let mut topology = Topology::new(4, Timing::FAST);
    for node in 0..3 {
        topology.point_to_point(NodeId(node), NodeId(node + 1), Quality::CLEAN);
    }
    let mut world = World::new(&topology, 7);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;
    // Long enough that no throttle is running.
    world.run_for(secs(30))?;

    world.withdraw(A, VIP);
    let withdrawn = world.settle(secs(30))?;
    world.run_for(secs(30))?;
    world.advertise(A, OTHER_VIP);
    let advertised = world.settle(secs(30))?;

    world.claim(withdrawn <= secs(1), &format!("withdrawal took {withdrawn:?}"))?;
    world.claim(advertised <= secs(1), &format!("advertisement took {advertised:?}"))
}

#[test]
fn a_flapping_vip_ends_as_it_was_left() -> Result<(), Failure> {
    let mut world = World::new(&Topology::lan(3, Timing::FAST, Quality::CLEAN), 8);
    world.start_all();
    world.settle(secs(30))?;
    let first = sequence(&world, B, A);

    for _ in 0..50 {
        world.advertise(A, VIP);
        world.run_for(Duration::from_millis(100))?;
        world.withdraw(A, VIP);
        world.run_for(Duration::from_millis(100))?;
    }
    world.advertise(A, OTHER_VIP);
    world.settle(secs(15))?;

    // Ten seconds of flapping: new instances are throttled, whatever the director does.
    let instances = sequence(&world, B, A) - first;
    world.claim(instances <= 12, &format!("{instances} instances"))
}

#[test]
fn a_router_that_returns_wins_over_what_it_left_behind() -> Result<(), Failure> {
    let mut world = World::new(&Topology::lan(3, Timing::FAST, Quality::CLEAN), 9);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;
    for vip in 10..14 {
        world.advertise(A, Ipv4Addr::new(192, 0, 2, vip));
        world.run_for(secs(7))?;
    }
    let before = sequence(&world, B, A);

    world.crash(A);
    for vip in 10..14 {
        world.withdraw(A, Ipv4Addr::new(192, 0, 2, vip));
    }
    world.run_for(secs(2))?;
    world.start(A);
    world.run_for(secs(2))?;
    world.settle(secs(60))?;

    // It starts at InitialSequenceNumber again, and must end beyond its former life (RFC 2328 §13.4).
    world.claim(sequence(&world, B, A) > before, "the old LSA lives on")
}

#[test]
fn a_frozen_director_loses_its_vips_when_the_lease_lapses() -> Result<(), Failure> {
    let mut world = World::new(&Topology::pair(Timing::FAST, Quality::CLEAN), 10);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;
    world.run_for(secs(10))?;
    let with_vip = router_lsa(&world, B, A.router_id()).unwrap().length;

    world.freeze_director(A, true);
    world.run_for(secs(3))?;
    world.claim(
        router_lsa(&world, B, A.router_id()).unwrap().length == with_vip,
        "withdrawn before the lease lapsed",
    )?;
    world.run_for(secs(4))?;
    world.settle(secs(1))?;
    let without = router_lsa(&world, B, A.router_id()).unwrap().length;
    world.claim(without == with_vip - 12, "the VIP outlived the lease")?;

    world.freeze_director(A, false);
    world.settle(secs(10))?;
    world.claim(
        router_lsa(&world, B, A.router_id()).unwrap().length == with_vip,
        "the VIP did not come back with its director",
    )
}

#[test]
fn a_director_that_returns_within_its_lease_causes_no_new_lsa() -> Result<(), Failure> {
    let mut world = World::new(&Topology::pair(Timing::FAST, Quality::CLEAN), 11);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;
    world.run_for(secs(10))?;
    let before = sequence(&world, B, A);

    world.freeze_director(A, true);
    world.run_for(secs(3))?;
    world.freeze_director(A, false);
    world.run_for(secs(30))?;

    world.claim(sequence(&world, B, A) == before, "a new instance was originated")
}

#[test]
fn a_clean_stop_flushes_what_the_router_originated_and_nothing_else() -> Result<(), Failure> {
    let mut world = World::new(&Topology::lan(4, Timing::FAST, Quality::CLEAN), 12);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;
    world.run_for(secs(10))?;

    world.shut_down(A);
    world.run_for(secs(8))?;

    world.claim(world.instance(A).is_none(), "the router still runs")?;
    let left: BTreeSet<RouterId> = world
        .instance(B)
        .unwrap()
        .database(world.now())
        .iter()
        .filter(|lsa| lsa.lsa_type == "router")
        .map(|lsa| lsa.advertised_router)
        .collect();
    let others: BTreeSet<RouterId> = [1, 2, 3].map(|node| NodeId(node).router_id()).into();
    world.claim(left == others, &format!("Router-LSAs of {left:?} are left"))
}

#[test]
fn a_clean_stop_right_after_a_change_is_heard_without_a_retransmission() -> Result<(), Failure> {
    let mut world = World::new(&Topology::pair(Timing::FAST, Quality::CLEAN), 14);
    world.start_all();
    world.settle(secs(30))?;
    world.run_for(secs(10))?;

    world.advertise(A, VIP);
    world.run_for(Duration::from_millis(100))?;
    world.shut_down(A);
    world.run_for(secs(3))?;

    // RxmtInterval is five seconds: a flush that came too soon for the neighbour would still be under way.
    world.claim(world.instance(A).is_none(), "the router still runs")?;
    world.claim(router_lsa(&world, B, A.router_id()).is_none(), "its Router-LSA is still there")
}

#[test]
fn a_silent_cut_is_noticed_within_the_dead_interval_and_heals() -> Result<(), Failure> {
    let mut world = World::new(&Topology::pair(Timing::FAST, Quality::CLEAN), 13);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;

    world.set_cut(LINK, true);
    let noticed = world.settle(secs(10))?;
    world.withdraw(A, VIP);
    world.advertise(B, OTHER_VIP);
    world.run_for(secs(20))?;
    world.set_cut(LINK, false);
    world.settle(secs(10))?;

    world.claim(noticed <= secs(5), &format!("noticed after {noticed:?}"))
}

#[test]
fn a_router_lsa_beyond_the_mtu_reaches_the_far_end() -> Result<(), Failure> {
    let mut topology = Topology::new(3, Timing::FAST);
    topology.point_to_point(A, B, LOSSY);
    topology.broadcast(vec![(B, 1), (C, 1)], Quality::CLEAN);
    let mut world = World::new(&topology, 15);
    for vip in 0..250 {
        world.advertise(A, Ipv4Addr::new(192, 0, 2, vip));
    }
    world.start_all();

    world.settle(secs(60))?;

    let length = router_lsa(&world, C, A.router_id()).unwrap().length;
    world.claim(length > 3000, &format!("{length} bytes arrived"))
}

#[test]
fn a_late_router_loads_a_database_of_many_packets() -> Result<(), Failure> {
    // More LSAs than one Database Description can list, or one Link State Request ask for.
    const ROUTERS: usize = 140;
    let mut topology = Topology::new(ROUTERS, Timing::RFC);
    for spoke in 1..ROUTERS {
        topology.point_to_point(A, NodeId(spoke), Quality::CLEAN);
    }
    let mut world = World::new(&topology, 16);
    let late = NodeId(ROUTERS - 1);
    for node in (0..ROUTERS - 1).map(NodeId) {
        world.start(node);
    }
    world.settle(secs(120))?;

    world.start(late);
    world.run_for(secs(1))?;
    let took = world.settle(secs(60))?;

    let held = world.instance(late).unwrap().database(world.now()).len();
    world.claim(held == ROUTERS, &format!("{held} LSAs after {took:?}"))
}

/// An update with one Router-LSA in A's name, as if `from` had flooded it.
fn forgery(from: NodeId, link_state_id: u32, sequence: i32) -> Bytes {
    let key = LsaKey { ls_type: LsType::Router, link_state_id, advertising_router: A.router_id() };
    let body = LsaBody::Router(RouterLsa { flags: 0, links: Vec::new() });
    let lsa = Lsa::build(1, options::E, key, sequence, body).unwrap();
    encode_update(from.router_id(), AreaId(0), &[lsa.raw], &Auth::Null).unwrap()
}

fn three_in_a_chain(seed: u64) -> Result<World, Failure> {
    let mut topology = Topology::new(3, Timing::FAST);
    topology.point_to_point(A, B, Quality::CLEAN);
    topology.point_to_point(B, C, Quality::CLEAN);
    let mut world = World::new(&topology, seed);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;
    world.run_for(secs(10))?;
    Ok(world)
}

#[test]
fn a_forged_router_lsa_is_outdone_by_its_owner() -> Result<(), Failure> {
    let mut world = three_in_a_chain(17)?;
    let forged = sequence(&world, C, A) + 1000;

    // Everyone but its owner believes it at first.
    for (from, to) in [(B, C), (C, B)] {
        world.inject(LinkId(1), from, to, forgery(from, A.router_id().0, forged.cast_signed()));
    }
    world.run_for(secs(1))?;
    world.settle(secs(20))?;

    world.claim(sequence(&world, C, A) > forged, "the forgery stands")
}

#[test]
fn a_router_lsa_in_our_name_under_another_id_is_flushed() -> Result<(), Failure> {
    let mut world = three_in_a_chain(18)?;
    let of_a = |world: &World| {
        let lsas = world.instance(C).unwrap().database(world.now());
        lsas.iter().filter(|lsa| lsa.advertised_router == A.router_id()).count()
    };
    let honest = of_a(&world);

    for (from, to) in [(B, C), (C, B)] {
        world.inject(LinkId(1), from, to, forgery(from, 0x0102_0304, 7));
    }
    world.run_for(Duration::from_micros(500))?;
    let forged = of_a(&world);
    world.run_for(secs(15))?;

    world.claim(forged == honest + 1, "the forgery was not taken up at all")?;
    world.claim(of_a(&world) == honest, "the forgery stands")?;
    world.settle(secs(1)).map(drop)
}

#[test]
fn a_forgery_with_the_last_sequence_number_is_refused() -> Result<(), Failure> {
    let mut world = three_in_a_chain(19)?;
    let before = router_lsa(&world, C, A.router_id()).unwrap();

    world.inject(LinkId(1), B, C, forgery(B, A.router_id().0, i32::MAX));
    world.run_for(secs(10))?;

    let after = router_lsa(&world, C, A.router_id()).unwrap();
    assert_eq!((after.sequence_number, after.checksum), (before.sequence_number, before.checksum));
    assert_eq!(world.drops(C).get("bad-sequence-number"), Some(&1));
    Ok(())
}

#[test]
fn sequence_numbers_that_are_used_up_start_over_everywhere() -> Result<(), Failure> {
    // On a LAN, who has an LSA from one neighbour already tells only that one so: others repeat what they have.
    let mut topology = Topology::lan(5, Timing::FAST, Quality::CLEAN);
    topology.point_to_point(NodeId(4), NodeId(3), Quality::CLEAN);
    let mut world = World::new(&topology, 20);
    world.advertise(A, VIP);
    world.start_all();
    world.settle(secs(30))?;
    world.run_for(secs(10))?;

    for (from, to) in [(B, C), (C, B)] {
        world.inject(LINK, from, to, forgery(from, A.router_id().0, i32::MAX - 1));
    }
    world.run_for(secs(2))?;
    let took = world.settle(secs(40))?;

    world.claim(sequence(&world, C, A) == 0x8000_0001, "numbering did not start over")?;
    world.claim(took <= secs(20), &format!("took {took:?}"))
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..20 {
        let play = || scenario::play(Suite::Networks, seed, Extras::default()).unwrap();
        assert_eq!(play(), play(), "seed {seed}");
    }
}

/// Seed 20004: a late acknowledgement of what had been flushed since was taken for one of the same instance, which had
/// come back out of another part of the network; there it lived on.
#[test]
fn what_was_flushed_while_the_network_was_parted_does_not_live_on() {
    scenario::play(Suite::Networks, 20_004, Extras::default()).unwrap();
}

#[test]
fn random_networks_agree_once_the_weather_clears() -> Result<(), Failure> {
    sweep::test(Suite::Networks, SEEDS)
}
