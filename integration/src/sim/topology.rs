//! What a world is built from.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::Ipv4Network;
use ospfd::core::config::{AreaConfig, InterfaceConfig, NetworkType, StaticNeighbor};

use super::node::NodeId;

/// The cost of a link that is given none.
const COST: u16 = 10;

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
    /// The same without multicast: everyone names everyone else.
    NonBroadcast,
    /// Each two of many routers as if on a link of their own; neighbours are found by multicast, or are named.
    PointToMultipoint {
        /// Neighbours are named.
        named: bool,
    },
}

impl LinkKind {
    /// Is there a Designated Router?
    pub(super) const fn has_election(self) -> bool {
        match self {
            Self::Lan | Self::NonBroadcast => true,
            Self::PointToPoint | Self::PointToMultipoint { .. } => false,
        }
    }

    const fn names_neighbors(self) -> bool {
        match self {
            Self::NonBroadcast => true,
            Self::PointToMultipoint { named } => named,
            Self::PointToPoint | Self::Lan => false,
        }
    }

    const fn network_type(self) -> NetworkType {
        match self {
            Self::PointToPoint => NetworkType::PointToPoint,
            Self::Lan => NetworkType::Broadcast,
            Self::NonBroadcast => NetworkType::NonBroadcast,
            Self::PointToMultipoint { .. } => NetworkType::PointToMultipoint,
        }
    }
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
    /// Datagrams that arrive with a bit turned over or cut short, of a thousand.
    pub corrupt_permille: u16,
}

impl Quality {
    /// 1 ms, nothing lost.
    pub const CLEAN: Self = Self {
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        loss_permille: 0,
        duplicate_permille: 0,
        corrupt_permille: 0,
    };
}

/// The protocol's intervals, the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// HelloInterval.
    pub hello: Duration,
    /// RouterDeadInterval.
    pub dead: Duration,
    /// PollInterval, where neighbours are named.
    pub poll: Duration,
    /// Time to live of each router's lease.
    pub lease_ttl: Duration,
}

impl Timing {
    /// Hello 1 s, dead 4 s, poll 5 s, lease 6 s.
    pub const FAST: Self = Self {
        hello: Duration::from_secs(1),
        dead: Duration::from_secs(4),
        poll: Duration::from_secs(5),
        lease_ttl: Duration::from_secs(6),
    };
    /// Hello 10 s, dead 40 s, as RFC 2328 appendix C.3 suggests; poll 2 min, as C.5 does; lease 60 s.
    pub const RFC: Self = Self {
        hello: Duration::from_secs(10),
        dead: Duration::from_secs(40),
        poll: Duration::from_secs(120),
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
    /// Do routers carry traffic for each other?
    pub(super) transit: bool,
}

/// A link to be built.
#[derive(Clone, Debug)]
pub(super) struct LinkSpec {
    pub(super) kind: LinkKind,
    pub(super) quality: Quality,
    /// Who is on it, and with which router priority.
    pub(super) ends: Vec<(NodeId, u8)>,
    pub(super) area: AreaId,
    /// Output cost of everyone on it.
    pub(super) cost: u16,
}

impl LinkSpec {
    /// A router's address on it: the first on the link has host number 1.
    pub(super) fn address(&self, id: LinkId, node: NodeId) -> Option<Ipv4Network> {
        let place = self.ends.iter().position(|(end, _)| *end == node)?;
        Some(id.address(place))
    }
}

impl Topology {
    /// So many routers, without links.
    pub fn new(routers: usize, timing: Timing) -> Self {
        Self { timing, routers, links: Vec::new(), areas: BTreeMap::new(), transit: false }
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
        topology.transit = true;
        topology.broadcast([0, 1, 2, 4].map(|node| (NodeId(node), 1)).to_vec(), quality);
        for (one, other, area) in [(1, 3, 1), (2, 3, 1), (4, 5, 2)] {
            let link = topology.point_to_point(NodeId(one), NodeId(other), quality);
            topology.put(link, AreaId(area));
        }
        topology
    }

