//! The lease client, sans-IO: what to ask `ospfd` next, and what it may be advertising for us at any moment.
//!
//! The set in `ospfd` belongs to the lease's name. After a restart or a broken connection the lease is opened again, the
//! set in force is read and compared, and only a difference is sent. Renewals come from the owner's loop alone, so a
//! loop that stalls lets the lease lapse. One request is under way at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use common::control::ospf::{Advertisement, Encoding, LeaseView, Request, Response};
use common::control::{Refusal, RefusalCode};
use common::time::Instant;
use ipnetwork::IpNetwork;

use super::gate::Advertised;

/// Between the first failure and the second try; doubled with each further failure.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// Why a request to `ospfd` brought no answer that helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseFault {
    /// The request did not get there.
    #[error("{0}")]
    Unreachable(String),
    /// It may have been carried out, but the answer was lost.
    #[error("{0}")]
    Broken(String),
    /// It refused.
    #[error("ospfd refused: {0}")]
    Refused(Refusal),
    /// It answered something else than a lease.
    #[error("ospfd gave an answer of another kind; do both come from the same release?")]
    Unexpected,
}

/// What came back for a request.
pub type LeaseReply = Result<Response, LeaseFault>;

#[derive(Clone, Debug)]
struct Held {
    generation: u64,
    set: Advertised,
    encodings: Encodings,
    full_neighbors: u32,
}

/// How VIPs are encoded; one that is not in it is a stub link.
type Encodings = BTreeMap<IpAddr, Encoding>;

/// The client's side of one lease.
#[derive(Debug)]
pub struct Lease {
    name: String,
    ttl: Duration,
    /// What should be advertised; `None` until that is known.
    want: Option<Advertised>,
    encodings: Encodings,
    /// The lease as `ospfd` told it last; `None` when it must be opened first.
    held: Option<Held>,
    /// What may be advertised for us until `lapses_at`.
    exposed: BTreeSet<IpAddr>,
    lapses_at: Instant,
    under_way: Option<Request>,
    /// The next renewal, or the next try.
    next_at: Instant,
    retry: Duration,
    fault: Option<LeaseFault>,
    release: Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    No,
    Wanted,
    Done,
}

impl Lease {
    /// A lease that is not open yet. An earlier run may have left any of `possible` in force.
    pub fn new(now: Instant, name: String, ttl: Duration, possible: BTreeSet<IpAddr>) -> Self {
        Self {
            name,
            ttl,
            want: None,
            encodings: Encodings::new(),
            held: None,
            exposed: possible,
            lapses_at: now + ttl,
            under_way: None,
            next_at: now,
            retry: FIRST_RETRY,
            fault: None,
            release: Release::No,
        }
    }

    /// Sets what should be advertised.
    pub fn want(&mut self, set: Advertised) {
        self.want = Some(set);
    }

    /// Sets how VIPs are to be encoded; those that are left out are stub links.
    pub fn encode(&mut self, encodings: BTreeMap<IpAddr, Encoding>) {
        self.encodings = encodings;
    }

    fn encoding(&self, vip: IpAddr) -> Encoding {
        self.encodings.get(&vip).copied().unwrap_or_default()
    }

    /// Is what is held what is wanted?
    fn suits(&self, held: &Held, want: &Advertised) -> bool {
        let same = |vip: &IpAddr| held.encodings.get(vip).copied().unwrap_or_default() == self.encoding(*vip);
        *want == held.set && want.keys().all(same)
    }

    /// Another time to live: told to `ospfd` by opening the lease again.
    pub fn set_ttl(&mut self, now: Instant, ttl: Duration) {
        if ttl != self.ttl {
            self.ttl = ttl;
            self.reopen(now);
        }
    }

    /// Opens again as soon as possible, e.g. over another socket.
    pub fn reopen(&mut self, now: Instant) {
        self.held = None;
        self.next_at = now;
    }

    /// The set in force as told last, if the lease is open.
    pub fn in_force(&self) -> Option<&Advertised> {
        self.held.as_ref().map(|held| &held.set)
    }

    /// Every VIP that may be advertised for us now.
    pub fn exposed(&self, now: Instant) -> BTreeSet<IpAddr> {
        if now < self.lapses_at { self.exposed.clone() } else { BTreeSet::new() }
    }

    /// Has `ospfd` confirmed that the lease was given up, or can it no longer be in force?
    pub fn is_gone(&self, now: Instant) -> bool {
        self.release == Release::Done || now >= self.lapses_at
    }

