//! FRR and BIRD restart gracefully (RFC 3623), and `ospfd` helps them.

use std::time::Duration;

use integration::clock::{now, pause, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use nix::sys::signal::Signal;
use serde_json::Value;

const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const BIRD: &str = "10.0.0.2";
/// Hello 1 s, dead 4 s, and machines with other things to do; below the grace period of 60 s.
const SOON: Duration = Duration::from_secs(50);
/// Twice the dead interval.
const SILENCE: Duration = Duration::from_secs(8);

fn start(label: &str) -> Lab {
    let lab = Lab::start(&Topology::named("graceful").unwrap(), &Options::labelled(label)).unwrap();
    until(SOON, "Full with both, as all see it", || all_full(&lab)).unwrap();
    // BIRD tells of its link MinLSInterval later: a change, which would end the help for FRR.
    until(SOON, "both tell of their links to us", || {
        [FRR, BIRD].iter().all(|router| leads_to(&router_lsa(&lab, router).1, OURS))
    })
    .unwrap();
    // What came last must be acknowledged, or the restarter would be refused.
    pause(Duration::from_secs(3));
    lab
}

fn all_full(lab: &Lab) -> bool {
    let ours = lab.node("d1");
    let they_see_us = ["u1", "u2"].iter().all(|node| lab.node(node).is_full_with(OURS));
    ours.is_full_with(FRR) && ours.is_full_with(BIRD) && they_see_us
}

/// Sequence number and links of a router's Router-LSA, as we have it.
fn router_lsa(lab: &Lab, router: &str) -> (Value, Value) {
    let database = lab.node("d1").ospfctl_json(&["show", "database"]).unwrap();
    let lsas = database.as_array().cloned().unwrap_or_default();
    let own = lsas.into_iter().find(|lsa| lsa["lsaType"] == "router" && lsa["advertisedRouter"] == router);
    let own = own.unwrap_or_default();
    (own["sequenceNumber"].clone(), own["detail"].clone())
}

fn leads_to(detail: &Value, router: &str) -> bool {
    let lines = detail.as_array().cloned().unwrap_or_default();
    lines
        .iter()
        .filter_map(Value::as_str)
        .any(|line| line.starts_with(&format!("point-to-point to {router} ")))
}

fn restarting(lab: &Lab, router: &str) -> Value {
    let neighbors = lab.node("d1").ospfctl_json(&["show", "neighbor"]).unwrap();
    let list = neighbors.as_array().cloned().unwrap_or_default();
    let found = list.into_iter().find(|neighbor| neighbor["neighborRouterId"] == router);
    found.map_or(Value::Null, |neighbor| neighbor["restarting"].clone())
}

fn counter(lab: &Lab, name: &str) -> u64 {
    let counters = lab.node("d1").ospfctl_json(&["show", "counters"]).unwrap();
    let list = counters.as_array().cloned().unwrap_or_default();
    list.iter()
        .find(|counter| counter["name"] == name)
        .and_then(|counter| counter["value"].as_u64())
        .unwrap_or(0)
}

/// While the router is gone for twice the dead interval, we say that it is there, and nothing new to anybody.
fn stays_while_silent(lab: &Lab, router: &str, before: &(Value, Value)) {
    let silent_since = now();
    while silent_since.elapsed() < SILENCE {
        assert!(restarting(lab, router)["graceRemainingMsec"].as_u64().is_some(), "not helped");
        let standing = router_lsa(lab, OURS);
        assert!(leads_to(&standing.1, router) && standing == *before, "{standing:?} was {before:?}");
        pause(Duration::from_millis(250));
    }
}

/// The router is started again: the link stays in every instance of our Router-LSA until all is as before.
fn returns(lab: &Lab, router: &str) {
    until(SOON, "all are Full again and the help is over", || {
        assert!(leads_to(&router_lsa(lab, OURS).1, router), "left out while it came back");
        all_full(lab) && restarting(lab, router).is_null()
    })
    .unwrap();
    assert_eq!((counter(lab, "helper-entered"), counter(lab, "helper-completed")), (1, 1));
    for end in ["refused", "expired", "topology-changed", "lost"] {
        assert_eq!(counter(lab, &format!("helper-{end}")), 0, "{end}");
    }
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn frr_that_restarts_gracefully_stays_in_our_router_lsa() {
    let lab = start("graceful-frr");
    let before = router_lsa(&lab, OURS);
    let frr = lab.node("u1");
    frr.vtysh("graceful-restart prepare ip ospf").unwrap();
    until(SOON, "we help FRR", || !restarting(&lab, FRR).is_null()).unwrap();
    frr.signal("ospfd", Signal::SIGTERM).unwrap();
    frr.wait("ospfd", SOON).unwrap();
    stays_while_silent(&lab, FRR, &before);
    frr.start_frr_daemon("ospfd").unwrap();
    returns(&lab, FRR);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn bird_that_restarts_gracefully_stays_in_our_router_lsa() {
    let lab = start("graceful-bird");
    let before = router_lsa(&lab, OURS);
    let bird = lab.node("u2");
    bird.birdc("graceful restart").unwrap();
    bird.wait("bird", SOON).unwrap();
    until(SOON, "we help BIRD", || !restarting(&lab, BIRD).is_null()).unwrap();
    stays_while_silent(&lab, BIRD, &before);
    bird.start_bird_recovering().unwrap();
    returns(&lab, BIRD);
}
