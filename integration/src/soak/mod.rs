//! `cargo lab soak`: what takes longer than a test may: the simulator's seeds until the time is over, and the fuzz
//! targets, each for as long.

mod fuzz;

use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::sim::large;
use crate::sim::scenario::{Extras, Suite};
use crate::sim::sweep::{self, sweep};
use crate::{clock, paths};

/// Seeds between two reports.
const BATCH: u64 = 500;
/// The seed that a sweep begins with: those below are played by `cargo lab test`.
const FIRST_SEED: u64 = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Minutes for the simulator, and for each fuzz target
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Play these seeds, `A..B`, however long it takes
    #[arg(long, value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// Only one of them
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Only the fuzz targets whose name contains this
    #[arg(long)]
    target: Option<String>,
}

/// What there is to soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// Many engines in virtual time: a network of 300 routers, and random scenarios
    Sim,
    /// Fuzz targets
    Fuzz,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = sweep::range(text).filter(|range| !range.is_empty());
    range.ok_or_else(|| "write one seed, or two with .. between them, the first the lower one".to_owned())
}

/// Runs what was asked for; the exit code says whether all of it held.
///
/// # Errors
/// Something could not be built or started.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let wants = |what| arguments.only.is_none_or(|only| only == what);
    let budget = MINUTE * u32::try_from(arguments.minutes).unwrap_or(u32::MAX);
    let mut holds = true;
    if wants(Only::Sim) {
        holds &= simulate(arguments.seeds.clone(), budget)?;
    }
    if holds && wants(Only::Fuzz) {
        holds &= fuzz::run(budget, arguments.target.as_deref())?;
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A large network once, then all kinds of scenarios in turn, until the time is over or the seeds are played.
fn simulate(wanted: Option<Range<u64>>, budget: Duration) -> Result<bool> {
    let run_dir = paths::new_run_dir("soak")?;
    let began = clock::now();
    let has_end = wanted.is_some();
    let go_on = || has_end || began.elapsed() < budget;
    if !has_end {
        match large::campus(300, 1) {
            Ok(told) => println!("sim   | 300 routers on LANs: {told}, after {:.0?}", began.elapsed()),
            Err(failure) => {
                println!("sim   | 300 routers on LANs: {failure}");
                return Ok(false);
            }
        }
    }
    let seeds = wanted.unwrap_or(FIRST_SEED..u64::MAX);
    let (mut next, mut played) = (seeds.start, 0);
    while next < seeds.end && go_on() {
        let batch = next..next.saturating_add(BATCH).min(seeds.end);
        next = batch.end;
        for suite in Suite::ALL {
            match sweep(suite, batch.clone(), go_on) {
                Ok(count) => played += count,
                Err(failure) => {
                    let failure = sweep::with_evidence(suite, failure, &run_dir, Extras::default());
                    println!("sim   | {}: {failure}", suite.name());
                    return Ok(false);
                }
            }
        }
        println!("sim   | {played} scenarios hold, seeds below {next}, after {:.0?}", began.elapsed());
    }
    Ok(true)
}
