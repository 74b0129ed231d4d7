//! Acknowledgements, taken (RFC 2328 §13.7) and given (§13.5).

use std::cmp::Ordering;

use common::ids::IfIndex;
use common::time::Instant;

use crate::core::constants::DELAYED_ACK;
use crate::core::drops::DropReason;
use crate::core::instance::Instance;
use crate::core::lsdb::{Place, Scope};
use crate::core::neighbor::State;
use crate::core::receive::Rx;
use crate::core::timer::TimerKey;
use crate::packet::{LSA_HEADER_LEN, LsaHeader, MAX_AGE};

impl Instance {
    /// RFC 2328 §13.7.
    pub(crate) fn receive_acks(&mut self, now: Instant, rx: Rx, headers: &[LsaHeader]) {
        let Some(interface) = self.interfaces.get_mut(&rx.if_index) else { return };
        let place = interface.place();
        let Some(neighbor) = interface.neighbors.get_mut(&rx.router_id) else { return };
        if neighbor.state < State::Exchange {
            return self.drop_packet(rx, DropReason::NeighborState);
        }
        let mut unexpected = 0;
        for header in headers {
            let scope = Scope::of(header.key.ls_type, place);
            let same = self
                .lsdb
                .get(scope, header.key)
                .is_some_and(|entry| header.recency(&entry.header(now)) == Ordering::Equal);
            if same && neighbor.retransmit.remove(header.key) {
                self.lsdb.released(scope, header.key);
            } else {
                unexpected += 1;
            }
        }
        for _ in 0..unexpected {
            self.drop_packet(rx, DropReason::UnexpectedAck);
        }
        self.arm_retransmission(rx.if_index, rx.router_id);
    }

    /// §13.5: a direct acknowledgement.
    pub(super) fn ack_now(&mut self, rx: Rx, headers: &[LsaHeader]) {
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&rx.router_id) else { return };
        self.output.send_acks(interface, interface.destination_of(neighbor), headers);
    }

    /// §13.5: a delayed acknowledgement.
    pub(super) fn ack_later(&mut self, now: Instant, if_index: IfIndex, header: LsaHeader) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        interface.delayed_acks.push(header);
        if interface.delayed_acks.len() >= interface.body_room(0) / LSA_HEADER_LEN {
            return self.send_delayed_acks(now, if_index);
        }
        self.timers.set_if_idle(TimerKey::DelayedAck(if_index), now + DELAYED_ACK);
    }

    /// Sends the acknowledgements that were collected, as far as they still say what is so.
    pub(crate) fn send_delayed_acks(&mut self, now: Instant, if_index: IfIndex) {
        self.timers.cancel(TimerKey::DelayedAck(if_index));
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let place = interface.place();
        let mut headers = std::mem::take(&mut interface.delayed_acks);
        headers.retain(|header| !self.is_outdated(now, place, header));
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        if let Some(group) = interface.flood_group() {
            return self.output.send_acks(interface, group, &headers);
        }
        // §13.5: by unicast to each adjacent neighbour.
        for neighbor in interface.adjacent() {
            self.output.send_acks(interface, neighbor.address, &headers);
        }
    }

    /// Has the LSA been flushed here since that was received, or the other way round? Whoever has got the same instance
    /// back from somebody else meanwhile, and sends it to us again, would take the late acknowledgement for one of that.
    /// Unsaid, it costs a retransmission.
    fn is_outdated(&self, now: Instant, place: Place, header: &LsaHeader) -> bool {
        let entry = self.lsdb.get(Scope::of(header.key.ls_type, place), header.key);
        match (header.age >= MAX_AGE, entry.map(|entry| entry.age(now) >= MAX_AGE)) {
            (true, copy_at_max_age) => copy_at_max_age == Some(false),
            (false, Some(copy_at_max_age)) => copy_at_max_age,
            // What never came in, as there is no room or it is ours to outdo, is acknowledged all the same.
            (false, None) => self.lsdb.len() < self.config.max_lsas && !self.is_own(header),
        }
    }
}
