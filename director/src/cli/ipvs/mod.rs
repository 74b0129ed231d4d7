//! `directorctl ipvs`: the kernel's table by hand, without the director.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::{Failure, json};
use crate::ipvs::Handle;
use crate::ipvsadm::Format;
use crate::ipvsadm::list::{self, Rows};
use crate::model::{ServiceKey, Timeouts};

mod connections;
pub mod front;
mod names;
mod restore;
mod table;

use connections::Style;
use names::HostNames;

/// What is shown of the kernel's table, or done to it.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Virtual services and real servers
    List {
        /// Which rows, in which order
        #[command(flatten)]
        view: table::View,
        /// What is told of each server
        #[arg(long, value_enum, default_value_t)]
        columns: table::Columns,
    },
    /// Counters of services and servers
    Stats(table::View),
    /// Counters per second
    Rate(table::View),
    /// Connections, as a stream; with `--json`, an object per line
    Connections(connections::Filter),
    /// Timeouts of connections
    Timeouts,
    /// Sync daemons that run
    Daemon,
    /// Set counters to 0
    Zero {
        /// Only of this service: `tcp 192.0.2.10:80`, `fwmark 7`
        service: Option<ServiceKey>,
    },
    /// Write the table as lines for `restore` and `ipvsadm -R`, with thresholds
    Save,
    /// Read such lines, check them all, then do them
    Restore {
        /// From this file instead of standard input
        file: Option<PathBuf>,
    },
    /// Delete all virtual services, whoever made them
    Clear,
}

/// Does it, and prints what there is to see.
pub async fn run(command: Command, as_json: bool) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    match command {
        Command::List { view, columns } => show(view, columns.format(), as_json, &mut out).await?,
        Command::Stats(view) => show(view, Format::Stats, as_json, &mut out).await?,
        Command::Rate(view) => show(view, Format::Rate, as_json, &mut out).await?,
        Command::Connections(filter) => {
            connections::show(&filter, if as_json { Style::Json } else { Style::Rows }, &mut out)?;
        }
        Command::Timeouts => {
            let timeouts = Handle::connect().await?.timeouts().await?;
            let Timeouts { tcp, tcp_fin, udp } = timeouts;
            let text = if as_json {
                json(&json!({ "tcp_s": tcp, "tcp_fin_s": tcp_fin, "udp_s": udp }))?
            } else {
                timeouts_line(timeouts)
            };
            writeln!(out, "{text}")?;
        }
        Command::Daemon => daemons(as_json, &mut out).await?,
        Command::Zero { service } => Handle::connect().await?.zero(service).await?,
        Command::Save => save(&mut out).await?,
        Command::Restore { file } => restore::run(&saved_lines(file)?, &HostNames).await?,
        Command::Clear => Handle::connect().await?.flush().await?,
    }
    Ok(out.flush()?)
}

async fn show(view: table::View, format: Format, as_json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let table = view.select(Handle::connect().await?.table().await?);
    let text = if as_json { json(&table::json(&table))? + "\n" } else { view.text(&table, format) };
    Ok(out.write_all(text.as_bytes())?)
}

async fn daemons(as_json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let daemons = Handle::connect().await?.daemons().await?;
    if !as_json {
        for daemon in daemons {
            writeln!(out, "{daemon}")?;
        }
        return Ok(());
    }
    let daemons = daemons.iter().map(|daemon| {
        json!({
            "role": daemon.role.to_string(), "interface": daemon.interface, "sync_id": daemon.sync_id,
            "max_length": daemon.max_length, "group": daemon.group, "port": daemon.port, "ttl": daemon.ttl,
        })
    });
    Ok(writeln!(out, "{}", json(&daemons.collect::<serde_json::Value>())?)?)
}

async fn save(out: &mut impl Write) -> Result<(), Failure> {
    let mut table: Vec<Rows> = Handle::connect().await?.table().await?;
    list::sort(&mut table);
    for rows in &table {
        out.write_all(list::save(rows).as_bytes())?;
    }
    Ok(())
}

fn timeouts_line(timeouts: Timeouts) -> String {
    let Timeouts { tcp, tcp_fin, udp } = timeouts;
    format!("Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}")
}

fn saved_lines(file: Option<PathBuf>) -> Result<String, Failure> {
    let Some(path) = file else {
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text);
        return read.map(|_| text).map_err(|error| Failure::Input {
            path: "standard input".to_owned(),
            problem: error.to_string(),
        });
    };
    fs::read_to_string(&path)
        .map_err(|error| Failure::Input { path: path.display().to_string(), problem: error.to_string() })
}
