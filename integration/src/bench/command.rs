//! `cargo lab bench`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::guest::tier::Tier;

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The bench.
    pub name: String,
    /// Prints one JSON object and nothing else on standard output.
    #[arg(long)]
    pub json: bool,
    /// Forces the kernel.
    #[arg(long, value_enum)]
    pub tier: Option<Tier>,
}

/// Measures.
///
/// # Errors
/// A measurement could not be made.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    bail!("there is no bench {:?}", arguments.name)
}
