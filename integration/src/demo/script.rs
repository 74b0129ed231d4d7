//! The script: what is broken in which order, what must follow, and by when.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use common::time::Instant;
use nix::sys::signal::Signal;

use super::power;
use super::report::StepReport;
use super::stage::{DIRECTORS, SERVERS, Stage, VIP};
use crate::observe::fib::NextHops;

/// A health check must have noticed by then.
const DETECT_LIMIT: Duration = Duration::from_secs(15);
/// A route must have gone by then.
const ROUTE_LIMIT: Duration = Duration::from_secs(15);
/// A daemon must be Full and advertise by then, also on an emulated processor.
const RETURN_LIMIT: Duration = Duration::from_secs(60);
/// `ip route` must agree with the notifications by then.
const WITNESS_LIMIT: Duration = Duration::from_secs(10);
/// A process must have been started by then.
const START_LIMIT: Duration = Duration::from_secs(30);

/// One step of the script.
pub(super) struct Step {
    key: &'static str,
    label: &'static str,
    pub(super) title: &'static str,
    play: fn(&mut Stage, Duration) -> Result<()>,
}

/// All steps, in order.
pub(super) const STEPS: [Step; 9] = [
    Step { key: "steady", label: "steady", title: "Steady traffic over both directors", play: steady },
    Step { key: "server-dies", label: "a dies", title: "Real server a dies", play: server_dies },
    Step { key: "server-returns", label: "a returns", title: "Real server a returns", play: server_returns },
    Step { key: "all-servers-die", label: "all die", title: "All real servers die", play: all_die },
    Step {
        key: "all-servers-return",
        label: "all return",
        title: "All real servers return",
        play: all_return,
    },
    Step {
        key: "director-dies",
        label: "d1 dies",
        title: "Director d1 is killed, its host's links go down",
        play: director_dies,
    },
    Step {
        key: "director-returns",
        label: "d1 returns",
        title: "Director d1 returns",
        play: director_returns,
    },
    Step { key: "director-drained", label: "d2 drained", title: "Director d2 is drained", play: drained },
    Step { key: "director-undrained", label: "d2 back", title: "Director d2 is taken back", play: undrained },
];

impl Step {
    /// Plays the step. The report comes back also when it went wrong, with the check that failed.
    pub(super) fn run(&self, stage: &mut Stage, number: usize, calm: Duration) -> Result<StepReport> {
        stage.screen.step(number, STEPS.len(), self.title)?;
        stage.open(self.key, self.label, self.title);
        if let Err(error) = (self.play)(stage, calm) {
            stage.judge(false, "the step can be played", &format!("{error:#}"))?;
        }
        stage.close()
    }
}

fn all_next_hops() -> NextHops {
    DIRECTORS.iter().map(|(_, address)| *address).collect()
}

fn only(director: &str) -> NextHops {
    DIRECTORS.iter().filter(|(name, _)| *name == director).map(|(_, address)| *address).collect()
}

/// The route has exactly these next hops since the returned moment.
fn route_becomes(stage: &mut Stage, wanted: &NextHops, what: &str, limit: Duration) -> Result<Instant> {
    let blow = stage.blow();
    let at = stage.within(limit, what, |s| {
        (s.fib.current() == *wanted)
            .then(|| s.fib.first_since(blow, |hops| hops == wanted).map_or(blow, |c| c.at))
    })?;
    // A second witness, who does not read netlink with our code. A route that changes once more in between is waited for.
    let limit = stage.clock.now() + WITNESS_LIMIT;
    loop {
        let hops = stage.lab.node("upstream").next_hops(&VIP.to_string())?;
        let seen: BTreeSet<Ipv4Addr> = hops
            .into_iter()
            .filter_map(|hop| if let std::net::IpAddr::V4(hop) = hop { Some(hop) } else { None })
            .collect();
        if seen == *wanted {
            return Ok(at);
        }
        let now = stage.clock.now();
        ensure!(now < limit, "`ip route` on the upstream shows {seen:?} instead of {wanted:?}");
        stage.play(Duration::from_millis(100))?;
    }
}

