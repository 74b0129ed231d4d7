//! Random topologies, and random events on them.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::Encoding;
use common::ids::AreaId;
use ospfd::core::config::{AreaConfig, AreaKind, NssaConfig};

use super::failure::Failure;
use super::node::NodeId;
use super::topology::{LinkId, Quality, Timing, Topology};
use super::world::World;

/// Convergence may need the inactivity and wait timers, several retransmissions, and the origination throttle.
const SETTLE_LIMIT: Duration = Duration::from_secs(90);
/// How long a deposed translator of an NSSA goes on.
const STABILITY: Duration = Duration::from_secs(10);
/// What has converged must stay so, over a few hellos and retransmissions.
const STAY: Duration = Duration::from_secs(15);

/// Plays the scenario of a seed: a random network in bad weather, in which things come and go; then the weather
/// clears, and everyone who can hear each other must agree. Gives a digest of all that was sent: the same seed gives the
/// same one.
pub fn play(seed: u64) -> Result<u64, Failure> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let topology = topology(&mut rng);
    play_on(&topology, rng, seed)
}

/// The same in [`Topology::areas`].
pub fn play_areas(seed: u64) -> Result<u64, Failure> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut topology = Topology::areas(weather(&mut rng));
    let stub = AreaKind::Stub { default_cost: 1, summaries: true };
    let nssa = AreaKind::Nssa(NssaConfig { stability_interval: STABILITY, ..NssaConfig::default() });
    let kinds: &[_] = match rng.u8(..5) {
        0 => &[],
        1 => &[(2, stub)],
        2 => &[(1, nssa)],
        3 => &[(1, nssa), (2, nssa)],
        _ => &[(1, nssa), (2, stub)],
    };
    for (area, kind) in kinds {
        topology.configure(AreaId(*area), AreaConfig { kind: *kind, ..AreaConfig::default() });
    }
    play_on(&topology, rng, seed)
}

fn play_on(topology: &Topology, mut rng: fastrand::Rng, seed: u64) -> Result<u64, Failure> {
    let mut world = World::new(topology, rng.u64(..));
    world.name(seed);
    for node in 0..topology.routers {
        if topology.has_borders() && rng.bool() {
            world.encode(NodeId(node), Encoding::External2);
        }
        world.advertise(NodeId(node), vip(&mut rng));
        if rng.u8(..8) > 0 {
            world.start(NodeId(node));
            world.run_for(Duration::from_millis(rng.u64(..500)))?;
        }
    }
    for _ in 0..rng.usize(5..25) {
        disturb(&mut world, topology, &mut rng);
        world.run_for(pause(&mut rng))?;
    }
    for link in (0..topology.links.len()).map(LinkId) {
        world.set_cut(link, false);
        world.set_carrier(link, rng.u8(..8) > 0);
        world.set_quality(link, Quality::CLEAN);
    }
    for node in (0..topology.routers).map(NodeId) {
        if rng.bool() {
            world.start(node);
        }
    }
    world.settle(SETTLE_LIMIT)?;
    world.run_for(STAY)?;
    let missing = world.missing();
    world.claim(missing.is_empty(), &format!("did not stay converged: {missing:?}"))?;
    Ok(world.digest())
}

/// Two to six routers, in a chain of point-to-point links with one or two LANs across it.
fn topology(rng: &mut fastrand::Rng) -> Topology {
    let routers = rng.usize(2..=6);
    let mut topology = Topology::new(routers, Timing::FAST);
    for node in 1..routers {
        if rng.bool() {
            topology.point_to_point(NodeId(node - 1), NodeId(node), weather(rng));
        }
    }
    for _ in 0..rng.usize(1..=2) {
        let mut ends: Vec<_> = (0..routers).map(|node| (NodeId(node), rng.u8(..3))).collect();
        rng.shuffle(&mut ends);
        ends.truncate(rng.usize(2..=routers));
        // Somebody must be able to become Designated Router.
        ends[0].1 = ends[0].1.max(1);
        ends[1].1 = ends[1].1.max(1);
        topology.broadcast(ends, weather(rng));
    }
    topology
}

fn weather(rng: &mut fastrand::Rng) -> Quality {
    Quality {
        delay: Duration::from_millis(rng.u64(1..30)),
        jitter: Duration::from_millis(rng.u64(..30)),
        loss_permille: if rng.bool() { 0 } else { rng.u16(..200) },
        duplicate_permille: if rng.bool() { 0 } else { rng.u16(..200) },
    }
}

fn disturb(world: &mut World, topology: &Topology, rng: &mut fastrand::Rng) {
    let node = NodeId(rng.usize(..topology.routers));
    let link = LinkId(rng.usize(..topology.links.len()));
    match rng.u8(..12) {
        0 => world.crash(node),
        1..=3 => world.start(node),
        4 => world.shut_down(node),
        5 => world.set_carrier(link, rng.bool()),
        6 => world.set_cut(link, rng.bool()),
        7 => world.set_quality(link, weather(rng)),
        8 => world.freeze_director(node, rng.bool()),
        9 => world.withdraw(node, vip(rng)),
        _ => world.advertise(node, vip(rng)),
    }
}

/// Mostly too short for anything to settle, now and then long enough.
fn pause(rng: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(if rng.u8(..4) == 0 { rng.u64(5_000..30_000) } else { rng.u64(..1_500) })
}

fn vip(rng: &mut fastrand::Rng) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, rng.u8(1..=6))
}
