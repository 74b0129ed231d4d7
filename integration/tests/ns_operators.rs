//! What `ospfctl` and the metrics say of a running network, held against what FRR does in it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::paths;
use nix::sys::signal::Signal;

const VIP: &str = "10.9.0.1/32";
const UPSTREAM: &str = "10.0.0.1";
/// Hello 1 s, dead 4 s, and machines with other things to do.
const SOON: Duration = Duration::from_secs(60);

fn lab(label: &str, metric_d2: &str, upstream_uses: usize) -> Lab {
    let topology = Topology::named("operators").unwrap().with("metric_d2", metric_d2);
    let lab = Lab::start(&topology, &Options::labelled(label)).unwrap();
    until(SOON, &format!("FRR's kernel spreads the VIP over {upstream_uses} directors"), || {
        lab.node("u1").next_hops(VIP).is_ok_and(|hops| hops.len() == upstream_uses)
    })
    .unwrap();
    lab
}

/// The reasons for the two directors as `d1` says that FRR sees them.
fn reasons(lab: &Lab) -> Vec<String> {
    let shown = lab.node("d1").ospfctl_json(&["show", "ecmp", VIP, "--from", UPSTREAM]).unwrap_or_default();
    let directors = shown["upstreams"][0]["directors"].as_array().cloned().unwrap_or_default();
    directors.iter().map(|director| director["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn show_ecmp_says_what_frr_s_kernel_does() {
    let equal = lab("equal", "10", 2);
    until(SOON, "both are equal", || reasons(&equal) == ["equal-cost", "equal-cost"]).unwrap();
    equal.node("d2").kill_daemons();
    until(SOON, "FRR uses the one that is left", || {
        equal.node("u1").next_hops(VIP).is_ok_and(|hops| hops.len() == 1)
    })
    .unwrap();
    until(SOON, "the dead one is out of reach", || reasons(&equal)[1] == "not-bidirectional").unwrap();
    drop(equal);

    let unequal = lab("unequal", "20", 1);
    until(SOON, "one is dearer", || reasons(&unequal) == ["cheapest", "unequal-metric"]).unwrap();
    let hops = unequal.node("u1").next_hops(VIP).unwrap();
    assert_eq!(hops, ["10.1.0.11".parse::<std::net::IpAddr>().unwrap()]);
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_cleared_neighbour_comes_back_and_log_and_metrics_tell_of_it() {
    let lab = lab("clear", "10", 2);
    let ours = lab.node("d1");
    until(SOON, "Full", || ours.is_full_with(UPSTREAM)).unwrap();
    ours.ospfctl(&["clear", "neighbor", UPSTREAM]).unwrap().ok().unwrap();
    until(SOON, "Full again, by FRR too", || {
        ours.is_full_with(UPSTREAM) && lab.node("u1").is_full_with("10.0.0.11")
    })
    .unwrap();
    let log = ours.ospfctl_json(&["show", "log"]).unwrap();
    let killed = log.as_array().unwrap().iter().any(|entry| {
        let fields = &entry["fields"];
        (fields["neighbor"].as_str(), fields["cause"].as_str()) == (Some(UPSTREAM), Some("KillNbr"))
    });
    assert!(killed, "{log}");
    let spf = ours.ospfctl_json(&["show", "spf"]).unwrap();
    assert!(spf["lastDurationUsec"].as_u64().unwrap() > 0, "{spf}");

    let scraped = ours
        .in_namespace(|| -> std::io::Result<String> {
            let mut stream = TcpStream::connect("127.0.0.1:9617")?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        })
        .join()
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(scraped.contains("\nospfd_neighbors{state=\"Full\"} 1.0\n"), "{scraped}");
    assert!(scraped.contains("\nospfd_lsas{type=\"router\"} 3.0\n"), "{scraped}");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_recording_beside_frr_replays_to_the_same_outcome() {
    let lab = lab("record", "10", 2);
    let ours = lab.node("d1");
    ours.signal("ospfd", Signal::SIGTERM).unwrap();
    ours.wait("ospfd", SOON).unwrap();
    let file = ours.dir().join("ospfd.record");
    let (program, config) = (paths::binary("ospfd").unwrap(), ours.dir().join("ospfd.toml"));
    let (program, config) = (program.to_string_lossy(), config.to_string_lossy());
    let file = file.to_string_lossy();
    ours.start_daemon("ospfd", &[&program, "--config", &config, "--record", &file]).unwrap();
    until(SOON, "Full, while it is recorded", || ours.is_full_with(UPSTREAM)).unwrap();
    until(SOON, "the VIP has both again", || lab.node("u1").next_hops(VIP).is_ok_and(|hops| hops.len() == 2))
        .unwrap();
    ours.signal("ospfd", Signal::SIGTERM).unwrap();
    ours.wait("ospfd", SOON).unwrap();

    let replayed = ours.ospfctl(&["replay", &file]).unwrap().ok().unwrap();
    assert!(replayed.ends_with("the same came out when it was recorded\n"), "{replayed}");
    assert!(replayed.contains("to: \"Full\""), "{replayed}");
}
