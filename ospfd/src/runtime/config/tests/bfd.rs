//! `bfd` of interfaces, and `[scheduling]`.

use std::time::Duration;

use super::{Files, assert_errors};
use crate::bfd::AuthType;
use crate::runtime::bfd::Scheduling;

const BASE: &str = "router_id = \"10.0.0.1\"\n[interface.eth0]\n";

#[test]
fn bfd_has_the_defaults_that_the_guide_tells_and_is_off_without() {
    let off = Files::new(BASE).load().unwrap();
    assert_eq!((&off.core.interfaces["eth0"].bfd, off.scheduling), (&None, Scheduling::default()));
    let settings = Files::new(&format!("{BASE}bfd = {{}}\n")).load().unwrap();
    let bfd = settings.core.interfaces["eth0"].bfd.clone().unwrap();
    let usual = Duration::from_millis(300);
    assert_eq!((bfd.min_tx, bfd.min_rx, bfd.multiplier), (usual, usual, 3));
    assert!(!bfd.passive && !bfd.strict && bfd.auth.is_none());
}

#[test]
fn every_setting_reaches_the_engine_and_the_normal_form_which_hides_the_secret() {
    let text = format!(
        "{BASE}bfd = {{ min_tx = \"10ms\", min_rx = \"20ms\", multiplier = 5, passive = true, strict = true, \
         auth = {{ type = \"meticulous-sha-1\", key_id = 9, secret = \"xyzzy\" }} }}\n\
         [scheduling]\nrealtime = 50\nlock_memory = true\n"
    );
    let settings = Files::new(&text).load().unwrap();
    let bfd = settings.core.interfaces["eth0"].bfd.clone().unwrap();
    assert_eq!((bfd.min_tx, bfd.min_rx), (Duration::from_millis(10), Duration::from_millis(20)));
    assert_eq!((bfd.multiplier, bfd.passive, bfd.strict), (5, true, true));
    assert_eq!(bfd.auth.unwrap().kind(), AuthType::MeticulousSha1);
    assert_eq!(settings.scheduling, Scheduling { realtime: Some(50), lock_memory: true });
    let normal = &settings.normal_form;
    assert!(!normal.contains("xyzzy") && normal.contains("meticulous-sha-1"), "{normal}");
    assert!(normal.contains("min_tx = \"10ms\"") && normal.contains("realtime = 50"), "{normal}");
}

#[test]
fn what_is_wrong_with_bfd_is_told_with_its_place() {
    for (written, phrases) in [
        ("bfd = { min_tx = \"1ms\" }", ["ospfd.toml:3:", "min_tx is 1ms, out of 5ms to 60s"]),
        ("bfd = { multiplier = 0 }", ["ospfd.toml:3:", "multiplier is 0, out of 1 to 255"]),
        ("bfd = { echo = true }", ["ospfd.toml:3:", "the Echo function of BFD is not supported"]),
        ("bfd = { speed = 1 }", ["ospfd.toml:3:", "speed"]),
        ("passive = true\nbfd = {}", ["ospfd.toml:4:", "no neighbours to watch"]),
        ("bfd = { auth = { secret = \"x\" } }", ["ospfd.toml:3:", "auth of bfd has no type"]),
        ("bfd = { auth = { type = \"keyed-md5\" } }", ["ospfd.toml:3:", "auth of bfd has no secret"]),
        (
            "bfd = { auth = { type = \"simple\", secret = \"seventeen letters\" } }",
            ["ospfd.toml:3:", "has 1 to 16 bytes, this one 17"],
        ),
        ("[scheduling]\nrealtime = 100", ["ospfd.toml:4:", "realtime is 100, out of 1 to 99"]),
    ] {
        assert_errors(&format!("{BASE}{written}\n"), &phrases);
    }
}
