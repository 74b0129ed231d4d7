//! `spf`: how long a whole route calculation takes, as the daemons time it themselves, and in CPU.
//!
//! Grids of 500, 2,000 and 5,000 routers, and a fat-tree of 5,120 switches of 64 ports; every router has a loopback. The
//! subject stands in the place of a corner or of an edge switch, and a speaker is all of its neighbours. A link at the far
//! end of the area then changes its cost again and again: the calculation is a whole one, while hardly a route moves, so
//! that what it takes is not that of installing routes. Subjects are up at the same time, each with an area of its own,
//! and change in turn; no two changes of one are closer than MinLSArrival allows. [`alone`] takes ours apart.

mod alone;
mod told;

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::ids::RouterId;
use ospfd::packet::RouterLsa;

use self::told::Told;
use super::area::{self, Topology, fat_tree, grid};
use super::command::Plan;
use super::result::{BenchResult, Samples};
use super::stage::{self, SUBJECTS, holder};
use crate::clock::{pause, until_some};
use crate::lab::{Lab, Options};
use crate::node::Node;
use crate::observe::clock::Clock;
use crate::observe::process::Cost;
use crate::observe::table;
use crate::speaker::Speaker;
use crate::testing;

/// Name of the bench.
pub(super) const NAME: &str = "spf";
/// Between two changes of one subject: more than MinLSArrival, and than BIRD's tick of 1 s.
const SPACING: Duration = Duration::from_millis(1200);
/// Between two looks at a kernel's table.
const LOOK: Duration = Duration::from_millis(50);
/// Until the whole area is in the kernel.
const READY_LIMIT: Duration = Duration::from_secs(90);
/// A calculation that is not told of by then is a failure of the bench.
const TOLD_LIMIT: Duration = Duration::from_secs(20);
/// Until the timers of the start have run out.
const REST: Duration = Duration::from_secs(6);
/// First of the routers of a grid, at its corner.
const CORNER: u32 = 0x0a00_0001;

/// An area, who the subject is in it, and the router that a changing link leads to.
struct Case {
    name: &'static str,
    area: fn() -> Topology,
    root: u32,
    far: u32,
}

/// All cases, by the names that the program of [`alone`] has for them.
const CASES: [Case; 4] = [
    Case { name: "grid-500", area: || grid(20, 25), root: CORNER, far: CORNER + 499 },
    Case { name: "grid-2000", area: || grid(40, 50), root: CORNER, far: CORNER + 1999 },
    Case { name: "grid-5000", area: || grid(100, 50), root: CORNER, far: CORNER + 4999 },
    Case { name: "fat-tree-5120", area: || fat_tree(64), root: 0x0a01_0000, far: 0x0a01_3f1f },
];

/// One who calculates.
struct Subject<'a> {
    name: &'static str,
    node: &'a Node,
    clock: Clock,
    /// In its kernel before it started.
    routes: usize,
    speaker: Speaker,
    told: Told,
    pids: Vec<u32>,
    instance: i32,
}

/// The router whose LSA changes, and the one that its changing link leads to.
struct Change {
    router: RouterId,
    body: RouterLsa,
    far: u32,
}

/// Builds what is measured.
///
/// # Errors
/// It does not build.
pub(super) fn build() -> Result<()> {
    testing::build::release_daemons(&["ospfd"])?;
    testing::build::release_example(alone::PROGRAM)
}

/// Runs the bench.
///
/// # Errors
/// A lab does not come up, or a calculation is not told of.
pub(super) fn measure(plan: &Plan) -> Result<BenchResult> {
    let mut samples = Samples::default();
    for case in CASES.iter().filter(|case| plan.wants(case.name)) {
        measure_case(case, plan, &mut samples).with_context(|| case.name)?;
    }
    if plan.takes("ours") {
        alone::measure(plan, &mut samples)?;
    }
    Ok(samples.result(NAME, plan.runs))
}

