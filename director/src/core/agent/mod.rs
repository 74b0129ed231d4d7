//! The director's core, sans-IO: one state machine that owns health, lease, drains and the last dump, and says what
//! to do next.
//!
//! Inputs are `handle_*` and the commands; effects come out of [`Agent::poll_action`], one at a time, and each (but a
//! probe, which has its own id) must be answered by its `handle_*`. Everything is level-triggered: any input marks the
//! agent dirty, and the next poll makes `desired`, the plan and the verdicts anew from what is known.
//!
//! Order up: address on the device → IPVS table → first check round → advertise. Order down: withdraw, wait until `ospfd` has
//! confirmed it (or the lease must have lapsed), then take traffic away in the table.

mod decide;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use common::control::ospf::{self, Encoding};
use common::time::Instant;

use self::decide::Decision;
use super::adopt::Settled;
use super::gate::Drains;
use super::health::{Change, Health, ProbeId, ProbeResult, Question, StartProbe};
use super::lease::{Lease, LeaseReply};
use super::observed::Observed;
use super::plan::{Op, Owned};
use crate::model::{Config, Service};

/// Between a failed change of the kernel and the next try of the same; doubled with each further failure.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// Later than this, the loop itself has stalled.
const LOOP_STALL: Duration = Duration::from_millis(500);

/// Everything is decided anew at least this often, if a timer runs out at all.
const DECIDE_EVERY: Duration = Duration::from_millis(250);

/// Dumps that may fail in a row before the table counts as unknown.
const UNREADABLE_AFTER: u32 = 3;
/// As many plans in a row may meet another table than they were made for before that counts as a failure.
const OUTDATED_IN_A_ROW: u32 = 3;

/// How VIPs are advertised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advertising {
    /// By a lease in `ospfd`.
    Lease {
        /// Its time to live.
        ttl: Duration,
    },
    /// By the presence of the VIP's address on the device.
    Addresses,
}

/// What the agent is told besides the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How VIPs are advertised.
    pub advertising: Advertising,
    /// Time between two dumps when nothing else happens.
    pub resync: Duration,
    /// Most probes under way at once.
    pub max_probes: usize,
}

/// What an earlier run left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// Drains.
    pub drains: Drains,
    /// Services that are ours in the kernel.
    pub services: Owned,
    /// VIP addresses that are ours on the device.
    pub addresses: BTreeSet<IpAddr>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a probe; its result goes to [`Agent::handle_probe`].
    StartProbe(StartProbe),
    /// Dump the kernel's table; the dump goes to [`Agent::handle_observed`].
    Observe,
    /// Change the kernel's table; the outcome goes to [`Agent::handle_applied`].
    Apply(Vec<Op>),
    /// Make these the VIP addresses of the device; the outcome goes to [`Agent::handle_announced`].
    Announce(BTreeSet<IpAddr>),
    /// Ask `ospfd`; the answer goes to [`Agent::handle_lease`].
    Lease(ospf::Request),
}

/// Something in the kernel did not work; the text says what and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KernelFault(pub String);

/// How [`Action::Apply`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// All of it was done.
    Done,
    /// The table is not the one that was planned for: somebody changed it between the dump and the change.
    Outdated(KernelFault),
    /// The kernel refused something for another reason, or could not be asked.
    Failed(KernelFault),
}

/// The kernel side: what was seen, what is under way, what failed.
#[derive(Debug, Default)]
struct Kernel {
    observed: Option<Observed>,
    observe_at: Instant,
    is_busy: bool,
    /// Services that were changed since the last look, or are being changed: what was seen of them may be past.
    in_flight: Owned,
    /// Dumps that failed in a row.
    unreadable: u32,
    /// The last plan that failed, and when to try it again.
    failed: Option<(Vec<Op>, Instant)>,
    failures: u32,
    /// Plans in a row that the table had run away from.
    outdated: u32,
    trouble: Option<KernelFault>,
}

/// The VIP addresses on the device.
#[derive(Debug, Default)]
struct Addresses {
    /// On the device as far as we know.
    present: BTreeSet<IpAddr>,
    /// What was asked for last, while it is not known whether it was done.
    pending: Option<BTreeSet<IpAddr>>,
    was_tried: bool,
    /// Was anything ever announced with success? Before, `present` is what an earlier run left, maybe before a reboot.
    is_confirmed: bool,
    announce_at: Instant,
    trouble: Option<KernelFault>,
}

/// The director's core.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    options: Options,
    started_at: Instant,
    health: Health,
    drains: Drains,
    owned: Owned,
    /// Services with `by_hand = "adopt"` as they were wanted when nothing was left to do.
    settled: Settled,
    lease: Option<Lease>,
    kernel: Kernel,
    addresses: Addresses,
    decision: Decision,
    is_dirty: bool,
    is_stopping: bool,
    /// Services that a reload added and that are not checked yet: they do not yet speak for a VIP that is advertised.
    newcomers: BTreeSet<String>,
    decided_at: Instant,
    /// When the loop was here last.
    seen_at: Instant,
}

