//! Random topologies, and random events on them.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use common::control::ospf::Encoding;
use common::ids::AreaId;
use ospfd::core::config::{AreaConfig, AreaKind, NssaConfig};
use ospfd::packet::{Auth, LsType, Lsa, MAX_AGE, encode_update};

use super::failure::Failure;
use super::fault::Fault;
use super::node::NodeId;
use super::topology::{LinkId, LinkKind, Quality, Timing, Topology};
use super::world::World;

/// Convergence may need the inactivity and wait timers, several retransmissions, and the origination throttle.
const SETTLE_LIMIT: Duration = Duration::from_secs(90);
/// How long a deposed translator of an NSSA goes on.
const STABILITY: Duration = Duration::from_secs(10);
/// What has converged must stay so, over a few hellos and retransmissions.
const STAY: Duration = Duration::from_secs(15);

/// A kind of scenario. A seed makes one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Two to eight routers in one area, on links of all kinds.
    Networks,
    /// [`Topology::areas`].
    Areas,
}

/// What is to be done beside playing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// Write down what happens, in this directory.
    pub write_to: Option<&'a Path>,
    /// Plant a bug in one of the routers.
    pub fault: Option<Fault>,
}

/// What sort of things happen in a scenario.
#[derive(Clone, Copy, Debug)]
struct Sort {
    /// There are several areas: all VIPs of a router are encoded alike.
    has_borders: bool,
    /// VIPs are stub links only.
    stubs_only: bool,
    /// Somebody forges LSAs.
    forged: bool,
}

/// Plays the scenario of a seed: a random network in bad weather, in which things come and go; then the weather
/// clears, and everyone who can hear each other must agree. Gives a digest of all that was sent: the same seed gives the
/// same one.
pub fn play(suite: Suite, seed: u64, extras: Extras<'_>) -> Result<u64, Failure> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let topology = match suite {
        Suite::Networks => networks(&mut rng),
        Suite::Areas => areas(&mut rng),
    };
    let sort = Sort { has_borders: suite == Suite::Areas, stubs_only: rng.bool(), forged: rng.u8(..4) == 0 };
    let mut world = World::new(&topology, rng.u64(..));
    world.name(seed);
    if let Some(directory) = extras.write_to
        && let Err(error) = world.write_down(directory)
    {
        world.claim(false, &format!("what happens cannot be written down: {error}"))?;
    }
    if let Some(fault) = extras.fault {
        world.plant(NodeId(0), fault);
    }
    begin(&mut world, &topology, sort, &mut rng)?;
    bad_weather(&mut world, &topology, sort, &mut rng)?;
    clear_up(&mut world, &topology, &mut rng)?;
    if sort.forged {
        for _ in 0..rng.usize(1..4) {
            forge(&mut world, &topology, &mut rng);
            world.run_for(pause(&mut rng))?;
        }
        bad_weather(&mut world, &topology, sort, &mut rng)?;
        clear_up(&mut world, &topology, &mut rng)?;
    }
    Ok(world.digest())
}

fn begin(world: &mut World, topology: &Topology, sort: Sort, rng: &mut fastrand::Rng) -> Result<(), Failure> {
    for node in (0..topology.routers()).map(NodeId) {
        if sort.has_borders && rng.bool() {
            world.encode(node, Encoding::External2);
        }
        advertise(world, node, sort, rng);
        if rng.u8(..8) > 0 {
            world.start(node);
            world.run_for(Duration::from_millis(rng.u64(..500)))?;
        }
    }
    Ok(())
}

fn bad_weather(
    world: &mut World,
    topology: &Topology,
    sort: Sort,
    rng: &mut fastrand::Rng,
) -> Result<(), Failure> {
    for _ in 0..rng.usize(5..25) {
        disturb(world, topology, sort, rng);
        world.run_for(pause(rng))?;
    }
    Ok(())
}

/// The weather clears, and all who can hear each other must come to agree and stay so.
fn clear_up(world: &mut World, topology: &Topology, rng: &mut fastrand::Rng) -> Result<(), Failure> {
    for link in (0..topology.links()).map(LinkId) {
        world.set_cut(link, false);
        world.set_carrier(link, rng.u8(..8) > 0);
        world.set_quality(link, Quality::CLEAN);
    }
    for node in (0..topology.routers()).map(NodeId) {
        if rng.bool() {
            world.start(node);
        }
    }
    world.settle(SETTLE_LIMIT)?;
    world.run_for(STAY)?;
    let missing = world.missing();
    world.claim(missing.is_empty(), &format!("did not stay converged: {missing:?}"))
}

