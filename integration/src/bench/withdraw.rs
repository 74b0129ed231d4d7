//! `withdraw`: from "health says no" to the route gone from the upstream's (FRR) kernel.
//!
//! All directors stand in one topology and change in turn. Ours holds its VIP by a lease, as `director` does: "no" is the
//! moment just before the new set without the VIP is sent. FRR has its VIP on `lo`: "no" is the moment just before the
//! address's removal is sent to the kernel, by netlink and not by a started `ip`. Both ends are read from one clock, and the
//! end is the kernel's notification. Changes of one director are far enough apart that no throttle of either plays in.
//!
//! Ours plays twice, with its VIP as a stub link (`ours`) and as an AS-external-LSA (`ours-external`). BIRD learns the address
//! of `lo` by its direct protocol, and tells of it as an external route. FRR plays twice: `frr` redistributes connected addresses, which is how it is mostly done; `frr-stub` has `lo` in the area,
//! which is the quickest that it can do. The upstream itself takes some 11 ms of every figure.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use common::control::frame::Client;
use common::control::ospf::{Advertisement, Encoding, Request, Response};
use common::time::Instant;
use futures_util::StreamExt as _;
use ipnetwork::IpNetwork;
use rtnetlink::{AddressMessageBuilder, Handle};
use tokio::runtime::Runtime;

use super::command::Plan;
use super::result::{BenchResult, Samples};
use super::stage::{pids, start_release};
use crate::clock::{pause, until, until_some};
use crate::lab::topology::Topology;
use crate::lab::{Lab, Options};
use crate::observe::clock::Clock;
use crate::observe::fib::Watcher;
use crate::observe::process::Cost;

/// Name of the bench and of its one case.
pub(super) const NAME: &str = "withdraw";
/// Between two changes of any kind. Every subject changes once in five times this:
/// above FRR's MinLSInterval (5 s), and so that the upstream's SPF is not held back either.
const SPACING: Duration = Duration::from_millis(1100);
/// Until both VIPs stand in the upstream's kernel for the first time.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// A change that takes longer is a failure of the bench.
const CHANGE_LIMIT: Duration = Duration::from_secs(15);
/// The table is only read again to repair a lost notification.
const REREAD: Duration = Duration::from_secs(2);
const LEASE_TTL_MS: u64 = 3_600_000;

/// Ours or the peer, with its VIP.
struct Subject {
    name: &'static str,
    vip: Ipv4Addr,
    hand: Hand,
    pids: Vec<u32>,
}

/// What moves a VIP.
enum Hand {
    Lease { name: &'static str, encoding: Encoding, client: Client, generation: u64, runtime: Runtime },
    Address { handle: Handle, lo: u32, runtime: Runtime },
}

/// Whether the VIP may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Yes,
    No,
}

/// Runs the bench.
///
/// # Errors
/// The lab does not come up, or a change does not reach the upstream's kernel.
pub(super) fn measure(plan: &Plan) -> Result<BenchResult> {
    let clock = Clock::start();
    let topology = Topology::named("bench-withdraw")?;
    let lab = Lab::start(&topology, &Options::default().hold("ours"))?;
    let logs = lab.logs().display().to_string();
    measure_in(&lab, clock, plan.runs).with_context(|| format!("logs: {logs}"))
}

fn measure_in(lab: &Lab, clock: Clock, runs: u32) -> Result<BenchResult> {
    start_release(lab.node("ours"))?;
    let mut subjects = [
        ours(lab, "ours", Ipv4Addr::new(192, 0, 2, 10), Encoding::Stub)?,
        ours(lab, "ours-external", Ipv4Addr::new(192, 0, 2, 14), Encoding::External2)?,
        peer(lab, "frr", Ipv4Addr::new(192, 0, 2, 11))?,
        peer(lab, "frr-stub", Ipv4Addr::new(192, 0, 2, 12))?,
        peer(lab, "bird", Ipv4Addr::new(192, 0, 2, 13))?,
    ];
    let mut watchers = Vec::new();
    for subject in &subjects {
        let door = lab.node("upstream").namespace().door();
        watchers.push(Watcher::start(clock, subject.vip, REREAD, door)?);
    }
    for (subject, watcher) in subjects.iter_mut().zip(&watchers) {
        subject.set(clock, Health::Yes)?;
        let what = format!("the VIP of {} stands in the upstream's kernel", subject.name);
        until(READY_LIMIT, &what, || !watcher.current().is_empty())?;
    }
    pause(SPACING * 2);
    let before: Vec<Cost> = subjects.iter().map(|subject| Cost::of_all(&subject.pids)).collect();
    let mut samples = Samples::default();
    for run in 1..=runs {
        for (health, metric) in [(Health::No, "withdraw_ms"), (Health::Yes, "advertise_ms")] {
            for (subject, watcher) in subjects.iter_mut().zip(&watchers) {
                let took = subject.change(clock, watcher, health)?;
                samples.add(NAME, subject.name, metric, took.as_secs_f64() * 1000.0);
                pause(SPACING);
            }
        }
        let last = |subject| samples.of(NAME, subject, "withdraw_ms").last().copied().unwrap_or_default();
        let told: Vec<String> =
            subjects.iter().map(|s| format!("{} {:.1} ms", s.name, last(s.name))).collect();
        eprintln!("run {run:2}/{runs}: {}", told.join(", "));
    }
    for (subject, before) in subjects.iter().zip(before) {
        let cost = Cost::of_all(&subject.pids);
        samples.add(NAME, subject.name, "cpu_s", cost.cpu_s - before.cpu_s);
        samples.add(NAME, subject.name, "rss_mib", cost.rss_mib);
    }
    Ok(samples.result(NAME, runs))
}

