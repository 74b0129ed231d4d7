//! The protocol of one end, without IO: hellos, an exchange of which we are the master, answers to requests, floods.
//!
//! We ask for nothing: a neighbour's LSAs do not matter to us, and it becomes Full once it has all of ours.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::Bound;
use std::time::Duration;

use bytes::Bytes;
use common::ids::{AreaId, RouterId};
use common::time::Instant;
use ospfd::packet::{
    Auth, Body, DD_FIXED_LEN, DatabaseDescription, Hello, LSA_HEADER_LEN, Lsa, LsaHeader, LsaKey,
    PACKET_HEADER_LEN, Packet, UPDATE_FIXED_LEN, encode_update, options,
};

use super::{DEAD_INTERVAL, HELLO_INTERVAL};

/// What an end has to offer.
pub(super) type Database = BTreeMap<LsaKey, Lsa>;

/// MTU of every link.
const MTU: u16 = 1500;
/// Bytes of a packet's body in a datagram of that size.
const ROOM: usize = MTU as usize - 20 - PACKET_HEADER_LEN;
/// RxmtInterval, as everybody has it.
const RETRANSMIT_INTERVAL: Duration = Duration::from_secs(5);

/// How far the neighbour is.
#[derive(Debug)]
enum State {
    /// It has not heard us yet.
    Down,
    /// It is told what there is. `after`: the last LSA that it was told of; `is_last`: nothing follows.
    Exchange { sequence: u32, after: Option<LsaKey>, is_last: bool, sent: Bytes, sent_at: Instant },
    /// It has been told everything.
    Exchanged,
}

/// One end.
#[derive(Debug)]
pub(super) struct Adjacency {
    own: RouterId,
    neighbor: Option<RouterId>,
    state: State,
    hello_at: Instant,
    /// What was flooded and not acknowledged: the instance, and when it is sent again.
    unacknowledged: BTreeMap<LsaKey, (i32, Instant)>,
}

impl Adjacency {
    /// Nobody is there yet.
    pub(super) fn new(own: RouterId) -> Self {
        Self {
            own,
            neighbor: None,
            state: State::Down,
            hello_at: Instant::ZERO,
            unacknowledged: BTreeMap::new(),
        }
    }

    /// Has the neighbour been told everything?
    pub(super) fn is_exchanged(&self) -> bool {
        matches!(self.state, State::Exchanged)
    }

    /// What a packet is answered with. What cannot be read is as if it had not come.
    pub(super) fn receive(&mut self, now: Instant, database: &Database, packet: &[u8]) -> Vec<Bytes> {
        let Ok(decoded) = Packet::decode(packet, &Auth::Null) else { return Vec::new() };
        let from = decoded.packet.router_id;
        match decoded.packet.body {
            Body::Hello(hello) => self.hear(now, from, &hello),
            Body::DatabaseDescription(description) => self.described(now, database, &description),
            Body::LinkStateRequest(keys) => {
                self.updates(keys.iter().filter_map(|key| Some(database.get(key)?.raw.clone())))
            }
            Body::LinkStateUpdate(lsas) => {
                let headers: Vec<LsaHeader> = lsas.iter().map(|lsa| lsa.header).collect();
                let chunks = headers.chunks(ROOM / LSA_HEADER_LEN);
                chunks.filter_map(|chunk| self.encode(Body::LinkStateAck(chunk.to_vec()))).collect()
            }
            Body::LinkStateAck(headers) => {
                for header in headers {
                    if self.unacknowledged.get(&header.key).is_some_and(|(sent, _)| *sent == header.sequence)
                    {
                        self.unacknowledged.remove(&header.key);
                    }
                }
                Vec::new()
            }
        }
    }

    /// What is to be sent by now.
    pub(super) fn due(&mut self, now: Instant, database: &Database) -> Vec<Bytes> {
        let mut packets = Vec::new();
        if self.hello_at <= now {
            self.hello_at = now + HELLO_INTERVAL;
            packets.extend(self.hello());
        }
        if let State::Exchange { sent, sent_at, .. } = &mut self.state
            && now.since(*sent_at) >= RETRANSMIT_INTERVAL
        {
            *sent_at = now;
            packets.push(sent.clone());
        }
        let due = self.unacknowledged.iter_mut().filter(|(_, (_, at))| *at <= now);
        let mut lsas = Vec::new();
        for (key, (_, at)) in due {
            *at = now + RETRANSMIT_INTERVAL;
            lsas.extend(database.get(key).map(|lsa| lsa.raw.clone()));
        }
        packets.extend(self.updates(lsas));
        packets
    }

