//! Whom `ospfd` hears: TTL security (RFC 5082) beside BIRD, and the list of allowed neighbours.

use std::fs;
use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use nix::sys::signal::Signal;

const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const BIRD: &str = "10.0.0.2";
const VIP: &str = "10.9.0.1/32";

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

fn start(label: &str, topology: &Topology) -> Lab {
    Lab::start(topology, &Options::labelled(label)).unwrap()
}

fn counter(lab: &Lab, name: &str) -> u64 {
    let counters = lab.node("d1").ospfctl_json(&["show", "counters"]).unwrap();
    let found = counters.as_array().unwrap().iter().find(|counter| counter["name"] == name).cloned();
    found.and_then(|counter| counter["value"].as_u64()).unwrap_or(0)
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn with_ttl_security_we_are_full_with_bird_and_a_stranger_is_not_heard_until_he_is_allowed() {
    let lab = start("guarded", &Topology::named("guarded").unwrap());
    let ours = lab.node("d1");
    until(SOON, "Full with BIRD", || ours.is_full_with(BIRD) && lab.node("u2").is_full_with(OURS)).unwrap();
    until(SOON, "FRR's hellos are dropped by name", || counter(&lab, "drop-neighbor-not-allowed") > 3)
        .unwrap();
    assert_eq!(counter(&lab, "drop-ttl-too-low"), 0);
    assert!(!ours.ospf_neighbors().contains_key(&FRR.parse().unwrap()));

    let before = fs::read_to_string(ours.dir().join("ospfd.toml")).unwrap();
    ours.write_file("ospfd.toml", &before.replace("10.1.1.99", "10.1.1.1")).unwrap();
    ours.signal("ospfd", Signal::SIGHUP).unwrap();
    until(SOON, "Full with FRR", || ours.is_full_with(FRR) && lab.node("u1").is_full_with(OURS)).unwrap();
    until(SOON, "FRR has the VIP", || lab.node("u1").routes_to(VIP).unwrap()).unwrap();
    let told = lab.node("u1").vtysh("show ip ospf database router 10.0.0.11").unwrap();
    assert!(told.contains("10.9.0.1") && !told.contains("Network/subnet number: 10.1.1.0"), "{told}");
    assert!(ours.is_full_with(BIRD));
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn bird_with_ttl_security_does_not_hear_us_without_it() {
    let topology = Topology::named("guarded").unwrap().with("ttl_security", "false");
    let lab = start("unguarded", &topology.with("neighbors", "10.1.1.1"));
    let ours = lab.node("d1");
    until(SOON, "Full with FRR", || ours.is_full_with(FRR)).unwrap();
    // We hear BIRD, and it does not answer what comes with TTL 1.
    until(SOON, "BIRD is heard", || {
        ours.ospf_neighbors().get(&BIRD.parse().unwrap()).is_some_and(|bird| bird.state == "Init")
    })
    .unwrap();
    assert!(!lab.node("u2").is_full_with(OURS));
}
