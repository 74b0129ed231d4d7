//! Lines of `/proc/net/ip_vs_conn` and `/proc/net/ip_vs_conn_sync`, one at a time.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first lines of the listing.
pub const TITLE: &str = "IPVS connection entries\n\
    pro expire state       source             virtual            destination\n";
/// The first lines with what persistence engines know.
pub const ENGINE_TITLE: &str = "IPVS connection entries\n\
    pro expire state       source             virtual            destination        pe name          pe_data\n";

/// One entry of the connection table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// `TCP`, `UDP`, ...; `IP` is a template of a firewall mark.
    pub protocol: &'a str,
    /// The client; port 0 is a template.
    pub client: SocketAddr,
    /// The VIP.
    pub vip: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// As the kernel calls it.
    pub state: &'a str,
    /// `LOCAL` or `SYNC`, in `ip_vs_conn_sync`.
    pub origin: Option<&'a str>,
    /// Seconds left.
    pub expires: u64,
    /// Name of the persistence engine, and what it knows.
    pub engine: Option<(&'a str, &'a str)>,
}

impl<'a> Connection<'a> {
    /// Reads a line; absent for the header and for what cannot be read.
    pub fn parse(line: &'a str, has_origin: bool) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let protocol = fields.next()?;
        let mut end = || Some(SocketAddr::new(address(fields.next()?)?, port(fields.next()?)?));
        let (client, vip, server) = (end()?, end()?, end()?);
        let state = fields.next()?;
        let origin = if has_origin { Some(fields.next()?) } else { None };
        let expires = fields.next()?.parse().ok()?;
        let engine = fields.next().zip(fields.next());
        Some(Self { protocol, client, vip, server, state, origin, expires, engine })
    }

    /// The row of ipvsadm, with a line end.
    pub fn row(&self, with_engine: bool) -> Row<'_> {
        Row { connection: self, with_engine }
    }
}

/// A connection as a row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    connection: &'a Connection<'a>,
    with_engine: bool,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection { protocol, client, vip, server, state, origin, expires, engine } = self.connection;
        let expire = format!("{:02}:{:02}", expires / 60, expires % 60);
        let [client, vip, server] = [client, vip, server].map(ToString::to_string);
        write!(f, "{protocol:<3} {expire:<6} {state:<11} {client:<18} {vip:<18} ")?;
        match engine.filter(|_| self.with_engine) {
            Some((name, data)) => write!(f, "{server:<16} {name:<18} {data}")?,
            None => f.write_str(&server)?,
        }
        if let Some(origin) = origin {
            write!(f, " {origin}")?;
        }
        f.write_char('\n')
    }
}

/// `0A010064`, or `2001:0db8:0000:0000:0000:0000:0000:0001`.
fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    (text.len() == 8).then_some(())?;
    u32::from_str_radix(text, 16).ok().map(|number| Ipv4Addr::from(number).into())
}

fn port(text: &str) -> Option<u16> {
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_line_becomes_a_row() {
        let line = "TCP 0A010064 9C40 C0000201 0050 0A020001 0050 ESTABLISHED     899";
        let connection = Connection::parse(line, false).unwrap();
        let row = "TCP 14:59  ESTABLISHED 10.1.0.100:40000   192.0.2.1:80       10.2.0.1:80\n";
        assert_eq!(connection.row(true).to_string(), row);
    }

    #[test]
    fn an_ipv6_line_with_an_engine_becomes_a_row_that_tells_it_when_asked() {
        let line = "UDP 2001:0db8:0000:0000:0000:0000:0000:0001 0000 2001:0db8:0000:0000:0000:0000:0000:0002 13C4 \
                    0A020001 13C4 UDP              59 sip call@host";
        let connection = Connection::parse(line, false).unwrap();
        assert_eq!(connection.engine, Some(("sip", "call@host")));
        let row = "UDP 00:59  UDP         [2001:db8::1]:0    [2001:db8::2]:5060 10.2.0.1:5060";
        assert_eq!(connection.row(false).to_string(), format!("{row}\n"));
        assert_eq!(connection.row(true).to_string(), format!("{row}    sip                call@host\n"));
    }

    #[test]
    fn the_origin_stands_where_the_file_has_it() {
        let line = "TCP 0A010064 9C40 C0000201 0050 0A020001 0050 FIN_WAIT    SYNC       12";
        let connection = Connection::parse(line, true).unwrap();
        assert_eq!((connection.origin, connection.expires), (Some("SYNC"), 12));
    }

    #[test]
    fn the_header_and_torn_lines_are_no_connections() {
        for line in [
            "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData",
            "",
            "TCP 0A010064 9C40",
            "TCP 0A01006 9C40 C0000201 0050 0A020001 0050 ESTABLISHED     899",
        ] {
            assert_eq!(Connection::parse(line, false), None, "{line}");
        }
    }
}
