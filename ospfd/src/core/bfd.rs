//! Neighbours that BFD watches (RFC 5882).
//!
//! A session is wanted with each neighbour in state 2-Way or above, as FRR and BIRD do it. When it is lost, the neighbour is
//! killed, and held in state Init until the session is Up again: its hellos alone do not bring it back. In `strict` mode
//! (RFC 9355 §4, by configuration rather than by negotiation) the first session, too, comes before the adjacency.
//!
//! A peer that has its end disabled (AdminDown) is not lost (RFC 5882 §3.2): the adjacency lives on by its hellos. One that was lost
//! before may be let in again by that; but a router may disable a session for a moment while it takes it away for the loss, so
//! it has to last for RouterDeadInterval.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::bfd::{Change, SessionConfig, SessionKey, State, Status};

use super::drops::Counter;
use super::event::Event as Output;
use super::instance::{Instance, Life};
use super::interface::Interface;
use super::neighbor::{Event, Neighbor, State as NeighborState};
use super::timer::TimerKey;

/// The sessions that are wanted, and how they stand.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    sessions: BTreeMap<SessionKey, Watched>,
    /// Counts the changes of what is wanted.
    revision: u64,
}

#[derive(Debug)]
struct Watched {
    config: SessionConfig,
    /// As it was told last.
    status: Option<Status>,
    /// It was lost: the neighbour is not let in before it is Up.
    held: bool,
}

impl Watch {
    /// May the neighbour with this address leave state Init?
    pub(crate) fn admits(&self, interface: &Interface, address: Ipv4Addr) -> bool {
        let Some(config) = &interface.config.bfd else { return true };
        let watched = self.sessions.get(&key(interface.if_index(), address));
        let up = watched.and_then(|watched| watched.status).is_some_and(|status| status.state == State::Up);
        up || !(config.strict || watched.is_some_and(|watched| watched.held))
    }

    fn is_held(&self, key: SessionKey) -> bool {
        self.sessions.get(&key).is_some_and(|watched| watched.held)
    }
}

fn key(if_index: IfIndex, address: Ipv4Addr) -> SessionKey {
    SessionKey { if_index, peer: IpAddr::V4(address) }
}

impl Instance {
    /// The BFD sessions that are wanted. The number changes with them.
    pub fn bfd_sessions(&self) -> (u64, impl Iterator<Item = (SessionKey, &SessionConfig)>) {
        (self.watch.revision, self.watch.sessions.iter().map(|(key, watched)| (*key, &watched.config)))
    }

    /// A BFD session changed.
    pub fn handle_bfd(&mut self, now: Instant, change: Change) {
        if self.life != Life::Stopped {
            self.note_bfd(now, change);
            self.settle(now);
        }
    }

    fn note_bfd(&mut self, now: Instant, change: Change) {
        let Change { key, status } = change;
        let restarts = self.watched_neighbor(key).is_some_and(|neighbor| neighbor.helping.is_some());
        let Some(watched) = self.watch.sessions.get_mut(&key) else { return };
        let before = watched.status.replace(status);
        // RFC 5882 §3.2: what the peer has disabled is not lost; §4.3.2.1: nor is who restarts gracefully.
        let lost = !restarts && status.losses > before.map_or(0, |before| before.losses);
        watched.held = (watched.held || lost) && status.state != State::Up;
        let held = watched.held;
        let told = match () {
            () if lost => Some("lost: the neighbor is killed"),
            () if before.map(|before| before.state) != Some(status.state) && status.state == State::Up => {
                Some("up")
            }
            () if status.disabled_by_peer && !before.is_some_and(|before| before.disabled_by_peer) => {
                Some("disabled by the peer")
            }
            () => None,
        };
        if let Some(what) = told {
            self.tell_bfd(key, what);
        }
        if lost {
            self.kill_lost(now, key);
        }
        let disabled_changed = before.map(|before| before.disabled_by_peer) != Some(status.disabled_by_peer);
        if held && (lost || disabled_changed) {
            self.look_again(now, key);
        }
        if status.state == State::Up {
            self.timers.cancel(TimerKey::BfdHold(key.if_index, key.peer));
            self.let_in(now, key);
        }
    }

    /// RFC 5882 §4.1: the neighbour with this address is gone.
    fn kill_lost(&mut self, now: Instant, key: SessionKey) {
        if let Some(router_id) = self.watched_neighbor(key).map(|neighbor| neighbor.router_id) {
            self.output.count(Counter::BFD_KILLED);
            self.neighbor_event(now, key.if_index, router_id, Event::KillNbr);
        }
    }

