//! The loop: the only caller of the engine.
//!
//! It waits for a signal, a request, a link report, a datagram or the engine's deadline; hands everything that has
//! come to the engine, then fires the timers, then carries out what the engine wants. Requests and datagrams come
//! before timers, so that a daemon that was stopped for a while takes renewals and hellos that wait for it into
//! account before it declares anybody dead. Each kind is bounded per round, so that a flood delays no timer.
//!
//! `answer` has the requests, `reload` the configuration that changes, `log` what the operator reads.

mod answer;
mod log;
mod reload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use common::ids::IfIndex;
use common::time::Instant;
use futures_util::FutureExt;
use sd_notify::NotifyState;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tracing::{debug, info, warn};

use super::bfd::Bfd;
use super::boots::BootFile;
use super::clock::{Clock, Moment};
use super::config::Settings;
use super::control::Command;
use super::history::History;
use super::links::LinkReport;
use super::record::{self, Entry, Recorder};
use super::routes::Installer;
use super::sequence::SequenceFile;
use super::signals::{Signal, notify};
use super::socket::{Received, Sockets};
use super::stopwatch::Stopwatch;
use crate::bfd::Change;
use crate::core::Instance;
use crate::core::event::{Event, LinkEvent, LinkState};
use log::tell;
use reload::recorded;

/// How long neighbours may take to acknowledge our last LSAs: MinLSArrival may hold them up for 1 s, and BIRD's
/// acknowledgements were seen to come 2.8 s late.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How much longer the engine may take to say so.
const SHUTDOWN_MARGIN: Duration = Duration::from_millis(500);
/// Datagrams and requests of one round, each.
const BATCH: usize = 64;
/// A timer that is later than this shows that the process did not run.
const STALL: Duration = Duration::from_millis(200);
/// Turns that the other tasks get after a stall: the reactor, then the connections.
const STALL_TURNS: usize = 4;

/// Where the loop gets its inputs from.
#[derive(Debug)]
pub struct Inputs {
    /// Signals.
    pub signals: mpsc::Receiver<Signal>,
    /// Requests of the control server.
    pub commands: mpsc::Receiver<Command>,
    /// Reports of the link watcher.
    pub links: mpsc::Receiver<LinkReport>,
}

/// How the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All our LSAs are flushed; `acknowledged` by every neighbour or not.
    Flushed {
        /// Did everyone acknowledge in time?
        acknowledged: bool,
    },
    /// A second signal came before that.
    AtOnce,
}

/// What asks for the engine's attention.
enum Input {
    Signal(Signal),
    Command(Command),
    Link(LinkReport),
    Datagram(Received),
    Bfd(Change),
    Time,
}

/// The engine and what belongs to it.
#[derive(Debug)]
pub struct Driver {
    clock: Clock,
    config_path: PathBuf,
    settings: Settings,
    instance: Instance,
    sequence: SequenceFile,
    boots: BootFile,
    /// When the lifetimes of keys were put on the engine's clock.
    lifetimes_at: Moment,
    installer: Installer,
    bfd: Bfd,
    sockets: Sockets,
    links: BTreeMap<IfIndex, LinkState>,
    recorder: Recorder,
    history: History,
    stopwatch: Stopwatch,
    started_at: Instant,
    watchdog: Option<Watchdog>,
    ready: bool,
    /// Set once we have been told to stop: when we go, whatever the engine says.
    leave_at: Option<Instant>,
    ended: Option<Ended>,
}

/// The service manager's watchdog: told in time while the loop goes round.
#[derive(Clone, Copy, Debug)]
struct Watchdog {
    period: Duration,
    due_at: Instant,
}

