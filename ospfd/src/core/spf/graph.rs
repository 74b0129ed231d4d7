//! The graph of an area, whatever version of OSPF it was read from: routers and networks as vertices, and their links
//! in one array, grouped by where they start.
//!
//! A link is kept only if the far end links back (RFC 2328 §16.1 (2)(b)), so that no later step has to look.
//! MaxLinkMetric (RFC 6987 §2) is a cost like any other: such links carry traffic when nothing else does.

/// A vertex: networks come first, then routers, each in the order in which they were added.
///
/// RFC 2328 §16.1 (3): of two candidates at the same distance, a network goes before a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vertex(pub u32);

impl Vertex {
    /// The place of the vertex in an array of all vertices.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The vertex at a place; places beyond 32 bits do not occur.
    pub(crate) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// A link, seen from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub to: Vertex,
    /// What it costs in this direction.
    pub cost: u32,
}

/// A graph whose links are all mutual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    networks: u32,
    /// Where the links of each vertex start in `links`; one entry more than there are vertices.
    first: Vec<u32>,
    links: Vec<Link>,
    /// Routers that nothing may be routed through (the R bit of OSPFv3, the H bit of RFC 8770), in order.
    no_transit: Vec<Vertex>,
}

/// Collects the links vertex by vertex: networks first, then routers.
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    graph: Graph,
}

impl GraphBuilder {
    /// An empty graph with room for `vertices` vertices, of which `networks` are networks, and `links` links.
    pub fn new(networks: usize, vertices: usize, links: usize) -> Self {
        let mut first = Vec::with_capacity(vertices + 1);
        first.push(0);
        let networks = Vertex::from_index(networks).0;
        Self { graph: Graph { networks, first, links: Vec::with_capacity(links), no_transit: Vec::new() } }
    }

    /// Adds a link to the vertex at hand.
    pub fn link(&mut self, to: Vertex, cost: u32) {
        self.graph.links.push(Link { to, cost });
    }

    /// Says that the vertex at hand forwards nothing for others.
    pub fn refuse_transit(&mut self) {
        let vertex = Vertex::from_index(self.graph.vertices());
        self.graph.no_transit.push(vertex);
    }

    /// Goes on to the next vertex.
    pub fn end_vertex(&mut self) {
        self.graph.first.push(Vertex::from_index(self.graph.links.len()).0);
    }

    /// The graph, without links to nowhere and without those that have no link back.
    pub fn finish(self) -> Graph {
        let mut graph = self.graph;
        // Links behind the last vertex belong to none.
        let owned = graph.first.last().map_or(0, |end| *end as usize);
        graph.links.truncate(owned);
        graph.keep_mutual();
        graph
    }
}

impl Graph {
    /// Number of vertices.
    pub fn vertices(&self) -> usize {
        self.first.len().saturating_sub(1)
    }

    /// Number of links, each direction counted.
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// True for networks, false for routers.
    pub fn is_network(&self, vertex: Vertex) -> bool {
        vertex.0 < self.networks
    }

    /// May paths lead through `vertex`?
    pub fn is_transit(&self, vertex: Vertex) -> bool {
        self.no_transit.is_empty() || self.no_transit.binary_search(&vertex).is_err()
    }

    /// The links of `vertex` in the order in which they were added; none for a vertex that is not there.
    pub fn links(&self, vertex: Vertex) -> &[Link] {
        let at = vertex.index();
        match self.first.get(at..at.saturating_add(2)) {
            Some(&[from, to]) => self.links.get(from as usize..to as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    /// RFC 2328 §16.1 (2)(b): drops every link without a link back. Linear in the number of links.
    fn keep_mutual(&mut self) {
        let count = self.vertices();
        let sources = self.sources_by_target();
        let mut links_here = vec![u32::MAX; count];
        let (mut kept, mut from) = (0, 0);
        for (vertex, source_range) in (0_u32..).zip(sources.start.windows(2)) {
            if let &[start, end] = source_range {
                for source in &sources.list[start as usize..end as usize] {
                    links_here[*source as usize] = vertex;
                }
            }
            let to = self.first[vertex as usize + 1] as usize;
            for at in from..to {
                let link = self.links[at];
                if links_here.get(link.to.index()) == Some(&vertex) {
                    self.links[kept] = link;
                    kept += 1;
                }
            }
            from = to;
            self.first[vertex as usize + 1] = Vertex::from_index(kept).0;
        }
        self.links.truncate(kept);
    }

    /// For each vertex, which vertices have a link to it: a counting sort.
    fn sources_by_target(&self) -> Sources {
        let count = self.vertices();
        let mut start = vec![0_u32; count + 1];
        let known = |link: &Link| link.to.index() < count;
        for link in self.links.iter().filter(|link| known(link)) {
            start[link.to.index() + 1] += 1;
        }
        for at in 0..count {
            start[at + 1] += start[at];
        }
        let mut next = start.clone();
        let mut list = vec![0_u32; start[count] as usize];
        for (vertex, range) in (0_u32..).zip(self.first.windows(2)) {
            let &[from, to] = range else { continue };
            for link in self.links[from as usize..to as usize].iter().filter(|link| known(link)) {
                let place = &mut next[link.to.index()];
                list[*place as usize] = vertex;
                *place += 1;
            }
        }
        Sources { start, list }
    }
}

/// The sources of links, grouped by target.
struct Sources {
    start: Vec<u32>,
    list: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(links: &[&[(u32, u32)]]) -> Graph {
        let mut builder = GraphBuilder::new(0, links.len(), 0);
        for of_vertex in links {
            for &(to, cost) in *of_vertex {
                builder.link(Vertex(to), cost);
            }
            builder.end_vertex();
        }
        builder.finish()
    }

    fn to(graph: &Graph, vertex: u32) -> Vec<(u32, u32)> {
        graph.links(Vertex(vertex)).iter().map(|link| (link.to.0, link.cost)).collect()
    }

    #[test]
    fn a_link_without_a_link_back_is_dropped() {
        let graph = graph(&[&[(1, 5), (2, 7)], &[(0, 6)], &[(1, 1)]]);
        assert_eq!(to(&graph, 0), [(1, 5)]);
        assert_eq!(to(&graph, 1), [(0, 6)]);
        assert_eq!(to(&graph, 2), []);
        assert_eq!(graph.link_count(), 2);
    }

    #[test]
    fn parallel_links_stay_in_their_order() {
        let graph = graph(&[&[(1, 5), (1, 3), (1, 5)], &[(0, 9)]]);
        assert_eq!(to(&graph, 0), [(1, 5), (1, 3), (1, 5)]);
        assert_eq!(to(&graph, 1), [(0, 9)]);
    }

    #[test]
    fn links_to_nowhere_are_dropped() {
        let graph = graph(&[&[(7, 1), (u32::MAX, 1), (1, 1)], &[(0, 1)]]);
        assert_eq!(to(&graph, 0), [(1, 1)]);
        assert_eq!(to(&graph, 9), []);
        assert_eq!(to(&graph, u32::MAX), []);
    }

    #[test]
    fn a_vertex_without_links_may_stand_anywhere() {
        let graph = graph(&[&[], &[(2, 4)], &[(1, 4)], &[]]);
        assert_eq!(graph.vertices(), 4);
        assert_eq!(to(&graph, 1), [(2, 4)]);
        assert_eq!(Graph::default().vertices(), 0);
    }
}
