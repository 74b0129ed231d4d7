//! Shortest paths from a root to all vertices (RFC 2328 §16.1, first stage), with all equal-cost first steps.
//!
//! Sets of first steps are bit sets in one array. Up to 64 first steps a set is one word, and taking over a parent's
//! set is one `or`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::{Graph, Vertex};
use super::hops::FirstHops;

const UNREACHABLE: u32 = u32::MAX;
const WORD: usize = 64;

/// Distances from the root, and the first steps towards every vertex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    distance: Vec<u32>,
    /// Words of each set.
    words: usize,
    steps: Vec<u64>,
}

impl Tree {
    /// Dijkstra's algorithm from `root`. Linear in the number of links, but for the heap.
    ///
    /// With link costs above zero all equal-cost paths are found. Links of cost zero between routers, which RFC 2328
    /// C.3 forbids, are followed, but do not widen the sets of routers that are already in the tree.
    pub fn grow(graph: &Graph, root: Vertex, first: &FirstHops) -> Self {
        match first.len().div_ceil(WORD).max(1) {
            // The number of words as a constant gives the common case a loop without inner loops.
            1 => Self::grow_with(graph, root, first, 1),
            words => Self::grow_with(graph, root, first, words),
        }
    }

    #[inline(always)]
    fn grow_with(graph: &Graph, root: Vertex, first: &FirstHops, words: usize) -> Self {
        let count = graph.vertices();
        let mut growth = Growth {
            graph,
            first,
            tree: Self {
                distance: vec![UNREACHABLE; count],
                words,
                steps: vec![0; count.saturating_mul(words)],
            },
            candidates: BinaryHeap::with_capacity(count.min(1 << 16)),
        };
        if root.index() >= count {
            return growth.tree;
        }
        growth.tree.distance[root.index()] = 0;
        growth.leave_root(root, words);
        while let Some(Reverse(candidate)) = growth.candidates.pop() {
            let (distance, vertex) = unpack(candidate);
            if growth.tree.distance[vertex.index()] != distance || !graph.is_transit(vertex) {
                continue;
            }
            let crossings = if graph.is_network(vertex) { first.crossings(vertex) } else { &[] };
            if crossings.is_empty() {
                for link in graph.links(vertex) {
                    if let Some(arrival) = growth.arrive(link.to, distance, link.cost, words) {
                        growth.inherit(vertex, arrival, words);
                    }
                }
            } else {
                growth.cross(vertex, distance, words);
            }
        }
        // Links of cost zero may have led back.
        let start = root.index() * words;
        growth.tree.steps[start..start + words].fill(0);
        growth.tree
    }

    /// Cost of the shortest path to `vertex`; `None` when there is none.
    pub fn distance(&self, vertex: Vertex) -> Option<u32> {
        self.distance.get(vertex.index()).copied().filter(|distance| *distance != UNREACHABLE)
    }

    /// The first steps towards `vertex` as a bit set; empty for the root and for what is unreachable.
    pub fn steps(&self, vertex: Vertex) -> &[u64] {
        let at = vertex.index().saturating_mul(self.words);
        self.steps.get(at..at.saturating_add(self.words)).unwrap_or_default()
    }
}

/// The numbers in a bit set, ascending.
pub fn numbers(set: &[u64]) -> impl Iterator<Item = u32> {
    (0_u32..).step_by(WORD).zip(set).flat_map(|(base, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(base + bit)
        })
    })
}

/// A tree that is being grown.
struct Growth<'a> {
    graph: &'a Graph,
    first: &'a FirstHops,
    tree: Tree,
    /// Packed distance and vertex: networks have the lower numbers, and so go first (RFC 2328 §16.1 (3)).
    candidates: BinaryHeap<Reverse<u64>>,
}

/// A vertex that was reached at its least distance so far.
#[derive(Clone, Copy)]
struct Arrival {
    at: Vertex,
    /// Nothing was as short before.
    is_shorter: bool,
}

