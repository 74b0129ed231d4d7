//! What happened to each request and each long-lived connection, and sums over spans of time.
//!
//! A request belongs to the moment at which it was started. So "the last failure" is the start of the last request that
//! failed: whoever came later was served.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use common::time::Instant;
use serde::{Deserialize, Serialize};

/// Requests kept; later ones are only counted ([`Ledger::overflow`]).
const MAX_REQUESTS: usize = 500_000;
/// Breaks of long-lived connections kept.
const MAX_BREAKS: usize = 100_000;

/// Why a request or a long-lived connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// There was no route.
    Unreachable,
    /// No complete answer in time.
    Timeout,
    /// The other side closed before it had answered.
    Closed,
    /// The answer was not what the server says.
    Malformed,
    /// The client itself could not: too many requests under way, or no socket.
    Client,
}

impl Failure {
    /// The failure that an I/O error means.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Reset,
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Client,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "no route",
            Self::Timeout => "timeout",
            Self::Closed => "closed early",
            Self::Malformed => "wrong answer",
            Self::Client => "client overloaded",
        })
    }
}

/// One short request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it was started.
    pub started_at: Instant,
    /// From the start to the answer, or to giving up.
    pub took: Duration,
    /// The server that answered.
    pub outcome: Result<String, Failure>,
}

/// One long-lived connection that broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// When it was noticed.
    pub at: Instant,
    /// When the connection was opened.
    pub opened_at: Instant,
    /// The server at its other end.
    pub server: String,
    /// Why.
    pub failure: Failure,
}

/// Sums over a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered requests by server.
    pub answered: BTreeMap<String, u64>,
    /// Failed requests by reason.
    pub failed: BTreeMap<Failure, u64>,
    /// Start of the first request that failed.
    pub first_failure_at: Option<Instant>,
    /// Start of the last request that failed.
    pub last_failure_at: Option<Instant>,
    /// The longest time that an answer took.
    pub slowest: Duration,
    /// Long-lived connections that broke.
    pub broken: u64,
    /// The longest silence that a long-lived connection outlived.
    pub longest_gap: Duration,
}

impl Tally {
    /// Requests that were answered.
    pub fn answered_total(&self) -> u64 {
        self.answered.values().sum()
    }

    /// Requests that failed.
    pub fn failed_total(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Requests answered by `server`.
    pub fn answered_by(&self, server: &str) -> u64 {
        self.answered.get(server).copied().unwrap_or(0)
    }
}

/// Everything that the client saw.
#[derive(Debug, Default)]
pub struct Ledger {
    requests: Vec<Request>,
    under_way: BTreeMap<u64, Instant>,
    next_request: u64,
    breaks: Vec<Break>,
    gaps: Vec<(Instant, Duration)>,
    long_open: BTreeMap<u32, (Instant, String)>,
    overflow: u64,
}

impl Ledger {
    /// A request starts; the number names it in [`Self::finished`].
    pub fn started(&mut self, at: Instant) -> u64 {
        let id = self.next_request;
        self.next_request += 1;
        self.under_way.insert(id, at);
        id
    }

    /// The request ended at `at`.
    pub fn finished(&mut self, id: u64, at: Instant, outcome: Result<String, Failure>) {
        let Some(started_at) = self.under_way.remove(&id) else { return };
        if self.requests.len() < MAX_REQUESTS {
            self.requests.push(Request { started_at, took: at.since(started_at), outcome });
        } else {
            self.overflow += 1;
        }
    }

    /// The long-lived connection `id` stands since `at`, with `server` at its other end.
    pub fn long_opened(&mut self, id: u32, at: Instant, server: String) {
        self.long_open.insert(id, (at, server));
    }

    /// The long-lived connection `id` was answered at `at` after a silence of `gap`. Only notable gaps are kept.
    pub fn long_answered(&mut self, at: Instant, gap: Duration, notable: Duration) {
        if gap >= notable && self.gaps.len() < MAX_BREAKS {
            self.gaps.push((at, gap));
        }
    }

    /// The long-lived connection `id` broke.
    pub fn long_broke(&mut self, id: u32, at: Instant, failure: Failure) {
        let Some((opened_at, server)) = self.long_open.remove(&id) else { return };
        if self.breaks.len() < MAX_BREAKS {
            self.breaks.push(Break { at, opened_at, server, failure });
        } else {
            self.overflow += 1;
        }
    }

    /// Has every request that was started before `at` ended?
    pub fn settled(&self, at: Instant) -> bool {
        self.under_way.values().all(|started| *started >= at)
    }