impl Driver {
    /// A loop with a new engine.
    pub fn new(clock: Clock, seed: u64, config_path: PathBuf, settings: Settings) -> Self {
        let moment = clock.moment();
        let now = moment.now;
        let (sequence, start) = SequenceFile::open(&settings.state_dir, moment.unix_micros);
        let (boots, boot_count) = BootFile::count(&settings.state_dir, moment.unix_micros);
        for warning in settings.warnings(moment) {
            warn!("{warning}");
        }
        let period = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self {
            clock,
            config_path,
            instance: Instance::new(settings.core_at(moment), seed, now)
                .with_crypto_sequence(start)
                .with_boot_count(boot_count),
            sequence,
            boots,
            lifetimes_at: moment,
            installer: Installer::start(settings.routes),
            bfd: Bfd::new(clock, seed, settings.scheduling),
            settings,
            sockets: Sockets::default(),
            links: BTreeMap::new(),
            recorder: Recorder::default(),
            history: History::default(),
            stopwatch: Stopwatch::default(),
            started_at: now,
            watchdog: period.map(|period| Watchdog { period, due_at: now }),
            ready: false,
            leave_at: None,
            ended: None,
        }
    }

    /// The same, with a recorder that takes notes from the start; `seed` is that of [`Self::new`].
    #[must_use]
    pub fn recorded_by(mut self, recorder: Recorder, seed: u64) -> Self {
        self.recorder = recorder;
        let (crypto_sequence, boot_count) = (self.instance.crypto_sequence(), self.instance.boot_count());
        let config = recorded(&self.settings, self.lifetimes_at);
        self.recorder.note(self.lifetimes_at.now, &self.instance, || Entry::Start {
            version: record::VERSION,
            seed,
            crypto_sequence,
            boot_count,
            config,
        });
        self
    }

    /// Runs until the daemon has been told to stop.
    pub async fn run(mut self, mut inputs: Inputs) -> Ended {
        let ended = self.go_round(&mut inputs).await;
        self.recorder.end(self.clock.now(), &self.instance, false);
        self.bfd.stop().await;
        self.installer.stop().await;
        if !self.settings.keyed.is_empty() {
            self.sequence.close(self.instance.crypto_sequence());
        }
        ended
    }

    async fn go_round(&mut self, inputs: &mut Inputs) -> Ended {
        loop {
            self.carry_out();
            if let Some(ended) = self.ended {
                return ended;
            }
            let input = self.wait(inputs).await;
            if matches!(input, Input::Signal(Signal::Stop)) && self.leave_at.is_some() {
                return Ended::AtOnce;
            }
            self.take(input);
            if self.clock.lateness(self.deadline()) > STALL {
                for _ in 0..STALL_TURNS {
                    yield_now().await;
                }
            }
            self.drain(inputs);
            self.fire();
        }
    }

    async fn wait(&mut self, inputs: &mut Inputs) -> Input {
        let deadline = self.deadline();
        tokio::select! {
            biased;
            Some(signal) = inputs.signals.recv() => Input::Signal(signal),
            Some(command) = inputs.commands.recv() => Input::Command(command),
            Some(report) = inputs.links.recv() => Input::Link(report),
            Some(change) = self.bfd.changed() => Input::Bfd(change),
            received = self.sockets.receive() => Input::Datagram(received),
            () = self.clock.sleep_until(deadline) => Input::Time,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let engine = self.instance.poll_timeout().map(|(at, _)| at);
        let watchdog = self.watchdog.map(|watchdog| watchdog.due_at);
        [engine, watchdog, self.leave_at].into_iter().flatten().min()
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Signal(Signal::Reload) if self.leave_at.is_some() => {
                warn!("not reloaded: the daemon is stopping");
            }
            Input::Signal(Signal::Reload) => self.reload(),
            Input::Signal(Signal::Stop) => self.stop(),
            Input::Command(command) => self.answer(command),
            Input::Link(report) => self.link(report),
            Input::Datagram(received) => self.datagram(received),
            Input::Bfd(change) => self.bfd_changed(change),
            Input::Time => {}
        }
    }

    /// Takes what else has come by now.
    fn drain(&mut self, inputs: &mut Inputs) {
        for _ in 0..BATCH {
            let Ok(command) = inputs.commands.try_recv() else { break };
            self.answer(command);
        }
        while let Ok(report) = inputs.links.try_recv() {
            self.link(report);
        }
        while let Some(change) = self.bfd.try_changed() {
            self.bfd_changed(change);
        }
        for _ in 0..BATCH {
            let Some(received) = self.sockets.receive().now_or_never() else { break };
            self.datagram(received);
            // The engine's queues are bounded: they are emptied between datagrams.
            self.carry_out();
        }
    }

