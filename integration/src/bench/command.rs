//! `cargo lab bench`: makes ready, measures in a confinement, and prints one object or a table.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::result::BenchResult;
use super::{churn, originate, spf, sync, withdraw};
use crate::guest::tier::Tier;
use crate::lab::topology::Needs;
use crate::place::{self, Output, Work};
use crate::{paths, setup, testing};

/// Where the inner command leaves the result.
const RESULT: &str = "bench.json";

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The bench; see `--list`
    #[arg(required_unless_present = "list")]
    pub name: Option<String>,
    /// Prints one JSON object and nothing else on standard output
    #[arg(long)]
    pub json: bool,
    /// Runs of each subject; each bench has its own default
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: Option<u32>,
    /// Only these cases of the bench; may be given several times
    #[arg(long = "case", value_name = "CASE")]
    pub cases: Vec<String>,
    /// Only these subjects; may be given several times
    #[arg(long = "subject", value_name = "SUBJECT")]
    pub subjects: Vec<String>,
    /// Forces the kernel, where the bench needs IPVS
    #[arg(long, value_enum)]
    pub tier: Option<Tier>,
    /// Lists the benches
    #[arg(long)]
    pub list: bool,
    /// Measures here: set in the confinement
    #[arg(long, hide = true)]
    pub inside: bool,
}

/// What of a bench is to be run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Runs of each subject.
    pub(super) runs: u32,
    cases: Vec<String>,
    subjects: Vec<String>,
}

impl Plan {
    /// Is this case to be run?
    pub(super) fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.names(case)
    }

    /// Has it been asked for by its name?
    pub(super) fn names(&self, case: &str) -> bool {
        self.cases.iter().any(|wanted| wanted == case)
    }

    /// Does this subject take part?
    pub(super) fn takes(&self, subject: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|wanted| wanted == subject)
    }
}

/// A bench: what it measures and how.
struct Bench {
    name: &'static str,
    about: &'static str,
    needs: Needs,
    runs: u32,
    /// A run of every subject takes less.
    run_limit: Duration,
    /// Builds what it measures.
    build: fn() -> Result<()>,
    measure: fn(&Plan) -> Result<BenchResult>,
}

/// All benches.
const BENCHES: [Bench; 5] = [
    Bench {
        name: withdraw::NAME,
        about: "from \"health says no\" to the route gone from the upstream's kernel; ours against FRR and BIRD as directors",
        needs: Needs::Namespaces,
        runs: 14,
        run_limit: Duration::from_secs(40),
        build: || testing::build::release_daemons(&["ospfd"]),
        measure: withdraw::measure,
    },
    Bench {
        name: spf::NAME,
        about: "a whole route calculation, in time and CPU, in areas of up to 5,120 routers with ECMP",
        needs: Needs::Namespaces,
        runs: 15,
        run_limit: Duration::from_secs(30),
        build: spf::build,
        measure: spf::measure,
    },
    Bench {
        name: sync::NAME,
        about: "cold start beside a router that holds 1k, 10k, 100k external routes, until all are in the kernel",
        needs: Needs::Namespaces,
        runs: 1,
        run_limit: Duration::from_secs(300),
        build: || testing::build::release_daemons(&["ospfd"]),
        measure: sync::measure,
    },
    Bench {
        name: churn::NAME,
        about: "a link cost in an area of 2,000 routers changes: CPU per change, and time until half of the routes have moved",
        needs: Needs::Namespaces,
        runs: 100,
        run_limit: Duration::from_secs(3),
        build: || testing::build::release_daemons(&["ospfd"]),
        measure: churn::measure,
    },
    Bench {
        name: originate::NAME,
        about: "the start with 1k and 10k VIPs, until the last is in the kernel of the upstream",
        needs: Needs::Namespaces,
        runs: 1,
        run_limit: Duration::from_secs(300),
        build: || testing::build::release_daemons(&["ospfd"]),
        measure: originate::measure,
    },
];

/// Measures, and prints the result.
///
/// # Errors
/// There is no such bench, or it could not be measured.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        for bench in &BENCHES {
            println!("{:<12} {}", bench.name, bench.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = arguments.name.as_deref().unwrap_or_default();
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == wanted) else {
        bail!("there is no bench {wanted:?}; `cargo lab bench --list` shows those there are");
    };
    let runs = arguments.runs.unwrap_or(bench.runs);
    if arguments.inside {
        let plan = Plan { runs, cases: arguments.cases.clone(), subjects: arguments.subjects.clone() };
        let result = (bench.measure)(&plan)?;
        let path = paths::run_dir()?.join(RESULT);
        fs::write(&path, serde_json::to_string(&result)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let result = outside(bench, runs, arguments)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&result)?);
    } else {
        print!("{}", result.table());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds, measures in a confinement whose output goes to standard error, and reads what it left.
fn outside(bench: &Bench, runs: u32, arguments: &Arguments) -> Result<BenchResult> {
    setup::ensure_packages()?;
    (bench.build)()?;
    let run_dir = paths::new_run_dir("bench")?;
    let count = runs.to_string();
    let mut inner = vec!["bench", bench.name, "--inside", "--runs", &count];
    inner.extend(arguments.cases.iter().flat_map(|case| ["--case", case]));
    inner.extend(arguments.subjects.iter().flat_map(|subject| ["--subject", subject]));
    let deadline = Duration::from_secs(120) + bench.run_limit * runs;
    let status =
        place::run(bench.needs, arguments.tier, Work::lab(&inner, &run_dir, deadline, Output::Stderr)?)?;
    ensure!(status.success(), "the bench went wrong ({status}); its logs: {}", run_dir.display());
    let path = run_dir.join(RESULT);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))
}
