//! The programs as an operator meets them: arguments, diagnostics, exit status.
#![cfg(feature = "daemon")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use common::control::frame;
use common::control::ospf::ecmp::{EcmpDirectorView, EcmpReason, EcmpUpstreamView, EcmpView};
use common::control::ospf::status::{AreaView, LogView, SpfView};
use common::control::ospf::{
    AdvertisedView, Advertisement, CounterView, Encoding, LeaseView, NeighborView, Request, Response,
};
use common::control::{Refusal, RefusalCode};
use common::ids::{AreaId, RouterId};
use common::time::Instant;
use ospfd::core::Instance;
use ospfd::runtime::clock::Moment;
use ospfd::runtime::config;
use ospfd::runtime::record::{self, Entry, RecordedConfig, Recorder};

fn ospfd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ospfd")).args(arguments).output().unwrap()
}

fn ospfctl(socket: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ospfctl")).arg("--socket").arg(socket).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn written(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ospfd.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn check_prints_the_normal_form_of_a_good_configuration() {
    let (_folder, path) = written("router_id = \"10.0.0.1\"\n[interface.eth0]\ntype = \"point-to-point\"\n");
    let output = ospfd(&["--config", &path, "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(
        out(&output).contains("[interface.eth0]\narea = \"0.0.0.0\"\ntype = \"point-to-point\"\ncost = 10\n")
    );

    // The normal form is a configuration, and its own normal form.
    let (_folder, again) = written(&out(&output));
    assert_eq!(out(&ospfd(&["--config", &again, "--check"])), out(&output));
}

#[test]
fn check_tells_what_is_wrong_where_and_what_to_do() {
    let (_folder, path) = written("router_id = \"10.0.0.1\"\n[advertise.\"192.0.2.1/24\"]\nmetric = 1\n");
    let output = ospfd(&["--config", &path, "--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out(&output), "");
    let text = err(&output);
    assert!(text.contains(&format!("{path}:2:")), "{text}");
    assert!(text.contains("host bits set; write 192.0.2.0/24"), "{text}");
}

#[test]
fn the_daemon_does_not_start_with_a_bad_configuration() {
    let (_folder, path) = written("router_id = \"10.0.0.1\"\n[interface.eth0]\ncots = 1\n");
    let output = ospfd(&["--config", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("did you mean `cost`?"), "{}", err(&output));
}

#[test]
fn the_environment_overrides_the_file() {
    let (_folder, path) = written("router_id = \"10.0.0.1\"\n[interface.eth0]\ncost = 5\n");
    let output = Command::new(env!("CARGO_BIN_EXE_ospfd"))
        .args(["--config", &path, "--check"])
        .env("EVENKEEL_OSPFD__ROUTER_ID", "10.0.0.2")
        .env("EVENKEEL_OSPFD__TRANSIT", "true")
        .env("EVENKEEL_OSPFD__INTERFACE__ETH0__COST", "20")
        .output()
        .unwrap();
    assert!(out(&output).starts_with("router_id = \"10.0.0.2\"\ntransit = true\n"), "{}", out(&output));
    assert!(out(&output).contains("cost = 20\n"), "{}", out(&output));
}

#[test]
fn wrong_usage_is_status_two() {
    assert_eq!(ospfd(&["--no-such-option"]).status.code(), Some(2));
    let nowhere = Path::new("/nonexistent/ospfd.sock");
    assert_eq!(ospfctl(nowhere, &["show", "nothing"]).status.code(), Some(2));
    let too_much = ["advertise", "192.0.2.1/32", "--metric", "70000", "--hold"];
    assert_eq!(ospfctl(nowhere, &too_much).status.code(), Some(2));
}

#[test]
fn no_daemon_is_status_three_and_the_message_helps() {
    let output = ospfctl(Path::new("/nonexistent/ospfd.sock"), &["show", "neighbor"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("/nonexistent/ospfd.sock"), "{}", err(&output));
    assert!(err(&output).contains("Is it running"), "{}", err(&output));
}

/// A stand-in for the daemon, with fixed answers: what is tested is the tool.
fn answer(request: Request) -> Response {
    let advertisement = Advertisement {
        prefix: "192.0.2.1/32".parse().unwrap(),
        metric: 10,
        encoding: Encoding::Stub,
        tag: 0,
    };
    match request {
        Request::ShowNeighbors => Response::Neighbors(vec![NeighborView {
            neighbor_router_id: RouterId(0x0a00_0002),
            address: "10.1.0.2".parse().unwrap(),
            iface_name: "eth0".into(),
            nbr_state: "Full".into(),
            role: "-".into(),
            nbr_priority: 1,
            router_dead_interval_timer_due_msec: 3_250,
            state_for_msec: 61_000,
            state_changes: 6,
            link_state_request_list_counter: 0,
            link_state_retransmission_list_counter: 2,
            restarting: None,
        }]),
        Request::ShowAdvertised => Response::Advertised(vec![AdvertisedView {
            advertisement,
            owner: "director".into(),
            originated: true,
        }]),
        Request::ShowCounters => Response::Counters(vec![CounterView { name: "rx-hello".into(), value: 42 }]),
        Request::ShowDatabase => Response::Database(Vec::new()),
        Request::LeaseOpen { name, ttl_ms } => Response::Lease(LeaseView {
            name,
            generation: 4,
            ttl_ms,
            remaining_ms: ttl_ms,
            advertisements: Vec::new(),
            full_neighbors: 1,
        }),
        other => answer_status(other),
    }
}

fn answer_status(request: Request) -> Response {
    match request {
        Request::ShowAreas => Response::Areas(vec![AreaView {
            area_id: AreaId(0),
            area_type: "nssa".into(),
            nssa_translator: Some("elected".into()),
            area_if_total_counter: 2,
            area_if_active_counter: 1,
            nbr_full_adjacent_counter: 1,
            lsa_number: 5,
            lsa_router_number: 3,
            lsa_network_number: 2,
            lsa_summary_number: 0,
            lsa_asbr_number: 0,
            lsa_nssa_number: 0,
            lsa_opaque_link_number: 0,
            lsa_opaque_area_number: 0,
            database_digest: "00000000deadbeef".into(),
        }]),
        Request::ShowSpf => Response::Spf(SpfView {
            full_runs: 3,
            external_runs: 1,
            last_kind: Some("full".into()),
            spf_last_executed_msecs: Some(1_500),
            last_duration_usec: 42,
            longest_duration_usec: 1_042,
            total_duration_usec: 2_000,
            spf_timer_due_in_msecs: None,
            backoff_state: "quiet".into(),
            routes: 9,
        }),
        Request::ShowLog => Response::Log(vec![LogView {
            time: "2026-11-20T18:00:00.000001Z".into(),
            what: "neighbor".into(),
            fields: [("from", "Loading"), ("to", "Full")].map(|(k, v)| (k.into(), v.into())).into(),
        }]),
        Request::ClearNeighbor { neighbor: Some(_) } => Response::Cleared(vec![RouterId(0x0a00_0002)]),
        Request::ShowEcmp { prefix, from } => Response::Ecmp(EcmpView {
            prefix,
            upstreams: vec![EcmpUpstreamView {
                area: AreaId(0),
                router_id: from.unwrap_or(RouterId(0x0a00_0009)),
                nexthops: vec![RouterId(0x0a00_0002)],
                directors: vec![
                    EcmpDirectorView {
                        router_id: RouterId(0x0a00_0002),
                        used: true,
                        reason: EcmpReason::Cheapest,
                        route_type: Some("N".into()),
                        distance: Some(10),
                        metric: Some(5),
                    },
                    EcmpDirectorView {
                        router_id: RouterId(0x0a00_0003),
                        used: false,
                        reason: EcmpReason::NotBidirectional,
                        route_type: Some("N".into()),
                        distance: None,
                        metric: Some(5),
                    },
                ],
            }],
            left_out: 3,
        }),
        other => Response::Refused(Refusal {
            code: RefusalCode::Invalid,
            message: format!("not in this test: {other:?}"),
        }),
    }
}

struct Daemon {
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let path = folder.path().join("ospfd.sock");
        let listener = runtime.block_on(frame::bind(&path, 0o600)).unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = |request: Request| async move { answer(request) };
                tokio::spawn(frame::serve(stream, answer, Response::Refused));
            }
        });
        Self { folder, _runtime: runtime }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("ospfd.sock")
    }
}

#[test]
fn tables_have_one_row_per_object() {
    let daemon = Daemon::start();
    let output = ospfctl(&daemon.socket(), &["show", "neighbor"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[1], ["10.0.0.2", "1", "Full/-", "1m01s", "3.250s", "10.1.0.2", "eth0", "2", "0"]);

    let advertised = out(&ospfctl(&daemon.socket(), &["show", "advertised"]));
    let last: Vec<_> = advertised.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, ["192.0.2.1/32", "10", "director", "yes"]);
}

#[test]
fn a_vip_s_table_says_who_is_used_and_why_the_others_are_not() {
    let daemon = Daemon::start();
    let text = out(&ospfctl(&daemon.socket(), &["show", "ecmp", "192.0.2.1"]));
    let lines: Vec<_> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let head = "10.0.0.9 in area 0.0.0.0: 1 of 2 directors for 192.0.2.1/32, via 10.0.0.2";
    assert_eq!(lines[0], head, "{text}");
    assert_eq!(lines[2], "10.0.0.2 yes N 10+5 the cheapest: the others do not share");
    assert_eq!(lines[3], "10.0.0.3 no N ?+5 its links are told of from one side only");
    assert_eq!(lines[5], "3 more upstream routers; ask for one with --from ROUTER_ID");

    let from = ["show", "ecmp", "192.0.2.1", "--from", "10.0.0.7", "--json"];
    let json: serde_json::Value = serde_json::from_slice(&ospfctl(&daemon.socket(), &from).stdout).unwrap();
    assert_eq!(json["upstreams"][0]["routerId"], "10.0.0.7");
    assert_eq!(json["upstreams"][0]["directors"][1]["reason"], "not-bidirectional");
    assert_eq!(json["leftOut"], 3);
}

#[test]
fn areas_calculations_and_the_log_have_tables_and_the_neighbours_field_names() {
    let daemon = Daemon::start();
    let words = |arguments: &[&str]| -> Vec<String> {
        let text = out(&ospfctl(&daemon.socket(), arguments));
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(words(&["show", "area"])[1], "0.0.0.0 nssa 1 2 1 5 3 2 0 0 0 0 elected 00000000deadbeef");
    let spf = words(&["show", "spf"]);
    assert_eq!(spf[2], "Last full, 1.500s ago, took 0.042ms");
    assert_eq!(spf[5], "Next -");
    assert_eq!(words(&["show", "log"])[1], "2026-11-20T18:00:00.000001Z neighbor from=Loading to=Full");
    assert_eq!(words(&["clear", "neighbor", "10.1.0.2"]), ["cleared 10.0.0.2"]);
    assert_eq!(ospfctl(&daemon.socket(), &["clear", "neighbor"]).status.code(), Some(1));

    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&ospfctl(&daemon.socket(), arguments).stdout).unwrap()
    };
    assert_eq!(json(&["show", "area", "--json"])[0]["lsaRouterNumber"], 3);
    assert_eq!(json(&["show", "spf", "--json"])["spfLastExecutedMsecs"], 1_500);
    assert_eq!(json(&["show", "log", "--json"])[0]["fields"]["to"], "Full");
    assert_eq!(json(&["show", "database", "detail", "--json"]), serde_json::json!([]));
}

