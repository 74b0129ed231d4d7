//! The loop: the one owner of the core. It waits for an input, feeds it, and does what the core says, until nothing is
//! left to do. Nothing else renews the lease, so a loop that hangs withdraws its VIPs by silence.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use common::control::director::{Request, Response};
use common::control::{Refusal, RefusalCode};
use common::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::admin::{Admin, Command};
use super::announcer::Announcer;
use super::clock::Clock;
use super::executor::Progress;
use super::kernel::{Done, Kernel};
use super::lease::Link;
use super::ownership::{Ownership, OwnershipError};
use super::watchdog::{self, Watchdog};
use super::{drains, sysctl};
use crate::config::{self, Routing, Settings};
use crate::core::agent::{Action, Advertising, Agent, Applied, KernelFault, Legacy, Options};
use crate::core::health::{ProbeId, ProbeResult, StartProbe};
use crate::core::lease::LeaseFault;
use crate::core::observed::Observed;
use crate::core::plan::Op;
use crate::probe;

/// Longer plans are not logged operation by operation.
const TOLD_ONE_BY_ONE: usize = 64;

/// Operators who may wait for a look at the table.
const MAX_WAITING: usize = 16;

/// Results that may wait for the loop; a probe that finds no room waits.
const RESULTS: usize = 1024;

/// A clean stop takes no longer than this, whatever `ospfd` does.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// The longest wait for one answer of `ospfd`.
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);

/// The daemon.
#[derive(Debug)]
pub struct Driver {
    clock: Clock,
    config_path: PathBuf,
    settings: Settings,
    agent: Agent,
    kernel: Kernel,
    /// A look at the table is under way.
    is_observing: bool,
    /// Operators who wait for a look that begins after they asked.
    waiting: Vec<Waiting>,
    announcer: Announcer,
    ownership: Ownership,
    link: Option<Link>,
    admin: Admin,
    to_results: mpsc::Sender<(ProbeId, ProbeResult)>,
    results: mpsc::Receiver<(ProbeId, ProbeResult)>,
    watchdog: Watchdog,
    signals: Signals,
    /// Sysctls are set once the kernel has answered: before, its module may not be there.
    are_sysctls_due: bool,
    stop_by: Option<Instant>,
}

#[derive(Debug)]
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// An operator who waits for a look at the table.
#[derive(Debug)]
struct Waiting {
    reply: oneshot::Sender<Response>,
    /// The look under way began before the question, and does not count.
    is_early: bool,
    /// Repair also what was adopted.
    is_repair: bool,
}

/// What the loop waits for.
enum Input {
    Kernel(Done),
    Stop,
    Reload,
    Command(Command),
    Probe(ProbeId, ProbeResult),
    Lease(crate::core::lease::LeaseReply),
    Time,
}

