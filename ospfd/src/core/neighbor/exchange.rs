//! Database description packets (RFC 2328 §10.6, §10.8).
//!
//! Opaque LSAs are described to neighbours that set the O-bit, and to no others (RFC 5250 §3.1): some start the exchange over
//! and over when they meet one. NSSA-LSAs in a neighbour's description are skipped where the area is no NSSA.

use std::cmp::Ordering;
use std::time::Duration;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::core::drops::DropReason;
use crate::core::instance::Instance;
use crate::core::lsdb::Scope;
use crate::core::originate::router_key;
use crate::core::receive::Rx;
use crate::core::timer::TimerKey;
use crate::packet::{
    Body, DD_FIXED_LEN, DatabaseDescription, LSA_HEADER_LEN, LsType, LsaHeader, MAX_AGE, options,
};

use super::state::{DescriptionId, Exchange};
use super::{Event, Neighbor, State};

/// A first description that we sent longer ago than this was lost on a neighbour that sends its own first one now.
const DEAF: Duration = Duration::from_millis(20);

/// What RFC 2328 §10.6 says of a description that came, by the state of the neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// We are slave from now on; take it as the first of the sequence.
    BecomeSlave,
    /// We are master from now on; take it as the first answer.
    BecomeMaster,
    /// The next in sequence.
    Accept,
    /// Say again what we said: it was not heard, or not heeded.
    Repeat(DropReason),
    /// It wants an adjacency and we do not, yet.
    Early,
    /// Nothing to do with it.
    Ignore(DropReason),
    /// Out of step: start over.
    Mismatch,
}

impl Instance {
    /// §10.3 ExStart (and A.3.3): next sequence number, declare ourselves master, send a first description without headers.
    pub(super) fn begin_exstart(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        let first = self.rng.u32(1..0x8000_0000);
        let Some(neighbor) = self.neighbor_mut(if_index, router_id) else { return };
        let sequence = match neighbor.exchange.sequence {
            0 => first,
            last => last.wrapping_add(1),
        };
        neighbor.exchange = Exchange { sequence, we_are_master: true, ..Exchange::default() };
        self.send_description(now, if_index, router_id);
        self.resume_early(now, if_index, router_id);
    }

    /// RFC 2328 §10.6 has a neighbour in state 2-Way ignored: it then repeats its first description after RxmtInterval. On
    /// a broadcast network, where routers end their election at different moments, that is the rule and not the
    /// exception, so the one that came early is taken up now.
    fn resume_early(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let recent = interface.config.retransmit_interval;
        let Some(neighbor) = interface.neighbors.get_mut(&router_id) else { return };
        let source = neighbor.address;
        if let Some((at, description)) = neighbor.early.take()
            && now.since(at) < recent
            && router_id > self.config.router_id
        {
            self.receive_description(now, Rx { if_index, source, router_id }, &description);
        }
    }

    /// §10.3 NegotiationDone: LSAs at MaxAge are not described but retransmitted; the rest is walked in order (RFC 5250
    /// §3.2).
    pub(super) fn begin_exchange(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        self.timers.cancel(TimerKey::DdRetransmit(if_index, router_id));
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        let place = interface.place();
        let Some(neighbor) = interface.neighbors.get_mut(&router_id) else { return };
        for (scope, key) in self.lsdb.at_max_age() {
            if scope.is_in(place) && neighbor.takes(key.ls_type) {
                neighbor.retransmit.add(key, now);
            }
        }
        self.arm_retransmission(if_index, router_id);
    }

    /// §10.8: the next description of ours.
    fn send_description(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&router_id) else { return };
        let exchange = &neighbor.exchange;
        let init = neighbor.state == State::ExStart;

