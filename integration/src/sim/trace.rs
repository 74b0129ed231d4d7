//! What happened in a world: the last of it is kept for whoever asks, and all of it goes into a file when there is one.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;

use common::time::Instant;
use ospfd::core::event::Event;
use ospfd::packet::{Body, LsaHeader};

use super::node::NodeId;

/// Notes kept of what happened last.
const KEPT: usize = 300;

/// Something that happened. It is put into words only when somebody reads it.
#[derive(Debug)]
pub(super) enum Note {
    /// A router sent a packet that is no hello.
    Sent {
        node: NodeId,
        to: Ipv4Addr,
        body: Body,
    },
    Told {
        node: NodeId,
        event: Event,
    },
    /// The test did something.
    Done(String),
}

/// The notes.
#[derive(Debug, Default)]
pub(super) struct Trace {
    last: VecDeque<(Instant, Note)>,
    file: Option<BufWriter<File>>,
}

impl Trace {
    /// From now on everything is written down in `file`, too.
    pub(super) fn write_to(&mut self, file: File) {
        self.file = Some(BufWriter::new(file));
    }

    pub(super) fn push(&mut self, now: Instant, note: Note) {
        if let Some(file) = &mut self.file {
            // What cannot be written is missed by whoever reads it; the run goes on as it would have.
            let _ = writeln!(file, "{now} {note}");
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back((now, note));
    }

    /// The test did something.
    pub(super) fn done(&mut self, now: Instant, what: impl fmt::Display) {
        self.push(now, Note::Done(what.to_string()));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.last.iter().map(|(now, note)| format!("{now} {note}")).collect()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { node, to, body } => write!(f, "{node:?} → {to} {}", Brief(body)),
            Self::Told { node, event: Event::Routes(changes) } => {
                write!(f, "{node:?} {} routes changed", changes.len())
            }
            Self::Told { node, event } => write!(f, "{node:?} {event:?}"),
            Self::Done(what) => f.write_str(what),
        }
    }
}

/// A packet in one line.
struct Brief<'a>(&'a Body);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.name())?;
        match self.0 {
            Body::Hello(hello) => write!(f, " {hello:?}"),
            Body::DatabaseDescription(dd) => {
                write!(f, " {} I{} M{} MS{}", dd.sequence, dd.init, dd.more, dd.master)?;
                headers(f, &dd.headers)
            }
            Body::LinkStateRequest(keys) => keys.iter().try_for_each(|key| write!(f, " {key}")),
            Body::LinkStateUpdate(lsas) => lsas.iter().try_for_each(|lsa| headers(f, &[lsa.header])),
            Body::LinkStateAck(acked) => headers(f, acked),
        }
    }
}

fn headers(f: &mut fmt::Formatter<'_>, headers: &[LsaHeader]) -> fmt::Result {
    headers.iter().try_for_each(|header| {
        write!(f, " [{} {:08x} {:04x} {}s]", header.key, header.sequence, header.checksum, header.age)
    })
}
