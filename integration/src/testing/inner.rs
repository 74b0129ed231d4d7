//! `lab run-tests`: runs ignored tests inside a confinement and leaves their outcomes in a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::libtest::{self, Invocation, Outcomes, Selection};

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the outcomes go
    #[arg(long)]
    results: PathBuf,
    /// Tests at once
    #[arg(long)]
    threads: String,
    /// Only tests whose name contains this
    #[arg(long)]
    filter: Option<String>,
    /// The binaries
    #[arg(last = true)]
    binaries: Vec<PathBuf>,
}

/// Runs the tests.
///
/// # Errors
/// A binary cannot be started, or the outcomes cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut outcomes = Outcomes::default();
    for binary in &arguments.binaries {
        let invocation = Invocation {
            binary,
            directory: Path::new(env!("CARGO_MANIFEST_DIR")),
            filter: arguments.filter.as_deref(),
            threads: Some(&arguments.threads),
            run_dir: None,
        };
        let done = libtest::run(&invocation, Selection::Ignored, &mut |line| println!("{line}"))?;
        outcomes.add(&target_of(binary), done);
        // After each binary: what has been done counts even if the next one takes everything down.
        fs::write(&arguments.results, serde_json::to_string(&outcomes)?)
            .with_context(|| format!("cannot write {}", arguments.results.display()))?;
    }
    Ok(if outcomes.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `ns_ospf` of `…/deps/ns_ospf-0123456789abcdef`.
fn target_of(binary: &Path) -> String {
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').map_or(name.as_ref(), |(target, _)| target).to_owned()
}
