//! The programs as an operator meets them: arguments, diagnostics, exit status.
#![cfg(feature = "daemon")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::control::director::{Request, Response, ServerView, ServiceView, StatusView, VipView};
use common::control::{Refusal, RefusalCode, frame};

const GOOD: &str = "name = \"d1\"\n[service.web]\nvip = \"192.0.2.10\"\nport = 80\n\
                    [service.web.server.a]\naddress = \"10.2.0.11\"\n";
const TWIN: &str = "[service.other]\nvip = \"192.0.2.10\"\nport = 80\nserver.a.address = \"10.2.0.11\"";

fn director(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_director")).args(arguments).output().unwrap()
}

fn directorctl(socket: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_directorctl");
    Command::new(program).arg("--socket").arg(socket).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn config(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("director.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn check_prints_the_normal_form_of_a_good_configuration() {
    let (_folder, path) = config(GOOD);
    let output = director(&["--config", &path, "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let server = "[service.web.server.a]\naddress = \"10.2.0.11\"\nweight = 1\nforward = \"dr\"\n";
    assert!(out(&output).contains(server), "{}", out(&output));
    let (_folder, again) = config(&out(&output));
    assert_eq!(out(&director(&["--config", &again, "--check"])), out(&output));
}

#[test]
fn check_tells_what_is_wrong_where_and_what_to_do() {
    for (from, to, says, place) in [
        ("port = 80", "prot = 80", "did you mean `port`?", "4:1"),
        ("port = 80", "port = \"80s\"", "expected u16", "4:8"),
        ("192.0.2.10", "192.0.2.10/24", "without its prefix length", "3:7"),
        ("name = \"d1\"", TWIN, "the same service", "5:10"),
    ] {
        let (_folder, path) = config(&GOOD.replacen(from, to, 1));
        let output = director(&["--config", &path, "--check"]);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(1), ""), "{to}");
        let text = err(&output);
        assert!(text.contains(says) && text.contains(&format!("{path}:{place}")), "{to}:\n{text}");
    }
}

#[test]
fn a_missing_file_ends_check_and_daemon_alike() {
    let path = "/nonexistent/director.toml";
    for arguments in [&["--config", path][..], &["--config", path, "--check"]] {
        let output = director(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains(path), "{}", err(&output));
    }
}

#[test]
fn wrong_usage_and_an_absent_daemon_have_their_own_exit_status() {
    let nowhere = Path::new("/nonexistent/director.sock");
    assert_eq!(directorctl(nowhere, &["fly"]).status.code(), Some(2));
    let output = directorctl(nowhere, &["status"]);
    assert_eq!(output.status.code(), Some(3));
    let text = err(&output);
    assert!(text.contains("cannot reach the daemon on /nonexistent/director.sock"), "{text}");
}

fn status() -> StatusView {
    StatusView {
        name: "d1".into(),
        uptime_s: 61,
        drained: false,
        ospfd: "lease director held, generation 1, 1 neighbour Full".into(),
        troubles: vec!["a trouble".into()],
        in_sync: true,
        changes: 0,
        changes_done: 0,
        vips: vec![VipView {
            vip: [192, 0, 2, 10].into(),
            state: "advertised".into(),
            metric: Some(10),
            reason: "all services are served".into(),
        }],
        services: vec![ServiceView {
            name: "web".into(),
            service: "tcp 192.0.2.10:80".into(),
            scheduler: "mh (mh-fallback,mh-port)".into(),
            up: true,
            servers: vec![ServerView {
                name: "a".into(),
                address: "10.2.0.11:80".into(),
                forward: "dr".into(),
                health: "down".into(),
                last_result: "connection refused, 0 s ago".into(),
                weight: Some(0),
                configured_weight: 3,
                active: 5,
                inactive: 7,
            }],
        }],
    }
}

/// A control socket that answers as a daemon would, on a thread of its own.
fn daemon() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("director.sock");
    let socket = path.clone();
    let (ready, listens) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = frame::bind(&socket, 0o600).await.unwrap();
            ready.send(()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = frame::serve(stream, answer, Response::Refused).await;
            }
        });
    });
    listens.recv().unwrap();
    (folder, path)
}

async fn answer(request: Request) -> Response {
    match request {
        Request::Status => Response::Status(status()),
        Request::Plan => Response::Plan(vec!["-A -t 192.0.2.10:80 -s mh".into()]),
        Request::Drain { vip: None } => Response::Done("the host is drained".into()),
        other => {
            let message = format!("no such thing: {other:?}");
            Response::Refused(Refusal { code: RefusalCode::NotFound, message })
        }
    }
}

#[test]
fn status_is_a_table_for_people_and_json_for_programs() {
    let (_folder, socket) = daemon();
    let text = out(&directorctl(&socket, &["status"]));
    for part in [
        "director d1, up 1m 1s",
        "trouble: a trouble",
        "192.0.2.10  advertised  10      all services are served",
        "web: tcp 192.0.2.10:80, mh (mh-fallback,mh-port), up",
        "10.2.0.11:80  dr       0 of 3  down    5       7         connection refused, 0 s ago",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colour where there is no terminal");
    let view: StatusView = serde_json::from_str(&out(&directorctl(&socket, &["status", "--json"]))).unwrap();
    assert_eq!(view, status());
}

#[test]
fn a_refusal_is_exit_status_1_with_its_words() {
    let (_folder, socket) = daemon();
    assert_eq!(out(&directorctl(&socket, &["plan"])), "-A -t 192.0.2.10:80 -s mh\n");
    assert_eq!(directorctl(&socket, &["drain"]).status.code(), Some(0));
    let output = directorctl(&socket, &["drain", "--vip", "192.0.2.99"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(1), ""));
    assert!(err(&output).contains("refused: no such thing"), "{}", err(&output));
}
