//! Several areas among FRR and BIRD: ospfd at their border, and inside.

mod routed;

use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};

use routed::{routed, until_routed, until_without};

fn lab(name: &str, label: &str) -> Lab {
    Lab::start(&Topology::named(name).unwrap(), &Options::labelled(label)).unwrap()
}

fn frr_route(lab: &Lab, node: &str, prefix: &str) -> serde_json::Value {
    lab.node(node).vtysh_json("show ip ospf route").unwrap()[prefix].clone()
}

/// What an area shows of the others, with ours as its border router.
#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn areas_learn_of_each_other_through_ospfd() {
    let lab = lab("areas", "areas");
    // The backbone: a range in the place of two networks of area 1, what is not in it, the stub area, and BIRD's external.
    until_routed(&lab, "u1", &["10.21.0.0/16", "10.22.0.0/24", "10.8.0.3/32", "10.6.0.0/16"]);
    until_routed(&lab, "u1", &["10.9.0.1/32", "10.9.0.2/32"]);
    // Area 1: the backbone, the stub area, FRR's external, and ours.
    until_routed(&lab, "u2", &["10.8.0.1/32", "10.8.0.3/32", "10.7.0.1/32", "10.9.0.1/32", "10.9.0.2/32"]);
    // The totally stubby area: a default route, and what ospfd itself has.
    until_routed(&lab, "u3", &["default", "10.9.0.1/32"]);

    for prefix in ["10.21.1.0/24", "10.21.2.0/24"] {
        assert!(!routed(lab.node("u1"), prefix), "{prefix} is in a range");
    }
    for prefix in ["10.8.0.1/32", "10.22.0.0/24", "10.7.0.1/32", "10.9.0.2/32"] {
        assert!(!routed(lab.node("u3"), prefix), "{prefix} does not belong into a totally stubby area");
    }
    // What is in the range and nowhere in area 1 is dropped here, and does not go back to where it came from.
    let range = lab.node("d1").kernel_routes("10.21.0.0/16").unwrap();
    assert_eq!(range.first().map(|route| &route["type"]), Some(&"blackhole".into()), "{range:?}");

    let range = frr_route(&lab, "u1", "10.21.0.0/16");
    assert_eq!((&range["routeType"], &range["cost"]), (&"N IA".into(), &60.into()), "{range}");
    let default = frr_route(&lab, "u3", "0.0.0.0/0");
    assert_eq!((&default["routeType"], &default["cost"]), (&"N IA".into(), &15.into()), "{default}");
    let said = lab.node("u2").birdc("show route all 10.8.0.1/32").unwrap();
    assert!(said.contains(" IA "), "{said}");
    let said = lab.node("u1").vtysh("show ip ospf border-routers").unwrap();
    assert!(said.contains("10.0.0.11"), "{said}");

    // What goes in one area goes from the others.
    lab.node("u2")
        .run(&["birdc", "-s", &lab.node("u2").dir().join("bird.ctl").to_string_lossy(), "disable", "static1"])
        .unwrap();
    until_without(&lab, "u1", "10.6.0.0/16");
    lab.node("u3").vtysh_configure(&["interface lo", "no ip address 10.8.0.3/32"]).unwrap();
    until_without(&lab, "u1", "10.8.0.3/32");
    until_without(&lab, "u2", "10.8.0.3/32");
    until_routed(&lab, "u1", &["10.21.0.0/16"]);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn areas_with_frr_and_bird_as_border_routers() {
    let lab = lab("areas-inside", "areas-inside");
    // d1 in a normal area, its VIP external; d2 in a stub area, its VIP a stub link.
    until_routed(&lab, "u2", &["10.9.0.1/32", "10.9.0.2/32"]);
    until_routed(&lab, "u1", &["10.9.0.1/32", "10.9.0.2/32"]);
    until_routed(&lab, "d1", &["10.9.0.2/32", "10.1.3.0/30"]);
    until_routed(&lab, "d2", &["default", "10.1.3.0/30"]);
    assert!(!routed(lab.node("d2"), "10.9.0.1/32"), "an AS-external route in a stub area");
    let shown = lab.node("d2").ospfctl_json(&["show", "route"]).unwrap();
    let default = shown.as_array().unwrap().iter().find(|route| route["prefix"] == "0.0.0.0/0").unwrap();
    assert_eq!((&default["routeType"], &default["cost"]), (&"N IA".into(), &17.into()), "{default}");
    let shown = lab.node("d2").ospfctl_json(&["show", "database"]).unwrap();
    assert!(shown.as_array().unwrap().iter().all(|lsa| lsa["lsaType"] != "as-external"), "{shown}");
}
