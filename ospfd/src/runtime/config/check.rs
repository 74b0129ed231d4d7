//! From what was written to what can be run.

mod area;
mod auth;
mod bfd;
mod graceful_restart;
mod guard;
mod nssa;
mod routing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::config::{Diagnostic, Diagnostics, Document, Sources};
use common::control::ospf::{Advertisement, Encoding};
use common::ids::RouterId;
use common::telemetry::LogFormat;
use ipnetwork::IpNetwork;

use super::raw::{
    Raw, RawAdvertise, RawControl, RawInterface, RawLog, RawLogFormat, RawMetrics, RawNetworkType,
};
use super::{DEFAULT_SOCKET, DEFAULT_STATE_DIR, Settings, Written};
use crate::core::advertise;
use crate::core::config::{Config, InterfaceConfig, NetworkType};

const DEFAULT_COST: u16 = 10;
/// RFC 2328 appendix C.3 gives 10 s as the example for a LAN; so do FRR and BIRD.
const DEFAULT_HELLO: Duration = Duration::from_secs(10);
/// RFC 2328 appendix C.3: some multiple of HelloInterval; 4 with everyone.
const DEAD_PER_HELLO: u32 = 4;
const DEFAULT_RETRANSMIT: Duration = Duration::from_secs(5);
const DEFAULT_TRANSMIT_DELAY: Duration = Duration::from_secs(1);
/// Longest interface name, in bytes (`IFNAMSIZ` without its zero).
const MAX_NAME: usize = 15;

/// Checks everything, and finds every error rather than the first.
pub(super) fn check(path: &Path, document: &Document<Raw>) -> Result<Settings, Diagnostics> {
    let raw = &document.value;
    let mut checker = Checker { path, sources: &document.sources, found: Diagnostics::default() };
    let router_id = checker.router_id(raw.router_id);
    let interfaces: BTreeMap<_, _> =
        raw.interface.iter().map(|(name, raw)| (name.clone(), checker.interface(name, raw))).collect();
    let areas = checker.areas(&raw.area, &interfaces);
    let (key_chains, keyed) = checker.key_chains(raw);
    let static_advertisements = checker.advertisements(&raw.advertise);
    let routes = checker.routes(&raw.routes);
    let scheduling = checker.scheduling(&raw.scheduling);
    let routing = checker.routing(&raw.routes, &raw.spf);
    let core = Config {
        router_id,
        transit: raw.transit.unwrap_or(false),
        interfaces,
        areas,
        static_advertisements,
        routing,
        graceful_restart: checker.graceful_restart(raw.graceful_restart),
        max_lsas: checker.max_lsas(raw.max_lsas),
    };
    checker.externals_leave(&core);
    checker.found.into_result()?;

    let mut settings = Settings {
        core,
        key_chains,
        keyed,
        state_dir: raw.state_dir.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE_DIR)),
        routes,
        scheduling,
        socket: raw.control.socket.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET)),
        metrics: raw.metrics.listen,
        log_filter: raw.log.filter.clone().unwrap_or_else(|| "info".to_owned()),
        log_format: match raw.log.format {
            None | Some(RawLogFormat::Text) => LogFormat::Text,
            Some(RawLogFormat::Json) => LogFormat::Json,
        },
        written: Written::default(),
        normal_form: String::new(),
    };
    let as_toml = |raw: &Raw| {
        toml::to_string(raw).map_err(|error| {
            document.sources.diagnostic(&[], format!("the configuration cannot be written as TOML: {error}"))
        })
    };
    settings.written = Written(as_toml(raw)?);
    settings.normal_form = as_toml(&normal(&settings, raw))?;
    Ok(settings)
}

struct Checker<'a> {
    path: &'a Path,
    sources: &'a Sources,
    found: Diagnostics,
}

