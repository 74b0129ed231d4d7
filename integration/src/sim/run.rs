//! The loop over events.

use std::hash::Hash;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::time::Instant;
use ipnetwork::Ipv4Network;
use ospfd::core::Instance;
use ospfd::core::event::{Event, RxDatagram, Transmit};
use ospfd::packet::Body;
use ospfd::runtime::record::Entry;

use super::failure::Failure;
use super::node::NodeId;
use super::queue::{Action, Delivery};
use super::safety::{self, Flooded};
use super::topology::LinkId;
use super::trace::Note;
use super::world::World;

const ALL_SPF_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
const ALL_D_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 6);

/// No router holds more LSAs than this many for each router and each end of a link that there ever was.
const MOST_LSAS_EACH: usize = 10;

/// Times that an engine may want to be called at one moment.
const MOST_AT_ONCE: usize = 10;

impl World {
    /// Lets `span` pass.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Failure> {
        let until = self.now + span;
        while self.broken.is_empty() {
            let engine = self.due.first().map(|(at, _)| *at);
            let Some(at) = engine.into_iter().chain(self.queue.due_at()).min().filter(|at| *at <= until)
            else {
                break;
            };
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
        for node in &mut self.nodes {
            node.end_recording(self.now);
        }
        let (what, trace) = (self.broken.clone(), self.trace.lines());
        Err(Failure { seed: self.seed, at: self.now, what, trace, evidence: None })
    }

    /// Does all that is due now, once.
    fn step(&mut self) {
        while let Some(action) = self.queue.pop_due(self.now) {
            match action {
                Action::Deliver(delivery) => self.deliver(&delivery),
                Action::Renew { node, life } if self.nodes[node.0].life == life => {
                    self.renew(node);
                    self.schedule_renewal(node);
                }
                Action::Renew { .. } => {}
            }
        }
        let is_due = |(at, _): &&(Instant, NodeId)| *at <= self.now;
        let due: Vec<NodeId> = self.due.iter().take_while(is_due).map(|(_, node)| *node).collect();
        for node in due {
            self.fire(node);
        }
        self.check_bounds();
    }

    /// Tells an engine that its time has come.
    fn fire(&mut self, node: NodeId) {
        let now = self.now;
        let deadline = |instance: &Instance| instance.poll_timeout().filter(|(at, _)| *at <= now);
        // What a timer does may be due at once, but that has an end.
        for _ in 0..MOST_AT_ONCE {
            let router = &mut self.nodes[node.0];
            if router.instance.as_ref().and_then(deadline).is_none() {
                break;
            }
            router.feed(now, || Entry::Timeout, |instance| instance.handle_timeout(now));
        }
        if let Some((_, key)) = self.nodes[node.0].instance.as_ref().and_then(deadline) {
            self.broken.push(format!("{node:?}: {key:?} is due for ever"));
        }
        self.drain(node);
    }

    fn deliver(&mut self, delivery: &Delivery) {
        let Delivery { to, if_index, source, destination, ref payload, ref flooded } = *delivery;
        let joined = self.nodes[to.0].groups.get(&if_index);
        let wanted = match destination {
            ALL_SPF_ROUTERS => joined.is_some_and(|groups| groups.all_spf_routers),
            ALL_D_ROUTERS => joined.is_some_and(|groups| groups.all_d_routers),
            _ => true,
        };
        if !wanted || !self.links[LinkId::of(if_index).0].carries() {
            return;
        }
        if self.fault.is_some() && self.goes_wrong(delivery) {
            return;
        }
        let (now, router) = (self.now, &mut self.nodes[to.0]);
        let holds = |(area, key): &Flooded| {
            router.instance.as_ref().is_some_and(|instance| {
                instance.lsas().any(|(found, lsa)| found == *area && lsa.header.key == *key)
            })
        };
        self.safety.on_deliver(to, flooded, holds);
        let rx = RxDatagram { if_index, source, destination, ttl: 1, payload };
        router.feed(now, || Entry::datagram(rx), |instance| instance.handle_datagram(now, rx));
        self.drain(to);
    }

