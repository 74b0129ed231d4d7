//! `spf`: the route calculation by itself, from the LSAs of a database to the changes of the routing table.
//!
//! Grids of 500, 2,000 and 5,000 routers with ECMP, a fat-tree of 5,120, and external routes of one neighbour. It runs in
//! a process of its own, built for release; each run of that is a median of many calculations.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::command::Plan;
use super::result::{BenchResult, Samples};
use crate::paths;

/// Name of the bench, and of the program that it runs.
pub(super) const NAME: &str = "spf";

/// One line of the program.
#[derive(Deserialize)]
struct Line {
    case: String,
    metrics: BTreeMap<String, f64>,
}

/// Runs the bench.
///
/// # Errors
/// The program has not been built, failed, or prints something else.
pub(super) fn measure(plan: &Plan) -> Result<BenchResult> {
    let runs = plan.runs;
    let program = paths::release_example(NAME)?;
    let mut samples = Samples::default();
    for run in 1..=runs {
        let output = Command::new(&program).output().context("the measurement does not start")?;
        ensure!(
            output.status.success(),
            "the measurement failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let line: Line = serde_json::from_str(line).with_context(|| format!("not a result: {line}"))?;
            for (metric, value) in &line.metrics {
                samples.add(&line.case, "ours", metric, *value);
            }
        }
        eprintln!("run {run:2}/{runs} done");
    }
    Ok(samples.result(NAME, runs))
}
