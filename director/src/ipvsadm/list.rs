//! The listings of the table, byte for byte as ipvsadm prints them.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::parse::Format;
use crate::ipvs::entry::{DumpedServer, Rates, Stats};
use crate::model::{
    FLAG_PERSISTENT, ForwardMethod, KeyArguments, ServerArguments, ServiceArguments, ServiceEntry, ServiceKey,
};

/// A service with its servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Its identity.
    pub key: ServiceKey,
    /// Its row.
    pub entry: ServiceEntry,
    /// Its counters.
    pub stats: Stats,
    /// Its servers.
    pub servers: Vec<DumpedServer>,
}

/// Puts services and servers into the order of ipvsadm: firewall marks last, IPv4 first, then protocol, address, port.
pub fn sort(table: &mut [Rows]) {
    table.sort_by(|one, other| order(&one.key, &other.key));
    for service in table {
        service.servers.sort_by_key(|server| server.address);
    }
}

fn order(one: &ServiceKey, other: &ServiceKey) -> Ordering {
    let rank = |key: &ServiceKey| match *key {
        ServiceKey::Address { .. } => (0, key.is_ipv6()),
        ServiceKey::FirewallMark { mark, ipv6 } => (mark, ipv6),
    };
    rank(one).cmp(&rank(other)).then(one.cmp(other))
}

/// The lines above the table, without the version.
pub fn title(format: Format) -> String {
    let (first, second) = ("Prot LocalAddress:Port", "  -> RemoteAddress:Port");
    let plain = format!("{first} Scheduler Flags\n{second}           Forward");
    match format {
        Format::Plain => format!("{plain} Weight ActiveConn InActConn\n"),
        Format::TunnelInfo => format!("{plain} TunnelInfo    Weight ActiveConn InActConn\n"),
        Format::Stats => {
            let columns = ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"];
            let [a, b, c, d, e] = columns;
            format!("{first:<33} {a:>8} {b:>8} {c:>8} {d:>8} {e:>8}\n{second}\n")
        }
        Format::Rate => {
            let [a, b, c, d, e] = ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"];
            format!("{first:<33} {a:>8} {b:>8} {c:>8} {d:>8} {e:>8}\n{second}\n")
        }
        Format::Thresholds => {
            let [a, b, c, d] = ["Uthreshold", "Lthreshold", "ActiveConn", "InActConn"];
            format!("{first:<33} {a:<10} {b:<10} {c:<10} {d:<10}\n{second}\n")
        }
        Format::PersistentConn => {
            let [a, b, c, d] = ["Weight", "PersistConn", "ActiveConn", "InActConn"];
            format!("{first:<33} {a:<9} {b:<11} {c:<10} {d:<10}\n{second}\n")
        }
    }
}

/// A service and its servers.
pub fn service(rows: &Rows, format: Format, exact: bool) -> String {
    let mut text = match rows.key {
        ServiceKey::Address { protocol, vip } => {
            format!("{:<4} {vip}", protocol.to_string().to_uppercase())
        }
        ServiceKey::FirewallMark { mark, ipv6: false } => format!("FWM  {mark}"),
        ServiceKey::FirewallMark { mark, ipv6: true } => format!("FWM  {mark} IPv6"),
    };
    match format {
        Format::Stats => text = format!("{text:<33}{}", counters(&rows.stats, exact)),
        Format::Rate => text = format!("{text:<33}{}", rates(&rows.stats.rates, exact)),
        Format::Plain | Format::TunnelInfo | Format::Thresholds | Format::PersistentConn => {
            let _ = write!(text, " {}", description(&rows.key, &rows.entry));
        }
    }
    text.push('\n');
    for row in &rows.servers {
        server(&mut text, row, format, exact);
    }
    text
}

/// Scheduler, flags, persistence.
fn description(key: &ServiceKey, entry: &ServiceEntry) -> String {
    let mut text = entry.to_string();
    // ipvsadm tells a narrow mask also without persistence; the entry tells it with persistence only.
    if entry.flags & FLAG_PERSISTENT == 0
        && let Some(mask) = entry.narrow_mask(key.is_ipv6())
    {
        let _ = write!(text, " mask {mask}");
    }
    text
}

fn server(text: &mut String, row: &DumpedServer, format: Format, exact: bool) {
    let DumpedServer { address, entry, active, inactive, persistent, stats } = row;
    let name = address.to_string();
    let weight = entry.weight;
    let _ = write!(text, "  -> {name:<28}");
    let _ = match format {
        Format::Plain => write!(text, " {:<7} {weight:<6} {active:<10} {inactive:<10}", entry.forward),
        Format::TunnelInfo => {
            let tunnel = match entry.forward {
                ForwardMethod::Tunnel => entry.tunnel.to_string(),
                _ => "n/a".to_owned(),
            };
            write!(text, " {:<7} {tunnel:<13} {weight:<6} {active:<10} {inactive:<10}", entry.forward)
        }
        Format::Stats => write!(text, "{}", counters(stats, exact)),
        Format::Rate => {
            let Rates { connections, in_packets, out_packets, in_bytes, out_bytes } = stats.rates;
            let bytes = [in_bytes, out_bytes].map(|number| large(number, exact)).concat();
            write!(text, " {connections:>8} {in_packets:>8} {out_packets:>8}{bytes}")
        }
        Format::Thresholds => {
            let (upper, lower) = (entry.upper_threshold, entry.lower_threshold);
            write!(text, " {upper:<10} {lower:<10} {active:<10} {inactive:<10}")
        }
        Format::PersistentConn => write!(text, " {weight:<9} {persistent:<11} {active:<10} {inactive:<10}"),
    };
    text.push('\n');
}

fn counters(stats: &Stats, exact: bool) -> String {
    let Stats { connections, in_packets, out_packets, in_bytes, out_bytes, .. } = *stats;
    [connections, in_packets, out_packets, in_bytes, out_bytes].map(|number| large(number, exact)).concat()
}

fn rates(rates: &Rates, exact: bool) -> String {
    let Rates { connections, in_packets, out_packets, in_bytes, out_bytes } = *rates;
    [connections, in_packets, out_packets, in_bytes, out_bytes].map(|number| large(number, exact)).concat()
}

/// A number in a column of nine; one that is too long is cut to thousands, millions, ... unless it is asked exactly.
fn large(number: u64, exact: bool) -> String {
    if exact {
        let digits = number.to_string();
        let width = if digits.len() <= 8 { 9 } else { digits.len() + 1 };
        return format!("{digits:>width$}");
    }
    match number {
        0..100_000_000 => format!("{number:>9}"),
        100_000_000..1_000_000_000 => format!("{:>8}K", number / 1000),
        1_000_000_000..100_000_000_000 => format!("{:>8}M", number / 1_000_000),
        100_000_000_000..100_000_000_000_000 => format!("{:>8}G", number / 1_000_000_000),
        _ => format!("{:>8}T", number / 1_000_000_000_000),
    }
}

/// The lines that restore a service and its servers.
pub fn save(rows: &Rows) -> String {
    let key = KeyArguments(rows.key);
    let mut text = format!("-A {key} {}\n", ServiceArguments(rows.key, &rows.entry));
    for DumpedServer { address, entry, .. } in &rows.servers {
        let _ = writeln!(text, "-a {key} {}", ServerArguments(*address, entry));
    }
    text
}

#[cfg(test)]
mod tests;
