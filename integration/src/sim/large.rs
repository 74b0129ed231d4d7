//! Large networks, of up to hundreds of routers: they come up, lose links and routers, and get them back, and each
//! time everyone must come to agree.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::Encoding;

use super::failure::Failure;
use super::node::NodeId;
use super::topology::{LinkId, Quality, Timing, Topology};
use super::world::World;

/// Dead intervals, election, database exchange, and a few retransmissions.
const SETTLE_LIMIT: Duration = Duration::from_secs(400);
/// Routers start within this time of each other.
const START_WITHIN: Duration = Duration::from_secs(30);
/// VIPs, and routers that advertise each.
const VIPS: u8 = 30;
const ANNOUNCERS: usize = 3;
/// One in so many routers crashes, and one in so many links is cut.
const LOST_OF: usize = 50;
/// Routers on one LAN.
const LAN: usize = 20;

/// A link as they are: a little slow, a little lossy.
const REAL: Quality = Quality {
    delay: Duration::from_millis(1),
    jitter: Duration::from_millis(4),
    loss_permille: 1,
    duplicate_permille: 1,
    corrupt_permille: 0,
};

/// What a large network did, in virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Links.
    pub links: usize,
    /// From the first start until all agreed.
    pub came_up: Duration,
    /// From the loss of routers and links until the rest agreed.
    pub lost: Duration,
    /// From their return until all agreed.
    pub returned: Duration,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { links, came_up, lost, returned } = self;
        write!(
            f,
            "{links} links, agreed in {came_up:.0?}, again {lost:.0?} after losses, and {returned:.0?} after they were \
             made good (virtual time)"
        )
    }
}

/// Routers on a ring of point-to-point links with as many chords across it.
///
/// # Errors
/// A law was broken.
pub fn mesh(routers: usize, seed: u64) -> Result<Told, Failure> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut topology = Topology::new(routers, Timing::RFC);
    for node in 0..routers {
        topology.point_to_point(NodeId(node), NodeId((node + 1) % routers), REAL);
        let chord = (node + rng.usize(2..routers - 1)) % routers;
        topology.point_to_point(NodeId(node), NodeId(chord), REAL);
    }
    play(topology, rng, seed)
}

/// LANs on a ring, joined by two point-to-point links each.
///
/// # Errors
/// A law was broken.
pub fn campus(routers: usize, seed: u64) -> Result<Told, Failure> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut topology = Topology::new(routers, Timing::RFC);
    for first in (0..routers).step_by(LAN) {
        let ends = (first..routers.min(first + LAN))
            .map(|node| (NodeId(node), rng.u8(0..3).max(u8::from(node < first + 2))));
        topology.broadcast(ends.collect(), REAL);
        for place in 0..2 {
            topology.point_to_point(NodeId(first + place), NodeId((first + LAN + place) % routers), REAL);
        }
    }
    play(topology, rng, seed)
}

fn play(mut topology: Topology, mut rng: fastrand::Rng, seed: u64) -> Result<Told, Failure> {
    topology.carry_transit();
    for link in (0..topology.links()).map(LinkId) {
        topology.weigh(link, 10 * rng.u16(1..=4));
    }
    let (routers, links) = (topology.routers(), topology.links());
    let mut world = World::new(&topology, seed);
    for vip in 1..=VIPS {
        for _ in 0..ANNOUNCERS {
            let node = NodeId(rng.usize(..routers));
            world.advertise_as(node, Ipv4Addr::new(192, 0, 2, vip), encoding(vip));
        }
    }
    let began = world.now();
    let pause = START_WITHIN / u32::try_from(routers).unwrap_or(u32::MAX);
    for node in (0..routers).map(NodeId) {
        world.start(node);
        world.run_for(pause)?;
    }
    world.settle(SETTLE_LIMIT)?;
    let came_up = world.now().since(began);

    let crashed: Vec<NodeId> = (0..routers / LOST_OF + 1).map(|_| NodeId(rng.usize(..routers))).collect();
    let cut: Vec<LinkId> = (0..links / LOST_OF + 1).map(|_| LinkId(rng.usize(..links))).collect();
    crashed.iter().for_each(|node| world.crash(*node));
    for (index, link) in cut.iter().enumerate() {
        // Half of them are seen by the routers at once.
        if index % 2 == 0 { world.set_carrier(*link, false) } else { world.set_cut(*link, true) }
    }
    let lost = world.settle(SETTLE_LIMIT)?;

    crashed.iter().for_each(|node| world.start(*node));
    for link in &cut {
        world.set_carrier(*link, true);
        world.set_cut(*link, false);
    }
    world.run_for(Duration::from_secs(1))?;
    let returned = world.settle(SETTLE_LIMIT)?;
    Ok(Told { links, came_up, lost, returned })
}

/// Most VIPs are stub links.
fn encoding(vip: u8) -> Encoding {
    match vip % 4 {
        2 => Encoding::External1,
        3 => Encoding::External2,
        _ => Encoding::Stub,
    }
}
