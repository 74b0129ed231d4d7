//! The advertise gate: which VIPs may be advertised, at which metric, and why.
//!
//! A VIP may be advertised while the *observed* kernel table serves it, and the table after the next plan still will.
//! Plans raise before they lower, so what both ends serve is served at every step between them; what the
//! plan would take away is withdrawn first. [`held_back`] names the services whose operations must wait for that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use super::desired::{Desired, DesiredService};
use super::health::{HealthMap, HealthState, ServerName};
use super::observed::{Observed, ObservedService};
use crate::model::{Config, Service, ServiceKey};

/// VIPs with their metrics, as they are or should be advertised.
pub type Advertised = BTreeMap<IpAddr, u16>;

/// What the gate looks at.
#[derive(Clone, Copy, Debug)]
pub struct GateInput<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The kernel's table; `None` when it could not be read for too long.
    pub observed: Option<&'a Observed>,
    /// The table after the next plan.
    pub desired: &'a Desired,
    /// Is a plan under way that has not failed yet? Then a table that somebody else broke is about to be repaired.
    pub repairing: bool,
    /// What the checks say.
    pub health: &'a HealthMap,
    /// Servers whose checks have stalled.
    pub stalled: &'a BTreeSet<ServerName>,
    /// What is advertised now, if that is known.
    pub in_force: &'a Advertised,
    /// Services that a reload added and that are not checked yet: a VIP that is advertised does not wait for them.
    pub newcomers: &'a BTreeSet<String>,
    /// VIPs whose address the host has; `None` when addresses follow the gate.
    pub addresses: Option<&'a BTreeSet<IpAddr>>,
    /// Drains.
    pub drains: &'a Drains,
}

/// What the operator drained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drains {
    /// The whole host.
    pub host: bool,
    /// Single VIPs.
    pub vips: BTreeSet<IpAddr>,
}

impl Drains {
    /// Is this VIP drained?
    pub fn covers(&self, vip: &IpAddr) -> bool {
        self.host || self.vips.contains(vip)
    }
}

/// What the gate says of one VIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The metric to advertise it at; `None` = withdraw it.
    pub metric: Option<u16>,
    /// Why.
    pub reason: Reason,
}

/// Why a VIP is advertised, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All its services are served.
    Serves,
    /// The operator drains it.
    Drained,
    /// It was advertised before a restart or a reload, the kernel serves it, and the checks are not through yet.
    Resumed,
    /// Somebody changed the kernel's table; it is being repaired.
    Repairing,
    /// The kernel's table is not known.
    TableUnknown,
    /// The host lacks the VIP's address.
    NoAddress,
    /// The kernel does not have the service yet.
    NotProgrammed {
        /// Which service.
        service: String,
    },
    /// Too few servers take traffic.
    BelowQuorum {
        /// Of which service.
        service: String,
        /// How many do.
        up: usize,
        /// How many must.
        quorum: u32,
    },
    /// Not every server has been checked yet.
    FirstRound {
        /// Of which service.
        service: String,
    },
    /// A server has not been checked for too long.
    Stalled {
        /// Of which service.
        service: String,
        /// Which server.
        server: String,
    },
}

/// The gate: a verdict for every VIP of the configuration.
pub fn verdicts(input: &GateInput<'_>) -> BTreeMap<IpAddr, Verdict> {
    input
        .config
        .vips
        .iter()
        .map(|(vip, config)| {
            let reason = judge(input, vip);
            let metric = match reason {
                Reason::Serves | Reason::Resumed | Reason::Repairing | Reason::Drained => {
                    Some(if input.drains.covers(vip) { config.drain_metric } else { config.metric })
                }
                Reason::TableUnknown
                | Reason::NoAddress
                | Reason::NotProgrammed { .. }
                | Reason::BelowQuorum { .. }
                | Reason::FirstRound { .. }
                | Reason::Stalled { .. } => None,
            };
            (*vip, Verdict { metric, reason })
        })
        .collect()
}

fn judge(input: &GateInput<'_>, vip: &IpAddr) -> Reason {
    let Some(observed) = input.observed else { return Reason::TableUnknown };
    if input.addresses.is_some_and(|addresses| !addresses.contains(vip)) {
        return Reason::NoAddress;
    }
    let is_in_force = input.in_force.contains_key(vip);
    let mut kept = None;
    for (name, service) in services_of(input.config, *vip) {
        if is_in_force && input.newcomers.contains(name) {
            continue;
        }
        if let Some(server) = first_server(service, name, |key| input.stalled.contains(key)) {
            return Reason::Stalled { service: name.clone(), server: server.clone() };
        }
        if let Some(shortfall) =
            shortfall(name, service, input.desired.services.get(&service.key).map(weights))
        {
            return shortfall;
        }
        let seen = observed.services.get(&service.key).map(weights_seen);
        if let Some(shortfall) = shortfall_seen(name, service, seen) {
            if !(is_in_force && input.repairing) {
                return shortfall;
            }
            kept = Some(Reason::Repairing);
        }
        let is_unknown =
            |key: &ServerName| input.health.get(key).is_none_or(|it| *it == HealthState::Unknown);
        if first_server(service, name, is_unknown).is_some() {
            if !is_in_force {
                return Reason::FirstRound { service: name.clone() };
            }
            kept = kept.or(Some(Reason::Resumed));
        }
    }
    match kept {
        Some(reason) => reason,
        None if input.drains.covers(vip) => Reason::Drained,
        None => Reason::Serves,
    }
}

