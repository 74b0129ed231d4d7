//! Services and their real servers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::check;
use super::raw::{Raw, RawCheck, RawFlag, RawForward, RawServer, RawService};
use super::resolve::Findings;
use crate::model::{CheckSpec, Forward, Protocol, RealServer, Scheduler, SchedulerKind, Service, ServiceKey};

/// What ipvsadm takes at most.
const MAX_WEIGHT: u32 = 65_535;

pub(super) fn services(
    raw: &Raw,
    active_active: bool,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, Service> {
    let mut services = BTreeMap::new();
    let mut names: BTreeMap<ServiceKey, &str> = BTreeMap::new();
    if raw.service.is_empty() {
        findings.wrong(&["service"], "there is no service", "add one: [service.web]");
    }
    for (name, raw_service) in &raw.service {
        let mut reader = Reader { name, raw: raw_service, active_active, findings: &mut *findings };
        let Some(service) = reader.service() else { continue };
        if let Some(first) = names.insert(service.key, name) {
            findings.clash(
                &["service", name],
                &["service", first],
                format!("`{name}` and `{first}` are the same service: {}", service.key),
                "give one of them another vip, port or protocol, or make them one service",
            );
        }
        services.insert(name.clone(), service);
    }
    services
}

/// Reads one service.
struct Reader<'a, 'f, 's> {
    name: &'a str,
    raw: &'a RawService,
    active_active: bool,
    findings: &'f mut Findings<'s>,
}

/// What a real server takes from its service.
struct Outer<'a> {
    key: &'a ServiceKey,
    raw_check: &'a RawCheck,
    check: &'a CheckSpec,
}

