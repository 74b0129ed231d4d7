//! The link-state database (RFC 2328 §12.2): ordered, with ages computed from the moment of installation, never
//! ticked, and with the bytes of each LSA as they came, so that floods are byte-exact.

mod entry;
mod news;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use common::ids::{AreaId, IfIndex, RouterId};
use common::time::Instant;
use ipnetwork::IpNetwork;

use crate::core::helper::is_topology;
use crate::packet::{LsType, Lsa, LsaHeader, LsaKey, MAX_AGE};

pub(crate) use entry::Entry;
pub(crate) use news::News;

/// How far an LSA is flooded, and so which part of the database it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// One link, by our interface to it (type 9).
    Link(IfIndex),
    /// One area.
    Area(AreaId),
    /// All areas that are not stub areas (types 5 and 11).
    As,
}

/// Where LSAs are exchanged: what tells the scope of an LSA that comes or goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The interface.
    pub(crate) if_index: IfIndex,
    /// Its area.
    pub(crate) area: AreaId,
    /// LSAs of AS scope are exchanged there: the area is no stub area (RFC 2328 §3.6).
    pub(crate) takes_externals: bool,
}

impl Scope {
    /// The scope of an LSA of type `ls_type` that is exchanged at `place` (RFC 2328 §12.1.3, §13.3, RFC 5250 §3).
    pub(crate) const fn of(ls_type: LsType, place: Place) -> Self {
        match ls_type {
            LsType::AsExternal | LsType::OpaqueAs => Self::As,
            LsType::OpaqueLink => Self::Link(place.if_index),
            LsType::Router
            | LsType::Network
            | LsType::SummaryNetwork
            | LsType::SummaryAsbr
            | LsType::Nssa
            | LsType::OpaqueArea
            | LsType::Unknown(_) => Self::Area(place.area),
        }
    }

    /// Are LSAs of this scope exchanged at `place` (RFC 5250 §3.1)?
    pub(crate) fn is_in(self, place: Place) -> bool {
        match self {
            Self::Link(own) => own == place.if_index,
            Self::Area(own) => own == place.area,
            Self::As => place.takes_externals,
        }
    }
}

/// The database has as many LSAs as it may, and takes no new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// All LSAs of an instance.
#[derive(Debug)]
pub(crate) struct Lsdb {
    /// LSAs of others that it may hold.
    pub(super) max_lsas: usize,
    entries: BTreeMap<(Scope, LsaKey), Entry>,
    /// When each LSA that is not at MaxAge gets there.
    expiry: BTreeSet<(Instant, Scope, LsaKey)>,
    /// Those at MaxAge: they leave once everybody has them (§14).
    at_max_age: BTreeSet<(Scope, LsaKey)>,
    /// What has changed that routes depend on.
    news: News,
    /// Where LSAs that packets are forwarded by have changed, more than by a refresh.
    changed_scopes: BTreeSet<Scope>,
    /// Some of it nobody knows of yet.
    has_fresh_news: bool,
    /// Those among them that may be ready to leave: looked at once each, until something happens to them again.
    leaving: BTreeSet<(Scope, LsaKey)>,
}

impl Lsdb {
    /// An empty database that takes `max_lsas` LSAs of others.
    pub(crate) fn new(max_lsas: usize) -> Self {
        Self {
            max_lsas,
            entries: BTreeMap::new(),
            expiry: BTreeSet::new(),
            at_max_age: BTreeSet::new(),
            news: News::default(),
            changed_scopes: BTreeSet::new(),
            has_fresh_news: false,
            leaving: BTreeSet::new(),
        }
    }

    /// Number of LSAs.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The instance in the database.
    pub(crate) fn get(&self, scope: Scope, key: LsaKey) -> Option<&Entry> {
        self.entries.get(&(scope, key))
    }