/// The services that `vip` depends on.
pub fn services_of(config: &Config, vip: IpAddr) -> impl Iterator<Item = (&String, &Service)> {
    config.services.iter().filter(move |(_, service)| service.vips.contains(&vip))
}

fn first_server<'a>(
    service: &'a Service,
    name: &str,
    mut is: impl FnMut(&ServerName) -> bool,
) -> Option<&'a String> {
    service.servers.keys().find(|server| is(&(name.to_owned(), (*server).clone())))
}

fn weights(service: &DesiredService) -> usize {
    service.servers.values().filter(|entry| entry.weight > 0).count()
}

/// Servers of a kernel service that take new traffic.
fn weights_seen(service: &ObservedService) -> usize {
    if service.entry.scheduler == "none" {
        return 0;
    }
    service.servers.values().filter(|server| server.entry.weight > 0).count()
}

fn shortfall(name: &str, service: &Service, up: Option<usize>) -> Option<Reason> {
    let up = up.unwrap_or(0);
    let is_met = u32::try_from(up).is_ok_and(|up| up >= service.quorum.max(1));
    (!is_met).then(|| Reason::BelowQuorum { service: name.to_owned(), up, quorum: service.quorum })
}

fn shortfall_seen(name: &str, service: &Service, up: Option<usize>) -> Option<Reason> {
    match up {
        None => Some(Reason::NotProgrammed { service: name.to_owned() }),
        Some(up) => shortfall(name, service, Some(up)),
    }
}

/// Does the kernel's table serve all services of `vip`?
pub fn serves(config: &Config, observed: &Observed, vip: IpAddr) -> bool {
    services_of(config, vip).all(|(name, service)| {
        shortfall_seen(name, service, observed.services.get(&service.key).map(weights_seen)).is_none()
    })
}

/// Services that the next plan would take traffic from while a VIP that depends on them may still be advertised
/// (`exposed`): their operations wait for the withdrawal. A service that leaves a VIP which stays does not wait.
pub fn held_back(
    config: &Config,
    desired: &Desired,
    observed: &Observed,
    exposed: &BTreeSet<IpAddr>,
) -> BTreeSet<ServiceKey> {
    let wanted: BTreeMap<ServiceKey, (&String, &Service)> =
        config.services.iter().map(|(name, service)| (service.key, (name, service))).collect();
    let is_leaving = |vip: &IpAddr| exposed.contains(vip) && !config.vips.contains_key(vip);
    let takes_away = |key: &ServiceKey, seen: &ObservedService| match wanted.get(key) {
        Some((name, service)) => {
            service.vips.iter().any(|vip| exposed.contains(vip))
                && shortfall_seen(name, service, Some(weights_seen(seen))).is_none()
                && shortfall(name, service, desired.services.get(key).map(weights)).is_some()
        }
        None => match key {
            ServiceKey::Address { vip, .. } => is_leaving(&vip.ip()),
            // A mark that is no longer configured served VIPs that are not, either.
            ServiceKey::FirewallMark { .. } => exposed.iter().any(is_leaving),
        },
    };
    observed.services.iter().filter(|(key, seen)| takes_away(key, seen)).map(|(key, _)| *key).collect()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serves => f.write_str("all services are served"),
            Self::Drained => f.write_str("drained by the operator"),
            Self::Resumed => f.write_str("was advertised before; the first check round is under way"),
            Self::Repairing => {
                f.write_str("the kernel's table was changed by somebody and is being repaired")
            }
            Self::TableUnknown => f.write_str("the kernel's IPVS table cannot be read"),
            Self::NoAddress => f.write_str("the address is not on the VIP device"),
            Self::NotProgrammed { service } => write!(f, "service {service} is not in the kernel's table"),
            Self::BelowQuorum { service, up, quorum } => {
                write!(f, "service {service} has {up} usable servers, and {quorum} must be")
            }
            Self::FirstRound { service } => write!(f, "first check round of service {service} is under way"),
            Self::Stalled { service, server } => {
                write!(f, "checks of server {server} of service {service} have stalled")
            }
        }
    }
}
