//! `ospfd` with FRR and BIRD under keyed digests: every algorithm, keys that change, and restarts.
//!
//! FRR 8.4 knows keyed MD5 only.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use integration::clock::{now, pause, until};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use nix::sys::signal::Signal;

/// Router IDs of the topology.
const OURS: &str = "10.0.0.11";
const FRR: &str = "10.0.0.1";
/// The links to BIRD.
const BIRD_LINKS: [&str; 6] = ["md5", "sha1", "sha256", "sha384", "sha512", "turn"];

/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);
/// Well above the dead interval of 4 s: who does not understand the other has lost it by then.
const LONG: Duration = Duration::from_secs(7);

fn lab(label: &str, dead: &str) -> Lab {
    let topology = Topology::named("auth").unwrap().with("dead", dead);
    let lab = Lab::start(&topology, &Options::labelled(label)).unwrap();
    until_full(&lab);
    lab
}

fn until_full(lab: &Lab) {
    until(SOON, "Full on every link, as all three see it", || all_full(lab)).unwrap();
}

fn all_full(lab: &Lab) -> bool {
    let ours = full_links(lab);
    let birds = lab.node("u2").birdc("show ospf neighbors").unwrap_or_default();
    ours.len() == 1 + BIRD_LINKS.len()
        && BIRD_LINKS.iter().all(|link| {
            ours.iter().any(|(name, _)| name == link)
                && birds.lines().any(|line| line.contains("Full/") && line.contains(&format!("\t{link}")))
        })
        && lab.node("d1").is_full_with(FRR)
        && lab.node("u1").is_full_with(OURS)
}

/// Our links with a neighbour in state Full, and for how long it has been.
fn full_links(lab: &Lab) -> Vec<(String, Duration)> {
    let Ok(answer) = lab.node("d1").ospfctl_json(&["show", "neighbor"]) else { return Vec::new() };
    let rows = answer.as_array().unwrap();
    let full = rows.iter().filter(|row| row["nbrState"] == "Full");
    full.map(|row| {
        let since = Duration::from_millis(row["stateForMsec"].as_u64().unwrap());
        (row["ifaceName"].as_str().unwrap().to_owned(), since)
    })
    .collect()
}

/// Watches for a while that nothing is lost.
fn stays_full(lab: &Lab, step: &str) {
    let started = now();
    while started.elapsed() < LONG {
        assert!(all_full(lab), "{step}: not Full after {:?}", started.elapsed());
        pause(Duration::from_millis(500));
    }
}

/// No neighbour has been anything but Full since `started`.
fn assert_full_since(lab: &Lab, started: Instant) {
    let watched = started.elapsed();
    for (link, span) in full_links(lab) {
        assert!(span >= watched, "{link} has been Full for {span:?} only, of {watched:?}");
    }
    let log = fs::read_to_string(lab.node("u2").log_path("bird")).unwrap();
    assert!(!log.contains("from Full to"), "BIRD has lost us: {log}");
}

/// Gives our daemon other keys for a link.
fn set_our_keys(lab: &Lab, chain: &str, keys: &str) {
    let node = lab.node("d1");
    let before = fs::read_to_string(node.dir().join("ospfd.toml")).unwrap();
    let mark = format!("[key_chain.{chain}.");
    let others = before.split("\n[").enumerate().map(|(index, block)| match index {
        0 => format!("{block}\n"),
        _ => format!("[{block}\n"),
    });
    let kept: String = others.filter(|block| !block.starts_with(&mark)).collect();
    node.write_file("ospfd.toml", &format!("{kept}\n{keys}")).unwrap();
    let reloads = || log(lab).matches("configuration reloaded").count();
    let reloaded = reloads();
    node.signal("ospfd", Signal::SIGHUP).unwrap();
    until(SOON, "our configuration is reloaded", || reloads() > reloaded).unwrap();
}

fn log(lab: &Lab) -> String {
    fs::read_to_string(lab.node("d1").log_path("ospfd")).unwrap()
}

/// Gives BIRD other passwords for the link `turn`.
fn set_bird_passwords(lab: &Lab, old: &str, new: &str) {
    let node = lab.node("u2");
    let before = fs::read_to_string(node.dir().join("bird.conf")).unwrap();
    assert!(before.contains(old));
    node.write_file("bird.conf", &before.replace(old, new)).unwrap();
    let said = node.birdc("configure").unwrap();
    assert!(said.contains("Reconfigured") || said.contains("in progress"), "{said}");
}

fn our_key(chain: &str, id: u8, algorithm: &str, more: &str) -> String {
    let secret = if id == 1 { "old" } else { "new" };
    format!("[key_chain.{chain}.key.{id}]\nalgorithm = \"{algorithm}\"\nsecret = \"{secret}\"\n{more}\n")
}

