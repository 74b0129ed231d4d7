//! Names of hosts and ports, as this host knows them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

use crate::ipvsadm::Names;
use crate::model::Protocol;

const SERVICES: &str = "/etc/services";

/// Asks the host's resolver and `/etc/services`.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostNames;

impl Names for HostNames {
    fn host(&self, name: &str) -> Option<Ipv4Addr> {
        let mut addresses = (name, 0).to_socket_addrs().ok()?;
        addresses.find_map(|address| match address {
            SocketAddr::V4(address) => Some(*address.ip()),
            SocketAddr::V6(_) => None,
        })
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        find_port(&fs::read_to_string(SERVICES).ok()?, name, protocol)
    }
}

/// Finds `http  80/tcp  www  # comment` by its name or one of its aliases.
fn find_port(services: &str, name: &str, protocol: Protocol) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (first, number) = (words.next()?, words.next()?);
        let (port, transport) = number.split_once('/')?;
        let is_it = transport == protocol.to_string() && (first == name || words.any(|alias| alias == name));
        is_it.then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_by_name_alias_and_protocol() {
        let services = "# ports\nhttp\t80/tcp\twww\t# web\ndomain 53/tcp\ndomain 53/udp\n";
        assert_eq!(find_port(services, "http", Protocol::Tcp), Some(80));
        assert_eq!(find_port(services, "www", Protocol::Tcp), Some(80));
        assert_eq!(find_port(services, "domain", Protocol::Udp), Some(53));
        assert_eq!(find_port(services, "http", Protocol::Udp), None);
        assert_eq!(find_port(services, "web", Protocol::Tcp), None);
    }
}
