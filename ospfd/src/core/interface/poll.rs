//! Networks without multicast: whom hellos go to (RFC 2328 §9.5.1), and the neighbours that are configured but not heard.
//!
//! A neighbour has a record from its first hello on, under its Router ID. Before that, what is known of it is its address:
//! a [`Poll`] stands for the states Attempt and Down of §10.1.

use std::net::Ipv4Addr;

use common::ids::IfIndex;
use common::time::Instant;

use crate::core::config::NetworkType;
use crate::core::instance::Instance;
use crate::core::neighbor;
use crate::core::output::ALL_SPF_ROUTERS;
use crate::core::timer::TimerKey;

use super::Interface;

/// A configured neighbour that gets hellos though it has not been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    /// When the neighbour event Start came.
    pub(crate) started_at: Instant,
    /// Until when it is in state Attempt; from then on it is Down.
    pub(crate) attempt_until: Instant,
}

impl Poll {
    /// The state of a neighbour that has not been heard.
    pub(crate) fn state(&self, now: Instant) -> neighbor::State {
        if now < self.attempt_until { neighbor::State::Attempt } else { neighbor::State::Down }
    }
}

impl Interface {
    /// Where the hellos of each HelloInterval go.
    pub(super) fn hello_destinations(&self) -> Vec<Ipv4Addr> {
        let heard = self.neighbors.values();
        match self.config.network_type {
            NetworkType::PointToPoint | NetworkType::Broadcast => vec![ALL_SPF_ROUTERS],
            // With nobody configured, the network is taken to carry multicast.
            NetworkType::PointToMultipoint if self.config.static_neighbors.is_empty() => {
                vec![ALL_SPF_ROUTERS]
            }
            NetworkType::PointToMultipoint => heard.map(|neighbor| neighbor.address).collect(),
            // §9.5.1
            NetworkType::NonBroadcast => heard
                .filter(|neighbor| {
                    let leads = self.is_dr_or_backup(neighbor.address);
                    let both_eligible = self.config.priority > 0 && neighbor.priority > 0;
                    leads || both_eligible || self.state.is_dr_or_backup()
                })
                .map(|neighbor| neighbor.address)
                .collect(),
        }
    }

    /// The configured neighbours that get hellos before they are heard (§9.3 InterfaceUp, §9.4 (6)).
    fn polled(&self) -> impl Iterator<Item = Ipv4Addr> {
        let speaks = self.state.is_operational() && !self.config.passive;
        let to_all = match self.config.network_type {
            NetworkType::PointToMultipoint => true,
            NetworkType::NonBroadcast => self.state.is_dr_or_backup(),
            NetworkType::PointToPoint | NetworkType::Broadcast => false,
        };
        let to_eligible = self.config.network_type == NetworkType::NonBroadcast && self.config.priority > 0;
        self.config
            .static_neighbors
            .iter()
            .filter(move |(_, neighbor)| speaks && (to_all || (to_eligible && neighbor.priority > 0)))
            .map(|(&address, _)| address)
    }

    /// Must we answer a hello of somebody with this address and priority by itself? §9.5.1: who is not eligible answers
    /// those who are.
    pub(super) fn answers(&self, address: Ipv4Addr, priority: u8) -> bool {
        self.config.network_type == NetworkType::NonBroadcast
            && self.config.priority == 0
            && priority > 0
            && !self.is_dr_or_backup(address)
    }

    fn is_heard(&self, address: Ipv4Addr) -> bool {
        self.neighbors.values().any(|neighbor| neighbor.address == address)
    }

    /// Polls of neighbours that are not heard.
    pub(crate) fn unheard(&self) -> impl Iterator<Item = (Ipv4Addr, &Poll)> {
        self.polls
            .iter()
            .map(|(&address, poll)| (address, poll))
            .filter(|(address, _)| !self.is_heard(*address))
    }
}

impl Instance {
    /// Starts (§10.2) and ends polls as configuration and state want it.
    pub(crate) fn reconcile_polls(&mut self, now: Instant, if_index: IfIndex) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let wanted: Vec<_> = interface.polled().collect();
        let ended: Vec<_> = interface.polls.keys().copied().filter(|known| !wanted.contains(known)).collect();
        for address in ended {
            interface.polls.remove(&address);
            self.timers.cancel(TimerKey::Poll(if_index, address));
        }
        // §10.3 (Down, Start): Attempt, until RouterDeadInterval has passed.
        let poll = Poll { started_at: now, attempt_until: now + interface.dead_interval() };
        let new: Vec<_> =
            wanted.into_iter().filter(|address| !interface.polls.contains_key(address)).collect();
        interface.polls.extend(new.iter().map(|&address| (address, poll)));
        for address in new {
            self.poll_due(now, if_index, address);
        }
    }

    /// A hello to a configured neighbour, unless it is heard and gets hellos anyway; and when the next one is due.
    pub(crate) fn poll_due(&mut self, now: Instant, if_index: IfIndex, address: Ipv4Addr) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let Some(poll) = interface.polls.get(&address) else { return };
        let Some(neighbor) = interface.config.static_neighbors.get(&address) else { return };
        // §9.5: PollInterval for a neighbour that is down.
        let again = match poll.state(now) {
            neighbor::State::Attempt => interface.config.hello_interval,
            neighbor::State::Down
            | neighbor::State::Init
            | neighbor::State::TwoWay
            | neighbor::State::ExStart
            | neighbor::State::Exchange
            | neighbor::State::Loading
            | neighbor::State::Full => neighbor.poll_interval,
        };
        let silent = !interface.is_heard(address);
        self.timers.set(TimerKey::Poll(if_index, address), now + again);
        if silent {
            self.send_hello_to(if_index, &[address]);
        }
    }

    pub(super) fn end_polls(&mut self, if_index: IfIndex) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        for address in std::mem::take(&mut interface.polls).into_keys() {
            self.timers.cancel(TimerKey::Poll(if_index, address));
        }
    }
}
