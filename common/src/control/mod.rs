//! The control protocol: `director` ⇄ `ospfd`, and the command-line tools ⇄ both daemons.
//!
//! One unix stream socket per daemon. A frame is one JSON value on one line ([`MAX_FRAME`] bytes at most).
//! Every [`Envelope`] carries the protocol [`VERSION`]; a daemon refuses a version that it does not know and
//! says which it speaks. A client sends a request and reads one response; requests on one connection are
//! answered in order.

pub mod director;
#[cfg(feature = "daemon")]
pub mod frame;
pub mod ospf;

use serde::{Deserialize, Serialize};

/// Version of the control protocol that this build speaks.
pub const VERSION: u16 = 1;

/// Longest frame that either side accepts, in bytes.
pub const MAX_FRAME: usize = 16 << 20;

/// What goes over the socket: a body and the version that it is written in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Protocol version, [`VERSION`].
    pub version: u16,
    /// The request or the response.
    pub body: T,
}

/// Why a daemon refused a request. The text says what, where, why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// A stable word for programs.
    pub code: RefusalCode,
    /// A sentence for people.
    pub message: String,
}

/// Stable reasons for a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// The peer speaks another protocol version.
    Version,
    /// The frame is not a request.
    Malformed,
    /// No lease of that name is held.
    UnknownLease,
    /// The generation is not newer than the one in force.
    StaleGeneration,
    /// A value in the request is not acceptable.
    Invalid,
    /// The named object does not exist.
    NotFound,
    /// The daemon cannot do it now.
    Unavailable,
}
