//! Interfaces (RFC 2328 §9): `fsm` says what happens, `election` who leads, this file does it, `hello` is the packet, and
//! `poll` knows whom it goes to where there is no multicast.

mod election;
mod fsm;
mod hello;
mod poll;
mod state;

use std::net::Ipv4Addr;

use common::ids::IfIndex;
use common::time::Instant;

pub(crate) use fsm::{Event, State};
pub(crate) use poll::Poll;
pub(crate) use state::Interface;

use super::event::Event as Output;
use super::instance::Instance;
use super::lsdb::Scope;
use super::neighbor;
use super::timer::TimerKey;
use fsm::{Action, Next};

impl Instance {
    /// Feeds one event to the interface state machine.
    pub(crate) fn interface_event(&mut self, now: Instant, if_index: IfIndex, event: Event) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let step = fsm::step(interface.state, event, interface.guards());
        match step.next {
            Next::To(state) => self.set_interface_state(if_index, state),
            Next::Elected | Next::Stay => {}
        }
        for action in step.actions {
            match action {
                Action::StartHello => {
                    self.hello_due(now, if_index);
                    self.reconcile_polls(now, if_index);
                }
                Action::StartWait => {
                    if let Some(interface) = self.interfaces.get(&if_index) {
                        // RFC 2328 §9: WaitTimer is RouterDeadInterval.
                        self.timers.set(TimerKey::Wait(if_index), now + interface.dead_interval());
                    }
                }
                Action::StopWait => self.timers.cancel(TimerKey::Wait(if_index)),
                Action::Elect => self.elect(now, if_index),
                Action::Reset => self.reset_interface(now, if_index),
            }
        }
    }

    fn set_interface_state(&mut self, if_index: IfIndex, state: State) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let from = std::mem::replace(&mut interface.state, state);
        let groups = interface.wanted_groups();
        if groups != interface.groups {
            interface.groups = groups;
            self.output.event(Output::Groups { if_index, groups });
        }
        if from != state {
            self.dirty = true;
            let name = interface.link.name.clone();
            self.output.event(Output::InterfaceState { name, from: from.as_str(), to: state.as_str() });
        }
    }

    /// RFC 2328 §9.4.
    fn elect(&mut self, now: Instant, if_index: IfIndex) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let (own, others) = interface.candidates(self.config.router_id);
        let outcome = election::elect(own, &others);
        let (designated, backup) =
            (Ipv4Addr::from_bits(outcome.designated), Ipv4Addr::from_bits(outcome.backup));
        let changed = (designated, backup) != (interface.designated, interface.backup);
        (interface.designated, interface.backup) = (designated, backup);

        let address = interface.address();
        let state = match () {
            () if designated == address => State::Dr,
            () if backup == address => State::Backup,
            () => State::DrOther,
        };
        self.set_interface_state(if_index, state);
        // §9.4 (6)
        self.reconcile_polls(now, if_index);
        if changed {
            self.dirty = true;
            // Not asked for by the RFC: the others learn of it at once, not a HelloInterval later.
            self.hello_due(now, if_index);
            // §9.4 (7)
            self.all_neighbors_event(now, if_index, neighbor::Event::AdjOk);
        }
    }

    /// Feeds `event` to every neighbour of an interface.
    pub(crate) fn all_neighbors_event(&mut self, now: Instant, if_index: IfIndex, event: neighbor::Event) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let neighbors: Vec<_> = interface.neighbors.keys().copied().collect();
        for router_id in neighbors {
            self.neighbor_event(now, if_index, router_id, event);
        }
    }

    fn reset_interface(&mut self, now: Instant, if_index: IfIndex) {
        // §9.3 InterfaceDown: KillNbr for all neighbours.
        self.all_neighbors_event(now, if_index, neighbor::Event::KillNbr);
        for key in [TimerKey::Hello(if_index), TimerKey::Wait(if_index), TimerKey::DelayedAck(if_index)] {
            self.timers.cancel(key);
        }
        self.end_polls(if_index);
        // RFC 5250 §3: what was told on the link went with it.
        self.lsdb.remove_scope(Scope::Link(if_index));
        if let Some(interface) = self.interfaces.get_mut(&if_index) {
            interface.designated = Ipv4Addr::UNSPECIFIED;
            interface.backup = Ipv4Addr::UNSPECIFIED;
            interface.delayed_acks.clear();
            interface.flood_queue.clear();
        }
    }
}
