//! Plays a recording to a fresh engine, without a network.

use std::io::{self, BufRead};
use std::path::Path;
use std::time::Duration;

use common::config::Diagnostics;
use common::time::Instant;

use super::{Entry, Line, Outcome, Outputs, RecordedConfig, VERSION, unhex};
use crate::core::Instance;
use crate::core::config::Config;
use crate::core::event::{Event, RxDatagram, Transmit};
use crate::runtime::clock::Moment;
use crate::runtime::config;

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file.
    #[error("the recording cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line} of the recording cannot be read: {source}. Is it whole, and of this release?")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A payload is no hexadecimal text.
    #[error("line {0} of the recording has a payload that is not hexadecimal")]
    Payload(usize),
    /// It does not begin as a recording does.
    #[error("the recording does not begin with its start; a recording is made by `ospfd --record FILE`")]
    NoStart,
    /// Another version of the format.
    #[error(
        "the recording has version {0} of the format, and this release plays {VERSION}: use that of the recording"
    )]
    Version(u32),
    /// A configuration in it.
    #[error("line {line}: the recorded configuration is refused:\n{diagnostics}")]
    Config {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        diagnostics: Diagnostics,
    },
}

/// Something that came out of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A datagram.
    Transmit(Transmit),
    /// An event.
    Event(Event),
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Inputs that were played.
    pub inputs: usize,
    /// What came out.
    pub outcome: Outcome,
    /// What came out when it was recorded, if the recording has an end.
    pub recorded: Option<Outcome>,
}

/// Plays the recording in `lines`, and gives each output to `sink`.
///
/// # Errors
/// See [`ReplayError`]; what was played until then has been given to `sink`.
pub fn replay(lines: impl BufRead, mut sink: impl FnMut(Instant, Output)) -> Result<Replayed, ReplayError> {
    let mut lines = lines.lines().zip(1..).map(|(text, number)| read(&text?, number));
    let first = lines.next().ok_or(ReplayError::NoStart)??;
    let Entry::Start { version, seed, crypto_sequence, boot_count, config } = first.entry else {
        return Err(ReplayError::NoStart);
    };
    if version != VERSION {
        return Err(ReplayError::Version(version));
    }
    let now = Instant::from_micros(first.at);
    let mut instance = Instance::new(core(&config, now, 1)?, seed, now)
        .with_crypto_sequence(crypto_sequence)
        .with_boot_count(boot_count);
    let (mut outputs, mut inputs, mut recorded) = (Outputs::default(), 0, None);
    for (line, number) in lines.zip(2..) {
        let Line { at, entry } = line?;
        let now = Instant::from_micros(at);
        if let Entry::End { outcome, .. } = entry {
            recorded = Some(outcome);
            break;
        }
        apply(&mut instance, now, entry, number)?;
        inputs += 1;
        while let Some(event) = instance.poll_event() {
            outputs.note_event(&event);
            sink(now, Output::Event(event));
        }
        while let Some(transmit) = instance.poll_transmit() {
            outputs.note_transmit(&transmit);
            sink(now, Output::Transmit(transmit));
        }
    }
    Ok(Replayed { inputs, outcome: outputs.outcome(&instance), recorded })
}

fn read(text: &str, line: usize) -> Result<Line, ReplayError> {
    serde_json::from_str(text).map_err(|source| ReplayError::Line { line, source })
}

fn apply(instance: &mut Instance, now: Instant, entry: Entry, line: usize) -> Result<(), ReplayError> {
    // What a command answered is not of interest: a refusal changes nothing, then as now.
    match entry {
        Entry::Start { .. } | Entry::End { .. } => return Err(ReplayError::NoStart),
        Entry::Datagram { if_index, source, destination, ttl, payload } => {
            let payload = unhex(&payload).ok_or(ReplayError::Payload(line))?;
            instance
                .handle_datagram(now, RxDatagram { if_index, source, destination, ttl, payload: &payload });
        }
        Entry::Link { event } => instance.handle_link(now, event),
        Entry::Bfd { change } => instance.handle_bfd(now, change),
        Entry::Timeout => instance.handle_timeout(now),
        Entry::Reconfigure { config } => instance.reconfigure(now, core(&config, now, line)?),
        Entry::LeaseOpen { name, ttl_ms } => {
            drop(instance.lease_open(now, &name, Duration::from_millis(ttl_ms)));
        }
        Entry::LeaseSet { name, generation, advertisements } => {
            drop(instance.lease_set(now, &name, generation, advertisements));
        }
        Entry::LeaseRenew { name } => drop(instance.lease_renew(now, &name)),
        Entry::LeaseRelease { name } => drop(instance.lease_release(now, &name)),
        Entry::ClearNeighbors { only } => drop(instance.clear_neighbors(now, only)),
        Entry::Shutdown { deadline } => instance.shutdown(now, Instant::from_micros(deadline)),
    }
    Ok(())
}

fn core(config: &RecordedConfig, now: Instant, line: usize) -> Result<Config, ReplayError> {
    let settings = config::parse(Path::new("recording"), &config.toml)
        .map_err(|diagnostics| ReplayError::Config { line, diagnostics })?;
    Ok(settings.core_at(Moment { now, unix_micros: config.unix_micros }))
}
