//! Helping a neighbour that restarts (RFC 3623 §3): while it is silent we tell everybody that it is still there.
//!
//! Deviations: a grace period longer than `max_grace` is cut to it rather than refused. A neighbour that BFD loses
//! meanwhile is not killed (RFC 5882 §4.3.2.1): its BFD may well restart with it. We never restart so ourselves: every start of ours is a
//! plain one (RFC 3623 §2 is not implemented).

use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::packet::{GraceLsa, LsType, LsaKey, MAX_AGE, RestartReason};

use super::drops::{Counter, DropReason};
use super::event::Event as Output;
use super::instance::{Instance, Life};
use super::interface::{self, Interface};
use super::lsdb::{Entry, Scope};
use super::neighbor::{Event, Neighbor, State};
use super::timer::TimerKey;

/// A neighbour is helped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Helping {
    /// No longer than this.
    pub(crate) until: Instant,
    /// Why it restarts.
    pub(crate) reason: RestartReason,
    /// Whom its last hello declares Designated Router and backup: its record keeps what it declared before.
    pub(crate) declared: (Ipv4Addr, Ipv4Addr),
}

/// How help ended (RFC 3623 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The neighbour has flushed its grace LSA: it is back.
    Completed,
    /// The grace period is over.
    Expired,
    /// What the neighbour forwards by has changed.
    TopologyChange,
    /// The neighbour is gone for another reason: its link, its address, an operator.
    Lost,
    /// The configuration asks for no help any more.
    Disabled,
}

impl End {
    const fn counter(self) -> Counter {
        Counter::helped(match self {
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::TopologyChange => "topology-changed",
            Self::Lost => "lost",
            Self::Disabled => "disabled",
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "no more helped: it is back",
            Self::Expired => "no more helped: its grace period is over",
            Self::TopologyChange => "no more helped: the topology has changed",
            Self::Lost => "no more helped: it is gone",
            Self::Disabled => "no more helped: the configuration says so",
        }
    }
}

impl Neighbor {
    /// Is it to look Full to everybody else? RFC 3623 §3: who is helped does, whatever its state.
    pub(crate) fn counts_as_full(&self) -> bool {
        self.state == State::Full || self.helping.is_some()
    }

    /// The state that it is to have for everybody else.
    pub(crate) fn standing(&self) -> State {
        if self.helping.is_some() { State::Full } else { self.state }
    }
}

impl Instance {
    /// A grace LSA came, or was flushed.
    pub(crate) fn note_grace(&mut self, now: Instant, if_index: IfIndex, key: LsaKey) {
        let Some(entry) = self.lsdb.get(Scope::Link(if_index), key) else { return };
        let age = entry.age(now);
        let read = GraceLsa::read(entry.lsa());
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let router_id = key.advertising_router;
        let Some(neighbor) = interface.neighbors.get(&router_id) else { return };
        // RFC 3623 §3.2 (1): flushed.
        if age >= MAX_AGE {
            return self.stop_helping(now, if_index, router_id, End::Completed);
        }
        let source = neighbor.address;
        let Ok(grace) = read else {
            return self.output.drop(if_index, source, DropReason::BadGraceLsa);
        };
        // RFC 3623 §3.1: on networks of many the restarting router is known by its address.
        if grace.address.map_or(interface.is_shared(), |address| address != source) {
            return self.output.drop(if_index, source, DropReason::BadGraceLsa);
        }
        let declared = (neighbor.designated, neighbor.backup);
        // RFC 3623 §3.1: a further grace LSA prolongs, or shortens, the help that is given.
        let is_helped = neighbor.helping.map(|helping| helping.declared);
        let left = grace.period.saturating_sub(Duration::from_secs(age.into()));
        let left = left.min(self.config.graceful_restart.max_grace);
        if is_helped.is_none() && !self.may_help(now, interface, neighbor, left) {
            self.output.count(Counter::helped("refused"));
            return self.tell_help(if_index, router_id, "restarts, and is not helped");
        }
        let helping =
            Helping { until: now + left, reason: grace.reason, declared: is_helped.unwrap_or(declared) };
        if let Some(neighbor) = self.neighbor_mut(if_index, router_id) {
            neighbor.helping = Some(helping);
        }
        self.timers.set(TimerKey::Grace(if_index, router_id), helping.until);
        if is_helped.is_none() {
            self.output.count(Counter::helped("entered"));
            self.tell_help(if_index, router_id, "restarts, and is helped");
        }
    }

