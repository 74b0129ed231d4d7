//! `ospfd`, FRR and BIRD on one broadcast network: each role in the election, and what goes over the wire.

use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use nix::sys::signal::Signal;

/// Router IDs of the topology.
const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const BIRD: &str = "10.0.0.2";
const VIP: &str = "10.9.0.1/32";

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

/// The network with nobody on it yet.
fn quiet(label: &str, topology: &Topology) -> Lab {
    Lab::start(topology, &Options::labelled(label).hold("d1").hold("u1").hold("u2")).unwrap()
}

fn lan() -> Topology {
    Topology::named("lan").unwrap()
}

/// Our interface's state, in the words of RFC 2328 §9.1.
fn role(lab: &Lab) -> String {
    let interfaces = lab.node("d1").ospfctl_json(&["show", "interface"]);
    interfaces.map(|list| list[0]["state"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// Starts a node's daemons and waits until it is `role`, as it says itself or as it must be by the others.
fn start_as(lab: &Lab, node: &str, expected: &str) {
    lab.node(node).start_daemons().unwrap();
    let is_so = || match node {
        "d1" => role(lab) == expected,
        "u1" => {
            let answer = lab.node("u1").vtysh_json("show ip ospf interface").unwrap_or_default();
            answer["interfaces"]["lan"]["state"] == expected
        }
        _ => {
            let word = if expected == "Backup" { "State: Backup" } else { "State: DR" };
            lab.node(node).birdc("show ospf interface").is_ok_and(|said| said.contains(word))
        }
    };
    until(SOON, &format!("{node} is {expected}"), is_so).unwrap();
}

fn all_full(lab: &Lab) -> bool {
    let ours = lab.node("d1");
    ours.is_full_with(FRR)
        && ours.is_full_with(BIRD)
        && lab.node("u1").is_full_with(OURS)
        && lab.node("u2").is_full_with(OURS)
}

fn vip_is_routed(lab: &Lab) -> bool {
    ["u1", "u2"].iter().all(|node| lab.node(node).routes_to(VIP).unwrap())
}

fn settle(lab: &Lab) {
    until(SOON, "Full with FRR and BIRD, as all three see it", || all_full(lab)).unwrap();
    until(SOON, "FRR's kernel and BIRD have the VIP", || vip_is_routed(lab)).unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn as_designated_router_we_are_full_with_both_and_the_vip_is_routed() {
    let lab = quiet("dr", &lan());
    start_as(&lab, "d1", "DR");
    start_as(&lab, "u1", "Backup");
    lab.node("u2").start_daemons().unwrap();
    settle(&lab);
    assert_eq!(role(&lab), "DR");
    let database = lab.node("u1").vtysh("show ip ospf database network").unwrap();
    assert!(database.contains("Advertising Router: 10.0.0.11"), "{database}");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn as_backup_we_are_full_with_both_and_take_over_when_the_designated_router_dies() {
    let lab = quiet("backup", &lan());
    start_as(&lab, "u1", "DR");
    start_as(&lab, "d1", "Backup");
    lab.node("u2").start_daemons().unwrap();
    settle(&lab);
    assert_eq!(role(&lab), "Backup");
    lab.node("u1").kill_daemons();
    until(SOON, "we are the Designated Router", || role(&lab) == "DR").unwrap();
    let bird = lab.node("u2");
    until(SOON, "BIRD is Full with us and has the VIP", || {
        bird.is_full_with(OURS) && bird.routes_to(VIP).unwrap() && !lab.node("d1").is_full_with(FRR)
    })
    .unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn as_neither_we_are_full_with_both_and_the_vip_is_routed() {
    let lab = quiet("drother", &lan());
    start_as(&lab, "u1", "DR");
    start_as(&lab, "u2", "Backup");
    start_as(&lab, "d1", "DROther");
    settle(&lab);
    assert_eq!(role(&lab), "DROther");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn with_priority_zero_we_are_never_elected() {
    let lab = quiet("priority-zero", &lan().with("priority_d1", "0"));
    start_as(&lab, "d1", "DROther");
    start_as(&lab, "u1", "DR");
    assert_eq!(role(&lab), "DROther");
    start_as(&lab, "u2", "Backup");
    settle(&lab);
    assert_eq!(role(&lab), "DROther");
    // Even when nobody else is left.
    lab.node("u1").kill_daemons();
    lab.node("u2").kill_daemons();
    until(SOON, "both are declared dead", || lab.node("d1").ospf_neighbors().is_empty()).unwrap();
    assert_eq!(role(&lab), "DROther");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_leaving_designated_router_takes_its_lsas_along() {
    let lab = quiet("dr-leaves", &lan());
    start_as(&lab, "d1", "DR");
    start_as(&lab, "u1", "Backup");
    lab.node("u2").start_daemons().unwrap();
    settle(&lab);
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGTERM).unwrap();
    assert!(ours.wait("ospfd", Duration::from_secs(30)).unwrap().success());
    until(SOON, "FRR is the Designated Router and has no LSA of ours", || {
        let frr = lab.node("u1");
        let leads = frr.vtysh_json("show ip ospf interface").unwrap()["interfaces"]["lan"]["state"] == "DR";
        leads && !frr.holds_lsa_of(OURS).unwrap()
    })
    .unwrap();
    assert!(lab.node("u1").routes_to(VIP).is_ok_and(|routed| !routed));
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn tshark_finds_nothing_wrong_in_what_we_send() {
    let lab = quiet("tshark", &lan());
    let watcher = lab.node("u1");
    let capture = lab.logs().join("lan.pcap");
    let capture = capture.to_string_lossy();
    let mut tcpdump = watcher
        .spawn(
            "tcpdump",
            &["tcpdump", "-i", "lan", "-U", "-n", "-Z", "root", "-w", &capture, "ip", "proto", "89"],
        )
        .unwrap();
    let log = tcpdump.log().to_path_buf();
    until(SOON, "tcpdump listens", || std::fs::read_to_string(&log).unwrap().contains("listening on"))
        .unwrap();
    start_as(&lab, "d1", "DR");
    start_as(&lab, "u1", "Backup");
    lab.node("u2").start_daemons().unwrap();
    settle(&lab);
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGTERM).unwrap();
    ours.wait("ospfd", Duration::from_secs(30)).unwrap();
    tcpdump.kill(Signal::SIGINT).unwrap();
    tcpdump.wait(SOON).unwrap();
    let dissect = |filter: &str| {
        let fields = ["-T", "fields", "-e", "frame.number", "-e", "ospf.msg", "-e", "_ws.expert.message"];
        let filter = format!("ip.src == 10.1.0.11 && ({filter})");
        let mut argv = vec!["tshark", "-n", "-r", &*capture, "-Y", &filter];
        argv.extend(fields);
        watcher.run(&argv).unwrap()
    };
    // Hello, Database Description, Link State Request, Update, Acknowledgment (RFC 2328 A.3.1).
    for kind in 1..=5 {
        assert!(!dissect(&format!("ospf.msg == {kind}")).is_empty(), "no packet of type {kind} was sent");
    }
    // The envelope of RFC 2328 A.1: one hop, and precedence over data (RFC 4222 §2 (1)).
    let strays = dissect("ip.ttl != 1 || ip.dsfield.dscp != 48 || ip.proto != 89");
    assert!(strays.is_empty(), "{strays}");
    // Expert information of severity "warning" or worse, which bad checksums are too.
    let complaints = dissect("_ws.malformed || _ws.expert.severity >= 0x00600000");
    assert!(complaints.is_empty(), "{complaints}");
}
