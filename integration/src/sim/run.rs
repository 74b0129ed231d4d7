//! The loop over events.

use std::hash::Hash;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::time::Instant;
use ospfd::core::Instance;
use ospfd::core::event::{Event, RxDatagram, Transmit};
use ospfd::packet::{Body, LsaHeader};

use super::failure::Failure;
use super::node::{Node, NodeId};
use super::queue::Action;
use super::safety::Flooded;
use super::topology::LinkId;
use super::world::World;

const ALL_SPF_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
const ALL_D_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 6);

/// No router holds more LSAs than this many for each router and link that there ever was.
const MOST_LSAS_EACH: usize = 2;

/// Times that an engine may want to be called at one moment.
const MOST_AT_ONCE: usize = 10;

impl World {
    /// Lets `span` pass.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Failure> {
        let until = self.now + span;
        while self.broken.is_empty() {
            let due = self.nodes.iter().filter_map(Node::due_at).chain(self.queue.due_at()).min();
            let Some(at) = due.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.step();
        }
        self.now = if self.broken.is_empty() { until } else { self.now };
        self.verdict()
    }

    /// Runs until the world has converged, at most for `limit`; gives the time that it took, to the second.
    pub fn settle(&mut self, limit: Duration) -> Result<Duration, Failure> {
        let began = self.now;
        loop {
            let missing = self.missing();
            if missing.is_empty() {
                return Ok(self.now.since(began));
            }
            if self.now.since(began) >= limit {
                self.broken.push(format!("has not converged within {limit:?}"));
                self.broken.extend(missing);
                self.verdict()?;
            }
            self.run_for(Duration::from_secs(1))?;
        }
    }

    pub(super) fn verdict(&mut self) -> Result<(), Failure> {
        if self.broken.is_empty() {
            return Ok(());
        }
        Err(Failure { seed: self.seed, at: self.now, what: self.broken.clone(), trace: self.trace.lines() })
    }

    /// Does all that is due now, once.
    fn step(&mut self) {
        while let Some(action) = self.queue.pop_due(self.now) {
            match action {
                Action::Deliver { to, if_index, source, destination, payload } => {
                    self.deliver(to, RxDatagram { if_index, source, destination, ttl: 1, payload: &payload });
                }
                Action::Renew { node, life } if self.nodes[node.0].life == life => {
                    self.renew(node);
                    self.schedule_renewal(node);
                }
                Action::Renew { .. } => {}
            }
        }
        for index in 0..self.nodes.len() {
            if self.nodes[index].due_at().is_none_or(|at| at > self.now) {
                continue;
            }
            let Some(instance) = &mut self.nodes[index].instance else { continue };
            // What a timer does may be due at once, but that has an end.
            for _ in 0..MOST_AT_ONCE {
                instance.handle_timeout(self.now);
                if instance.poll_timeout().is_none_or(|(at, _)| at > self.now) {
                    break;
                }
            }
            if let Some((_, key)) = instance.poll_timeout().filter(|(at, _)| *at <= self.now) {
                self.broken.push(format!("{:?}: {key:?} is due for ever", NodeId(index)));
            }
            self.drain(NodeId(index));
        }
        self.check_bounds();
    }

    fn deliver(&mut self, to: NodeId, rx: RxDatagram<'_>) {
        let joined = self.nodes[to.0].groups.get(&rx.if_index);
        let wanted = match rx.destination {
            ALL_SPF_ROUTERS => joined.is_some_and(|groups| groups.all_spf_routers),
            ALL_D_ROUTERS => joined.is_some_and(|groups| groups.all_d_routers),
            _ => true,
        };
        let link = self.links.iter().enumerate().find(|(index, _)| LinkId(*index).if_index() == rx.if_index);
        if !wanted || !link.is_some_and(|(_, link)| link.carries()) {
            return;
        }
        let (now, instance) = (self.now, self.nodes[to.0].instance.as_ref());
        let holds = |lsa: &Flooded| instance.is_some_and(|instance| holds(instance, now, lsa));
        self.safety.on_deliver(to, rx.payload, holds);
        if let Some(instance) = &mut self.nodes[to.0].instance {
            instance.handle_datagram(self.now, rx);
        }
        self.drain(to);
    }

    /// Takes out all that a router has to say.
    pub(super) fn drain(&mut self, node: NodeId) {
        let mut finished = false;
        while let Some(event) = self.nodes[node.0].instance.as_mut().and_then(Instance::poll_event) {
            match &event {
                Event::Routes(changes) => {
                    self.trace.push(self.now, format_args!("{node:?} {} routes changed", changes.len()));
                }
                told => self.trace.push(self.now, format_args!("{node:?} {told:?}")),
            }
            match event {
                Event::Groups { if_index, groups } => {
                    self.nodes[node.0].groups.insert(if_index, groups);
                }
                Event::Dropped { reason, .. } => {
                    *self.nodes[node.0].drops.entry(reason).or_default() += 1;
                }
                Event::ShutdownComplete { .. } => finished = true,
                Event::InterfaceState { .. }
                | Event::NeighborState { .. }
                | Event::SendKey { .. }
                | Event::Lease { .. }
                | Event::Translator { .. }
                | Event::Helper { .. }
                | Event::Bfd { .. }
                | Event::Routes(_) => {}
            }
        }
        while let Some(transmit) = self.nodes[node.0].instance.as_mut().and_then(Instance::poll_transmit) {
            self.transmit(node, &transmit);
        }
        if finished {
            self.nodes[node.0].stop();
        }
    }

    fn transmit(&mut self, node: NodeId, transmit: &Transmit) {
        (self.now, node.0, transmit.destination, &transmit.payload).hash(&mut self.digest);
        match self.safety.on_transmit(self.now, node, transmit) {
            Ok(packet) if matches!(packet.body, Body::Hello(_)) => {}
            Ok(packet) => {
                let (to, body) = (transmit.destination, packet.body);
                self.trace.push(self.now, format_args!("{node:?} → {to} {}", brief(&body)));
            }
            Err(broken) => self.broken.extend(broken.into_iter().map(|what| format!("{node:?} {what}"))),
        }
        let index = self.links.iter().enumerate().map(|(index, _)| LinkId(index));
        let Some(id) = index.into_iter().find(|id| id.if_index() == transmit.if_index) else {
            self.broken.push(format!("{node:?} sends on an interface that is not"));
            return;
        };
        let link = &self.links[id.0];
        if !link.carries() || !link.is_on(node) {
            return;
        }
        let quality = link.spec.quality;
        for (to, _) in link.spec.ends.iter().filter(|(end, _)| *end != node) {
            let mine = transmit.destination.is_multicast() || id.address(*to).ip() == transmit.destination;
            let copies = match (mine, self.rng.u16(..1000), self.rng.u16(..1000)) {
                (false, _, _) => 0,
                (true, lost, _) if lost < quality.loss_permille => 0,
                (true, _, again) => 1 + u8::from(again < quality.duplicate_permille),
            };
            for _ in 0..copies {
                let jitter = self.rng.f64();
                let at = self.now + quality.delay + quality.jitter.mul_f64(jitter);
                let Transmit { if_index, source, destination, payload, .. } = transmit.clone();
                self.queue.push(at, Action::Deliver { to: *to, if_index, source, destination, payload });
            }
        }
    }

    /// Once per HelloInterval: databases stay bounded, and nobody drops what honest peers send.
    fn check_bounds(&mut self) {
        if self.now.since(self.bounds_checked_at) < self.timing.hello {
            return;
        }
        self.bounds_checked_at = self.now;
        let most = MOST_LSAS_EACH * (self.nodes.len() + self.links.len() * self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let held = node.instance.as_ref().map_or(0, |instance| instance.database(self.now).len());
            if held > most {
                self.broken.push(format!("{:?} holds {held} LSAs", NodeId(index)));
            }
            let distrust = node.drops.keys().find(|reason| !self.tampered && distrustful(reason));
            if let Some(reason) = distrust {
                self.broken.push(format!("{:?} refuses what an honest peer sent: {reason}", NodeId(index)));
            }
        }
    }
}

