//! Bugs to plant: a simulation that finds none may be a blind one.

use ospfd::core::event::Transmit;
use ospfd::packet::{Auth, Body, LsaHeader, Packet};

use super::queue::Delivery;
use super::topology::LinkId;
use super::world::World;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Link State Updates are acknowledged, and now and then forgotten instead of installed.
    ForgetsWhatItAcknowledged,
}

/// Of so many updates one is forgotten.
const FORGOTTEN_OF: u8 = 4;

impl World {
    /// Does the planted bug strike? Then the engine does not hear of the datagram.
    pub(super) fn goes_wrong(&mut self, delivery: &Delivery) -> bool {
        let Some((node, Fault::ForgetsWhatItAcknowledged)) = self.fault else { return false };
        let is_update = !delivery.flooded.is_empty();
        if delivery.to != node || !is_update || self.rng.u8(..FORGOTTEN_OF) > 0 {
            return false;
        }
        let link = LinkId::of(delivery.if_index);
        let own = self.links[link.0].spec.address(link, node);
        let (Ok(decoded), Some(own)) = (Packet::decode(&delivery.payload, &Auth::Null), own) else {
            return false;
        };
        let acked: Vec<LsaHeader> = delivery.flooded.iter().map(|(_, header)| *header).collect();
        let ack = Packet { router_id: node.router_id(), body: Body::LinkStateAck(acked), ..decoded.packet };
        let Ok(payload) = ack.encode(&Auth::Null) else { return false };
        let transmit = Transmit {
            if_index: delivery.if_index,
            source: own.ip(),
            destination: delivery.source,
            ttl: 1,
            payload,
        };
        self.transmit(node, &transmit);
        true
    }
}
