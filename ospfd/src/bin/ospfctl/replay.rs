//! `ospfctl replay`: plays a recording offline, and says whether the same came out.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use common::time::Instant;
use ospfd::runtime::record::Outcome;
use ospfd::runtime::record::replay::{Output, Replayed, replay};

use super::Failure;

/// Plays `file`; prints each output unless `quiet`, then the result.
pub(super) fn play(file: &Path, quiet: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let mut failed = None;
    let mut start = None;
    let replayed = replay(BufReader::new(File::open(file)?), |at, output| {
        let start = *start.get_or_insert(at);
        if !quiet && failed.is_none() {
            failed = writeln!(out, "{}", line(start, at, &output)).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let Replayed { inputs, outcome, recorded } = replayed;
    writeln!(out, "played {inputs} inputs")?;
    writeln!(out, "sent {} datagrams, digest {}", outcome.transmits, outcome.transmits_digest)?;
    writeln!(out, "told {} events, digest {}", outcome.events, outcome.events_digest)?;
    for (area, digest) in &outcome.databases {
        writeln!(out, "database of area {area}: digest {digest}")?;
    }
    match recorded {
        None => writeln!(out, "the recording has no end, so there is nothing to compare with")?,
        Some(recorded) => match difference(&outcome, &recorded) {
            None => writeln!(out, "the same came out when it was recorded")?,
            Some(what) => return Err(Failure::Differs(what)),
        },
    }
    Ok(out.flush()?)
}

/// What is not as it was, if anything.
fn difference(now: &Outcome, then: &Outcome) -> Option<&'static str> {
    match () {
        () if (now.transmits, &now.transmits_digest) != (then.transmits, &then.transmits_digest) => {
            Some("other datagrams were sent; was the recording made by this release?")
        }
        () if (now.events, &now.events_digest) != (then.events, &then.events_digest) => {
            Some("other events were told; was the recording made by this release?")
        }
        () if now.databases != then.databases => Some("the databases are others"),
        () => None,
    }
}

/// Seconds since the first output, and the output.
fn line(start: Instant, at: Instant, output: &Output) -> String {
    let since = at.since(start);
    let time = format!("{:>6}.{:06}", since.as_secs(), since.subsec_micros());
    match output {
        Output::Transmit(transmit) => {
            // RFC 2328 A.3.1: the type is the second byte.
            let name = match transmit.payload.get(1) {
                Some(1) => "hello",
                Some(2) => "database-description",
                Some(3) => "link-state-request",
                Some(4) => "link-state-update",
                Some(5) => "link-state-ack",
                Some(_) | None => "?",
            };
            format!(
                "{time} sent {name} of {} bytes from {} to {}",
                transmit.payload.len(),
                transmit.source,
                transmit.destination
            )
        }
        Output::Event(event) => format!("{time} {event:?}"),
    }
}
