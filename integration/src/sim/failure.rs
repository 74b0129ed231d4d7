//! A run that went wrong, told so that it can be repeated.

use std::collections::VecDeque;
use std::fmt;

use common::time::Instant;

/// Lines kept of what happened last.
const KEPT: usize = 300;

/// What went wrong, when, and what led to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// The world's seed.
    pub seed: u64,
    /// Virtual time.
    pub at: Instant,
    /// The broken laws.
    pub what: Vec<String>,
    /// The last things that happened, oldest first.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} at {}:", self.seed, self.at)?;
        for line in &self.what {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "what happened last:")?;
        for line in &self.trace {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// The same as `Display`: it is what a failing test prints.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// The last things that happened.
#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: VecDeque<String>,
}

impl Trace {
    pub(super) fn push(&mut self, now: Instant, line: impl fmt::Display) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{now} {line}"));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