fn measure_case(case: &Case, plan: &Plan, samples: &mut Samples) -> Result<()> {
    let clock = Clock::start();
    let mut area = (case.area)();
    let neighbors = area::seat_subject(&mut area, case.root);
    let topology = stage::topology(NAME, u8::try_from(neighbors.len())?)?;
    let options =
        SUBJECTS.iter().fold(Options::labelled(case.name), |options, subject| options.hold(subject));
    let lab = Lab::start(&topology, &options)?;
    let logs = lab.logs().display().to_string();
    let taken = SUBJECTS.into_iter().filter(|subject| plan.takes(subject));
    let measured = taken
        .map(|name| Subject::start(clock, &lab, name, &area, &neighbors))
        .collect::<Result<Vec<_>>>()
        .and_then(|subjects| subjects.iter().try_for_each(|subject| subject.has(&area)).map(|()| subjects))
        .and_then(|subjects| {
            let change = Change::towards(&area, case.far).context("nobody leads to the far router")?;
            measure_changes(case.name, plan, subjects, &change, samples)
        });
    measured.with_context(|| format!("logs: {logs}"))
}

fn measure_changes(
    case: &str,
    plan: &Plan,
    mut subjects: Vec<Subject<'_>>,
    change: &Change,
    samples: &mut Samples,
) -> Result<()> {
    pause(REST);
    let before: Vec<Cost> = subjects.iter().map(|subject| Cost::of_all(&subject.pids)).collect();
    let slot = SPACING / u32::try_from(subjects.len()).unwrap_or(1).max(1);
    for run in 0..=plan.runs {
        for subject in &mut subjects {
            if run > 0 && subject.told.tells() {
                samples.add(case, subject.name, "spf_ms", subject.took()?.as_secs_f64() * 1000.0);
            }
            if run < plan.runs {
                subject.change(change)?;
                pause(slot);
            }
        }
    }
    for (subject, before) in subjects.iter().zip(before) {
        let cost = Cost::of_all(&subject.pids);
        let per_change = (cost.cpu_s - before.cpu_s) * 1000.0 / f64::from(plan.runs);
        samples.add(case, subject.name, "cpu_ms_per_change", per_change);
        samples.add(case, subject.name, "rss_mib", cost.rss_mib);
    }
    eprintln!("{case} done");
    Ok(())
}

impl<'a> Subject<'a> {
    /// Starts a subject and its neighbours.
    fn start(
        clock: Clock,
        lab: &'a Lab,
        name: &'static str,
        area: &Topology,
        neighbors: &[RouterId],
    ) -> Result<Self> {
        let node = lab.node(name);
        let routes = table::prefixes(node)?;
        let ends = stage::ends(neighbors.iter().copied());
        let speaker = Speaker::start(clock, lab.node(&holder(name)), &ends, area::lsas(area))?;
        stage::start(node)?;
        let (told, pids) = (Told::by(clock, node)?, stage::pids(node)?);
        Ok(Self { name, node, clock, routes, speaker, told, pids, instance: 1 })
    }

    /// Waits for the whole area to be in the kernel.
    fn has(&self, area: &Topology) -> Result<()> {
        let count = (self.routes, area.routers.len());
        table::until_more(self.node, self.clock, count, (LOOK, READY_LIMIT))
            .map(drop)
            .with_context(|| format!("the area does not come to {}", self.name))
    }

    /// Floods the next instance of the LSA.
    fn change(&mut self, change: &Change) -> Result<()> {
        self.instance += 1;
        let lsa = change.instance(self.instance).context("the LSA cannot be built")?;
        self.told.mark()?;
        self.speaker.flood(&[lsa]).map(drop)
    }

    /// How long the calculation took that the last change has led to.
    fn took(&mut self) -> Result<Duration> {
        let what = format!("{} tells how long the calculation took", self.name);
        until_some(TOLD_LIMIT, &what, || self.told.took(self.node))
    }
}

impl Change {
    /// Of the link from one of its neighbours to `far`.
    fn towards(area: &Topology, far: u32) -> Option<Self> {
        let leads = |body: &RouterLsa| body.links.iter().any(|link| area::leads_to(link, far));
        let (router, body) = area.routers.iter().rev().find(|(_, body)| leads(body))?;
        Some(Self { router: RouterId(*router), body: body.clone(), far })
    }

    /// The cost is another than in the instance before.
    fn instance(&self, instance: i32) -> Option<ospfd::packet::Lsa> {
        let mut body = self.body.clone();
        for link in body.links.iter_mut().filter(|link| area::leads_to(link, self.far)) {
            link.metric = if instance % 2 == 0 { 20 } else { 10 };
        }
        area::router_lsa(self.router.0, instance, &body)
    }
}
