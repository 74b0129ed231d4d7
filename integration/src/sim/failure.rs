//! A run that went wrong, told so that it can be repeated.

use std::fmt;
use std::path::PathBuf;

use common::time::Instant;

/// Lines of the trace that are printed; all of it is in the evidence.
const PRINTED: usize = 40;

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
    /// Where the whole of it lies, and how it is run again.
    pub evidence: Option<Evidence>,
}

/// What a failed run has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// A directory with `trace.txt`, and with a recording of each life of each router, for `ospfctl replay`.
    pub directory: PathBuf,
    /// The command that runs the seed again.
    pub rerun: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} at {}:", self.seed, self.at)?;
        for line in &self.what {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "what happened last:")?;
        for line in self.trace.iter().skip(self.trace.len().saturating_sub(PRINTED)) {
            writeln!(f, "  {line}")?;
        }
        if let Some(Evidence { directory, rerun }) = &self.evidence {
            let directory = directory.display();
            writeln!(f, "all that happened: {directory}/trace.txt")?;
            writeln!(f, "one router by itself: ospfctl replay {directory}/router-N-life-M.jsonl")?;
            writeln!(f, "again: {rerun}")?;
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
