//! Leases: who advertises what, and until when.
//!
//! A lease is a named set of advertisements with a time to live. It belongs to its name: a holder that opens it again
//! in time finds set and generation as they were, and nothing is withdrawn. One that nobody renews lapses, and its
//! set goes with it. Static prefixes of the configuration are an owner like any other, without a deadline.
//!
//! A lease ends when [`LeaseTable::expire`] finds it overdue, not before. So a renewal that waited while this daemon
//! itself was stopped still counts, provided the loop hands requests in before it fires timers.
//!
//! When several owners name the same prefix, the best offer is advertised ([`LeaseTable::merged`]): the encoding that
//! routers prefer, and of the same encoding the lowest metric.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::time::Duration;

use common::control::ospf::{AdvertisedView, Advertisement, Encoding, LeaseView};
use common::control::{Refusal, RefusalCode};
use common::time::Instant;
use ipnetwork::{IpNetwork, Ipv4Network};

/// Shortest time to live of a lease.
pub const MIN_TTL: Duration = Duration::from_millis(100);
/// Longest time to live of a lease.
pub const MAX_TTL: Duration = Duration::from_secs(3600);
/// Leases at one time.
pub const MAX_LEASES: usize = 64;
/// Stub prefixes at one time, over all owners. A Router-LSA holds some 5,450 links of 12 bytes in the largest IP datagram;
/// the rest is left to the links of our interfaces.
pub const MAX_STUBS: usize = 5_350;
/// External prefixes at one time, over all owners: each is an LSA of its own, and this is far more than routers are fond of.
pub const MAX_EXTERNALS: usize = 100_000;
/// Longest name of a lease, in bytes.
const MAX_NAME: usize = 64;
/// What [`AdvertisedView::owner`] says of a static prefix; no lease may have this name.
const STATIC: &str = "static";

/// Why an advertisement is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdvertisementError {
    /// OSPFv2 carries IPv4 only.
    #[error("prefix {0} is not IPv4; ospfd speaks OSPFv2 and advertises IPv4 prefixes only: leave it out")]
    NotIpv4(IpNetwork),
    /// Bits behind the mask.
    #[error("prefix {given} has host bits set; write {network}, or {}/32 for the one address", given.ip())]
    HostBits {
        /// As it was given.
        given: Ipv4Network,
        /// The network that it lies in.
        network: Ipv4Network,
    },
    /// No unicast destination.
    #[error(
        "prefix {0} is no unicast destination (default, this-network, loopback, multicast or reserved); name a VIP like 192.0.2.1/32"
    )]
    NotUnicast(Ipv4Network),
    /// Twice in one set.
    #[error("prefix {0} stands twice in the set; name it once, with the metric that it shall have")]
    Twice(Ipv4Network),
    /// A stub link has no room for a tag.
    #[error(
        "prefix {0} has a tag, which a stub link cannot carry; make it external-1 or external-2, or leave the tag out"
    )]
    TaggedStub(Ipv4Network),
}

/// More prefixes of one kind than can be advertised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// The Router-LSA is full.
    #[error(
        "{0} stub prefixes are more than the {MAX_STUBS} that a Router-LSA has room for; make them external-2, \
         which gives each an LSA of its own, or advertise fewer"
    )]
    Stubs(usize),
    /// Too many LSAs.
    #[error(
        "{0} external prefixes are more than the {MAX_EXTERNALS} that may be; advertise fewer, or shorter ones"
    )]
    Externals(usize),
}

/// Is there room for so many prefixes of each encoding?
///
/// # Errors
/// Which encoding has too many.
pub fn check_room(encodings: impl Iterator<Item = Encoding>) -> Result<(), RoomError> {
    let (externals, stubs): (Vec<_>, Vec<_>) = encodings.partition(|encoding| encoding.is_external());
    match (stubs.len(), externals.len()) {
        (stubs, _) if stubs > MAX_STUBS => Err(RoomError::Stubs(stubs)),
        (_, externals) if externals > MAX_EXTERNALS => Err(RoomError::Externals(externals)),
        _ => Ok(()),
    }
}

/// The prefix of an advertisement that this router can make.
///
/// # Errors
/// What is wrong with the prefix.
pub fn check(advertisement: &Advertisement) -> Result<Ipv4Network, AdvertisementError> {
    let IpNetwork::V4(given) = advertisement.prefix else {
        return Err(AdvertisementError::NotIpv4(advertisement.prefix));
    };
    if given.ip() != given.network() {
        let network = Ipv4Network::new(given.network(), given.prefix()).unwrap_or(given);
        return Err(AdvertisementError::HostBits { given, network });
    }
    let first = given.network().octets()[0];
    if given.prefix() == 0 || first == 0 || first == 127 || first >= 224 {
        return Err(AdvertisementError::NotUnicast(given));
    }
    if advertisement.tag != 0 && !advertisement.encoding.is_external() {
        return Err(AdvertisementError::TaggedStub(given));
    }
    Ok(given)
}

