//! `cargo lab demo`: makes ready, chooses the kernel, and brings the results home.

use std::fs;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::play;
use super::screen::Style;
use crate::guest::tier::Tier;
use crate::lab::topology::Needs;
use crate::place::{self, Output, Work};
use crate::testing;
use crate::{paths, setup};

/// The measured steps.
pub(super) const REPORT: &str = "report.json";
/// The picture.
pub(super) const TIMELINE: &str = "timeline.svg";
/// The whole demo is killed after this time.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// With `--keep`.
const KEEP_DEADLINE: Duration = Duration::from_secs(3 * 60 * 60);

/// What the command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Forces the kernel
    #[arg(long, value_enum)]
    pub tier: Option<Tier>,
    /// How long things are watched between two blows
    #[arg(long, value_enum, default_value_t = Speed::Normal)]
    pub speed: Speed,
    /// Leaves everything running after the last step, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Plays here: set in the confinement
    #[arg(long, hide = true)]
    pub inside: bool,
    /// Set in the confinement when a person looks on
    #[arg(long, hide = true)]
    pub terminal: bool,
}

/// The pace of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Speed {
    /// Enough to measure.
    Fast,
    /// Enough to watch.
    Normal,
}

impl Speed {
    /// The span of a look at calm traffic.
    pub(super) fn calm(self) -> Duration {
        match self {
            Self::Fast => Duration::from_millis(1500),
            Self::Normal => Duration::from_secs(4),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Normal => "normal",
        }
    }
}

/// Plays the demo where there is a kernel with IPVS, and brings its results to `target/lab/demo/`.
///
/// # Errors
/// The lab could not be set up. A step that went wrong is told, and makes the exit code 1.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.inside {
        let style = if arguments.terminal { Style::Terminal } else { Style::Plain };
        return play::play(style, arguments.speed, arguments.keep);
    }
    setup::ensure_packages()?;
    testing::build::daemons()?;
    let run_dir = paths::new_run_dir("demo")?;
    let mut inner = vec!["demo", "--inside", "--speed", arguments.speed.word()];
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        inner.push("--terminal");
    }
    if arguments.keep {
        inner.push("--keep");
    }
    let deadline = if arguments.keep { KEEP_DEADLINE } else { DEADLINE };
    let work = Work::lab(&inner, &run_dir, deadline, Output::Stdout)?;
    let status = place::run(Needs::Ipvs, arguments.tier, work)?;
    let told = bring_home(&run_dir)?;
    if let Some(told) = told {
        println!("{told}");
    }
    if status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    if status.code() == Some(place::DEADLINE_STATUS) {
        eprintln!("the demo was killed: it took longer than {} minutes", deadline.as_secs() / 60);
    }
    eprintln!("the demo went wrong; all logs: {}", run_dir.display());
    Ok(ExitCode::FAILURE)
}

/// Copies the results to where they are looked for, and says where that is.
fn bring_home(run_dir: &Path) -> Result<Option<String>> {
    if !run_dir.join(REPORT).exists() {
        return Ok(None);
    }
    let home = paths::lab_dir()?.join("demo");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    for name in [REPORT, TIMELINE] {
        let to = home.join(name);
        fs::copy(run_dir.join(name), &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(Some(format!("figures: {}\npicture: {}", home.join(REPORT).display(), home.join(TIMELINE).display())))
}