impl Checker<'_> {
    /// Notes an error at `key`, and what to do about it.
    fn refuse(&mut self, key: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let diagnostic: Diagnostic = self.sources.diagnostic(key, message);
        self.found.push(diagnostic.help(help));
    }

    /// RFC 2328 C.1
    fn router_id(&mut self, written: Option<RouterId>) -> RouterId {
        const HELP: &str =
            "write router_id = \"10.0.0.1\": an address of this host that no other router has as its ID";
        match written {
            Some(id) if id != RouterId::default() => return id,
            Some(_) => self.refuse(&["router_id"], "router_id is 0.0.0.0, which no router may have", HELP),
            None => {
                let message = format!("router_id is missing in {}", self.path.display());
                self.refuse(&["router_id"], message, HELP);
            }
        }
        RouterId::default()
    }

    fn interface(&mut self, name: &str, raw: &RawInterface) -> InterfaceConfig {
        if name.is_empty()
            || name.len() > MAX_NAME
            || name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace())
        {
            let message = format!("`{name}` cannot be the name of an interface");
            self.refuse(
                &["interface", name],
                message,
                format!("give a name of 1 to {MAX_NAME} bytes, like eth0"),
            );
        }
        let hello_interval = raw.hello_interval.unwrap_or(DEFAULT_HELLO);
        let dead_interval = raw.dead_interval.unwrap_or(hello_interval.saturating_mul(DEAD_PER_HELLO));
        let hello_interval = self.seconds(name, "hello_interval", hello_interval);
        let dead_interval = self.seconds(name, "dead_interval", dead_interval);
        if dead_interval <= hello_interval {
            let message = format!(
                "dead_interval ({dead_interval:?}) is not longer than hello_interval ({hello_interval:?}): \
                 every neighbour would be lost between two hellos"
            );
            let help = "give four times hello_interval, and the same on all routers of the link";
            self.refuse(&["interface", name, "dead_interval"], message, help);
        }
        InterfaceConfig {
            area: raw.area.unwrap_or_default(),
            network_type: match raw.network_type {
                Some(RawNetworkType::PointToPoint) => NetworkType::PointToPoint,
                None | Some(RawNetworkType::Broadcast) => NetworkType::Broadcast,
                Some(RawNetworkType::NonBroadcast) => NetworkType::NonBroadcast,
                Some(RawNetworkType::PointToMultipoint) => NetworkType::PointToMultipoint,
            },
            cost: self.number(&["interface", name, "cost"], raw.cost, 1, DEFAULT_COST),
            priority: self.number(&["interface", name, "priority"], raw.priority, 0, 1),
            hello_interval,
            dead_interval,
            retransmit_interval: self.retransmit(name, raw.retransmit_interval),
            transmit_delay: {
                let span = raw.transmit_delay.unwrap_or(DEFAULT_TRANSMIT_DELAY);
                self.seconds(name, "transmit_delay", span)
            },
            mtu_ignore: raw.mtu_ignore.unwrap_or(false),
            passive: raw.passive.unwrap_or(false),
            ttl_security: raw.ttl_security.unwrap_or(false),
            allowed: self.allowed(name, raw.neighbors.as_deref()),
            static_neighbors: self.static_neighbors(name, raw, hello_interval),
            unnumbered: self.unnumbered(name, raw),
            hide_prefix: self.hide_prefix(name, raw),
            auth: self.auth(name, raw.auth.as_ref()),
            bfd: self.bfd(name, raw),
        }
    }

    /// The wire counts these in whole seconds (RFC 2328 A.3.2, A.4.1).
    fn seconds(&mut self, interface: &str, key: &str, span: Duration) -> Duration {
        if span.subsec_nanos() != 0 || !(1..=u64::from(u16::MAX)).contains(&span.as_secs()) {
            let message = format!("{key} is {span:?}, but OSPF counts it in whole seconds, 1 to 65535");
            self.refuse(&["interface", interface, key], message, "write for instance \"1s\"");
        }
        span
    }

    fn retransmit(&mut self, interface: &str, written: Option<Duration>) -> Duration {
        let span = written.unwrap_or(DEFAULT_RETRANSMIT);
        if !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&span) {
            let message = format!("retransmit_interval is {span:?}, out of 100 ms to 1 h");
            let help = "write for instance \"5s\"; it must be well above the round trip of the link";
            self.refuse(&["interface", interface, "retransmit_interval"], message, help);
        }
        span
    }

    fn number<T>(&mut self, key: &[&str], written: Option<i64>, least: i64, default: T) -> T
    where
        T: Copy + TryFrom<i64> + Bounded,
    {
        let Some(value) = written else { return default };
        match T::try_from(value) {
            Ok(number) if value >= least => number,
            _ => {
                let name = key.last().copied().unwrap_or_default();
                let message = format!("{name} is {value}, out of {least} to {}", T::MAX);
                self.refuse(key, message, format!("give a whole number from {least} to {}", T::MAX));
                default
            }
        }
    }

    fn advertisements(&mut self, raw: &BTreeMap<String, RawAdvertise>) -> Vec<Advertisement> {
        let mut seen: BTreeMap<IpNetwork, &str> = BTreeMap::new();
        let mut advertisements = Vec::new();
        for (text, raw) in raw {
            let key = ["advertise", text.as_str()];
            let Ok(prefix) = text.parse::<IpNetwork>() else {
                let help = "write an address and its length, like [advertise.\"192.0.2.1/32\"]";
                self.refuse(&key, format!("`{text}` is no prefix"), help);
                continue;
            };
            let Some(metric) = raw.metric else {
                let help = "write metric = 10; equal metrics on all directors make them share the traffic";
                self.refuse(&key, format!("{text} has no metric"), help);
                continue;
            };
            let metric = self.number(&["advertise", text, "metric"], Some(metric), 0, 0);
            let encoding = raw.encoding.unwrap_or_default();
            let tag = self.tag(text, raw.tag, encoding);
            let advertisement = Advertisement { prefix, metric, encoding, tag };
            if let Err(error) = advertise::check(&advertisement) {
                let diagnostic = self.sources.diagnostic(&key, error.to_string());
                self.found.push(diagnostic);
                continue;
            }
            if let Some(first) = seen.insert(prefix, text) {
                let diagnostic = self
                    .sources
                    .diagnostic(&key, format!("{prefix} is advertised twice"))
                    .also(self.sources, &["advertise", first], "here already")
                    .help("keep one of them");
                self.found.push(diagnostic);
            }
            advertisements.push(advertisement);
        }
        if let Err(error) = advertise::check_room(advertisements.iter().map(|one| one.encoding)) {
            let diagnostic = self.sources.diagnostic(&["advertise"], error.to_string());
            self.found.push(diagnostic);
        }
        advertisements
    }

    /// The route tag of an external prefix.
    fn tag(&mut self, prefix: &str, written: Option<i64>, encoding: Encoding) -> u32 {
        let key = ["advertise", prefix, "tag"];
        if written.is_some() && !encoding.is_external() {
            let help = "write type = \"external-2\", or leave the tag out";
            self.refuse(&key, format!("{prefix} is a stub link, which carries no tag"), help);
            return 0;
        }
        self.number(&key, written, 0, 0)
    }
}

