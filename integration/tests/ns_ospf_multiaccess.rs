//! `ospfd`, FRR and BIRD on one network without multicast, and on a point-to-multipoint one.

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
const SOON: Duration = Duration::from_secs(90);

fn topology() -> Topology {
    Topology::named("multiaccess").unwrap()
}

fn start(label: &str, topology: &Topology) -> Lab {
    Lab::start(topology, &Options::labelled(label)).unwrap()
}

fn settle(lab: &Lab) {
    let ours = lab.node("d1");
    until(SOON, "Full with FRR and BIRD, as all three see it", || {
        ours.is_full_with(FRR)
            && ours.is_full_with(BIRD)
            && lab.node("u1").is_full_with(OURS)
            && lab.node("u2").is_full_with(OURS)
    })
    .unwrap();
    until(SOON, "FRR's kernel and BIRD have the VIP", || {
        ["u1", "u2"].iter().all(|node| lab.node(node).routes_to(VIP).unwrap())
    })
    .unwrap();
}

fn restart_and_settle(lab: &Lab) {
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGKILL).unwrap();
    ours.wait("ospfd", SOON).unwrap();
    ours.start_ours("ospfd").unwrap();
    settle(lab);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn on_a_non_broadcast_network_we_are_full_with_frr_and_bird_and_again_after_a_crash() {
    let lab = start("nbma", &topology());
    // Three routers, of which one is Designated Router and one its backup: all pairs with us are adjacent only if we
    // are one of them. Our Router ID and address are the highest.
    settle(&lab);
    let said = lab.node("d1").ospfctl_json(&["show", "interface"]).unwrap();
    assert_eq!(said[0]["networkType"], "non-broadcast", "{said}");
    assert_eq!(said[0]["state"], "DR", "{said}");
    restart_and_settle_anywhere(&lab);
}

/// After the crash another one leads: the VIP must be back, with whomever we are adjacent.
fn restart_and_settle_anywhere(lab: &Lab) {
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGKILL).unwrap();
    ours.wait("ospfd", SOON).unwrap();
    until(SOON, "the VIP is gone", || {
        ["u1", "u2"].iter().all(|node| !lab.node(node).routes_to(VIP).unwrap())
    })
    .unwrap();
    ours.start_ours("ospfd").unwrap();
    until(SOON, "the VIP is back", || ["u1", "u2"].iter().all(|node| lab.node(node).routes_to(VIP).unwrap()))
        .unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn on_a_point_to_multipoint_network_we_are_full_with_frr_and_bird_and_again_after_a_crash() {
    let topology = topology()
        .with("ours", "point-to-multipoint")
        .with("frr", "point-to-multipoint")
        .with("bird", "ptmp")
        .with("bird_eligible", "");
    let lab = start("ptmp", &topology);
    settle(&lab);
    restart_and_settle(&lab);
}
