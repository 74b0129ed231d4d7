//! What the demo found: one record per step, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

use crate::traffic::ledger::{Failure, Tally};

/// The whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Did every check of every step hold?
    pub passed: bool,
    /// Release of the kernel that forwarded.
    pub kernel: String,
    /// Short connections per second that were attempted.
    pub rate_per_s: u32,
    /// Long-lived connections.
    pub long_lived: u32,
    /// Steps in order; the last one is the one that went wrong, if one did.
    pub steps: Vec<StepReport>,
    /// Where the nodes' logs are.
    pub logs: String,
}

/// One step, measured. Times in milliseconds count from the moment of the blow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// A stable word for programs.
    pub step: String,
    /// A few characters for the timeline.
    pub label: String,
    /// What happens, in words.
    pub title: String,
    /// Start, in seconds since the demo's clock started.
    pub started_s: f64,
    /// End.
    pub ended_s: f64,
    /// Until it was noticed.
    pub detect: Option<Measure>,
    /// Until routes and tables were as they should be.
    pub withdraw: Option<Measure>,
    /// Requests that were started during the step.
    pub requests: u64,
    /// Those of them that failed.
    pub requests_failed: u64,
    /// Why they failed.
    pub failures: BTreeMap<Failure, u64>,
    /// Start of the last request that failed, from the blow.
    pub last_failure_ms: Option<f64>,
    /// The longest time that an answer took.
    pub slowest_ms: f64,
    /// Long-lived connections that broke.
    pub long_lived_broken: u64,
    /// The longest silence that a long-lived connection outlived.
    pub longest_gap_ms: f64,
    /// What was demanded, and whether it held.
    pub checks: Vec<Check>,
}

/// A span with its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Milliseconds.
    pub ms: f64,
    /// What had happened by then.
    pub until: String,
}

/// One demand on a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What must be.
    pub what: String,
    /// Whether it was.
    pub passed: bool,
    /// What was found.
    pub found: String,
}

impl StepReport {
    /// Takes over what the client saw from the blow at `blow_s` on.
    pub fn account(&mut self, tally: &Tally, blow: common::time::Instant) {
        self.requests = tally.answered_total() + tally.failed_total();
        self.requests_failed = tally.failed_total();
        self.failures.clone_from(&tally.failed);
        self.last_failure_ms = tally.last_failure_at.map(|at| millis(at.since(blow)));
        self.slowest_ms = millis(tally.slowest);
        self.long_lived_broken = tally.broken;
        self.longest_gap_ms = millis(tally.longest_gap);
    }

    /// The first demand that was not met.
    pub fn failed_check(&self) -> Option<&Check> {
        self.checks.iter().find(|check| !check.passed)
    }
}

impl Report {
    /// The table at the end of the demo.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "step",
            "detect",
            "withdraw / return",
            "failed",
            "of requests",
            "long-lived broken",
            "",
        ]);
        for step in &self.steps {
            let span = |m: &Option<Measure>| m.as_ref().map_or_else(|| "–".into(), |m| human(m.ms));
            table.add_row([
                step.title.clone(),
                span(&step.detect),
                span(&step.withdraw),
                step.requests_failed.to_string(),
                step.requests.to_string(),
                step.long_lived_broken.to_string(),
                if step.failed_check().is_none() { "ok" } else { "FAILED" }.into(),
            ]);
        }
        for column in 1..=5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }
}

/// Milliseconds with their fraction.
pub fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// `23 ms`, `1.4 s`.
pub fn human(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

#[cfg(test)]
pub(super) mod tests {
    use common::time::Instant;

    use super::*;
    use crate::traffic::ledger::Ledger;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    pub(in crate::demo) fn sample() -> Report {
        let steps = vec![
            StepReport {
                step: "steady".into(),
                label: "steady".into(),
                title: "Steady traffic".into(),
                ended_s: 6.0,
                requests: 240,
                ..StepReport::default()
            },
            StepReport {
                step: "server-dies".into(),
                label: "a dies".into(),
                title: "Real server a dies".into(),
                started_s: 6.0,
                ended_s: 14.0,
                detect: Some(Measure { ms: 812.4, until: "no director sends to it".into() }),
                withdraw: Some(Measure { ms: 1430.0, until: "the last failure".into() }),
                requests: 320,
                requests_failed: 9,
                failures: BTreeMap::from([(Failure::Refused, 9)]),
                long_lived_broken: 4,
                checks: vec![Check {
                    what: "no request fails after detection".into(),
                    passed: false,
                    found: "2 <late> failures & more".into(),
                }],
                ..StepReport::default()
            },
        ];
        Report {
            passed: false,
            kernel: "6.1".into(),
            rate_per_s: 40,
            long_lived: 12,
            steps,
            logs: "x".into(),
        }
    }

    #[test]
    fn the_table_has_a_line_per_step_with_its_figures() {
        let table = sample().table();
        let line = table.lines().find(|l| l.contains("Real server a dies")).expect("the step's line");
        for figure in ["812 ms", "1.4 s", "9", "320", "4", "FAILED"] {
            assert!(line.contains(figure), "{figure} is not in {line}");
        }
        let steady = table.lines().find(|l| l.contains("Steady traffic")).expect("the first step's line");
        assert!(steady.contains('–') && steady.contains("ok"), "{steady}");
    }

    #[test]
    fn the_json_reads_back_as_it_was() {
        let report = sample();
        let json = serde_json::to_string_pretty(&report).expect("serializes");
        assert!(json.contains(r#""refused": 9"#), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).expect("reads back"), report);
    }

    #[test]
    fn a_step_takes_its_counts_from_the_ledger() {
        let mut ledger = Ledger::default();
        for (start, outcome) in
            [(100, Ok("a".to_owned())), (150, Err(Failure::Refused)), (400, Err(Failure::Timeout))]
        {
            let id = ledger.started(at(start));
            ledger.finished(id, at(start + 5), outcome);
        }
        let mut step = StepReport::default();
        step.account(&ledger.tally(at(100), at(1000)), at(100));
        assert_eq!((step.requests, step.requests_failed, step.last_failure_ms), (3, 2, Some(300.0)));
    }
}