/// Who asked for an advertisement. Static prefixes come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The configuration.
    Static,
    /// The lease of that name.
    Lease(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => STATIC,
            Self::Lease(name) => name,
        })
    }
}

/// How an owner wants a prefix advertised; the lowest is what routers prefer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    /// Encoding.
    pub encoding: Encoding,
    /// Metric.
    pub metric: u16,
    /// Route tag.
    pub tag: u32,
}

impl From<&Advertisement> for Offer {
    fn from(advertisement: &Advertisement) -> Self {
        let Advertisement { encoding, metric, tag, .. } = *advertisement;
        Self { encoding, metric, tag }
    }
}

/// One prefix over all owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The best offer of all owners: what is advertised.
    pub offer: Offer,
    /// Whose offer that is; of several with the same, the first in the order of [`Owner`].
    pub owner: Owner,
    /// The others, and what each asked for.
    pub others: Vec<(Owner, Offer)>,
}

/// A lease that lapsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// Its name.
    pub name: String,
    /// What it held.
    pub advertisements: Vec<Advertisement>,
}

/// Prefixes and how they are to be advertised, the way a set is kept.
type Set = BTreeMap<Ipv4Network, Offer>;

#[derive(Clone, Debug)]
struct Lease {
    ttl: Duration,
    renewed_at: Instant,
    generation: u64,
    set: Set,
}

impl Lease {
    fn deadline(&self) -> Instant {
        self.renewed_at + self.ttl
    }

    fn view(&self, now: Instant, name: &str) -> LeaseView {
        LeaseView {
            name: name.to_owned(),
            generation: self.generation,
            ttl_ms: millis(self.ttl),
            remaining_ms: millis(self.deadline().since(now)),
            advertisements: listed(&self.set),
            full_neighbors: 0,
        }
    }
}

/// All owners and their sets.
///
/// `full_neighbors` of the views that it returns is 0: who holds the neighbours fills it in.
#[derive(Clone, Debug, Default)]
pub struct LeaseTable {
    statics: Set,
    leases: BTreeMap<String, Lease>,
}

impl LeaseTable {
    /// A table with the configuration's prefixes, which have passed [`check`]; those that have not are left out.
    pub fn new(statics: &[Advertisement]) -> Self {
        let mut table = Self::default();
        table.set_statics(statics);
        table
    }

    /// Replaces the static prefixes; leases stay.
    pub fn set_statics(&mut self, statics: &[Advertisement]) {
        self.statics = statics.iter().filter_map(|a| Some((check(a).ok()?, a.into()))).collect();
    }

    /// Opens the lease, or resumes it with its set and generation; either way it is renewed, with the new `ttl`.
    ///
    /// # Errors
    /// A bad name, a time to live out of bounds, or too many leases.
    pub fn open(&mut self, now: Instant, name: &str, ttl: Duration) -> Result<LeaseView, Refusal> {
        check_name(name)?;
        if !(MIN_TTL..=MAX_TTL).contains(&ttl) {
            let (min, max) = (millis(MIN_TTL), millis(MAX_TTL));
            return Err(invalid(format!(
                "lease {name}: a time to live of {} ms is out of bounds; give {min}..={max} ms",
                millis(ttl)
            )));
        }
        let held = self.leases.len();
        let lease = match self.leases.entry(name.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(_) if held >= MAX_LEASES => {
                return Err(Refusal {
                    code: RefusalCode::Unavailable,
                    message: format!("lease {name}: {MAX_LEASES} leases are held already; release one first"),
                });
            }
            Entry::Vacant(entry) => {
                entry.insert(Lease { ttl, renewed_at: now, generation: 0, set: Set::new() })
            }
        };
        lease.ttl = ttl;
        lease.renewed_at = now;
        Ok(lease.view(now, name))
    }

