//! `directorctl`: one file per group of subcommands.

use std::io;

use common::control::Refusal;
use common::control::frame::ClientError;
use serde::Serialize;

pub mod daemon;
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
}

impl Failure {
    /// The exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Client(_) => 3,
            Self::Refused(_) | Self::Output(_) | Self::Json(_) => 1,
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
