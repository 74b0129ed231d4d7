//! What to do about one LSA of ours: the difference between what should stand in the database and what stands there.
//! Pure.

use common::time::Instant;

use crate::core::constants::{
    INITIAL_SEQUENCE, LAST_SEQUENCE, MIN_LS_INTERVAL, REFRESH_TOGETHER, START_OVER_PAUSE,
};
use crate::packet::LsaBody;

/// What is remembered of an LSA that we originate, or once did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// The highest sequence number seen anywhere, if any.
    pub(crate) sequence: Option<i32>,
    /// When the instance in force was originated.
    pub(crate) originated_at: Option<Instant>,
    /// When it is to be refreshed.
    pub(crate) refresh_at: Instant,
    /// A neighbour has shown an instance that is newer than ours, if only by its checksum (§13.4).
    pub(crate) outdone: bool,
    /// Sequence numbers were used up, and the instance that said so has left (§12.1.6).
    pub(crate) starts_over: bool,
}

/// Our instance in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing<'a> {
    /// Its body.
    pub(crate) body: &'a LsaBody,
    /// Its sequence number.
    pub(crate) sequence: i32,
    /// It is at MaxAge.
    pub(crate) at_max_age: bool,
    /// When it was first sent.
    pub(crate) first_sent_at: Option<Instant>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// All is as it should be.
    Keep,
    /// A new instance with this sequence number.
    Originate(i32),
    /// A change, but too soon after the last (MinLSInterval).
    DeferUntil(Instant),
    /// Age it prematurely (§14.1).
    Flush,
    /// A former life's instance is out there: flush that one.
    FlushForeign,
    /// Sequence numbers are used up (§12.1.6): once the flushed instance has left, start over.
    AwaitRemoval,
}

