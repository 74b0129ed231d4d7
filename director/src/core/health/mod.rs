//! The check engine, sans-IO: who must be asked when, and what the answers mean.
//!
//! Servers that ask the same question (same check, same target) share one probe. A probe never overlaps itself, first
//! probes are spread over an interval by an injected seed, and the number under way is bounded: a check that is
//! due then waits for a place. The caller feeds results and time, takes probes to start from
//! [`Health::poll_probe`] and changes of state from [`Health::poll_change`].

mod failure;
mod fsm;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use common::time::Instant;

use crate::model::{CheckKind, CheckSpec, Config, RealServer};

pub use self::failure::{Failure, LocalFault, Phase};
use self::fsm::Fsm;
pub use self::fsm::HealthState;

/// Names a real server: (service, server), as in the configuration.
pub type ServerName = (String, String);

/// The health of all servers.
pub type HealthMap = BTreeMap<ServerName, HealthState>;

/// A result that comes this long after the probe's timeout is not waited for.
const RESULT_GRACE: Duration = Duration::from_secs(1);

/// First probes come within this time, however long the interval is.
const LONGEST_SPREAD: Duration = Duration::from_secs(1);

/// What is asked: equal questions are asked once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The check; its `target` is taken out.
    spec: CheckSpec,
    /// Where it is asked.
    target: SocketAddr,
}

impl Question {
    /// What `server`'s check asks.
    pub fn of(server: &RealServer) -> Self {
        let mut spec = server.check.clone();
        let target = spec.target.take().unwrap_or(server.address);
        Self { spec, target }
    }

    /// All questions of a configuration.
    pub fn all(config: &Config) -> BTreeSet<Self> {
        config.services.values().flat_map(|service| service.servers.values()).map(Self::of).collect()
    }

    /// The check.
    pub fn spec(&self) -> &CheckSpec {
        &self.spec
    }

    /// Where it is asked.
    pub fn target(&self) -> SocketAddr {
        self.target
    }
}

/// One run of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(u64);

/// Order to start a probe. Its result must come back through [`Health::handle_result`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartProbe {
    /// Names the run.
    pub id: ProbeId,
    /// What to ask.
    pub question: Question,
}

/// What came of a probe: how long it took, or why it failed.
pub type ProbeResult = Result<Duration, Failure>;

/// The last result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastResult {
    /// When it came.
    pub at: Instant,
    /// Latency, or why not.
    pub result: ProbeResult,
}

/// A check changed its mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was asked.
    pub question: Question,
    /// State before.
    pub from: HealthState,
    /// State now.
    pub to: HealthState,
    /// The result that decided.
    pub result: ProbeResult,
}

/// One check as it stands.
#[derive(Clone, Debug)]
pub struct Check {
    question: Question,
    fsm: Fsm,
    /// When the last answer about the server came; creation before the first.
    answered_at: Instant,
    /// The last result, a local fault included.
    last: Option<LastResult>,
    /// When the next probe is due.
    due_at: Instant,
}

impl Check {
    /// Its state.
    pub fn state(&self) -> HealthState {
        self.fsm.state
    }

    /// The last result, if there was one.
    pub fn last(&self) -> Option<LastResult> {
        self.last
    }

