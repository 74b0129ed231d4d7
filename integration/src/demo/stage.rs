//! The stage: the running lab with its traffic, and everything that watches it.

use std::io::Stdout;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::time::Instant;

use super::report::{Check, Measure, StepReport, human, millis};
use super::screen::{DirectorLive, Live, Screen, ServerLive};
use super::timeline::Sample;
use crate::clock::pause;
use crate::lab::Lab;
use crate::observe::clock::Clock;
use crate::observe::fib::{NextHops, Watcher};
use crate::observe::ipvs::{Reader, Snapshot};
use crate::paths;
use crate::traffic::client::{Client, Load};

/// The service's address.
pub(super) const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const PORT: u16 = 80;
/// Directors: name, and address as the upstream's next hop.
pub(super) const DIRECTORS: [(&str, Ipv4Addr); 2] =
    [("d1", Ipv4Addr::new(10, 1, 1, 2)), ("d2", Ipv4Addr::new(10, 1, 2, 2))];
/// Real servers: name and address.
pub(super) const SERVERS: [(&str, Ipv4Addr); 3] = [
    ("a", Ipv4Addr::new(10, 2, 0, 11)),
    ("b", Ipv4Addr::new(10, 2, 0, 12)),
    ("c", Ipv4Addr::new(10, 2, 0, 13)),
];
/// Between two looks at the kernels' tables while waiting: the resolution of what is measured there.
const LOOK: Duration = Duration::from_millis(20);
/// Between two samples for the timeline.
const SAMPLE: Duration = Duration::from_millis(250);
/// A request without an answer by then has failed. One lost packet costs a second (the kernel's first retransmission), and
/// shows as the slowest answer.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);
/// Rates are shown over this span.
const RATE_SPAN: Duration = Duration::from_secs(2);
/// Around an outage of a server.
const OUTAGE_EDGE: Duration = Duration::from_secs(1);
/// The upstream's table is read again this often, besides the notifications.
const REREAD: Duration = Duration::from_millis(500);

/// A director as its kernel shows it.
struct Director {
    name: &'static str,
    reader: Reader,
    seen: Snapshot,
}

/// Everything on the stage.
pub(super) struct Stage {
    pub(super) clock: Clock,
    pub(super) lab: Lab,
    pub(super) client: Client,
    pub(super) fib: Watcher,
    pub(super) screen: Screen<Stdout>,
    pub(super) load: Load,
    pub(super) samples: Vec<Sample>,
    directors: Vec<Director>,
    step: StepReport,
    step_from: Instant,
    blow: Instant,
    sampled_at: Option<Instant>,
    outages: Vec<Outage>,
}

/// A span in which a server was missing in a director's table. Its edges are as coarse as the looks at the tables, and a
/// connection that is being opened may belong to either side.
#[derive(Clone, Copy)]
struct Outage {
    from: Instant,
    to: Option<Instant>,
}

impl Outage {
    fn covers(self, at: Instant) -> bool {
        at + OUTAGE_EDGE >= self.from && self.to.is_none_or(|to| at <= to + OUTAGE_EDGE)
    }
}

impl Stage {
    /// Starts the watchers and the client in a lab that stands.
    pub(super) fn new(clock: Clock, lab: Lab, load: Load, screen: Screen<Stdout>) -> Result<Self> {
        let upstream = lab.node("upstream").namespace().door();
        let fib =
            Watcher::start(clock, VIP, REREAD, upstream).context("cannot watch the upstream's routes")?;
        let mut directors = Vec::new();
        for (name, _) in DIRECTORS {
            let reader = lab.node(name).namespace().enter(Reader::open)?;
            let reader = reader.with_context(|| format!("{name}: cannot read the kernel's IPVS table"))?;
            directors.push(Director { name, reader, seen: Snapshot::default() });
        }
        // The load comes later: nothing is to be counted before the service stands.
        let idle = Load { rate: 0, long: 0, ..load.clone() };
        let client = Client::start(clock, idle, lab.node("client").namespace().door())?;
        let now = clock.now();
        Ok(Self {
            clock,
            lab,
            client,
            fib,
            screen,
            load,
            samples: Vec::new(),
            directors,
            step: StepReport::default(),
            step_from: now,
            blow: now,
            sampled_at: None,
            outages: Vec::new(),
        })
    }

    /// The load that is put on the service.
    pub(super) fn load(rate: u32, long: u32) -> Load {
        Load {
            target: SocketAddr::from((VIP, PORT)),
            rate,
            timeout: REQUEST_LIMIT,
            long,
            long_interval: Duration::from_millis(500),
            long_limit: Duration::from_secs(5),
        }
    }

    /// Lets the client begin.
    pub(super) fn start_load(&mut self) -> Result<()> {
        let door = self.lab.node("client").namespace().door();
        self.client = Client::start(self.clock, self.load.clone(), door)?;
        Ok(())
    }

