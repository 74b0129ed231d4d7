//! How long the route calculation takes, stage by stage.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "../tests/spf/topology.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod topology;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::ids::RouterId;
use ospfd::core::spf::build_v2::AreaGraph;
use ospfd::core::spf::tree::Tree;
use topology::{Topology, fat_tree, grid, local};

const RUNS: usize = 31;

fn main() {
    for (name, topology, root) in [
        ("grid-500", grid(20, 25), 0x0a00_0001),
        ("grid-2000", grid(40, 50), 0x0a00_0001),
        ("grid-5000", grid(100, 50), 0x0a00_0001),
        ("fat-tree-5120", fat_tree(64), 0x0a01_0000),
    ] {
        measure(name, &topology, RouterId(root));
    }
}

fn measure(name: &str, topology: &Topology, root: RouterId) {
    let lsas = topology.lsas();
    let mut stages = [const { Vec::new() }; 2];
    for _ in 0..RUNS {
        let start = Instant::now();
        let area = AreaGraph::read(black_box(&lsas), root, local);
        let read = Instant::now();
        let tree = Tree::grow(&area.graph, area.root.expect("the root is in the area"), &area.first_hops);
        let grown = Instant::now();
        black_box(&tree);
        for (spans, span) in stages.iter_mut().zip([read - start, grown - read]) {
            spans.push(span);
        }
    }
    let [read, grow] = stages.map(median);
    println!("{name}: read {read:?}, grow {grow:?}, together {:?}", read + grow);
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort_unstable();
    spans[spans.len() / 2]
}
