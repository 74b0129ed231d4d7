//! `ospfd` between FRR and BIRD over point-to-point links: adjacency, VIPs, leases, the end.

use std::fs;
use std::time::Duration;

use integration::clock::{now, pause, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::{Node, Process};
use nix::sys::signal::Signal;

/// Router IDs of the topology.
const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const BIRD: &str = "10.0.0.2";
/// The VIP that the configuration advertises.
const STATIC_VIP: &str = "10.9.0.1/32";
/// The VIP that tests hold a lease for.
const LEASED_VIP: &str = "10.9.0.2/32";

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

fn p2p(label: &str) -> Lab {
    p2p_with(label, "1", "4")
}

fn p2p_with(label: &str, hello: &str, dead: &str) -> Lab {
    let topology = Topology::named("p2p").unwrap().with("hello", hello).with("dead", dead);
    let lab = Lab::start(&topology, &Options::labelled(label)).unwrap();
    until(SOON, "Full with FRR and BIRD, as all three see it", || all_full(&lab)).unwrap();
    lab
}

fn all_full(lab: &Lab) -> bool {
    let ours = lab.node("d1");
    ours.is_full_with(FRR)
        && ours.is_full_with(BIRD)
        && lab.node("u1").is_full_with(OURS)
        && lab.node("u2").is_full_with(OURS)
}

fn routed(lab: &Lab, prefix: &str) -> [bool; 2] {
    ["u1", "u2"].map(|node| lab.node(node).routes_to(prefix).unwrap())
}

fn until_routed(lab: &Lab, prefix: &str) {
    until(SOON, &format!("{prefix} is in FRR's kernel and in BIRD's table"), || {
        routed(lab, prefix) == [true; 2]
    })
    .unwrap();
}

fn until_withdrawn(lab: &Lab, prefix: &str) {
    until(SOON, &format!("{prefix} is in neither table"), || routed(lab, prefix) == [false; 2]).unwrap();
}

/// A client that holds the lease `test` on the leased VIP, until it is killed or stopped.
fn holder(node: &Node, ttl_ms: &str) -> Process {
    let ospfctl = integration::paths::binary("ospfctl").unwrap();
    let socket = node.control_socket("ospfd");
    let (ospfctl, socket) = (ospfctl.to_string_lossy(), socket.to_string_lossy());
    let argv = [
        &ospfctl,
        "--socket",
        &socket,
        "advertise",
        LEASED_VIP,
        "--metric",
        "20",
        "--hold",
        "--lease",
        "test",
        "--ttl",
        ttl_ms,
    ];
    node.spawn("holder", &argv).unwrap()
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn adjacencies_stay_full_for_five_minutes() {
    let lab = p2p("five-minutes");
    let changes = || {
        let ours = lab.node("d1").ospfctl_json(&["show", "neighbor"]).unwrap();
        let ours: Vec<u64> =
            ours.as_array().unwrap().iter().map(|entry| entry["stateChanges"].as_u64().unwrap()).collect();
        let frr = lab.node("u1").vtysh_json("show ip ospf neighbor detail").unwrap();
        (ours, frr["neighbors"][OURS][0]["stateChangeCounter"].as_u64().unwrap())
    };
    let before = changes();
    assert_eq!(before.0.len(), 2);
    let started = now();
    while started.elapsed() < Duration::from_secs(300) {
        assert!(all_full(&lab), "not Full after {:?}", started.elapsed());
        pause(Duration::from_secs(2));
    }
    assert_eq!(changes(), before, "states changed in between");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn vips_are_seen_in_frr_and_in_bird_and_withdrawn_from_both() {
    let lab = p2p("vips");
    until_routed(&lab, STATIC_VIP);
    assert_eq!(
        lab.node("u1").next_hops(STATIC_VIP).unwrap(),
        ["10.1.1.2".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(routed(&lab, LEASED_VIP), [false; 2]);
    let mut client = holder(lab.node("d1"), "3000");
    until_routed(&lab, LEASED_VIP);
    // The client gives the lease up: what it held goes, what is configured stays.
    client.kill(Signal::SIGTERM).unwrap();
    client.wait(SOON).unwrap();
    until_withdrawn(&lab, LEASED_VIP);
    assert_eq!(routed(&lab, STATIC_VIP), [true; 2]);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn the_metric_is_the_one_that_was_asked_for() {
    let lab = p2p("metric");
    until_routed(&lab, STATIC_VIP);
    // The link's cost at FRR is 10, the VIP's metric 10: intermediate costs of ours do not count.
    let route = lab.node("u1").vtysh_json("show ip route 10.9.0.1/32").unwrap();
    assert_eq!(route[STATIC_VIP][0]["metric"], 20, "{route}");
    let said = lab.node("u2").birdc("show route 10.9.0.1/32").unwrap();
    assert!(said.contains("(150/20)"), "{said}");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_lease_lapses_when_its_holder_freezes() {
    let lab = p2p("lapse");
    let client = holder(lab.node("d1"), "2000");
    until_routed(&lab, LEASED_VIP);
    client.kill(Signal::SIGSTOP).unwrap();
    let took = until(SOON, "the kernel of FRR's host has no route", || {
        lab.node("u1").next_hops(LEASED_VIP).unwrap().is_empty()
    });
    let took = took.unwrap();
    assert!(took < Duration::from_secs(20), "the time to live is 2 s, the withdrawal took {took:?}");
    until_withdrawn(&lab, LEASED_VIP);
    assert_eq!(routed(&lab, STATIC_VIP), [true; 2]);
    // Awake again, it finds its lease lapsed and takes it anew.
    client.kill(Signal::SIGCONT).unwrap();
    until_routed(&lab, LEASED_VIP);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_holder_that_returns_within_its_lease_causes_no_withdrawal() {
    let lab = p2p("return");
    let ours = lab.node("d1");
    let first = holder(ours, "20000");
    until_routed(&lab, LEASED_VIP);
    let upstream = lab.node("u1");
    let mut monitor = upstream.spawn("monitor", &["ip", "monitor", "route"]).unwrap();
    // A route that comes and goes, seen in the monitor's log, shows that it listens.
    let listens = || {
        for verb in ["add", "del"] {
            upstream.run(&["ip", "route", verb, "unreachable", "198.51.100.1"]).unwrap();
        }
        fs::read_to_string(monitor.log()).unwrap().contains("198.51.100.1")
    };
    until(SOON, "ip monitor listens", listens).unwrap();
    // Killed: it cannot give the lease up.
    drop(first);
    let mut second = holder(ours, "20000");
    // Longer than the first holder's time to live: without a renewal by the second, the route would be gone.
    let started = now();
    while started.elapsed() < Duration::from_secs(25) {
        assert!(second.is_running(), "the second holder ended");
        assert!(!upstream.next_hops(LEASED_VIP).unwrap().is_empty());
        pause(Duration::from_millis(500));
    }
    let seen = fs::read_to_string(monitor.log()).unwrap();
    assert!(monitor.is_running());
    assert!(!seen.contains("10.9.0.2"), "the route was touched:\n{seen}");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn sigterm_flushes_before_anybody_could_notice_by_silence() {
    let lab = p2p_with("sigterm", "2", "120");
    until_routed(&lab, STATIC_VIP);
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGTERM).unwrap();
    let status = ours.wait("ospfd", Duration::from_secs(30)).unwrap();
    assert!(status.success(), "{status}");
    until(Duration::from_secs(30), "the VIP is gone, long before the dead interval", || {
        routed(&lab, STATIC_VIP) == [false; 2]
    })
    .unwrap();
    // FRR keeps a flushed LSA for a minute, at MaxAge.
    until(Duration::from_secs(30), "FRR has no LSA of ours", || {
        !lab.node("u1").holds_lsa_of(OURS).unwrap() && !lab.node("u2").holds_lsa_of(OURS).unwrap()
    })
    .unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_neighbour_that_is_killed_and_returns_is_full_again() {
    let lab = p2p("neighbour-returns");
    let frr = lab.node("u1");
    frr.kill_daemons();
    until(SOON, "FRR is declared dead", || !lab.node("d1").is_full_with(FRR)).unwrap();
    frr.start_daemons().unwrap();
    until(SOON, "Full again", || all_full(&lab)).unwrap();
    until_routed(&lab, STATIC_VIP);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn ospfd_that_is_killed_and_returns_is_full_again() {
    let lab = p2p("ospfd-returns");
    until_routed(&lab, STATIC_VIP);
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGKILL).unwrap();
    assert!(!ours.wait("ospfd", SOON).unwrap().success());
    ours.start_ours("ospfd").unwrap();
    until(SOON, "Full again", || all_full(&lab)).unwrap();
    until_routed(&lab, STATIC_VIP);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_bad_reload_keeps_the_old_configuration_and_a_good_one_takes_effect() {
    let lab = p2p("reload");
    until_routed(&lab, STATIC_VIP);
    let ours = lab.node("d1");
    let path = ours.dir().join("ospfd.toml");
    let before = fs::read_to_string(&path).unwrap();
    ours.write_file("ospfd.toml", &format!("{before}\nmetrik = 5\n")).unwrap();
    ours.signal("ospfd", Signal::SIGHUP).unwrap();
    let line = before.lines().count() + 2;
    let place = format!("ospfd.toml:{line}");
    let said = || fs::read_to_string(ours.log_path("ospfd")).unwrap();
    until(SOON, "the log names file and line", || said().contains(&place)).unwrap();
    assert!(said().contains("metrik"));
    assert!(all_full(&lab));
    assert_eq!(routed(&lab, STATIC_VIP), [true; 2]);
    ours.write_file("ospfd.toml", &format!("{before}\n[advertise.\"10.9.0.3/32\"]\nmetric = 30\n")).unwrap();
    ours.signal("ospfd", Signal::SIGHUP).unwrap();
    until_routed(&lab, "10.9.0.3/32");
    assert!(all_full(&lab));
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_bad_configuration_ends_ospfd_with_file_and_line() {
    let topology = Topology::named("p2p").unwrap();
    let lab =
        Lab::start(&topology, &Options::labelled("bad-config").hold("d1").hold("u1").hold("u2")).unwrap();
    let ours = lab.node("d1");
    let ospfd = integration::paths::binary("ospfd").unwrap();
    let good = "router_id = \"10.0.0.11\"\n[interface.u1]\narea = \"0.0.0.0\"\ntype = \"point-to-point\"\n";
    let cases = [
        ("unknown key", format!("{good}prioritty = 1\n"), 5, "priority"),
        ("wrong type", format!("{good}priority = \"high\"\n"), 5, "priority"),
        ("bad prefix", format!("{good}[advertise.\"10.9.0.1/33\"]\nmetric = 1\n"), 5, "10.9.0.1/33"),
    ];
    for (what, text, line, mention) in &cases {
        let path = ours.write_file("bad.toml", text).unwrap();
        let output =
            ours.exec(&[&ospfd.to_string_lossy(), "--check", "--config", &path.to_string_lossy()]).unwrap();
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains(&format!("bad.toml:{line}")) && said.contains(mention), "{what}: {said}");
    }
    let output = ours.exec(&[&*ospfd.to_string_lossy(), "--config", "missing.toml"]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.contains("missing.toml"), "{}", output.stderr);
}
