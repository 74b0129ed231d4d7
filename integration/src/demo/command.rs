//! `cargo lab demo`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::guest::tier::Tier;

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Forces the kernel.
    #[arg(long, value_enum)]
    pub tier: Option<Tier>,
}

/// Plays.
///
/// # Errors
/// A step went wrong.
pub fn run(_arguments: &Arguments) -> Result<ExitCode> {
    bail!("there is no demo yet")
}
