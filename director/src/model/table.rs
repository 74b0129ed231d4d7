//! Rows of the kernel's IPVS table, in words that can also say what somebody else programmed.
//!
//! The configuration speaks of [`Service`](super::Service) and [`RealServer`](super::RealServer); what is compared with
//! the kernel, and sent to it, are these rows.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::{
    Forward, ForwardMethod, Protocol, RealServer, Scheduler, Service, ServiceKey, Thresholds, TunnelOptions,
    scheduler_flag_names,
};

/// Service flag `IP_VS_SVC_F_PERSISTENT`.
pub const FLAG_PERSISTENT: u32 = 0x01;
/// Service flag `IP_VS_SVC_F_HASHED`: the kernel's own mark that a service is in its table, which it sets. Never sent (a
/// new service that came with it would not be put into the table), and not part of an entry.
pub const FLAG_HASHED: u32 = 0x02;
/// Service flag `IP_VS_SVC_F_ONEPACKET`.
pub const FLAG_ONE_PACKET: u32 = 0x04;
/// Service flag `IP_VS_SVC_F_SCHED1`: `mh-fallback`, `sh-fallback`.
pub const FLAG_SCHED1: u32 = 0x08;
/// Service flag `IP_VS_SVC_F_SCHED2`: `mh-port`, `sh-port`.
pub const FLAG_SCHED2: u32 = 0x10;
/// Service flag `IP_VS_SVC_F_SCHED3`.
pub const FLAG_SCHED3: u32 = 0x20;

/// A virtual service as the kernel holds it, without its identity and its servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEntry {
    /// Scheduler name, also one that we do not know.
    pub scheduler: String,
    /// `FLAG_*` without `FLAG_HASHED`.
    pub flags: u32,
    /// Persistence timeout in seconds; 0 without persistence.
    pub timeout: u32,
    /// IPv4: the mask as a number (0xffff_ffff is a host). IPv6: the prefix length.
    pub netmask: u32,
    /// Persistence engine.
    pub engine: Option<String>,
}

/// A real server as the kernel holds it, without its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerEntry {
    /// Forwarding method.
    pub forward: ForwardMethod,
    /// Weight; 0 takes no new connections.
    pub weight: u32,
    /// Connections above which no new ones are sent; 0 = no limit.
    pub upper_threshold: u32,
    /// Connections below which an overloaded server is used again.
    pub lower_threshold: u32,
    /// How a tunnel is made.
    pub tunnel: TunnelOptions,
}

impl ServiceEntry {
    /// The entry of a service with this key and scheduler, without persistence.
    pub fn new(key: &ServiceKey, scheduler: &Scheduler) -> Self {
        Self {
            scheduler: scheduler.kind.name().to_owned(),
            flags: scheduler.flags(),
            timeout: 0,
            netmask: host_netmask(key.is_ipv6()),
            engine: None,
        }
    }

    /// The entry of a configured service.
    pub fn of(service: &Service) -> Self {
        let mut entry = Self::new(&service.key, &service.scheduler);
        if service.one_packet {
            entry.flags |= FLAG_ONE_PACKET;
        }
        if let Some(persistence) = service.persistence {
            entry.flags |= FLAG_PERSISTENT;
            entry.timeout = persistence.timeout;
            entry.netmask = persistence.netmask(service.key.is_ipv6());
            entry.engine = persistence.engine.map(|engine| engine.name().to_owned());
        }
        entry
    }

    /// The mask of persistence, when it is narrower than a host: dotted for IPv4, a prefix length for IPv6.
    pub fn narrow_mask(&self, ipv6: bool) -> Option<String> {
        (self.netmask != host_netmask(ipv6))
            .then(|| if ipv6 { self.netmask.to_string() } else { Ipv4Addr::from(self.netmask).to_string() })
    }
}

/// The netmask of a single host.
const fn host_netmask(ipv6: bool) -> u32 {
    if ipv6 { 128 } else { u32::MAX }
}

impl ServerEntry {
    /// The entry of a real server, without thresholds.
    pub const fn new(forward: Forward, weight: u32) -> Self {
        Self {
            forward: forward.method(),
            weight,
            upper_threshold: 0,
            lower_threshold: 0,
            tunnel: forward.tunnel(),
        }
    }

    /// The entry of a configured server that weighs so much now.
    pub const fn of(server: &RealServer, weight: u32) -> Self {
        let Thresholds { upper, lower } = server.thresholds;
        Self { upper_threshold: upper, lower_threshold: lower, ..Self::new(server.forward, weight) }
    }
}

impl ServiceKey {
    /// Are the packets of this service IPv6?
    pub const fn is_ipv6(&self) -> bool {
        match self {
            Self::Address { vip, .. } => vip.is_ipv6(),
            Self::FirewallMark { ipv6, .. } => *ipv6,
        }
    }
}

/// As in `ipvsadm -Ln`, but that the mask is told without knowing the family: `mh (mh-fallback,mh-port) persistent 300`.
impl fmt::Display for ServiceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheduler)?;
        let names = scheduler_flag_names(&self.scheduler, self.flags);
        if !names.is_empty() {
            write!(f, " ({})", names.join(","))?;
        }
        if self.flags & FLAG_PERSISTENT != 0 {
            write!(f, " persistent {}", self.timeout)?;
            // A prefix length is at most 128, and a mask that short is longer than any in use.
            let is_ipv6 = self.netmask <= 128;
            if let Some(mask) = self.narrow_mask(is_ipv6) {
                write!(f, " mask {mask}")?;
            }
        }
        if let Some(engine) = &self.engine {
            write!(f, " pe {engine}")?;
        }
        if self.flags & FLAG_ONE_PACKET != 0 {
            f.write_str(" ops")?;
        }
        Ok(())
    }
}

impl Protocol {
    /// The IP protocol number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// From the IP protocol number, when it is one that we serve.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            132 => Some(Self::Sctp),
            _ => None,
        }
    }
}

/// The text is no [`ServiceKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no service; write `tcp 10.0.0.1:80`, `udp [2001:db8::1]:53`, `fwmark 7` or `fwmark 7 ipv6`"
)]
pub struct ServiceKeyError(String);

/// Reads what [`fmt::Display`] writes.
impl FromStr for ServiceKey {
    type Err = ServiceKeyError;

    fn from_str(text: &str) -> Result<Self, ServiceKeyError> {
        let words: Vec<_> = text.split(' ').collect();
        let key = match words.as_slice() {
            ["tcp", vip] => vip.parse().ok().map(|vip| Self::Address { protocol: Protocol::Tcp, vip }),
            ["udp", vip] => vip.parse().ok().map(|vip| Self::Address { protocol: Protocol::Udp, vip }),
            ["sctp", vip] => vip.parse().ok().map(|vip| Self::Address { protocol: Protocol::Sctp, vip }),
            ["fwmark", mark] => mark.parse().ok().map(|mark| Self::FirewallMark { mark, ipv6: false }),
            ["fwmark", mark, "ipv6"] => mark.parse().ok().map(|mark| Self::FirewallMark { mark, ipv6: true }),
            _ => None,
        };
        key.filter(|key| !matches!(key, Self::FirewallMark { mark: 0, .. }))
            .ok_or_else(|| ServiceKeyError(text.to_owned()))
    }
}
