//! Our own LSAs (RFC 2328 §12.4): `desired` says which should stand, `decide` what the difference calls for, and this file
//! does it. It runs after every input that may have changed something, so that a lost event is repaired by the next.

mod decide;
mod desired;
mod external;
mod nssa;
mod summary;
mod translate;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::{AreaId, IfIndex};
use common::time::Instant;
use ipnetwork::IpNetwork;

use crate::packet::{LsType, Lsa, LsaBody, LsaHeader, LsaKey, MAX_AGE, options};

use super::advertise::Merged;
use super::constants::{LAST_SEQUENCE, LS_REFRESH_TIME, MAX_OWN_LSAS, MAX_SEQUENCE, REFRESH_JITTER};
use super::drops::DropReason;
use super::flood::Sender;
use super::instance::{Instance, Life};
use super::lsdb::{Origin, Scope};
use super::spf::Translatable;
use super::spf::build_v2::external;
use super::timer::TimerKey;
use decide::{Decision, History, Standing, decide};
use desired::{Desired, View, desired_lsas, listening_areas};
pub(crate) use desired::{active_areas, router_key, stub_link};
pub(crate) use external::external_body;
use summary::BoundaryRoute;
use translate::Translation;

/// Should an LSA of ours stand in the database?
#[derive(Clone, Copy, Debug)]
enum Wanted<'a> {
    /// With this body.
    Yes(&'a LsaBody),
    /// No: what a former life left of it is flushed.
    No,
    /// Nobody listens where it would go. What a former life left may be just what we are about to originate: it stays
    /// until that is known.
    NotYet,
}

/// What is remembered of our LSAs, past and present.
#[derive(Debug, Default)]
pub(crate) struct Originator {
    own: BTreeMap<(Scope, LsaKey), Own>,
    /// We have had something external to advertise. Stays, so that withdrawing the last one is a matter of its own LSA,
    /// and not of our Router-LSA, too: that would be a full calculation for everybody.
    is_boundary: bool,
}

#[derive(Debug)]
struct Own {
    history: History,
    /// An instance of a former life that a neighbour showed us and that we have not outdone yet.
    foreign: Option<Lsa>,
}

impl Own {
    const fn new() -> Self {
        let history = History {
            sequence: None,
            originated_at: None,
            refresh_at: Instant::ZERO,
            outdone: false,
            starts_over: false,
        };
        Self { history, foreign: None }
    }
}

impl Originator {
    /// May an LSA in our name be outdone, or are there so many already that somebody makes them up?
    pub(crate) fn has_room_for(&self, scope: Scope, key: LsaKey) -> bool {
        self.own.len() < MAX_OWN_LSAS || self.own.contains_key(&(scope, key))
    }

    /// RFC 2328 §13.4: a neighbour has an instance of ours that is newer than what we know of.
    pub(crate) fn outdo(&mut self, scope: Scope, lsa: Lsa) {
        let own = self.own.entry((scope, lsa.header.key)).or_insert(const { Own::new() });
        own.history.sequence = own.history.sequence.max(Some(lsa.header.sequence));
        own.history.outdone = true;
        own.foreign = Some(lsa);
    }

    /// §13.4 for a header alone: a neighbour lists an instance of ours that is newer than what we know of.
    pub(crate) fn outdo_listed(&mut self, scope: Scope, header: &LsaHeader) {
        let own = self.own.entry((scope, header.key)).or_insert(const { Own::new() });
        own.history.sequence = own.history.sequence.max(Some(header.sequence));
        own.history.outdone = true;
    }

    /// Has a neighbour shown a newer instance than ours, which is not outdone yet?
    fn is_outdone(&self, scope: Scope, key: LsaKey) -> bool {
        self.own.get(&(scope, key)).is_some_and(|own| own.history.outdone)
    }

