//! Link state requests (RFC 2328 §10.7, §10.9).

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::core::drops::DropReason;
use crate::core::instance::Instance;
use crate::core::lsdb::Scope;
use crate::core::receive::Rx;
use crate::core::timer::TimerKey;
use crate::packet::{Body, LsaKey, REQUEST_LEN};

use super::{Event, State};

impl Instance {
    /// §10.9: asks for the next LSAs on the request list, unless an answer is still awaited.
    pub(crate) fn request_next(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let count = (interface.body_room(0) / REQUEST_LEN).max(1);
        let again = now + interface.config.retransmit_interval;
        let Some(neighbor) = interface.neighbors.get_mut(&router_id) else { return };
        if !neighbor.is_loading() || !neighbor.requests.is_ready() {
            return;
        }
        let keys = neighbor.requests.ask(count);
        self.timers.set(TimerKey::LsRequest(if_index, router_id), again);
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&router_id) else { return };
        let destination = interface.destination_of(neighbor);
        self.output.send(interface, destination, Body::LinkStateRequest(keys));
    }

    /// No answer within RxmtInterval: ask again.
    pub(crate) fn request_again(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        if let Some(neighbor) = self.neighbor_mut(if_index, router_id) {
            neighbor.requests.give_up_waiting();
        }
        self.request_next(now, if_index, router_id);
    }

    /// Goes on with every neighbour that we load from: the next requests, or LoadingDone.
    pub(crate) fn continue_loading(&mut self, now: Instant) {
        let loading: Vec<_> = self
            .interfaces
            .iter()
            .flat_map(|(&if_index, interface)| {
                interface.neighbors.values().filter(|neighbor| neighbor.is_loading()).map(move |neighbor| {
                    (if_index, neighbor.router_id, neighbor.state, neighbor.requests.is_empty())
                })
            })
            .collect();
        for (if_index, router_id, state, nothing_wanted) in loading {
            if !nothing_wanted {
                self.request_next(now, if_index, router_id);
                continue;
            }
            self.timers.cancel(TimerKey::LsRequest(if_index, router_id));
            if state == State::Loading {
                self.neighbor_event(now, if_index, router_id, Event::LoadingDone);
            }
        }
    }

    /// RFC 2328 §10.7.
    pub(crate) fn receive_request(&mut self, now: Instant, rx: Rx, keys: &[LsaKey]) {
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return };
        let (place, delay) = (interface.place(), interface.transmit_delay());
        if self.neighbor_state(rx.if_index, rx.router_id) < State::Exchange {
            return self.drop_packet(rx, DropReason::NeighborState);
        }
        // Some daemons count an answer as an arrival, and drop a newer instance that follows within MinLSArrival: the
        // database remembers when this one was sent.
        let mut lsas = Vec::with_capacity(keys.len());
        for &key in keys {
            // A.3.4: whatever instance it is by now.
            let Some(entry) = self.lsdb.get(Scope::of(key.ls_type, place), key) else {
                self.drop_packet(rx, DropReason::BadRequest);
                return self.neighbor_event(now, rx.if_index, rx.router_id, Event::BadLsReq);
            };
            lsas.push(entry.bytes_to_send(now, delay));
            self.lsdb.mark_sent(Scope::of(key.ls_type, place), key, now);
        }
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&rx.router_id) else { return };
        self.output.send_updates(interface, interface.destination_of(neighbor), lsas);
    }
}
