//! Next hops: single, in shared sets, and as the root's first steps that a tree is grown from.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use common::ids::IfIndex;

use super::graph::{Graph, Vertex};

/// Where packets leave this host (RFC 2328 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHop {
    /// The interface.
    pub if_index: IfIndex,
    /// The router to hand them to; `None` when the destination is on the link itself.
    pub gateway: Option<IpAddr>,
}

/// A sorted set of next hops, shared between the routes that use it. Empty for what this router itself has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NextHops(Arc<[NextHop]>);

impl NextHops {
    /// True when nothing has to be routed: this router or one of its links is the destination.
    pub fn is_local(&self) -> bool {
        self.0.iter().any(|hop| hop.gateway.is_none()) || self.0.is_empty()
    }

    /// Are both the same set? A cheap look first, since sets are shared.
    pub fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Deref for NextHops {
    type Target = [NextHop];

    fn deref(&self) -> &[NextHop] {
        &self.0
    }
}

/// Keeps one copy of each set.
#[derive(Debug, Default)]
pub struct HopInterner {
    sets: BTreeSet<Arc<[NextHop]>>,
}

impl HopInterner {
    /// The shared set of the first `max_paths` of `hops`, in order of interface and address (RFC 2328 §16.8).
    pub fn intern(&mut self, mut hops: Vec<NextHop>, max_paths: usize) -> NextHops {
        hops.sort_unstable();
        hops.dedup();
        hops.truncate(max_paths.max(1));
        if let Some(known) = self.sets.get(hops.as_slice()) {
            return NextHops(Arc::clone(known));
        }
        let set: Arc<[NextHop]> = hops.into();
        self.sets.insert(Arc::clone(&set));
        NextHops(set)
    }

    /// The set of all next hops of both.
    pub fn union(&mut self, one: &NextHops, other: &NextHops, max_paths: usize) -> NextHops {
        if one.same_as(other) {
            return one.clone();
        }
        self.intern(one.iter().chain(other.iter()).copied().collect(), max_paths)
    }

    /// Forgets the sets that no route uses any more.
    pub fn sweep(&mut self) {
        self.sets.retain(|set| Arc::strong_count(set) > 1);
    }
}

/// One first step from the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstHop {
    /// In the host's terms.
    pub next_hop: NextHop,
    /// The router or network that it leads to.
    pub neighbor: Vertex,
}

/// All first steps from the root. Sets of them are bit sets, and a step's number is its bit.
#[derive(Clone, Debug, Default)]
pub struct FirstHops {
    hops: Vec<FirstHop>,
    /// The step of each link of the root, in the graph's order.
    of_root_link: Vec<u32>,
    /// How networks that the root is attached to are crossed, in order.
    crossings: Vec<Crossing>,
}

/// RFC 2328 §16.1.1: crossing a network that the root is attached to, the next hop is the router on the far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Crossing {
    /// The network.
    pub(super) network: Vertex,
    /// The router behind it.
    pub(super) router: Vertex,
    /// The step onto the network.
    pub(super) onto: u32,
    /// The step across it.
    pub(super) across: u32,
}

impl FirstHops {
    /// The first steps from `root`, whose links lead to the vertices in `steps`, in the order in which the builder got
    /// them. `addresses` says how a router behind an attached network is addressed on it.
    pub fn new(
        graph: &Graph,
        root: Vertex,
        steps: &[FirstHop],
        addresses: impl Fn(Vertex, Vertex) -> Vec<IpAddr>,
    ) -> Self {
        let mut first = Self::default();
        let mut steps = steps.iter();
        for link in graph.links(root) {
            // The graph has dropped links, but kept their order; links to one vertex are dropped or kept together.
            let Some(step) = steps.find(|step| step.neighbor == link.to) else { break };
            let onto = first.add(*step);
            first.of_root_link.push(onto);
            if !graph.is_network(link.to) {
                continue;
            }
            for far in graph.links(link.to).iter().filter(|far| far.to != root) {
                for gateway in addresses(link.to, far.to) {
                    let next_hop = NextHop { gateway: Some(gateway), ..step.next_hop };
                    let across = first.add(FirstHop { next_hop, neighbor: far.to });
                    first.crossings.push(Crossing { network: link.to, router: far.to, onto, across });
                }
            }
        }
        first.crossings.sort_unstable();
        first
    }

    fn add(&mut self, hop: FirstHop) -> u32 {
        self.hops.push(hop);
        Vertex::from_index(self.hops.len() - 1).0
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.hops.len()
    }

    /// True when the root has no links.
    pub fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }

    /// The step with a number.
    pub fn get(&self, step: u32) -> Option<&FirstHop> {
        self.hops.get(step as usize)
    }

    /// The steps of the root's links, in the graph's order.
    pub(super) fn of_root_links(&self) -> &[u32] {
        &self.of_root_link
    }

    /// The crossings of `network`; none unless the root is attached to it.
    pub(super) fn crossings(&self, network: Vertex) -> &[Crossing] {
        let start = self.crossings.partition_point(|crossing| crossing.network < network);
        let end = self.crossings.partition_point(|crossing| crossing.network <= network);
        self.crossings.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn hop(if_index: u32, last: u8) -> NextHop {
        NextHop { if_index: IfIndex(if_index), gateway: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))) }
    }

    #[test]
    fn equal_sets_are_one_set() {
        let mut interner = HopInterner::default();
        let one = interner.intern(vec![hop(2, 1), hop(1, 9), hop(2, 1)], 64);
        let other = interner.intern(vec![hop(1, 9), hop(2, 1)], 64);
        assert!(Arc::ptr_eq(&one.0, &other.0));
        assert_eq!(&one[..], [hop(1, 9), hop(2, 1)]);
    }

    #[test]
    fn the_lowest_next_hops_survive_max_paths() {
        let mut interner = HopInterner::default();
        let both = interner.intern(vec![hop(3, 1), hop(1, 2), hop(2, 3)], 2);
        assert_eq!(&both[..], [hop(1, 2), hop(2, 3)]);
        assert_eq!(&interner.intern(vec![hop(3, 1), hop(1, 2)], 0)[..], [hop(1, 2)]);
    }

    #[test]
    fn a_union_has_all_of_both() {
        let mut interner = HopInterner::default();
        let one = interner.intern(vec![hop(1, 1)], 64);
        let other = interner.intern(vec![hop(2, 2)], 64);
        assert_eq!(&interner.union(&one, &other, 64)[..], [hop(1, 1), hop(2, 2)]);
        assert_eq!(&interner.union(&one, &one, 64)[..], [hop(1, 1)]);
    }

    #[test]
    fn sets_without_a_user_are_swept() {
        let mut interner = HopInterner::default();
        let kept = interner.intern(vec![hop(1, 1)], 64);
        drop(interner.intern(vec![hop(2, 2)], 64));
        interner.sweep();
        assert_eq!(interner.sets.len(), 1);
        assert!(!kept.is_local());
    }

    #[test]
    fn what_is_on_our_links_is_local() {
        let mut interner = HopInterner::default();
        let link = NextHop { if_index: IfIndex(1), gateway: None };
        assert!(interner.intern(vec![], 64).is_local());
        assert!(interner.intern(vec![link, hop(1, 1)], 64).is_local());
    }
}