/// A chain of point-to-point links with one or two networks of many across it.
fn networks(rng: &mut fastrand::Rng) -> Topology {
    let routers = rng.usize(2..=8);
    let mut topology = Topology::new(routers, Timing::FAST);
    if rng.bool() {
        topology.carry_transit();
    }
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
        let kind = match rng.u8(..6) {
            0 => LinkKind::NonBroadcast,
            1 => LinkKind::PointToMultipoint { named: rng.bool() },
            _ => LinkKind::Lan,
        };
        topology.add(kind, ends, weather(rng));
    }
    for link in (0..topology.links()).map(LinkId) {
        topology.weigh(link, 10 * rng.u16(1..=3));
    }
    topology
}

fn areas(rng: &mut fastrand::Rng) -> Topology {
    let mut topology = Topology::areas(weather(rng));
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
    topology
}

fn weather(rng: &mut fastrand::Rng) -> Quality {
    Quality {
        delay: Duration::from_millis(rng.u64(1..30)),
        jitter: Duration::from_millis(rng.u64(..30)),
        loss_permille: if rng.bool() { 0 } else { rng.u16(..200) },
        duplicate_permille: if rng.bool() { 0 } else { rng.u16(..200) },
        corrupt_permille: if rng.u8(..4) > 0 { 0 } else { rng.u16(..100) },
    }
}

fn disturb(world: &mut World, topology: &Topology, sort: Sort, rng: &mut fastrand::Rng) {
    let node = NodeId(rng.usize(..topology.routers()));
    let link = LinkId(rng.usize(..topology.links()));
    match rng.u8(..12) {
        0 => world.crash(node),
        1..=3 => world.start(node),
        4 => world.shut_down(node),
        5 => world.set_carrier(link, rng.bool()),
        6 => world.set_cut(link, rng.bool()),
        7 => world.set_quality(link, weather(rng)),
        8 => world.freeze_director(node, rng.bool()),
        9 => world.withdraw(node, vip(rng)),
        _ => advertise(world, node, sort, rng),
    }
}

/// Two neighbours hear, each from the other, an instance of somebody's Router-LSA that its owner never made: somewhat
/// newer, at the end of sequence numbers, or at MaxAge. (Heard by one only, it would not go back where it seems to come
/// from, and the two would differ until the owner refreshes.)
fn forge(world: &mut World, topology: &Topology, rng: &mut fastrand::Rng) {
    let link = LinkId(rng.usize(..topology.links()));
    let mut ends = topology.ends(link);
    rng.shuffle(&mut ends);
    let (Some(&from), Some(&to)) = (ends.first(), ends.get(1)) else { return };
    let victim = NodeId(rng.usize(..topology.routers())).router_id();
    let Some((area, lsa)) = world.instance(to).and_then(|instance| {
        let mut lsas = instance.lsas().filter(|(_, lsa)| lsa.header.key.ls_type == LsType::Router);
        lsas.find(|(_, lsa)| lsa.header.key.advertising_router == victim)
    }) else {
        return;
    };
    let sequence = match rng.u8(..4) {
        0 => i32::MAX - 1,
        1 => i32::MAX - rng.i32(1..4),
        _ => lsa.header.sequence.saturating_add(rng.i32(1..1000)).min(i32::MAX - 1),
    };
    let age = if rng.u8(..3) == 0 { MAX_AGE } else { lsa.header.age };
    let key = lsa.header.key;
    let lsa = Lsa::build(age, lsa.header.options, key, sequence, lsa.body.clone());
    let forged = |from: NodeId| {
        let raw = lsa.as_ref().map_err(|error| *error)?.raw.clone();
        encode_update(from.router_id(), area.unwrap_or(AreaId(0)), &[raw], &Auth::Null)
    };
    for (from, to) in [(from, to), (to, from)] {
        if let Ok(payload) = forged(from) {
            world.inject(link, from, to, payload);
        }
    }
}

fn advertise(world: &mut World, node: NodeId, sort: Sort, rng: &mut fastrand::Rng) {
    let vip = vip(rng);
    if sort.has_borders {
        world.advertise(node, vip);
    } else {
        world.advertise_as(node, vip, encoding(sort, rng));
    }
}

fn encoding(sort: Sort, rng: &mut fastrand::Rng) -> Encoding {
    match rng.u8(..4) {
        0 | 1 => Encoding::Stub,
        _ if sort.stubs_only => Encoding::Stub,
        2 => Encoding::External1,
        _ => Encoding::External2,
    }
}

/// Mostly too short for anything to settle, now and then long enough.
fn pause(rng: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(if rng.u8(..4) == 0 { rng.u64(5_000..30_000) } else { rng.u64(..1_500) })
}

fn vip(rng: &mut fastrand::Rng) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, rng.u8(1..=6))
}