    /// Starts a real server's process.
    pub(super) fn start_server(&self, name: &str) -> Result<()> {
        let program = paths::binary("lab")?;
        let listen = format!("0.0.0.0:{PORT}");
        let program = program.to_string_lossy();
        self.lab.node(name).start_daemon("serve", &[&program, "serve", "--name", name, "--listen", &listen])
    }

    /// Opens a step: what the client sees from now on belongs to it.
    pub(super) fn open(&mut self, key: &str, label: &str, title: &str) {
        self.step_from = self.step_from.max(self.last_end());
        self.blow = self.clock.now();
        self.step = StepReport {
            step: key.into(),
            label: label.into(),
            title: title.into(),
            started_s: self.step_from.since(Instant::ZERO).as_secs_f64(),
            ..StepReport::default()
        };
    }

    fn last_end(&self) -> Instant {
        Instant::ZERO + Duration::try_from_secs_f64(self.step.ended_s).unwrap_or_default()
    }

    /// From the first step on: nothing before this moment belongs to a step.
    pub(super) fn begin(&mut self) {
        self.step_from = self.clock.now();
        self.step.ended_s = self.step_from.since(Instant::ZERO).as_secs_f64();
    }

    /// The moment of the blow: the measures of the step count from here.
    pub(super) fn strike(&mut self, what: &str) -> Result<Instant> {
        self.screen.say(&format!("  ⚡ {what}"))?;
        self.blow = self.clock.now();
        Ok(self.blow)
    }

    /// The moment of the last blow.
    pub(super) fn blow(&self) -> Instant {
        self.blow
    }

    /// Waits until `look` finds the moment at which `what` had come true, and records it as a check.
    ///
    /// # Errors
    /// It did not come true within `limit`.
    pub(super) fn within(
        &mut self,
        limit: Duration,
        what: &str,
        mut look: impl FnMut(&Self) -> Option<Instant>,
    ) -> Result<Instant> {
        let end = self.clock.now() + limit;
        loop {
            self.look()?;
            if let Some(at) = look(self) {
                let after = at.since(self.blow);
                self.judge(true, what, &format!("after {}", human(millis(after))))?;
                return Ok(at);
            }
            if self.clock.now() >= end {
                self.judge(false, what, &format!("not within {}", human(millis(limit))))?;
                anyhow::bail!("{what}: not within {}", human(millis(limit)));
            }
            pause(LOOK);
        }
    }

    /// Lets the traffic run for `span`.
    pub(super) fn play(&mut self, span: Duration) -> Result<()> {
        let end = self.clock.now() + span;
        while self.clock.now() < end {
            self.look()?;
            pause(LOOK);
        }
        Ok(())
    }

    /// Records a check of the step.
    pub(super) fn judge(&mut self, passed: bool, what: &str, found: &str) -> Result<()> {
        self.screen.check(passed, what, found)?;
        self.step.checks.push(Check { what: what.into(), passed, found: found.into() });
        Ok(())
    }

    /// When it was noticed.
    pub(super) fn detected(&mut self, at: Instant, until: &str) {
        self.step.detect = Some(Measure { ms: millis(at.since(self.blow)), until: until.into() });
    }

    /// When routes and tables were as they should be.
    pub(super) fn withdrawn(&mut self, at: Instant, until: &str) {
        self.step.withdraw = Some(Measure { ms: millis(at.since(self.blow)), until: until.into() });
    }

    /// No request that was started at or after `from` has failed.
    pub(super) fn demand_no_failure(&mut self, from: Instant, what: &str) -> Result<()> {
        let to = self.settle()?;
        let tally = self.client.ledger().tally(from, to);
        let found = if tally.failed.is_empty() {
            format!("{} answered, the slowest in {}", tally.answered_total(), human(millis(tally.slowest)))
        } else {
            let reasons: Vec<String> =
                tally.failed.iter().map(|(why, count)| format!("{count} {why}")).collect();
            let last = tally.last_failure_at.map_or(0.0, |at| millis(at.since(self.blow)));
            format!("{}, the last after {}", reasons.join(", "), human(last))
        };
        self.judge(tally.failed.is_empty() && tally.answered_total() > 0, what, &found)
    }

    /// At most `most` long-lived connections have broken in this step.
    pub(super) fn demand_breaks(&mut self, most: u64, what: &str) -> Result<()> {
        let tally = self.client.ledger().tally(self.step_from, self.clock.now());
        let gap = human(millis(tally.longest_gap));
        self.judge(
            tally.broken <= most,
            what,
            &format!("{} broke; longest silence of the others {gap}", tally.broken),
        )
    }

