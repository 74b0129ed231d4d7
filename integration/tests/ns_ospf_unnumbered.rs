//! Unnumbered point-to-point links with FRR and BIRD (RFC 2328 §12.4.1.1).

use std::net::IpAddr;
use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};

const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
const BIRD: &str = "10.0.0.2";
const VIP: &str = "10.9.0.1/32";

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn unnumbered_links_are_full_with_frr_and_bird_and_routes_lead_over_them() {
    let lab = Lab::start(&Topology::named("unnumbered").unwrap(), &Options::labelled("unnumbered")).unwrap();
    let ours = lab.node("d1");
    until(SOON, "Full with FRR, over a borrowed address", || {
        ours.is_full_with(FRR) && lab.node("u1").is_full_with(OURS)
    })
    .unwrap();
    until(SOON, "Full with BIRD, over a peer address", || {
        ours.is_full_with(BIRD) && lab.node("u2").is_full_with(OURS)
    })
    .unwrap();
    for node in ["u1", "u2"] {
        until(SOON, &format!("{node} has the VIP"), || lab.node(node).routes_to(VIP).unwrap()).unwrap();
    }
    // FRR's loopback is behind a next hop that is in no subnet of ours.
    let gateway: IpAddr = FRR.parse().unwrap();
    until(SOON, "the kernel routes FRR's loopback over the link", || {
        ours.next_hops("10.0.0.1/32").unwrap() == [gateway]
    })
    .unwrap();
}