    /// Has nothing been heard for so long that its state says nothing any more?
    fn is_stalled(&self, now: Instant) -> bool {
        let spec = &self.question.spec;
        spec.kind != CheckKind::None
            && now.since(self.answered_at) > spec.interval * 3 + spec.timeout + LONGEST_SPREAD + RESULT_GRACE
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CheckId(u64);

/// A probe under way: whose, started when, and given up when.
#[derive(Clone, Copy, Debug)]
struct Running {
    check: CheckId,
    lapses_at: Instant,
}

/// What the engine counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthCounters {
    /// Results of probes that were given up or whose check is gone.
    pub late_results: u64,
    /// Probes that gave no result in their time.
    pub lost_probes: u64,
    /// Times that a due check had to wait for a place.
    pub deferred: u64,
}

/// The engine.
#[derive(Debug)]
pub struct Health {
    rng: fastrand::Rng,
    max_running: usize,
    checks: BTreeMap<CheckId, Check>,
    ids: BTreeMap<Question, CheckId>,
    /// Checks that wait for their time.
    agenda: BTreeSet<(Instant, CheckId)>,
    running: BTreeMap<ProbeId, Running>,
    changes: VecDeque<Change>,
    counters: HealthCounters,
    last_id: u64,
}

impl Health {
    /// An engine without checks. `max_running` bounds the probes under way.
    pub fn new(seed: u64, max_running: usize) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            max_running: max_running.max(1),
            checks: BTreeMap::new(),
            ids: BTreeMap::new(),
            agenda: BTreeSet::new(),
            running: BTreeMap::new(),
            changes: VecDeque::new(),
            counters: HealthCounters::default(),
            last_id: 0,
        }
    }

    /// Replaces the set of questions. Those that stay keep their state and their time.
    pub fn reconfigure(&mut self, now: Instant, questions: &BTreeSet<Question>, max_running: usize) {
        self.max_running = max_running.max(1);
        let gone: Vec<Question> =
            self.ids.keys().filter(|known| !questions.contains(known)).cloned().collect();
        for question in gone {
            if let Some(id) = self.ids.remove(&question) {
                if let Some(check) = self.checks.remove(&id) {
                    self.agenda.remove(&(check.due_at, id));
                }
                self.running.retain(|_, running| running.check != id);
            }
        }
        for question in questions {
            if !self.ids.contains_key(question) {
                self.add(now, question.clone());
            }
        }
    }

    fn add(&mut self, now: Instant, question: Question) {
        let id = CheckId(self.next_id());
        let asks = question.spec.kind != CheckKind::None;
        let spread =
            u64::try_from(question.spec.interval.min(LONGEST_SPREAD).as_micros()).unwrap_or(u64::MAX);
        let due_at = now + Duration::from_micros(self.rng.u64(0..spread.max(1)));
        let fsm = if asks { Fsm::default() } else { Fsm::ALWAYS_UP };
        if asks {
            self.agenda.insert((due_at, id));
        }
        self.ids.insert(question.clone(), id);
        self.checks.insert(id, Check { question, fsm, answered_at: now, last: None, due_at });
    }

    /// The caller did not turn for `span`: probes under way get that much longer, and no check counts as stalled for it.
    pub fn forgive(&mut self, span: Duration) {
        for running in self.running.values_mut() {
            running.lapses_at = running.lapses_at + span;
        }
        for check in self.checks.values_mut() {
            check.answered_at = check.answered_at + span;
        }
    }

    /// Time has come for something; see [`Health::next_deadline`].
    pub fn handle_timeout(&mut self, now: Instant) {
        let lost: Vec<ProbeId> =
            self.running.iter().filter(|(_, running)| running.lapses_at <= now).map(|(id, _)| *id).collect();
        for id in lost {
            self.counters.lost_probes += 1;
            self.finish(now, id, Err(Failure::CannotAsk(LocalFault::Lost)));
        }
    }

    /// A probe to start now, if one is due and there is a place for it.
    pub fn poll_probe(&mut self, now: Instant) -> Option<StartProbe> {
        let (due_at, check_id) = *self.agenda.first()?;
        if due_at > now {
            return None;
        }
        if self.running.len() >= self.max_running {
            self.counters.deferred += 1;
            return None;
        }
        self.agenda.remove(&(due_at, check_id));
        let id = ProbeId(self.next_id());
        let check = self.checks.get_mut(&check_id)?;
        check.due_at = now + check.question.spec.interval;
        let lapses_at = now + check.question.spec.timeout + RESULT_GRACE;
        self.running.insert(id, Running { check: check_id, lapses_at });
        Some(StartProbe { id, question: check.question.clone() })
    }

    /// The result of a probe. One that nobody waits for any more is counted and ignored.
    pub fn handle_result(&mut self, now: Instant, id: ProbeId, result: ProbeResult) {
        if !self.finish(now, id, result) {
            self.counters.late_results += 1;
        }
    }

    fn finish(&mut self, now: Instant, id: ProbeId, result: ProbeResult) -> bool {
        let Some(running) = self.running.remove(&id) else { return false };
        let Some(check) = self.checks.get_mut(&running.check) else { return false };
        check.due_at = check.due_at.max(now);
        self.agenda.insert((check.due_at, running.check));
        check.last = Some(LastResult { at: now, result });
        if result.is_err_and(|failure| !failure.is_answer()) {
            return true;
        }
        check.answered_at = now;
        let from = check.fsm.state;
        check.fsm = check.fsm.step(result.is_ok(), check.question.spec.rise, check.question.spec.fall);
        if check.fsm.state != from {
            self.changes.push_back(Change {
                question: check.question.clone(),
                from,
                to: check.fsm.state,
                result,
            });
        }
        true
    }

    /// The next change of state that has not been told yet.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// When [`Health::handle_timeout`] and [`Health::poll_probe`] must be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        // With all places taken, only a result or a lapse makes progress.
        let due = (self.running.len() < self.max_running).then(|| self.agenda.first()).flatten();
        let lapse = self.running.values().map(|running| running.lapses_at).min();
        due.map(|(at, _)| *at).into_iter().chain(lapse).min()
    }

    /// A check as it stands.
    pub fn check(&self, question: &Question) -> Option<&Check> {
        self.checks.get(self.ids.get(question)?)
    }

    /// Has the check heard nothing for so long that it must not be relied on?
    pub fn is_stalled(&self, now: Instant, question: &Question) -> bool {
        self.check(question).is_none_or(|check| check.is_stalled(now))
    }

    /// The state of every server of `config`.
    pub fn map(&self, config: &Config) -> HealthMap {
        let mut map = HealthMap::new();
        for (service_name, service) in &config.services {
            for (server_name, server) in &service.servers {
                let state = self.check(&Question::of(server)).map_or(HealthState::Unknown, Check::state);
                map.insert((service_name.clone(), server_name.clone()), state);
            }
        }
        map
    }

    /// Counters since start.
    pub fn counters(&self) -> HealthCounters {
        self.counters
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