        let room = (interface.body_room(DD_FIXED_LEN) / LSA_HEADER_LEN).max(1);
        let mut described = exchange.described;
        let (mut headers, mut more) = (Vec::new(), init);
        if !init {
            let left = self
                .lsdb
                .described_after(interface.place(), described)
                .filter(|(_, key, entry)| entry.age(now) < MAX_AGE && neighbor.takes(key.ls_type));
            for (scope, key, entry) in left {
                if headers.len() == room {
                    more = true;
                    break;
                }
                headers.push(entry.header(now));
                described = Some((scope, key));
            }
        }
        let description = DatabaseDescription {
            mtu: interface.link.mtu,
            // RFC 5250 §4.1
            options: interface.kind.options() | options::O,
            init,
            more,
            master: exchange.we_are_master,
            sequence: exchange.sequence,
            headers,
        };
        if let Some(neighbor) = self.neighbor_mut(if_index, router_id) {
            neighbor.exchange.described = described;
            neighbor.exchange.all_described = !more;
            neighbor.exchange.last_sent = Some(description);
        }
        self.repeat_description(now, if_index, router_id);
    }

    /// Sends our last description (again). Who leads repeats it until it is answered.
    pub(crate) fn repeat_description(&mut self, now: Instant, if_index: IfIndex, router_id: RouterId) {
        let Some(neighbor) = self.neighbor_mut(if_index, router_id) else { return };
        let Some(description) = neighbor.exchange.last_sent.clone() else { return };
        neighbor.exchange.sent_at = now;
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let Some(neighbor) = interface.neighbors.get(&router_id) else { return };
        if neighbor.exchange.we_are_master {
            let again = now + interface.config.retransmit_interval;
            self.timers.set(TimerKey::DdRetransmit(if_index, router_id), again);
        }
        let destination = interface.destination_of(neighbor);
        self.output.send(interface, destination, Body::DatabaseDescription(description));
    }

    /// RFC 2328 §10.8: a slave holds its last description for RouterDeadInterval, and then forgets it.
    pub(crate) fn forget_description(&mut self, if_index: IfIndex, router_id: RouterId) {
        if let Some(neighbor) = self.neighbor_mut(if_index, router_id) {
            neighbor.exchange.last_sent = None;
        }
    }

    /// RFC 2328 §10.6.
    pub(crate) fn receive_description(&mut self, now: Instant, rx: Rx, description: &DatabaseDescription) {
        let (if_index, router_id) = (rx.if_index, rx.router_id);
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        if description.mtu > interface.link.mtu && !interface.config.mtu_ignore {
            return self.drop_packet(rx, DropReason::MtuMismatch);
        }
        if self.neighbor_state(if_index, router_id) == State::Init {
            // §10.6 Init: who describes its database to us has seen us.
            self.neighbor_event(now, if_index, router_id, Event::TwoWayReceived);
        }
        let own = self.config.router_id;
        let Some(neighbor) = self.neighbor_mut(if_index, router_id) else { return };
        let opaque = description.options & options::O != 0;
        match judge(now, neighbor, own, description) {
            Verdict::Ignore(reason) => self.drop_packet(rx, reason),
            Verdict::Early => {
                neighbor.early = Some((now, description.clone()));
                self.drop_packet(rx, DropReason::NegotiationIgnored);
            }
            Verdict::Repeat(reason) => {
                self.drop_packet(rx, reason);
                self.repeat_description(now, if_index, router_id);
            }
            Verdict::Mismatch => {
                self.drop_packet(rx, DropReason::DescriptionOutOfStep);
                self.neighbor_event(now, if_index, router_id, Event::SeqNumberMismatch);
            }
            Verdict::BecomeSlave => {
                neighbor.opaque = opaque;
                neighbor.exchange.we_are_master = false;
                neighbor.exchange.sequence = description.sequence;
                self.neighbor_event(now, if_index, router_id, Event::NegotiationDone);
                self.accept_description(now, rx, description);
            }
            Verdict::BecomeMaster => {
                neighbor.opaque = opaque;
                neighbor.exchange.we_are_master = true;
                self.neighbor_event(now, if_index, router_id, Event::NegotiationDone);
                self.accept_description(now, rx, description);
            }
            Verdict::Accept => self.accept_description(now, rx, description),
        }
    }

    /// §10.6, the packet is next in sequence: take its headers, answer or go on.
    fn accept_description(&mut self, now: Instant, rx: Rx, description: &DatabaseDescription) {
        let (if_index, router_id) = (rx.if_index, rx.router_id);
        if !self.note_headers(now, rx, &description.headers) {
            return;
        }
        if self.dirty {
            // What outdoes a former life goes before the description that may let the neighbour be Full.
            self.originate(now);
            self.send_floods(now);
        }
        let Some(neighbor) = self.neighbor_mut(if_index, router_id) else { return };
        let exchange = &mut neighbor.exchange;
        exchange.last_received = Some(DescriptionId::of(description));
        if exchange.we_are_master {
            exchange.sequence = exchange.sequence.wrapping_add(1);
            if exchange.all_described && !description.more {
                exchange.last_sent = None;
                self.timers.cancel(TimerKey::DdRetransmit(if_index, router_id));
                return self.neighbor_event(now, if_index, router_id, Event::ExchangeDone);
            }
            return self.send_description(now, if_index, router_id);
        }
        exchange.sequence = description.sequence;
        self.send_description(now, if_index, router_id);
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let hold_until = now + interface.dead_interval();
        let done = interface
            .neighbors
            .get(&router_id)
            .is_some_and(|neighbor| neighbor.exchange.all_described && !description.more);
        if done {
            self.timers.set(TimerKey::DdHold(if_index, router_id), hold_until);
            self.neighbor_event(now, if_index, router_id, Event::ExchangeDone);
        }
    }

    /// Puts what is newer than ours on the request list. `false`: the exchange starts over.
    fn note_headers(&mut self, now: Instant, rx: Rx, headers: &[LsaHeader]) -> bool {
        let Some(interface) = self.interfaces.get_mut(&rx.if_index) else { return false };
        let (place, is_nssa) = (interface.place(), interface.kind.nssa().is_some());
        let own_key = router_key(self.config.router_id);
        let Some(neighbor) = interface.neighbors.get_mut(&rx.router_id) else { return false };
        for header in headers {
            match header.key.ls_type {
                // §10.6: an unknown LS type.
                LsType::AsExternal if !place.takes_externals => {
                    // §10.6: nor one of type 5 in a stub area.
                    self.drop_packet(rx, DropReason::ExternalInStubArea);
                    self.neighbor_event(now, rx.if_index, rx.router_id, Event::SeqNumberMismatch);
                    return false;
                }
                LsType::Unknown(_) => {
                    self.drop_packet(rx, DropReason::UnsupportedLsType);
                    self.neighbor_event(now, rx.if_index, rx.router_id, Event::SeqNumberMismatch);
                    return false;
                }
                // RFC 5250 §7. From one that does not speak of them: skipped, for another exchange would be no better.
                ls_type if !neighbor.takes(ls_type) => {
                    self.output.drop(rx.if_index, rx.source, DropReason::UnsupportedLsType);
                }
                LsType::OpaqueAs if !place.takes_externals => {
                    self.output.drop(rx.if_index, rx.source, DropReason::UnsupportedLsType);
                }
                LsType::Nssa if !is_nssa => {
                    self.output.drop(rx.if_index, rx.source, DropReason::UnsupportedLsType);
                }
                LsType::Router
                | LsType::Network
                | LsType::SummaryNetwork
                | LsType::SummaryAsbr
                | LsType::AsExternal
                | LsType::Nssa
                | LsType::OpaqueLink
                | LsType::OpaqueArea
                | LsType::OpaqueAs => {
                    let scope = Scope::of(header.key.ls_type, place);
                    let ours = self.lsdb.get(scope, header.key);
                    if ours.is_none_or(|ours| header.recency(&ours.header(now)) == Ordering::Greater) {
                        if neighbor.requests.len() >= self.config.max_lsas {
                            // Who describes more than any database holds is not believed further.
                            self.output.drop(rx.if_index, rx.source, DropReason::DatabaseFull);
                            continue;
                        }
                        neighbor.requests.add(*header);
                        // What a former life said must not be believed once the adjacency is Full: it may name VIPs that
                        // nobody serves here yet. So it is outdone now, not when its body has come.
                        if header.key == own_key {
                            self.originator.outdo_listed(scope, header);
                            self.dirty = true;
                        }
                    }
                }
            }
        }
        true
    }
}