/// RFC 2328 §12.4, §13.4, §14.1.
pub(crate) fn decide(
    now: Instant,
    desired: Option<&LsaBody>,
    standing: Option<Standing<'_>>,
    history: &History,
) -> Decision {
    // The first change goes at once, later ones not within MinLSInterval: a neighbour would drop them (§13 (5)(a)), and
    // hear of them only when they are retransmitted.
    let last_at = history.originated_at.max(standing.and_then(|ours| ours.first_sent_at));
    let distance = if history.starts_over { START_OVER_PAUSE } else { MIN_LS_INTERVAL };
    let unless_too_soon = |decision| match last_at.map(|at| at + distance) {
        Some(earliest) if earliest > now => Decision::DeferUntil(earliest),
        Some(_) | None => decision,
    };
    let Some(desired) = desired else {
        return match standing {
            Some(_) if history.outdone => Decision::FlushForeign,
            Some(ours) if !ours.at_max_age => unless_too_soon(Decision::Flush),
            Some(_) => Decision::Keep,
            None => Decision::FlushForeign,
        };
    };
    // What is due soon goes along: thousands of LSAs are looked at together, and not each by itself.
    let refresh_is_due = history.refresh_at <= now + REFRESH_TOGETHER;
    let wanted = match standing {
        None => true,
        Some(ours) => ours.at_max_age || ours.body != desired || history.outdone || refresh_is_due,
    };
    if !wanted {
        return Decision::Keep;
    }
    let highest = standing.map(|ours| ours.sequence).max(history.sequence);
    let next = match highest {
        // §12.1.6: there is no next, the LSA has to go first.
        Some(LAST_SEQUENCE..) => {
            return match standing {
                Some(_) if history.outdone => Decision::FlushForeign,
                Some(ours) if !ours.at_max_age => unless_too_soon(Decision::Flush),
                Some(_) => Decision::AwaitRemoval,
                None => Decision::FlushForeign,
            };
        }
        Some(last) => last.saturating_add(1).max(INITIAL_SEQUENCE),
        None => INITIAL_SEQUENCE,
    };
    unless_too_soon(Decision::Originate(next))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::packet::RouterLsa;

    const NOW: Instant = Instant::from_micros(100_000_000);
    const FRESH: History = History {
        sequence: None,
        originated_at: None,
        refresh_at: Instant::from_micros(u64::MAX),
        outdone: false,
        starts_over: false,
    };

    fn body(flags: u8) -> LsaBody {
        LsaBody::Router(RouterLsa { flags, links: Vec::new() })
    }

    #[test]
    fn each_difference_has_its_decision() {
        let (same, other) = (body(0), body(1));
        let ours = Standing { body: &same, sequence: 7, at_max_age: false, first_sent_at: None };
        let aged = Standing { at_max_age: true, ..ours };
        let known = History { sequence: Some(7), ..FRESH };
        let just_now = History { originated_at: Some(NOW - Duration::from_millis(50)), ..known };
        let rows = [
            ("nothing yet", Some(&same), None, FRESH, Decision::Originate(INITIAL_SEQUENCE)),
            ("as it should be", Some(&same), Some(ours), known, Decision::Keep),
            ("changed", Some(&other), Some(ours), known, Decision::Originate(8)),
            (
                "changed too soon",
                Some(&other),
                Some(ours),
                just_now,
                Decision::DeferUntil(NOW + Duration::from_secs(1)),
            ),
            (
                "to be refreshed",
                Some(&same),
                Some(ours),
                History { refresh_at: NOW, ..known },
                Decision::Originate(8),
            ),
            (
                "a former life",
                Some(&same),
                None,
                History { sequence: Some(40), ..FRESH },
                Decision::Originate(41),
            ),
            (
                "outdone",
                Some(&same),
                Some(ours),
                History { sequence: Some(9), outdone: true, ..known },
                Decision::Originate(10),
            ),
            (
                "outdone by the checksum",
                Some(&same),
                Some(ours),
                History { outdone: true, ..known },
                Decision::Originate(8),
            ),
            (
                "not wanted, outdone",
                None,
                Some(aged),
                History { outdone: true, ..known },
                Decision::FlushForeign,
            ),
            ("wanted again", Some(&same), Some(aged), known, Decision::Originate(8)),
            ("not wanted", None, Some(ours), known, Decision::Flush),
            (
                "not wanted so soon",
                None,
                Some(ours),
                just_now,
                Decision::DeferUntil(NOW + Duration::from_secs(1)),
            ),
            ("not wanted, going", None, Some(aged), known, Decision::Keep),
            ("not wanted, a former life", None, None, known, Decision::FlushForeign),
        ];
        for (what, desired, standing, history, expected) in rows {
            assert_eq!(decide(NOW, desired, standing, &history), expected, "{what}");
        }
    }

    #[test]
    fn what_a_first_neighbour_got_just_now_is_not_followed_at_once() {
        let (same, other) = (body(0), body(1));
        let known = History { sequence: Some(7), originated_at: Some(Instant::ZERO), ..FRESH };
        let just_told = Some(NOW - Duration::from_millis(50));
        let ours = Standing { body: &same, sequence: 7, at_max_age: false, first_sent_at: just_told };
        let later = Decision::DeferUntil(NOW + Duration::from_secs(1));
        assert_eq!(decide(NOW, Some(&other), Some(ours), &known), later);
    }

    #[test]
    fn after_the_last_sequence_number_the_lsa_is_flushed_first() {
        let (same, other) = (body(0), body(1));
        let last = Standing { body: &same, sequence: LAST_SEQUENCE, at_max_age: false, first_sent_at: None };
        let known = History { sequence: Some(LAST_SEQUENCE), ..FRESH };
        assert_eq!(decide(NOW, Some(&same), Some(last), &known), Decision::Keep);
        assert_eq!(decide(NOW, Some(&other), Some(last), &known), Decision::Flush);
        let outdone = History { outdone: true, ..known };
        let lower = Standing { sequence: 5, ..last };
        assert_eq!(decide(NOW, Some(&same), Some(lower), &outdone), Decision::FlushForeign);
        let aged = Standing { at_max_age: true, ..last };
        assert_eq!(decide(NOW, Some(&other), Some(aged), &known), Decision::AwaitRemoval);
        assert_eq!(decide(NOW, Some(&other), None, &FRESH), Decision::Originate(INITIAL_SEQUENCE));
    }

    #[test]
    fn numbering_starts_over_once_nobody_can_still_be_repeating_the_last_number() {
        let body = body(0);
        let flushed_at = NOW - Duration::from_secs(5);
        let gone = History { originated_at: Some(flushed_at), starts_over: true, ..FRESH };
        let resume_at = flushed_at + START_OVER_PAUSE;
        assert_eq!(decide(NOW, Some(&body), None, &gone), Decision::DeferUntil(resume_at));
        assert_eq!(decide(resume_at, Some(&body), None, &gone), Decision::Originate(INITIAL_SEQUENCE));
    }
}
