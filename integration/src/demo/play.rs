//! The performance itself, inside a confinement on a kernel with IPVS.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::command::{REPORT, Speed, TIMELINE};
use super::report::Report;
use super::screen::{Screen, Style};
use super::script::STEPS;
use super::stage::{DIRECTORS, SERVERS, Stage};
use super::timeline::Picture;
use crate::lab::topology::Topology;
use crate::lab::{Lab, Options};
use crate::observe::clock::Clock;
use crate::paths;

/// Short connections per second. An emulated processor manages some 60 beside the rest of the lab.
const RATE: u32 = 25;
/// Long-lived connections.
const LONG: u32 = 16;
/// From the daemons' start to both directors being next hops.
const READY_LIMIT: Duration = Duration::from_secs(90);

/// With `--keep`, the command is killed before this span is over.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Sets up, plays all steps or up to the first that goes wrong, and leaves the results in the run's directory.
pub(super) fn play(style: Style, speed: Speed, keep: bool) -> Result<ExitCode> {
    let clock = Clock::start();
    let mut screen = Screen::new(std::io::stdout(), style);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    screen.say(&picture_of_the_topology(&kernel))?;
    let mut stage = set_up(clock, screen)?;
    let mut report = Report {
        passed: true,
        kernel,
        rate_per_s: RATE,
        long_lived: LONG,
        steps: Vec::new(),
        logs: stage.lab.logs().display().to_string(),
    };
    stage.begin();
    for (index, step) in STEPS.iter().enumerate() {
        let played = step.run(&mut stage, index + 1, speed.calm())?;
        let is_good = played.failed_check().is_none();
        report.steps.push(played);
        if !is_good {
            report.passed = false;
            keep_evidence(&stage.lab);
            break;
        }
    }
    finish(&mut stage, &report)?;
    if keep {
        hold(&mut stage)?;
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn picture_of_the_topology(kernel: &str) -> String {
    format!(
        "Two active directors behind FRR, on Linux {kernel}\n\n\
         \x20                        ┌── d1: ospfd + director ──┐      ┌─ a ─┐\n\
         \x20 client ── upstream ────┤       IPVS, mh           ├─ LAN ┼─ b ─┤  direct routing:\n\
         \x20           FRR, ECMP    └── d2: ospfd + director ──┘      └─ c ─┘  answers go straight back\n"
    )
}

fn set_up(clock: Clock, mut screen: Screen<std::io::Stdout>) -> Result<Stage> {
    let topology = Topology::named("demo")?;
    screen.say("setting up: namespaces, FRR, servers")?;
    let options = DIRECTORS.iter().fold(Options::default(), |options, (name, _)| options.hold(name));
    let lab = Lab::start(&topology, &options)?;
    let mut stage = Stage::new(clock, lab, Stage::load(RATE, LONG), screen)?;
    for (server, _) in SERVERS {
        stage.start_server(server)?;
    }
    stage.screen.say("setting up: directors")?;
    let from = clock.now();
    for (director, _) in DIRECTORS {
        stage.lab.node(director).start_daemons()?;
    }
    let logs = stage.lab.logs().display().to_string();
    stage.open("setup", "setup", "Set-up");
    stage
        .within(READY_LIMIT, "the upstream routes the VIP to both directors", |s| {
            let current = s.fib.current();
            DIRECTORS.iter().all(|(_, address)| current.contains(address)).then(|| s.clock.now())
        })
        .with_context(|| format!("the lab did not come up; its logs: {logs}"))?;
    stage.within(READY_LIMIT, "all servers are in both directors' tables", |s| {
        SERVERS.iter().all(|(server, _)| s.serving(server) == DIRECTORS.len()).then(|| s.clock.now())
    })?;
    let took = clock.since(from);
    stage.screen.say(&format!("ready {:.1} s after the daemons' start", took.as_secs_f64()))?;
    Ok(stage)
}

/// What the routers believe when a step has gone wrong, beside their logs.
fn keep_evidence(lab: &Lab) {
    let ask =
        |what: &[&str]| what.iter().map(|c| lab.node("upstream").vtysh(c).unwrap_or_default()).collect();
    let upstream: String = ask(&[
        "show ip ospf neighbor",
        "show ip ospf database router",
        "show ip ospf route",
        "show ip route",
    ]);
    let mut evidence = vec![("upstream".to_owned(), upstream)];
    for (director, _) in DIRECTORS {
        let node = lab.node(director);
        let mut text = String::new();
        for what in ["neighbor", "database", "advertised"] {
            text += &node
                .ospfctl(&["show", what])
                .map_or_else(|e| e.to_string(), |said| said.stdout + &said.stderr);
        }
        text +=
            &node.directorctl(&["status"]).map_or_else(|e| e.to_string(), |said| said.stdout + &said.stderr);
        evidence.push((director.to_owned(), text));
    }
    for (node, text) in evidence {
        // Evidence that cannot be kept is missed only by who looks for it.
        let _ = fs::write(lab.logs().join(format!("{node}-state.txt")), text);
    }
}

/// The table, the report and the picture.
fn finish(stage: &mut Stage, report: &Report) -> Result<()> {
    let end = stage.clock.now();
    stage.screen.say(&format!("\n{}\n", report.table()))?;
    if let Some((step, check)) = report.steps.iter().find_map(|step| Some((step, step.failed_check()?))) {
        stage.screen.say(&format!("step {:?} went wrong: {}: {}", step.title, check.what, check.found))?;
        stage.screen.say(&format!("logs: {}", report.logs))?;
    }
    let dir = paths::run_dir()?;
    let json = serde_json::to_string_pretty(report)?;
    let path = dir.join(REPORT);
    fs::write(&path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    let directors = DIRECTORS.map(|(name, address)| (name.to_owned(), address));
    let servers = SERVERS.map(|(name, _)| name.to_owned());
    let ledger = stage.client.ledger();
    let routes = stage.fib.changes();
    let picture = Picture {
        report,
        ledger: &ledger,
        samples: &stage.samples,
        routes: &routes,
        directors: &directors,
        servers: &servers,
        end,
    };
    let path = dir.join(TIMELINE);
    fs::write(&path, picture.svg()).with_context(|| format!("cannot write {}", path.display()))
}

/// Goes on until somebody ends the command.
fn hold(stage: &mut Stage) -> Result<()> {
    let hint = stage.lab.nodes().iter().next().map_or(String::new(), |(_, node)| {
        let prefix = node.namespace().name().rsplit_once('.').map_or("", |(prefix, _)| prefix);
        format!(
            "everything stays up until Ctrl-C. Into a node, unless all this is in a guest: \
             nsenter -t {} -p -m ip netns exec {prefix}.NODE bash\n\
             On a host with IPVS, `cargo lab up demo` and `cargo lab shell NODE` give a place to play in",
            std::process::id()
        )
    });
    stage.screen.say(&hint)?;
    stage.play(KEPT_FOR)
}
