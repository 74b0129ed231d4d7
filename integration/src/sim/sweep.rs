//! Many seeds at once, and the evidence of one that fails.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::failure::{Evidence, Failure};
use super::scenario::{Extras, Suite, play};
use crate::paths;

/// Names the seeds that are to be played instead of the usual ones.
const SEED_VARIABLE: &str = "SIM_SEED";

impl Suite {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Networks, Self::Areas];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Areas => "areas",
        }
    }

    /// The test that plays it.
    pub const fn test(self) -> &'static str {
        match self {
            Self::Networks => "random_networks_agree_once_the_weather_clears",
            Self::Areas => "random_events_leave_all_areas_agreed",
        }
    }
}

/// The seeds that `SIM_SEED` names, else the usual ones. `SIM_SEED=7` is one seed, `SIM_SEED=300..9000` a range.
///
/// # Panics
/// It names none.
fn seeds(usual: Range<u64>) -> Range<u64> {
    match std::env::var(SEED_VARIABLE) {
        Ok(wanted) => range(&wanted).expect("SIM_SEED is a number, or two with .. between them"),
        Err(_) => usual,
    }
}

/// `7`, or `300..9000`.
pub fn range(text: &str) -> Option<Range<u64>> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match text.split_once("..") {
        Some((from, to)) => Some(number(from)?..number(to)?),
        None => number(text).map(|seed| seed..seed + 1),
    }
}

/// Plays the seeds on all processors, as long as it may `go_on`. Gives the number of seeds that were played.
///
/// # Errors
/// The lowest of the seeds that failed; the others that were under way have been played to their end.
pub fn sweep(suite: Suite, seeds: Range<u64>, go_on: impl Fn() -> bool + Sync) -> Result<u64, Failure> {
    let (next, played) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let failed: Mutex<Option<Failure>> = Mutex::new(None);
    let note = |failure: Failure| {
        let mut lowest = failed.lock().unwrap_or_else(PoisonError::into_inner);
        if lowest.as_ref().is_none_or(|known| failure.seed < known.seed) {
            *lowest = Some(failure);
        }
        next.store(seeds.end, Ordering::Relaxed);
    };
    let work = || {
        while go_on() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            match play(suite, seed, Extras::default()) {
                Ok(_) => drop(played.fetch_add(1, Ordering::Relaxed)),
                Err(failure) => note(failure),
            }
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| drop(scope.spawn(work)));
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or_else(|| Ok(played.into_inner()), Err)
}

/// Plays a seed that failed once more, and has it written down in a directory of its own in `run_dir`.
pub fn with_evidence(suite: Suite, failure: Failure, run_dir: &Path, extras: Extras<'_>) -> Failure {
    let directory = run_dir.join(format!("sim-{}-{}", suite.name(), failure.seed));
    let again = play(suite, failure.seed, Extras { write_to: Some(&directory), ..extras });
    let (variable, seed) = (SEED_VARIABLE, failure.seed);
    let rerun = format!("{variable}={seed} cargo lab test {} --only sim", suite.test());
    let failure = match again {
        Err(again) if again.what == failure.what => again,
        other => {
            let mut failure = failure;
            failure.what.push(format!("it does not fail in the same way again: {other:?}"));
            failure
        }
    };
    Failure { evidence: Some(Evidence { directory, rerun }), ..failure }
}

/// Plays what a test of a suite is to play: the usual seeds, or what `SIM_SEED` names.
///
/// # Errors
/// As [`sweep`], with evidence.
pub fn test(suite: Suite, usual: u64) -> Result<(), Failure> {
    let told = |failure| match paths::run_dir() {
        Ok(run_dir) => with_evidence(suite, failure, &run_dir, Extras::default()),
        Err(_) => failure,
    };
    sweep(suite, seeds(0..usual), || true).map(drop).map_err(told)
}
