//! Helping a neighbour that restarts (RFC 3623 §3).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::hello::good_hello;
use super::world::{AREA, ETH0, World, address, config, router_id};
use crate::bfd::{Change, Diagnostic, SessionKey, State, Status};
use crate::core::config::NetworkType::{self, Broadcast, PointToPoint};
use crate::core::config::{BfdConfig, Config, GracefulRestartConfig};
use crate::core::lsdb::Scope;
use crate::packet::{
    Body, GraceLsa, LsType, Lsa, LsaBody, LsaKey, MAX_AGE, RestartReason, RouterLink, RouterLinkType,
    RouterLsa, options,
};

const MINUTE: Duration = Duration::from_secs(60);

fn key(by: usize) -> LsaKey {
    LsaKey { ls_type: LsType::OpaqueLink, link_state_id: 0x0300_0000, advertising_router: router_id(by) }
}

/// The grace LSA of node `by`.
fn grace(by: usize, age: u16, sequence: i32) -> Body {
    grace_at(by, age, sequence, Some(address(by)))
}

fn grace_at(by: usize, age: u16, sequence: i32, address: Option<Ipv4Addr>) -> Body {
    let body = GraceLsa { period: MINUTE, reason: RestartReason::SoftwareUpgrade, address }.to_body();
    Body::LinkStateUpdate(vec![Lsa::build_opaque(age, options::E, key(by), sequence, &body).unwrap()])
}

/// A Router-LSA of a router that is not here.
fn elsewhere(sequence: i32, metric: u16) -> Body {
    let links = vec![RouterLink {
        link_type: RouterLinkType::Stub,
        link_id: 0x0a09_0000,
        link_data: 0xffff_0000,
        metric,
    }];
    let key =
        LsaKey { ls_type: LsType::Router, link_state_id: router_id(77).0, advertising_router: router_id(77) };
    let body = LsaBody::Router(RouterLsa { flags: 0, links });
    Body::LinkStateUpdate(vec![Lsa::build(1, options::E, key, sequence, body).unwrap()])
}

/// A hello of a router that has just started, and has seen nobody.
fn first_hello() -> Body {
    Body::Hello(good_hello())
}

fn with(node: usize, graceful_restart: GracefulRestartConfig) -> Config {
    Config { graceful_restart, ..config(node, PointToPoint) }
}

fn full_with(graceful_restart: GracefulRestartConfig) -> World {
    let mut world = World::new(vec![with(0, graceful_restart), config(1, PointToPoint)]);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    world
}

/// Node 1 has said that it restarts, and is gone.
fn helping() -> World {
    let mut world = World::full_pair();
    world.inject(1, 0, grace(1, 0, 1));
    world.cut = Some(1);
    world
}

fn is_helped(world: &World, of: usize) -> bool {
    world.neighbor(0, of).is_some_and(|neighbor| neighbor.restarting.is_some())
}

/// Does our Router-LSA lead to node 1?
fn leads_there(world: &World) -> bool {
    world.has_line(0, 0, "point-to-point to 10.0.0.2 from 192.0.2.1 metric 10")
}

fn sequence(world: &World) -> String {
    world.router_lsa(0, 0).unwrap().sequence_number
}

fn helper(world: &World, name: &str) -> u64 {
    world.counter(0, &format!("helper-{name}"))
}

#[test]
fn a_silent_neighbour_that_asked_for_grace_stays_in_our_router_lsa() {
    let mut world = helping();
    let before = sequence(&world);
    assert_eq!(helper(&world, "entered"), 1);
    world.run(Duration::from_secs(50));
    assert!(is_helped(&world, 1) && leads_there(&world));
    assert_eq!(sequence(&world), before, "nobody was told anything");
    let restarting = world.neighbor(0, 1).unwrap().restarting.unwrap();
    assert_eq!(restarting.reason, "software-upgrade");
    assert!((9_000..=10_000).contains(&restarting.grace_remaining_msec), "{restarting:?}");
}