    /// All LSAs in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Scope, LsaKey, &Entry)> {
        self.entries.iter().map(|(&(scope, key), entry)| (scope, key, entry))
    }

    /// The LSAs that follow `after` in the order in which they are described to a neighbour at `place`: those of the
    /// link first, then those of the area, then those of AS scope (RFC 5250 §3.2).
    pub(crate) fn described_after(
        &self,
        place: Place,
        after: Option<(Scope, LsaKey)>,
    ) -> impl Iterator<Item = (Scope, LsaKey, &Entry)> {
        [Scope::Link(place.if_index), Scope::Area(place.area), Scope::As]
            .into_iter()
            .filter(move |scope| scope.is_in(place) && after.is_none_or(|(at, _)| at <= *scope))
            .flat_map(move |scope| {
                self.range(scope, after.filter(|(at, _)| *at == scope).map(|(_, key)| key))
            })
    }

    fn range(&self, scope: Scope, after: Option<LsaKey>) -> impl Iterator<Item = (Scope, LsaKey, &Entry)> {
        let lowest = LsaKey { ls_type: LsType::Router, link_state_id: 0, advertising_router: RouterId(0) };
        let from = after.map_or(Bound::Included((scope, lowest)), |key| Bound::Excluded((scope, key)));
        self.entries
            .range((from, Bound::Unbounded))
            .take_while(move |((found, _), _)| *found == scope)
            .map(|(&(scope, key), entry)| (scope, key, entry))
    }

    /// RFC 2328 §13.2: puts `lsa` in the place of the instance that stands there.
    pub(crate) fn install(
        &mut self,
        scope: Scope,
        lsa: Lsa,
        origin: Origin,
        now: Instant,
    ) -> Result<(), Full> {
        let key = lsa.header.key;
        let known = self.entries.contains_key(&(scope, key));
        if !known && origin != Origin::Own && self.entries.len() >= self.max_lsas {
            return Err(Full);
        }
        let mut entry = Entry::new(lsa, origin, now);
        let is_live = entry.age(now) < MAX_AGE;
        let was_live = known && !self.at_max_age.contains(&(scope, key));
        let before = self.take(scope, key);
        entry.previous_sent_at = before.as_ref().and_then(|before| before.sent_at);
        // §13.2: the Options or the contents have changed.
        let same = before.as_ref().is_some_and(|before| {
            let (before, after) = (before.lsa(), entry.lsa());
            before.header.options == after.header.options && before.body == after.body
        });
        // What a border router tells others is no news to itself.
        let own_summary =
            origin == Origin::Own && matches!(key.ls_type, LsType::SummaryNetwork | LsType::SummaryAsbr);
        entry.differs = is_live != was_live || (is_live && !same);
        if entry.differs {
            self.note_change(scope, key);
        }
        if !own_summary && entry.differs {
            before.iter().chain([&entry]).for_each(|entry| self.news.note(entry.lsa()));
            self.has_fresh_news = true;
        }
        if !is_live {
            self.at_max_age.insert((scope, key));
            self.leaving.insert((scope, key));
        } else {
            self.expiry.insert((entry.expires_at(), scope, key));
        }
        self.entries.insert((scope, key), entry);
        Ok(())
    }

    /// Takes an LSA out.
    pub(crate) fn remove(&mut self, scope: Scope, key: LsaKey) -> Option<Entry> {
        let was_live = !self.at_max_age.contains(&(scope, key));
        let entry = self.take(scope, key)?;
        if was_live {
            self.note_change(scope, key);
            self.news.note(entry.lsa());
            self.has_fresh_news = true;
        }
        Some(entry)
    }

    fn take(&mut self, scope: Scope, key: LsaKey) -> Option<Entry> {
        let entry = self.entries.remove(&(scope, key))?;
        self.expiry.remove(&(entry.expires_at(), scope, key));
        self.at_max_age.remove(&(scope, key));
        self.leaving.remove(&(scope, key));
        Some(entry)
    }

    /// Areas that the database holds LSAs of.
    pub(crate) fn areas(&self) -> impl Iterator<Item = AreaId> {
        let areas: BTreeSet<_> = self
            .entries
            .keys()
            .filter_map(|(scope, _)| match scope {
                Scope::Area(area) => Some(*area),
                Scope::Link(_) | Scope::As => None,
            })
            .collect();
        areas.into_iter()
    }

    /// Takes out everything of one scope.
    pub(crate) fn remove_scope(&mut self, scope: Scope) {
        let doomed: Vec<_> = self.range(scope, None).map(|(_, key, _)| key).collect();
        for key in doomed {
            self.remove(scope, key);
        }
    }

    /// Takes out everything of one type in one scope.
    pub(crate) fn remove_type(&mut self, scope: Scope, ls_type: LsType) {
        let of_type = |key: &LsaKey| key.ls_type == ls_type;
        let doomed: Vec<_> = self.range(scope, None).map(|(_, key, _)| key).filter(of_type).collect();
        for key in doomed {
            self.remove(scope, key);
        }
    }

    /// The LSAs of one scope that are not at MaxAge.
    pub(crate) fn live(&self, scope: Scope, now: Instant) -> impl Iterator<Item = &Lsa> {
        let is_live = move |entry: &&Entry| entry.age(now) < MAX_AGE;
        self.range(scope, None).map(|(_, _, entry)| entry).filter(is_live).map(Entry::lsa)
    }

    /// The AS-external-LSAs, or NSSA-LSAs in the scope of an area, whose Link State ID lies in `prefix`, as that of its
    /// own does (RFC 2328 appendix E), and that are not at MaxAge.
    pub(crate) fn live_externals(
        &self,
        scope: Scope,
        prefix: IpNetwork,
        now: Instant,
    ) -> impl Iterator<Item = &Lsa> {
        let ls_type = match scope {
            Scope::Area(_) => LsType::Nssa,
            Scope::As | Scope::Link(_) => LsType::AsExternal,
        };
        let bounds = match prefix {
            IpNetwork::V4(net) => Some((net.network().to_bits(), net.broadcast().to_bits())),
            IpNetwork::V6(_) => None,
        };
        let key = move |link_state_id, router| {
            (scope, LsaKey { ls_type, link_state_id, advertising_router: RouterId(router) })
        };
        bounds
            .into_iter()
            .flat_map(move |(low, high)| self.entries.range(key(low, 0)..=key(high, u32::MAX)))
            .map(|(_, entry)| entry)
            .filter(move |entry| entry.age(now) < MAX_AGE)
            .map(Entry::lsa)
    }

    fn note_change(&mut self, scope: Scope, key: LsaKey) {
        if is_topology(key.ls_type) {
            self.changed_scopes.insert(scope);
        }
    }

    /// Where LSAs that packets are forwarded by have changed since this was asked last.
    pub(crate) fn take_changed_scopes(&mut self) -> BTreeSet<Scope> {
        std::mem::take(&mut self.changed_scopes)
    }

    /// Has anything happened that routes depend on since this was asked last?
    pub(crate) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.has_fresh_news)
    }

    /// What has happened that routes depend on since this was asked last.
    pub(crate) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Something outside the database changed that routes depend on.
    pub(crate) fn note_everything(&mut self) {
        self.news.note_everything();
        self.has_fresh_news = true;
    }

    /// Notes that an LSA has been sent in its present instance.
    pub(crate) fn mark_sent(&mut self, scope: Scope, key: LsaKey, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&(scope, key)) {
            entry.first_sent_at.get_or_insert(now);
            entry.sent_at = Some(now);
        }
    }

    /// When the next LSA reaches MaxAge.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiry.first().map(|&(at, _, _)| at)
    }

    /// RFC 2328 §14: takes note of the next LSA that has reached MaxAge by now; it is to be flooded.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<(Scope, LsaKey)> {
        let &(at, scope, key) = self.expiry.first()?;
        if at > now {
            return None;
        }
        self.expiry.pop_first();
        self.at_max_age.insert((scope, key));
        self.note_change(scope, key);
        if let Some(entry) = self.entries.get(&(scope, key)) {
            self.news.note(entry.lsa());
            self.has_fresh_news = true;
        }
        self.leaving.insert((scope, key));
        Some((scope, key))
    }

    /// LSAs whose checksum does not hold any more.
    pub(crate) fn damaged(&self) -> Vec<(Scope, LsaKey)> {
        self.iter()
            .filter(|(_, _, entry)| !entry.lsa().is_intact())
            .map(|(scope, key, _)| (scope, key))
            .collect()
    }

    /// LSAs at MaxAge.
    pub(crate) fn at_max_age(&self) -> impl Iterator<Item = (Scope, LsaKey)> {
        self.at_max_age.iter().copied()
    }

    /// A neighbour does not wait for this LSA any more: if it is at MaxAge, it may be ready to leave.
    pub(crate) fn released(&mut self, scope: Scope, key: LsaKey) {
        if self.at_max_age.contains(&(scope, key)) {
            self.leaving.insert((scope, key));
        }
    }

    /// A neighbour does not wait for anything any more.
    pub(crate) fn all_released(&mut self) {
        self.leaving.clone_from(&self.at_max_age);
    }

    /// May any LSA be ready to leave?
    pub(crate) fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// The LSAs that may be ready to leave; they are not named again until something happens to them.
    pub(crate) fn take_leaving(&mut self) -> BTreeSet<(Scope, LsaKey)> {
        std::mem::take(&mut self.leaving)
    }

    /// A number that two routers of `area` share when their databases do, as far as the area `takes` LSAs: over key,
    /// sequence number and checksum of each LSA (FNV-1a, 64 bits).
    pub(crate) fn digest(&self, area: AreaId, takes: impl Fn(Scope) -> bool) -> u64 {
        let mut digest = Fnv::default();
        for (_, key, entry) in self
            .range(Scope::Area(area), None)
            .chain(self.range(Scope::As, None))
            .filter(|(scope, ..)| takes(*scope))
        {
            let LsaHeader { sequence, checksum, .. } = entry.lsa().header;
            digest.update(&[u8::from(key.ls_type)]);
            digest.update(&key.link_state_id.to_be_bytes());
            digest.update(&key.advertising_router.0.to_be_bytes());
            digest.update(&sequence.to_be_bytes());
            digest.update(&checksum.to_be_bytes());
        }
        digest.0
    }
}

/// How an instance came into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// We made it.
    Own,
    /// A neighbour flooded it: MinLSArrival counts from it (RFC 2328 §13 (5)(a)).
    Flooded,
    /// We asked a neighbour for it.
    Requested,
}

/// Until when an instance of age `age` may stay.
pub(crate) fn time_to_max_age(age: u16) -> Duration {
    Duration::from_secs(u64::from(MAX_AGE.saturating_sub(age)))
}

struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests;
