//! The end of `cargo lab test`: a table, the names of what failed, and one line to count on.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;

use super::libtest::Outcomes;

/// A phase that has run.
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) outcomes: Outcomes,
    pub(super) took: Duration,
}

impl Phase {
    /// A phase that could not run at all: a failure, not a pass.
    pub(super) fn broken(name: &'static str, why: &str) -> Self {
        let mut outcomes = Outcomes::default();
        outcomes.fail(&format!("{name}: {why}"));
        Self { name, outcomes, took: Duration::ZERO }
    }
}

/// Prints the summary and returns the exit code.
pub(super) fn print(phases: &[Phase], run_dir: &Path) -> ExitCode {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["phase", "passed", "failed", "seconds"]);
    for phase in phases {
        let Outcomes { passed, failed } = &phase.outcomes;
        let seconds = format!("{:.1}", phase.took.as_secs_f64());
        table.add_row([phase.name.to_owned(), passed.len().to_string(), failed.len().to_string(), seconds]);
    }
    println!("\n{table}");
    let failed: Vec<&String> = phases.iter().flat_map(|phase| &phase.outcomes.failed).collect();
    for name in &failed {
        println!("failed: {name}");
    }
    if !failed.is_empty() {
        println!("logs: {}", run_dir.display());
    }
    let passed: usize = phases.iter().map(|phase| phase.outcomes.passed.len()).sum();
    println!("{passed} passed, {} failed", failed.len());
    // Nothing at all is what a filter with a typing error leaves: no success.
    if failed.is_empty() && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