    /// Time has come; true when the exposure has just lapsed.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let has_lapsed = now >= self.lapses_at && !self.exposed.is_empty() && self.held.is_none();
        if has_lapsed {
            tracing::warn!(lease = %self.name, reason = "not renewed in its time to live", "lease lapsed");
            self.exposed.clear();
        }
        has_lapsed
    }

    /// When [`Lease::poll_request`] has something to say next, if nothing else happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        // The lapse matters to those who wait for the exposure to end.
        let lapse = (!self.exposed.is_empty() && self.held.is_none()).then_some(self.lapses_at);
        let has_more =
            self.release == Release::No || (self.release == Release::Wanted && self.held.is_some());
        let next = (self.under_way.is_none() && has_more).then_some(self.next_at);
        next.into_iter().chain(lapse).min()
    }

    /// The request to send now, if any. Its answer must come to [`Lease::handle_reply`].
    pub fn poll_request(&mut self, now: Instant) -> Option<Request> {
        if self.under_way.is_some() || self.release == Release::Done {
            return None;
        }
        let request = self.next_request(now)?;
        if let Request::SetAdvertised { advertisements, .. } = &request {
            // Whether it is carried out is not known until the answer comes.
            self.exposed.extend(advertisements.iter().map(|one| one.prefix.ip()));
        }
        self.under_way = Some(request.clone());
        Some(request)
    }

    fn next_request(&self, now: Instant) -> Option<Request> {
        let name = self.name.clone();
        if self.release == Release::Wanted {
            return self.held.is_some().then_some(Request::LeaseRelease { name });
        }
        let Some(held) = &self.held else {
            let ttl_ms = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
            return (self.next_at <= now).then_some(Request::LeaseOpen { name, ttl_ms });
        };
        match &self.want {
            Some(want) if !self.suits(held, want) => Some(Request::SetAdvertised {
                name,
                generation: held.generation + 1,
                advertisements: want
                    .iter()
                    .map(|(vip, metric)| advertisement(*vip, *metric, self.encoding(*vip)))
                    .collect(),
            }),
            _ => (self.next_at <= now).then_some(Request::LeaseRenew { name }),
        }
    }

    /// Gives the lease up, for a clean stop. One that is not open now is left to lapse.
    pub fn release(&mut self) {
        if self.release == Release::No {
            self.release = Release::Wanted;
        }
    }

    /// What came of the request under way.
    pub fn handle_reply(&mut self, now: Instant, reply: LeaseReply) {
        let Some(request) = self.under_way.take() else { return };
        match reply {
            Ok(Response::Lease(view)) => self.hold(now, &request, &view),
            Ok(Response::Refused(refusal)) => self.fail(now, LeaseFault::Refused(refusal)),
            Ok(_) => self.fail(now, LeaseFault::Unexpected),
            Err(fault) => self.fail(now, fault),
        }
    }

    fn hold(&mut self, now: Instant, request: &Request, view: &LeaseView) {
        if matches!(request, Request::LeaseRelease { .. }) {
            self.release = Release::Done;
            self.held = None;
            self.exposed.clear();
            return;
        }
        if self.fault.take().is_some() || self.held.is_none() {
            tracing::info!(
                lease = %self.name, generation = view.generation, prefixes = view.advertisements.len(),
                reason = "ospfd answers", "lease open"
            );
        }
        let set: Advertised = view.advertisements.iter().map(|one| (one.prefix.ip(), one.metric)).collect();
        self.exposed = set.keys().copied().collect();
        let encodings = view.advertisements.iter().map(|one| (one.prefix.ip(), one.encoding)).collect();
        let (generation, full_neighbors) = (view.generation, view.full_neighbors);
        self.held = Some(Held { generation, set, encodings, full_neighbors });
        // ospfd's own count began earlier: this is the latest moment that it can end.
        self.lapses_at = now + self.ttl;
        self.next_at = now + self.ttl / 3;
        self.retry = FIRST_RETRY;
    }

    fn fail(&mut self, now: Instant, fault: LeaseFault) {
        if self.fault.as_ref() != Some(&fault) {
            tracing::warn!(lease = %self.name, reason = %fault, "lease not held");
        }
        // A lease that ospfd does not know any more, or knows better than we: open it and read what is in force.
        let at_once = matches!(
            &fault,
            LeaseFault::Refused(Refusal {
                code: RefusalCode::UnknownLease | RefusalCode::StaleGeneration,
                ..
            })
        ) && self.held.is_some();
        if matches!(fault, LeaseFault::Broken(_)) {
            self.lapses_at = now + self.ttl;
        }
        self.held = None;
        self.next_at = if at_once { now } else { now + self.retry };
        self.retry = (self.retry * 2).min(self.ttl / 3);
        self.fault = Some(fault);
    }
}

fn advertisement(vip: IpAddr, metric: u16, encoding: Encoding) -> Advertisement {
    Advertisement { prefix: IpNetwork::from(vip), metric, encoding, tag: 0 }
}

/// The connection to `ospfd`, in words.
impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.held, &self.fault) {
            (Some(held), _) => {
                let plural = if held.full_neighbors == 1 { "" } else { "s" };
                write!(
                    f,
                    "lease {} held, generation {}, {} neighbour{plural} Full",
                    self.name, held.generation, held.full_neighbors
                )?;
                if held.full_neighbors == 0 {
                    f.write_str(": nobody hears what is advertised")
                } else {
                    Ok(())
                }
            }
            (None, Some(fault)) => write!(f, "no lease: {fault}"),
            (None, None) => f.write_str("no lease yet"),
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
