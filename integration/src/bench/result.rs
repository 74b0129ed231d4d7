//! What a bench gives: samples while it runs, one object with summaries at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::stats::Summary;

/// The one object that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchResult {
    /// Name of the bench.
    pub bench: String,
    /// Runs of each subject.
    pub runs: u32,
    /// One entry per case and subject.
    pub cases: Vec<CaseResult>,
}

/// What one subject did in one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// The case, a short word.
    pub case: String,
    /// `ours`, `frr`, ...
    pub subject: String,
    /// Metrics by name; the name carries the unit.
    pub metrics: BTreeMap<String, Summary>,
}

/// Samples by case, subject and metric, in the order in which cases and subjects came.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    case: String,
    subject: String,
    metrics: BTreeMap<String, Vec<f64>>,
}

impl Samples {
    /// Adds one sample.
    pub fn add(&mut self, case: &str, subject: &str, metric: &str, value: f64) {
        let known = self.rows.iter().position(|r| r.case == case && r.subject == subject);
        let index = known.unwrap_or_else(|| {
            let (case, subject) = (case.to_owned(), subject.to_owned());
            self.rows.push(Row { case, subject, metrics: BTreeMap::new() });
            self.rows.len() - 1
        });
        if let Some(row) = self.rows.get_mut(index) {
            row.metrics.entry(metric.to_owned()).or_default().push(value);
        }
    }

    /// The samples of one metric.
    pub fn of(&self, case: &str, subject: &str, metric: &str) -> &[f64] {
        self.rows
            .iter()
            .find(|r| r.case == case && r.subject == subject)
            .and_then(|r| r.metrics.get(metric))
            .map_or(&[], Vec::as_slice)
    }

    /// The summaries.
    pub fn result(&self, bench: &str, runs: u32) -> BenchResult {
        let cases = self.rows.iter().map(|row| CaseResult {
            case: row.case.clone(),
            subject: row.subject.clone(),
            metrics: row
                .metrics
                .iter()
                .filter_map(|(name, samples)| Some((name.clone(), Summary::of(samples)?)))
                .collect(),
        });
        BenchResult { bench: bench.to_owned(), runs, cases: cases.collect() }
    }
}

impl BenchResult {
    /// The table for people: a line per case, metric and subject, with the ratio of ours to each peer.
    pub fn table(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["case", "metric", "subject", "median", "range", "ours / peer"]);
        for case in &self.cases {
            for (metric, summary) in &case.metrics {
                let ratio = if case.subject == "ours" { None } else { self.ratio(case, metric) };
                table.add_row([
                    case.case.clone(),
                    metric.clone(),
                    case.subject.clone(),
                    number(summary.median),
                    format!("{} – {}", number(summary.min), number(summary.max)),
                    ratio.map_or_else(String::new, |r| format!("{r:.2}")),
                ]);
            }
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {} runs of each, in turn\n{table}", self.bench, self.runs);
        text
    }

    fn ratio(&self, peer: &CaseResult, metric: &str) -> Option<f64> {
        let ours = self.cases.iter().find(|c| c.case == peer.case && c.subject == "ours")?;
        ours.metrics.get(metric)?.ratio_to(peer.metrics.get(metric)?)
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> BenchResult {
        let mut samples = Samples::default();
        for (ours, frr) in [(8.0, 20.0), (12.0, 24.0), (10.0, 22.0)] {
            samples.add("withdraw", "ours", "withdraw_ms", ours);
            samples.add("withdraw", "frr", "withdraw_ms", frr);
        }
        samples.result("withdraw", 3)
    }

    #[test]
    fn the_object_has_exactly_the_published_shape() {
        let json = serde_json::to_value(sample()).expect("serializes");
        let expected = serde_json::json!({
            "bench": "withdraw",
            "runs": 3,
            "cases": [
                {"case": "withdraw", "subject": "ours",
                 "metrics": {"withdraw_ms": {"median": 10.0, "min": 8.0, "max": 12.0}}},
                {"case": "withdraw", "subject": "frr",
                 "metrics": {"withdraw_ms": {"median": 22.0, "min": 20.0, "max": 24.0}}},
            ],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn the_table_sets_our_median_against_the_peers() {
        let table = sample().table();
        let frr = table.lines().find(|line| line.contains("frr")).expect("a line for the peer");
        assert!(frr.contains("0.45") && frr.contains("20.0 – 24.0"), "{frr}");
        let ours = table.lines().find(|line| line.contains(" ours ")).expect("a line for us");
        assert!(!ours.contains("0.45"), "{ours}");
    }
}
