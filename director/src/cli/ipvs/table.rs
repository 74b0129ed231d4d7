//! The table and its counters for an operator: filtered, sorted, as columns or JSON.

use std::cmp::Reverse;
use std::net::IpAddr;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::ipvs::entry::{DumpedServer, Stats};
use crate::ipvsadm::Format;
use crate::ipvsadm::list::{self, Rows};
use crate::model::{ServiceArguments, ServiceKey};

/// Which rows are shown, and how.
#[derive(Clone, Copy, Debug, Args)]
pub struct View {
    /// Only services of this VIP
    #[arg(long)]
    vip: Option<IpAddr>,
    /// Only this real server, and services that have it
    #[arg(long)]
    server: Option<IpAddr>,
    /// Order of services, and of the servers in each
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Large numbers in full
    #[arg(long)]
    exact: bool,
    /// Addresses and ports as numbers, which they always are
    #[arg(short, long)]
    numeric: bool,
}

/// Columns of `list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Columns {
    /// Forwarding, weight, connections
    #[default]
    Connections,
    /// The same with the tunnel
    Tunnel,
    /// Limits of connections
    Thresholds,
    /// Persistence templates
    Persistence,
}

/// Orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// As ipvsadm: by address
    #[default]
    Address,
    /// Most active connections first
    Active,
    /// Most new connections per second first
    Rate,
    /// As the kernel tells them
    Kernel,
}

impl Columns {
    pub(super) const fn format(self) -> Format {
        match self {
            Self::Connections => Format::Plain,
            Self::Tunnel => Format::TunnelInfo,
            Self::Thresholds => Format::Thresholds,
            Self::Persistence => Format::PersistentConn,
        }
    }
}

impl View {
    /// The rows to show, in order.
    pub(super) fn select(&self, mut table: Vec<Rows>) -> Vec<Rows> {
        if let Some(vip) = self.vip {
            table.retain(|rows| matches!(rows.key, ServiceKey::Address { vip: own, .. } if own.ip() == vip));
        }
        if let Some(server) = self.server {
            for rows in &mut table {
                rows.servers.retain(|row| row.address.ip() == server);
            }
            table.retain(|rows| !rows.servers.is_empty());
        }
        if self.sort != Sort::Kernel {
            list::sort(&mut table);
        }
        match self.sort {
            Sort::Address | Sort::Kernel => {}
            Sort::Active => {
                table.sort_by_key(|rows| Reverse(active(rows)));
                table.iter_mut().for_each(|rows| rows.servers.sort_by_key(|row| Reverse(row.active)));
            }
            Sort::Rate => {
                table.sort_by_key(|rows| Reverse(rows.stats.rates.connections));
                for rows in &mut table {
                    rows.servers.sort_by_key(|row| Reverse(row.stats.rates.connections));
                }
            }
        }
        table
    }

    /// The rows as text, with their title.
    pub(super) fn text(&self, table: &[Rows], format: Format) -> String {
        let rows: String = table.iter().map(|rows| list::service(rows, format, self.exact)).collect();
        list::title(format) + &rows
    }
}

fn active(rows: &Rows) -> u64 {
    rows.servers.iter().map(|row| u64::from(row.active)).sum()
}

/// The rows as JSON.
pub(super) fn json(table: &[Rows]) -> Value {
    table
        .iter()
        .map(|rows| {
            json!({
                "service": rows.key.to_string(),
                "scheduler": rows.entry.scheduler,
                "options": ServiceArguments(rows.key, &rows.entry).to_string(),
                "statistics": statistics(&rows.stats),
                "servers": rows.servers.iter().map(server).collect::<Value>(),
            })
        })
        .collect()
}

fn server(row: &DumpedServer) -> Value {
    let DumpedServer { address, entry, active, inactive, persistent, stats } = row;
    json!({
        "address": address,
        "forward": entry.forward.to_string(),
        "tunnel": entry.tunnel.to_string(),
        "weight": entry.weight,
        "upper_threshold": entry.upper_threshold,
        "lower_threshold": entry.lower_threshold,
        "active": active,
        "inactive": inactive,
        "persistent": persistent,
        "statistics": statistics(stats),
    })
}

fn statistics(stats: &Stats) -> Value {
    let Stats { connections, in_packets, out_packets, in_bytes, out_bytes, rates } = stats;
    json!({
        "connections": connections,
        "in_packets": in_packets,
        "out_packets": out_packets,
        "in_bytes": in_bytes,
        "out_bytes": out_bytes,
        "per_second": {
            "connections": rates.connections,
            "in_packets": rates.in_packets,
            "out_packets": rates.out_packets,
            "in_bytes": rates.in_bytes,
            "out_bytes": rates.out_bytes,
        },
    })
}
