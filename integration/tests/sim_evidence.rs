//! The simulator finds bugs, and leaves what is needed to find their cause.

use std::fs::{self, File};
use std::io::BufReader;

use integration::sim::scenario::{Extras, Suite, play};
use integration::sim::{Fault, sweep};
use ospfd::runtime::record::replay::replay;

/// Enough that the planted bug shows in one of them.
const SEEDS: u64 = 50;

#[test]
fn a_planted_bug_is_found_and_its_trace_replays_to_the_same_end() {
    let extras = Extras { fault: Some(Fault::ForgetsWhatItAcknowledged), ..Extras::default() };
    let failure = (0..SEEDS).find_map(|seed| play(Suite::Networks, seed, extras).err());
    let failure = failure.expect("some seed fails");
    let run_dir = tempfile::tempdir().unwrap();

    let told = sweep::with_evidence(Suite::Networks, failure.clone(), run_dir.path(), extras);

    // The same seed fails in the same way, at the same moment.
    assert_eq!((&told.what, told.at, &told.trace), (&failure.what, failure.at, &failure.trace));
    let evidence = told.evidence.as_ref().expect("there is evidence");
    assert!(told.to_string().contains(&format!("SIM_SEED={} cargo lab test", failure.seed)), "{told}");
    let trace = fs::read_to_string(evidence.directory.join("trace.txt")).unwrap();
    assert!(trace.ends_with(&(failure.trace.join("\n") + "\n")), "the trace has it all");
    // Each router by itself, as `ospfctl replay` does it, sends again what it sent.
    let mut replayed = 0;
    for entry in fs::read_dir(&evidence.directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "jsonl") {
            let again = replay(BufReader::new(File::open(&entry).unwrap()), |_, _| {}).unwrap();
            assert!(again.inputs > 0, "{}", entry.display());
            assert_eq!(Some(again.outcome), again.recorded, "{}", entry.display());
            replayed += 1;
        }
    }
    assert!(replayed >= 2, "{replayed} recordings");
}

#[test]
fn without_the_planted_bug_the_same_seeds_hold() {
    for seed in 0..SEEDS {
        play(Suite::Networks, seed, Extras::default()).unwrap();
    }
}
