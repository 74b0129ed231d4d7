//! An agent in a model world: a kernel's table, an `ospfd` that holds leases, a device with addresses, servers that live and
//! die. Time is virtual, and the law is checked after every effect.

use std::collections::VecDeque;

use common::control::ospf::{LeaseView, Request, Response};
use common::control::{Refusal, RefusalCode};

use super::super::*;
use crate::core::gate::{Advertised, serves};
use crate::core::health::{Failure, LocalFault};
use crate::core::lease::LeaseFault;
use crate::core::model_kernel::ModelKernel;
use crate::model::{
    CheckKind, CheckSpec, Forward, Protocol, RealServer, Scheduler, SchedulerKind, ServiceKey, Thresholds,
    VipConfig,
};

pub(super) const TTL: Duration = Duration::from_secs(3);
pub(super) const RESYNC: Duration = Duration::from_secs(5);
const PROBE_TIME: Duration = Duration::from_millis(2);
const ANSWER_TIME: Duration = Duration::from_millis(1);

#[derive(Debug)]
enum Event {
    Probe(ProbeId, ProbeResult),
    Lease(LeaseReply),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) agent: Agent,
    pub(super) now: Instant,
    pub(super) kernel: ModelKernel,
    /// Operations done to the kernel since the beginning.
    pub(super) applied: Vec<Op>,
    /// Changes take long: they wait for [`World::release`].
    pub(super) holds: bool,
    held: Option<Vec<Op>>,
    pub(super) kernel_refuses: bool,
    /// So many times the table changes between the dump and the change that was planned from it: it is flushed, or all of
    /// it is there again without a weight.
    pub(super) races: u32,
    pub(super) kernel_is_readable: bool,
    pub(super) device: BTreeSet<IpAddr>,
    /// Last bytes of the addresses of servers that do not answer.
    pub(super) dead: BTreeSet<u8>,
    /// This host has no sockets left for probes.
    pub(super) cannot_ask: bool,
    pub(super) ospfd_is_reachable: bool,
    generation: u64,
    set: Advertised,
    ttl: Duration,
    lapses_at: Option<Instant>,
    /// Every set that was in force, in order.
    pub(super) history: Vec<Advertised>,
    /// Somebody has broken the kernel's table behind our back.
    pub(super) is_tampered: bool,
    events: VecDeque<(Instant, Event)>,
}

pub(super) fn vip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

/// One service per VIP given, each with servers `first`, `first + 1`.
pub(super) fn config(vips: &[u8], quorum: u32) -> Config {
    let spec = CheckSpec {
        kind: CheckKind::Tcp,
        target: None,
        interval: Duration::from_millis(500),
        timeout: Duration::from_millis(200),
        rise: 1,
        fall: 2,
    };
    let services = vips.iter().map(|last| {
        let server = |number: u8| RealServer {
            address: ([10, 0, 0, number], 80).into(),
            weight: 1,
            forward: Forward::Dr,
            thresholds: Thresholds::default(),
            check: spec.clone(),
        };
        let servers = [
            (format!("s{}", 2 * last), server(2 * last)),
            (format!("s{}", 2 * last + 1), server(2 * last + 1)),
        ];
        let service = Service {
            key: ServiceKey::Address { protocol: Protocol::Tcp, vip: (vip(*last), 80).into() },
            vips: vec![vip(*last)],
            scheduler: Scheduler { kind: SchedulerKind::Mh, fallback: true, port: true },
            one_packet: false,
            adopts_by_hand: false,
            persistence: None,
            servers: servers.into(),
            check: spec.clone(),
            quorum,
        };
        (format!("web{last}"), service)
    });
    Config {
        name: "d1".into(),
        vips: vips
            .iter()
            .map(|last| (vip(*last), VipConfig { metric: 10, drain_metric: 1000, encoding: Encoding::Stub }))
            .collect(),
        services: services.collect(),
        active_active: true,
        timeouts: None,
    }
}

pub(super) fn options(advertising: Advertising) -> Options {
    Options { advertising, resync: RESYNC, max_probes: 100 }
}

pub(super) fn leased() -> Options {
    options(Advertising::Lease { ttl: TTL })
}