    /// The packets that flood `lsas`.
    pub(super) fn flood(&mut self, now: Instant, lsas: &[Lsa]) -> Vec<Bytes> {
        if matches!(self.state, State::Down) {
            return Vec::new();
        }
        let entries =
            lsas.iter().map(|lsa| (lsa.header.key, (lsa.header.sequence, now + RETRANSMIT_INTERVAL)));
        self.unacknowledged.extend(entries);
        self.updates(lsas.iter().map(|lsa| lsa.raw.clone()))
    }

    fn hear(&mut self, now: Instant, from: RouterId, hello: &Hello) -> Vec<Bytes> {
        self.neighbor = Some(from);
        if !hello.neighbors.contains(&self.own) {
            // It starts, or has started over. Told at once that it is heard, it need not wait for our next hello.
            self.state = State::Down;
            return self.hello().into_iter().collect();
        }
        match self.state {
            State::Down => {
                let sequence = u32::try_from(now.as_micros() & 0x00ff_ffff).unwrap_or(1);
                let first = DatabaseDescription { init: true, more: true, sequence, ..self.description() };
                self.describe(now, first, None)
            }
            State::Exchange { .. } | State::Exchanged => Vec::new(),
        }
    }

    /// RFC 2328 §10.6 and §10.8 for a master.
    fn described(&mut self, now: Instant, database: &Database, theirs: &DatabaseDescription) -> Vec<Bytes> {
        let State::Exchange { sequence, after, is_last, sent, .. } = &self.state else { return Vec::new() };
        if theirs.init {
            // It speaks up now, and may have missed our first word.
            return vec![sent.clone()];
        }
        if theirs.master || theirs.sequence != *sequence {
            return Vec::new();
        }
        if *is_last && !theirs.more {
            self.state = State::Exchanged;
            return Vec::new();
        }
        let (sequence, after) = (sequence.wrapping_add(1), *after);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let count = (ROOM - DD_FIXED_LEN) / LSA_HEADER_LEN;
        let mut rest = database.range((from, Bound::Unbounded)).map(|(_, lsa)| lsa.header);
        let headers: Vec<LsaHeader> = rest.by_ref().take(count).collect();
        let after = headers.last().map(|header| header.key).or(after);
        let next =
            DatabaseDescription { more: rest.next().is_some(), sequence, headers, ..self.description() };
        self.describe(now, next, after)
    }

    fn description(&self) -> DatabaseDescription {
        DatabaseDescription {
            mtu: MTU,
            options: options::E,
            init: false,
            more: false,
            master: true,
            sequence: 0,
            headers: Vec::new(),
        }
    }

    fn describe(&mut self, now: Instant, ours: DatabaseDescription, after: Option<LsaKey>) -> Vec<Bytes> {
        let (sequence, is_last) = (ours.sequence, !ours.more);
        let Some(sent) = self.encode(Body::DatabaseDescription(ours)) else { return Vec::new() };
        self.state = State::Exchange { sequence, after, is_last, sent: sent.clone(), sent_at: now };
        vec![sent]
    }

    fn hello(&self) -> Option<Bytes> {
        self.encode(Body::Hello(Hello {
            network_mask: Ipv4Addr::new(255, 255, 255, 252),
            hello_interval: u16::try_from(HELLO_INTERVAL.as_secs()).ok()?,
            options: options::E,
            priority: 1,
            router_dead_interval: u32::try_from(DEAD_INTERVAL.as_secs()).ok()?,
            designated_router: Ipv4Addr::UNSPECIFIED,
            backup_designated_router: Ipv4Addr::UNSPECIFIED,
            neighbors: self.neighbor.into_iter().collect(),
        }))
    }

    fn encode(&self, body: Body) -> Option<Bytes> {
        Packet { router_id: self.own, area_id: AreaId(0), body }.encode(&Auth::Null).ok()
    }

    fn updates(&self, lsas: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
        let (mut packets, mut batch, mut used) = (Vec::new(), Vec::new(), 0);
        let encode = |batch: &[Bytes]| encode_update(self.own, AreaId(0), batch, &Auth::Null).ok();
        for lsa in lsas {
            if used + lsa.len() > ROOM - UPDATE_FIXED_LEN && !batch.is_empty() {
                packets.extend(encode(&batch));
                batch.clear();
                used = 0;
            }
            used += lsa.len();
            batch.push(lsa);
        }
        if !batch.is_empty() {
            packets.extend(encode(&batch));
        }
        packets
    }
}

