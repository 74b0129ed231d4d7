//! Recordings: every input of the engine with its moment, one JSON object a line, so that what happened here can be
//! played again elsewhere. The engine's output is a function of them.
//!
//! A recording begins with the daemon, because what the engine holds at a later moment is not among its inputs. The
//! configuration stands in it as TOML, merged; of secrets in files it has the paths only. `replay` plays it.

pub mod replay;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use common::control::ospf::{Advertisement, Request};
use common::ids::{AreaId, IfIndex};
use common::time::Instant;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::bfd::Change;
use crate::core::Instance;
use crate::core::event::{Event, LinkEvent, RxDatagram, Transmit};

/// Version of the format.
pub const VERSION: u32 = 1;
/// Nobody but the owner reads a recording: it may have secrets in it.
const MODE: u32 = 0o600;

/// One line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The moment, in microseconds of the engine's clock.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// The engine was made. Always the first line.
    Start {
        /// [`VERSION`].
        version: u32,
        /// The engine's seed.
        seed: u64,
        /// Where its cryptographic sequence numbers begin.
        crypto_sequence: u32,
        /// The boot count in its sequence numbers of 64 bits.
        #[serde(default)]
        boot_count: u32,
        /// With this configuration.
        config: RecordedConfig,
    },
    /// A datagram came in.
    Datagram {
        /// Where.
        if_index: IfIndex,
        /// IP source.
        source: Ipv4Addr,
        /// IP destination.
        destination: Ipv4Addr,
        /// IP time to live.
        ttl: u8,
        /// The OSPF packet in hexadecimal.
        payload: String,
    },
    /// A link was reported.
    Link {
        /// As it was.
        event: LinkEvent,
    },
    /// A BFD session changed.
    Bfd {
        /// As it was told.
        change: Change,
    },
    /// Timers were fired.
    Timeout,
    /// The configuration was replaced, or the wall clock was set.
    Reconfigure {
        /// With this configuration.
        config: RecordedConfig,
    },
    /// [`Instance::lease_open`]
    LeaseOpen {
        /// The lease.
        name: String,
        /// Its time to live in milliseconds.
        ttl_ms: u64,
    },
    /// [`Instance::lease_set`]
    LeaseSet {
        /// The lease.
        name: String,
        /// The generation.
        generation: u64,
        /// The set.
        advertisements: Vec<Advertisement>,
    },
    /// [`Instance::lease_renew`]
    LeaseRenew {
        /// The lease.
        name: String,
    },
    /// [`Instance::lease_release`]
    LeaseRelease {
        /// The lease.
        name: String,
    },
    /// [`Instance::clear_neighbors`]
    ClearNeighbors {
        /// Only this one.
        only: Option<Ipv4Addr>,
    },
    /// [`Instance::shutdown`]
    Shutdown {
        /// The deadline, in microseconds of the engine's clock.
        deadline: u64,
    },
    /// The recording ends, and this is what a replay must come to. Always the last line; missing after a crash.
    End {
        /// The file was full before the daemon ended.
        full: bool,
        /// What came out of the engine.
        outcome: Outcome,
    },
}

impl Entry {
    /// A datagram that came in.
    pub fn datagram(rx: RxDatagram<'_>) -> Self {
        let RxDatagram { if_index, source, destination, ttl, payload } = rx;
        Self::Datagram { if_index, source, destination, ttl, payload: hex(payload) }
    }

    /// What a request gives the engine, if anything.
    pub fn of_request(request: &Request) -> Option<Self> {
        match request {
            Request::LeaseOpen { name, ttl_ms } => {
                Some(Self::LeaseOpen { name: name.clone(), ttl_ms: *ttl_ms })
            }
            Request::SetAdvertised { name, generation, advertisements } => Some(Self::LeaseSet {
                name: name.clone(),
                generation: *generation,
                advertisements: advertisements.clone(),
            }),
            Request::LeaseRenew { name } => Some(Self::LeaseRenew { name: name.clone() }),
            Request::LeaseRelease { name } => Some(Self::LeaseRelease { name: name.clone() }),
            Request::ClearNeighbor { neighbor } => Some(Self::ClearNeighbors { only: *neighbor }),
            Request::ShowInterfaces
            | Request::ShowNeighbors
            | Request::ShowDatabase
            | Request::ShowAdvertised
            | Request::ShowRoutes
            | Request::ShowCounters
            | Request::ShowEcmp { .. }
            | Request::ShowInstance
            | Request::ShowAreas
            | Request::ShowSpf
            | Request::ShowLog
            | Request::ShowBfd
            | Request::ShowMetrics => None,
        }
    }
}

/// A configuration in a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedConfig {
    /// TOML, fragments and environment merged.
    pub toml: String,
    /// What the wall clock showed, in microseconds since 1970: lifetimes of keys are wall-clock times.
    pub unix_micros: u64,
}

