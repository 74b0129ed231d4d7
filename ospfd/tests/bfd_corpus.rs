//! Replays the stored inputs of the fuzz target `bfd_session`.

#[path = "../fuzz/src/bfd_session.rs"]
pub mod bfd_session;

use std::fs;
use std::path::Path;

#[test]
fn stored_sessions_accept_packets_unless_their_names_say_no() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/bfd_session");
    let mut inputs = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let accepted = bfd_session::run(&fs::read(&path).unwrap());
        assert_eq!(accepted >= 3, !name.starts_with("bad-"), "{name}: {accepted}");
        inputs += 1;
    }
    assert!(inputs >= 4, "found {inputs} inputs");
}
