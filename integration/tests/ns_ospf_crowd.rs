//! A hundred neighbours on one LAN: `ospfd` beside FRR, BIRD and 97 engines of ours, with and without an office.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::ids::{AreaId, RouterId};
use integration::clock::until;
use integration::crowd::Crowd;
use integration::lab::topology::{End, NodeSpec, Software, Topology};
use integration::lab::{Lab, Options};
use integration::node::ospf::Neighbor;
use ipnetwork::{IpNetwork, Ipv4Network};
use ospfd::core::config::InterfaceConfig;

const FRR: &str = "10.0.0.1";
const BIRD: &str = "10.0.0.2";
const VIP: &str = "10.9.0.1/32";

/// Engines that fill the LAN up, beside FRR, BIRD and the daemon: a hundred routers.
const MEMBERS: u8 = 97;
/// Neighbours of each router while all are there.
const NEIGHBORS: usize = 99;
const HELLO: u64 = 2;
const DEAD: u64 = 8;

/// A hundred routers on a machine with other things to do.
const SOON: Duration = Duration::from_secs(60);

fn members() -> Vec<(RouterId, Ipv4Network)> {
    let member = |number: u8| {
        let router_id = RouterId(Ipv4Addr::new(10, 0, 1, number).to_bits());
        (router_id, Ipv4Network::new(Ipv4Addr::new(10, 1, 0, 100 + number), 24).unwrap())
    };
    (1..=MEMBERS).map(member).collect()
}

/// The LAN of FRR, BIRD and the daemon, with room for the crowd. The higher its priority, the sooner a router is elected; the
/// crowd has 1.
fn lan(priorities: [(&str, &str); 3]) -> Topology {
    let mut topology = Topology::named("lan").unwrap();
    let addresses = members().iter().map(|(_, network)| IpNetwork::V4(*network)).collect();
    let segment = topology.lans.get_mut("lan").unwrap();
    segment.ends.push(End { node: "crowd".to_owned(), interface: "lan".to_owned(), addresses });
    let host = NodeSpec { software: Software::Host, sysctl: BTreeMap::new(), ip: Vec::new() };
    topology.nodes.insert("crowd".to_owned(), host);
    let topology = topology.with("hello", &HELLO.to_string()).with("dead", &DEAD.to_string());
    priorities
        .into_iter()
        .fold(topology, |topology, (node, priority)| topology.with(&format!("priority_{node}"), priority))
}

fn gather(lab: &Lab) -> Crowd {
    let config = InterfaceConfig {
        hello_interval: Duration::from_secs(HELLO),
        dead_interval: Duration::from_secs(DEAD),
        ..InterfaceConfig::default()
    };
    Crowd::start(lab.node("crowd"), "lan", &members(), &config).unwrap()
}

/// How many of these neighbours are in which state.
fn states<'a>(neighbors: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    neighbors.fold(BTreeMap::new(), |mut states, state| {
        *states.entry(state).or_default() += 1;
        states
    })
}

fn states_at(lab: &Lab, node: &str) -> BTreeMap<String, usize> {
    let neighbors: Vec<Neighbor> = lab.node(node).ospf_neighbors().into_values().collect();
    let states = states(neighbors.iter().map(|neighbor| neighbor.state.as_str()));
    states.into_iter().map(|(state, count)| (state.to_owned(), count)).collect()
}

/// Is every one of the crowd Full with two routers and 2-Way with all others, and do all of it hold one database?
fn crowd_has_settled(crowd: &Crowd, neighbors: usize) -> bool {
    let expected = BTreeMap::from([("2-Way", neighbors - 2), ("Full", 2)]);
    let all = crowd.neighbors();
    let settled =
        all.iter().filter(|seen| states(seen.iter().map(|neighbor| neighbor.nbr_state.as_str())) == expected);
    let mut digests = crowd.digests(AreaId(0));
    digests.dedup();
    // One of them may be the backup, and is Full with everybody.
    settled.count() + 1 >= all.len() && digests.len() == 1
}

fn only_full(count: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([("Full".to_owned(), count)])
}

fn full_with_two(neighbors: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([("2-Way".to_owned(), neighbors - 2), ("Full".to_owned(), 2)])
}

fn routes_the_vip(lab: &Lab, node: &str) -> bool {
    // By the daemon's own address: a route by another router would be one into a loop.
    let ours = IpAddr::from([10, 1, 0, 11]);
    lab.node(node).next_hops(VIP).is_ok_and(|hops| hops == [ours])
}