#[test]
fn json_is_the_views_with_the_neighbours_field_names() {
    let daemon = Daemon::start();
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&ospfctl(&daemon.socket(), arguments).stdout).unwrap()
    };
    let neighbors = json(&["show", "neighbor", "--json"]);
    assert_eq!(neighbors[0]["neighborRouterId"], "10.0.0.2");
    assert_eq!(neighbors[0]["nbrState"], "Full");
    let counters = json(&["show", "--json", "counters"]);
    assert_eq!(counters, serde_json::json!([{ "name": "rx-hello", "value": 42 }]));
    assert_eq!(json(&["show", "database", "--json"]), serde_json::json!([]));
}

/// A recording of a daemon without interfaces, whose lease lapses.
fn recording(path: &Path) {
    let toml = "router_id = \"10.0.0.1\"\n";
    let settings = config::parse(Path::new("test"), toml).unwrap();
    let moment = Moment { now: Instant::from_micros(5_000_000), unix_micros: 5_000_000 };
    let mut instance = Instance::new(settings.core_at(moment), 7, moment.now);
    let mut recorder = Recorder::create(path, u64::MAX).unwrap();
    let config = RecordedConfig { toml: toml.to_owned(), unix_micros: moment.unix_micros };
    let start = Entry::Start { version: record::VERSION, seed: 7, crypto_sequence: 0, boot_count: 0, config };
    recorder.note(moment.now, &instance, || start);
    let open = Entry::LeaseOpen { name: "director".to_owned(), ttl_ms: 500 };
    recorder.note(moment.now, &instance, || open);
    instance.lease_open(moment.now, "director", Duration::from_millis(500)).unwrap();
    let later = moment.now + Duration::from_millis(500);
    recorder.note(later, &instance, || Entry::Timeout);
    instance.handle_timeout(later);
    while let Some(event) = instance.poll_event() {
        recorder.note_event(&event);
    }
    recorder.end(later, &instance, false);
}