/// The largest value of an integer type.
trait Bounded: std::fmt::Display {
    const MAX: Self;
}

impl Bounded for u8 {
    const MAX: Self = Self::MAX;
}

impl Bounded for u16 {
    const MAX: Self = Self::MAX;
}

/// The settings in the shape of the file, every default written out. Secrets stay where they are.
fn normal(settings: &Settings, raw: &Raw) -> Raw {
    let core = &settings.core;
    let (routes, spf) = routing::normal(settings.routes, core.routing);
    Raw {
        router_id: Some(core.router_id),
        transit: Some(core.transit),
        state_dir: Some(settings.state_dir.clone()),
        max_lsas: i64::try_from(core.max_lsas).ok(),
        control: RawControl { socket: Some(settings.socket.clone()) },
        log: RawLog {
            filter: Some(settings.log_filter.clone()),
            format: Some(match settings.log_format {
                LogFormat::Text => RawLogFormat::Text,
                LogFormat::Json => RawLogFormat::Json,
            }),
        },
        scheduling: bfd::normal_scheduling(settings.scheduling),
        metrics: RawMetrics { listen: settings.metrics },
        graceful_restart: graceful_restart::normal(core.graceful_restart),
        routes,
        spf,
        area: area::normal(&core.areas),
        interface: core
            .interfaces
            .iter()
            .map(|(name, interface)| (name.clone(), normal_interface(interface, raw.interface.get(name))))
            .collect(),
        key_chain: auth::hidden_chains(&raw.key_chain),
        advertise: core
            .static_advertisements
            .iter()
            .map(|a| (a.prefix.to_string(), normal_advertise(a)))
            .collect(),
    }
}

fn normal_advertise(advertisement: &Advertisement) -> RawAdvertise {
    let Advertisement { metric, encoding, tag, .. } = *advertisement;
    RawAdvertise {
        encoding: Some(encoding),
        metric: Some(metric.into()),
        tag: encoding.is_external().then_some(tag.into()),
    }
}

fn normal_interface(interface: &InterfaceConfig, raw: Option<&RawInterface>) -> RawInterface {
    RawInterface {
        area: Some(interface.area),
        network_type: Some(match interface.network_type {
            NetworkType::PointToPoint => RawNetworkType::PointToPoint,
            NetworkType::Broadcast => RawNetworkType::Broadcast,
            NetworkType::NonBroadcast => RawNetworkType::NonBroadcast,
            NetworkType::PointToMultipoint => RawNetworkType::PointToMultipoint,
        }),
        cost: Some(interface.cost.into()),
        priority: Some(interface.priority.into()),
        hello_interval: Some(interface.hello_interval),
        dead_interval: Some(interface.dead_interval),
        retransmit_interval: Some(interface.retransmit_interval),
        transmit_delay: Some(interface.transmit_delay),
        mtu_ignore: Some(interface.mtu_ignore),
        passive: Some(interface.passive),
        ttl_security: Some(interface.ttl_security),
        neighbors: interface.allowed.as_ref().map(|all| all.iter().map(ToString::to_string).collect()),
        unnumbered: interface.unnumbered.clone(),
        hide_prefix: Some(interface.hide_prefix),
        auth: raw.and_then(|raw| raw.auth.as_ref()).map(auth::hidden),
        bfd: bfd::normal(interface, raw.and_then(|raw| raw.bfd.as_ref())),
        neighbor: guard::normal_neighbors(interface),
    }
}
