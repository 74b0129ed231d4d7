//! Replays the stored inputs of the fuzz targets, with everything told that can be told.
//!
//! `seeds` makes the inputs that stand for the classes of malformed input, and says what becomes of each. The others were
//! captured, or found by a fuzzer.

#[path = "../../fuzz/src/body_decode.rs"]
pub mod body_decode;
#[path = "../../fuzz/src/instance_datagram.rs"]
pub mod instance_datagram;
#[path = "../../fuzz/src/lan.rs"]
pub mod lan;
#[path = "../../fuzz/src/packet_decode.rs"]
pub mod packet_decode;

mod seeds;
mod talks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use ospfd::core::event::Event;

use instance_datagram::Report;
use seeds::{Becomes, Seed};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target)
}

/// The inputs stored for a target, by file name.
fn inputs(target: &str) -> BTreeMap<String, Vec<u8>> {
    let inputs: BTreeMap<_, _> = fs::read_dir(folder(target))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    assert!(!inputs.is_empty(), "nothing is stored for {target}");
    inputs
}

/// A log on its finest level: crashes have hidden in the formatting of what only such a log shows.
fn log_everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_test_writer().init();
    });
}

fn log(event: &Event) {
    tracing::trace!(?event);
}

fn play(input: &[u8]) -> Report {
    log_everything();
    let report = instance_datagram::run(input, log);
    tracing::trace!(?report);
    report
}

#[test]
fn stored_packets_read_as_their_names_say() {
    for (name, input) in inputs("packet_decode") {
        assert_eq!(packet_decode::run(&input), !name.starts_with("bad-"), "{name}");
    }
}

#[test]
fn a_captured_conversation_comes_as_far_as_the_request_for_what_we_do_not_have() {
    let report = play(&inputs("instance_datagram")["bird-lan"]);
    let counter = |name| report.counters.iter().find(|one| one.name == name).map(|one| one.value);
    assert_eq!(counter("rx-link-state-request"), Some(1));
    assert_eq!(counter("drop-bad-request"), Some(1));
}

#[test]
fn every_class_of_malformed_body_is_read_or_refused_as_it_should_be() {
    let stored = inputs("body_decode");
    for Seed { name, becomes, .. } in seeds::bodies() {
        let Becomes::Body(outcome) = becomes else { panic!("{name} is no body") };
        assert_eq!(body_decode::run(&stored[&name]), Some(outcome), "{name}");
    }
}

#[test]
fn every_class_of_malformed_datagram_is_survived_and_counted() {
    let stored = inputs("instance_datagram");
    for Seed { name, becomes, .. } in talks::talks() {
        let report = play(&stored[&name]);
        let holds = match &becomes {
            Becomes::Body(_) => false,
            Becomes::Counted(counter) => {
                report.counters.iter().any(|one| one.name == *counter && one.value > 0)
            }
            Becomes::Stored(ls_type, id) => {
                report.lsas.iter().any(|(found, at)| found == ls_type && at == id)
            }
            Becomes::Neighbor(state) => report.neighbors.iter().any(|found| found == state),
        };
        assert!(holds, "{name}: no {becomes:?} in {report:#?}");
    }
}

#[test]
fn all_that_is_stored_is_survived() {
    for input in inputs("instance_datagram").values() {
        assert!(play(input).sent > 0);
    }
    for input in inputs("body_decode").values() {
        assert!(body_decode::run(input).is_some());
    }
}

#[test]
fn stored_seeds_are_those_that_are_made() {
    for (target, seeds) in [("body_decode", seeds::bodies()), ("instance_datagram", talks::talks())] {
        let stored = inputs(target);
        for Seed { name, input, .. } in seeds {
            assert_eq!(
                stored.get(&name),
                Some(&input),
                "{target}/{name} is another: cargo test -p ospfd --test corpus -- --ignored"
            );
        }
    }
}

#[test]
#[ignore = "writes the seeds into the source tree: for whoever changes them"]
fn write_seeds() {
    for (target, seeds) in [("body_decode", seeds::bodies()), ("instance_datagram", talks::talks())] {
        for Seed { name, input, .. } in seeds {
            fs::write(folder(target).join(name), input).unwrap();
        }
    }
}
