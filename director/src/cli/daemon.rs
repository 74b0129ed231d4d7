//! The subcommands that ask a running director over its control socket.

use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::path::Path;

use clap::Subcommand;
use common::control::director::{Request, Response};
use common::control::frame::Client;

use super::{Failure, json, status};

/// What a running director is asked.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
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

/// Asks, and prints the answer.
pub async fn run(command: Command, socket: &Path, as_json: bool) -> Result<(), Failure> {
    let mut client = Client::connect(socket).await?;
    let text = match client.call(&command.request()).await? {
        Response::Refused(refusal) => return Err(refusal.into()),
        Response::Status(view) if as_json => json(&view)?,
        Response::Status(view) => status::text(&view, io::stdout().is_terminal()),
        Response::Plan(ops) if as_json => json(&ops)?,
        Response::Plan(ops) if ops.is_empty() => "nothing: the kernel's table is as desired".to_owned(),
        Response::Plan(ops) => ops.join("\n"),
        Response::Done(done) if as_json => json(&done)?,
        Response::Done(done) => done,
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
