//! Neighbours (RFC 2328 §10): `fsm` says what happens, this file does it; `exchange` are the database descriptions,
//! `request` the link state requests, `lists` what is still to be got and to be acknowledged.

mod exchange;
mod fsm;
mod lists;
mod request;
mod state;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

pub(crate) use fsm::{Event, State};
pub(crate) use state::Neighbor;

use super::event::Event as Output;
use super::helper::End;
use super::instance::Instance;
use super::interface;
use super::timer::TimerKey;
use fsm::{Action, Guards};

impl Instance {
    /// Feeds one event to the neighbour state machine.
    pub(crate) fn neighbor_event(
        &mut self,
        now: Instant,
        if_index: IfIndex,
        router_id: RouterId,
        event: Event,
    ) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&router_id) else { return };
        let guards = Guards {
            adjacent: interface.wants_adjacency(neighbor),
            requests: !neighbor.requests.is_empty(),
            admitted: self.watch.admits(interface, neighbor.address),
        };
        let before = neighbor.state;
        let step = fsm::step(before, event, guards);
        let after = step.next.unwrap_or(before);
        if after != before {
            let name = interface.link.name.clone();
            if let Some(neighbor) = interface.neighbors.get_mut(&router_id) {
                neighbor.state = after;
                neighbor.since = now;
                neighbor.changes += 1;
            }
            self.dirty = true;
            self.output.event(Output::NeighborState {
                interface: name,
                router_id,
                from: before.as_str(),
                to: after.as_str(),
                cause: event.as_str(),
            });
        }
        for action in step.actions {
            self.neighbor_action(now, if_index, router_id, *action);
        }
        if after == State::Down {
            self.end_help(if_index, router_id, End::Lost);
        }
        if after == State::Down
            && let Some(interface) = self.interfaces.get_mut(&if_index)
        {
            interface.forget_neighbor(router_id);
            self.timers.cancel_neighbor(if_index, router_id);
        }
        // §9.2 NeighborChange: bidirectional communication came or went.
        if (before >= State::TwoWay) != (after >= State::TwoWay) {
            self.interface_event(now, if_index, interface::Event::NeighborChange);
        }
    }

    fn neighbor_action(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId, action: Action) {
        match action {
            Action::StartInactivity => self.rearm_inactivity(now, if_index, router_id),
            Action::StopTimers => self.timers.cancel_neighbor(if_index, router_id),
            Action::ClearLists => {
                for key in [
                    TimerKey::DdRetransmit(if_index, router_id),
                    TimerKey::DdHold(if_index, router_id),
                    TimerKey::LsRequest(if_index, router_id),
                    TimerKey::LsRetransmit(if_index, router_id),
                ] {
                    self.timers.cancel(key);
                }
                if let Some(neighbor) = self.neighbor_mut(if_index, router_id) {
                    neighbor.clear_lists();
                }
                self.lsdb.all_released();
            }
            Action::BeginExStart => self.begin_exstart(now, if_index, router_id),
            Action::BeginExchange => self.begin_exchange(now, if_index, router_id),
            Action::Request => self.request_next(now, if_index, router_id),
        }
    }

    /// The neighbour was heard: its InactivityTimer starts anew.
    pub(crate) fn rearm_inactivity(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        if let Some(interface) = self.interfaces.get(&if_index) {
            self.timers.set(TimerKey::Inactivity(if_index, router_id), now + interface.dead_interval());
        }
    }

    /// A neighbour has been silent for RouterDeadInterval.
    pub(crate) fn inactivity_due(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        // RFC 3623 §3: the silence of one who restarts is expected. It is looked at when the help ends.
        if !self.is_helped(if_index, router_id) {
            self.neighbor_event(now, if_index, router_id, Event::InactivityTimer);
        }
    }

    /// A neighbour's record.
    pub(crate) fn neighbor_mut(&mut self, if_index: IfIndex, router_id: RouterId) -> Option<&mut Neighbor> {
        self.interfaces.get_mut(&if_index)?.neighbors.get_mut(&router_id)
    }

    /// A neighbour's state; Down when it is not known.
    pub(crate) fn neighbor_state(&self, if_index: IfIndex, router_id: RouterId) -> State {
        self.interfaces
            .get(&if_index)
            .and_then(|interface| interface.neighbors.get(&router_id))
            .map_or(State::Down, |neighbor| neighbor.state)
    }
}
