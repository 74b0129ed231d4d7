//! `cargo lab test`: unit tests and simulation, then network namespaces and the guest side by side.
//!
//! Tests that need privileges are ordinary ignored tests: those of `integration/tests/ns_*.rs` run in a confinement on the
//! running kernel, those of `guest_*.rs` where IPVS is. A test that could not run counts as failed.

pub mod build;
pub mod inner;
mod libtest;
mod summary;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use self::build::TestBinary;
use self::libtest::{Invocation, Outcomes, Selection};
use self::summary::Phase;
use crate::guest::tier::Tier;
use crate::lab::topology::Needs;
use crate::place::{Output, Work};
use crate::{clock, paths, place, setup};

/// Longest time for the tests of one phase.
const PHASE_LIMIT: Duration = Duration::from_secs(20 * 60);
/// Labs mostly wait: more of them than processors may run at once.
const NAMESPACE_THREADS: &str = "6";
/// An emulated processor is not hurried.
const GUEST_THREADS: &str = "2";

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Forces the kernel for the tests that need IPVS
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// Only this phase
    #[arg(long, value_enum)]
    only: Option<Only>,
}

/// A phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// Tests of the crates, and of the documentation
    Unit,
    /// Simulation in virtual time, and what else the lab tests in its own process
    Sim,
    /// Network namespaces with FRR and BIRD
    Ns,
    /// IPVS on a real kernel
    Guest,
}

/// Runs the phases and prints the summary.
///
/// # Errors
/// Something could not be installed or built. Failing tests are no error here: see the exit code.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure_packages()?;
    let binaries = build::everything()?;
    let run_dir = paths::new_run_dir("test")?;
    let wants = |phase| arguments.only.is_none_or(|only| only == phase);
    let mut phases = Vec::new();
    let filter = arguments.filter.as_deref();
    if wants(Only::Unit) {
        phases
            .push(in_process("unit", &binaries, filter, &run_dir, |binary| binary.package != "integration")?);
        phases.push(Phase::timed("doc", || documentation(filter))?);
    }
    if wants(Only::Sim) {
        phases
            .push(in_process("sim", &binaries, filter, &run_dir, |binary| binary.package == "integration")?);
    }
    let namespaces = || elsewhere("ns", Needs::Namespaces, &pick(&binaries, "ns_"), arguments, &run_dir);
    let guest = || elsewhere("guest", Needs::Ipvs, &pick(&binaries, "guest_"), arguments, &run_dir);
    // Side by side: both mostly wait for timers, or for an emulated processor.
    let (namespaces, guest) = std::thread::scope(|scope| {
        let namespaces = wants(Only::Ns).then(|| scope.spawn(namespaces));
        let guest = wants(Only::Guest).then(guest);
        (namespaces.map(std::thread::ScopedJoinHandle::join), guest)
    });
    phases.extend(
        namespaces.map(|joined| joined.unwrap_or_else(|_| Phase::broken("ns", "its thread panicked"))),
    );
    phases.extend(guest);
    Ok(summary::print(&phases, &run_dir))
}

/// Tests that need nothing, in their own processes.
fn in_process(
    name: &'static str,
    binaries: &[TestBinary],
    filter: Option<&str>,
    run_dir: &Path,
    chosen: impl Fn(&TestBinary) -> bool,
) -> Result<Phase> {
    Phase::timed(name, || {
        let mut outcomes = Outcomes::default();
        for binary in binaries.iter().filter(|binary| chosen(binary)) {
            let invocation = Invocation {
                binary: &binary.path,
                directory: &binary.directory,
                filter,
                threads: None,
                run_dir: Some(run_dir),
            };
            outcomes.add(
                &binary.target,
                libtest::run(&invocation, Selection::Plain, &mut |line| show(name, line))?,
            );
        }
        Ok(outcomes)
    })
}

/// The examples in the documentation: only cargo can run these.
fn documentation(filter: Option<&str>) -> Result<Outcomes> {
    let mut command = build::cargo_command("test")?;
    command
        .args(["--quiet", "--workspace", "--doc", "--no-fail-fast", "--", "--format", "pretty"])
        .args(filter);
    let mut outcomes = Outcomes::default();
    let (ended, results) = libtest::stream(&mut command, &mut |line| show("doc", line))?;
    let failed_to_build = !ended.success() && results.failed.is_empty();
    outcomes.add("doc", results);
    if failed_to_build {
        outcomes.fail("doc: the examples do not build");
    }
    Ok(outcomes)
}

/// Tests that need namespaces or IPVS: `lab run-tests` inside the place that has it.
fn elsewhere(
    name: &'static str,
    needs: Needs,
    binaries: &[&TestBinary],
    arguments: &Arguments,
    run_dir: &Path,
) -> Phase {
    let done = Phase::timed(name, || {
        let expected = libtest::list_ignored(binaries, arguments.filter.as_deref())?;
        if expected.is_empty() {
            return Ok(Outcomes::default());
        }
        let out_dir = run_dir.join(name);
        fs::create_dir_all(&out_dir).with_context(|| format!("cannot make {}", out_dir.display()))?;
        let results = out_dir.join("results.json");
        let results = results.to_string_lossy();
        let in_guest = needs == Needs::Ipvs || !nix::unistd::geteuid().is_root();
        let threads = if in_guest { GUEST_THREADS } else { NAMESPACE_THREADS };
        let mut words = vec!["run-tests", "--results", &results, "--threads", threads];
        words.extend(arguments.filter.iter().flat_map(|filter| ["--filter", filter]));
        words.push("--");
        let paths: Vec<_> = binaries.iter().map(|binary| binary.path.to_string_lossy()).collect();
        words.extend(paths.iter().map(AsRef::as_ref));
        let output = Output::Lines(Box::new(move |line| show(name, line)));
        let ended = place::run(needs, arguments.tier, Work::lab(&words, &out_dir, PHASE_LIMIT, output)?);
        let reason = match &ended {
            Ok(status) => format!("did not run: the place ended with {status}"),
            Err(error) => format!("did not run: {error:#}"),
        };
        let told =
            fs::read_to_string(&*results).ok().and_then(|text| serde_json::from_str::<Outcomes>(&text).ok());
        Ok(told.unwrap_or_default().against(&expected, &reason))
    });
    done.unwrap_or_else(|error| Phase::broken(name, &format!("{error:#}")))
}

fn pick<'a>(binaries: &'a [TestBinary], prefix: &str) -> Vec<&'a TestBinary> {
    binaries
        .iter()
        .filter(|binary| binary.package == "integration" && binary.target.starts_with(prefix))
        .collect()
}

fn show(phase: &str, line: &str) {
    if !line.trim().is_empty() {
        println!("{phase:<5} | {line}");
    }
}

impl Phase {
    /// A stopwatch around a phase.
    fn timed(name: &'static str, work: impl FnOnce() -> Result<Outcomes>) -> Result<Self> {
        let started = clock::now();
        let outcomes = work()?;
        Ok(Self { name, outcomes, took: started.elapsed() })
    }
}