/// The director's kernel has taken more connections than `before`.
fn carries(stage: &mut Stage, director: &'static str, before: u64, limit: Duration) -> Result<Instant> {
    stage.within(limit, &format!("{director} carries new connections"), |s| {
        (s.carried(director) > before).then(|| s.clock.now())
    })
}

fn steady(stage: &mut Stage, calm: Duration) -> Result<()> {
    let from = stage.strike("short requests and long-lived connections begin")?;
    stage.start_load()?;
    for (director, _) in DIRECTORS {
        carries(stage, director, 0, DETECT_LIMIT)?;
    }
    for (server, _) in SERVERS {
        let what = format!("server {server} answers");
        stage.within(DETECT_LIMIT, &what, |s| s.client.ledger().first_answer_by(server, from))?;
    }
    let wanted = u64::from(stage.load.long);
    stage.within(DETECT_LIMIT, "all long-lived connections stand", |s| {
        let open: u64 = s.client.ledger().long_by_server().values().sum();
        (open == wanted).then(|| s.clock.now())
    })?;
    stage.play(calm * 2)?;
    stage.demand_no_failure(from, "no request fails")?;
    stage.demand_breaks(0, "no long-lived connection breaks")
}

fn server_dies(stage: &mut Stage, calm: Duration) -> Result<()> {
    stage.play(calm / 2)?;
    let on_a = stage.client.ledger().long_by_server().get("a").copied().unwrap_or(0);
    stage.strike("kill -9 of a's web server")?;
    stage.lab.node("a").signal("serve", Signal::SIGKILL)?;
    let out = stage.within(DETECT_LIMIT, "no director sends new connections to a", |s| {
        (s.serving("a") == 0).then(|| s.clock.now())
    })?;
    stage.detected(out, "no director sends new connections to the server");
    stage.play(calm)?;
    stage.demand_no_failure(out, "no later request fails")?;
    let blow = stage.blow();
    let last = stage.client.ledger().tally(blow, out).last_failure_at.unwrap_or(blow);
    stage.withdrawn(last, "the last request that failed");
    stage.demand_breaks(on_a, &format!("only the {on_a} long-lived connections of a break"))
}

fn server_returns(stage: &mut Stage, calm: Duration) -> Result<()> {
    let blow = stage.strike("a's web server starts")?;
    // The corpse has to be reaped before its successor takes its name.
    stage.lab.node("a").wait("serve", START_LIMIT)?;
    stage.start_server("a")?;
    let found = stage.within(DETECT_LIMIT + START_LIMIT, "both directors send to a again", |s| {
        (s.serving("a") == DIRECTORS.len()).then(|| s.clock.now())
    })?;
    stage.detected(found, "both directors send new connections to the server");
    let answers =
        stage.within(DETECT_LIMIT, "a answers clients", |s| s.client.ledger().first_answer_by("a", blow))?;
    stage.withdrawn(answers, "the first answer of the server");
    stage.play(calm)?;
    stage.demand_no_failure(blow, "no request fails")?;
    stage.demand_breaks(0, "no long-lived connection breaks")
}

fn all_die(stage: &mut Stage, calm: Duration) -> Result<()> {
    stage.play(calm / 2)?;
    stage.strike("kill -9 of all web servers")?;
    for (server, _) in SERVERS {
        stage.lab.node(server).signal("serve", Signal::SIGKILL)?;
    }
    let out = stage.within(DETECT_LIMIT, "no director sends anywhere", |s| {
        SERVERS.iter().all(|(server, _)| s.serving(server) == 0).then(|| s.clock.now())
    })?;
    let gone = route_becomes(stage, &NextHops::new(), "the VIP has left the upstream's kernel", ROUTE_LIMIT)?;
    stage.detected(out.min(gone), "no director sends new connections anywhere");
    stage.withdrawn(gone, "the VIP has left the upstream's kernel");
    stage.play(calm / 2)
}