/// Nothing has been lost for want of room, and nothing waits for an answer.
fn is_far_from_any_limit(lab: &Lab) {
    let ours = lab.node("d1");
    let counters = ours.ospfctl_json(&["show", "counters"]).unwrap();
    for counter in counters.as_array().unwrap() {
        let limits = [
            "socket-rx-overflow",
            "socket-tx-errors",
            "socket-rx-errors",
            "socket-open-errors",
            "drop-too-many-neighbors",
            "drop-transmit-queue-full",
            "drop-event-queue-full",
            "drop-database-full",
        ];
        if limits.iter().any(|limit| counter["name"] == *limit) {
            assert_eq!(counter["value"], 0, "{counters}");
        }
    }
    let answered = || {
        let neighbors = ours.ospfctl_json(&["show", "neighbor"]).unwrap();
        neighbors.as_array().unwrap().iter().all(|neighbor| {
            neighbor["linkStateRetransmissionListCounter"] == 0
                && neighbor["linkStateRequestListCounter"] == 0
        })
    };
    until(SOON, "nobody owes us an acknowledgement", answered).unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn as_one_of_a_hundred_we_are_full_with_two_and_the_vip_outlives_the_designated_router() {
    let lab = lan([("u1", "20"), ("u2", "10"), ("d1", "1")]);
    let lab = Lab::start(&lab, &Options::labelled("crowd-drother")).unwrap();
    let crowd = gather(&lab);
    until(SOON, "2-Way with all but two", || states_at(&lab, "d1") == full_with_two(NEIGHBORS)).unwrap();
    assert!(lab.node("d1").is_full_with(FRR) && lab.node("d1").is_full_with(BIRD));
    until(SOON, "FRR is Full with everybody", || states_at(&lab, "u1") == only_full(NEIGHBORS)).unwrap();
    until(SOON, "BIRD is Full with everybody", || states_at(&lab, "u2") == only_full(NEIGHBORS)).unwrap();
    until(SOON, "the crowd has settled", || crowd_has_settled(&crowd, NEIGHBORS)).unwrap();
    until(SOON, "both route the VIP", || routes_the_vip(&lab, "u1") && routes_the_vip(&lab, "u2")).unwrap();
    is_far_from_any_limit(&lab);

    lab.node("u1").kill_daemons();
    until(SOON, "BIRD leads, another is its backup", || {
        states_at(&lab, "d1") == full_with_two(NEIGHBORS - 1) && lab.node("d1").is_full_with(BIRD)
    })
    .unwrap();
    until(SOON, "the crowd has settled again", || crowd_has_settled(&crowd, NEIGHBORS - 1)).unwrap();
    until(SOON, "BIRD routes the VIP", || routes_the_vip(&lab, "u2")).unwrap();
    is_far_from_any_limit(&lab);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn as_backup_we_are_full_with_a_hundred_and_lead_them_when_the_designated_router_dies() {
    let lab = lan([("u1", "20"), ("u2", "1"), ("d1", "10")]);
    let lab = Lab::start(&lab, &Options::labelled("crowd-dr")).unwrap();
    let crowd = gather(&lab);
    until(SOON, "Full with everybody", || states_at(&lab, "d1") == only_full(NEIGHBORS)).unwrap();
    until(SOON, "the crowd has settled", || crowd_has_settled(&crowd, NEIGHBORS)).unwrap();
    until(SOON, "both route the VIP", || routes_the_vip(&lab, "u1") && routes_the_vip(&lab, "u2")).unwrap();
    is_far_from_any_limit(&lab);

    lab.node("u1").kill_daemons();
    let leads = || {
        let interfaces = lab.node("d1").ospfctl_json(&["show", "interface"]).unwrap();
        interfaces[0]["state"] == "DR" && states_at(&lab, "d1") == only_full(NEIGHBORS - 1)
    };
    until(SOON, "we lead, and are Full with everybody else", leads).unwrap();
    until(SOON, "the crowd has settled again", || crowd_has_settled(&crowd, NEIGHBORS - 1)).unwrap();
    until(SOON, "BIRD routes the VIP", || routes_the_vip(&lab, "u2")).unwrap();

    lab.node("u1").start_daemons().unwrap();
    until(SOON, "FRR is back, and routes the VIP", || {
        states_at(&lab, "d1") == only_full(NEIGHBORS) && routes_the_vip(&lab, "u1")
    })
    .unwrap();
    is_far_from_any_limit(&lab);
}
