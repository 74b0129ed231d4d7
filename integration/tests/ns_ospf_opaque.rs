//! Opaque LSAs (RFC 5250) of FRR, passed on by `ospfd` to those who understand them.

use std::time::Duration;

use integration::clock::{pause, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};

/// FRR's Router Information LSA (RFC 7770): opaque type 4.
const LINK_STATE_ID: &str = "4.0.0.0";
const ORIGINATOR: &str = "10.0.0.1";
const OURS: &str = "10.0.0.11";

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

fn all_full(lab: &Lab) -> bool {
    let ours = lab.node("d1");
    (1..=4).all(|number| {
        ours.is_full_with(&format!("10.0.0.{number}")) && lab.node(&format!("u{number}")).is_full_with(OURS)
    })
}

fn we_hold_it(lab: &Lab) -> bool {
    let database = lab.node("d1").ospfctl_json(&["show", "database"]).unwrap_or_default();
    database.as_array().is_some_and(|lsas| {
        lsas.iter().any(|lsa| lsa["linkStateId"] == LINK_STATE_ID && lsa["advertisedRouter"] == ORIGINATOR)
    })
}

fn frr_holds_it(lab: &Lab, node: &str) -> bool {
    let said = lab.node(node).vtysh("show ip ospf database opaque-area").unwrap_or_default();
    said.contains(LINK_STATE_ID) && said.contains(&format!("Advertising Router: {ORIGINATOR}"))
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn p2_opaque_lsas_of_frr_reach_those_who_understand_them_and_nobody_else() {
    let lab = Lab::start(&Topology::named("opaque").unwrap(), &Options::labelled("opaque")).unwrap();
    until(SOON, "Full with all four, as everybody sees it", || all_full(&lab)).unwrap();
    until(SOON, "we hold FRR's opaque LSA", || we_hold_it(&lab)).unwrap();
    until(SOON, "the FRR router behind us holds it", || frr_holds_it(&lab, "u2")).unwrap();
    until(SOON, "BIRD holds it", || {
        let said = lab.node("u4").birdc("show ospf lsadb").unwrap_or_default();
        said.lines().any(|line| line.contains(LINK_STATE_ID) && line.contains(ORIGINATOR))
    })
    .unwrap();

    // One that restarts: it is told of everything in the exchange, but of no opaque LSA.
    let plain = lab.node("u3");
    plain.kill_daemons();
    until(SOON, "it is declared dead", || !lab.node("d1").is_full_with("10.0.0.3")).unwrap();
    plain.start_daemons().unwrap();
    until(SOON, "Full again", || all_full(&lab)).unwrap();
    pause(Duration::from_secs(3));
    assert!(all_full(&lab), "an adjacency was lost again");
    assert!(!frr_holds_it(&lab, "u3"));
}
