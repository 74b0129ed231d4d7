//! Replays the stored inputs of the fuzz targets.

#[path = "../fuzz/src/instance_datagram.rs"]
pub mod instance_datagram;
#[path = "../fuzz/src/packet_decode.rs"]
pub mod packet_decode;

use std::fs;
use std::path::Path;

/// The inputs stored for a target, by file name.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    inputs
}

#[test]
fn stored_packets_read_as_their_names_say() {
    for (name, input) in inputs("packet_decode") {
        assert_eq!(packet_decode::run(&input), !name.starts_with("bad-"), "{name}");
    }
}

#[test]
fn stored_conversations_are_answered() {
    for (name, input) in inputs("instance_datagram") {
        // Two hellos go out as the links come up; whoever is spoken to says more.
        assert!(instance_datagram::run(&input) > 2, "{name}");
    }
}
