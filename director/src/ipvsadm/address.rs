//! Addresses as ipvsadm reads them: `10.0.0.1:80`, `10.0.0.1`, `[2001:db8::1]:80`, `2001:db8::1`, `web.example:http`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Protocol;

/// Who knows the names of hosts and ports.
pub trait Names {
    /// The IPv4 address of a host.
    fn host(&self, name: &str) -> Option<Ipv4Addr>;
    /// The port of a service name.
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16>;
}

/// Knows no names.
#[derive(Clone, Copy, Debug)]
pub struct NumbersOnly;

impl Names for NumbersOnly {
    fn host(&self, _: &str) -> Option<Ipv4Addr> {
        None
    }

    fn port(&self, _: &str, _: Protocol) -> Option<u16> {
        None
    }
}

/// Reads an address, and a port if there is one. `[v6]` without a port is none, as in ipvsadm.
pub(super) fn parse(text: &str, protocol: Protocol, names: &dyn Names) -> Option<(IpAddr, Option<u16>)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (ip, port) = bracketed.split_once("]:")?;
        return Some((IpAddr::V6(ip.parse::<Ipv6Addr>().ok()?), Some(parse_port(port, protocol, names)?)));
    }
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Some((ip.into(), None));
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let port = match port {
        Some(port) => Some(parse_port(port, protocol, names)?),
        None => None,
    };
    let ip = host.parse().ok().or_else(|| names.host(host))?;
    Some((IpAddr::V4(ip), port))
}

fn parse_port(text: &str, protocol: Protocol, names: &dyn Names) -> Option<u16> {
    text.parse().ok().or_else(|| names.port(text, protocol))
}
