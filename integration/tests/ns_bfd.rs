//! BFD between `ospfd`, FRR's bfdd and BIRD: intervals, roles, authentication, silence, and what OSPF makes of it.
//!
//! The dead interval is two minutes: what is withdrawn in these tests is withdrawn because BFD said so.

use std::fs;
use std::time::Duration;

use integration::clock::{now, pause, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::LinkSetting;
use nix::sys::signal::Signal;
use serde_json::Value;

const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const BIRD: &str = "10.0.0.2";
const VIP: &str = "10.9.0.1/32";
/// Well below the dead interval.
const SOON: Duration = Duration::from_secs(60);

fn start(label: &str, topology: &Topology) -> Lab {
    Lab::start(topology, &Options::labelled(label)).unwrap()
}

fn bfd() -> Topology {
    Topology::named("bfd").unwrap()
}

fn sessions(lab: &Lab) -> Vec<Value> {
    let answer = lab.node("d1").ospfctl_json(&["show", "bfd"]).unwrap_or_default();
    answer.as_array().cloned().unwrap_or_default()
}

/// Our session on an interface.
fn session(lab: &Lab, interface: &str) -> Value {
    sessions(lab).into_iter().find(|session| session["interface"] == interface).unwrap_or_default()
}

fn frr_session(lab: &Lab) -> Value {
    lab.node("u1").vtysh_json("show bfd peers").unwrap_or_default()[0].clone()
}

fn bird_session(lab: &Lab) -> String {
    let said = lab.node("u2").birdc("show bfd sessions").unwrap_or_default();
    said.lines().find(|line| line.starts_with("10.1.2.2")).unwrap_or_default().to_owned()
}

/// Up with both, as all three see it.
fn all_up(lab: &Lab) -> bool {
    let ours = sessions(lab);
    ours.len() == 2
        && ours.iter().all(|session| session["status"] == "up")
        && frr_session(lab)["status"] == "up"
        && bird_session(lab).contains("Up")
}

fn all_full(lab: &Lab) -> bool {
    let ours = lab.node("d1");
    ours.is_full_with(FRR)
        && ours.is_full_with(BIRD)
        && lab.node("u1").is_full_with(OURS)
        && lab.node("u2").is_full_with(OURS)
}

fn until_settled(lab: &Lab) {
    until(SOON, "Full and Up with FRR and BIRD, as all three see it", || all_up(lab) && all_full(lab))
        .unwrap();
    until(SOON, "both have the VIP", || routed(lab) == [true; 2]).unwrap();
}

fn routed(lab: &Lab) -> [bool; 2] {
    ["u1", "u2"].map(|node| lab.node(node).routes_to(VIP).unwrap())
}

fn lost(lab: &Lab) -> Vec<u64> {
    sessions(lab).iter().map(|session| session["session-down"].as_u64().unwrap()).collect()
}

fn counter(lab: &Lab, name: &str) -> u64 {
    let counters = lab.node("d1").ospfctl_json(&["show", "counters"]).unwrap();
    let found = counters.as_array().unwrap().iter().find(|counter| counter["name"] == name).cloned();
    found.and_then(|counter| counter["value"].as_u64()).unwrap_or(0)
}

fn reload(lab: &Lab, from: &str, to: &str) {
    let ours = lab.node("d1");
    let before = fs::read_to_string(ours.dir().join("ospfd.toml")).unwrap();
    assert!(before.contains(from), "{before}");
    ours.write_file("ospfd.toml", &before.replace(from, to)).unwrap();
    ours.signal("ospfd", Signal::SIGHUP).unwrap();
}

/// Drops BFD packets both ways on the director, while the links stay up and hellos go on.
const EAT_BFD: &str = "table inet eaten {
  chain in { type filter hook input priority 0; udp dport 3784 drop; }
  chain out { type filter hook output priority 0; udp dport 3784 drop; }
}";
/// The same of everything.
const EAT_ALL: &str = "table inet eaten {
  chain in { type filter hook input priority 0; iifname { \"u1\", \"u2\" } drop; }
  chain out { type filter hook output priority 0; oifname { \"u1\", \"u2\" } drop; }
}";

fn eat(lab: &Lab, what: &str) {
    let file = lab.node("d1").write_file("eat.nft", what).unwrap();
    lab.node("d1").run(&["nft", "-f", &file.to_string_lossy()]).unwrap();
}

fn stop_eating(lab: &Lab) {
    lab.node("d1").run(&["nft", "delete", "table", "inet", "eaten"]).unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn intervals_of_300_50_and_10_ms_are_agreed_on_without_losing_a_session() {
    // 3 x 10 ms would ask for more than peers without priority have on a machine with other things to do.
    let lab = start("bfd-intervals", &bfd().with("multiplier", "50"));
    until_settled(&lab);
    for (before, after) in [("300", "50"), ("50", "10"), ("10", "50"), ("50", "300")] {
        reload(&lab, &format!("{before}ms"), &format!("{after}ms"));
        let lines = [format!("receive-interval {after}"), format!("transmit-interval {after}")];
        lab.node("u1").vtysh_configure(&["bfd", "profile lab", &lines[0], &lines[1]]).unwrap();
        let bird = fs::read_to_string(lab.node("u2").dir().join("bird.conf")).unwrap();
        let changed = bird.replace(&format!("interval {before} ms"), &format!("interval {after} ms"));
        lab.node("u2").write_file("bird.conf", &changed).unwrap();
        lab.node("u2").birdc("configure").unwrap();
        let wanted: u64 = after.parse().unwrap();
        until(SOON, &format!("all agree on {after} ms"), || {
            let agreed = |interface| {
                let session = session(&lab, interface);
                session["current-transmit-interval"] == wanted
                    && session["detection-time"] == 50 * wanted
                    && session["polling"] == false
            };
            agreed("u1")
                && agreed("u2")
                && frr_session(&lab)["remote-transmit-interval"] == wanted
                // Since, interval, timeout, in seconds.
                && bird_session(&lab).contains(&format!("{:.3}", wanted as f64 / 1000.0))
        })
        .unwrap();
        pause(Duration::from_secs(2));
        assert!(all_up(&lab) && all_full(&lab), "{after} ms: {:#?}", sessions(&lab));
    }
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn either_side_may_be_the_one_that_waits() {
    let passive_peers = bfd().with("frr_profile", "passive-mode").with("bird_passive", "yes");
    let lab = start("bfd-passive-peers", &passive_peers.with("interval", "50"));
    until_settled(&lab);
    drop(lab);
    let passive_ours = bfd().with("more", ", passive = true").with("interval", "50");
    let lab = start("bfd-passive-ours", &passive_ours);
    until_settled(&lab);
    assert_eq!(session(&lab, "u1")["passive-mode"], true);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn bird_comes_up_under_every_type_of_authentication() {
    let lab = start("bfd-auth", &Topology::named("bfd-auth").unwrap());
    until(SOON, "five sessions are up", || {
        let sessions = sessions(&lab);
        sessions.len() == 5 && sessions.iter().all(|session| session["status"] == "up")
    })
    .unwrap();
    // Strict: no adjacency without session.
    until(SOON, "five adjacencies are Full", || {
        let neighbors = lab.node("d1").ospfctl_json(&["show", "neighbor"]).unwrap();
        neighbors.as_array().unwrap().iter().filter(|neighbor| neighbor["nbrState"] == "Full").count() == 5
    })
    .unwrap();
    let before: Vec<_> = sessions(&lab).iter().map(|s| s["control-packet-input"].as_u64().unwrap()).collect();
    until(SOON, "packets go on", || {
        let now = sessions(&lab);
        now.iter().zip(&before).all(|(s, before)| s["control-packet-input"].as_u64().unwrap() > before + 60)
    })
    .unwrap();
    for reason in ["digest", "sequence", "password", "key-id", "type"] {
        assert_eq!(counter(&lab, &format!("drop-bfd-auth-{reason}")), 0, "{reason}");
    }
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn bfd_that_is_eaten_withdraws_everywhere_and_what_returns_is_let_in_again() {
    let lab = start("bfd-eaten", &bfd().with("interval", "50"));
    until_settled(&lab);
    eat(&lab, EAT_BFD);
    let took = until(SOON, "neither has the VIP", || routed(&lab) == [false; 2]).unwrap();
    assert!(took < Duration::from_secs(20), "150 ms were agreed on, and it took {took:?}");
    assert_eq!(counter(&lab, "bfd-neighbors-killed"), 2);
    // Hellos go on, and bring nobody back.
    let watched = now();
    while watched.elapsed() < Duration::from_secs(4) {
        let ours = lab.node("d1").ospf_neighbors();
        assert!(ours.values().all(|neighbor| neighbor.state == "Init"), "{ours:?}");
        pause(Duration::from_millis(200));
    }
    let log = fs::read_to_string(lab.node("d1").log_path("ospfd")).unwrap();
    assert!(log.contains("lost: the neighbor is killed") && log.contains("KillNbr"), "{log}");
    stop_eating(&lab);
    until_settled(&lab);
    assert_eq!(lost(&lab), [1, 1]);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_director_that_falls_silent_on_links_that_stay_up_is_withdrawn_and_returns() {
    let lab = start("bfd-silent", &bfd().with("interval", "50"));
    until_settled(&lab);
    for _ in 0..2 {
        eat(&lab, EAT_ALL);
        until(Duration::from_secs(20), "neither has the VIP", || routed(&lab) == [false; 2]).unwrap();
        until(SOON, "we have lost both", || lab.node("d1").ospf_neighbors().is_empty()).unwrap();
        stop_eating(&lab);
        until_settled(&lab);
    }
    // The links themselves: sessions go with them, and come back.
    lab.node("d1").set_link("u1", LinkSetting::Down).unwrap();
    until(SOON, "FRR's session is gone", || sessions(&lab).len() == 1).unwrap();
    lab.node("d1").set_link("u1", LinkSetting::Up).unwrap();
    until_settled(&lab);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn strict_waits_for_the_session_and_without_it_a_peer_without_bfd_is_taken() {
    let without = bfd().with("frr_bfd", "!");
    let lab = start("bfd-strict", &without.clone().with("more", ", strict = true"));
    until(SOON, "Full with BIRD", || lab.node("d1").is_full_with(BIRD)).unwrap();
    let frr = || lab.node("d1").ospf_neighbors().get(&FRR.parse().unwrap()).cloned();
    until(SOON, "FRR is heard", || frr().is_some()).unwrap();
    pause(Duration::from_secs(3));
    assert_eq!(frr().unwrap().state, "Init");
    lab.node("u1").vtysh_configure(&["interface d1", "ip ospf bfd"]).unwrap();
    until(SOON, "Full with FRR", || lab.node("d1").is_full_with(FRR)).unwrap();
    drop(lab);
    let lab = start("bfd-without", &without);
    until(SOON, "Full with FRR", || lab.node("d1").is_full_with(FRR)).unwrap();
    assert_eq!(session(&lab, "u1")["status"], "down");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn bfd_that_is_taken_out_here_is_told_to_the_peers_and_hellos_are_enough_again() {
    let lab = start("bfd-taken-out", &bfd().with("interval", "50"));
    until_settled(&lab);
    reload(&lab, "bfd = { min_tx = \"50ms\", min_rx = \"50ms\", multiplier = 3 }", "");
    until(SOON, "no session is left", || sessions(&lab).is_empty()).unwrap();
    // Both take AdminDown for Down, and begin anew at once.
    until(SOON, "Full without BFD", || all_full(&lab) && frr_session(&lab)["status"] != "up").unwrap();
    until(SOON, "both have the VIP", || routed(&lab) == [true; 2]).unwrap();
    assert_eq!(counter(&lab, "bfd-neighbors-killed"), 0);
}
