//! From `Raw` to [`Settings`]: the daemon's own keys and the VIPs. Services are in [`super::service`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use common::config::{Diagnostics, Sources};
use common::control::ospf::Encoding;
use common::telemetry::LogFormat;

use super::raw::Raw;
use super::service::seconds;
use super::{DEFAULT_SOCKET, Routing, Settings};
use crate::model::{Config, Service, Timeouts, VipConfig};
use crate::runtime::announcer::DEFAULT_DEVICE;
use crate::runtime::ownership::DEFAULT_STATE_DIR;

const DEFAULT_OSPFD_SOCKET: &str = "/run/evenkeel/ospfd.sock";
const DEFAULT_MODPROBE: &str = "/sbin/modprobe";
const DEFAULT_RESYNC: Duration = Duration::from_secs(5);
const DEFAULT_LEASE_TTL: Duration = Duration::from_secs(3);
const DEFAULT_MAX_PROBES: usize = 256;
const DEFAULT_METRIC: u16 = 10;
/// The largest metric of a stub link: every other director is preferred.
const DEFAULT_DRAIN_METRIC: u16 = u16::MAX;
/// Below this, a renewal every third of it would be lost to scheduling alone.
const SHORTEST_LEASE: Duration = Duration::from_millis(300);
const SHORTEST_RESYNC: Duration = Duration::from_millis(100);
/// IFNAMSIZ without the terminating zero.
const LONGEST_DEVICE_NAME: usize = 15;

/// What is found wrong while resolving, and where things stand.
pub(super) struct Findings<'a> {
    sources: &'a Sources,
    found: Diagnostics,
}

impl Findings<'_> {
    /// The value at `key` is wrong: what, and what to do.
    pub(super) fn wrong(&mut self, key: &[&str], what: impl Into<String>, help: impl Into<String>) {
        self.found.push(self.sources.diagnostic(key, what).help(help));
    }

    /// Two places contradict each other.
    pub(super) fn clash(&mut self, key: &[&str], first: &[&str], what: String, help: &str) {
        let diagnostic = self.sources.diagnostic(key, what).also(self.sources, first, "the first is here");
        self.found.push(diagnostic.help(help));
    }

    /// An address without prefix length.
    pub(super) fn address(&mut self, key: &[&str], text: &str) -> Option<IpAddr> {
        let parsed = text.parse::<IpAddr>();
        if let Err(error) = &parsed {
            let help = match text.split_once('/') {
                Some((address, _)) => {
                    format!("write the address alone, without its prefix length: `{address}`")
                }
                None => "write it like 192.0.2.10 or 2001:db8::10".to_owned(),
            };
            self.wrong(key, format!("`{text}` is no IP address: {error}"), help);
            return None;
        }
        let address = parsed.ok()?;
        if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            self.wrong(key, format!("{address} is no address of a host"), "use a unicast address");
            return None;
        }
        Some(address)
    }
}

pub(super) fn settings(
    raw: &Raw,
    sources: &Sources,
    host_name: impl FnOnce() -> String,
) -> Result<Settings, Diagnostics> {
    let mut findings = Findings { sources, found: Diagnostics::default() };
    let name = raw.name.clone().unwrap_or_else(host_name);
    let peers = raw.peers.clone().unwrap_or_default();
    if name.is_empty() {
        findings.wrong(&["name"], "the director has no name", "give it one: name = \"d1\"");
    }
    if peers.contains(&name) {
        let help = "name only the other directors; without any, leave `peers` out";
        findings.wrong(&["peers"], format!("`{name}` is this director itself"), help);
    }
    let routing = routing(raw, &mut findings);
    let active_active = !peers.is_empty();
    let services = super::service::services(raw, active_active, &mut findings);
    let vips = vips(raw, &services, &routing, &mut findings);
    let settings = Settings {
        model: Config { name, vips, services, active_active, timeouts: timeouts(raw, &mut findings) },
        peers,
        control_socket: raw.control.socket.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET)),
        routing,
        vip_device: vip_device(raw, &mut findings),
        resync: at_least(&mut findings, "resync", raw.resync.unwrap_or(DEFAULT_RESYNC), SHORTEST_RESYNC),
        modprobe: modprobe(raw, &mut findings),
        max_probes: raw.max_probes.unwrap_or(DEFAULT_MAX_PROBES),
        state_dir: raw.state_dir.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE_DIR)),
        log_filter: raw.log.filter.clone().unwrap_or_else(|| "info".to_owned()),
        log_format: raw.log.format.map(LogFormat::from).unwrap_or_default(),
    };
    if settings.max_probes == 0 {
        findings.wrong(&["max_probes"], "no probe could ever start", "leave it out, or write at least 1");
    }
    findings.found.into_result()?;
    Ok(settings)
}

