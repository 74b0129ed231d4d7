//! How long the route calculation takes: from the LSAs of a database to the changes of the routing table, by stage.
//!
//! `cargo run --release -p ospfd --example spf` prints one JSON object a line: a case, and its medians in milliseconds.
//! `cargo lab bench spf` runs it several times.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

#[path = "../tests/spf/topology.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod topology;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use common::ids::{AreaId, RouterId};
use ipnetwork::Ipv4Network;
use ospfd::core::spf::SpfConfig;
use ospfd::core::spf::build_v2::{self, AreaGraph};
use ospfd::core::spf::calculation::{AreaInput, Calculation};
use ospfd::core::spf::tree::Tree;
use ospfd::packet::{ExternalMetric, Lsa, router_flags};
use topology::{Topology, external, fat_tree, grid, local};

const RUNS: usize = 31;
const CORNER: u32 = 0x0a00_0001;

fn main() {
    for (name, topology, root) in [
        ("grid-500", grid(20, 25), CORNER),
        ("grid-2000", grid(40, 50), CORNER),
        ("grid-5000", grid(100, 50), CORNER),
        ("fat-tree-5120", fat_tree(64), 0x0a01_0000),
    ] {
        measure(name, &topology, RouterId(root));
    }
    for count in [10_000, 100_000] {
        measure_externals(count);
    }
}

/// Reading the graph, growing the tree, and all of a run: graph, tree, routes, and what changed.
fn measure(name: &str, topology: &Topology, root: RouterId) {
    let lsas = topology.lsas();
    let read = median(|| drop(black_box(AreaGraph::read(black_box(&lsas), root, local))));
    let area = AreaGraph::read(&lsas, root, local);
    let vertex = area.root.expect("the root is in the area");
    let grow = median(|| drop(black_box(Tree::grow(black_box(&area.graph), vertex, &area.first_hops))));
    let mut calculation = Calculation::new(root, SpfConfig::default());
    let run = median(|| {
        let input = input(black_box(&lsas), root);
        black_box(calculation.run(&[input], std::iter::empty()));
    });
    tell(name, &[("graph_ms", read), ("tree_ms", grow), ("run_ms", run)]);
}

/// A run with many external routes of a neighbour, and the change of one of them.
fn measure_externals(count: u32) {
    let mut topology = Topology::default();
    topology.link(1, 2, 10);
    topology.flags(2, router_flags::E);
    let (lsas, root) = (topology.lsas(), RouterId(1));
    let prefix = |number: u32| Ipv4Network::new(Ipv4Addr::from_bits(0x1000_0000 + (number << 8)), 24);
    let externals: Vec<Lsa> = (0..count)
        .filter_map(|number| Some(external(2, prefix(number).ok()?, ExternalMetric::Type2, 20)))
        .collect();
    let mut calculation = Calculation::new(root, SpfConfig::default());
    let run = median(|| {
        let externals = black_box(&externals).iter().filter_map(build_v2::external);
        black_box(calculation.run(&[input(&lsas, root)], externals));
    });
    let one = BTreeSet::from([prefix(count / 2).expect("24 is a prefix length").into()]);
    let mut is_there = true;
    let partial = median(|| {
        is_there = !is_there;
        let externals = externals.iter().skip(count as usize / 2).take(usize::from(is_there));
        black_box(calculation.run_externals(&one, externals.filter_map(build_v2::external)));
    });
    tell(&format!("externals-{count}"), &[("run_ms", run), ("one_route_ms", partial)]);
}

fn input(lsas: &[Lsa], root: RouterId) -> AreaInput {
    AreaInput {
        id: AreaId(0),
        graph: AreaGraph::read(lsas, root, local),
        summaries: lsas.iter().filter_map(build_v2::summary).collect(),
    }
}

fn tell(case: &str, metrics: &[(&str, Duration)]) {
    let metrics: Vec<_> =
        metrics.iter().map(|(name, span)| format!("\"{name}\":{:.6}", span.as_secs_f64() * 1000.0)).collect();
    println!("{{\"case\":\"{case}\",\"metrics\":{{{}}}}}", metrics.join(","));
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut spans: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    spans.sort_unstable();
    spans[RUNS / 2]
}