    /// No long-lived connection has broken in this step that stood where the table puts it. One that was opened while a
    /// server was away went to a substitute that a director without its entry does not choose: such breaks are told.
    pub(super) fn demand_no_break_of_placed(&mut self) -> Result<()> {
        let now = self.clock.now();
        let (step_from, outages) = (self.step_from, &self.outages);
        let (placed, substitutes) = {
            let ledger = self.client.ledger();
            let broken: Vec<Instant> = ledger
                .breaks()
                .iter()
                .filter(|b| b.at >= step_from && b.at < now)
                .map(|b| b.opened_at)
                .collect();
            let on_substitute = |at: &&Instant| outages.iter().any(|outage| outage.covers(**at));
            let substitutes = broken.iter().filter(on_substitute).count();
            (broken.len() - substitutes, substitutes)
        };
        let found = match substitutes {
            0 => format!("{placed} broke"),
            _ => format!("{placed} broke; and {substitutes} that had been opened while a server was away"),
        };
        self.judge(placed == 0, "no long-lived connection in its place breaks", &found)
    }

    /// Waits for the requests that were started before now, so that counts up to the returned moment are final.
    fn settle(&mut self) -> Result<Instant> {
        let now = self.clock.now();
        while !self.client.ledger().settled(now) {
            self.look()?;
            pause(LOOK);
        }
        Ok(now)
    }

    /// Closes the step: counts what the client saw.
    pub(super) fn close(&mut self) -> Result<StepReport> {
        let end = self.settle()?;
        let tally = self.client.ledger().tally(self.step_from, end);
        self.step.account(&tally, self.blow);
        self.step.ended_s = end.since(Instant::ZERO).as_secs_f64();
        self.step_from = end;
        Ok(self.step.clone())
    }

    /// Directors whose kernel sends new connections to the server.
    pub(super) fn serving(&self, server: &str) -> usize {
        let address = SERVERS.iter().find(|(name, _)| *name == server).map(|(_, address)| *address);
        let Some(address) = address else { return 0 };
        self.directors.iter().filter(|d| d.seen.serves(address)).count()
    }

    /// Connections that the director's kernel has scheduled so far.
    pub(super) fn carried(&self, director: &str) -> u64 {
        self.directors.iter().find(|d| d.name == director).map_or(0, |d| d.seen.connections)
    }

    /// Looks at the kernels' tables; now and then also keeps a sample and shows it.
    pub(super) fn look(&mut self) -> Result<()> {
        for director in &mut self.directors {
            director.seen = director.reader.read().context("the kernel's IPVS table cannot be read")?;
        }
        let now = self.clock.now();
        let is_whole = SERVERS.iter().all(|(server, _)| self.serving(server) == DIRECTORS.len());
        match self.outages.last_mut() {
            Some(outage) if outage.to.is_none() && is_whole => outage.to = Some(now),
            Some(outage) if outage.to.is_none() => {}
            _ if !is_whole => self.outages.push(Outage { from: now, to: None }),
            _ => {}
        }
        if self.sampled_at.is_some_and(|at| now.since(at) < SAMPLE) {
            return Ok(());
        }
        self.sampled_at = Some(now);
        let long_open = self.client.ledger().long_by_server().values().sum();
        let connections = self.directors.iter().map(|d| d.seen.connections).collect();
        self.samples.push(Sample { at: now, connections, long_open });
        let live = self.live(now);
        Ok(self.screen.live(&live)?)
    }

    fn live(&self, now: Instant) -> Live {
        // One guard for all questions: a second one in the same statement would wait for the first for ever.
        let (tally, long_open, long_broken) = {
            let ledger = self.client.ledger();
            let long_open = ledger.long_by_server().values().sum();
            (ledger.tally(now - RATE_SPAN, now), long_open, ledger.tally(Instant::ZERO, now).broken)
        };
        let per_s = |count: u64| rate(count, RATE_SPAN);
        let before = self.samples.iter().rev().find(|s| now.since(s.at) >= RATE_SPAN);
        let directors = self.directors.iter().enumerate().map(|(i, director)| {
            let then = before.and_then(|s| Some((*s.connections.get(i)?, now.since(s.at))));
            DirectorLive {
                name: director.name.into(),
                rate: then
                    .map_or(0.0, |(count, span)| rate(director.seen.connections.saturating_sub(count), span)),
                active: director.seen.destinations.values().map(|d| d.active).sum(),
            }
        });
        let servers = SERVERS.iter().map(|(name, _)| ServerLive {
            name: (*name).into(),
            rate: per_s(tally.answered_by(name)),
            in_tables: self.serving(name),
        });
        Live {
            at: now,
            answered: per_s(tally.answered_total()),
            failed: per_s(tally.failed_total()),
            directors: directors.collect(),
            servers: servers.collect(),
            next_hops: names(&self.fib.current()),
            long_open,
            long_broken,
        }
    }
}

/// The directors behind next hops.
fn names(next_hops: &NextHops) -> Vec<String> {
    let name = |address: &Ipv4Addr| {
        let known = DIRECTORS.iter().find(|(_, next_hop)| next_hop == address);
        known.map_or_else(|| address.to_string(), |(name, _)| (*name).into())
    };
    next_hops.iter().map(name).collect()
}

fn rate(count: u64, span: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let count = count as f64;
    count / span.as_secs_f64()
}