impl Agent {
    /// An agent that knows nothing of the kernel yet, and what an earlier run left.
    pub fn new(config: Config, options: Options, legacy: Legacy, seed: u64, now: Instant) -> Self {
        let mut health = Health::new(seed, options.max_probes);
        health.reconfigure(now, &Question::all(&config), options.max_probes);
        let lease = new_lease(&options, &config, now);
        Self {
            health,
            drains: legacy.drains,
            owned: legacy.services,
            settled: Settled::new(),
            lease,
            kernel: Kernel { observe_at: now, ..Kernel::default() },
            addresses: Addresses { present: legacy.addresses, announce_at: now, ..Addresses::default() },
            decision: Decision::default(),
            is_dirty: true,
            is_stopping: false,
            started_at: now,
            newcomers: BTreeSet::new(),
            decided_at: now,
            seen_at: now,
            config,
            options,
        }
    }

    /// Takes a new configuration over. What stays keeps its health, its table and its advertisement.
    pub fn reconfigure(&mut self, config: Config, options: Options, now: Instant) {
        self.health.reconfigure(now, &Question::all(&config), options.max_probes);
        match (&mut self.lease, &options.advertising) {
            (Some(lease), Advertising::Lease { ttl }) => lease.set_ttl(now, *ttl),
            _ => self.lease = new_lease(&options, &config, now),
        }
        if let Some(lease) = &mut self.lease {
            lease.encode(encodings(&config));
        }
        let old_keys: BTreeSet<_> = self.config.services.values().map(|service| service.key).collect();
        let is_new = |service: &Service| !old_keys.contains(&service.key);
        let new = config.services.iter().filter(|(_, service)| is_new(service)).map(|(name, _)| name.clone());
        self.newcomers.extend(new);
        self.config = config;
        self.options = options;
        self.kernel.observe_at = now;
        self.addresses.announce_at = now;
        self.is_dirty = true;
    }

    /// Opens the lease again, as when `ospfd`'s socket moved.
    pub fn reopen_lease(&mut self, now: Instant) {
        if let Some(lease) = &mut self.lease {
            lease.reopen(now);
        }
    }

    /// Drains the host, or one VIP. `Err` with the address when no such VIP is configured.
    pub fn drain(&mut self, vip: Option<IpAddr>) -> Result<(), IpAddr> {
        self.change_drain(vip, true)
    }

    /// Takes a drain back.
    pub fn undrain(&mut self, vip: Option<IpAddr>) -> Result<(), IpAddr> {
        self.change_drain(vip, false)
    }

    fn change_drain(&mut self, vip: Option<IpAddr>, on: bool) -> Result<(), IpAddr> {
        match vip {
            None => {
                self.drains.host = on;
                if !on {
                    self.drains.vips.clear();
                }
            }
            Some(vip) if !self.config.vips.contains_key(&vip) => return Err(vip),
            Some(vip) if on => drop(self.drains.vips.insert(vip)),
            Some(vip) => drop(self.drains.vips.remove(&vip)),
        }
        self.is_dirty = true;
        Ok(())
    }

    /// What is drained.
    pub fn drains(&self) -> &Drains {
        &self.drains
    }

    /// Services that are ours in the kernel, to be remembered over a restart.
    pub fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Begins a clean stop: VIPs are withdrawn; tables and connections stay as they are.
    pub fn stop(&mut self) {
        self.is_stopping = true;
        if let Some(lease) = &mut self.lease {
            lease.release();
        }
        self.is_dirty = true;
    }

    /// Is everything withdrawn after [`Agent::stop`]?
    pub fn is_stopped(&self, now: Instant) -> bool {
        let is_withdrawn = match &self.lease {
            Some(lease) => lease.is_gone(now),
            None => self.addresses.pending.is_none() && self.addresses.present.is_empty(),
        };
        self.is_stopping && is_withdrawn
    }

    /// A loop that did not turn in time (a frozen process, a paused machine) asked nobody meanwhile: that time does not count
    /// against the checks. What the stall means for the VIPs is the lease's to say.
    fn forgive_stall(&mut self, now: Instant) {
        let overdue = self.next_deadline().map_or(Duration::ZERO, |at| now.since(at));
        let late = overdue.min(now.since(self.seen_at));
        self.seen_at = now;
        if late >= LOOP_STALL {
            tracing::warn!(late = ?late, reason = "the loop did not turn", "director stalled");
            self.health.forgive(late);
        }
    }