#[cfg(test)]
mod tests {
    use ospfd::packet::{ExternalLsa, ExternalMetric, LsType, LsaBody};

    use super::*;

    const NOW: Instant = Instant::from_micros(7);
    const US: RouterId = RouterId(9);
    const THEM: RouterId = RouterId(1);

    fn database(count: u32) -> Database {
        let lsa = |number: u32| {
            let key =
                LsaKey { ls_type: LsType::AsExternal, link_state_id: number << 8, advertising_router: US };
            let body = ExternalLsa {
                network_mask: Ipv4Addr::new(255, 255, 255, 0),
                metric_type: ExternalMetric::Type2,
                metric: 20,
                forwarding_address: Ipv4Addr::UNSPECIFIED,
                route_tag: 0,
            };
            Lsa::build(1, options::E, key, 1, LsaBody::External(body)).unwrap()
        };
        (0..count).map(lsa).map(|lsa| (lsa.header.key, lsa)).collect()
    }

    fn packet(body: Body) -> Bytes {
        Packet { router_id: THEM, area_id: AreaId(0), body }.encode(&Auth::Null).unwrap()
    }

    fn body(bytes: &Bytes) -> Body {
        Packet::decode(bytes, &Auth::Null).unwrap().packet.body
    }

    fn hello(neighbors: Vec<RouterId>) -> Bytes {
        let ours = Adjacency { neighbor: None, ..Adjacency::new(THEM) };
        let Body::Hello(hello) = body(&ours.hello().unwrap()) else { panic!("a hello") };
        packet(Body::Hello(Hello { neighbors, ..hello }))
    }

    #[test]
    fn a_neighbour_is_told_of_every_lsa_once_and_gets_those_that_it_asks_for() {
        let database = database(200);
        let mut adjacency = Adjacency::new(US);
        let heard = adjacency.receive(NOW, &database, &hello(vec![]));
        let Body::Hello(answer) = body(&heard[0]) else { panic!("a hello at once") };
        assert_eq!(answer.neighbors, [THEM]);

        let mut told = Vec::new();
        let mut said = adjacency.receive(NOW, &database, &hello(vec![US]));
        while let Some(bytes) = said.first() {
            let Body::DatabaseDescription(ours) = body(bytes) else { panic!("a description") };
            told.extend(ours.headers.iter().map(|header| header.key));
            let theirs =
                DatabaseDescription { init: false, more: false, master: false, headers: vec![], ..ours };
            said = adjacency.receive(NOW, &database, &packet(Body::DatabaseDescription(theirs)));
        }
        assert!(adjacency.is_exchanged());
        assert_eq!(told, database.keys().copied().collect::<Vec<_>>());

        let asked: Vec<LsaKey> = told.iter().copied().step_by(2).collect();
        let got = adjacency.receive(NOW, &database, &packet(Body::LinkStateRequest(asked.clone())));
        let got = got.iter().flat_map(|bytes| match body(bytes) {
            Body::LinkStateUpdate(lsas) => lsas,
            other => panic!("{other:?}"),
        });
        assert_eq!(got.map(|lsa| lsa.header.key).collect::<Vec<_>>(), asked);
    }

    #[test]
    fn what_is_flooded_is_sent_again_until_it_is_acknowledged() {
        let database = database(1);
        let lsa = database.values().next().unwrap();
        let mut adjacency = Adjacency::new(US);
        adjacency.receive(NOW, &database, &hello(vec![US]));
        adjacency.due(NOW, &database);
        adjacency.state = State::Exchanged;

        assert_eq!(adjacency.flood(NOW, std::slice::from_ref(lsa)).len(), 1);
        let later = NOW + RETRANSMIT_INTERVAL;
        let is_update = |bytes: &Bytes| matches!(body(bytes), Body::LinkStateUpdate(_));
        assert_eq!(adjacency.due(later, &database).iter().filter(|bytes| is_update(bytes)).count(), 1);
        adjacency.receive(later, &database, &packet(Body::LinkStateAck(vec![lsa.header])));
        let last = adjacency.due(later + RETRANSMIT_INTERVAL, &database);
        assert_eq!(last.iter().filter(|bytes| is_update(bytes)).count(), 0);
    }
}