#[test]
fn a_replay_needs_no_daemon_and_says_whether_the_same_came_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ospfd.record");
    recording(&path);
    let nowhere = Path::new("/nonexistent/ospfd.sock");
    let replay = |more: &[&str]| ospfctl(nowhere, &[&["replay", path.to_str().unwrap()], more].concat());
    let output = replay(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    assert!(text.contains("     0.500000 Lease { name: \"director\", what: \"lapsed\""), "{text}");
    assert!(text.contains("played 2 inputs\n"), "{text}");
    assert!(text.ends_with("the same came out when it was recorded\n"), "{text}");
    assert!(!out(&replay(&["--quiet"])).contains("Lease {"));

    // Half a second less, and the lease does not lapse.
    let edited = std::fs::read_to_string(&path).unwrap().replacen("{\"at\":5500000", "{\"at\":5400000", 1);
    std::fs::write(&path, edited).unwrap();
    let differs = replay(&["--quiet"]);
    assert_eq!(differs.status.code(), Some(1));
    assert!(err(&differs).contains("other events were told"), "{}", err(&differs));

    std::fs::remove_file(&path).unwrap();
    assert_eq!(replay(&[]).status.code(), Some(1), "no such file");
}

#[test]
fn a_refusal_is_status_one_and_its_words_are_shown() {
    let daemon = Daemon::start();
    let output = ospfctl(&daemon.socket(), &["show", "interface"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("refused: not in this test"), "{}", err(&output));
    // A holder goes on from the generation that it finds.
    let held = ospfctl(&daemon.socket(), &["advertise", "192.0.2.1/32", "--metric", "10", "--hold"]);
    assert_eq!(held.status.code(), Some(1));
    assert!(err(&held).contains("generation: 5"), "{}", err(&held));
}
