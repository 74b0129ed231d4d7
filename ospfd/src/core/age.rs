//! LSAs that reach MaxAge, their removal, and those that memory has damaged (RFC 2328 §14).

use std::net::Ipv4Addr;

use common::ids::IfIndex;
use common::time::Instant;

use super::constants::CHECK_AGE;
use super::drops::DropReason;
use super::flood::Sender;
use super::instance::{Instance, Life};
use super::neighbor::{Event, Neighbor, State};
use super::timer::TimerKey;

impl Instance {
    /// RFC 2328 §14: an LSA that reached MaxAge here is flooded, so that it leaves all databases at the same time.
    pub(crate) fn expire_lsas(&mut self, now: Instant) {
        while let Some((scope, key)) = self.lsdb.pop_expired(now) {
            self.flood(now, scope, key, Sender::Us);
        }
    }

    /// RFC 2328 §14: an LSA at MaxAge leaves once it is on no retransmission list and nobody is loading.
    pub(crate) fn remove_aged(&mut self) {
        let neighbors = || self.interfaces.values().flat_map(|interface| interface.neighbors.values());
        if !self.lsdb.has_leaving() || neighbors().any(Neighbor::is_loading) {
            return;
        }
        for (scope, key) in self.lsdb.take_leaving() {
            let awaited = self.interfaces.values().filter(|interface| scope.is_in(interface.place())).any(
                |interface| interface.neighbors.values().any(|neighbor| neighbor.retransmit.contains(key)),
            );
            if awaited {
                continue;
            }
            let first_sent_at = self.lsdb.remove(scope, key).and_then(|entry| entry.first_sent_at());
            self.originator.removed(scope, key, first_sent_at);
            // One of ours that was only waiting for this may be wanted again.
            self.dirty |= self.originator.knows(scope, key);
        }
    }

    /// RFC 2328 §14: verifies the checksums of all LSAs. One that does not hold is no LSA any more, and nobody knows what else
    /// has changed, so the database is fetched anew from every neighbour.
    pub(crate) fn check_lsas(&mut self, now: Instant) {
        let damaged = self.lsdb.damaged();
        if damaged.is_empty() {
            return;
        }
        let mut adjacencies = Vec::new();
        for (&if_index, interface) in &self.interfaces {
            for neighbor in interface.neighbors.values().filter(|one| one.state >= State::Exchange) {
                adjacencies.push((if_index, neighbor.router_id));
            }
        }
        for (if_index, router_id) in adjacencies {
            self.neighbor_event(now, if_index, router_id, Event::SeqNumberMismatch);
        }
        for (scope, key) in damaged {
            self.output.drop(IfIndex::default(), Ipv4Addr::UNSPECIFIED, DropReason::DamagedLsa);
            self.lsdb.remove(scope, key);
        }
        self.dirty = true;
    }

    /// Sets the timer for the next verification.
    pub(crate) fn plan_check(&mut self, now: Instant) {
        if self.lsdb.len() == 0 {
            self.timers.cancel(TimerKey::Check);
        } else if self.life != Life::Stopped {
            self.timers.set_if_idle(TimerKey::Check, now + CHECK_AGE);
        }
    }
}
