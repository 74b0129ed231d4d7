//! Services. Their real servers are in [`super::server`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::check;
use super::raw::{Raw, RawByHand, RawFlag, RawProtocol, RawService};
use super::resolve::Findings;
use super::server::{self, Outer};
use crate::model::{
    MAX_TIMEOUT, Persistence, PersistenceEngine, Protocol, Scheduler, SchedulerKind, Service, ServiceKey,
};

/// As ipvsadm: five minutes.
const DEFAULT_PERSISTENCE: Duration = Duration::from_secs(300);

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
        let persistence = self.persistence(&key);
        let one_packet = self.one_packet();
        let outer = Outer { key: &key, raw_check: &own_check, check: &check };
        let servers = server::Servers {
            service: self.name,
            raw: self.raw,
            active_active: self.active_active,
            outer,
            findings: self.findings,
        }
        .all(&vips);
        let quorum = self.raw.quorum.unwrap_or(1);
        if quorum == 0 || u32::try_from(self.raw.server.len()).is_ok_and(|servers| quorum > servers) {
            self.wrong(
                "quorum",
                format!("a quorum of {quorum} cannot be met by {} servers", self.raw.server.len()),
                "write a number from 1 to the number of servers",
            );
        }
        let adopts_by_hand = self.raw.by_hand == Some(RawByHand::Adopt);
        Some(Service {
            adopts_by_hand,
            key,
            vips,
            scheduler,
            one_packet,
            persistence,
            servers,
            check,
            quorum,
        })
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
            Some(0) if self.raw.persistence.is_none() => {
                let help = "write 1 to 65535; or add [service.NAME.persistence]: a client's packets to any port then \
                            meet the same server";
                self.wrong("port", "port 0, which is every port, needs persistence", help);
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
        let by_default = self.active_active && kind.takes_flags();
        let flags = self.raw.flags.as_deref();
        let [port, fallback] = match kind {
            SchedulerKind::Sh => [RawFlag::ShPort, RawFlag::ShFallback],
            _ => [RawFlag::MhPort, RawFlag::MhFallback],
        };
        let fits = |flag: &RawFlag| kind.takes_flags() && (*flag == port || *flag == fallback);
        if flags.is_some_and(|flags| !flags.iter().all(fits)) {
            let help = match kind {
                SchedulerKind::Mh => "write mh-port and mh-fallback",
                SchedulerKind::Sh => "write sh-port and sh-fallback",
                _ => "set scheduler = \"mh\" or \"sh\", or take the flags out",
            };
            self.wrong("flags", format!("these flags do not fit the scheduler `{}`", kind.name()), help);
        }
        let has = |flag| flags.map_or(by_default, |flags| flags.contains(&flag));
        Scheduler { kind, fallback: has(fallback), port: has(port) }
    }

    fn one_packet(&mut self) -> bool {
        let is_wanted = self.raw.one_packet.unwrap_or_default();
        if is_wanted && self.raw.fwmark.is_none() && self.raw.protocol != Some(RawProtocol::Udp) {
            let help = "set protocol = \"udp\", or take `one_packet` out";
            self.wrong("one_packet", "only UDP can be scheduled datagram by datagram", help);
        }
        is_wanted
    }

    fn persistence(&mut self, key: &ServiceKey) -> Option<Persistence> {
        let raw = self.raw.persistence.as_ref()?;
        let at = |leaf: &'static str| ["service", self.name, "persistence", leaf];
        let timeout = raw.timeout.unwrap_or(DEFAULT_PERSISTENCE);
        let timeout = seconds(timeout, &at("timeout"), self.findings);
        let longest = if key.is_ipv6() { 128 } else { 32 };
        let prefix = match (&raw.netmask, raw.prefix) {
            (Some(_), Some(_)) => {
                self.findings.wrong(
                    &at("netmask"),
                    "`netmask` and `prefix` say the same",
                    "keep one of them",
                );
                longest
            }
            (Some(text), None) => self.netmask(text, key, &at("netmask")),
            (None, prefix) => prefix.unwrap_or(longest),
        };
        if !(1..=longest).contains(&prefix) {
            self.findings.wrong(
                &at("prefix"),
                format!("a prefix of {prefix} bits is out of range"),
                format!("write 1 to {longest}; {longest}, the default, tells single clients apart"),
            );
        }
        let engine = raw.engine.map(PersistenceEngine::from);
        if engine.is_some() && self.raw.fwmark.is_none() && self.raw.protocol != Some(RawProtocol::Udp) {
            let help = "set protocol = \"udp\", or take the engine out";
            self.findings.wrong(&at("engine"), "the engine `sip` reads SIP over UDP only", help);
        }
        Some(Persistence { timeout, prefix, engine })
    }

    /// A dotted mask as a number of bits.
    fn netmask(&mut self, text: &str, key: &ServiceKey, at: &[&str]) -> u8 {
        let mask = text.parse::<Ipv4Addr>().map(u32::from);
        let bits = mask.as_ref().map_or(0, |mask| mask.leading_ones());
        let is_whole = mask.is_ok_and(|mask| mask.count_ones() == bits);
        match u8::try_from(bits) {
            Ok(bits) if is_whole && bits > 0 && !key.is_ipv6() => bits,
            _ => {
                let help = "write it like 255.255.255.0, or prefix = 24; for IPv6 there is only `prefix`";
                self.findings.wrong(at, format!("`{text}` is no netmask of this service"), help);
                if key.is_ipv6() { 128 } else { 32 }
            }
        }
    }
}

/// A time as the whole seconds that the kernel counts.
pub(super) fn seconds(time: Duration, key: &[&str], findings: &mut Findings<'_>) -> u32 {
    let seconds = u32::try_from(time.as_secs()).ok().filter(|seconds| (1..=MAX_TIMEOUT).contains(seconds));
    match seconds {
        Some(seconds) if time.subsec_nanos() == 0 => seconds,
        _ => {
            findings.wrong(
                key,
                format!("{} is no time that IPVS can keep", humantime::format_duration(time)),
                "write whole seconds, 1s to 31days",
            );
            1
        }
    }
}