    /// Time has come for something; see [`Agent::next_deadline`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.forgive_stall(now);
        self.health.handle_timeout(now);
        let has_lapsed = self.lease.as_mut().is_some_and(|lease| lease.handle_timeout(now));
        // Stalled checks and the back-off of the kernel make no event of their own.
        self.is_dirty |= has_lapsed || now.since(self.decided_at) >= DECIDE_EVERY;
    }

    /// The result of a probe.
    pub fn handle_probe(&mut self, now: Instant, id: ProbeId, result: ProbeResult) {
        self.forgive_stall(now);
        self.health.handle_result(now, id, result);
        while let Some(change) = self.health.poll_change() {
            for (service_name, service) in &self.config.services {
                for (server_name, _) in
                    service.servers.iter().filter(|(_, server)| Question::of(server) == change.question)
                {
                    log_change(service_name, server_name, &change);
                }
            }
            self.is_dirty = true;
        }
    }

    /// The kernel's table, or why there is none.
    pub fn handle_observed(&mut self, now: Instant, dump: Result<Observed, KernelFault>) {
        let kernel = &mut self.kernel;
        kernel.is_busy = false;
        kernel.observe_at = now + self.options.resync;
        match dump {
            Ok(observed) => {
                if kernel.unreadable > 0 {
                    tracing::info!(reason = "the dump succeeded", "kernel table readable again");
                    kernel.trouble = None;
                }
                kernel.unreadable = 0;
                kernel.in_flight.clear();
                let wanted: Owned = self.config.services.values().map(|service| service.key).collect();
                self.owned.retain(|key| wanted.contains(key) || observed.services.contains_key(key));
                kernel.observed = Some(observed);
            }
            Err(fault) => {
                kernel.unreadable = kernel.unreadable.saturating_add(1);
                kernel.observe_at = now + FIRST_RETRY.min(self.options.resync);
                kernel.complain(fault, "kernel table not readable");
                if kernel.unreadable >= UNREADABLE_AFTER {
                    kernel.observed = None;
                }
            }
        }
        self.is_dirty = true;
    }

    /// The next look at the kernel's table is due now, whatever `resync` says.
    pub fn observe_now(&mut self, now: Instant) {
        self.kernel.observe_at = now;
    }

    /// What was adopted is to be repaired after all.
    pub fn forget_adopted(&mut self) {
        self.settled.clear();
        self.is_dirty = true;
    }

    /// The outcome of [`Action::Apply`].
    pub fn handle_applied(&mut self, now: Instant, ops: Vec<Op>, outcome: Applied) {
        let kernel = &mut self.kernel;
        kernel.is_busy = false;
        // Whatever was done, only a dump tells.
        kernel.observe_at = now;
        match outcome {
            Applied::Done => {
                kernel.failures = 0;
                kernel.outdated = 0;
                kernel.failed = None;
                kernel.trouble = None;
            }
            Applied::Outdated(_) if kernel.outdated < OUTDATED_IN_A_ROW => kernel.outdated += 1,
            Applied::Outdated(fault) => {
                // Every dump gives another plan, so the look itself must wait.
                kernel.observe_at = now + kernel.fail(now, ops, fault);
            }
            Applied::Failed(fault) => {
                kernel.fail(now, ops, fault);
            }
        }
        self.is_dirty = true;
    }

    /// The outcome of [`Action::Announce`].
    pub fn handle_announced(&mut self, now: Instant, outcome: Result<(), KernelFault>) {
        let addresses = &mut self.addresses;
        addresses.was_tried = true;
        let pending = addresses.pending.take().unwrap_or_default();
        match outcome {
            Ok(()) => {
                if addresses.trouble.take().is_some() {
                    tracing::info!(reason = "the last change succeeded", "VIP addresses as wanted");
                }
                addresses.present = pending;
                addresses.is_confirmed = true;
                addresses.announce_at = now + self.options.resync;
            }
            Err(fault) => {
                // Some may have been put on, some not: those that were wanted before and after are there.
                match self.lease {
                    Some(_) if addresses.is_confirmed => {
                        addresses.present.retain(|vip| pending.contains(vip));
                    }
                    Some(_) => addresses.present.clear(),
                    None => addresses.present.extend(pending),
                }
                addresses.announce_at = now + FIRST_RETRY;
                if addresses.trouble.as_ref() != Some(&fault) {
                    tracing::warn!(reason = %fault, "VIP addresses not as wanted");
                }
                addresses.trouble = Some(fault);
            }
        }
        self.is_dirty = true;
    }

    /// `ospfd`'s answer.
    pub fn handle_lease(&mut self, now: Instant, reply: LeaseReply) {
        self.forgive_stall(now);
        if let Some(lease) = &mut self.lease {
            lease.handle_reply(now, reply);
        }
        self.is_dirty = true;
    }

    /// When [`Agent::handle_timeout`] must be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let kernel = (!self.kernel.is_busy && !self.is_stopping).then_some(self.kernel.observe_at);
        let retry = self.kernel.failed.as_ref().filter(|_| !self.kernel.is_busy).map(|(_, at)| *at);
        let announce = self.may_announce().then_some(self.addresses.announce_at);
        let health = if self.is_stopping { None } else { self.health.next_deadline() };
        let lease = self.lease.as_ref().and_then(Lease::next_deadline);
        [kernel, retry, announce, health, lease].into_iter().flatten().min()
    }

    /// What to do now, if anything. Call it until it gives nothing.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        self.forgive_stall(now);
        if self.is_dirty {
            self.decide(now);
            self.is_dirty = false;
        }
        if let Some(request) = self.lease.as_mut().and_then(|lease| lease.poll_request(now)) {
            self.is_dirty = true;
            return Some(Action::Lease(request));
        }
        if let Some(action) = self.poll_announce(now).or_else(|| self.poll_kernel(now)) {
            return Some(action);
        }
        if self.is_stopping {
            return None;
        }
        self.health.poll_probe(now).map(Action::StartProbe)
    }

    fn poll_announce(&mut self, now: Instant) -> Option<Action> {
        if !self.may_announce() {
            return None;
        }
        let wanted = self.wanted_addresses(now);
        let is_due = self.addresses.announce_at <= now;
        let is_new = wanted != self.addresses.present && self.addresses.trouble.is_none();
        if !is_due && !is_new {
            return None;
        }
        self.addresses.pending = Some(wanted.clone());
        Some(Action::Announce(wanted))
    }

    /// A clean stop leaves the addresses where a lease made the advertisement; and where they are it, they are not touched
    /// before the table was looked at once.
    fn may_announce(&self) -> bool {
        let has_looked = self.kernel.observed.is_some() || self.kernel.unreadable >= UNREADABLE_AFTER;
        self.addresses.pending.is_none()
            && if self.lease.is_some() { !self.is_stopping } else { self.is_stopping || has_looked }
    }

    /// With a lease, every VIP's address is on the device; without, the addresses are the advertisement.
    fn wanted_addresses(&self, now: Instant) -> BTreeSet<IpAddr> {
        match &self.lease {
            Some(lease) => {
                // What is no longer configured stays until it is withdrawn.
                let exposed = lease.exposed(now);
                let leaving = self.addresses.present.intersection(&exposed);
                self.config.vips.keys().chain(leaving).copied().collect()
            }
            None if self.is_stopping => BTreeSet::new(),
            None => self.advertisable().into_keys().filter(|vip| !self.drains.covers(vip)).collect(),
        }
    }

    fn poll_kernel(&mut self, now: Instant) -> Option<Action> {
        if self.kernel.is_busy || self.is_stopping {
            return None;
        }
        if self.kernel.observe_at <= now {
            self.kernel.is_busy = true;
            return Some(Action::Observe);
        }
        let ready = &self.decision.ready;
        let must_wait =
            self.kernel.failed.as_ref().is_some_and(|(failed, retry_at)| failed == ready && *retry_at > now);
        if ready.is_empty() || must_wait {
            return None;
        }
        self.kernel.is_busy = true;
        self.kernel.in_flight = ready.iter().filter_map(Op::key).collect();
        self.owned.extend(&self.kernel.in_flight);
        Some(Action::Apply(ready.clone()))
    }
}