    /// A neighbour that waits in state Init, and hears us, waits no longer.
    fn let_in(&mut self, now: Instant, key: SessionKey) {
        let waiting: Option<RouterId> = self
            .watched_neighbor(key)
            .filter(|neighbor| neighbor.hears_us && neighbor.state == NeighborState::Init)
            .map(|neighbor| neighbor.router_id);
        if let Some(router_id) = waiting {
            self.neighbor_event(now, key.if_index, router_id, Event::TwoWayReceived);
        }
    }

    fn watched_neighbor(&self, key: SessionKey) -> Option<&Neighbor> {
        let neighbors = &self.interfaces.get(&key.if_index)?.neighbors;
        neighbors.values().find(|neighbor| IpAddr::V4(neighbor.address) == key.peer)
    }

    fn look_again(&mut self, now: Instant, key: SessionKey) {
        if let Some(interface) = self.interfaces.get(&key.if_index) {
            self.timers.set(TimerKey::BfdHold(key.if_index, key.peer), now + interface.dead_interval());
        }
    }

    /// A neighbour has been held for RouterDeadInterval: is there still a reason to?
    pub(crate) fn reconsider_hold(&mut self, now: Instant, if_index: IfIndex, peer: IpAddr) {
        let key = SessionKey { if_index, peer };
        let is_heard = self.watched_neighbor(key).is_some();
        let Some(watched) = self.watch.sessions.get_mut(&key).filter(|watched| watched.held) else { return };
        let disabled = watched.status.is_some_and(|status| status.disabled_by_peer);
        if is_heard && !disabled {
            return self.look_again(now, key);
        }
        watched.held = false;
        self.dirty = true;
        if is_heard {
            self.tell_bfd(key, "disabled by the peer for long: hellos are enough again");
            self.let_in(now, key);
        }
    }

    /// Brings the sessions that are wanted to what interfaces and neighbours ask for.
    pub(crate) fn reconcile_bfd(&mut self) {
        let wanted = self.desired_sessions();
        let Watch { sessions, revision } = &mut self.watch;
        let before = sessions.len();
        sessions.retain(|key, _| wanted.contains_key(key));
        let mut changed = sessions.len() != before;
        for (key, config) in wanted {
            match sessions.get_mut(&key) {
                Some(watched) if watched.config == config => {}
                Some(watched) => {
                    watched.config = config;
                    changed = true;
                }
                None => {
                    sessions.insert(key, Watched { config, status: None, held: false });
                    changed = true;
                }
            }
        }
        *revision += u64::from(changed);
    }

    fn desired_sessions(&self) -> BTreeMap<SessionKey, SessionConfig> {
        let mut wanted = BTreeMap::new();
        for interface in self.interfaces.values() {
            let Some(session) = session_config(interface) else { continue };
            let strict = interface.config.bfd.as_ref().is_some_and(|config| config.strict);
            for neighbor in interface.neighbors.values() {
                let key = key(interface.if_index(), neighbor.address);
                let from = if strict || self.watch.is_held(key) {
                    NeighborState::Init
                } else {
                    NeighborState::TwoWay
                };
                if neighbor.state >= from {
                    wanted.insert(key, session.clone());
                }
            }
            // Who was lost is watched on, though there is no record of it.
            let held = self.watch.sessions.iter().filter(|(key, watched)| {
                key.if_index == interface.if_index() && watched.held && !wanted.contains_key(key)
            });
            let held: Vec<_> = held.map(|(key, _)| *key).collect();
            wanted.extend(held.into_iter().map(|key| (key, session.clone())));
        }
        wanted
    }

    fn tell_bfd(&mut self, key: SessionKey, what: &'static str) {
        let Some(watched) = self.watch.sessions.get(&key) else { return };
        let Some(status) = watched.status else { return };
        self.output.event(Output::Bfd {
            interface: watched.config.interface.clone(),
            peer: key.peer,
            state: status.state.as_str(),
            diagnostic: status.diagnostic.as_str(),
            what,
        });
    }
}

/// The sessions of an interface, if it has any.
fn session_config(interface: &Interface) -> Option<SessionConfig> {
    let config = interface.config.bfd.as_ref()?;
    let usable = interface.state.is_operational() && !interface.config.passive;
    usable.then(|| SessionConfig {
        interface: interface.link.name.clone(),
        local: IpAddr::V4(interface.address()),
        min_tx: config.min_tx,
        min_rx: config.min_rx,
        multiplier: config.multiplier,
        passive: config.passive,
        auth: config.auth.clone(),
    })
}