    /// Replaces the lease's whole set and renews it. A refusal changes nothing, and does not renew.
    ///
    /// # Errors
    /// An unknown lease, a generation that is not newer, or an advertisement that cannot be made.
    pub fn set(
        &mut self,
        now: Instant,
        name: &str,
        generation: u64,
        set: &[Advertisement],
    ) -> Result<LeaseView, Refusal> {
        let in_force = self.held(name)?.generation;
        if generation <= in_force {
            return Err(Refusal {
                code: RefusalCode::StaleGeneration,
                message: format!(
                    "lease {name}: generation {generation} is not newer than {in_force}, which is in force; \
                     another holder uses this name, or this one must go on from {in_force}"
                ),
            });
        }
        let set = checked(set).map_err(|error| invalid(format!("lease {name}: {error}")))?;
        let others =
            self.leases.iter().filter(|(other, _)| other.as_str() != name).map(|(_, lease)| &lease.set);
        let all = others.chain([&self.statics, &set]).flat_map(Set::values).map(|offer| offer.encoding);
        check_room(all).map_err(|error| invalid(format!("lease {name}: over all owners, {error}")))?;
        let lease = self.held(name)?;
        lease.generation = generation;
        lease.set = set;
        lease.renewed_at = now;
        Ok(lease.view(now, name))
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// An unknown lease.
    pub fn renew(&mut self, now: Instant, name: &str) -> Result<LeaseView, Refusal> {
        let lease = self.held(name)?;
        lease.renewed_at = now;
        Ok(lease.view(now, name))
    }

    /// Gives the lease up. The view shows it without set and without time.
    ///
    /// # Errors
    /// An unknown lease.
    pub fn release(&mut self, now: Instant, name: &str) -> Result<LeaseView, Refusal> {
        let mut lease = self.leases.remove(name).ok_or_else(|| unknown(name))?;
        lease.set.clear();
        Ok(LeaseView { remaining_ms: 0, ..lease.view(now, name) })
    }

    /// Ends every lease whose time is over, in the order of names.
    pub fn expire(&mut self, now: Instant) -> Vec<Lapsed> {
        self.leases
            .extract_if(.., |_, lease| lease.deadline() <= now)
            .map(|(name, lease)| Lapsed { name, advertisements: listed(&lease.set) })
            .collect()
    }

    /// The leases as they stand.
    pub fn lease_views(&self, now: Instant) -> impl Iterator<Item = LeaseView> {
        self.leases.iter().map(move |(name, lease)| lease.view(now, name))
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.leases.values().map(Lease::deadline).min()
    }

    /// What is to be advertised: each prefix once, with the best offer of all its owners.
    pub fn merged(&self) -> BTreeMap<Ipv4Network, Merged> {
        let mut merged: BTreeMap<Ipv4Network, Merged> = BTreeMap::new();
        for (owner, set) in self.owners() {
            for (&prefix, &offer) in set {
                let owner = owner.clone();
                match merged.entry(prefix) {
                    Entry::Vacant(entry) => {
                        entry.insert(Merged { offer, owner, others: Vec::new() });
                    }
                    Entry::Occupied(mut entry) => entry.get_mut().add(owner, offer),
                }
            }
        }
        merged
    }

    /// One row per prefix and owner; `originated` is false for owners whose offer lost, and otherwise as
    /// `is_originated` says of the one that won.
    pub fn views(&self, is_originated: impl Fn(Ipv4Network, Offer) -> bool) -> Vec<AdvertisedView> {
        let mut rows = Vec::new();
        for (prefix, merged) in self.merged() {
            let originated = is_originated(prefix, merged.offer);
            let winner = (merged.owner, merged.offer, originated);
            let losers = merged.others.into_iter().map(|(owner, offer)| (owner, offer, false));
            rows.extend(std::iter::once(winner).chain(losers).map(|(owner, offer, originated)| {
                AdvertisedView {
                    advertisement: advertisement(prefix, offer),
                    owner: owner.to_string(),
                    originated,
                }
            }));
        }
        rows
    }

    fn owners(&self) -> impl Iterator<Item = (Owner, &Set)> {
        let leases = self.leases.iter().map(|(name, lease)| (Owner::Lease(name.clone()), &lease.set));
        std::iter::once((Owner::Static, &self.statics)).chain(leases)
    }

    fn held(&mut self, name: &str) -> Result<&mut Lease, Refusal> {
        self.leases.get_mut(name).ok_or_else(|| unknown(name))
    }
}

impl Merged {
    fn add(&mut self, owner: Owner, offer: Offer) {
        if offer < self.offer {
            let lost = (std::mem::replace(&mut self.owner, owner), std::mem::replace(&mut self.offer, offer));
            self.others.push(lost);
        } else {
            self.others.push((owner, offer));
        }
    }
}

fn checked(advertisements: &[Advertisement]) -> Result<Set, AdvertisementError> {
    let mut set = Set::new();
    for advertisement in advertisements {
        let prefix = check(advertisement)?;
        if set.insert(prefix, advertisement.into()).is_some() {
            return Err(AdvertisementError::Twice(prefix));
        }
    }
    Ok(set)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = (1..=MAX_NAME).contains(&name.len());
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fits && plain && name != STATIC {
        return Ok(());
    }
    Err(invalid(format!(
        "`{}` cannot name a lease; use 1 to {MAX_NAME} letters, digits, `-`, `_` or `.`, and not `{STATIC}`",
        name.escape_default()
    )))
}

fn listed(set: &Set) -> Vec<Advertisement> {
    set.iter().map(|(&prefix, &offer)| advertisement(prefix, offer)).collect()
}

fn advertisement(prefix: Ipv4Network, offer: Offer) -> Advertisement {
    let Offer { encoding, metric, tag } = offer;
    Advertisement { prefix: IpNetwork::V4(prefix), metric, encoding, tag }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn unknown(name: &str) -> Refusal {
    Refusal {
        code: RefusalCode::UnknownLease,
        message: format!(
            "no lease `{}` is held: it lapsed, was released, or was never opened; open it and set it again",
            name.escape_default()
        ),
    }
}

fn invalid(message: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, message }
}

#[cfg(test)]
mod tests;
