//! The request list and the retransmission list of a neighbour (RFC 2328 §10).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use common::time::Instant;

use crate::packet::{LsaHeader, LsaKey};

/// LSAs that the neighbour has and we want. One packet of requests is under way at a time (§10.9); the next goes out as
/// soon as that one is answered.
#[derive(Debug, Default)]
pub(crate) struct RequestList {
    wanted: BTreeMap<LsaKey, LsaHeader>,
    asked: BTreeSet<LsaKey>,
}

impl RequestList {
    /// Puts an LSA on the list.
    pub(crate) fn add(&mut self, header: LsaHeader) {
        self.wanted.insert(header.key, header);
    }

    /// Number of LSAs on the list.
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Is nothing wanted?
    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Is it on the list?
    pub(crate) fn contains(&self, key: LsaKey) -> bool {
        self.wanted.contains_key(&key)
    }

    /// Takes an LSA off, whatever instance was wanted.
    pub(crate) fn remove(&mut self, key: LsaKey) {
        self.wanted.remove(&key);
        self.asked.remove(&key);
    }

    /// RFC 2328 §13.3 (1)(b): how the instance `header` compares with the one that is wanted; one that is at least
    /// as new takes it off the list. `None`: none is wanted.
    pub(crate) fn satisfy(&mut self, header: &LsaHeader) -> Option<Ordering> {
        let order = header.recency(self.wanted.get(&header.key)?);
        if order != Ordering::Less {
            self.remove(header.key);
        }
        Some(order)
    }

    /// May the next packet of requests go out?
    pub(crate) fn is_ready(&self) -> bool {
        self.asked.is_empty() && !self.wanted.is_empty()
    }

    /// The next `count` LSAs to ask for; they count as asked.
    pub(crate) fn ask(&mut self, count: usize) -> Vec<LsaKey> {
        let keys: Vec<_> = self.wanted.keys().take(count).copied().collect();
        self.asked = keys.iter().copied().collect();
        keys
    }

    /// No answer came: what was asked may be asked again.
    pub(crate) fn give_up_waiting(&mut self) {
        self.asked.clear();
    }
}

/// LSAs that the neighbour has not acknowledged, and when each is due to be sent again. The instance is always that of
/// the database (§13 (5)(c) takes older ones off).
#[derive(Debug, Default)]
pub(crate) struct RetransmitList {
    by_key: BTreeMap<LsaKey, Instant>,
    by_time: BTreeSet<(Instant, LsaKey)>,
}

impl RetransmitList {
    /// Puts an LSA on the list, or moves it.
    pub(crate) fn add(&mut self, key: LsaKey, due_at: Instant) {
        self.remove(key);
        self.by_key.insert(key, due_at);
        self.by_time.insert((due_at, key));
    }

    /// Takes an LSA off; was it on the list?
    pub(crate) fn remove(&mut self, key: LsaKey) -> bool {
        let due_at = self.by_key.remove(&key);
        if let Some(at) = due_at {
            self.by_time.remove(&(at, key));
        }
        due_at.is_some()
    }

    /// Is it on the list?
    pub(crate) fn contains(&self, key: LsaKey) -> bool {
        self.by_key.contains_key(&key)
    }

    /// The LSAs on the list.
    pub(crate) fn keys(&self) -> impl Iterator<Item = LsaKey> {
        self.by_key.keys().copied()
    }

    /// Number of LSAs on the list.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// When the next one is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// The LSAs that are due by `now`.
    pub(crate) fn due(&self, now: Instant) -> impl Iterator<Item = LsaKey> {
        self.by_time.iter().take_while(move |(at, _)| *at <= now).map(|&(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use common::ids::RouterId;

    use super::*;
    use crate::packet::LsType;

    fn header(link_state_id: u32, sequence: i32) -> LsaHeader {
        let key = LsaKey { ls_type: LsType::AsExternal, link_state_id, advertising_router: RouterId(1) };
        LsaHeader { age: 1, options: 2, key, sequence, checksum: 7, length: 36 }
    }

    #[test]
    fn the_next_requests_are_ready_once_the_asked_ones_are_answered() {
        let mut list = RequestList::default();
        for id in 1..=3 {
            list.add(header(id, 5));
        }
        assert_eq!(list.ask(2).len(), 2);
        assert!(!list.is_ready());
        assert_eq!(list.satisfy(&header(1, 5)), Some(Ordering::Equal));
        assert!(!list.is_ready());
        assert_eq!(list.satisfy(&header(2, 6)), Some(Ordering::Greater));
        assert!(list.is_ready());
        assert_eq!(list.ask(2), [header(3, 5).key]);
    }

    #[test]
    fn an_older_instance_leaves_the_request_on_the_list() {
        let mut list = RequestList::default();
        list.add(header(1, 5));
        assert_eq!(list.satisfy(&header(1, 4)), Some(Ordering::Less));
        assert!(list.contains(header(1, 5).key));
        assert_eq!(list.satisfy(&header(2, 9)), None);
    }

    #[test]
    fn retransmissions_are_due_in_order_of_time() {
        let mut list = RetransmitList::default();
        let at = Instant::from_micros;
        list.add(header(1, 1).key, at(9));
        list.add(header(2, 1).key, at(4));
        list.add(header(1, 1).key, at(3));
        assert_eq!(list.len(), 2);
        assert_eq!(list.next_due(), Some(at(3)));
        assert_eq!(list.due(at(3)).collect::<Vec<_>>(), [header(1, 1).key]);
        assert!(list.remove(header(1, 1).key));
        assert!(!list.remove(header(1, 1).key));
        assert_eq!(list.next_due(), Some(at(4)));
    }
}