impl World {
    pub(super) fn new(config: Config, options: Options) -> Self {
        let now = Instant::from_micros(1);
        let ttl = match options.advertising {
            Advertising::Lease { ttl } => ttl,
            Advertising::Addresses => TTL,
        };
        Self {
            ttl,
            agent: Agent::new(config, options, Legacy::default(), 7, now),
            now,
            kernel: ModelKernel::default(),
            applied: Vec::new(),
            kernel_refuses: false,
            holds: false,
            held: None,
            races: 0,
            kernel_is_readable: true,
            device: BTreeSet::new(),
            dead: BTreeSet::new(),
            cannot_ask: false,
            ospfd_is_reachable: true,
            generation: 0,
            set: Advertised::new(),
            lapses_at: None,
            history: Vec::new(),
            is_tampered: false,
            events: VecDeque::new(),
        }
    }

    /// `kill -9` and a new start at once: only what is written down is known.
    pub(super) fn restart(&mut self) {
        let legacy = Legacy {
            drains: self.agent.drains.clone(),
            services: self.agent.owned.clone(),
            addresses: self.device.clone(),
        };
        let (config, options) = (self.agent.config.clone(), self.agent.options.clone());
        self.agent = Agent::new(config, options, legacy, 8, self.now);
        self.events.clear();
    }