    /// Adds a point-to-point link.
    pub fn point_to_point(&mut self, one: NodeId, other: NodeId, quality: Quality) -> LinkId {
        self.add(LinkKind::PointToPoint, vec![(one, 1), (other, 1)], quality)
    }

    /// Adds a LAN of routers with their priorities.
    pub fn broadcast(&mut self, ends: Vec<(NodeId, u8)>, quality: Quality) -> LinkId {
        self.add(LinkKind::Lan, ends, quality)
    }

    /// Adds a link of any kind, between routers with their priorities.
    pub fn add(&mut self, kind: LinkKind, ends: Vec<(NodeId, u8)>, quality: Quality) -> LinkId {
        self.links.push(LinkSpec { kind, quality, ends, area: AreaId(0), cost: COST });
        LinkId(self.links.len() - 1)
    }

    /// Gives a link a cost.
    pub fn weigh(&mut self, link: LinkId, cost: u16) {
        self.links[link.0].cost = cost;
    }

    /// Has routers carry traffic for each other. Without it, their links have the highest metric there is.
    pub fn carry_transit(&mut self) {
        self.transit = true;
    }

    /// Number of routers.
    pub fn routers(&self) -> usize {
        self.routers
    }

    /// The routers on a link.
    pub fn ends(&self, link: LinkId) -> Vec<NodeId> {
        self.links[link.0].ends.iter().map(|(end, _)| *end).collect()
    }

    /// Number of links.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// Puts a link into another area than the backbone.
    pub fn put(&mut self, link: LinkId, area: AreaId) {
        self.links[link.0].area = area;
    }

    /// Gives an area its settings.
    pub fn configure(&mut self, area: AreaId, config: AreaConfig) {
        self.areas.insert(area, config);
    }

    /// How the router runs on its links.
    pub(super) fn interfaces(&self, node: NodeId) -> impl Iterator<Item = (LinkId, InterfaceConfig)> {
        self.links.iter().enumerate().filter_map(move |(index, link)| {
            let id = LinkId(index);
            let (_, priority) = link.ends.iter().find(|(end, _)| *end == node)?;
            let others = link.ends.iter().filter(|(end, _)| link.kind.names_neighbors() && *end != node);
            let named = |(end, priority): &(NodeId, u8)| {
                let neighbor = StaticNeighbor { priority: *priority, poll_interval: self.timing.poll };
                Some((link.address(id, *end)?.ip(), neighbor))
            };
            let config = InterfaceConfig {
                area: link.area,
                network_type: link.kind.network_type(),
                cost: link.cost,
                priority: *priority,
                hello_interval: self.timing.hello,
                dead_interval: self.timing.dead,
                static_neighbors: others.filter_map(named).collect(),
                ..InterfaceConfig::default()
            };
            Some((id, config))
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

    /// The link that has this index on every router.
    pub(super) fn of(if_index: IfIndex) -> Self {
        Self(usize::try_from(if_index.0).unwrap_or(usize::MAX).wrapping_sub(1))
    }

    /// The address of the router that stands at this place among those on the link.
    fn address(self, place: usize) -> Ipv4Network {
        let [low, high] = [self.0 % 256, self.0 / 256].map(byte);
        let address = Ipv4Addr::new(10, low, high, byte(place + 1));
        Ipv4Network::new(address, 24).expect("24 is a prefix length")
    }
}

impl NodeId {
    /// Its Router ID.
    pub fn router_id(self) -> RouterId {
        RouterId(Ipv4Addr::new(172, 16, byte(self.0 / 250), byte(self.0 % 250) + 1).to_bits())
    }
}

fn byte(index: usize) -> u8 {
    u8::try_from(index).expect("worlds have at most 65,536 links, with less than 255 routers on each")
}