    /// Takes out all that a router has to say.
    pub(super) fn drain(&mut self, node: NodeId) {
        let mut finished = false;
        while let Some(event) = self.nodes[node.0].instance.as_mut().and_then(Instance::poll_event) {
            let router = &mut self.nodes[node.0];
            router.recorder.note_event(&event);
            match &event {
                Event::Groups { if_index, groups } => {
                    router.groups.insert(*if_index, *groups);
                }
                Event::Dropped { reason, .. } => *router.drops.entry(reason).or_default() += 1,
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
            self.trace.push(self.now, Note::Told { node, event });
        }
        while let Some(transmit) = self.nodes[node.0].instance.as_mut().and_then(Instance::poll_transmit) {
            self.nodes[node.0].recorder.note_transmit(&transmit);
            self.transmit(node, &transmit);
        }
        if finished {
            self.nodes[node.0].stop(self.now);
        }
        self.note_deadline(node);
    }

    /// Keeps in order of time when an engine wants to be called.
    fn note_deadline(&mut self, node: NodeId) {
        let router = &mut self.nodes[node.0];
        let due_at = router.instance.as_ref().and_then(Instance::poll_timeout).map(|(at, _)| at);
        if due_at != router.due_at {
            self.due.extend(due_at.map(|at| (at, node)));
            if let Some(before) = std::mem::replace(&mut router.due_at, due_at) {
                self.due.remove(&(before, node));
            }
        }
    }

    pub(super) fn transmit(&mut self, node: NodeId, transmit: &Transmit) {
        (self.now, node.0, transmit.destination, &transmit.payload).hash(&mut self.digest);
        let mut flooded: Arc<[_]> = Arc::default();
        match self.safety.on_transmit(self.now, node, transmit) {
            Ok(packet) => {
                flooded = safety::flooded_by(&packet);
                if !matches!(packet.body, Body::Hello(_)) {
                    let (to, body) = (transmit.destination, packet.body);
                    self.trace.push(self.now, Note::Sent { node, to, body });
                }
            }
            Err(broken) => self.broken.extend(broken.into_iter().map(|what| format!("{node:?} {what}"))),
        }
        let id = LinkId::of(transmit.if_index);
        let Some(link) = self.links.get(id.0).filter(|link| link.is_on(node)) else {
            self.broken.push(format!("{node:?} sends on an interface that is not"));
            return;
        };
        if !link.carries() {
            return;
        }
        let quality = link.spec.quality;
        for place in 0..link.spec.ends.len() {
            let link = &self.links[id.0];
            let (to, _) = link.spec.ends[place];
            let is_meant = || {
                let address = link.spec.address(id, to).map(Ipv4Network::ip);
                transmit.destination.is_multicast() || address == Some(transmit.destination)
            };
            if to == node || !is_meant() {
                continue;
            }
            let [lost, again, corrupt] = [(); 3].map(|()| self.rng.u16(..1000));
            let copies = match lost < quality.loss_permille {
                true => 0,
                false => 1 + u8::from(again < quality.duplicate_permille),
            };
            for _ in 0..copies {
                let at = self.now + quality.delay + quality.jitter.mul_f64(self.rng.f64());
                let Transmit { if_index, source, destination, ref payload, .. } = *transmit;
                let (payload, flooded) = match corrupt < quality.corrupt_permille {
                    true => {
                        self.tampered = true;
                        (corrupted(payload, &mut self.rng), Arc::default())
                    }
                    false => (payload.clone(), Arc::clone(&flooded)),
                };
                let delivery = Delivery { to, if_index, source, destination, payload, flooded };
                self.queue.push(at, Action::Deliver(delivery));
            }
        }
    }

    /// Once per HelloInterval: databases stay bounded, and nobody drops what honest peers send.
    fn check_bounds(&mut self) {
        if self.now.since(self.bounds_checked_at) < self.timing.hello {
            return;
        }
        self.bounds_checked_at = self.now;
        let ends: usize = self.links.iter().map(|link| link.spec.ends.len()).sum();
        let most = MOST_LSAS_EACH * (self.nodes.len() + ends);
        for (index, node) in self.nodes.iter().enumerate() {
            let held = node.instance.as_ref().map_or(0, |instance| instance.lsas().count());
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

/// Reasons that no honest peer gives on a network that alters nothing. (A request for an LSA that is gone by now is one.)
fn distrustful(reason: &str) -> bool {
    let starts = ["bad-", "truncated", "trailing", "auth-", "unknown-packet-type"];
    let ends = ["-mismatch", "-full"];
    reason != "bad-request"
        && (starts.iter().any(|start| reason.starts_with(start))
            || ends.iter().any(|end| reason.ends_with(end)))
}

/// A datagram with one bit turned over, or with its end missing.
fn corrupted(payload: &Bytes, rng: &mut fastrand::Rng) -> Bytes {
    let at = rng.usize(..payload.len());
    if rng.bool() {
        return payload.slice(..at);
    }
    let mut bytes = payload.to_vec();
    bytes[at] ^= 1 << rng.u8(..8);
    bytes.into()
}