#[test]
fn a_neighbour_that_does_not_come_back_within_its_grace_period_is_gone() {
    let mut world = helping();
    world.run(Duration::from_secs(61));
    assert!(world.neighbor(0, 1).is_none() && !leads_there(&world));
    assert_eq!((helper(&world, "entered"), helper(&world, "expired")), (1, 1));
}

#[test]
fn the_age_of_a_grace_lsa_counts_and_max_grace_cuts_it() {
    let mut world = World::full_pair();
    world.inject(1, 0, grace(1, 40, 1));
    world.cut = Some(1);
    world.run(Duration::from_secs(19));
    assert!(is_helped(&world, 1));
    world.run(Duration::from_secs(2));
    assert!(world.neighbor(0, 1).is_none());

    let max_grace = Duration::from_secs(10);
    let mut world = full_with(GracefulRestartConfig { max_grace, ..GracefulRestartConfig::default() });
    world.inject(1, 0, grace(1, 0, 1));
    world.cut = Some(1);
    world.run(Duration::from_secs(9));
    assert!(is_helped(&world, 1));
    world.run(Duration::from_secs(2));
    assert!(world.neighbor(0, 1).is_none());
}

#[test]
fn a_further_grace_lsa_prolongs_the_help() {
    let mut world = World::full_pair();
    world.inject(1, 0, grace(1, 30, 1));
    world.run(Duration::from_secs(5));
    world.inject(1, 0, grace(1, 0, 2));
    world.cut = Some(1);
    world.run(Duration::from_secs(50));
    assert!(is_helped(&world, 1) && leads_there(&world));
    assert_eq!(helper(&world, "entered"), 1);
}

#[test]
fn a_flushed_grace_lsa_ends_the_help_and_leaves_the_adjacency() {
    let mut world = World::full_pair();
    world.inject(1, 0, grace(1, 0, 1));
    world.run(Duration::from_secs(5));
    let before = sequence(&world);
    world.inject(1, 0, grace(1, MAX_AGE, 1));
    assert!(!is_helped(&world, 1) && world.is_full(0, 1) && leads_there(&world));
    assert_eq!((helper(&world, "completed"), sequence(&world)), (1, before));
    // Its silence means something again.
    world.cut = Some(1);
    world.run(Duration::from_secs(5));
    assert!(world.neighbor(0, 1).is_none() && !leads_there(&world));
}

#[test]
fn an_exchange_begins_anew_while_the_link_stays_in_our_router_lsa() {
    let mut world = helping();
    let before = sequence(&world);
    world.run(Duration::from_secs(10));
    world.inject(1, 0, first_hello());
    assert_eq!(world.neighbor(0, 1).unwrap().nbr_state, "Init");
    assert!(is_helped(&world, 1) && leads_there(&world));
    world.run(Duration::from_secs(20));
    assert_eq!(sequence(&world), before);
}

#[test]
fn a_changed_topology_ends_the_help_and_a_refresh_does_not() {
    let mut world = World::full_pair();
    world.inject(1, 0, elsewhere(1, 10));
    world.run(Duration::from_secs(3));
    world.inject(1, 0, grace(1, 0, 1));
    world.inject(1, 0, elsewhere(2, 10));
    assert!(is_helped(&world, 1), "a refresh");
    world.run(Duration::from_secs(3));
    world.inject(1, 0, elsewhere(3, 11));
    assert!(!is_helped(&world, 1));
    assert_eq!(helper(&world, "topology-changed"), 1);
}

#[test]
fn a_change_of_our_own_ends_the_help_too() {
    let mut world = helping();
    world.run(Duration::from_secs(10));
    let mut changed = config(0, PointToPoint);
    changed.interfaces.get_mut("eth0").unwrap().cost = 20;
    world.nodes[0].reconfigure(world.now, changed);
    world.collect();
    assert!(world.neighbor(0, 1).is_none(), "it has been silent for long");
    assert_eq!(helper(&world, "topology-changed"), 1);
}

