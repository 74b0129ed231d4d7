//! Builds what the lab runs, with the cargo and the profile that built the lab.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::paths;

/// A test binary.
#[derive(Clone, Debug)]
pub struct TestBinary {
    /// The crate that it tests.
    pub package: String,
    /// The target's name: `ospfd`, `ns_ospf`, ...
    pub target: String,
    /// The binary.
    pub path: PathBuf,
    /// The directory in which it runs: its package's.
    pub directory: PathBuf,
}

#[derive(Deserialize)]
struct Artifact {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds our daemons and their controllers, beside the running lab.
///
/// # Errors
/// They do not build.
pub fn daemons() -> Result<()> {
    let mut command = cargo_command("build")?;
    command.args(["--quiet", "-p", "ospfd", "-p", "director", "-p", "integration", "--bins"]);
    let status =
        command.stdin(Stdio::null()).stdout(std::io::stderr()).status().context("cannot run cargo")?;
    ensure!(status.success(), "the daemons do not build");
    Ok(())
}

/// Builds these of our daemons for release, for benches, and says so: it takes minutes the first time.
///
/// # Errors
/// They do not build.
pub fn release_daemons(daemons: &[&str]) -> Result<()> {
    eprintln!("building for release: {}", daemons.join(", "));
    let mut command = cargo_command("build")?;
    command.arg("--quiet");
    for daemon in daemons {
        command.args(["-p", daemon, "--bin", daemon]);
    }
    if !command.get_args().any(|argument| argument == "--release") {
        command.arg("--release");
    }
    let status =
        command.stdin(Stdio::null()).stdout(std::io::stderr()).status().context("cannot run cargo")?;
    ensure!(status.success(), "the daemons do not build for release");
    Ok(())
}

/// Builds an example of `ospfd` for release.
///
/// # Errors
/// It does not build.
pub fn release_example(name: &str) -> Result<()> {
    eprintln!("building {name} for release");
    let mut command = cargo_command("build")?;
    command.args(["--quiet", "-p", "ospfd", "--example", name]);
    if !command.get_args().any(|argument| argument == "--release") {
        command.arg("--release");
    }
    let status =
        command.stdin(Stdio::null()).stdout(std::io::stderr()).status().context("cannot run cargo")?;
    ensure!(status.success(), "{name} does not build for release");
    Ok(())
}

/// Builds the daemons and every test binary of the workspace, and returns the latter.
///
/// # Errors
/// Something does not build.
pub fn everything() -> Result<Vec<TestBinary>> {
    daemons()?;
    let mut command = cargo_command("test")?;
    command.args(["--quiet", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"]);
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "the tests do not build");
    let text = String::from_utf8_lossy(&output.stdout);
    let artifacts = text.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let mut binaries: Vec<TestBinary> = artifacts.filter_map(test_binary).collect();
    ensure!(!binaries.is_empty(), "cargo named no test binary");
    binaries.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    Ok(binaries)
}

fn test_binary(artifact: Artifact) -> Option<TestBinary> {
    let is_test = artifact.reason == "compiler-artifact" && artifact.profile?.test;
    let directory = artifact.manifest_path?.parent()?.to_path_buf();
    let package = directory.file_name()?.to_string_lossy().into_owned();
    let binary = TestBinary { package, target: artifact.target?.name, path: artifact.executable?, directory };
    is_test.then_some(binary)
}

/// The cargo that runs us, else the one in the path; in the workspace, with the running lab's target directory and profile.
pub(super) fn cargo_command(verb: &str) -> Result<Command> {
    let bins = paths::bin_dir()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.arg(verb).current_dir(paths::workspace());
    // The tests must find the binaries beside the lab.
    if let Some(target) = bins.parent() {
        command.env("CARGO_TARGET_DIR", target);
    }
    if bins.file_name().is_some_and(|name| name == "release") {
        command.arg("--release");
    }
    Ok(command)
}