const BIRD_OLD: &str = "password \"old\" { id 1; algorithm hmac sha256; };";
const BIRD_NEW: &str = "password \"new\" { id 2; algorithm hmac sha512; };";
/// Our log, once we send with the new key.
const NEW_KEY: &str = "interface=\"turn\" key_id=2";
/// Over long ago.
const RETIRED: &str = "send = { to = \"2026-01-01T00:00:00Z\" }";

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn frr_and_bird_become_full_under_every_algorithm_that_they_know() {
    let lab = lab("auth", "4");
    let counters = lab.node("d1").ospfctl_json(&["show", "counters"]).unwrap();
    let text = counters.to_string();
    for reason in ["bad-digest", "unknown-key-id", "auth-type-mismatch", "sequence-replay", "no-send-key"] {
        assert!(!text.contains(reason), "{text}");
    }
    stays_full(&lab, "nothing changes");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn keys_roll_over_by_reloads_without_losing_bird_or_frr() {
    let lab = lab("auth-rollover", "4");
    let started = now();
    let both = |chain, algorithm, retired| {
        our_key(chain, 1, "hmac-sha-256", retired) + &our_key(chain, 2, algorithm, "")
    };
    // Known to both sides, used by none.
    set_our_keys(&lab, "turn", &both("turn", "hmac-sha-512", ""));
    set_bird_passwords(&lab, BIRD_OLD, &format!("{BIRD_OLD} {BIRD_NEW}"));
    stays_full(&lab, "the new key is known");
    // Used: by us first, then by BIRD, which sends with the first of its list.
    set_our_keys(&lab, "turn", &both("turn", "hmac-sha-512", RETIRED));
    stays_full(&lab, "we send with the new key");
    assert!(log(&lab).contains(NEW_KEY), "{}", log(&lab));
    set_bird_passwords(&lab, &format!("{BIRD_OLD} {BIRD_NEW}"), &format!("{BIRD_NEW} {BIRD_OLD}"));
    stays_full(&lab, "BIRD sends with the new key");
    // Alone.
    set_our_keys(&lab, "turn", &our_key("turn", 2, "hmac-sha-512", ""));
    set_bird_passwords(&lab, &format!("{BIRD_NEW} {BIRD_OLD}"), BIRD_NEW);

    // FRR sends with the key that it was given last and accepts no other: ours follows within the dead interval.
    let frr = lab.node("u1");
    set_our_keys(&lab, "frr", &(our_key("frr", 1, "md5", "") + &our_key("frr", 2, "md5", "")));
    frr.vtysh_configure(&["interface frr", "ip ospf message-digest-key 2 md5 new"]).unwrap();
    set_our_keys(&lab, "frr", &(our_key("frr", 1, "md5", RETIRED) + &our_key("frr", 2, "md5", "")));
    stays_full(&lab, "FRR and we send with the new key");
    frr.vtysh_configure(&["interface frr", "no ip ospf message-digest-key 1"]).unwrap();
    set_our_keys(&lab, "frr", &our_key("frr", 2, "md5", ""));
    stays_full(&lab, "the old keys are gone");
    assert_full_since(&lab, started);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
#[expect(clippy::disallowed_methods, reason = "lifetimes of keys are wall-clock times")]
fn a_key_rolls_over_at_its_time_without_losing_bird() {
    let lab = lab("auth-lifetimes", "4");
    let started = now();
    set_bird_passwords(&lab, BIRD_OLD, &format!("{BIRD_OLD} {BIRD_NEW}"));
    let at = |seconds| {
        humantime::format_rfc3339_seconds(SystemTime::now() + Duration::from_secs(seconds)).to_string()
    };
    let turn = at(10);
    let old = our_key("turn", 1, "hmac-sha-256", &format!("send = {{ to = \"{turn}\" }}"));
    let new = our_key("turn", 2, "hmac-sha-512", &format!("send = {{ from = \"{turn}\" }}"));
    set_our_keys(&lab, "turn", &(old + &new));
    assert!(!log(&lab).contains(NEW_KEY));
    until(SOON, "we send with the new key", || log(&lab).contains(NEW_KEY)).unwrap();
    set_bird_passwords(&lab, &format!("{BIRD_OLD} {BIRD_NEW}"), BIRD_NEW);
    stays_full(&lab, "BIRD knows the new key only");
    assert_full_since(&lab, started);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn after_a_crash_our_numbers_go_on_and_the_neighbours_hear_us_at_once() {
    // They would forget our numbers, and hear us whatever they are, after two minutes.
    let lab = lab("auth-restart", "120");
    for _ in 0..3 {
        let node = lab.node("d1");
        node.signal("ospfd", Signal::SIGKILL).unwrap();
        node.wait("ospfd", SOON).unwrap();
        node.start_ours("ospfd").unwrap();
        until_full(&lab);
    }
    let stored = fs::read_to_string(lab.node("d1").dir().join("ospfd-sequence")).unwrap();
    assert!(stored.trim().parse::<u32>().is_ok(), "{stored}");
}