    /// Sums over `from <= t < to`.
    pub fn tally(&self, from: Instant, to: Instant) -> Tally {
        let within = |at: Instant| at >= from && at < to;
        let mut tally = Tally::default();
        // Requests stand in the order of their ends, and none ends before it starts.
        let late_enough = self.requests.iter().rev().take_while(|r| r.started_at + r.took >= from);
        for request in late_enough.filter(|r| within(r.started_at)) {
            let at = request.started_at;
            match &request.outcome {
                Ok(server) => {
                    *tally.answered.entry(server.clone()).or_default() += 1;
                    tally.slowest = tally.slowest.max(request.took);
                }
                Err(failure) => {
                    *tally.failed.entry(*failure).or_default() += 1;
                    tally.first_failure_at = Some(tally.first_failure_at.map_or(at, |t| t.min(at)));
                    tally.last_failure_at = Some(tally.last_failure_at.map_or(at, |t| t.max(at)));
                }
            }
        }
        tally.broken = self.breaks.iter().filter(|b| within(b.at)).map(|_| 1).sum();
        tally.longest_gap =
            self.gaps.iter().filter(|(at, _)| within(*at)).map(|(_, gap)| *gap).max().unwrap_or_default();
        tally
    }

    /// The first answer by `server` to a request started at or after `from`.
    pub fn first_answer_by(&self, server: &str, from: Instant) -> Option<Instant> {
        self.requests
            .iter()
            .filter(|r| r.started_at >= from && r.outcome.as_deref() == Ok(server))
            .map(|r| r.started_at + r.took)
            .min()
    }

    /// The first answer by anyone to a request started at or after `from`.
    pub fn first_answer(&self, from: Instant) -> Option<Instant> {
        self.requests
            .iter()
            .filter(|r| r.started_at >= from && r.outcome.is_ok())
            .map(|r| r.started_at + r.took)
            .min()
    }

    /// All ended requests, in the order in which they ended.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// All breaks, in order.
    pub fn breaks(&self) -> &[Break] {
        &self.breaks
    }

    /// Long-lived connections that stand now, by server.
    pub fn long_by_server(&self) -> BTreeMap<String, u64> {
        let mut by_server = BTreeMap::new();
        for (_, server) in self.long_open.values() {
            *by_server.entry(server.clone()).or_default() += 1;
        }
        by_server
    }

    /// Events that found no room.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn request(ledger: &mut Ledger, start: u64, end: u64, outcome: Result<&str, Failure>) {
        let id = ledger.started(at(start));
        ledger.finished(id, at(end), outcome.map(str::to_owned));
    }

    #[test]
    fn a_request_belongs_to_the_moment_at_which_it_started() {
        let mut ledger = Ledger::default();
        request(&mut ledger, 90, 110, Ok("a"));
        request(&mut ledger, 99, 1099, Err(Failure::Timeout));
        request(&mut ledger, 100, 105, Ok("b"));
        let before = ledger.tally(at(0), at(100));
        assert_eq!((before.answered_by("a"), before.answered_by("b"), before.failed_total()), (1, 0, 1));
        assert_eq!(before.last_failure_at, Some(at(99)));
        assert_eq!(before.slowest, Duration::from_millis(20), "a failure is no slow answer");
        let after = ledger.tally(at(100), at(2000));
        assert_eq!((after.answered_total(), after.failed_total()), (1, 0));
    }

    #[test]
    fn failures_are_counted_by_reason_with_their_first_and_last() {
        let mut ledger = Ledger::default();
        request(&mut ledger, 30, 31, Err(Failure::Refused));
        request(&mut ledger, 10, 1010, Err(Failure::Timeout));
        request(&mut ledger, 20, 21, Err(Failure::Refused));
        let tally = ledger.tally(at(0), at(100));
        assert_eq!(tally.failed, BTreeMap::from([(Failure::Refused, 2), (Failure::Timeout, 1)]));
        assert_eq!((tally.first_failure_at, tally.last_failure_at), (Some(at(10)), Some(at(30))));
    }

    #[test]
    fn a_span_is_settled_only_when_nothing_that_started_in_it_is_under_way() {
        let mut ledger = Ledger::default();
        let slow = ledger.started(at(10));
        assert!(!ledger.settled(at(11)));
        assert!(ledger.settled(at(10)));
        ledger.finished(slow, at(500), Err(Failure::Timeout));
        assert!(ledger.settled(at(11)));
    }

    #[test]
    fn a_request_ends_once_and_a_connection_breaks_once() {
        let mut ledger = Ledger::default();
        let id = ledger.started(at(1));
        ledger.finished(id, at(2), Ok("a".into()));
        ledger.finished(id, at(3), Err(Failure::Reset));
        ledger.long_opened(7, at(3), "a".into());
        ledger.long_broke(7, at(4), Failure::Reset);
        ledger.long_broke(7, at(5), Failure::Reset);
        let tally = ledger.tally(at(0), at(100));
        assert_eq!((tally.answered_total(), tally.failed_total(), tally.broken), (1, 0, 1));
        assert!(ledger.long_by_server().is_empty());
    }

    #[test]
    fn only_notable_gaps_are_kept() {
        let mut ledger = Ledger::default();
        let notable = Duration::from_millis(100);
        ledger.long_answered(at(10), Duration::from_millis(99), notable);
        ledger.long_answered(at(11), Duration::from_millis(250), notable);
        assert_eq!(ledger.tally(at(0), at(11)).longest_gap, Duration::ZERO);
        assert_eq!(ledger.tally(at(0), at(12)).longest_gap, Duration::from_millis(250));
    }
}