fn ours(lab: &Lab, name: &'static str, vip: Ipv4Addr, encoding: Encoding) -> Result<Subject> {
    let node = lab.node("ours");
    let socket: PathBuf = node.control_socket("ospfd");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut client =
        until_some(READY_LIMIT, "ospfd answers", || runtime.block_on(Client::connect(&socket)).ok())?;
    let open = Request::LeaseOpen { name: name.into(), ttl_ms: LEASE_TTL_MS };
    accepted(runtime.block_on(client.call(&open))?)?;
    Ok(Subject {
        name,
        vip,
        hand: Hand::Lease { name, encoding, client, generation: 0, runtime },
        pids: vec![node.pid("ospfd")?],
    })
}

fn peer(lab: &Lab, name: &'static str, vip: Ipv4Addr) -> Result<Subject> {
    let node = lab.node(name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let entered = runtime.handle().clone();
    // The socket belongs to the namespace of the thread that makes it.
    let handle = node.namespace().enter(|| {
        let _runtime = entered.enter();
        let (connection, handle, _) = rtnetlink::new_connection()?;
        entered.spawn(connection);
        Ok::<_, std::io::Error>(handle)
    })??;
    let lo = runtime.block_on(async {
        let link = handle.link().get().match_name("lo").execute().next().await;
        link.context("the namespace has no lo")?.map(|link| link.header.index).context("lo cannot be read")
    })?;
    Ok(Subject { name, vip, hand: Hand::Address { handle, lo, runtime }, pids: pids(node)? })
}

impl Subject {
    /// Says yes or no, and waits for the upstream's kernel.
    fn change(&mut self, clock: Clock, watcher: &Watcher, health: Health) -> Result<Duration> {
        let said_at = self.set(clock, health)?;
        let what = format!("{}: the upstream's kernel follows {health:?}", self.name);
        let change = until_some(CHANGE_LIMIT, &what, || {
            watcher.first_since(said_at, |next_hops| next_hops.is_empty() == (health == Health::No))
        })?;
        ensure!(watcher.dropped() == 0, "{what}: the watcher ran full");
        Ok(change.at.since(said_at))
    }

    /// Says yes or no, and returns the moment just before.
    fn set(&mut self, clock: Clock, health: Health) -> Result<Instant> {
        let vip = self.vip;
        match &mut self.hand {
            Hand::Lease { name, encoding, client, generation, runtime } => {
                *generation += 1;
                let prefix = IpNetwork::new(vip.into(), 32)?;
                let advertisement = Advertisement { prefix, metric: 10, encoding: *encoding, tag: 0 };
                let request = Request::SetAdvertised {
                    name: (*name).into(),
                    generation: *generation,
                    advertisements: if health == Health::Yes { vec![advertisement] } else { Vec::new() },
                };
                let said_at = clock.now();
                accepted(runtime.block_on(client.call(&request))?)?;
                Ok(said_at)
            }
            Hand::Address { handle, lo, runtime } => {
                let address = AddressMessageBuilder::<Ipv4Addr>::new().index(*lo).address(vip, 32).build();
                let said_at = clock.now();
                runtime.block_on(async {
                    match health {
                        Health::Yes => handle.address().add(*lo, vip.into(), 32).execute().await,
                        Health::No => handle.address().del(address).execute().await,
                    }
                })?;
                Ok(said_at)
            }
        }
    }
}

fn accepted(response: Response) -> Result<()> {
    match response {
        Response::Lease(_) => Ok(()),
        Response::Refused(refusal) => Err(refusal).context("ospfd refuses"),
        other => bail!("ospfd answers something else: {other:?}"),
    }
}