    /// The LSA has left the database for good. Its last instance went out at `first_sent_at` at the earliest: the next one
    /// keeps its distance from that.
    pub(crate) fn removed(&mut self, scope: Scope, key: LsaKey, first_sent_at: Option<Instant>) {
        let Some(own) = self.own.get_mut(&(scope, key)) else { return };
        own.history.originated_at = own.history.originated_at.max(first_sent_at);
        if own.history.sequence >= Some(LAST_SEQUENCE) {
            // §12.1.6: numbering starts over.
            own.history.sequence = None;
            own.history.starts_over = true;
        }
    }

    /// Is it ours, or was it once?
    pub(crate) fn knows(&self, scope: Scope, key: LsaKey) -> bool {
        self.own.contains_key(&(scope, key))
    }

    /// All keys that we have originated or outdone.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (Scope, LsaKey)> {
        self.own.keys().copied()
    }

    /// Forgets everything: another Router ID.
    pub(crate) fn clear(&mut self) {
        self.own.clear();
    }
}

impl Instance {
    /// Makes the database hold what it should of ours, and sets the timer for what has to wait.
    pub(crate) fn originate(&mut self, now: Instant) {
        self.dirty = false;
        let areas = listening_areas(&self.interfaces, |area| self.stands(area));
        let desired = self.desired(now, &areas);
        if desired.left_out > self.left_out {
            self.output.drop(IfIndex::default(), Ipv4Addr::UNSPECIFIED, DropReason::RouterLsaFull);
        }
        self.left_out = desired.left_out;

        let mut keys: Vec<_> = self.originator.keys().chain(desired.lsas.keys().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        let routes_pending =
            active_areas(&self.interfaces).len() > 1 && self.routing.backoff.deadline().is_some();
        let mut next: Option<Instant> = None;
        for (scope, key) in keys {
            let heard = match scope {
                Scope::Area(area) => areas.contains(&area),
                Scope::As => areas.iter().any(|area| self.config.area_kind(*area).takes_externals()),
                Scope::Link(_) => true,
            };
            // Which summaries a border router wants is known once the routes are.
            let unsure = routes_pending && self.follows_from_routes(scope, key);
            let wanted = match desired.lsas.get(&(scope, key)) {
                Some(body) => Wanted::Yes(body),
                None if (heard && !unsure) || self.life != Life::Running => Wanted::No,
                None => Wanted::NotYet,
            };
            if let Some(at) = self.reconcile(now, scope, key, wanted) {
                next = Some(next.map_or(at, |earliest| earliest.min(at)));
            }
        }
        match next {
            Some(at) => self.timers.set(TimerKey::Originate, at),
            None => self.timers.cancel(TimerKey::Originate),
        }
    }

    /// Is it known only once the routes are whether we want an LSA? Translations of an NSSA's externals of a former life
    /// are among them.
    fn follows_from_routes(&self, scope: Scope, key: LsaKey) -> bool {
        match key.ls_type {
            LsType::SummaryNetwork | LsType::SummaryAsbr => true,
            LsType::AsExternal => self.lsdb.get(scope, key).is_none() && !self.active_nssas().is_empty(),
            LsType::Router
            | LsType::Network
            | LsType::Nssa
            | LsType::OpaqueLink
            | LsType::OpaqueArea
            | LsType::OpaqueAs
            | LsType::Unknown(_) => false,
        }
    }

    /// RFC 3101 §3.2 (2): what another border router of the NSSA, with a higher Router ID, tells of the translatable
    /// in the same words.
    fn told_by_others(&self, now: Instant) -> BTreeSet<(AreaId, IpNetwork)> {
        let own = self.config.router_id;
        let translatable = self.routing.calculation.translatable().iter();
        let is_told = |((area, prefix), one): &(&(AreaId, IpNetwork), &Translatable)| {
            let others = self.other_translators(*area);
            let of_prefix = self.lsdb.live_externals(Scope::As, *prefix, now).filter_map(external);
            of_prefix.filter(|told| told.by > own && others.contains(&told.by)).any(|told| {
                told.prefix == *prefix
                    && told.forwarding_address == one.external.forwarding_address
                    && (told.metric_type, told.metric) == (one.external.metric_type, one.external.metric)
            })
        };
        translatable.filter(is_told).map(|(key, _)| *key).collect()
    }

    /// Does a Router-LSA of ours stand in this area, here or, from a former life, with a neighbour?
    fn stands(&self, area: AreaId) -> bool {
        let (scope, key) = (Scope::Area(area), router_key(self.config.router_id));
        let stands = self.lsdb.get(scope, key).is_some_and(|entry| entry.lsa().header.age < MAX_AGE);
        stands || self.originator.is_outdone(scope, key)
    }

    fn desired(&mut self, now: Instant, areas: &BTreeSet<AreaId>) -> Desired {
        if self.life != Life::Running || areas.is_empty() {
            return Desired::default();
        }
        let mut stubs = BTreeMap::new();
        let mut externals = BTreeMap::new();
        for (prefix, Merged { offer, .. }) in self.leases.merged() {
            if offer.encoding.is_external() {
                externals.insert(prefix, offer);
            } else {
                stubs.insert(prefix, offer.metric);
            }
        }
        self.originator.is_boundary |= !externals.is_empty();
        let boundary: Vec<_> = self
            .routing
            .calculation
            .boundary()
            .iter()
            .map(|(router, path)| BoundaryRoute {
                router: *router,
                path_type: path.path_type,
                area: path.area,
                cost: path.cost,
                next_hops: path.next_hops.clone(),
            })
            .collect();
        let (translating, told_by_others) = (self.translators.translating(), self.told_by_others(now));
        desired_lsas(&View {
            router_id: self.config.router_id,
            transit: self.config.transit,
            interfaces: &self.interfaces,
            stubs: &stubs,
            externals: &externals,
            is_boundary: self.originator.is_boundary,
            areas,
            area_configs: &self.config.areas,
            transit_areas: self.routing.calculation.transit_areas(),
            routes: self.routing.calculation.internal(),
            boundary: &boundary,
            translation: Translation {
                installed: self.routing.calculation.translatable(),
                translating: &translating,
                told_by_others: &told_by_others,
                areas: &self.config.areas,
            },
        })
    }

    /// Deals with one LSA; returns when it has to be looked at again.
    fn reconcile(&mut self, now: Instant, scope: Scope, key: LsaKey, wanted: Wanted<'_>) -> Option<Instant> {
        let body = match wanted {
            Wanted::Yes(body) => Some(body),
            Wanted::No | Wanted::NotYet => None,
        };
        let entry = self.lsdb.get(scope, key);
        let standing = entry.map(|entry| Standing {
            body: &entry.lsa().body,
            sequence: entry.lsa().header.sequence,
            at_max_age: entry.age(now) >= MAX_AGE,
            first_sent_at: entry.first_sent_at(),
        });
        let own = self.originator.own.entry((scope, key)).or_insert(const { Own::new() });
        match decide(now, body, standing, &own.history) {
            Decision::Keep => body.map(|_| own.history.refresh_at),
            Decision::DeferUntil(at) => Some(at),
            Decision::AwaitRemoval => None,
            Decision::Originate(sequence) => {
                let body = body?.clone();
                let options = match scope {
                    Scope::Area(area) => self.config.area_kind(area).options() | p_bit(key.ls_type, &body),
                    Scope::As | Scope::Link(_) => options::E,
                };
                self.originate_one(now, scope, Lsa::build(0, options, key, sequence, body).ok())
            }
            Decision::Flush => {
                let lsa = entry?.lsa().with_age(MAX_AGE);
                self.flush(now, scope, lsa);
                None
            }
            Decision::FlushForeign => {
                if !matches!(wanted, Wanted::NotYet)
                    && let Some(foreign) = own.foreign.take()
                {
                    self.flush(now, scope, foreign.with_age(MAX_AGE));
                }
                None
            }
        }
    }

    /// RFC 2328 §12.4: puts a new instance in force. Its age is 0 (§12.1.1).
    fn originate_one(&mut self, now: Instant, scope: Scope, lsa: Option<Lsa>) -> Option<Instant> {
        let Some(lsa) = lsa else {
            self.output.drop(IfIndex::default(), Ipv4Addr::UNSPECIFIED, DropReason::NotEncodable);
            return None;
        };
        let key = lsa.header.key;
        let jitter = Duration::from_millis(self.rng.u64(0..=millis(REFRESH_JITTER)));
        let refresh_at = now + LS_REFRESH_TIME.saturating_sub(jitter);
        if let Some(own) = self.originator.own.get_mut(&(scope, key)) {
            own.history = History {
                sequence: Some(lsa.header.sequence),
                originated_at: Some(now),
                refresh_at,
                outdone: false,
                starts_over: false,
            };
            own.foreign = None;
        }
        self.install_own(now, scope, lsa);
        Some(refresh_at)
    }

    /// RFC 2328 §14.1.
    pub(crate) fn flush(&mut self, now: Instant, scope: Scope, lsa: Lsa) {
        let lsa = if lsa.header.sequence == LAST_SEQUENCE { with_last_number(lsa) } else { lsa };
        let key = lsa.header.key;
        if let Some(own) = self.originator.own.get_mut(&(scope, key)) {
            own.history.sequence = own.history.sequence.max(Some(lsa.header.sequence));
            own.history.originated_at = Some(now);
            own.history.outdone = false;
            own.foreign = None;
        }
        self.install_own(now, scope, lsa);
    }

    fn install_own(&mut self, now: Instant, scope: Scope, lsa: Lsa) {
        let key = lsa.header.key;
        // The bound of the database is for the LSAs of others.
        if self.lsdb.install(scope, lsa, Origin::Own, now).is_ok() {
            self.flood(now, scope, key, Sender::Us);
        }
    }
}

/// RFC 3101 §2.4: what has a forwarding address is to be told to the AS.
fn p_bit(ls_type: LsType, body: &LsaBody) -> u8 {
    match body {
        LsaBody::External(external)
            if ls_type == LsType::Nssa && !external.forwarding_address.is_unspecified() =>
        {
            options::NP
        }
        LsaBody::External(_)
        | LsaBody::Router(_)
        | LsaBody::Network(_)
        | LsaBody::Summary(_)
        | LsaBody::Opaque => 0,
    }
}

/// RFC 2328 §12.1.6: what goes so that numbering can start over goes as MaxSequenceNumber. Who still has that at MaxAge
/// waits for it to leave when the first number comes; any other it would send back (§13 (8)), and so for ever.
fn with_last_number(lsa: Lsa) -> Lsa {
    let LsaHeader { options, key, .. } = lsa.header;
    Lsa::build(MAX_AGE, options, key, MAX_SEQUENCE, lsa.body.clone()).unwrap_or(lsa)
}

const fn millis(span: Duration) -> u64 {
    span.as_secs() * 1_000 + span.subsec_millis() as u64
}

#[cfg(test)]
mod tests {
    use common::ids::RouterId;

    use super::*;

    #[test]
    fn what_others_say_in_our_name_is_remembered_within_bounds() {
        let mut originator = Originator::default();
        let key = |link_state_id| LsaKey {
            ls_type: LsType::AsExternal,
            link_state_id,
            advertising_router: RouterId(1),
        };
        let header = |link_state_id| LsaHeader {
            age: 1,
            options: 2,
            key: key(link_state_id),
            sequence: 1,
            checksum: 1,
            length: 36,
        };
        let most = u32::try_from(MAX_OWN_LSAS).unwrap();
        for id in 0..most {
            assert!(originator.has_room_for(Scope::As, key(id)));
            originator.outdo_listed(Scope::As, &header(id));
        }
        assert!(!originator.has_room_for(Scope::As, key(most)));
        assert!(originator.has_room_for(Scope::As, key(7)), "one that is known may be outdone again");
    }
}