    /// RFC 3623 §3.1 (1) to (5).
    fn may_help(&self, now: Instant, interface: &Interface, neighbor: &Neighbor, left: Duration) -> bool {
        let config = &self.config.graceful_restart;
        let place = interface.place();
        // §3.1 (2): something that it has not acknowledged, and that is more than a refresh.
        let has_news = |key: LsaKey| {
            let entry = self.lsdb.get(Scope::of(key.ls_type, place), key);
            is_topology(key.ls_type)
                && entry.is_some_and(|entry| entry.is_change() || entry.age(now) >= MAX_AGE)
        };
        self.life == Life::Running
            && config.helper
            && neighbor.state == State::Full
            && !left.is_zero()
            && !(config.strict_lsa_checking && neighbor.retransmit.keys().any(has_news))
    }

    /// The neighbour's grace period is over.
    pub(crate) fn grace_over(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        self.stop_helping(now, if_index, router_id, End::Expired);
    }

    /// RFC 3623 §3.2 (3): whoever is helped and would have heard of what has changed is helped no more.
    pub(crate) fn watch_topology(&mut self, now: Instant) {
        let changed = self.lsdb.take_changed_scopes();
        if changed.is_empty() || !self.config.graceful_restart.strict_lsa_checking {
            return;
        }
        let concerned = self.helped(|interface| changed.iter().any(|scope| scope.is_in(interface.place())));
        for (if_index, router_id) in concerned {
            self.stop_helping(now, if_index, router_id, End::TopologyChange);
        }
    }

    /// The configuration has changed.
    pub(crate) fn reconsider_help(&mut self, now: Instant) {
        if !self.config.graceful_restart.helper {
            for (if_index, router_id) in self.helped(|_| true) {
                self.stop_helping(now, if_index, router_id, End::Disabled);
            }
        }
    }

    fn helped(&self, concerned: impl Fn(&Interface) -> bool) -> Vec<(IfIndex, RouterId)> {
        let mut found = Vec::new();
        for (&if_index, interface) in self.interfaces.iter().filter(|(_, interface)| concerned(interface)) {
            let helped = interface.neighbors.values().filter(|neighbor| neighbor.helping.is_some());
            found.extend(helped.map(|neighbor| (if_index, neighbor.router_id)));
        }
        found
    }

    /// RFC 3623 §3.2: everything is as the neighbour's state has it again.
    fn stop_helping(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId, end: End) {
        if !self.end_help(if_index, router_id, end) {
            return;
        }
        // It has been silent for RouterDeadInterval, and nobody has said so yet.
        if self.timers.deadline(TimerKey::Inactivity(if_index, router_id)).is_none() {
            self.neighbor_event(now, if_index, router_id, Event::InactivityTimer);
        }
        // §3.2: the Designated Router is calculated anew; our LSAs follow.
        self.interface_event(now, if_index, interface::Event::NeighborChange);
    }

    /// Takes note that a neighbour is not helped any more; was it?
    pub(crate) fn end_help(&mut self, if_index: IfIndex, router_id: RouterId, end: End) -> bool {
        let Some(neighbor) = self.neighbor_mut(if_index, router_id) else { return false };
        let Some(helping) = neighbor.helping.take() else { return false };
        (neighbor.designated, neighbor.backup) = helping.declared;
        self.timers.cancel(TimerKey::Grace(if_index, router_id));
        self.dirty = true;
        self.output.count(end.counter());
        self.tell_help(if_index, router_id, end.as_str());
        true
    }

    /// Is the neighbour helped, so that its silence means nothing?
    pub(crate) fn is_helped(&self, if_index: IfIndex, router_id: RouterId) -> bool {
        let interface = self.interfaces.get(&if_index);
        let neighbor = interface.and_then(|interface| interface.neighbors.get(&router_id));
        neighbor.is_some_and(|neighbor| neighbor.helping.is_some())
    }

    fn tell_help(&mut self, if_index: IfIndex, router_id: RouterId, what: &'static str) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let name = interface.link.name.clone();
        self.output.event(Output::Helper { interface: name, router_id, what });
    }
}

/// Does an LSA of this type tell what packets are forwarded by (RFC 3623 §3.1 (2), §3.2 (3))?
pub(crate) const fn is_topology(ls_type: LsType) -> bool {
    match ls_type {
        LsType::Router
        | LsType::Network
        | LsType::SummaryNetwork
        | LsType::SummaryAsbr
        | LsType::AsExternal
        | LsType::Nssa => true,
        LsType::OpaqueLink | LsType::OpaqueArea | LsType::OpaqueAs | LsType::Unknown(_) => false,
    }
}

impl Entry {
    /// Is this instance more than a refresh of the one before it?
    pub(crate) const fn is_change(&self) -> bool {
        self.differs
    }
}
