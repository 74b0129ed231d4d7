//! A datagram comes in: the checks of RFC 2328 §8.2, then to who is concerned.

use std::net::Ipv4Addr;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::packet::{Body, Packet, Stamp};

use super::config::SequenceRule;
use super::constants::UNFORWARDED_TTL;
use super::drops::{Counter, DropReason};
use super::event::RxDatagram;
use super::instance::Instance;
use super::interface::Interface;
use super::neighbor::State;
use super::output::{ALL_D_ROUTERS, ALL_SPF_ROUTERS};

/// Where a packet came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rx {
    /// The interface.
    pub(crate) if_index: IfIndex,
    /// IP source.
    pub(crate) source: Ipv4Addr,
    /// The sender.
    pub(crate) router_id: RouterId,
}

impl Instance {
    /// RFC 2328 §8.2.
    pub(crate) fn receive(&mut self, now: Instant, datagram: RxDatagram<'_>) {
        let RxDatagram { if_index, source, .. } = datagram;
        let (rx, body, stamp) = match self.check(now, datagram) {
            Ok(accepted) => accepted,
            Err(reason) => return self.output.drop(if_index, source, reason),
        };
        if let Body::Hello(hello) = &body {
            self.receive_hello(now, rx, hello);
            return self.note_sequence(rx, stamp, body.packet_type());
        }
        // §8.2, §10.6 (Down): all but hellos come from neighbours.
        let known = self
            .interfaces
            .get(&if_index)
            .and_then(|interface| interface.neighbors.get(&rx.router_id))
            .filter(|neighbor| neighbor.address == source);
        let Some(neighbor) = known else {
            return self.output.drop(if_index, source, DropReason::UnknownNeighbor);
        };
        let heard = neighbor.state >= State::TwoWay;
        self.note_sequence(rx, stamp, body.packet_type());
        // RFC 4222 §2 (2): any packet shows that the neighbour is alive.
        if heard {
            self.rearm_inactivity(now, if_index, rx.router_id);
        }
        match body {
            Body::Hello(_) => {}
            Body::DatabaseDescription(description) => self.receive_description(now, rx, &description),
            Body::LinkStateRequest(keys) => self.receive_request(now, rx, &keys),
            Body::LinkStateUpdate(lsas) => self.receive_update(now, rx, lsas),
            Body::LinkStateAck(headers) => self.receive_acks(now, rx, &headers),
        }
    }

    fn check(
        &mut self,
        now: Instant,
        datagram: RxDatagram<'_>,
    ) -> Result<(Rx, Body, Option<Stamp>), DropReason> {
        let RxDatagram { if_index, source, payload, .. } = datagram;
        let interface = self.interfaces.get(&if_index).ok_or(DropReason::UnknownInterface)?;
        check_addresses(interface, datagram)?;
        let (decoded, stamp) = interface
            .config
            .auth
            .expecting(now, source, |expected| Packet::decode_expecting(payload, expected))
            .map_err(DropReason::Decode)?;
        let Packet { router_id, area_id, body } = decoded.packet;
        if area_id != interface.config.area {
            return Err(DropReason::AreaMismatch);
        }
        if router_id == RouterId(0) {
            return Err(DropReason::ZeroRouterId);
        }
        if router_id == self.config.router_id {
            return Err(DropReason::DuplicateRouterId);
        }
        if let Some(stamp) = stamp {
            check_sequence(interface, source, router_id, stamp, body.packet_type())?;
        }
        self.output.count(Counter::received(body.name()));
        for skipped in decoded.skipped {
            self.output.drop(if_index, source, DropReason::LsaDecode(skipped.error));
        }
        Ok((Rx { if_index, source, router_id }, body, stamp))
    }

    /// RFC 2328 D.3, D.5.3: an authentic packet's sequence number is the neighbour's from now on.
    fn note_sequence(&mut self, rx: Rx, stamp: Option<Stamp>, packet_type: u8) {
        if let Some(stamp) = stamp
            && let Some(interface) = self.interfaces.get_mut(&rx.if_index)
            && let Some(neighbor) = interface.neighbors.get_mut(&rx.router_id)
            && neighbor.address == rx.source
        {
            neighbor.seen.note(interface.config.auth.sequence_rule(), stamp, packet_type);
        }
    }

    /// Drops a packet, or an LSA of it.
    pub(crate) fn drop_packet(&mut self, rx: Rx, reason: DropReason) {
        self.output.drop(rx.if_index, rx.source, reason);
    }
}

/// RFC 2328 D.5.3 (2). The source address is not covered by the digest, so it does not excuse an old number, unless the sender
/// is refused anyway: on a broadcast network, where it is another router with the neighbour's Router ID.
fn check_sequence(
    interface: &Interface,
    source: Ipv4Addr,
    router_id: RouterId,
    stamp: Stamp,
    packet_type: u8,
) -> Result<(), DropReason> {
    let rule = interface.config.auth.sequence_rule();
    let seen = match interface.neighbors.get(&router_id) {
        // RFC 7474 §5: the digest covers the source address.
        Some(neighbor)
            if neighbor.address == source || !interface.is_shared() || rule == SequenceRule::Extended =>
        {
            Some(&neighbor.seen)
        }
        Some(_) => None,
        None => interface.remembered.get(&router_id),
    };
    seen.map_or(Ok(()), |seen| seen.check(rule, stamp, packet_type))
}

fn check_addresses(interface: &Interface, datagram: RxDatagram<'_>) -> Result<(), DropReason> {
    let RxDatagram { source, destination, ttl, .. } = datagram;
    if !interface.state.is_operational() || interface.config.passive {
        return Err(DropReason::InterfaceNotOperational);
    }
    let network = interface.network().ok_or(DropReason::InterfaceNotOperational)?;
    if source == network.ip() {
        return Err(DropReason::OwnPacket);
    }
    // RFC 5082 §3: it came over a router.
    if interface.config.ttl_security && ttl != UNFORWARDED_TTL {
        return Err(DropReason::TtlTooLow);
    }
    if !interface.config.allows(source) {
        return Err(DropReason::NeighborNotAllowed);
    }
    let for_us = destination == network.ip()
        || destination == ALL_SPF_ROUTERS
        // §8.2: AllDRouters is for the Designated Router and its backup.
        || (destination == ALL_D_ROUTERS && interface.state.is_dr_or_backup());
    if !for_us {
        return Err(DropReason::WrongDestination);
    }
    // §8.2: not on point-to-point networks, whose ends are numbered independently.
    if interface.is_shared() && !network.contains(source) {
        return Err(DropReason::SourceNotOnNetwork);
    }
    Ok(())
}
