//! What `ospfd` learns from FRR goes into the kernel, and only that.

use std::net::IpAddr;
use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::{LinkSetting, Node};
use nix::sys::signal::Signal;

/// The loopback of the far router.
const STUB: &str = "10.8.0.3/32";
/// What it redistributes.
const EXTERNAL: &str = "10.7.0.3/32";
/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

fn lab(label: &str) -> Lab {
    let lab = Lab::start(&Topology::named("routes").unwrap(), &Options::labelled(label)).unwrap();
    until_routed(&lab, &[1, 2]);
    lab
}

/// The next hops over the given routers.
fn over(routers: &[u8]) -> Vec<IpAddr> {
    routers.iter().map(|router| IpAddr::from([10, 1, *router, 1])).collect()
}

fn next_hops(node: &Node, prefix: &str) -> Vec<IpAddr> {
    let mut hops = node.next_hops(prefix).unwrap();
    hops.sort_unstable();
    hops
}

fn until_routed(lab: &Lab, routers: &[u8]) {
    for prefix in [STUB, EXTERNAL] {
        until(SOON, &format!("{prefix} is routed over {routers:?}"), || {
            next_hops(lab.node("d1"), prefix) == over(routers)
        })
        .unwrap();
    }
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn equal_cost_routes_are_installed_with_all_next_hops_and_removed() {
    let lab = lab("routes");
    let ours = lab.node("d1");
    let installed = ours.kernel_routes(STUB).unwrap();
    assert_eq!(installed[0]["protocol"], "ospf", "{installed:?}");
    assert_eq!(installed[0]["metric"], 110, "{installed:?}");
    let weights: Vec<_> =
        installed[0]["nexthops"].as_array().unwrap().iter().map(|hop| hop["weight"].clone()).collect();
    assert_eq!(weights, [1, 1], "{installed:?}");

    // What we show is what FRR would have calculated in our place.
    let shown = ours.ospfctl_json(&["show", "route"]).unwrap();
    let route = |prefix: &str| {
        let found = shown.as_array().unwrap().iter().find(|route| route["prefix"] == prefix);
        found.unwrap_or_else(|| panic!("{prefix} is missing in {shown}")).clone()
    };
    assert_eq!((&route(STUB)["routeType"], &route(STUB)["cost"]), (&"N".into(), &20.into()));
    assert_eq!((&route(EXTERNAL)["routeType"], &route(EXTERNAL)["cost"]), (&"N E1".into(), &25.into()));

    lab.node("u3").vtysh_configure(&["interface lo", "no ip address 10.7.0.3/32"]).unwrap();
    until(SOON, "the external route is gone", || next_hops(ours, EXTERNAL).is_empty()).unwrap();
    assert_eq!(next_hops(ours, STUB), over(&[1, 2]));
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_router_that_goes_is_no_next_hop_and_comes_back() {
    let lab = lab("routes-flap");
    // Behind the neighbour: only OSPF can tell.
    lab.node("u1").set_link("u3", LinkSetting::Down).unwrap();
    until_routed(&lab, &[2]);
    lab.node("u1").set_link("u3", LinkSetting::Up).unwrap();
    until_routed(&lab, &[1, 2]);
    // Our own link: the kernel forgets the routes by itself.
    lab.node("d1").set_link("u2", LinkSetting::Down).unwrap();
    until_routed(&lab, &[1]);
    lab.node("d1").set_link("u2", LinkSetting::Up).unwrap();
    until_routed(&lab, &[1, 2]);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn routes_that_somebody_removed_come_back_and_those_of_others_stay() {
    let lab = lab("routes-repair");
    let ours = lab.node("d1");
    ours.run(&["ip", "route", "add", "10.5.0.0/16", "via", "10.1.1.1", "proto", "static", "metric", "110"])
        .unwrap();
    ours.run(&["ip", "route", "add", "10.6.0.0/16", "via", "10.1.1.1", "proto", "ospf", "metric", "20"])
        .unwrap();
    ours.run(&["ip", "route", "del", STUB]).unwrap();
    assert!(next_hops(ours, STUB).is_empty());
    // A link event makes ospfd look.
    ours.run(&["ip", "link", "set", "lo", "mtu", "60000"]).unwrap();
    until_routed(&lab, &[1, 2]);

    ours.signal("ospfd", Signal::SIGTERM).unwrap();
    assert!(ours.wait("ospfd", SOON).unwrap().success());
    assert!(next_hops(ours, STUB).is_empty() && next_hops(ours, EXTERNAL).is_empty());
    assert_eq!(next_hops(ours, "10.5.0.0/16"), over(&[1]));
    assert_eq!(next_hops(ours, "10.6.0.0/16"), over(&[1]));
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_crash_leaves_the_routes_and_the_next_life_takes_them_over() {
    let lab = lab("routes-crash");
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGKILL).unwrap();
    ours.wait("ospfd", SOON).unwrap();
    assert_eq!(next_hops(ours, STUB), over(&[1, 2]));
    ours.start_ours("ospfd").unwrap();
    until(SOON, "all is learnt again", || {
        // One next hop is enough while the second adjacency is not there yet.
        assert!(!next_hops(ours, STUB).is_empty(), "traffic was interrupted");
        let shown = ours.ospfctl_json(&["show", "route"]).unwrap();
        shown.as_array().unwrap().iter().any(|route| {
            route["prefix"] == STUB && route["nexthops"].as_array().is_some_and(|hops| hops.len() == 2)
        })
    })
    .unwrap();
    until_routed(&lab, &[1, 2]);
}