/// What came out of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Datagrams sent.
    pub transmits: u64,
    /// Digest of them, in hexadecimal.
    pub transmits_digest: String,
    /// Events told.
    pub events: u64,
    /// Digest of them, in hexadecimal.
    pub events_digest: String,
    /// Digests of the databases by area, in hexadecimal.
    pub databases: BTreeMap<AreaId, String>,
}

/// Digests of what has come out of an engine so far.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    transmits: u64,
    events: u64,
    transmits_digest: Sha256,
    events_digest: Sha256,
}

impl Outputs {
    /// A datagram came out.
    pub fn note_transmit(&mut self, transmit: &Transmit) {
        self.transmits += 1;
        self.transmits_digest.update(transmit.if_index.0.to_be_bytes());
        self.transmits_digest.update(transmit.source.octets());
        self.transmits_digest.update(transmit.destination.octets());
        self.transmits_digest.update([transmit.ttl]);
        self.transmits_digest.update((transmit.payload.len() as u64).to_be_bytes());
        self.transmits_digest.update(&transmit.payload);
    }

    /// An event came out.
    pub fn note_event(&mut self, event: &Event) {
        self.events += 1;
        self.events_digest.update(format!("{event:?}\n"));
    }

    /// All of it, and the databases as they stand.
    pub fn outcome(&self, instance: &Instance) -> Outcome {
        let databases = instance.area_views().into_iter().map(|area| (area.area_id, area.database_digest));
        Outcome {
            transmits: self.transmits,
            transmits_digest: short(self.transmits_digest.clone()),
            events: self.events,
            events_digest: short(self.events_digest.clone()),
            databases: databases.collect(),
        }
    }
}

/// Half of the digest is enough to see a difference.
fn short(digest: Sha256) -> String {
    hex(digest.finalize().get(..16).unwrap_or_default())
}

/// A recording that is being made; one that is not takes no notes.
#[derive(Debug, Default)]
pub struct Recorder(Option<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: BufWriter<File>,
    /// Bytes that may still be written.
    room: u64,
    outputs: Outputs,
}

impl Recorder {
    /// A recording into a new file of `limit` bytes at most.
    ///
    /// # Errors
    /// The file exists already or cannot be made.
    pub fn create(path: &Path, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
        let (file, outputs) = (BufWriter::new(file), Outputs::default());
        Ok(Self(Some(Open { path: path.to_owned(), file, room: limit, outputs })))
    }

    /// Takes a note of an input that `instance` is about to get.
    pub fn note(&mut self, at: Instant, instance: &Instance, entry: impl FnOnce() -> Entry) {
        if let Some(open) = &mut self.0 {
            match open.write(at, entry()) {
                Ok(true) => {}
                Ok(false) => self.end(at, instance, true),
                Err(error) => self.give_up(&error),
            }
        }
    }

    /// The same of a datagram.
    pub fn note_datagram(&mut self, at: Instant, instance: &Instance, rx: RxDatagram<'_>) {
        self.note(at, instance, || Entry::datagram(rx));
    }

    /// Takes a note of a datagram that came out.
    pub fn note_transmit(&mut self, transmit: &Transmit) {
        if let Some(open) = &mut self.0 {
            open.outputs.note_transmit(transmit);
        }
    }

    /// Takes a note of an event that came out.
    pub fn note_event(&mut self, event: &Event) {
        if let Some(open) = &mut self.0 {
            open.outputs.note_event(event);
        }
    }

    /// Brings everything into the file, so that a crash loses nothing.
    pub fn flush(&mut self) {
        if let Some(open) = &mut self.0
            && let Err(error) = open.file.flush()
        {
            self.give_up(&error);
        }
    }

    /// Ends the recording with what came out of `instance`.
    pub fn end(&mut self, at: Instant, instance: &Instance, full: bool) {
        let Some(mut open) = self.0.take() else { return };
        let outcome = open.outputs.outcome(instance);
        if full {
            warn!(path = %open.path.display(), "the recording is as long as it may be, and ends here");
        }
        open.room = u64::MAX;
        let written = open.write(at, Entry::End { full, outcome }).and_then(|_| open.file.flush());
        if let Err(error) = written {
            warn!(path = %open.path.display(), %error, "the recording has no end");
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        if let Some(open) = self.0.take() {
            warn!(path = %open.path.display(), %error, "the recording ends: it cannot be written");
        }
    }
}

impl Open {
    /// False when there is no room for it.
    fn write(&mut self, at: Instant, entry: Entry) -> io::Result<bool> {
        let mut text = serde_json::to_string(&Line { at: at.as_micros(), entry })?;
        text.push('\n');
        let Some(room) = self.room.checked_sub(text.len() as u64) else { return Ok(false) };
        self.room = room;
        self.file.write_all(text.as_bytes())?;
        Ok(true)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests;
