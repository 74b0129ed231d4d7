//! What must hold for every datagram that a router sends.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::ids::{AreaId, IfIndex};
use common::time::Instant;
use ospfd::core::event::Transmit;
use ospfd::packet::{Auth, Body, Decoded, LsType, LsaHeader, LsaKey, MAX_AGE, Packet};

use super::node::NodeId;

/// A neighbour drops an instance that follows another sooner than this (MinLSArrival, RFC 2328 §13 (5)(a)).
const MIN_LS_ARRIVAL: Duration = Duration::from_secs(1);

/// The last sequence number that a router uses; MaxSequenceNumber is taken as an attack.
const LAST_SEQUENCE: i32 = i32::MAX - 1;

/// More datagrams than this by one router on one link within one second are a storm.
const MOST_PER_SECOND: u32 = 400;

/// MTU of every link, and the IP header in it.
pub(super) const MTU: u16 = 1500;
const IP_HEADER: usize = 20;

/// An LSA within what it is flooded in: an area, or `None` for the whole AS.
pub(super) type Flooded = (Option<AreaId>, LsaKey);

/// Watches all that is sent.
#[derive(Debug, Default)]
pub(super) struct Safety {
    /// The newest instance of its own LSAs that each router has sent in this life.
    own: BTreeMap<(NodeId, Flooded), Sent>,
    /// Datagrams of each router on each link in the second that began then.
    rate: BTreeMap<(NodeId, IfIndex), (Instant, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    header: LsaHeader,
    at: Instant,
    /// It is what a neighbour brought back: the answer to it may follow at once (RFC 2328 §13.4).
    fights_back: bool,
}

impl Safety {
    /// Checks what `node` sends; gives the packet, or the laws that it breaks.
    pub(super) fn on_transmit(
        &mut self,
        now: Instant,
        node: NodeId,
        transmit: &Transmit,
    ) -> Result<Packet, Vec<String>> {
        let decoded = Packet::decode(&transmit.payload, &Auth::Null)
            .map_err(|error| vec![format!("sends what nobody can read: {error}")])?;
        let Decoded { packet, skipped } = decoded;
        let mut broken: Vec<_> =
            skipped.iter().map(|lsa| format!("sends a bad LSA, {}: {}", lsa.key, lsa.error)).collect();
        if packet.router_id != node.router_id() {
            broken.push(format!("sends as {}", packet.router_id));
        }
        let one_lsa = matches!(&packet.body, Body::LinkStateUpdate(lsas) if lsas.len() == 1);
        if transmit.payload.len() + IP_HEADER > usize::from(MTU) && !one_lsa {
            broken.push(format!("sends a {} of {} bytes", packet.body.name(), transmit.payload.len()));
        }
        if let Body::LinkStateUpdate(lsas) = &packet.body {
            for lsa in lsas {
                broken.extend(self.on_lsa(now, node, flooded(packet.area_id, lsa.header.key), &lsa.header));
            }
        }
        broken.extend(self.count(now, node, transmit.if_index));
        if broken.is_empty() { Ok(packet) } else { Err(broken) }
    }

    /// Notes what comes to `node`, which may make it fight back. `holds`: does its database have that LSA of its own?
    pub(super) fn on_deliver(
        &mut self,
        node: NodeId,
        lsas: &[(Flooded, LsaHeader)],
        holds: impl Fn(&Flooded) -> bool,
    ) {
        let router_id = node.router_id();
        for (flooded, header) in lsas.iter().filter(|(_, header)| header.key.advertising_router == router_id)
        {
            let Some(sent) = self.own.get_mut(&(node, *flooded)) else { continue };
            let newer = order(header, &sent.header).is_gt();
            // An older one may outlive, in a part of the network that was cut off, what the router has flushed since.
            let survives = order(header, &sent.header).is_lt() && !holds(flooded);
            if newer || survives {
                *sent = Sent { header: *header, at: sent.at, fights_back: true };
            }
        }
    }

    /// The router starts anew, and knows nothing of what it sent.
    pub(super) fn on_start(&mut self, node: NodeId) {
        self.own.retain(|(owner, _), _| *owner != node);
    }

    fn on_lsa(&mut self, now: Instant, node: NodeId, lsa: Flooded, header: &LsaHeader) -> Option<String> {
        if header.key.advertising_router != node.router_id() {
            return None;
        }
        let sent = Sent { header: *header, at: now, fights_back: false };
        let last = *self.own.entry((node, lsa)).or_insert(sent);
        match order(header, &last.header) {
            Ordering::Equal => None,
            Ordering::Greater => {
                self.own.insert((node, lsa), sent);
                let gap = now.since(last.at);
                (gap < MIN_LS_ARRIVAL && !last.fights_back).then(|| {
                    format!("sends a new {} {gap:?} after {:?}: {header:?}", header.key, last.header)
                })
            }
            // RFC 2328 §12.1.6: numbers that are used up start over, once the last has been flushed (if only to nobody).
            Ordering::Less if last.header.sequence >= LAST_SEQUENCE => {
                self.own.insert((node, lsa), sent);
                None
            }
            // What came from a former life may overtake the answer to it; what we sent may not.
            Ordering::Less => (!last.fights_back)
                .then(|| format!("sends an old {} after {:?}: {header:?}", header.key, last.header)),
        }
    }

    fn count(&mut self, now: Instant, node: NodeId, if_index: IfIndex) -> Option<String> {
        let (began, count) = self.rate.entry((node, if_index)).or_insert((now, 0));
        if now.since(*began) >= Duration::from_secs(1) {
            (*began, *count) = (now, 0);
        }
        *count += 1;
        (*count == MOST_PER_SECOND).then(|| format!("sends {MOST_PER_SECOND} datagrams within a second"))
    }
}

/// The LSAs that a packet floods.
pub(super) fn flooded_by(packet: &Packet) -> Arc<[(Flooded, LsaHeader)]> {
    match &packet.body {
        Body::LinkStateUpdate(lsas) => {
            lsas.iter().map(|lsa| (flooded(packet.area_id, lsa.header.key), lsa.header)).collect()
        }
        Body::Hello(_) | Body::DatabaseDescription(_) | Body::LinkStateRequest(_) | Body::LinkStateAck(_) => {
            Arc::default()
        }
    }
}

/// The LSAs that a datagram floods; none if it is no packet.
pub(super) fn flooded_in(payload: &[u8]) -> Arc<[(Flooded, LsaHeader)]> {
    Packet::decode(payload, &Auth::Null).map(|decoded| flooded_by(&decoded.packet)).unwrap_or_default()
}

fn flooded(area: AreaId, key: LsaKey) -> Flooded {
    (Some(area).filter(|_| key.ls_type != LsType::AsExternal), key)
}

/// Which of two instances is newer, with no eye on how old they have grown meanwhile.
fn order(one: &LsaHeader, other: &LsaHeader) -> Ordering {
    let name = |header: &LsaHeader| (header.sequence, header.checksum, header.age >= MAX_AGE);
    name(one).cmp(&name(other))
}