#[test]
fn without_strict_checking_a_changed_topology_ends_nothing() {
    let lax = GracefulRestartConfig { strict_lsa_checking: false, ..GracefulRestartConfig::default() };
    let mut world = full_with(lax);
    world.inject(1, 0, grace(1, 0, 1));
    world.inject(1, 0, elsewhere(1, 10));
    world.cut = Some(1);
    world.run(Duration::from_secs(30));
    assert!(is_helped(&world, 1) && leads_there(&world));
}

#[test]
fn a_neighbour_that_has_not_acknowledged_a_change_is_not_helped() {
    let mut world = World::full_pair();
    world.filter = Box::new(|from, body| from != 1 || !matches!(body, Body::LinkStateAck(_)));
    let mut changed = config(0, PointToPoint);
    changed.interfaces.get_mut("eth0").unwrap().cost = 20;
    world.nodes[0].reconfigure(world.now, changed);
    world.run(Duration::from_secs(3));
    world.inject(1, 0, grace(1, 0, 1));
    assert!(!is_helped(&world, 1));
    assert_eq!((helper(&world, "entered"), helper(&world, "refused")), (0, 1));
}

#[test]
fn nobody_is_helped_who_is_not_full_or_whose_period_is_over_or_against_the_configuration() {
    let mut world = World::full_pair();
    world.inject(1, 0, grace(1, 60, 1));
    assert_eq!((is_helped(&world, 1), helper(&world, "refused")), (false, 1));

    let mut world = World::full_pair();
    world.inject(1, 0, first_hello());
    world.inject(1, 0, grace(1, 0, 1));
    assert!(!is_helped(&world, 1));

    let mut world = full_with(GracefulRestartConfig { helper: false, ..GracefulRestartConfig::default() });
    world.inject(1, 0, grace(1, 0, 1));
    assert_eq!((is_helped(&world, 1), helper(&world, "refused")), (false, 1));
}

#[test]
fn grace_lsas_that_are_malformed_or_of_another_address_are_dropped() {
    let mut world = World::full_pair();
    let bad = Lsa::build_opaque(0, options::E, key(1), 1, &[0, 1, 0, 4, 0]).unwrap();
    world.inject(1, 0, Body::LinkStateUpdate(vec![bad]));
    world.run(Duration::from_secs(2));
    world.inject(1, 0, grace_at(1, 0, 2, Some(address(9))));
    world.run(Duration::from_secs(2));
    assert_eq!((is_helped(&world, 1), world.counter(0, "drop-bad-grace-lsa")), (false, 2));
    // On a network of two the address is not needed.
    world.inject(1, 0, grace_at(1, 0, 3, None));
    assert!(is_helped(&world, 1));
}

#[test]
fn a_reload_that_takes_help_away_ends_it() {
    let mut world = helping();
    world.run(Duration::from_secs(10));
    let none = GracefulRestartConfig { helper: false, ..GracefulRestartConfig::default() };
    world.nodes[0].reconfigure(world.now, with(0, none));
    world.collect();
    assert!(world.neighbor(0, 1).is_none() && !leads_there(&world));
    assert_eq!(helper(&world, "disabled"), 1);
}

#[test]
fn a_link_that_goes_ends_the_help() {
    let mut world = helping();
    world.nodes[0].handle_link(world.now, super::world::link(0, false));
    world.collect();
    assert_eq!((world.neighbor(0, 1).is_none(), helper(&world, "lost")), (true, 1));
}

/// Three on a LAN; node 2 is Designated Router, restarts, and is gone.
fn lan_without_its_leader() -> World {
    let mut world = World::of(Broadcast, 3);
    world.until("all are Full", |world| (0..2).all(|at| world.is_full(at, 2) && world.is_full(2, at)));
    world.run(Duration::from_secs(5));
    assert_eq!(world.state(2), "DR");
    for to in 0..2 {
        world.inject(2, to, grace(2, 0, 1));
    }
    world.cut = Some(2);
    world
}

