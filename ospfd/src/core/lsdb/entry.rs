//! One LSA in the database, and its age.

use bytes::Bytes;
use common::time::Instant;

use crate::packet::{Lsa, LsaHeader, MAX_AGE};

use super::{Origin, time_to_max_age};

/// An LSA and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    lsa: Lsa,
    installed_at: Instant,
    origin: Origin,
    /// It is not what the instance before it was.
    pub(in crate::core) differs: bool,
    /// When we first sent this instance.
    pub(super) first_sent_at: Option<Instant>,
    /// When we last sent this instance (RFC 2328 §13 (8)).
    pub(super) sent_at: Option<Instant>,
    /// When we last sent the instance before it.
    pub(super) previous_sent_at: Option<Instant>,
}

impl Entry {
    pub(super) fn new(lsa: Lsa, origin: Origin, now: Instant) -> Self {
        Self {
            lsa,
            installed_at: now,
            origin,
            differs: true,
            first_sent_at: None,
            sent_at: None,
            previous_sent_at: None,
        }
    }

    /// The LSA as it was when it came.
    pub(crate) fn lsa(&self) -> &Lsa {
        &self.lsa
    }

    /// When this instance came by flooding, if it did: the copies that MinLSArrival speaks of.
    pub(crate) fn flooded_in_at(&self) -> Option<Instant> {
        (self.origin == Origin::Flooded).then_some(self.installed_at)
    }

    /// When we first sent this instance: one that stood while nobody was there is news when the first neighbour asks for it.
    pub(crate) fn first_sent_at(&self) -> Option<Instant> {
        self.first_sent_at
    }

    /// When we last sent this instance.
    pub(crate) fn sent_at(&self) -> Option<Instant> {
        self.sent_at
    }

    /// When we last sent the instance before it: whoever got that one less than MinLSArrival ago may ignore this one.
    pub(crate) fn previous_sent_at(&self) -> Option<Instant> {
        self.previous_sent_at
    }

    /// Age now, at most MaxAge (RFC 2328 §12.1.1).
    pub(crate) fn age(&self, now: Instant) -> u16 {
        let held = u16::try_from(now.since(self.installed_at).as_secs()).unwrap_or(MAX_AGE);
        self.lsa.header.age.saturating_add(held).min(MAX_AGE)
    }

    /// When it reaches MaxAge.
    pub(crate) fn expires_at(&self) -> Instant {
        self.installed_at + time_to_max_age(self.lsa.header.age)
    }

    /// The header with the age that it has now.
    pub(crate) fn header(&self, now: Instant) -> LsaHeader {
        LsaHeader { age: self.age(now), ..self.lsa.header }
    }

    /// The bytes to send: those that came, aged by the time here and by `transmit_delay` seconds.
    ///
    /// RFC 2328 §13.3 (5), §14: the age grows by InfTransDelay until it reaches MaxAge.
    pub(crate) fn bytes_to_send(&self, now: Instant, transmit_delay: u16) -> Bytes {
        self.lsa.raw_with_age(self.age(now).saturating_add(transmit_delay).min(MAX_AGE))
    }
}
