//! The kernel's connections, line by line: never more than one is held.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::IpAddr;

use clap::Args;
use serde_json::json;

use crate::cli::Failure;
use crate::ipvsadm::connection::{Connection, ENGINE_TITLE, TITLE};

/// Which connections are shown.
#[derive(Clone, Debug, Default, Args)]
pub struct Filter {
    /// Only to this VIP
    #[arg(long)]
    vip: Option<IpAddr>,
    /// Only of this client
    #[arg(long)]
    client: Option<IpAddr>,
    /// Only to this real server
    #[arg(long)]
    server: Option<IpAddr>,
    /// Only in this state, as the kernel calls it: `ESTABLISHED`, `FIN_WAIT`, ...
    #[arg(long)]
    state: Option<String>,
    /// Tell also whether each was made here or came from a peer
    #[arg(long)]
    origin: bool,
    /// Addresses and ports as numbers, which they always are
    #[arg(short, long)]
    numeric: bool,
}

impl Filter {
    fn admits(&self, connection: &Connection<'_>) -> bool {
        self.vip.is_none_or(|vip| connection.vip.ip() == vip)
            && self.client.is_none_or(|client| connection.client.ip() == client)
            && self.server.is_none_or(|server| connection.server.ip() == server)
            && self.state.as_ref().is_none_or(|state| connection.state.eq_ignore_ascii_case(state))
    }
}

/// How a connection is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// ipvsadm's columns.
    Rows,
    /// The same, with what persistence engines know.
    EngineRows,
    /// A JSON object per line.
    Json,
}

/// Writes the connections that the filter admits.
pub(super) fn show(filter: &Filter, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    let path = if filter.origin { "/proc/net/ip_vs_conn_sync" } else { "/proc/net/ip_vs_conn" };
    let file = File::open(path)
        .map_err(|error| Failure::Input { path: path.to_owned(), problem: error.to_string() })?;
    copy(BufReader::new(file), filter, style, out)
}

fn copy(mut lines: impl BufRead, filter: &Filter, style: Style, out: &mut impl Write) -> Result<(), Failure> {
    match style {
        Style::Rows => out.write_all(TITLE.as_bytes())?,
        Style::EngineRows => out.write_all(ENGINE_TITLE.as_bytes())?,
        Style::Json => {}
    }
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        // What an engine knows may be any bytes.
        let text = String::from_utf8_lossy(&line);
        let Some(connection) = Connection::parse(&text, filter.origin) else { continue };
        if filter.admits(&connection) {
            write(&connection, style, out)?;
        }
    }
}

fn write(connection: &Connection<'_>, style: Style, out: &mut impl Write) -> io::Result<()> {
    let Connection { protocol, client, vip, server, state, origin, expires, engine } = connection;
    match style {
        Style::Rows => write!(out, "{}", connection.row(false)),
        Style::EngineRows => write!(out, "{}", connection.row(true)),
        Style::Json => {
            let (engine, engine_data) = engine.unzip();
            let object = json!({
                "protocol": protocol, "client": client, "vip": vip, "server": server, "state": state,
                "origin": origin, "expires_s": expires, "engine": engine, "engine_data": engine_data,
            });
            writeln!(out, "{object}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 0A010064 9C40 C0000201 0050 0A020001 0050 ESTABLISHED     899
TCP 0A010065 9C40 C0000201 0050 0A020002 0050 FIN_WAIT        119
UDP 0A010064 9C41 C0000202 0035 0A020001 0035 UDP             299
";

    fn shown(filter: &Filter, style: Style) -> Vec<String> {
        let mut out = Vec::new();
        copy(LINES.as_bytes(), filter, style, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn filters_admit_what_matches_them_all() {
        let ip = |text: &str| Some(text.parse().unwrap());
        let none = Filter::default;
        let cases = [
            (none(), 3),
            (Filter { vip: ip("192.0.2.1"), ..none() }, 2),
            (Filter { client: ip("10.1.0.100"), ..none() }, 2),
            (Filter { server: ip("10.2.0.2"), ..none() }, 1),
            (Filter { state: Some("established".to_owned()), ..none() }, 1),
            (Filter { vip: ip("192.0.2.2"), server: ip("10.2.0.2"), ..none() }, 0),
        ];
        for (filter, count) in cases {
            assert_eq!(shown(&filter, Style::Rows).len(), count + 2, "{filter:?}");
        }
    }

    #[test]
    fn json_has_an_object_per_line() {
        let lines = shown(&Filter::default(), Style::Json);
        let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!((&first["client"], &first["expires_s"]), (&json!("10.1.0.100:40000"), &json!(899)));
    }
}