impl Reader<'_, '_, '_> {
    fn wrong(&mut self, leaf: &str, what: impl Into<String>, help: impl Into<String>) {
        self.findings.wrong(&["service", self.name, leaf], what, help);
    }

    fn service(&mut self) -> Option<Service> {
        let (key, vips) = self.identity()?;
        let scheduler = self.scheduler();
        let own_check = self.raw.check.clone().unwrap_or_default();
        let check_key = ["service", self.name, "check"];
        // With a check per server, the service's own need not be complete.
        let every_server_says = !self.raw.server.is_empty()
            && self
                .raw
                .server
                .values()
                .all(|server| server.check.as_ref().is_some_and(|check| check.kind.is_some()));
        let protocol = if every_server_says { None } else { self.raw.protocol };
        let check = check::resolve(&own_check, &check_key, protocol, self.findings);
        check::refuse_http_keys(&own_check, &check.kind, &check_key, self.findings);
        let servers = self.servers(&vips, &Outer { key: &key, raw_check: &own_check, check: &check });
        let quorum = self.raw.quorum.unwrap_or(1);
        if quorum == 0 || u32::try_from(self.raw.server.len()).is_ok_and(|servers| quorum > servers) {
            self.wrong(
                "quorum",
                format!("a quorum of {quorum} cannot be met by {} servers", self.raw.server.len()),
                "write a number from 1 to the number of servers",
            );
        }
        Some(Service { key, vips, scheduler, servers, check, quorum })
    }

    fn identity(&mut self) -> Option<(ServiceKey, Vec<IpAddr>)> {
        match self.raw.fwmark {
            Some(mark) => self.mark_identity(mark),
            None => self.address_identity(),
        }
    }

    fn address_identity(&mut self) -> Option<(ServiceKey, Vec<IpAddr>)> {
        if self.raw.vips.is_some() {
            self.wrong("vips", "`vips` belongs to a service with a fwmark", "write vip = \"…\" instead");
        }
        let Some(text) = &self.raw.vip else {
            self.wrong(
                "vip",
                "the service has no VIP",
                "add vip = \"192.0.2.10\", or a fwmark with its vips",
            );
            return None;
        };
        let vip = self.findings.address(&["service", self.name, "vip"], text)?;
        let port = match self.raw.port {
            Some(0) => {
                self.wrong("port", "port 0 is no port of a service", "write 1 to 65535");
                return None;
            }
            Some(port) => port,
            None => {
                self.wrong("port", "the service has no port", "add port = 80");
                return None;
            }
        };
        let protocol = self.raw.protocol.map_or(Protocol::Tcp, Protocol::from);
        Some((ServiceKey::Address { protocol, vip: SocketAddr::new(vip, port) }, vec![vip]))
    }

    fn mark_identity(&mut self, mark: u32) -> Option<(ServiceKey, Vec<IpAddr>)> {
        for (leaf, written) in [
            ("vip", self.raw.vip.is_some()),
            ("port", self.raw.port.is_some()),
            ("protocol", self.raw.protocol.is_some()),
        ] {
            if written {
                let help = format!(
                    "take `{leaf}` out (the VIPs that depend on the mark go into `vips`), or take `fwmark` out"
                );
                self.wrong(leaf, format!("a service with a fwmark has no `{leaf}`"), help);
            }
        }
        if mark == 0 {
            self.wrong("fwmark", "0 is no firewall mark", "write 1 or more");
            return None;
        }
        let texts = self.raw.vips.clone().unwrap_or_default();
        let key = ["service", self.name, "vips"];
        let vips: Vec<IpAddr> = texts.iter().filter_map(|text| self.findings.address(&key, text)).collect();
        if texts.is_empty() {
            self.wrong(
                "vips",
                "no VIP depends on the mark",
                "name the VIPs whose packets are marked: vips = [\"192.0.2.10\"]",
            );
        }
        let first = vips.first()?;
        if vips.iter().any(|vip| vip.is_ipv4() != first.is_ipv4()) {
            self.wrong(
                "vips",
                "a mark serves one address family",
                "make two services, one for IPv4 and one for IPv6",
            );
        }
        Some((ServiceKey::FirewallMark { mark, ipv6: first.is_ipv6() }, vips))
    }

    fn scheduler(&mut self) -> Scheduler {
        let kind = self.raw.scheduler.map_or(
            if self.active_active { SchedulerKind::Mh } else { SchedulerKind::Wlc },
            SchedulerKind::from,
        );
        let by_default = self.active_active && kind == SchedulerKind::Mh;
        let flags = self.raw.flags.as_deref();
        if kind != SchedulerKind::Mh && flags.is_some_and(|flags| !flags.is_empty()) {
            self.wrong(
                "flags",
                format!("`mh-port` and `mh-fallback` do not fit the scheduler `{}`", kind.name()),
                "set scheduler = \"mh\", or take the flags out",
            );
        }
        let has = |flag| flags.map_or(by_default, |flags| flags.contains(&flag));
        Scheduler { kind, fallback: has(RawFlag::MhFallback), port: has(RawFlag::MhPort) }
    }

    fn servers(&mut self, vips: &[IpAddr], outer: &Outer<'_>) -> BTreeMap<String, RealServer> {
        let mut servers = BTreeMap::new();
        let mut names: BTreeMap<SocketAddr, &str> = BTreeMap::new();
        if self.raw.server.is_empty() {
            let help = format!("add one: [service.{}.server.a] with address = \"10.0.0.11\"", self.name);
            self.findings.wrong(&["service", self.name], "the service has no real server", help);
        }
        for (name, raw) in &self.raw.server {
            let Some(server) = self.server(name, raw, outer) else { continue };
            if vips.contains(&server.address.ip()) {
                let help = "give the server's own address, the RIP; the VIP is on its loopback interface";
                let key = ["service", self.name, "server", name, "address"];
                self.findings.wrong(&key, format!("{} is the service's VIP", server.address.ip()), help);
            }
            if let Some(first) = names.insert(server.address, name) {
                self.findings.clash(
                    &["service", self.name, "server", name],
                    &["service", self.name, "server", first],
                    format!("`{name}` and `{first}` are the same real server: {}", server.address),
                    "take one of them out; a bigger share is a bigger weight",
                );
            }
            servers.insert(name.clone(), server);
        }
        servers
    }

    fn server(&mut self, name: &str, raw: &RawServer, outer: &Outer<'_>) -> Option<RealServer> {
        let at = ["service", self.name, "server", name];
        let under = |leaf: &'static str| [at[0], at[1], at[2], at[3], leaf];
        let Some(text) = &raw.address else {
            self.findings.wrong(&at, "the real server has no address", "add address = \"10.0.0.11\"");
            return None;
        };
        let ip = self.findings.address(&under("address"), text)?;
        if ip.is_ipv6() != outer.key.is_ipv6() {
            let help = "give it an address of the VIP's family";
            self.findings.wrong(
                &under("address"),
                format!("{ip} is not of the service's address family"),
                help,
            );
        }
        let forward = raw.forward.or(self.raw.forward).map_or(Forward::Dr, Forward::from);
        let port = self.port(raw, outer.key, forward, &under("port"));
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
        let check = self.server_check(name, raw, address, outer);
        Some(RealServer { address, weight, forward, check })
    }

    fn refuse_nat(&mut self, name: &str, raw: &RawServer) {
        let own = ["service", self.name, "server", name, "forward"];
        let key: &[&str] =
            if raw.forward == Some(RawForward::Nat) { &own } else { &["service", self.name, "forward"] };
        self.findings.wrong(
            key,
            "`nat` with several directors breaks connections, unless replies return through a director that knows them",
            "use dr or tunnel; or route the servers' replies back through the directors and say so: replies_return = true \
             in the service",
        );
    }

    /// The server's check: its own keys over the service's.
    fn server_check(
        &mut self,
        name: &str,
        raw: &RawServer,
        address: SocketAddr,
        outer: &Outer<'_>,
    ) -> CheckSpec {
        let own_key = ["service", self.name, "server", name, "check"];
        let Some(own) = &raw.check else {
            let key = ["service", self.name, "check"];
            return check::aimed(outer.check.clone(), outer.raw_check.port, address, &key, self.findings);
        };
        let merged = own.over(outer.raw_check);
        // A UDP service without any type is told once, at the service.
        let spec = check::resolve(&merged, &own_key, None, self.findings);
        check::refuse_http_keys(own, &spec.kind, &own_key, self.findings);
        check::aimed(spec, merged.port, address, &own_key, self.findings)
    }

    fn port(&mut self, raw: &RawServer, key: &ServiceKey, forward: Forward, at: &[&str]) -> u16 {
        let (service_port, what) = match key {
            ServiceKey::Address { vip, .. } => (vip.port(), "the service's port"),
            ServiceKey::FirewallMark { .. } => (0, "no port, since a firewall mark has none"),
        };
        let port = raw.port.unwrap_or(service_port);
        if raw.port == Some(0) {
            self.findings.wrong(at, "port 0 is no port of a server", "write 1 to 65535, or leave it out");
        } else if forward != Forward::Nat && port != service_port {
            let method = if forward == Forward::Dr { "dr" } else { "tunnel" };
            self.findings.wrong(
                at,
                format!(
                    "`{method}` does not rewrite ports: the server gets packets for {what}, not for {port}"
                ),
                "leave `port` out, or use forward = \"nat\"",
            );
        }
        port
    }
}