impl Driver {
    /// A daemon that serves its control socket and has not touched the kernel yet. `config_path` is what a reload reads.
    ///
    /// # Errors
    /// The state directory, the control socket or a netlink socket cannot be used.
    pub async fn start(config_path: PathBuf, settings: Settings) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let now = clock.now();
        let ownership = Ownership::load(&settings.state_dir)?;
        let legacy = Legacy {
            drains: drains::load(&settings.state_dir)?,
            services: ownership.services().clone(),
            addresses: ownership.addresses().clone(),
        };
        let admin = Admin::start(&settings.control_socket)
            .await
            .with_context(|| format!("cannot listen on {}", settings.control_socket.display()))?;
        let seed = RandomState::new().build_hasher().finish();
        let agent = Agent::new(settings.model.clone(), options(&settings), legacy, seed, now);
        let (to_results, results) = mpsc::channel(RESULTS);
        Ok(Self {
            clock,
            config_path,
            agent,
            kernel: Kernel::start(settings.modprobe.clone()),
            is_observing: false,
            waiting: Vec::new(),
            announcer: Announcer::new(settings.vip_device.clone())?,
            ownership,
            link: link(&settings),
            admin,
            to_results,
            results,
            watchdog: Watchdog::new(now),
            signals: Signals {
                hangup: signal(SignalKind::hangup())?,
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            },
            are_sysctls_due: true,
            stop_by: None,
            settings,
        })
    }

    /// Runs until the daemon has been told to stop and everything is withdrawn. `false` when that could not be confirmed.
    pub async fn run(mut self) -> bool {
        watchdog::ready();
        tracing::info!(director = %self.settings.model.name, reason = "start", "director runs");
        loop {
            while let Some(action) = self.agent.poll_action(self.clock.now()) {
                self.perform(action).await;
            }
            let now = self.clock.now();
            self.watchdog.handle_timeout(now);
            if self.agent.is_stopped(now) {
                return true;
            }
            if self.stop_by.is_some_and(|at| at <= now) {
                return false;
            }
            match self.wait().await {
                Input::Stop if self.stop_by.is_some() => return false,
                Input::Stop => self.stop(),
                Input::Reload => {
                    watchdog::reloading();
                    if let Err(error) = self.reload() {
                        tracing::error!(reason = %error, "reload refused; the configuration in force stays");
                    }
                    watchdog::ready();
                }
                Input::Kernel(Done::Observed(dump)) => self.observed(dump),
                Input::Kernel(Done::Applied(ops, outcome)) => {
                    self.agent.handle_applied(self.clock.now(), ops, outcome);
                }
                Input::Command(command) => self.answer(command),
                Input::Probe(id, result) => self.agent.handle_probe(self.clock.now(), id, result),
                Input::Lease(reply) => self.agent.handle_lease(self.clock.now(), reply),
                Input::Time => self.agent.handle_timeout(self.clock.now()),
            }
        }
    }

    /// Results come before time: after a stall of the whole process, what has arrived in the meantime still counts.
    async fn wait(&mut self) -> Input {
        let deadlines = [self.agent.next_deadline(), self.watchdog.next_deadline(), self.stop_by];
        let deadline = deadlines.into_iter().flatten().min();
        let reply = async {
            match &mut self.link {
                Some(link) => link.reply().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(()) = self.signals.terminate.recv() => Input::Stop,
            Some(()) = self.signals.interrupt.recv() => Input::Stop,
            reply = reply => Input::Lease(reply),
            done = self.kernel.done() => Input::Kernel(done),
            Some((id, result)) = self.results.recv() => Input::Probe(id, result),
            Some(()) = self.signals.hangup.recv() => Input::Reload,
            command = self.admin.command() => Input::Command(command),
            () = self.clock.sleep_until(deadline) => Input::Time,
        }
    }

    async fn perform(&mut self, action: Action) {
        match action {
            Action::StartProbe(probe) => self.start_probe(probe),
            Action::Observe => {
                self.is_observing = true;
                self.kernel.observe().await;
            }
            Action::Apply(ops) => {
                if let Err(fault) = self.begin(&ops) {
                    self.agent.handle_applied(self.clock.now(), ops, Applied::Failed(fault));
                } else {
                    self.kernel.apply(ops).await;
                }
            }
            Action::Announce(wanted) => {
                let outcome = self.announcer.reconcile(&wanted, &mut self.ownership).await;
                let outcome = outcome.map(drop).map_err(|error| KernelFault(error.to_string()));
                self.agent.handle_announced(self.clock.now(), outcome);
            }
            Action::Lease(request) => {
                let is_sent = self.link.as_ref().is_some_and(|link| link.send(request).is_ok());
                if !is_sent {
                    let fault = LeaseFault::Unreachable("the way to ospfd is busy".to_owned());
                    self.agent.handle_lease(self.clock.now(), Err(fault));
                }
                // A withdrawal is on its way before the next look at the kernel begins.
                tokio::task::yield_now().await;
            }
        }
    }

    fn start_probe(&self, probe: StartProbe) {
        let results = self.to_results.clone();
        let clock = self.clock;
        tokio::spawn(async move {
            let started_at = clock.now();
            let result = probe::run(&probe.question).await.map(|()| clock.now().since(started_at));
            // The loop has ended: nobody waits for it.
            let _ = results.send((probe.id, result)).await;
        });
    }

    fn observed(&mut self, dump: Result<Observed, KernelFault>) {
        self.is_observing = false;
        let is_readable = dump.is_ok();
        if self.waiting.iter().any(|waiting| waiting.is_repair && !waiting.is_early) {
            self.agent.forget_adopted();
        }
        self.agent.handle_observed(self.clock.now(), dump);
        if is_readable && self.are_sysctls_due {
            self.are_sysctls_due = false;
            self.apply_sysctls();
        }
        if let Err(error) = self.remember_owned() {
            tracing::warn!(reason = %error, "ownership not written down");
        }
        self.tell_waiting();
    }

    /// Answers those who asked before this look at the table began, and looks again for the others.
    fn tell_waiting(&mut self) {
        let now = self.clock.now();
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.is_early {
                waiting.is_early = false;
                self.waiting.push(waiting);
                self.agent.observe_now(now);
                continue;
            }
            let response = match self.agent.plan(now) {
                Ok(ops) => Response::Plan(ops.iter().map(ToString::to_string).collect()),
                Err(fault) => refused(RefusalCode::Unavailable, fault.to_string()),
            };
            // A client that has left does not want its answer.
            let _ = waiting.reply.send(response);
        }
    }

    /// What is about to be ours is written down first.
    fn begin(&mut self, ops: &[Op]) -> Result<(), KernelFault> {
        self.remember_owned().map_err(|error| KernelFault(error.to_string()))?;
        if ops.len() > TOLD_ONE_BY_ONE {
            tracing::info!(changes = ops.len(), "ipvs changes begin");
            return Ok(());
        }
        for op in ops {
            let service = op.key().map(|key| key.to_string());
            tracing::info!(service, %op, "ipvs change");
        }
        Ok(())
    }

    fn remember_owned(&mut self) -> Result<(), OwnershipError> {
        self.ownership.claim_services(self.agent.owned())?;
        self.ownership.keep_services(|key| self.agent.owned().contains(key))
    }

    fn apply_sysctls(&self) {
        for finding in sysctl::apply(&self.settings.model) {
            if finding.is_warning() {
                tracing::warn!(%finding, "sysctl");
            } else {
                tracing::debug!(%finding, "sysctl");
            }
        }
    }

    fn stop(&mut self) {
        tracing::info!(reason = "told to stop", "withdrawing VIPs; tables and connections stay");
        watchdog::stopping();
        self.agent.stop();
        self.stop_by = Some(self.clock.now() + STOP_WITHIN);
    }

    /// Asks for a look at the table, whose outcome is the answer.
    fn look(&mut self, reply: oneshot::Sender<Response>, is_repair: bool) {
        if self.waiting.len() >= MAX_WAITING {
            let busy = refused(RefusalCode::Unavailable, "too many ask for the plan: ask again".to_owned());
            // A client that has left does not want its answer.
            let _ = reply.send(busy);
            return;
        }
        self.waiting.push(Waiting { reply, is_early: self.is_observing, is_repair });
        self.agent.observe_now(self.clock.now());
    }

    fn answer(&mut self, command: Command) {
        let response = match command.request {
            Request::Plan => return self.look(command.reply, false),
            Request::Repair => return self.look(command.reply, true),
            Request::Status => {
                let mut status = self.agent.status(self.clock.now());
                let Progress { done, of } = self.kernel.progress();
                (status.changes_done, status.changes) = (done, of);
                Response::Status(status)
            }
            Request::Drain { vip } => {
                let changed = self.agent.drain(vip);
                self.drained(
                    changed,
                    vip.map_or("the host is drained".to_owned(), |vip| format!("{vip} is drained")),
                )
            }
            Request::Undrain { vip } => {
                let changed = self.agent.undrain(vip);
                let done = vip.map_or("nothing is drained".to_owned(), |vip| format!("{vip} is not drained"));
                self.drained(changed, done)
            }
            Request::Reload => match self.reload() {
                Ok(done) => Response::Done(done),
                Err(message) => refused(RefusalCode::Invalid, message),
            },
        };
        // A client that has left does not want its answer.
        let _ = command.reply.send(response);
    }

    fn drained(&self, changed: Result<(), std::net::IpAddr>, done: String) -> Response {
        if let Err(vip) = changed {
            return refused(
                RefusalCode::NotFound,
                format!("{vip} is no VIP of the configuration; `directorctl status` lists them"),
            );
        }
        tracing::info!(reason = "told by the operator", "{done}");
        match drains::save(&self.settings.state_dir, self.agent.drains()) {
            Ok(()) => Response::Done(done),
            Err(error) => Response::Done(format!("{done}, but a restart will forget it: {error}")),
        }
    }

    /// Reads the configuration again and takes it over when all of it is right.
    fn reload(&mut self) -> Result<String, String> {
        let new = config::read(&self.config_path).map_err(|diagnostics| diagnostics.to_string())?;
        let old = &self.settings;
        for (key, is_changed) in [
            ("control.socket", new.control_socket != old.control_socket),
            ("state_dir", new.state_dir != old.state_dir),
            ("vip_device", new.vip_device != old.vip_device),
        ] {
            if is_changed {
                return Err(format!(
                    "`{key}` cannot change while the daemon runs: restart it, or take the change back"
                ));
            }
        }
        let now = self.clock.now();
        self.agent.reconfigure(new.model.clone(), options(&new), now);
        if new.routing != old.routing {
            self.link = link(&new);
            self.agent
                .handle_lease(now, Err(LeaseFault::Broken("the configuration of ospfd changed".to_owned())));
            self.agent.reopen_lease(now);
        }
        self.kernel.allow_modules(new.modprobe.clone());
        self.settings = new;
        self.are_sysctls_due = true;
        let model = &self.settings.model;
        let done = format!("{} services on {} VIPs are configured", model.services.len(), model.vips.len());
        tracing::info!(
            services = model.services.len(),
            vips = model.vips.len(),
            reason = "reload",
            "configuration taken over"
        );
        Ok(done)
    }
}

fn refused(code: RefusalCode, message: String) -> Response {
    Response::Refused(Refusal { code, message })
}

fn options(settings: &Settings) -> Options {
    Options {
        advertising: match &settings.routing {
            Routing::Ospfd { lease_ttl, .. } => Advertising::Lease { ttl: *lease_ttl },
            Routing::Addresses => Advertising::Addresses,
        },
        resync: settings.resync,
        max_probes: settings.max_probes,
    }
}

fn link(settings: &Settings) -> Option<Link> {
    match &settings.routing {
        Routing::Ospfd { socket, lease_ttl } => {
            Some(Link::start(socket.clone(), (*lease_ttl / 3).min(LONGEST_PATIENCE)))
        }
        Routing::Addresses => None,
    }
}
