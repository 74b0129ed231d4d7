//! `directorctl`: one file per group of subcommands.

use std::io;

use common::control::Refusal;
use common::control::frame::ClientError;
use serde::Serialize;

use crate::ipvs::IpvsError;
use crate::ipvs::handle::Refusal as KernelRefusal;
use crate::ipvsadm::{LineError, UsageError};

pub mod daemon;
pub mod ipvs;
mod status;

/// Why a command failed; the exit status tells which.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The director said no.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The director cannot be reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// The output has no form in JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The kernel cannot be asked, or said no.
    #[error(transparent)]
    Kernel(#[from] IpvsError),
    /// Something cannot be read.
    #[error("cannot read {path}: {problem}")]
    Input {
        /// What.
        path: String,
        /// Why.
        problem: String,
    },
    /// A line of ipvsadm's arguments makes no sense.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// A line that is to be restored makes no sense; nothing was done.
    #[error("{0}; nothing was changed")]
    Line(#[from] LineError),
    /// The kernel refused some of the lines; the others are done.
    #[error("{}", told(.0))]
    Lines(Vec<(usize, KernelRefusal)>),
    /// There is no such service.
    #[error("No such service")]
    NoService,
}

fn told(refusals: &[(usize, KernelRefusal)]) -> String {
    let lines = refusals.iter().map(|(line, refusal)| format!("line {line}: {refusal}"));
    lines.collect::<Vec<_>>().join("\n")
}

impl Failure {
    /// The exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Client(_) => 3,
            Self::Usage(_) => 2,
            Self::Refused(_)
            | Self::Output(_)
            | Self::Json(_)
            | Self::Kernel(_)
            | Self::Input { .. }
            | Self::Line(_)
            | Self::Lines(_)
            | Self::NoService => 1,
        }
    }

    /// Has the reader of a pipe seen enough? Then nothing went wrong.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)?)
}
