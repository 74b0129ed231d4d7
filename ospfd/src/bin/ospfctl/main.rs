//! `ospfctl`: asks a running `ospfd`.

mod bfd;
mod ecmp;
mod replay;
mod status;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use common::control::frame::{Client, ClientError};
use common::control::ospf::{
    AdvertisedView, Advertisement, CounterView, Encoding, InterfaceView, LeaseView, LsaView, NeighborView,
    Request, Response, RouteNextHopView, RouteView,
};
use common::control::{Refusal, RefusalCode};
use common::ids::RouterId;
use ipnetwork::IpNetwork;
use ospfd::runtime::record::replay::ReplayError;
use serde::Serialize;
use tokio::signal;

/// Asks a running ospfd.
///
/// Exit status: 0 done, 1 refused, 2 wrong usage, 3 no connection to the daemon.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The daemon's control socket
    #[arg(long, global = true, default_value = "/run/evenkeel/ospfd.sock", env = "EVENKEEL_OSPFD_SOCKET")]
    socket: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what the daemon knows
    Show {
        /// What to show
        #[command(subcommand)]
        what: Show,
        /// Print JSON instead of a table
        #[arg(long, global = true)]
        json: bool,
    },
    /// End adjacencies, which then form anew
    Clear {
        /// What to clear
        #[command(subcommand)]
        what: Clear,
    },
    /// Play a recording that `ospfd --record FILE` has made, without a daemon; exit status 1 when other things come out
    Replay {
        /// The recording
        file: PathBuf,
        /// Only the result
        #[arg(long, short)]
        quiet: bool,
    },
    /// Advertise a prefix for as long as this command runs (Ctrl-C withdraws it)
    Advertise {
        /// The prefix, e.g. 192.0.2.1/32
        prefix: IpNetwork,
        /// Its OSPF cost
        #[arg(long)]
        metric: u16,
        /// How it is told: `stub`, `external-1` or `external-2`
        #[arg(long = "type", default_value = "stub", value_parser = encoding)]
        encoding: Encoding,
        /// Route tag, for external ones
        #[arg(long, default_value_t = 0)]
        tag: u32,
        /// Stay in the foreground and hold the lease; there is no other way to keep it
        #[arg(long, required = true)]
        hold: bool,
        /// Name of the lease
        #[arg(long, default_value = "ospfctl")]
        lease: String,
        /// Milliseconds without renewal after which the daemon withdraws the prefix
        #[arg(long, default_value_t = 3000)]
        ttl: u64,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Clear {
    /// The adjacency with one neighbour, or with all
    Neighbor {
        /// Its Router ID or its address
        who: Option<Ipv4Addr>,
    },
}

/// What to show of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Depth {
    /// The bodies of the LSAs too
    Detail,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Show {
    /// The instance as a whole
    Instance,
    /// The areas, and how many LSAs of which type each holds
    Area,
    /// The neighbours and their states
    Neighbor,
    /// The interfaces that OSPF runs on
    Interface,
    /// The link-state database
    Database {
        /// The bodies of the LSAs too
        depth: Option<Depth>,
        /// The same
        #[arg(long)]
        detail: bool,
    },
    /// The routing table: what OSPF would install, whether it is told to or not
    Route,
    /// The prefixes that are advertised, and on whose behalf
    Advertised,
    /// Packets sent, received, and dropped by reason
    Counters,
    /// The BFD sessions
    Bfd,
    /// When routes were calculated, how long it took, and what comes next
    Spf,
    /// The last state changes
    Log,
    /// The metrics in OpenMetrics text, as they are served over HTTP
    Metrics,
    /// Which directors the upstream routers use for a VIP, and why not the others
    Ecmp {
        /// The VIP, e.g. 192.0.2.1
        vip: IpNetwork,
        /// Only as the upstream router with this Router ID sees it
        #[arg(long, value_name = "ROUTER_ID")]
        from: Option<RouterId>,
    },
}

/// Why the command failed; the exit status tells which.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the daemon answered something else than was asked; do both come from the same release?")]
    Unexpected,
    #[error("{0}")]
    Replay(#[from] ReplayError),
    #[error("the replay differs from the recording: {0}")]
    Differs(&'static str),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Client(_) | Self::Unexpected => 3,
            Self::Refused(_) | Self::Output(_) | Self::Json(_) | Self::Replay(_) | Self::Differs(_) => 1,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ospfctl: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    if let Command::Replay { file, quiet } = &arguments.command {
        return replay::play(file, *quiet);
    }
    let mut client = Client::connect(&arguments.socket).await?;
    match arguments.command {
        Command::Show { what, json } => show(&mut client, what, json).await,
        // Needs no daemon, and has been dealt with.
        Command::Replay { .. } => Ok(()),
        Command::Clear { what: Clear::Neighbor { who } } => clear(&mut client, who).await,
        Command::Advertise { prefix, metric, encoding, tag, hold: _, lease, ttl } => {
            let advertisement = Advertisement { prefix, metric, encoding, tag };
            hold(&mut client, advertisement, lease, ttl).await
        }
    }
}

fn encoding(text: &str) -> Result<Encoding, String> {
    Encoding::from_name(text)
        .ok_or_else(|| format!("give one of {}", Encoding::ALL.map(Encoding::as_str).join(", ")))
}

async fn ask(client: &mut Client, request: &Request) -> Result<Response, Failure> {
    match client.call(request).await? {
        Response::Refused(refusal) => Err(refusal.into()),
        response => Ok(response),
    }
}

async fn show(client: &mut Client, what: Show, json: bool) -> Result<(), Failure> {
    let request = match what {
        Show::Instance => Request::ShowInstance,
        Show::Area => Request::ShowAreas,
        Show::Spf => Request::ShowSpf,
        Show::Bfd => Request::ShowBfd,
        Show::Log => Request::ShowLog,
        Show::Metrics => Request::ShowMetrics,
        Show::Neighbor => Request::ShowNeighbors,
        Show::Interface => Request::ShowInterfaces,
        Show::Database { .. } => Request::ShowDatabase,
        Show::Route => Request::ShowRoutes,
        Show::Advertised => Request::ShowAdvertised,
        Show::Counters => Request::ShowCounters,
        Show::Ecmp { vip, from } => Request::ShowEcmp { prefix: vip, from },
    };
    let text = match ask(client, &request).await? {
        Response::Neighbors(rows) => render(&rows, json, |rows| neighbors(rows))?,
        Response::Interfaces(rows) => render(&rows, json, |rows| interfaces(rows))?,
        Response::Database(rows) => {
            let detail =
                matches!(what, Show::Database { detail: true, .. } | Show::Database { depth: Some(_), .. });
            render(&rows, json, |rows| database(rows, detail))?
        }
        Response::Routes(rows) => render(&rows, json, |rows| routes(rows))?,
        Response::Advertised(rows) => render(&rows, json, |rows| advertised(rows))?,
        Response::Counters(rows) => render(&rows, json, |rows| counters(rows))?,
        Response::Instance(view) => render(&view, json, status::instance)?,
        Response::Areas(rows) => render(&rows, json, |rows| status::areas(rows))?,
        Response::Spf(view) => render(&view, json, status::spf)?,
        Response::Log(rows) => render(&rows, json, |rows| status::log(rows))?,
        Response::Metrics(text) => render(&text, json, |text| text.trim_end().to_owned())?,
        Response::Bfd(rows) => render(&rows, json, |rows| bfd::sessions(rows))?,
        Response::Ecmp(view) => render(&view, json, ecmp::table)?,
        Response::Lease(_) | Response::Cleared(_) | Response::Refused(_) => {
            return Err(Failure::Unexpected);
        }
    };
    print(&text)
}

async fn clear(client: &mut Client, neighbor: Option<Ipv4Addr>) -> Result<(), Failure> {
    match ask(client, &Request::ClearNeighbor { neighbor }).await? {
        Response::Cleared(cleared) if cleared.is_empty() => print("there is no neighbour"),
        Response::Cleared(cleared) => {
            let names: Vec<_> = cleared.iter().map(ToString::to_string).collect();
            print(&format!("cleared {}", names.join(", ")))
        }
        _ => Err(Failure::Unexpected),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn render<T: Serialize>(view: &T, json: bool, table: impl Fn(&T) -> String) -> Result<String, Failure> {
    if json { Ok(serde_json::to_string_pretty(view)?) } else { Ok(table(view)) }
}

/// A table without borders, in the manner of vtysh.
fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn neighbors(rows: &[NeighborView]) -> String {
    let header =
        ["Neighbor ID", "Pri", "State", "Up Time", "Dead Time", "Address", "Interface", "RXmtL", "RqstL"];
    table(
        header,
        rows.iter().map(|n| {
            [
                n.neighbor_router_id.to_string(),
                n.nbr_priority.to_string(),
                state(n),
                span(n.state_for_msec),
                span(n.router_dead_interval_timer_due_msec),
                n.address.to_string(),
                n.iface_name.clone(),
                n.link_state_retransmission_list_counter.to_string(),
                n.link_state_request_list_counter.to_string(),
            ]
        }),
    )
}

/// State and role; for one who restarts also how long we go on helping it.
fn state(neighbor: &NeighborView) -> String {
    let NeighborView { nbr_state, role, restarting, .. } = neighbor;
    match restarting {
        Some(restarting) => {
            format!("{nbr_state}/{role} restarting, helped {}", span(restarting.grace_remaining_msec))
        }
        None => format!("{nbr_state}/{role}"),
    }
}

fn interfaces(rows: &[InterfaceView]) -> String {
    let header = [
        "Interface",
        "Address",
        "Area",
        "Type",
        "State",
        "Cost",
        "Pri",
        "Hello",
        "Dead",
        "DR",
        "BDR",
        "Nbrs",
        "Full",
    ];
    table(
        header,
        rows.iter().map(|i| {
            [
                i.name.clone(),
                i.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
                i.area.to_string(),
                i.network_type.clone(),
                i.state.clone(),
                i.cost.to_string(),
                i.priority.to_string(),
                format!("{}s", i.hello_interval),
                format!("{}s", i.router_dead_interval),
                i.dr_address.to_string(),
                i.bdr_address.to_string(),
                i.nbr_count.to_string(),
                i.nbr_full_count.to_string(),
            ]
        }),
    )
}

fn database(rows: &[LsaView], detail: bool) -> String {
    let header = ["Area", "Type", "Link ID", "ADV Router", "Age", "Seq#", "CkSum", "Len", "Self"];
    let row = |l: &LsaView| {
        [
            l.area.map_or_else(|| "AS".to_owned(), |area| area.to_string()),
            l.lsa_type.clone(),
            l.link_state_id.clone(),
            l.advertised_router.to_string(),
            l.lsa_age.to_string(),
            l.sequence_number.clone(),
            l.checksum.clone(),
            l.length.to_string(),
            if l.self_originated { "*" } else { "" }.to_owned(),
        ]
    };
    if !detail {
        return table(header, rows.iter().map(row));
    }
    let sections = rows.iter().map(|lsa| {
        let mut section = table(header, std::iter::once(row(lsa)));
        for line in &lsa.detail {
            section.push_str("\n    ");
            section.push_str(line);
        }
        section
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

fn routes(rows: &[RouteView]) -> String {
    let next_hop = |hop: &RouteNextHopView| match hop.ip {
        Some(ip) => format!("{ip} dev {}", hop.via),
        None => format!("dev {}", hop.via),
    };
    table(
        ["Prefix", "Type", "Cost", "Area", "Next hops"],
        rows.iter().map(|r| {
            let hops: Vec<_> = r.nexthops.iter().map(next_hop).collect();
            [
                r.prefix.to_string(),
                r.route_type.clone(),
                r.type2cost.map_or_else(|| r.cost.to_string(), |type2| format!("{}/{type2}", r.cost)),
                r.area.to_string(),
                if hops.is_empty() { "-".to_owned() } else { hops.join(", ") },
            ]
        }),
    )
}

fn advertised(rows: &[AdvertisedView]) -> String {
    table(
        ["Prefix", "Metric", "Owner", "Originated"],
        rows.iter().map(|a| {
            [
                a.advertisement.prefix.to_string(),
                a.advertisement.metric.to_string(),
                a.owner.clone(),
                if a.originated { "yes" } else { "no" }.to_owned(),
            ]
        }),
    )
}

fn counters(rows: &[CounterView]) -> String {
    table(["Counter", "Value"], rows.iter().map(|c| [c.name.clone(), c.value.to_string()]))
}

/// `1.234s` below a minute, then minutes and hours.
fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds}.{:03}s", millis % 1000),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Holds a lease with one advertisement until Ctrl-C or SIGTERM, then gives it up.
async fn hold(
    client: &mut Client,
    advertisement: Advertisement,
    name: String,
    ttl_ms: u64,
) -> Result<(), Failure> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    let prefix = advertisement.prefix;
    let view = take(client, &advertisement, &name, ttl_ms).await?;
    print(&format!(
        "{prefix} is advertised with metric {} under lease {name}; {} neighbours are Full. Ctrl-C withdraws it.",
        advertisement.metric, view.full_neighbors
    ))?;
    let mut renewal = tokio::time::interval(Duration::from_millis((ttl_ms / 3).max(1)));
    loop {
        tokio::select! {
            result = signal::ctrl_c() => break result?,
            _ = terminate.recv() => break,
            _ = renewal.tick() => match ask(client, &Request::LeaseRenew { name: name.clone() }).await {
                // It lapsed, e.g. while this command was stopped.
                Err(Failure::Refused(refusal)) if refusal.code == RefusalCode::UnknownLease => {
                    take(client, &advertisement, &name, ttl_ms).await?;
                    print(&format!("the lease had lapsed; {prefix} is advertised again"))?;
                }
                result => drop(result?),
            },
        }
    }
    ask(client, &Request::LeaseRelease { name }).await?;
    print(&format!("{prefix} is withdrawn"))
}

async fn take(
    client: &mut Client,
    advertisement: &Advertisement,
    name: &str,
    ttl_ms: u64,
) -> Result<LeaseView, Failure> {
    let opened = ask(client, &Request::LeaseOpen { name: name.to_owned(), ttl_ms }).await?;
    let Response::Lease(view) = opened else { return Err(Failure::Unexpected) };
    let set = Request::SetAdvertised {
        name: name.to_owned(),
        generation: view.generation + 1,
        advertisements: vec![advertisement.clone()],
    };
    match ask(client, &set).await? {
        Response::Lease(view) => Ok(view),
        _ => Err(Failure::Unexpected),
    }
}
