//! Passing LSAs on (RFC 2328 §13.3) and repeating them until they are acknowledged (§13.6).

use std::cmp::Ordering;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::core::constants::{MIN_LS_INTERVAL, RETRANSMIT_BURST, RETRANSMIT_PAUSE};
use crate::core::drops::Counter;
use crate::core::instance::Instance;
use crate::core::interface::{Interface, State as InterfaceState};
use crate::core::lsdb::Scope;
use crate::core::neighbor::State;
use crate::core::receive::Rx;
use crate::core::timer::TimerKey;
use crate::packet::{LsaHeader, LsaKey};

/// Where an LSA that is flooded came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// From us: our own, or one that reached MaxAge here.
    Us,
    /// From a neighbour.
    Neighbor(IfIndex, RouterId),
}

/// What flooding one LSA depends on besides the interface.
struct Flood {
    header: LsaHeader,
    sender: Sender,
    now: Instant,
    /// When we sent the instance before it.
    previous_at: Option<Instant>,
}

impl Instance {
    /// RFC 2328 §13.3: queues the database's instance of an LSA on the interfaces concerned, and puts it on the
    /// retransmission lists in the place of any older one. Returns whether it goes out where it came in.
    pub(crate) fn flood(&mut self, now: Instant, scope: Scope, key: LsaKey, sender: Sender) -> bool {
        let Some(entry) = self.lsdb.get(scope, key) else { return false };
        let previous_at = entry.previous_sent_at();
        let flood = Flood { header: entry.header(now), sender, now, previous_at };
        let mut flooded_back = false;
        let (mut sent, mut rearm) = (false, Vec::new());
        for (&if_index, interface) in &mut self.interfaces {
            if !scope.is_in(interface.place()) {
                continue;
            }
            let Some(listed) = list_for_retransmission(interface, &flood) else { continue };
            rearm.extend(listed.into_iter().map(|router_id| (if_index, router_id)));
            if leaves_on(interface, sender) {
                interface.flood_queue.insert((scope, key));
                sent = true;
                flooded_back |= matches!(sender, Sender::Neighbor(from, _) if from == if_index);
            }
        }
        if sent {
            self.lsdb.mark_sent(scope, key, now);
        }
        for (if_index, router_id) in rearm {
            self.arm_retransmission(if_index, router_id);
        }
        flooded_back
    }

    /// Sends what the current input has put on the flood queues.
    pub(crate) fn send_floods(&mut self, now: Instant) {
        for interface in self.interfaces.values_mut() {
            if interface.flood_queue.is_empty() {
                continue;
            }
            let queue = std::mem::take(&mut interface.flood_queue);
            self.output.count_many(Counter::FLOODED, queue.len());
            let delay = interface.transmit_delay();
            let lsas = queue.into_iter().filter_map(|(scope, key)| {
                Some((key.ls_type, self.lsdb.get(scope, key)?.bytes_to_send(now, delay)))
            });
            if let Some(group) = interface.flood_group() {
                self.output.send_updates(interface, group, lsas.map(|(_, bytes)| bytes));
                continue;
            }
            // §13.3 (5): by unicast to each adjacent neighbour.
            let lsas: Vec<_> = lsas.collect();
            for neighbor in interface.adjacent() {
                let theirs = lsas.iter().filter(|(ls_type, _)| neighbor.takes(*ls_type));
                let theirs = theirs.map(|(_, bytes)| bytes.clone());
                self.output.send_updates(interface, neighbor.address, theirs);
            }
        }
    }