impl Kernel {
    /// Gives the time after which to try again.
    fn fail(&mut self, now: Instant, ops: Vec<Op>, fault: KernelFault) -> Duration {
        let wait = (FIRST_RETRY * (1 << self.failures.min(6))).min(LAST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.failed = Some((ops, now + wait));
        self.complain(fault, "kernel table not as wanted");
        wait
    }

    fn complain(&mut self, fault: KernelFault, what: &str) {
        if self.trouble.as_ref() != Some(&fault) {
            tracing::error!(reason = %fault, "{what}");
        }
        self.trouble = Some(fault);
    }
}

fn new_lease(options: &Options, config: &Config, now: Instant) -> Option<Lease> {
    match options.advertising {
        Advertising::Lease { ttl } => {
            let mut lease = Lease::new(now, "director".into(), ttl, config.vips.keys().copied().collect());
            lease.encode(encodings(config));
            Some(lease)
        }
        Advertising::Addresses => None,
    }
}

fn encodings(config: &Config) -> BTreeMap<IpAddr, Encoding> {
    config.vips.iter().map(|(vip, config)| (*vip, config.encoding)).collect()
}

fn log_change(service: &str, server: &str, change: &Change) {
    let (from, to) = (change.from.as_str(), change.to.as_str());
    match change.result {
        Ok(latency) => {
            let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            tracing::info!(service, server, from, to, latency_us, "health changed");
        }
        Err(failure) => tracing::warn!(service, server, from, to, reason = %failure, "health changed"),
    }
}
