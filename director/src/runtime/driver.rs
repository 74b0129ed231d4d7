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
use tokio::sync::mpsc;

use super::admin::{Admin, Command};
use super::announcer::Announcer;
use super::clock::Clock;
use super::executor::Executor;
use super::lease::Link;
use super::ownership::{Ownership, OwnershipError};
use super::watchdog::{self, Watchdog};
use super::{drains, sysctl};
use crate::config::{self, Routing, Settings};
use crate::core::agent::{Action, Advertising, Agent, Applied, KernelFault, Legacy, Options};
use crate::core::health::{ProbeId, ProbeResult, StartProbe};
use crate::core::lease::LeaseFault;
use crate::core::plan::Op;
use crate::probe;

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
    executor: Executor,
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

/// What the loop waits for.
enum Input {
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
        let mut executor = Executor::new();
        executor.allow_modules(settings.modprobe.clone());
        let (to_results, results) = mpsc::channel(RESULTS);
        Ok(Self {
            clock,
            config_path,
            agent,
            executor,
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
                Input::Command(command) => self.answer(command).await,
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
            Some((id, result)) = self.results.recv() => Input::Probe(id, result),
            Some(()) = self.signals.hangup.recv() => Input::Reload,
            command = self.admin.command() => Input::Command(command),
            () = self.clock.sleep_until(deadline) => Input::Time,
        }
    }

    async fn perform(&mut self, action: Action) {
        match action {
            Action::StartProbe(probe) => self.start_probe(probe),
            Action::Observe => self.observe().await,
            Action::Apply(ops) => {
                let outcome = self.apply(&ops).await;
                self.agent.handle_applied(self.clock.now(), ops, outcome);
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

    async fn observe(&mut self) {
        let dump = self.executor.observe().await.map_err(|error| KernelFault(error.to_string()));
        let is_readable = dump.is_ok();
        self.agent.handle_observed(self.clock.now(), dump);
        if is_readable && self.are_sysctls_due {
            self.are_sysctls_due = false;
            self.apply_sysctls();
        }
        if let Err(error) = self.remember_owned() {
            tracing::warn!(reason = %error, "ownership not written down");
        }
    }

    /// What is about to be ours is written down first.
    async fn apply(&mut self, ops: &[Op]) -> Applied {
        if let Err(error) = self.remember_owned() {
            return Applied::Failed(KernelFault(error.to_string()));
        }
        for op in ops {
            let service = op.key().map(|key| key.to_string());
            tracing::info!(service, %op, "ipvs change");
        }
        self.executor.apply(ops).await
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

    async fn answer(&mut self, command: Command) {
        let response = match command.request {
            Request::Status => Response::Status(self.agent.status(self.clock.now())),
            Request::Plan => {
                self.observe().await;
                match self.agent.plan(self.clock.now()) {
                    Ok(ops) => Response::Plan(ops.iter().map(ToString::to_string).collect()),
                    Err(fault) => refused(RefusalCode::Unavailable, fault.to_string()),
                }
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
        self.executor.allow_modules(new.modprobe.clone());
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
