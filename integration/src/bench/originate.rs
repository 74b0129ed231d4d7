//! `ospf-originate`: the start of a speaker with many VIPs, until the last of them is in the kernel of its upstream (FRR).
//!
//! All tell of them as AS-external-LSAs of type 2: ours has them in its configuration, BIRD has them as static routes, FRR
//! redistributes them from its kernel, where they stand before it starts. The upstream is up and at rest before.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::command::Plan;
use super::result::{BenchResult, Samples};
use super::stage::{self, SUBJECTS, holder};
use super::sync;
use crate::clock::pause;
use crate::lab::{Lab, Options};
use crate::observe::clock::Clock;
use crate::observe::process::Cost;
use crate::observe::table;

/// Name of the bench.
pub(super) const NAME: &str = "ospf-originate";
/// Between two looks at the upstream's table.
const LOOK: Duration = Duration::from_millis(5);
/// Until all VIPs are there.
const LIMIT: Duration = Duration::from_secs(90);
/// What is still done after the last route counts, too.
const AFTER: Duration = Duration::from_secs(2);
/// How many VIPs.
const CASES: [(&str, u32); 2] = [("1k", 1_000), ("10k", 10_000)];

/// Runs the bench.
///
/// # Errors
/// A lab does not come up, or the VIPs do not arrive.
pub(super) fn measure(plan: &Plan) -> Result<BenchResult> {
    let mut samples = Samples::default();
    for run in 1..=plan.runs {
        for (case, count) in CASES.into_iter().filter(|(case, _)| plan.wants(case)) {
            for subject in SUBJECTS.into_iter().filter(|subject| plan.takes(subject)) {
                let (took, cost) = one(subject, count).with_context(|| format!("{case}, {subject}"))?;
                let took = took.as_secs_f64();
                samples.add(case, subject, "upstream_s", took);
                samples.add(case, subject, "cpu_s", cost.cpu_s);
                samples.add(case, subject, "rss_mib", cost.rss_mib);
                eprintln!(
                    "run {run}/{}, {case}, {subject}: {took:.2} s, CPU {:.2} s, {:.1} MiB",
                    plan.runs, cost.cpu_s, cost.rss_mib
                );
            }
        }
    }
    Ok(samples.result(NAME, plan.runs))
}

fn one(subject: &str, count: u32) -> Result<(Duration, Cost)> {
    let clock = Clock::start();
    let (mut ours, mut bird) = (String::new(), "protocol static { ipv4;\n".to_owned());
    for vip in (0..count).map(vip) {
        // Writing to a String cannot fail.
        let _ = writeln!(ours, "[advertise.\"{vip}/32\"]\nmetric = 20\ntype = \"external-2\"");
        let _ = writeln!(bird, "  route {vip}/32 blackhole;");
    }
    bird.push_str("}\n");
    let mut topology = stage::topology(NAME, 1)?
        .with("extra_ours", &ours)
        .with("extra_frr", " redistribute kernel")
        .with("extra_bird", &bird)
        .with("bird_kernel", "export none;")
        .with("bird_ospf", "export where source = RTS_STATIC;");
    let holder = holder(subject);
    stage::only(&mut topology, subject);
    if let Some(spec) = topology.nodes.get_mut(&holder) {
        spec.software = sync::frr("");
    }
    if let Some(spec) = topology.nodes.get_mut("frr") {
        spec.ip = (0..count).map(vip).map(|vip| format!("route add {vip}/32 dev lo")).collect();
    }
    let lab = Lab::start(&topology, &Options::default().hold(subject))?;
    let (node, upstream) = (lab.node(subject), lab.node(&holder));
    let before = table::prefixes(upstream)?;
    let start_at = clock.now();
    stage::start(node)?;
    let arrived_at = table::until_more(upstream, clock, (before, count as usize), (LOOK, LIMIT))
        .with_context(|| format!("logs: {}", lab.logs().display()))?;
    pause(AFTER);
    Ok((arrived_at.since(start_at), Cost::of_all(&stage::pids(node)?)))
}

/// Distinct addresses from 20.0.0.0 on.
fn vip(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x1400_0000 + number)
}
