//! Fuzz targets: every `fuzz/fuzz_targets/*.rs` of a crate of the workspace, built with libFuzzer and the coverage that it
//! needs. No sanitizer and no nightly compiler: our crates have no unsafe code for one to watch.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::paths;

/// What `cargo fuzz` gives the compiler, too: inline counters, and the operands of comparisons.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions";
/// Longest time and most memory that one input may take.
const INPUT_SECONDS: u32 = 10;
const MEMORY_MIB: u32 = 2_048;

/// A fuzz target.
struct Target {
    name: String,
    /// Of the crate that is fuzzed.
    directory: PathBuf,
}

/// Runs the targets whose name contains `filter` one after the other, each for `budget`. True when none of them found
/// anything.
pub(super) fn run(budget: Duration, filter: Option<&str>) -> Result<bool> {
    let mut targets = targets()?;
    targets.retain(|target| filter.is_none_or(|filter| target.name.contains(filter)));
    ensure!(!targets.is_empty(), "no fuzz target has such a name");
    let run_dir = paths::new_run_dir("fuzz")?;
    let mut holds = true;
    for target in &targets {
        let binary = build(target)?;
        holds &= target.fuzz(&binary, budget, &run_dir)?;
    }
    Ok(holds)
}

/// The targets of all crates, by name.
fn targets() -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(paths::workspace())?.flatten() {
        let directory = entry.path();
        let Ok(sources) = fs::read_dir(directory.join("fuzz/fuzz_targets")) else { continue };
        let sources = sources.flatten().map(|source| source.path());
        let names = sources
            .filter(|source| source.extension() == Some(OsStr::new("rs")))
            .filter_map(|source| source.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        targets.extend(names.map(|name| Target { name, directory: directory.clone() }));
    }
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(targets)
}

/// Builds a target. The target triple is named so that build scripts are not instrumented with it.
fn build(target: &Target) -> Result<PathBuf> {
    println!("fuzz  | building {}", target.name);
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let into = paths::lab_dir()?.join("fuzz");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--bin", &target.name, "--target", &triple])
        .current_dir(target.directory.join("fuzz"))
        .env("CARGO_TARGET_DIR", &into)
        .env("RUSTFLAGS", COVERAGE)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "fuzz target {} does not build", target.name);
    Ok(into.join(triple).join("release").join(&target.name))
}

impl Target {
    fn fuzz(&self, binary: &Path, budget: Duration, run_dir: &Path) -> Result<bool> {
        let name = &self.name;
        // What is found stays for the next time; what is stored is only read.
        let grown = paths::lab_dir()?.join("fuzz").join("corpus").join(name);
        fs::create_dir_all(&grown).with_context(|| format!("cannot make {}", grown.display()))?;
        let stored = self.directory.join("tests/corpus").join(name);
        let log = run_dir.join(format!("{name}.log"));
        let out = fs::File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        println!("fuzz  | {name} for {budget:.0?}, log in {}", log.display());
        let status = Command::new(binary)
            .arg(format!("-max_total_time={}", budget.as_secs()))
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .arg(format!("-artifact_prefix={}/{name}-", run_dir.display()))
            .arg("-print_final_stats=1")
            .arg(&grown)
            .args(stored.is_dir().then_some(&stored))
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .status()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let text = fs::read_to_string(&log).unwrap_or_default();
        for line in text.lines().filter(|line| line.starts_with("stat::") || line.contains("panicked at")) {
            println!("fuzz  | {name}: {line}");
        }
        if !status.success() {
            let path = run_dir.display();
            println!(
                "fuzz  | {name} found something: see {name}.log and {name}-* in {path}; store the input as"
            );
            println!("fuzz  | {}/NAME, where the tests replay it", stored.display());
        }
        Ok(status.success())
    }
}
