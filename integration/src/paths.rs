//! Where things lie: built binaries, run directories, caches.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::clock;

/// Names the directory of the running command's logs and results to the processes that it starts.
pub const RUN_DIR_VARIABLE: &str = "EVENKEEL_LAB_RUN";

/// Runs whose directories are kept; older ones are removed when a new one is made.
const KEPT_RUNS: usize = 20;

/// The directory of the built binaries, `target/debug` as a rule.
///
/// # Errors
/// The running executable's path is unknown.
pub fn bin_dir() -> Result<PathBuf> {
    let executable = std::env::current_exe().context("the path of the running executable is unknown")?;
    let parent = executable.parent().context("the running executable lies in no directory")?;
    let in_deps = parent.file_name().is_some_and(|name| name == "deps");
    let directory = if in_deps { parent.parent().unwrap_or(parent) } else { parent };
    Ok(directory.to_path_buf())
}

/// The path of one of our binaries: `ospfd`, `ospfctl`, `director`, `directorctl`, `lab`.
///
/// # Errors
/// It has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = bin_dir()?.join(name);
    anyhow::ensure!(
        path.exists(),
        "{} has not been built; `cargo lab` builds it before it starts a lab",
        path.display()
    );
    Ok(path)
}

/// The path of a daemon of the release build, whatever the profile of the running lab: benches measure that one.
///
/// # Errors
/// It has not been built.
pub fn release_binary(name: &str) -> Result<PathBuf> {
    let bins = bin_dir()?;
    let path = bins.parent().unwrap_or(&bins).join("release").join(name);
    anyhow::ensure!(path.exists(), "{} has not been built; `cargo lab bench` builds it", path.display());
    Ok(path)
}

/// The path of an example of the release build.
///
/// # Errors
/// It has not been built.
pub fn release_example(name: &str) -> Result<PathBuf> {
    let bins = bin_dir()?;
    let path = bins.parent().unwrap_or(&bins).join("release").join("examples").join(name);
    anyhow::ensure!(path.exists(), "{} has not been built; `cargo lab bench` builds it", path.display());
    Ok(path)
}

/// `target/lab`: run directories and caches.
///
/// # Errors
/// The running executable's path is unknown.
pub fn lab_dir() -> Result<PathBuf> {
    let bins = bin_dir()?;
    Ok(bins.parent().unwrap_or(&bins).join("lab"))
}

/// The root of the checkout.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The directory of the topologies.
pub fn topologies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies")
}

/// The directory of this run: the one that the starting command made, or a new one.
///
/// # Errors
/// It could not be made.
pub fn run_dir() -> Result<PathBuf> {
    match std::env::var_os(RUN_DIR_VARIABLE) {
        Some(path) => Ok(PathBuf::from(path)),
        None => new_run_dir("run"),
    }
}

/// Makes `target/lab/<what>-<seconds>-<pid>`.
///
/// # Errors
/// It could not be made.
pub fn new_run_dir(what: &str) -> Result<PathBuf> {
    let parent = lab_dir()?.join("runs");
    fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
    forget_old_runs(&parent);
    let path = parent.join(format!("{}-{what}-{}", clock::epoch_seconds(), std::process::id()));
    fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}

/// Names start with the time, so that the order of names is the order of runs.
fn forget_old_runs(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let mut runs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    runs.sort();
    let surplus = runs.len().saturating_sub(KEPT_RUNS);
    for old in runs.iter().take(surplus) {
        // Housekeeping: what cannot be removed now is tried again next time.
        let _ = fs::remove_dir_all(old);
    }
}
