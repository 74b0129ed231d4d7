//! `ospf-sync`: the cold start of a router beside one that holds many external routes, until all are in the kernel.
//!
//! Case `N`: the neighbour is a speaker of ours that answers at once. What is left is the work of the router itself, and
//! the waits that its own timers impose. Case `N-frr`: the neighbour is FRR with its default retransmission and
//! origination timers, as it is in many networks. Every run has new processes and a new kernel table. The time runs
//! from the start of the first daemon; processor time is read 2 s after the last route, when acknowledgements are out.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::ids::RouterId;
use ipnetwork::Ipv4Network;
use ospfd::packet::{
    ExternalLsa, ExternalMetric, LsType, Lsa, LsaBody, LsaKey, RouterLink, RouterLinkType, RouterLsa,
    options, router_flags,
};

use super::command::Plan;
use super::result::{BenchResult, Samples};
use super::stage::{self, SUBJECTS, holder};
use crate::clock::{pause, until};
use crate::lab::topology::Software;
use crate::lab::{Lab, Options};
use crate::node::Node;
use crate::observe::clock::Clock;
use crate::observe::process::Cost;
use crate::observe::table;
use crate::speaker::Speaker;

/// Name of the bench.
pub(super) const NAME: &str = "ospf-sync";
/// The speaker's Router ID.
const FEEDER: RouterId = RouterId(0x0aff_0001);
/// Between two looks at the kernel's table.
const LOOK: Duration = Duration::from_millis(5);
/// Until all routes are in the kernel.
const LIMIT: Duration = Duration::from_secs(60);
/// Until FRR as neighbour has its LSAs.
const HOLDER_LIMIT: Duration = Duration::from_secs(90);
/// What is still done after the last route counts, too.
const AFTER: Duration = Duration::from_secs(2);

/// Who the neighbour is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Neighbour {
    Speaker,
    Frr,
}

/// All cases: name, neighbour, external routes.
const CASES: [(&str, Neighbour, u32); 6] = [
    ("1k", Neighbour::Speaker, 1_000),
    ("10k", Neighbour::Speaker, 10_000),
    ("100k", Neighbour::Speaker, 100_000),
    ("10k-frr", Neighbour::Frr, 10_000),
    ("100k-frr", Neighbour::Frr, 100_000),
    ("500k", Neighbour::Speaker, 500_000),
];

/// Runs the bench.
///
/// # Errors
/// A lab does not come up, or the routes do not arrive.
pub(super) fn measure(plan: &Plan) -> Result<BenchResult> {
    let mut samples = Samples::default();
    for run in 1..=plan.runs {
        for (case, neighbour, count) in CASES {
            // The largest is there to be asked for: it shows that there is no bound, and takes long.
            if !plan.wants(case) || (case == "500k" && !plan.names(case)) {
                continue;
            }
            for subject in SUBJECTS.into_iter().filter(|subject| plan.takes(subject)) {
                let (took, cost) =
                    one(subject, neighbour, count).with_context(|| format!("{case}, {subject}"))?;
                samples.add(case, subject, "kernel_s", took.as_secs_f64());
                samples.add(case, subject, "cpu_s", cost.cpu_s);
                samples.add(case, subject, "rss_mib", cost.rss_mib);
                eprintln!(
                    "run {run}/{}, {case}, {subject}: {:.2} s, CPU {:.2} s, {:.1} MiB",
                    plan.runs,
                    took.as_secs_f64(),
                    cost.cpu_s,
                    cost.rss_mib
                );
            }
        }
    }
    Ok(samples.result(NAME, plan.runs))
}

/// One cold start: how long, and at what cost.
fn one(subject: &str, neighbour: Neighbour, count: u32) -> Result<(Duration, Cost)> {
    let clock = Clock::start();
    let mut topology = stage::topology(NAME, 1)?;
    let holder = holder(subject);
    stage::only(&mut topology, subject);
    if let (Neighbour::Frr, Some(spec)) = (neighbour, topology.nodes.get_mut(&holder)) {
        spec.software = frr(" redistribute kernel");
        spec.ip = (0..count).map(|number| format!("route add {} dev lo", prefix(number))).collect();
    }
    let lab = Lab::start(&topology, &Options::default().hold(subject).hold(&holder))?;
    let _speaker = match neighbour {
        Neighbour::Speaker => {
            Some(Speaker::start(clock, lab.node(&holder), &stage::ends([FEEDER]), lsas(count))?)
        }
        Neighbour::Frr => {
            start_frr(lab.node(&holder), count)?;
            None
        }
    };
    let node = lab.node(subject);
    let before = table::prefixes(node)?;
    let start_at = clock.now();
    stage::start(node)?;
    let arrived_at = table::until_more(node, clock, (before, count as usize), (LOOK, LIMIT))
        .with_context(|| format!("logs: {}", lab.logs().display()))?;
    pause(AFTER);
    Ok((arrived_at.since(start_at), Cost::of_all(&stage::pids(node)?)))
}

/// FRR as holder, with default timers apart from hellos, and `more` in its OSPF settings.
pub(super) fn frr(more: &str) -> Software {
    let config = format!(
        "interface {}\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf \
         dead-interval 10\n ip ospf cost 10\nrouter ospf\n ospf router-id 10.255.0.1\n{more}\n",
        stage::interface(0)
    );
    Software::Frr { config, daemons: vec!["zebra".to_owned(), "ospfd".to_owned()] }
}

fn start_frr(node: &Node, count: u32) -> Result<()> {
    node.start_daemons()?;
    until(HOLDER_LIMIT, "FRR has its external LSAs", || {
        let told = node.vtysh_json("show ip ospf").unwrap_or_default();
        told["lsaExternalCounter"].as_u64() >= Some(u64::from(count))
    })
    .map(drop)
}

/// The speaker's own LSA, and `count` external ones.
fn lsas(count: u32) -> Vec<Lsa> {
    let link = RouterLink {
        link_type: RouterLinkType::PointToPoint,
        link_id: stage::ROUTER_ID.0,
        link_data: stage::holder_address(0).to_bits(),
        metric: 10,
    };
    let router = LsaBody::Router(RouterLsa { flags: router_flags::E, links: vec![link] });
    let externals = (0..count).map(|number| {
        let prefix = prefix(number);
        let body = LsaBody::External(ExternalLsa {
            network_mask: prefix.mask(),
            metric_type: ExternalMetric::Type2,
            metric: 20,
            forwarding_address: Ipv4Addr::UNSPECIFIED,
            route_tag: 0,
        });
        (LsType::AsExternal, prefix.network().to_bits(), body)
    });
    std::iter::once((LsType::Router, FEEDER.0, router))
        .chain(externals)
        .filter_map(|(ls_type, link_state_id, body)| {
            let key = LsaKey { ls_type, link_state_id, advertising_router: FEEDER };
            Lsa::build(1, options::E, key, i32::MIN + 1, body).ok()
        })
        .collect()
}

/// Distinct prefixes of 24 bits from 16.0.0.0 on.
fn prefix(number: u32) -> Ipv4Network {
    let address = Ipv4Addr::from_bits(0x1000_0000 + (number << 8));
    Ipv4Network::new_checked(address, 24).unwrap_or_else(|| unreachable!("24 is a prefix length"))
}
