//! Link state updates (RFC 2328 §13).

use std::cmp::Ordering;

use common::time::Instant;

use crate::core::constants::{LAST_SEQUENCE, MAX_SEQUENCE, MIN_LS_ARRIVAL, RESERVED_SEQUENCE};
use crate::core::drops::DropReason;
use crate::core::instance::Instance;
use crate::core::lsdb::{Entry, Origin, Scope};
use crate::core::neighbor::{Event, Neighbor, State};
use crate::core::receive::Rx;
use crate::packet::{GraceLsa, LsType, Lsa, LsaHeader, MAX_AGE};

use super::Sender;
use super::classify::{Ack, Disposition, Facts, acknowledgement, classify};

impl Instance {
    /// RFC 2328 §13.
    pub(crate) fn receive_update(&mut self, now: Instant, rx: Rx, lsas: Vec<Lsa>) {
        if self.neighbor_state(rx.if_index, rx.router_id) < State::Exchange {
            return self.drop_packet(rx, DropReason::NeighborState);
        }
        let mut direct = Vec::new();
        for lsa in lsas {
            let header = lsa.header;
            let Some(facts) = self.facts(now, rx, &header) else { break };
            let disposition = classify(facts);
            let Some(flooded_back) = self.apply(now, rx, lsa, disposition) else { break };
            match self.ack_for(rx, disposition, flooded_back) {
                Ack::None => {}
                Ack::Direct => direct.push(header),
                Ack::Delayed => self.ack_later(now, rx.if_index, header),
            }
        }
        self.ack_now(rx, &direct);
    }

    fn facts(&self, now: Instant, rx: Rx, header: &LsaHeader) -> Option<Facts> {
        let interface = self.interfaces.get(&rx.if_index)?;
        let neighbor = interface.neighbors.get(&rx.router_id)?;
        let key = header.key;
        let scope = Scope::of(key.ls_type, interface.place());
        let copy = self.lsdb.get(scope, key);
        let within_arrival = |at: Option<Instant>| at.is_some_and(|at| now.since(at) < MIN_LS_ARRIVAL);
        let at_max_age = header.age >= MAX_AGE;
        Some(Facts {
            // §13 (3): no AS-external-LSAs in stub areas; RFC 3101 §2.3: NSSA-LSAs in NSSAs only.
            supported: is_supported(key.ls_type)
                && scope.is_in(interface.place())
                && (key.ls_type != LsType::Nssa || interface.kind.nssa().is_some()),
            bad_sequence: header.sequence == RESERVED_SEQUENCE
                || (header.sequence == MAX_SEQUENCE && !at_max_age),
            at_max_age,
            recency: copy.map(|copy| header.recency(&copy.header(now))),
            anyone_loading: self.interfaces.values().any(|i| i.neighbors.values().any(Neighbor::is_loading)),
            copy_is_fresh: within_arrival(copy.and_then(Entry::flooded_in_at)),
            requested: neighbor.requests.contains(key),
            awaiting_ack: neighbor.retransmit.contains(key),
            copy_is_wrapping: copy
                .is_some_and(|copy| copy.age(now) >= MAX_AGE && copy.lsa().header.sequence >= LAST_SEQUENCE),
            copy_sent_lately: within_arrival(copy.and_then(Entry::sent_at)),
            self_originated: self.is_own(header),
        })
    }

    /// RFC 2328 §13.4: names us as its originator, or describes a network whose Designated Router's address is ours.
    pub(super) fn is_own(&self, header: &LsaHeader) -> bool {
        header.key.advertising_router == self.config.router_id
            || (header.key.ls_type == LsType::Network
                && self.interfaces.values().any(|interface| {
                    interface.network().is_some_and(|own| own.ip().to_bits() == header.key.link_state_id)
                }))
    }

