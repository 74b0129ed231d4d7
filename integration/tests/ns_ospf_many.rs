//! Many interfaces, and MTUs that differ: `ospfd` beside FRR.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use integration::clock::{pause, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::Node;
use nix::sys::signal::Signal;

/// More than one socket may hold groups of (P5).
const LINKS: usize = 30;
const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const VIP: &str = "10.9.0.1/32";

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(90);

/// One director and one FRR router with `LINKS` point-to-point links between them.
fn many() -> Topology {
    let (mut ours, mut frr, mut links) = (String::new(), String::new(), String::new());
    for link in 0..LINKS {
        write!(
            ours,
            "[interface.e{link}]\ntype = \"point-to-point\"\nhello_interval = \"1s\"\ndead_interval = \"8s\"\n"
        )
        .unwrap();
        write!(
            frr,
            "interface e{link}\n ip ospf network point-to-point\n ip ospf hello-interval 1\n \
             ip ospf dead-interval 8\n"
        )
        .unwrap();
        write!(
            links,
            "[link.l{link}]\nends = [\n{{ node = \"d1\", interface = \"e{link}\", addresses = [\"10.1.{link}.2/30\"] }},\n\
             {{ node = \"u1\", interface = \"e{link}\", addresses = [\"10.1.{link}.1/30\"] }},\n]\n"
        )
        .unwrap();
    }
    // FRR holds the groups of all interfaces with one socket; we have the kernel's default.
    let text = format!(
        "about = 'many links'\n[node.d1]\nkind = 'ours'\nospfd = '''\nrouter_id = \"{OURS}\"\n[control]\n\
         socket = \"{{dir}}/ospfd.sock\"\n{ours}[advertise.\"{VIP}\"]\nmetric = 10\n'''\n[node.u1]\nkind = 'frr'\n\
         sysctl = {{ \"net.ipv4.igmp_max_memberships\" = \"100\" }}\nconfig = '''\n{frr}router ospf\n \
         ospf router-id {FRR}\n network 10.1.0.0/16 area 0\n'''\n{links}"
    );
    Topology::parse("many", &text).unwrap()
}

/// Adjacencies in state Full, as we see it.
fn full(ours: &Node) -> usize {
    let neighbors = ours.ospfctl_json(&["show", "neighbor"]).unwrap_or_default();
    neighbors.as_array().map_or(0, |all| all.iter().filter(|entry| entry["nbrState"] == "Full").count())
}

fn until_all_full(lab: &Lab) {
    until(SOON, "all links are Full", || full(lab.node("d1")) == LINKS).unwrap();
    until(SOON, "FRR has the VIP over all links", || {
        lab.node("u1").next_hops(VIP).is_ok_and(|hops| hops.len() == LINKS)
    })
    .unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn p5_thirty_interfaces_are_full_and_again_after_a_restart_of_either_side() {
    let lab = Lab::start(&many(), &Options::labelled("thirty")).unwrap();
    let (ours, frr) = (lab.node("d1"), lab.node("u1"));
    until_all_full(&lab);
    ours.signal("ospfd", Signal::SIGKILL).unwrap();
    ours.wait("ospfd", SOON).unwrap();
    ours.start_ours("ospfd").unwrap();
    until_all_full(&lab);
    frr.kill_daemons();
    until(SOON, "FRR is declared dead on all links", || full(ours) == 0).unwrap();
    frr.start_daemons().unwrap();
    until_all_full(&lab);
}

fn state(lab: &Lab, at: &str, of: &str) -> String {
    let neighbors = lab.node(at).ospf_neighbors();
    neighbors.get(&of.parse().unwrap()).map(|neighbor| neighbor.state.clone()).unwrap_or_default()
}

fn is_full(lab: &Lab) -> bool {
    lab.node("d1").is_full_with(FRR) && lab.node("u1").is_full_with(OURS)
}

/// Point-to-point with FRR, where the MTU of one side is smaller; nobody has started yet.
fn with_smaller_mtu_at(node: &str, interface: &str) -> Lab {
    let label = format!("mtu-{node}");
    let options = Options::labelled(&label).hold("d1").hold("u1").hold("u2");
    let lab = Lab::start(&Topology::named("p2p").unwrap(), &options).unwrap();
    lab.node(node).run(&["ip", "link", "set", interface, "mtu", "1400"]).unwrap();
    lab.node("u1").start_daemons().unwrap();
    lab.node("d1").start_daemons().unwrap();
    lab
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_neighbour_with_a_larger_mtu_stays_in_exstart_until_we_ignore_it() {
    let lab = with_smaller_mtu_at("d1", "u1");
    let ours = lab.node("d1");
    until(SOON, "ExStart on our side", || state(&lab, "d1", FRR) == "ExStart").unwrap();
    pause(Duration::from_secs(8));
    assert_eq!(state(&lab, "d1", FRR), "ExStart");
    let counters = ours.ospfctl_json(&["show", "counters"]).unwrap();
    assert!(counters.as_array().unwrap().iter().any(|c| c["name"] == "drop-mtu-mismatch"), "{counters}");

    let before = fs::read_to_string(ours.dir().join("ospfd.toml")).unwrap();
    let ignoring = before.replace("[interface.u1]\n", "[interface.u1]\nmtu_ignore = true\n");
    ours.write_file("ospfd.toml", &ignoring).unwrap();
    ours.signal("ospfd", Signal::SIGHUP).unwrap();
    until(SOON, "Full", || is_full(&lab)).unwrap();
    until(SOON, "FRR has the VIP", || lab.node("u1").routes_to(VIP).unwrap()).unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_neighbour_with_a_smaller_mtu_holds_us_in_exstart_until_it_ignores_it() {
    let lab = with_smaller_mtu_at("u1", "d1");
    until(SOON, "ExStart on FRR's side", || state(&lab, "u1", OURS) == "ExStart").unwrap();
    pause(Duration::from_secs(8));
    assert_eq!(state(&lab, "u1", OURS), "ExStart");
    assert!(!is_full(&lab));
    lab.node("u1").vtysh_configure(&["interface d1", "ip ospf mtu-ignore"]).unwrap();
    until(SOON, "Full", || is_full(&lab)).unwrap();
}