    /// §13 (8): sends our newer copy to the one who sent an older one.
    pub(super) fn send_back(&mut self, now: Instant, rx: Rx, key: LsaKey) {
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&rx.router_id) else { return };
        let scope = Scope::of(key.ls_type, interface.place());
        let Some(entry) = self.lsdb.get(scope, key) else { return };
        let bytes = entry.bytes_to_send(now, interface.transmit_delay());
        self.output.send_updates(interface, interface.destination_of(neighbor), [bytes]);
        self.lsdb.mark_sent(scope, key, now);
    }

    /// Sets the retransmission timer of a neighbour to the first LSA that is due.
    pub(crate) fn arm_retransmission(&mut self, if_index: IfIndex, router_id: RouterId) {
        let key = TimerKey::LsRetransmit(if_index, router_id);
        let due = self
            .interfaces
            .get(&if_index)
            .and_then(|interface| interface.neighbors.get(&router_id)?.retransmit.next_due());
        match due {
            Some(at) => self.timers.set(key, at),
            None => self.timers.cancel(key),
        }
    }

    /// RFC 2328 §13.6: sends the LSAs again that are due, directly to the neighbour (§8.1).
    pub(crate) fn retransmit(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let (place, delay) = (interface.place(), interface.transmit_delay());
        let again = now + interface.config.retransmit_interval;
        let room = RETRANSMIT_BURST.saturating_mul(interface.body_room(0));
        let Some(neighbor) = interface.neighbors.get_mut(&router_id) else { return };
        let due: Vec<_> = neighbor.retransmit.due(now).collect();
        let (mut lsas, mut used, mut paused) = (Vec::new(), 0, false);
        for key in due {
            if used > room {
                paused = true;
                break;
            }
            let Some(entry) = self.lsdb.get(Scope::of(key.ls_type, place), key) else {
                neighbor.retransmit.remove(key);
                continue;
            };
            let bytes = entry.bytes_to_send(now, delay);
            used += bytes.len();
            lsas.push(bytes);
            neighbor.retransmit.add(key, again);
            self.lsdb.mark_sent(Scope::of(key.ls_type, place), key, now);
        }
        self.arm_retransmission(if_index, router_id);
        if paused {
            self.timers.set(TimerKey::LsRetransmit(if_index, router_id), now + RETRANSMIT_PAUSE);
        }
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&router_id) else { return };
        self.output.count_many(Counter::RETRANSMITTED, lsas.len());
        self.output.send_updates(interface, interface.destination_of(neighbor), lsas);
    }
}

/// §13.3 (1): puts the LSA on the retransmission lists of an interface's neighbours. `None`: on no list, so the
/// interface is left out (2).
fn list_for_retransmission(interface: &mut Interface, flood: &Flood) -> Option<Vec<RouterId>> {
    let key = flood.header.key;
    let retransmit_at = flood.now + interface.config.retransmit_interval;
    let if_index = interface.if_index();
    let mut listed = Vec::new();
    for neighbor in interface.neighbors.values_mut() {
        // §13 (5)(c): the older instance is not retransmitted any more.
        neighbor.retransmit.remove(key);
        // (1)(a)
        if neighbor.state < State::Exchange || !neighbor.takes(key.ls_type) {
            continue;
        }
        // (1)(b)
        if neighbor.is_loading()
            && matches!(neighbor.requests.satisfy(&flood.header), Some(Ordering::Less | Ordering::Equal))
        {
            continue;
        }
        // (1)(c)
        if flood.sender == Sender::Neighbor(if_index, neighbor.router_id) {
            continue;
        }
        // (1)(d). A neighbour that had the previous instance less than MinLSArrival ago may ignore this one: it hears it
        // again as soon as that time is over, not RxmtInterval later.
        let due_at = flood
            .previous_at
            .map(|at| at + MIN_LS_INTERVAL)
            .filter(|&at| at > flood.now && at < retransmit_at)
            .unwrap_or(retransmit_at);
        neighbor.retransmit.add(key, due_at);
        listed.push(neighbor.router_id);
    }
    (!listed.is_empty()).then_some(listed)
}

/// §13.3 (3), (4): does an LSA of `sender` leave on this interface?
fn leaves_on(interface: &Interface, sender: Sender) -> bool {
    match sender {
        Sender::Neighbor(from, router_id) if from == interface.if_index() => {
            let from_dr_or_backup = interface
                .neighbors
                .get(&router_id)
                .is_some_and(|neighbor| interface.is_dr_or_backup(neighbor.address));
            !from_dr_or_backup && interface.state != InterfaceState::Backup
        }
        Sender::Us | Sender::Neighbor(..) => true,
    }
}