/// Does an LSA stand in a router's database, if only on its way out?
fn holds(instance: &Instance, now: Instant, (area, key): &Flooded) -> bool {
    let (ls_type, link_state_id) =
        (key.ls_type.to_string(), Ipv4Addr::from_bits(key.link_state_id).to_string());
    instance.database(now).iter().any(|lsa| {
        lsa.area == *area
            && lsa.lsa_type == ls_type
            && lsa.link_state_id == link_state_id
            && lsa.advertised_router == key.advertising_router
    })
}

/// Reasons that no honest peer gives on a network that alters nothing. (A request for an LSA that is gone by now is one.)
fn distrustful(reason: &str) -> bool {
    let starts = ["bad-", "truncated", "trailing", "auth-", "unknown-packet-type"];
    let ends = ["-mismatch", "-full"];
    reason != "bad-request"
        && (starts.iter().any(|start| reason.starts_with(start))
            || ends.iter().any(|end| reason.ends_with(end)))
}

/// A packet in one line.
fn brief(body: &Body) -> String {
    let headers = |headers: &[LsaHeader]| -> Vec<String> {
        headers
            .iter()
            .map(|header| format!("{} {:08x} {}s", header.key, header.sequence, header.age))
            .collect()
    };
    let content = match body {
        Body::Hello(hello) => format!("{hello:?}"),
        Body::DatabaseDescription(dd) => {
            format!("{} I{} M{} MS{} {:?}", dd.sequence, dd.init, dd.more, dd.master, headers(&dd.headers))
        }
        Body::LinkStateRequest(keys) => {
            format!("{:?}", keys.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
        Body::LinkStateUpdate(lsas) => {
            format!("{:?}", headers(&lsas.iter().map(|lsa| lsa.header).collect::<Vec<_>>()))
        }
        Body::LinkStateAck(acked) => format!("{:?}", headers(acked)),
    };
    format!("{} {content}", body.name())
}