impl Growth<'_> {
    /// RFC 2328 §16.1 (2)(d): `None` when there is a shorter path already, or none at all.
    #[inline(always)]
    fn arrive(&mut self, at: Vertex, distance: u32, cost: u32, words: usize) -> Option<Arrival> {
        let reached = distance.saturating_add(cost);
        let known = &mut self.tree.distance[at.index()];
        if reached > *known || reached == UNREACHABLE {
            return None;
        }
        let is_shorter = reached < *known;
        if is_shorter {
            *known = reached;
            self.candidates.push(Reverse(pack(reached, at)));
            if words > 1 {
                let start = at.index() * words;
                self.tree.steps[start..start + words].fill(0);
            }
        }
        Some(Arrival { at, is_shorter })
    }

    /// RFC 2328 §16.1.1: the steps of the parent are those of the child.
    #[inline(always)]
    fn inherit(&mut self, parent: Vertex, arrival: Arrival, words: usize) {
        let (from, to) = (parent.index() * words, arrival.at.index() * words);
        if words == 1 {
            let steps = self.tree.steps[from];
            let child = &mut self.tree.steps[to];
            *child = if arrival.is_shorter { steps } else { *child | steps };
        } else {
            for word in 0..words {
                self.tree.steps[to + word] |= self.tree.steps[from + word];
            }
        }
    }

    fn leave_root(&mut self, root: Vertex, words: usize) {
        for (link, step) in self.graph.links(root).iter().zip(self.first.of_root_links()) {
            if let Some(arrival) = self.arrive(link.to, 0, link.cost, words) {
                self.start(arrival, words);
                self.set(link.to, *step, words);
            }
        }
    }

    /// Goes on from a network that the root is attached to: steps onto the network become steps across it, and other
    /// steps are inherited.
    fn cross(&mut self, network: Vertex, distance: u32, words: usize) {
        let crossings = self.first.crossings(network);
        let mut inherited = self.tree.steps(network).to_vec();
        for crossing in crossings {
            clear(&mut inherited, crossing.onto);
        }
        for link in self.graph.links(network) {
            let Some(arrival) = self.arrive(link.to, distance, link.cost, words) else { continue };
            self.start(arrival, words);
            let start = link.to.index() * words;
            for (word, more) in self.tree.steps[start..start + words].iter_mut().zip(&inherited) {
                *word |= more;
            }
            let lowest = crossings.partition_point(|crossing| crossing.router < link.to);
            for crossing in crossings[lowest..].iter().take_while(|crossing| crossing.router == link.to) {
                if contains(self.tree.steps(network), crossing.onto) {
                    self.set(link.to, crossing.across, words);
                }
            }
        }
    }

    /// Empties the set of a vertex whose old paths are all longer.
    fn start(&mut self, arrival: Arrival, words: usize) {
        if arrival.is_shorter {
            let start = arrival.at.index() * words;
            self.tree.steps[start..start + words].fill(0);
        }
    }

    fn set(&mut self, vertex: Vertex, step: u32, words: usize) {
        let at = vertex.index() * words + step as usize / WORD;
        self.tree.steps[at] |= 1 << (step as usize % WORD);
    }
}

fn contains(set: &[u64], number: u32) -> bool {
    set.get(number as usize / WORD).is_some_and(|word| word >> (number as usize % WORD) & 1 == 1)
}

fn clear(set: &mut [u64], number: u32) {
    if let Some(word) = set.get_mut(number as usize / WORD) {
        *word &= !(1 << (number as usize % WORD));
    }
}

const fn pack(distance: u32, vertex: Vertex) -> u64 {
    (distance as u64) << 32 | vertex.0 as u64
}

const fn unpack(candidate: u64) -> (u32, Vertex) {
    ((candidate >> 32) as u32, Vertex(candidate as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_sets_give_their_numbers_in_order() {
        assert_eq!(numbers(&[0b101, 0, 1 << 63]).collect::<Vec<_>>(), [0, 2, 191]);
        assert_eq!(numbers(&[]).count(), 0);
    }

    #[test]
    fn a_root_that_is_not_there_reaches_nothing() {
        let tree = Tree::grow(&Graph::default(), Vertex(3), &FirstHops::default());
        assert_eq!(tree.distance(Vertex(3)), None);
    }

    #[test]
    fn distance_goes_before_the_number_of_the_vertex() {
        assert!(pack(1, Vertex(u32::MAX)) < pack(2, Vertex(0)));
        assert_eq!(unpack(pack(7, Vertex(9))), (7, Vertex(9)));
    }
}
