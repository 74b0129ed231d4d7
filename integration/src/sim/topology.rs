//! What a world is built from.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::Ipv4Network;
use ospfd::core::config::{AreaConfig, InterfaceConfig, NetworkType};

use super::node::NodeId;

/// A link of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub usize);

/// What kind of link it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Two routers, no election.
    PointToPoint,
    /// A LAN.
    Lan,
}

/// What a link does to datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// The least time that a datagram takes.
    pub delay: Duration,
    /// Up to this much more, by chance: datagrams overtake each other.
    pub jitter: Duration,
    /// Datagrams lost, of a thousand.
    pub loss_permille: u16,
    /// Datagrams that arrive twice, of a thousand.
    pub duplicate_permille: u16,
}

impl Quality {
    /// 1 ms, nothing lost.
    pub const CLEAN: Self = Self {
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        loss_permille: 0,
        duplicate_permille: 0,
    };
}

/// The protocol's intervals, the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// HelloInterval.
    pub hello: Duration,
    /// RouterDeadInterval.
    pub dead: Duration,
    /// Time to live of each router's lease.
    pub lease_ttl: Duration,
}

impl Timing {
    /// Hello 1 s, dead 4 s, lease 6 s.
    pub const FAST: Self = Self {
        hello: Duration::from_secs(1),
        dead: Duration::from_secs(4),
        lease_ttl: Duration::from_secs(6),
    };
    /// Hello 10 s, dead 40 s, as RFC 2328 appendix C.3 suggests; lease 60 s.
    pub const RFC: Self = Self {
        hello: Duration::from_secs(10),
        dead: Duration::from_secs(40),
        lease_ttl: Duration::from_secs(60),
    };
}

/// Routers, and the links between them.
#[derive(Clone, Debug)]
pub struct Topology {
    pub(super) timing: Timing,
    pub(super) routers: usize,
    pub(super) links: Vec<LinkSpec>,
    /// Areas that are not normal ones, or have ranges.
    pub(super) areas: BTreeMap<AreaId, AreaConfig>,
}

/// A link to be built.
#[derive(Clone, Debug)]
pub(super) struct LinkSpec {
    pub(super) kind: LinkKind,
    pub(super) quality: Quality,
    /// Who is on it, and with which router priority.
    pub(super) ends: Vec<(NodeId, u8)>,
    pub(super) area: AreaId,
}

impl Topology {
    /// So many routers, without links.
    pub fn new(routers: usize, timing: Timing) -> Self {
        Self { timing, routers, links: Vec::new(), areas: BTreeMap::new() }
    }

    /// Two routers on one point-to-point link.
    pub fn pair(timing: Timing, quality: Quality) -> Self {
        let mut topology = Self::new(2, timing);
        topology.point_to_point(NodeId(0), NodeId(1), quality);
        topology
    }

    /// So many routers on one LAN, all with priority 1.
    pub fn lan(routers: usize, timing: Timing, quality: Quality) -> Self {
        let mut topology = Self::new(routers, timing);
        let ends = (0..routers).map(|node| (NodeId(node), 1)).collect();
        topology.broadcast(ends, quality);
        topology
    }

    /// A backbone LAN of router 0 and three border routers: 1 and 2 of area 1, which holds router 3, and 4 of area 2,
    /// which holds router 5.
    pub fn areas(quality: Quality) -> Self {
        let mut topology = Self::new(6, Timing::FAST);
        topology.broadcast([0, 1, 2, 4].map(|node| (NodeId(node), 1)).to_vec(), quality);
        for (one, other, area) in [(1, 3, 1), (2, 3, 1), (4, 5, 2)] {
            let link = topology.point_to_point(NodeId(one), NodeId(other), quality);
            topology.put(link, AreaId(area));
        }
        topology
    }

    /// Adds a point-to-point link.
    pub fn point_to_point(&mut self, one: NodeId, other: NodeId, quality: Quality) -> LinkId {
        self.add(LinkSpec {
            kind: LinkKind::PointToPoint,
            quality,
            ends: vec![(one, 1), (other, 1)],
            area: AreaId(0),
        })
    }

    /// Adds a LAN of routers with their priorities.
    pub fn broadcast(&mut self, ends: Vec<(NodeId, u8)>, quality: Quality) -> LinkId {
        self.add(LinkSpec { kind: LinkKind::Lan, quality, ends, area: AreaId(0) })
    }

    /// Puts a link into another area than the backbone.
    pub fn put(&mut self, link: LinkId, area: AreaId) {
        self.links[link.0].area = area;
    }

    /// Gives an area its settings.
    pub fn configure(&mut self, area: AreaId, config: AreaConfig) {
        self.areas.insert(area, config);
    }

    /// Are there several areas? Then routers carry traffic for each other.
    pub(super) fn has_borders(&self) -> bool {
        self.links.windows(2).any(|pair| pair[0].area != pair[1].area)
    }

    fn add(&mut self, link: LinkSpec) -> LinkId {
        self.links.push(link);
        LinkId(self.links.len() - 1)
    }

    /// How the router runs on its links.
    pub(super) fn interfaces(&self, node: NodeId) -> impl Iterator<Item = (LinkId, InterfaceConfig)> {
        self.links.iter().enumerate().filter_map(move |(index, link)| {
            let (_, priority) = link.ends.iter().find(|(end, _)| *end == node)?;
            let config = InterfaceConfig {
                area: link.area,
                network_type: match link.kind {
                    LinkKind::PointToPoint => NetworkType::PointToPoint,
                    LinkKind::Lan => NetworkType::Broadcast,
                },
                priority: *priority,
                hello_interval: self.timing.hello,
                dead_interval: self.timing.dead,
                ..InterfaceConfig::default()
            };
            Some((LinkId(index), config))
        })
    }
}

impl LinkId {
    /// Its index on every router.
    pub(super) fn if_index(self) -> IfIndex {
        IfIndex(u32::try_from(self.0).unwrap_or(u32::MAX - 1) + 1)
    }

    /// Its name on every router.
    pub(super) fn name(self) -> String {
        format!("link{}", self.0)
    }

    /// A router's address on it.
    pub(super) fn address(self, node: NodeId) -> Ipv4Network {
        let address = Ipv4Addr::new(10, byte(self.0), 0, byte(node.0) + 1);
        Ipv4Network::new(address, 24).expect("24 is a prefix length")
    }
}

impl NodeId {
    /// Its Router ID.
    pub fn router_id(self) -> RouterId {
        RouterId(Ipv4Addr::new(10, 255, 0, byte(self.0) + 1).to_bits())
    }
}

fn byte(index: usize) -> u8 {
    u8::try_from(index).ok().filter(|byte| *byte < 255).expect("worlds have less than 255 routers and links")
}
