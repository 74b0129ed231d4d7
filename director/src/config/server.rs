//! The real servers of a service.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::check;
use super::raw::{RawCheck, RawChecksum, RawForward, RawServer, RawService, RawTunnel, RawTunnelKind};
use super::resolve::Findings;
use crate::model::{CheckSpec, Encapsulation, Forward, RealServer, ServiceKey, Thresholds, TunnelChecksum};

/// What ipvsadm takes at most.
const MAX_WEIGHT: u32 = 65_535;
/// The kernel's `INT_MAX`.
const MAX_THRESHOLD: u32 = 0x7fff_ffff;

/// Reads the servers of one service.
pub(super) struct Servers<'a, 'f, 's> {
    /// Name of the service.
    pub(super) service: &'a str,
    pub(super) raw: &'a RawService,
    pub(super) active_active: bool,
    pub(super) outer: Outer<'a>,
    pub(super) findings: &'f mut Findings<'s>,
}

/// What a real server takes from its service.
pub(super) struct Outer<'a> {
    pub(super) key: &'a ServiceKey,
    pub(super) raw_check: &'a RawCheck,
    pub(super) check: &'a CheckSpec,
}

impl Servers<'_, '_, '_> {
    /// All of them, by name.
    pub(super) fn all(&mut self, vips: &[IpAddr]) -> BTreeMap<String, RealServer> {
        let mut servers = BTreeMap::new();
        let mut names: BTreeMap<SocketAddr, &str> = BTreeMap::new();
        if self.raw.server.is_empty() {
            let help = format!("add one: [service.{}.server.a] with address = \"10.0.0.11\"", self.service);
            self.findings.wrong(&["service", self.service], "the service has no real server", help);
        }
        for (name, raw) in &self.raw.server {
            let Some(server) = self.server(name, raw) else { continue };
            if vips.contains(&server.address.ip()) {
                let help = "give the server's own address, the RIP; the VIP is on its loopback interface";
                let key = ["service", self.service, "server", name, "address"];
                self.findings.wrong(&key, format!("{} is the service's VIP", server.address.ip()), help);
            }
            if let Some(first) = names.insert(server.address, name) {
                self.findings.clash(
                    &["service", self.service, "server", name],
                    &["service", self.service, "server", first],
                    format!("`{name}` and `{first}` are the same real server: {}", server.address),
                    "take one of them out; a bigger share is a bigger weight",
                );
            }
            servers.insert(name.clone(), server);
        }
        servers
    }

    fn server(&mut self, name: &str, raw: &RawServer) -> Option<RealServer> {
        let at = ["service", self.service, "server", name];
        let under = |leaf: &'static str| [at[0], at[1], at[2], at[3], leaf];
        let Some(text) = &raw.address else {
            self.findings.wrong(&at, "the real server has no address", "add address = \"10.0.0.11\"");
            return None;
        };
        let ip = self.findings.address(&under("address"), text)?;
        let forward = self.forward(name, raw);
        if ip.is_ipv6() != self.outer.key.is_ipv6() && !matches!(forward, Forward::Tunnel(_)) {
            let help = "give it an address of the VIP's family, or set forward = \"tunnel\"";
            self.findings.wrong(
                &under("address"),
                format!("{ip} is not of the service's address family"),
                help,
            );
        }
        let port = self.port(raw, self.outer.key, forward, &under("port"));
        let weight = raw.weight.unwrap_or(1);
        if weight > MAX_WEIGHT {
            self.findings.wrong(
                &under("weight"),
                format!("weight {weight} is out of range"),
                "write 0 to 65535",
            );
        }
        if forward == Forward::Nat && self.active_active && self.raw.replies_return != Some(true) {
            self.refuse_nat(name, raw);
        }
        let address = SocketAddr::new(ip, port);
        let check = self.server_check(name, raw, address);
        let thresholds = self.thresholds(raw, &under("lower_threshold"));
        Some(RealServer { address, weight, forward, thresholds, check })
    }

    fn thresholds(&mut self, raw: &RawServer, at: &[&str]) -> Thresholds {
        let upper = raw.upper_threshold.unwrap_or_default();
        let lower = raw.lower_threshold.unwrap_or_default();
        if lower > upper {
            self.findings.wrong(
                at,
                format!("lower_threshold {lower} is above upper_threshold {upper}"),
                "make upper_threshold the greater: above it a server gets no new connections, until it has fewer than \
                 lower_threshold",
            );
        }
        if upper > MAX_THRESHOLD {
            self.findings.wrong(
                at,
                format!("a threshold of {upper} is out of range"),
                "write 0 to 2147483647",
            );
        }
        Thresholds { upper, lower }
    }

    /// The method; a server that says nothing of its tunnel has its service's.
    fn forward(&mut self, name: &str, raw: &RawServer) -> Forward {
        let own = ["service", self.service, "server", name, "tunnel"];
        let outer = ["service", self.service, "tunnel"];
        let (tunnel, at): (_, &[&str]) = match &raw.tunnel {
            Some(tunnel) => (Some(tunnel), &own),
            None => (self.raw.tunnel.as_ref(), &outer),
        };
        let is_tunnelled = raw.forward.or(self.raw.forward) == Some(RawForward::Tunnel);
        if raw.tunnel.is_some() && !is_tunnelled {
            self.findings.wrong(
                &own,
                "this server has no tunnel",
                "set forward = \"tunnel\", or take `tunnel` out",
            );
        }
        match raw.forward.or(self.raw.forward) {
            None | Some(RawForward::Dr) => Forward::Dr,
            Some(RawForward::Nat) => Forward::Nat,
            Some(RawForward::Tunnel) => Forward::Tunnel(self.encapsulation(tunnel, at)),
        }
    }

    fn encapsulation(&mut self, raw: Option<&RawTunnel>, at: &[&str]) -> Encapsulation {
        let Some(raw) = raw else { return Encapsulation::Ipip };
        let kind = raw.kind.unwrap_or_default();
        let mut wrong = |leaf: &str, what: &str, help: &str| {
            let key: Vec<&str> = at.iter().copied().chain([leaf]).collect();
            self.findings.wrong(&key, what, help);
        };
        if kind != RawTunnelKind::Gue && raw.port.is_some() {
            wrong("port", "only a gue tunnel has a port", "set type = \"gue\", or take the port out");
        }
        match (kind, raw.checksum) {
            (RawTunnelKind::Ipip, None) => Encapsulation::Ipip,
            (RawTunnelKind::Ipip, Some(_)) => {
                wrong("checksum", "an ipip tunnel has no checksum", "take it out, or use gue or gre");
                Encapsulation::Ipip
            }
            (RawTunnelKind::Gre, Some(RawChecksum::Remcsum)) => {
                wrong("checksum", "gre has no remote checksum", "write nocsum or csum, or use gue");
                Encapsulation::Gre { checksum: false }
            }
            (RawTunnelKind::Gre, checksum) => {
                Encapsulation::Gre { checksum: checksum == Some(RawChecksum::Csum) }
            }
            (RawTunnelKind::Gue, checksum) => {
                let port = raw.port.filter(|port| *port != 0);
                if port.is_none() {
                    wrong("port", "a gue tunnel needs the server's UDP port", "add port = 6080");
                }
                let checksum = match checksum.unwrap_or_default() {
                    RawChecksum::Nocsum => TunnelChecksum::None,
                    RawChecksum::Csum => TunnelChecksum::Full,
                    RawChecksum::Remcsum => TunnelChecksum::Remote,
                };
                Encapsulation::Gue { port: port.unwrap_or(1), checksum }
            }
        }
    }

    fn refuse_nat(&mut self, name: &str, raw: &RawServer) {
        let own = ["service", self.service, "server", name, "forward"];
        let key: &[&str] =
            if raw.forward == Some(RawForward::Nat) { &own } else { &["service", self.service, "forward"] };
        self.findings.wrong(
            key,
            "`nat` with several directors breaks connections, unless replies return through a director that knows them",
            "use dr or tunnel; or route the servers' replies back through the directors and say so: replies_return = true \
             in the service",
        );
    }

    /// The server's check: its own keys over the service's.
    fn server_check(&mut self, name: &str, raw: &RawServer, address: SocketAddr) -> CheckSpec {
        let own_key = ["service", self.service, "server", name, "check"];
        let Some(own) = &raw.check else {
            let key = ["service", self.service, "check"];
            return check::aimed(
                self.outer.check.clone(),
                self.outer.raw_check.port,
                address,
                &key,
                self.findings,
            );
        };
        let merged = own.over(self.outer.raw_check);
        // A UDP service without any type is told once, at the service.
        let spec = check::resolve(&merged, &own_key, None, self.findings);
        check::refuse_http_keys(own, &spec.kind, &own_key, self.findings);
        check::aimed(spec, merged.port, address, &own_key, self.findings)
    }

    fn port(&mut self, raw: &RawServer, key: &ServiceKey, forward: Forward, at: &[&str]) -> u16 {
        let (service_port, what) = match key {
            ServiceKey::Address { vip, .. } if vip.port() == 0 => (0, "every port, as the client writes it"),
            ServiceKey::Address { vip, .. } => (vip.port(), "the service's port"),
            ServiceKey::FirewallMark { .. } => (0, "no port, since a firewall mark has none"),
        };
        let port = raw.port.unwrap_or(service_port);
        if raw.port == Some(0) {
            self.findings.wrong(at, "port 0 is no port of a server", "write 1 to 65535, or leave it out");
        } else if forward != Forward::Nat && port != service_port {
            self.findings.wrong(
                at,
                format!(
                    "`{}` does not rewrite ports: the server gets packets for {what}, not for {port}",
                    forward.name()
                ),
                "leave `port` out, or use forward = \"nat\"",
            );
        }
        port
    }
}
