//! `ospf-churn`: a link cost in an area of 2,000 routers changes again and again, and half of the routes with it.
//!
//! The area is a grid of 50 by 40 routers with a loopback each. Two routers that a speaker plays connect the subject to
//! the two ends of one side. What changes is the cost of the link from the first of them into the grid: at 10 the
//! near half of the routers is reached over it, at 1000 none is. Time runs from the moment before the flood to the
//! kernel's last notification that belongs to it. Subjects are up at the same time, each with an area of its own, and
//! change in turn; no two changes of one are closer than MinLSArrival allows.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::ids::RouterId;
use common::time::Instant;
use ospfd::packet::RouterLsa;

use super::area::{self, Topology, grid, link_to_subject};
use super::command::Plan;
use super::result::{BenchResult, Samples};
use super::stage::{self, SUBJECTS, holder, holder_address};
use crate::clock::{pause, until, until_some};
use crate::lab::{Lab, Options};
use crate::observe::clock::Clock;
use crate::observe::gateways::Gateways;
use crate::observe::process::Cost;
use crate::speaker::Speaker;

/// Name of the bench and of its one case.
pub(super) const NAME: &str = "ospf-churn";
const CASE: &str = "grid-2000";
const WIDTH: u32 = 50;
const HEIGHT: u32 = 40;
/// The routers that the speaker is.
const NEAR: RouterId = RouterId(0x0aff_0001);
const FAR: RouterId = RouterId(0x0aff_0002);
/// The corners that they lead to.
const NEAR_CORNER: u32 = 0x0a00_0001;
const FAR_CORNER: u32 = NEAR_CORNER + WIDTH - 1;
/// Routes over the near router: with both at the same cost, and with the near one out of the way.
const SHARED: usize = (WIDTH / 2 * HEIGHT) as usize + 1;
const ALONE: usize = 1;
/// Between two changes of one subject: more than MinLSArrival.
const SPACING: Duration = Duration::from_millis(1200);
/// Until the whole area is in the kernel.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// A change that takes longer is a failure of the bench.
const CHANGE_LIMIT: Duration = Duration::from_secs(20);
/// Until the timers of the start have run out.
const REST: Duration = Duration::from_secs(6);

struct Subject {
    name: &'static str,
    speaker: Speaker,
    gateways: Gateways,
    pids: Vec<u32>,
    instance: i32,
    changed_at: Option<Instant>,
}

/// Runs the bench.
///
/// # Errors
/// The lab does not come up, or a change does not reach a kernel.
pub(super) fn measure(plan: &Plan) -> Result<BenchResult> {
    let clock = Clock::start();
    let topology = stage::topology(NAME, 2)?;
    let options = SUBJECTS.iter().fold(Options::default(), |options, subject| options.hold(subject));
    let lab = Lab::start(&topology, &options)?;
    let logs = lab.logs().display().to_string();
    measure_in(&lab, clock, plan).with_context(|| format!("logs: {logs}"))
}

fn measure_in(lab: &Lab, clock: Clock, plan: &Plan) -> Result<BenchResult> {
    let area = area();
    let lsas = area::lsas(&area);
    let near = area.routers.get(&NEAR.0).context("the near router is in the area")?;
    let mut subjects = Vec::new();
    for name in SUBJECTS.into_iter().filter(|subject| plan.takes(subject)) {
        let gateways = Gateways::start(clock, lab.node(name))?;
        let ends = stage::ends([NEAR, FAR]);
        let speaker = Speaker::start(clock, lab.node(&holder(name)), &ends, lsas.iter().cloned())?;
        stage::start(lab.node(name))?;
        let pids = stage::pids(lab.node(name))?;
        subjects.push(Subject { name, speaker, gateways, pids, instance: 1, changed_at: None });
    }
    for subject in &subjects {
        let what = format!("the area is in the kernel of {}", subject.name);
        let [near, far] = [0, 1].map(holder_address);
        let count = |gateway: Ipv4Addr| subject.gateways.count(gateway);
        until(READY_LIMIT, &what, || (count(near), count(far)) == (SHARED, SHARED)).with_context(|| {
            format!("{} routes over the near router, {} over the far one", count(near), count(far))
        })?;
    }
    pause(REST);
    let mut samples = Samples::default();
    let before: Vec<Cost> = subjects.iter().map(|subject| Cost::of_all(&subject.pids)).collect();
    let slot = SPACING / u32::try_from(subjects.len()).unwrap_or(1).max(1);
    for run in 1..=plan.runs {
        for subject in &mut subjects {
            subject.collect(&mut samples)?;
            subject.change(near)?;
            pause(slot);
        }
        if run % 20 == 0 {
            eprintln!("change {run}/{} done", plan.runs);
        }
    }
    for (subject, before) in subjects.iter_mut().zip(before) {
        subject.collect(&mut samples)?;
        let cost = Cost::of_all(&subject.pids);
        let per_change = (cost.cpu_s - before.cpu_s) * 1000.0 / f64::from(plan.runs);
        samples.add(CASE, subject.name, "cpu_ms_per_change", per_change);
        samples.add(CASE, subject.name, "rss_mib", cost.rss_mib);
    }
    Ok(samples.result(NAME, plan.runs))
}

impl Subject {
    /// Floods the next instance of the near router's LSA.
    fn change(&mut self, near: &RouterLsa) -> Result<()> {
        self.instance += 1;
        let is_alone = self.instance % 2 == 0;
        let mut body = near.clone();
        if let Some(link) = body.links.iter_mut().find(|link| link.link_id == NEAR_CORNER) {
            link.metric = if is_alone { 1000 } else { 10 };
        }
        let lsa = area::router_lsa(NEAR.0, self.instance, &body).context("the LSA cannot be built")?;
        self.gateways.want(holder_address(0), if is_alone { ALONE } else { SHARED });
        self.changed_at = Some(self.speaker.flood(&[lsa])?);
        Ok(())
    }

    /// Waits for the last change to be in the kernel.
    fn collect(&mut self, samples: &mut Samples) -> Result<()> {
        let Some(changed_at) = self.changed_at.take() else { return Ok(()) };
        let what = format!("the kernel of {} follows a change", self.name);
        let reached_at = until_some(CHANGE_LIMIT, &what, || self.gateways.reached_at())?;
        ensure!(!self.gateways.is_overrun(), "{what}: notifications were lost");
        samples.add(CASE, self.name, "kernel_ms", reached_at.since(changed_at).as_secs_f64() * 1000.0);
        Ok(())
    }
}

/// The grid, and the two routers at its side.
fn area() -> Topology {
    let mut area = grid(WIDTH, HEIGHT);
    for (end, router, corner) in [(0, NEAR.0, NEAR_CORNER), (1, FAR.0, FAR_CORNER)] {
        area.link(router, corner, 10);
        area.router(router).links.push(link_to_subject(end, 10));
        area.stub(router, Ipv4Addr::from_bits(router), Ipv4Addr::BROADCAST, 0);
    }
    area
}
