//! A datagram comes in: the checks of RFC 2328 §8.2, then to who is concerned.

use std::net::Ipv4Addr;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::packet::{Body, Packet};

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
        let (rx, body) = match self.check(datagram) {
            Ok(accepted) => accepted,
            Err(reason) => return self.output.drop(if_index, source, reason),
        };
        if let Body::Hello(hello) = &body {
            return self.receive_hello(now, rx, hello);
        }
        // §8.2: all but hellos come from neighbours.
        let known = self
            .interfaces
            .get(&if_index)
            .and_then(|interface| interface.neighbors.get(&rx.router_id))
            .filter(|neighbor| neighbor.address == source);
        let Some(neighbor) = known else {
            return self.output.drop(if_index, source, DropReason::UnknownNeighbor);
        };
        // RFC 4222 (2): any packet shows that the neighbour is alive.
        if neighbor.state >= State::TwoWay {
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

    fn check(&mut self, datagram: RxDatagram<'_>) -> Result<(Rx, Body), DropReason> {
        let RxDatagram { if_index, source, payload, .. } = datagram;
        let interface = self.interfaces.get(&if_index).ok_or(DropReason::UnknownInterface)?;
        check_addresses(interface, datagram)?;
        let decoded = Packet::decode(payload, &interface.auth()).map_err(DropReason::Decode)?;
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
        self.output.count(Counter::received(body.name()));
        for skipped in decoded.skipped {
            self.output.drop(if_index, source, DropReason::LsaDecode(skipped.error));
        }
        Ok((Rx { if_index, source, router_id }, body))
    }

    /// Drops a packet, or an LSA of it.
    pub(crate) fn drop_packet(&mut self, rx: Rx, reason: DropReason) {
        self.output.drop(rx.if_index, rx.source, reason);
    }
}

fn check_addresses(interface: &Interface, datagram: RxDatagram<'_>) -> Result<(), DropReason> {
    let RxDatagram { source, destination, .. } = datagram;
    if !interface.state.is_operational() || interface.config.passive {
        return Err(DropReason::InterfaceNotOperational);
    }
    let network = interface.network().ok_or(DropReason::InterfaceNotOperational)?;
    if source == network.ip() {
        return Err(DropReason::OwnPacket);
    }
    let for_us = destination == network.ip()
        || destination == ALL_SPF_ROUTERS
        // §8.2: AllDRouters is for the Designated Router and its backup.
        || (destination == ALL_D_ROUTERS && interface.state.is_dr_or_backup());
    if !for_us {
        return Err(DropReason::WrongDestination);
    }
    // §8.2: not on point-to-point networks, whose ends are numbered independently.
    if interface.is_broadcast() && !network.contains(source) {
        return Err(DropReason::SourceNotOnNetwork);
    }
    Ok(())
}