    fn fire(&mut self) {
        let now = self.clock.now();
        if self.instance.poll_timeout().is_some_and(|(at, _)| at <= now) {
            let runs = self.instance.spf_runs();
            self.recorder.note(now, &self.instance, || Entry::Timeout);
            self.instance.handle_timeout(now);
            if self.instance.spf_runs() != runs {
                self.stopwatch.note(self.clock.now().since(now));
            }
        }
        self.follow_wall_clock();
        if self.leave_at.is_some_and(|at| at <= now) {
            self.ended = Some(Ended::Flushed { acknowledged: false });
        }
        if let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| watchdog.due_at <= now) {
            watchdog.due_at = now + watchdog.period;
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// Carries out what the engine wants: groups before packets, so that a first hello finds its socket, and sockets
    /// closed last, so that a last packet finds it too.
    fn carry_out(&mut self) {
        while let Some(event) = self.instance.poll_event() {
            self.recorder.note_event(&event);
            match event {
                Event::Groups { if_index, groups } => self.sockets.want(if_index, groups),
                Event::Routes(changes) => {
                    debug!(changes = changes.len(), "routes");
                    self.installer.tell(changes);
                }
                Event::ShutdownComplete { acknowledged } => {
                    self.ended = Some(Ended::Flushed { acknowledged });
                }
                told => {
                    self.history.note_event(self.clock.now(), &told);
                    tell(&told, &self.links);
                }
            }
        }
        self.installer.catch_up(self.instance.routes());
        self.bfd.catch_up(&self.instance);
        if !self.settings.keyed.is_empty() {
            self.sequence.cover(self.instance.crypto_sequence());
        }
        if self.settings.core.uses_extended_sequences() {
            self.boots.cover(self.instance.boot_count());
        }
        while let Some(transmit) = self.instance.poll_transmit() {
            self.recorder.note_transmit(&transmit);
            self.sockets.send(&transmit);
        }
        self.sockets.sweep();
        self.recorder.flush();
    }

    fn datagram(&mut self, received: Received) {
        let rx = self.sockets.datagram(received);
        let own = self.links.get(&rx.if_index).and_then(|link| link.address);
        if own.is_some_and(|network| network.ip() == rx.source) {
            self.sockets.count_own();
            return;
        }
        let now = self.clock.now();
        self.recorder.note_datagram(now, &self.instance, rx);
        self.instance.handle_datagram(now, rx);
    }

    fn bfd_changed(&mut self, change: Change) {
        let now = self.clock.now();
        self.recorder.note(now, &self.instance, || Entry::Bfd { change });
        self.instance.handle_bfd(now, change);
    }

    fn link(&mut self, report: LinkReport) {
        match report {
            LinkReport::Event(event) => {
                match &event {
                    LinkEvent::State(state) => {
                        self.links.insert(state.if_index, state.clone());
                    }
                    LinkEvent::Gone(if_index) => {
                        self.links.remove(if_index);
                        self.sockets.forget(*if_index);
                    }
                }
                debug!(?event, "link");
                self.installer.verify();
                self.hand_link(self.clock.now(), event);
            }
            LinkReport::Complete => {
                self.sockets.reconcile();
                if !self.ready {
                    self.ready = true;
                    self.tell_missing_interfaces();
                    notify(&[NotifyState::Ready]);
                    info!(router_id = %self.settings.core.router_id, "ready");
                }
            }
        }
    }

    fn hand_link(&mut self, now: Instant, event: LinkEvent) {
        self.recorder.note(now, &self.instance, || Entry::Link { event: event.clone() });
        self.instance.handle_link(now, event);
    }

    fn stop(&mut self) {
        info!("stopping: flushing our LSAs");
        notify(&[NotifyState::Stopping]);
        let deadline = self.clock.now() + SHUTDOWN_GRACE;
        self.leave_at = Some(deadline + SHUTDOWN_MARGIN);
        let now = self.clock.now();
        let until = deadline.as_micros();
        self.recorder.note(now, &self.instance, || Entry::Shutdown { deadline: until });
        self.instance.shutdown(now, deadline);
    }
}

#[cfg(test)]
mod tests;