/// RFC 2328 §10.6.
fn judge(now: Instant, neighbor: &Neighbor, own: RouterId, description: &DatabaseDescription) -> Verdict {
    let exchange = &neighbor.exchange;
    let id = DescriptionId::of(description);
    let first = description.init && description.more && description.master && description.headers.is_empty();
    match neighbor.state {
        State::TwoWay if first => Verdict::Early,
        State::Down | State::Attempt | State::Init | State::TwoWay => {
            Verdict::Ignore(DropReason::NeighborState)
        }
        State::ExStart => {
            let answer = !description.init && !description.master;
            if first && neighbor.router_id > own {
                Verdict::BecomeSlave
            } else if answer && description.sequence == exchange.sequence && neighbor.router_id < own {
                Verdict::BecomeMaster
            } else if first && now.since(exchange.sent_at) >= DEAF {
                // It was not ready when we spoke first, and is now: not asked for by the RFC, but saves RxmtInterval.
                Verdict::Repeat(DropReason::NegotiationIgnored)
            } else {
                Verdict::Ignore(DropReason::NegotiationIgnored)
            }
        }
        State::Exchange => {
            let next =
                if exchange.we_are_master { exchange.sequence } else { exchange.sequence.wrapping_add(1) };
            if exchange.last_received == Some(id) {
                duplicate(exchange)
            } else if description.master == exchange.we_are_master
                || description.init
                || exchange.last_received.is_some_and(|last| last.options != id.options)
                || description.sequence != next
            {
                Verdict::Mismatch
            } else {
                Verdict::Accept
            }
        }
        State::Loading | State::Full => {
            if exchange.last_received == Some(id) && (exchange.we_are_master || exchange.last_sent.is_some())
            {
                duplicate(exchange)
            } else {
                Verdict::Mismatch
            }
        }
    }
}

const fn duplicate(exchange: &Exchange) -> Verdict {
    if exchange.we_are_master {
        Verdict::Ignore(DropReason::DuplicateDescription)
    } else {
        Verdict::Repeat(DropReason::DuplicateDescription)
    }
}
