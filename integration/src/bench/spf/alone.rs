//! Our route calculation by itself, from the LSAs of a database to the changes of the routing table, by stage.
//!
//! It runs in a process of its own, built for release; each figure is a median of many calculations.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::super::command::Plan;
use super::super::result::Samples;
use crate::paths;

/// Name of the program.
pub(super) const PROGRAM: &str = "spf";

/// One line of the program.
#[derive(Deserialize)]
struct Line {
    case: String,
    metrics: BTreeMap<String, f64>,
}

/// Runs the program once.
///
/// # Errors
/// The program has not been built, failed, or prints something else.
pub(super) fn measure(plan: &Plan, samples: &mut Samples) -> Result<()> {
    let program = paths::release_example(PROGRAM)?;
    let output = Command::new(&program).output().context("the measurement does not start")?;
    ensure!(output.status.success(), "the measurement failed: {}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let line: Line = serde_json::from_str(line).with_context(|| format!("not a result: {line}"))?;
        if plan.wants(&line.case) {
            for (metric, value) in &line.metrics {
                samples.add(&line.case, "ours", metric, *value);
            }
        }
    }
    Ok(())
}