fn at_least(findings: &mut Findings<'_>, key: &str, value: Duration, least: Duration) -> Duration {
    if value < least {
        let path: Vec<&str> = key.split('.').collect();
        let least = humantime::format_duration(least);
        findings.wrong(
            &path,
            format!("{} is too short for `{key}`", humantime::format_duration(value)),
            format!("write at least {least}"),
        );
    }
    value
}

fn routing(raw: &Raw, findings: &mut Findings<'_>) -> Routing {
    if raw.ospfd.enabled == Some(false) {
        return Routing::Addresses;
    }
    let ttl = raw.ospfd.lease_ttl.unwrap_or(DEFAULT_LEASE_TTL);
    Routing::Ospfd {
        socket: raw.ospfd.socket.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_OSPFD_SOCKET)),
        lease_ttl: at_least(findings, "ospfd.lease_ttl", ttl, SHORTEST_LEASE),
    }
}

/// Timeouts that are not said are the kernel's own defaults, so that all directors have the same.
fn timeouts(raw: &Raw, findings: &mut Findings<'_>) -> Option<Timeouts> {
    let raw = raw.ipvs.timeouts.as_ref()?;
    let mut read = |leaf: &str, time: Option<Duration>, default| {
        time.map_or(default, |time| seconds(time, &["ipvs", "timeouts", leaf], findings))
    };
    let default = Timeouts::default();
    Some(Timeouts {
        tcp: read("tcp", raw.tcp, default.tcp),
        tcp_fin: read("tcp_fin", raw.tcp_fin, default.tcp_fin),
        udp: read("udp", raw.udp, default.udp),
    })
}

fn modprobe(raw: &Raw, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let path = raw.ipvs.modprobe.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_MODPROBE));
    if !path.is_absolute() {
        let what = format!("`{}` is no absolute path: what it starts would depend on $PATH", path.display());
        findings.wrong(&["ipvs", "modprobe"], what, "write it like /sbin/modprobe");
    }
    raw.ipvs.load_modules.unwrap_or(true).then_some(path)
}

fn vip_device(raw: &Raw, findings: &mut Findings<'_>) -> String {
    let name = raw.vip_device.clone().unwrap_or_else(|| DEFAULT_DEVICE.to_owned());
    let fits = (1..=LONGEST_DEVICE_NAME).contains(&name.len())
        && !name.contains(|letter: char| letter == '/' || letter.is_whitespace());
    if !fits {
        let help = "an interface name has 1 to 15 characters, no slash and no space";
        findings.wrong(&["vip_device"], format!("`{name}` cannot be the name of an interface"), help);
    }
    name
}

fn vips(
    raw: &Raw,
    services: &BTreeMap<String, Service>,
    routing: &Routing,
    findings: &mut Findings<'_>,
) -> BTreeMap<IpAddr, VipConfig> {
    let used: BTreeSet<IpAddr> = services.values().flat_map(|service| service.vips.iter().copied()).collect();
    let default = VipConfig {
        metric: DEFAULT_METRIC,
        drain_metric: DEFAULT_DRAIN_METRIC,
        encoding: Encoding::default(),
    };
    let mut vips: BTreeMap<IpAddr, VipConfig> = used.iter().map(|vip| (*vip, default.clone())).collect();
    for (text, raw_vip) in &raw.vip {
        let key = ["vip", text.as_str()];
        let Some(vip) = findings.address(&key, text) else { continue };
        let config = VipConfig {
            metric: raw_vip.metric.unwrap_or(DEFAULT_METRIC),
            drain_metric: raw_vip.drain_metric.unwrap_or(DEFAULT_DRAIN_METRIC),
            encoding: raw_vip.encoding.unwrap_or_default(),
        };
        if config.drain_metric <= config.metric {
            findings.wrong(
                &["vip", text, if raw_vip.drain_metric.is_some() { "drain_metric" } else { "metric" }],
                format!(
                    "a drain would not move traffic: drain_metric {} ≤ metric {}",
                    config.drain_metric, config.metric
                ),
                "make drain_metric greater than metric; left out, it is 65535",
            );
        }
        // Services that are themselves wrong are not in `used`: look at what they name, too.
        if !used.contains(&vip) && !is_named(raw, text) {
            let help = format!("give it one (vip = \"{vip}\"), or take [vip.\"{vip}\"] out");
            findings.wrong(&key, format!("no service has the VIP {vip}"), help);
        }
        vips.insert(vip, config);
    }
    if matches!(routing, Routing::Ospfd { .. }) {
        for vip in vips.keys().filter(|vip| vip.is_ipv6()) {
            let help = "ospfd speaks OSPFv2, which carries IPv4; set ospfd.enabled = false and let another routing daemon \
                        redistribute the VIP device";
            findings.wrong(&["vip", &vip.to_string()], format!("ospfd cannot advertise {vip}"), help);
        }
    }
    vips
}

fn is_named(raw: &Raw, vip: &str) -> bool {
    raw.service.values().any(|service| {
        service.vip.as_deref() == Some(vip) || service.vips.iter().flatten().any(|named| named == vip)
    })
}
