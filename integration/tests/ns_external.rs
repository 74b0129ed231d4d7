//! VIPs as AS-external-LSAs, between FRR and BIRD.

use std::time::Duration;

use integration::clock::{now, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::{Node, Process};
use nix::sys::signal::Signal;

/// The VIP that tests hold a lease for.
const LEASED_VIP: &str = "10.9.7.2/32";
/// The configured ones: type 1, and two of type 2 that share a network address with it (RFC 2328 appendix E).
const STATIC: [&str; 3] = ["10.9.0.0/32", "10.9.0.0/24", "10.9.0.0/16"];
/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

fn lab(label: &str) -> Lab {
    let lab = Lab::start(&Topology::named("external").unwrap(), &Options::labelled(label)).unwrap();
    STATIC.iter().for_each(|prefix| until_routed(&lab, prefix, true));
    lab
}

fn until_routed(lab: &Lab, prefix: &str, there: bool) {
    until(SOON, &format!("{prefix} is in FRR's kernel and in BIRD's table: {there}"), || {
        ["u1", "u2"].iter().all(|node| lab.node(node).routes_to(prefix).unwrap() == there)
    })
    .unwrap();
}

fn holder(node: &Node) -> Process {
    let ospfctl = integration::paths::binary("ospfctl").unwrap();
    let socket = node.control_socket("ospfd");
    let (ospfctl, socket) = (ospfctl.to_string_lossy(), socket.to_string_lossy());
    let argv =
        [&ospfctl, "--socket", &socket, "advertise", LEASED_VIP, "--metric", "20", "--type", "external-2"];
    let argv = [&argv[..], &["--tag", "9", "--hold", "--ttl", "3000"]].concat();
    node.spawn("holder", &argv).unwrap()
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn external_prefixes_have_type_metric_and_tag_in_frr_and_bird() {
    let lab = lab("external");
    let bird = |prefix: &str| lab.node("u2").birdc(&format!("show route all {prefix}")).unwrap();
    let frr = |prefix: &str| {
        let said = lab.node("u1").vtysh_json("show ip ospf route").unwrap();
        said[prefix].clone()
    };
    let said = bird("10.9.0.0/32");
    assert!(said.contains(" E1 ") && said.contains("OSPF.tag: 0x0000004d"), "{said}");
    let said = bird("10.9.0.0/16");
    assert!(said.contains(" E2 ") && said.contains("OSPF.metric2: 9"), "{said}");
    let said = bird("10.9.0.0/24");
    assert!(said.contains(" E2 ") && said.contains("OSPF.metric2: 8"), "{said}");

    let told = frr("10.9.0.0/32");
    assert_eq!(
        (&told["routeType"], &told["cost"], &told["tag"]),
        (&"N E1".into(), &17.into(), &77.into()),
        "{told}"
    );
    let told = frr("10.9.0.0/16");
    assert_eq!((&told["routeType"], &told["type2cost"]), (&"N E2".into(), &9.into()), "{told}");
    let shown = lab.node("d1").ospfctl_json(&["show", "advertised"]).unwrap();
    assert!(shown.as_array().unwrap().iter().all(|row| row["originated"] == true), "{shown}");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_leased_external_vip_comes_and_goes_by_itself() {
    let lab = lab("external-lease");
    let mut client = holder(lab.node("d1"));
    until_routed(&lab, LEASED_VIP, true);
    let before = now();
    client.kill(Signal::SIGTERM).unwrap();
    until(SOON, "FRR's kernel has no route", || lab.node("u1").next_hops(LEASED_VIP).unwrap().is_empty())
        .unwrap();
    let took = before.elapsed();
    client.wait(SOON).unwrap();
    until_routed(&lab, LEASED_VIP, false);
    println!("withdrawn from FRR's kernel {took:?} after the holder was told to end");
    assert!(took < Duration::from_secs(20), "{took:?}");
    STATIC.iter().for_each(|prefix| until_routed(&lab, prefix, true));
    // A stop flushes what is left.
    lab.node("d1").signal("ospfd", Signal::SIGTERM).unwrap();
    assert!(lab.node("d1").wait("ospfd", SOON).unwrap().success());
    until(SOON, "nobody has an LSA of ours", || {
        ["u1", "u2"].iter().all(|node| !lab.node(node).holds_lsa_of("10.0.0.11").unwrap())
    })
    .unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn external_lsas_stand_again_after_a_crash() {
    let lab = lab("external-restart");
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGKILL).unwrap();
    ours.wait("ospfd", SOON).unwrap();
    ours.start_ours("ospfd").unwrap();
    until(SOON, "Full again", || {
        ours.is_full_with("10.0.0.1")
            && ours.is_full_with("10.0.0.2")
            && lab.node("u1").is_full_with("10.0.0.11")
    })
    .unwrap();
    STATIC.iter().for_each(|prefix| until_routed(&lab, prefix, true));
    let shown = ours.ospfctl_json(&["show", "database"]).unwrap();
    let is_own = |lsa: &&serde_json::Value| lsa["lsaType"] == "as-external" && lsa["selfOriginated"] == true;
    // The same LSA with the same number is the same instance: there may be nothing to outdo.
    let own: Vec<_> = shown.as_array().unwrap().iter().filter(is_own).collect();
    assert_eq!(own.len(), 3, "{own:?}");
    assert!(own.iter().all(|lsa| lsa["lsaAge"].as_u64().unwrap() < 3600), "{own:?}");
}