fn leader(world: &World) -> Ipv4Addr {
    world.nodes[0].interfaces(world.now)[0].dr_address
}

#[test]
fn a_designated_router_that_restarts_stays_it_and_after_the_help_the_backup_follows() {
    let mut world = lan_without_its_leader();
    world.run(Duration::from_secs(20));
    let transit = "transit via 192.0.2.3 from 192.0.2.1 metric 10";
    assert!(leader(&world) == address(2) && world.has_line(0, 0, transit));
    // It comes back, and claims nothing.
    for to in 0..2 {
        world.inject(2, to, first_hello());
    }
    world.run(Duration::from_secs(1));
    assert!(leader(&world) == address(2) && world.has_line(0, 0, transit));
    assert_eq!(helper(&world, "lost"), 0);
    // And is gone for good.
    world.run(MINUTE);
    assert_eq!(leader(&world), address(1));
    assert!(world.has_line(0, 0, "transit via 192.0.2.2 from 192.0.2.1 metric 10"));
}

#[test]
fn a_restarting_neighbour_stays_in_the_network_lsa_of_the_designated_router() {
    let mut world = World::of(Broadcast, 3);
    world.until("all are Full", |world| (0..2).all(|at| world.is_full(at, 2) && world.is_full(2, at)));
    world.run(Duration::from_secs(5));
    // Node 0 restarts; node 2 leads.
    for to in 1..3 {
        world.inject(0, to, grace(0, 0, 1));
    }
    world.cut = Some(1);
    let attached = |world: &World| {
        let network = LsaKey {
            ls_type: LsType::Network,
            link_state_id: address(2).to_bits(),
            advertising_router: router_id(2),
        };
        let entry = world.nodes[2].lsdb.get(Scope::Area(AREA), network).expect("node 2 leads");
        match &entry.lsa().body {
            LsaBody::Network(network) => network.attached_routers.contains(&router_id(0)),
            other => panic!("{other:?}"),
        }
    };
    world.run(Duration::from_secs(50));
    assert!(attached(&world));
    world.run(Duration::from_secs(15));
    assert!(!attached(&world));
}

#[test]
fn on_a_lan_a_grace_lsa_without_address_is_dropped() {
    let mut world = World::of(Broadcast, 2);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.inject(1, 0, grace_at(1, 0, 1, None));
    assert_eq!((is_helped(&world, 1), world.counter(0, "drop-bad-grace-lsa")), (false, 1));
}

#[test]
fn a_session_that_bfd_loses_during_the_restart_does_not_kill_the_neighbour() {
    let bfd = BfdConfig {
        min_tx: Duration::from_millis(50),
        min_rx: Duration::from_millis(50),
        multiplier: 3,
        passive: false,
        strict: false,
        auth: None,
    };
    let network: NetworkType = PointToPoint;
    let mut watched = config(0, network);
    watched.interfaces.get_mut("eth0").unwrap().bfd = Some(bfd);
    let mut world = World::new(vec![watched, config(1, network)]);
    world.until("both are Full", |world| world.is_full(0, 1) && world.is_full(1, 0));
    world.run(Duration::from_secs(3));
    world.inject(1, 0, grace(1, 0, 1));
    world.cut = Some(1);
    let mut tell = |state, losses| {
        let status =
            Status { state, disabled_by_peer: false, losses, diagnostic: Diagnostic::DetectionTimeExpired };
        let key = SessionKey { if_index: ETH0, peer: IpAddr::V4(address(1)) };
        world.nodes[0].handle_bfd(world.now, Change { key, status });
    };
    tell(State::Up, 0);
    tell(State::Down, 1);
    world.run(Duration::from_secs(20));
    assert!(is_helped(&world, 1) && leads_there(&world));
    // It comes back before its BFD does.
    world.cut = None;
    world.run(Duration::from_secs(10));
    assert!(world.is_full(0, 1));
    assert_eq!(world.counter(0, "bfd-neighbors-killed"), 0);
}
