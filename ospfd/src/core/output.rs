//! What waits to be polled: datagrams and events, both bounded; and the counters.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use bytes::Bytes;
use common::ids::{IfIndex, RouterId};

use crate::packet::{
    Auth, Body, EmitError, LSA_HEADER_LEN, PACKET_HEADER_LEN, Packet, UPDATE_FIXED_LEN, encode_update,
};

use super::auth::Sequences;
use super::constants::{IP_HEADER, LINK_TTL, MAX_EVENTS, MAX_TRANSMITS, UNFORWARDED_TTL};
use super::drops::{Counter, Counters, DropReason};
use super::event::{Event, Transmit};
use super::interface::Interface;

/// AllSPFRouters (RFC 2328 A.1).
pub(crate) const ALL_SPF_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
/// AllDRouters (RFC 2328 A.1).
pub(crate) const ALL_D_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 6);

/// The two queues and the counters.
#[derive(Debug)]
pub(crate) struct Output {
    /// Our Router ID, which every packet carries.
    pub(crate) router_id: RouterId,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    /// The cryptographic sequence numbers.
    pub(crate) sequences: Sequences,
    counters: Counters,
}

impl Output {
    /// Empty queues.
    pub(crate) fn new(router_id: RouterId) -> Self {
        Self {
            router_id,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            sequences: Sequences::starting_after(0),
            counters: Counters::default(),
        }
    }

    /// Queues a packet, which carries the area of its interface (RFC 2328 §9).
    pub(crate) fn send(&mut self, interface: &Interface, destination: Ipv4Addr, body: Body) {
        let Some(auth) = self.authenticate(interface) else { return };
        let name = body.name();
        let packet = Packet { router_id: self.router_id, area_id: interface.config.area, body };
        self.queue(interface, destination, name, packet.encode(&auth));
    }

    /// Queues LSAs in as few packets as fit the interface's MTU; an LSA that is larger goes alone, and IP fragments it.
    pub(crate) fn send_updates(
        &mut self,
        interface: &Interface,
        destination: Ipv4Addr,
        lsas: impl IntoIterator<Item = Bytes>,
    ) -> usize {
        let room = interface.body_room(UPDATE_FIXED_LEN);
        let mut batch = Vec::new();
        let (mut used, mut packets) = (0, 0);
        for lsa in lsas {
            if !batch.is_empty() && used + lsa.len() > room {
                self.send_update(interface, destination, &batch);
                packets += 1;
                batch.clear();
                used = 0;
            }
            used += lsa.len();
            batch.push(lsa);
        }
        if !batch.is_empty() {
            self.send_update(interface, destination, &batch);
            packets += 1;
        }
        packets
    }

    fn send_update(&mut self, interface: &Interface, destination: Ipv4Addr, lsas: &[Bytes]) {
        let Some(auth) = self.authenticate(interface) else { return };
        let encoded = encode_update(self.router_id, interface.config.area, lsas, &auth);
        self.queue(interface, destination, "link-state-update", encoded);
    }

    /// Authentication of the next packet, or a drop.
    fn authenticate(&mut self, interface: &Interface) -> Option<Auth> {
        let (if_index, config) = (interface.if_index(), &interface.config.auth);
        let (key, source) = (interface.send_key.as_ref(), interface.address());
        let auth = self.sequences.authenticate(if_index, config, key, source);
        if auth.is_none() {
            self.drop(if_index, interface.address(), DropReason::NoSendKey);
        }
        auth
    }

    /// Queues acknowledgements in as few packets as fit.
    pub(crate) fn send_acks(
        &mut self,
        interface: &Interface,
        destination: Ipv4Addr,
        headers: &[crate::packet::LsaHeader],
    ) {
        for chunk in headers.chunks((interface.body_room(0) / LSA_HEADER_LEN).max(1)) {
            self.send(interface, destination, Body::LinkStateAck(chunk.to_vec()));
        }
    }

    fn queue(
        &mut self,
        interface: &Interface,
        destination: Ipv4Addr,
        name: &'static str,
        encoded: Result<Bytes, EmitError>,
    ) {
        let Ok(payload) = encoded else {
            return self.drop(interface.if_index(), interface.address(), DropReason::NotEncodable);
        };
        if self.transmits.len() >= MAX_TRANSMITS {
            return self.drop(interface.if_index(), interface.address(), DropReason::TransmitQueueFull);
        }
        self.counters.add(Counter::sent(name));
        self.transmits.push_back(Transmit {
            if_index: interface.if_index(),
            // RFC 2328 §8.1
            source: interface.address(),
            destination,
            // RFC 5082 §3
            ttl: if interface.config.ttl_security { UNFORWARDED_TTL } else { LINK_TTL },
            payload,
        });
    }

    /// Counts a drop, and tells of it unless it is routine.
    pub(crate) fn drop(&mut self, if_index: IfIndex, source: Ipv4Addr, reason: DropReason) {
        self.counters.add(reason.counter());
        if !reason.is_routine() {
            self.event(Event::Dropped { if_index, source, reason: reason.name() });
        }
    }

    /// Queues an event.
    pub(crate) fn event(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.counters.add(DropReason::EventQueueFull.counter());
            return;
        }
        self.events.push_back(event);
    }

    /// Counts.
    pub(crate) fn count(&mut self, counter: Counter) {
        self.counters.add(counter);
    }

    /// Counts several at once.
    pub(crate) fn count_many(&mut self, counter: Counter, more: usize) {
        self.counters.add_many(counter, more);
    }

    /// The next datagram.
    pub(crate) fn pop_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub(crate) fn pop_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The counters.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// Bytes of a packet's body, behind `fixed` bytes, that fit `mtu`: RFC 2328 A.1 wants packets split rather than fragmented.
pub(crate) const fn body_room(mtu: u16, fixed: usize) -> usize {
    (mtu as usize).saturating_sub(IP_HEADER + PACKET_HEADER_LEN + fixed)
}