fn all_return(stage: &mut Stage, calm: Duration) -> Result<()> {
    let blow = stage.strike("all web servers start")?;
    for (server, _) in SERVERS {
        stage.lab.node(server).wait("serve", START_LIMIT)?;
        stage.start_server(server)?;
    }
    let found = stage.within(DETECT_LIMIT + START_LIMIT, "a director sends to a server again", |s| {
        SERVERS.iter().any(|(server, _)| s.serving(server) > 0).then(|| s.clock.now())
    })?;
    stage.detected(found, "a director sends new connections to a server");
    stage.within(RETURN_LIMIT, "all servers are back in both tables", |s| {
        SERVERS.iter().all(|(server, _)| s.serving(server) == DIRECTORS.len()).then(|| s.clock.now())
    })?;
    let back =
        route_becomes(stage, &all_next_hops(), "the upstream routes to both directors again", RETURN_LIMIT)?;
    stage.withdrawn(back, "both directors are next hops again");
    stage.within(DETECT_LIMIT, "clients are answered", |s| s.client.ledger().first_answer(blow))?;
    stage.play(calm)?;
    stage.demand_no_failure(back, "no request fails after that")
}

fn director_dies(stage: &mut Stage, calm: Duration) -> Result<()> {
    stage.play(calm / 2)?;
    stage.strike("power is cut: kill -9 of d1's daemons, links down")?;
    power::cut(stage.lab.node("d1"))?;
    let gone = route_becomes(stage, &only("d2"), "the upstream routes to d2 only", ROUTE_LIMIT)?;
    let blow = stage.blow();
    let first = stage.fib.first_since(blow, |hops| *hops != all_next_hops()).map_or(gone, |change| change.at);
    stage.detected(first, "the upstream's kernel has lost a next hop");
    stage.withdrawn(gone, "d2 is the only next hop");
    let before = stage.carried("d2");
    carries(stage, "d2", before, DETECT_LIMIT)?;
    stage.play(calm)?;
    stage.demand_no_failure(gone, "the survivor carries all: no later request fails")?;
    stage.demand_no_break_of_placed()
}

fn director_returns(stage: &mut Stage, calm: Duration) -> Result<()> {
    let before = stage.carried("d1");
    let blow = stage.strike("power is back: links up, empty tables, daemons start")?;
    power::restore(stage.lab.node("d1"), "10.1.1.1")?;
    let back =
        route_becomes(stage, &all_next_hops(), "the upstream routes to both directors again", RETURN_LIMIT)?;
    stage.detected(back, "both directors are next hops again");
    let carried = carries(stage, "d1", before, DETECT_LIMIT)?;
    stage.withdrawn(carried, "the returned director carries new connections");
    stage.play(calm)?;
    route_becomes(stage, &all_next_hops(), "the route stays", RETURN_LIMIT)?;
    stage.play(calm)?;
    stage.demand_no_failure(blow, "no request fails")?;
    stage.demand_no_break_of_placed()
}

fn drained(stage: &mut Stage, calm: Duration) -> Result<()> {
    stage.play(calm / 2)?;
    let blow = stage.strike("directorctl drain on d2")?;
    stage.lab.node("d2").directorctl(&["drain"])?.ok()?;
    stage.detected(stage.clock.now(), "the command has returned");
    let gone = route_becomes(stage, &only("d1"), "the upstream routes to d1 only", ROUTE_LIMIT)?;
    stage.withdrawn(gone, "d1 is the only next hop");
    stage.play(calm / 2)?;
    let before = stage.carried("d2");
    stage.play(calm)?;
    let late = stage.carried("d2").saturating_sub(before);
    stage.judge(late == 0, "d2 takes no new connections", &format!("{late} taken"))?;
    stage.demand_no_failure(blow, "no request fails")?;
    stage.demand_no_break_of_placed()
}

fn undrained(stage: &mut Stage, calm: Duration) -> Result<()> {
    let before = stage.carried("d2");
    let blow = stage.strike("directorctl undrain on d2")?;
    stage.lab.node("d2").directorctl(&["undrain"])?.ok()?;
    let back =
        route_becomes(stage, &all_next_hops(), "the upstream routes to both directors again", ROUTE_LIMIT)?;
    stage.detected(back, "both directors are next hops again");
    let carried = carries(stage, "d2", before, DETECT_LIMIT)?;
    stage.withdrawn(carried, "the director carries new connections");
    stage.play(calm)?;
    stage.demand_no_failure(blow, "no request fails")?;
    stage.demand_no_break_of_placed()
}
