//! `directorctl`: asks a running `director`.

use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use comfy_table::{Color, ContentArrangement, Table, presets};
use common::control::Refusal;
use common::control::director::{Request, Response, ServiceView, StatusView};
use common::control::frame::{Client, ClientError};
use director::config::DEFAULT_SOCKET;
use serde::Serialize;

/// Asks a running director.
///
/// Exit status: 0 done, 1 refused, 2 wrong usage, 3 no connection to the daemon.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The daemon's control socket
    #[arg(long, global = true, default_value = DEFAULT_SOCKET, env = "EVENKEEL_DIRECTOR_SOCKET")]
    socket: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Show VIPs, services and real servers, and why they are as they are
    Status,
    /// Show what would be done to the kernel now, as ipvsadm arguments; nothing when all is as desired
    Plan,
    /// Read the kernel's table now and repair what somebody changed, also what `by_hand = "adopt"` kept; show what is done
    Repair,
    /// Raise the metric of every VIP, so that other directors take its traffic; connections go on
    Drain {
        /// Only this VIP
        #[arg(long)]
        vip: Option<IpAddr>,
    },
    /// Take a drain back
    Undrain {
        /// Only this VIP
        #[arg(long)]
        vip: Option<IpAddr>,
    },
    /// Read the configuration again, as SIGHUP does; with an error, the one in force stays
    Reload,
}

impl Command {
    fn request(self) -> Request {
        match self {
            Self::Status => Request::Status,
            Self::Plan => Request::Plan,
            Self::Repair => Request::Repair,
            Self::Drain { vip } => Request::Drain { vip },
            Self::Undrain { vip } => Request::Undrain { vip },
            Self::Reload => Request::Reload,
        }
    }
}

/// Why the command failed; the exit status tells which.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    fn status(&self) -> u8 {
        match self {
            Self::Client(_) => 3,
            Self::Refused(_) | Self::Output(_) | Self::Json(_) => 1,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("directorctl: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut client = Client::connect(&arguments.socket).await?;
    let text = match client.call(&arguments.command.request()).await? {
        Response::Refused(refusal) => return Err(refusal.into()),
        Response::Status(view) if arguments.json => json(&view)?,
        Response::Status(view) => status(&view, io::stdout().is_terminal()),
        Response::Plan(ops) if arguments.json => json(&ops)?,
        Response::Plan(ops) if ops.is_empty() => "nothing: the kernel's table is as desired".to_owned(),
        Response::Plan(ops) => ops.join("\n"),
        Response::Done(done) if arguments.json => json(&done)?,
        Response::Done(done) => done,
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)?)
}

fn status(view: &StatusView, has_colour: bool) -> String {
    let mut text = format!("director {}, up {}", view.name, span(view.uptime_s));
    if view.drained {
        text.push_str(", drained");
    }
    let sync = if view.in_sync { "as desired" } else { "not as desired; see `directorctl plan`" };
    text.push_str(&format!("\nospfd: {}\nkernel table: {sync}\n", view.ospfd));
    if view.changes > 0 {
        text.push_str(&format!("changes under way: {} of {} done\n", view.changes_done, view.changes));
    }
    for trouble in &view.troubles {
        text.push_str(&format!("trouble: {trouble}\n"));
    }
    text.push_str(&format!("\n{}\n", vips(view, has_colour)));
    for service in &view.services {
        text.push_str(&format!("\n{}", servers(service, has_colour)));
    }
    text.trim_end().to_owned()
}

fn span(seconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}

fn vips(view: &StatusView, has_colour: bool) -> String {
    let mut table = plain(["VIP", "State", "Metric", "Reason"]);
    for vip in &view.vips {
        let colour = match vip.state.as_str() {
            "advertised" => Color::Green,
            "draining" => Color::Yellow,
            _ => Color::Red,
        };
        table.add_row([
            vip.vip.to_string().into(),
            coloured(&vip.state, colour, has_colour),
            vip.metric.map_or("-".to_owned(), |metric| metric.to_string()).into(),
            vip.reason.as_str().into(),
        ]);
    }
    table.trim_fmt()
}

fn servers(service: &ServiceView, has_colour: bool) -> String {
    let state = if service.up { "up" } else { "down" };
    let mut table =
        plain(["  Server", "Address", "Forward", "Weight", "Health", "Active", "Inactive", "Last check"]);
    for server in &service.servers {
        let colour = match server.health.as_str() {
            "up" => Color::Green,
            "down" => Color::Red,
            _ => Color::Yellow,
        };
        let weight = match server.weight {
            Some(weight) if weight == server.configured_weight => weight.to_string(),
            Some(weight) => format!("{weight} of {}", server.configured_weight),
            None => "not there".to_owned(),
        };
        table.add_row([
            format!("  {}", server.name).into(),
            server.address.as_str().into(),
            server.forward.as_str().into(),
            weight.into(),
            coloured(&server.health, colour, has_colour),
            server.active.to_string().into(),
            server.inactive.to_string().into(),
            server.last_result.as_str().into(),
        ]);
    }
    format!("{}: {}, {}, {state}\n{}\n", service.name, service.service, service.scheduler, table.trim_fmt())
}

fn coloured(text: &str, colour: Color, has_colour: bool) -> comfy_table::Cell {
    let cell = comfy_table::Cell::new(text);
    if has_colour { cell.fg(colour) } else { cell }
}

/// A table without borders.
fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}