    /// Does what was decided. `Some(true)`: the LSA went out again where it came in. `None`: the adjacency is gone, and
    /// with it the rest of the packet.
    fn apply(&mut self, now: Instant, rx: Rx, lsa: Lsa, disposition: Disposition) -> Option<bool> {
        let key = lsa.header.key;
        match disposition {
            Disposition::Install => return Some(self.install_received(now, rx, lsa)),
            Disposition::FightBack => self.fight_back(rx, lsa),
            Disposition::BadRequest => {
                self.drop_packet(rx, DropReason::OlderLsa);
                self.neighbor_event(now, rx.if_index, rx.router_id, Event::BadLsReq);
                return None;
            }
            Disposition::ImpliedAck => {
                self.neighbor_mut(rx.if_index, rx.router_id)?.retransmit.remove(key);
                let place = self.interfaces.get(&rx.if_index)?.place();
                self.lsdb.released(Scope::of(key.ls_type, place), key);
            }
            Disposition::Duplicate => self.drop_packet(rx, DropReason::DuplicateLsa),
            Disposition::SendBack => {
                self.drop_packet(rx, DropReason::OlderLsa);
                self.send_back(now, rx, key);
            }
            Disposition::OlderSentLately | Disposition::OlderWhileWrapping => {
                self.drop_packet(rx, DropReason::OlderLsa);
            }
            Disposition::AckMaxAge => {
                self.drop_packet(rx, DropReason::UnknownMaxAge);
                // Else it would be asked for again and again.
                self.neighbor_mut(rx.if_index, rx.router_id)?.requests.remove(key);
            }
            Disposition::Unsupported => self.drop_packet(rx, DropReason::UnsupportedLsType),
            Disposition::BadSequence => {
                self.drop_packet(rx, DropReason::BadSequenceNumber);
                self.neighbor_mut(rx.if_index, rx.router_id)?.requests.remove(key);
            }
            Disposition::TooSoon => self.drop_packet(rx, DropReason::TooSoon),
        }
        Some(false)
    }

    /// §13 (5)(b) to (d). Returns whether the LSA went out again where it came in.
    fn install_received(&mut self, now: Instant, rx: Rx, lsa: Lsa) -> bool {
        let key = lsa.header.key;
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return false };
        let scope = Scope::of(key.ls_type, interface.place());
        let requested =
            interface.neighbors.get(&rx.router_id).is_some_and(|neighbor| neighbor.requests.contains(key));
        let origin = if requested { Origin::Requested } else { Origin::Flooded };
        if self.lsdb.install(scope, lsa, origin, now).is_err() {
            self.drop_packet(rx, DropReason::DatabaseFull);
            if let Some(neighbor) = self.neighbor_mut(rx.if_index, rx.router_id) {
                neighbor.requests.remove(key);
            }
            return false;
        }
        if GraceLsa::is_key(key) {
            self.note_grace(now, rx.if_index, key);
        }
        self.flood(now, scope, key, Sender::Neighbor(rx.if_index, rx.router_id))
    }

    /// §13.4: notes what has to be outdone; origination, which follows, does it or flushes the LSA.
    fn fight_back(&mut self, rx: Rx, lsa: Lsa) {
        let header = lsa.header;
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return };
        let scope = Scope::of(header.key.ls_type, interface.place());
        if !self.originator.has_room_for(scope, header.key) {
            if let Some(neighbor) = self.neighbor_mut(rx.if_index, rx.router_id) {
                neighbor.requests.remove(header.key);
            }
            return self.drop_packet(rx, DropReason::DatabaseFull);
        }
        for interface in self.interfaces.values_mut() {
            for neighbor in interface.neighbors.values_mut() {
                if neighbor.requests.satisfy(&header) == Some(Ordering::Less)
                    && neighbor.router_id == rx.router_id
                {
                    neighbor.requests.remove(header.key);
                }
            }
        }
        self.drop_packet(rx, DropReason::OwnLsaOutdone);
        self.originator.outdo(scope, lsa);
        self.dirty = true;
    }

    fn ack_for(&self, rx: Rx, disposition: Disposition, flooded_back: bool) -> Ack {
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return Ack::None };
        let from_dr = rx.source == interface.designated;
        acknowledgement(disposition, interface.state, flooded_back, from_dr)
    }
}

const fn is_supported(ls_type: LsType) -> bool {
    match ls_type {
        LsType::Router
        | LsType::Network
        | LsType::SummaryNetwork
        | LsType::SummaryAsbr
        | LsType::AsExternal
        | LsType::Nssa
        | LsType::OpaqueLink
        | LsType::OpaqueArea
        | LsType::OpaqueAs => true,
        LsType::Unknown(_) => false,
    }
}