    pub(super) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            self.act();
            let deadline = self.agent.next_deadline();
            let event = self.events.front().map(|(at, _)| *at);
            let Some(next) = deadline.into_iter().chain(event).chain(self.lapses_at).min() else { break };
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            self.lapse();
            while self.events.front().is_some_and(|(at, _)| *at <= self.now) {
                match self.events.pop_front() {
                    Some((_, Event::Probe(id, result))) => self.agent.handle_probe(self.now, id, result),
                    Some((_, Event::Lease(reply))) => self.agent.handle_lease(self.now, reply),
                    None => {}
                }
            }
            self.agent.handle_timeout(self.now);
        }
        self.now = until;
        self.lapse();
        self.is_tampered = false;
        self.assert_law("at rest");
    }

    /// The process sleeps, as under SIGSTOP.
    pub(super) fn freeze(&mut self, span: Duration) {
        self.now = self.now + span;
        self.lapse();
    }

    /// Does what can be done now, and lets no time pass.
    pub(super) fn act_once(&mut self) {
        self.act();
    }

    fn lapse(&mut self) {
        if self.lapses_at.is_some_and(|at| at <= self.now) {
            self.lapses_at = None;
            self.generation = 0;
            self.enforce(Advertised::new());
        }
    }

    fn enforce(&mut self, set: Advertised) {
        if set != self.set {
            self.history.push(set.clone());
        }
        self.set = set;
        self.assert_law("after ospfd changed its set");
    }

    /// What the upstream hears now.
    pub(super) fn advertised(&self) -> Advertised {
        match self.agent.lease {
            Some(_) => self.set.clone(),
            None => self.device.iter().map(|vip| (*vip, 0)).collect(),
        }
    }

    pub(super) fn weights(&self) -> Vec<u32> {
        self.kernel
            .0
            .values()
            .flat_map(|(_, servers)| servers.iter().map(|(_, entry)| entry.weight))
            .collect()
    }

    /// Law 2: what is advertised is served.
    fn assert_law(&self, when: &str) {
        let observed = self.kernel.observe();
        for vip in self.advertised().keys() {
            let is_ours = self.agent.config.vips.contains_key(vip);
            assert!(
                self.is_tampered || !is_ours || serves(&self.agent.config, &observed, *vip),
                "{when} at {}: {vip} is advertised, and the table is {:?}",
                self.now,
                self.kernel
            );
        }
    }

    fn act(&mut self) {
        for _ in 0..1000 {
            let Some(action) = self.agent.poll_action(self.now) else { return };
            match action {
                Action::StartProbe(probe) => self.probe(&probe),
                Action::Observe => {
                    let dump = if self.kernel_is_readable {
                        Ok(self.kernel.observe())
                    } else {
                        Err(KernelFault("unreadable".into()))
                    };
                    self.agent.handle_observed(self.now, dump);
                }
                Action::Apply(ops) => self.apply(ops),
                Action::Announce(wanted) => {
                    self.device = wanted;
                    self.assert_law("after addresses changed");
                    self.agent.handle_announced(self.now, Ok(()));
                }
                Action::Lease(request) => {
                    let reply = self.ask_ospfd(request);
                    self.events.push_back((self.now + ANSWER_TIME, Event::Lease(reply)));
                }
            }
            self.events.make_contiguous().sort_by_key(|(at, _)| *at);
        }
        panic!("the agent never comes to rest");
    }

    fn probe(&mut self, probe: &StartProbe) {
        let IpAddr::V4(address) = probe.question.target().ip() else { panic!("an IPv4 world") };
        let result = match () {
            () if self.cannot_ask => Err(Failure::CannotAsk(LocalFault::Errno(24))),
            () if self.dead.contains(&address.octets()[3]) => Err(Failure::Refused),
            () => Ok(PROBE_TIME),
        };
        self.events.push_back((self.now + PROBE_TIME, Event::Probe(probe.id, result)));
    }

    /// The changes that were held back are made.
    pub(super) fn release(&mut self) {
        self.holds = false;
        if let Some(ops) = self.held.take() {
            self.apply(ops);
        }
    }

    fn apply(&mut self, ops: Vec<Op>) {
        if self.holds {
            self.held = Some(ops);
            return;
        }
        if self.kernel_refuses {
            return self.agent.handle_applied(self.now, ops, Applied::Failed(KernelFault("refused".into())));
        }
        let is_outrun = self.races > 0;
        if is_outrun {
            self.races -= 1;
            self.outrun(&ops);
        }
        let mut outcome = Applied::Done;
        for op in &ops {
            match self.kernel.apply(op) {
                Ok(()) => self.applied.push(op.clone()),
                Err(refused) if is_outrun => {
                    outcome = Applied::Outdated(KernelFault(format!("{op}: {refused:?}")));
                }
                Err(refused) => panic!("{op}: {refused:?}"),
            }
            self.assert_law("in the middle of a plan");
        }
        self.agent.handle_applied(self.now, ops, outcome);
    }

    fn outrun(&mut self, ops: &[Op]) {
        if !self.kernel.0.is_empty() {
            return self.kernel.0.clear();
        }
        for op in ops {
            let mut op = op.clone();
            if let Op::AddServer { entry, .. } = &mut op {
                entry.weight = 0;
            }
            assert_eq!(self.kernel.apply(&op), Ok(()), "{op}");
        }
    }

    fn ask_ospfd(&mut self, request: Request) -> LeaseReply {
        if !self.ospfd_is_reachable {
            return Err(LeaseFault::Unreachable("nobody there".into()));
        }
        let is_open = self.lapses_at.is_some();
        match request {
            Request::LeaseOpen { .. } => {}
            _ if !is_open => {
                let refusal = Refusal { code: RefusalCode::UnknownLease, message: "no such lease".into() };
                return Ok(Response::Refused(refusal));
            }
            Request::SetAdvertised { generation, advertisements, .. } => {
                assert!(generation > self.generation, "a generation is used once");
                self.generation = generation;
                self.enforce(advertisements.iter().map(|one| (one.prefix.ip(), one.metric)).collect());
            }
            Request::LeaseRelease { .. } => {
                self.enforce(Advertised::new());
                self.lapses_at = None;
                return Ok(Response::Lease(self.view()));
            }
            Request::LeaseRenew { .. } => {}
            other => panic!("a director does not ask {other:?}"),
        }
        self.lapses_at = Some(self.now + self.ttl);
        Ok(Response::Lease(self.view()))
    }

    fn view(&self) -> LeaseView {
        let advertisement = |(vip, metric): (&IpAddr, &u16)| ospf::Advertisement {
            prefix: (*vip).into(),
            metric: *metric,
            encoding: Encoding::Stub,
            tag: 0,
        };
        LeaseView {
            name: "director".into(),
            generation: self.generation,
            ttl_ms: 3000,
            remaining_ms: 3000,
            advertisements: self.set.iter().map(advertisement).collect(),
            full_neighbors: 1,
        }
    }
}
