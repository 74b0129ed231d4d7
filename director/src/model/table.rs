//! Rows of the kernel's IPVS table, in words that can also say what somebody else programmed.
//!
//! The configuration speaks of [`Service`](super::Service) and [`RealServer`](super::RealServer); what is compared with
//! the kernel, and sent to it, are these rows.

use std::fmt;
use std::str::FromStr;

use super::{Forward, Protocol, Scheduler, SchedulerKind, ServiceKey};

/// Service flag `IP_VS_SVC_F_PERSISTENT`.
pub const FLAG_PERSISTENT: u32 = 0x01;
/// Service flag `IP_VS_SVC_F_HASHED`: set by the kernel, never by us, and not part of an entry.
pub const FLAG_HASHED: u32 = 0x02;
/// Service flag `IP_VS_SVC_F_ONEPACKET`.
pub const FLAG_ONE_PACKET: u32 = 0x04;
/// Service flag `IP_VS_SVC_F_SCHED1`: `mh-fallback` for mh.
pub const FLAG_SCHED1: u32 = 0x08;
/// Service flag `IP_VS_SVC_F_SCHED2`: `mh-port` for mh.
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

/// `IP_VS_CONN_F_FWD_MASK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardMethod {
    /// Masquerading.
    Nat,
    /// Local node.
    Local,
    /// Tunnel.
    Tunnel,
    /// Direct routing.
    Dr,
    /// Cache bypass.
    Bypass,
    /// A number that the kernel accepts but does not define.
    Unknown(u32),
}

/// Tunnel attributes; all zero is plain IP-in-IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelOptions {
    /// 0 ipip, 1 gue, 2 gre.
    pub kind: u8,
    /// UDP port of gue.
    pub port: u16,
    /// Checksum flags.
    pub flags: u16,
}

impl ServiceEntry {
    /// The entry of a service with this key and scheduler, without persistence.
    pub fn new(key: &ServiceKey, scheduler: &Scheduler) -> Self {
        let mut flags = 0;
        if scheduler.fallback {
            flags |= FLAG_SCHED1;
        }
        if scheduler.port {
            flags |= FLAG_SCHED2;
        }
        Self {
            scheduler: scheduler.kind.name().to_owned(),
            flags,
            timeout: 0,
            netmask: if key.is_ipv6() { 128 } else { u32::MAX },
            engine: None,
        }
    }
}

impl ServerEntry {
    /// The entry of a real server, without thresholds; a tunnel is plain IP-in-IP.
    pub const fn new(forward: Forward, weight: u32) -> Self {
        let forward = match forward {
            Forward::Dr => ForwardMethod::Dr,
            Forward::Tunnel => ForwardMethod::Tunnel,
            Forward::Nat => ForwardMethod::Nat,
        };
        let tunnel = TunnelOptions { kind: 0, port: 0, flags: 0 };
        Self { forward, weight, upper_threshold: 0, lower_threshold: 0, tunnel }
    }
}

impl ForwardMethod {
    /// From the kernel's number.
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Nat,
            1 => Self::Local,
            2 => Self::Tunnel,
            3 => Self::Dr,
            4 => Self::Bypass,
            other => Self::Unknown(other),
        }
    }

    /// The kernel's number.
    pub const fn number(self) -> u32 {
        match self {
            Self::Nat => 0,
            Self::Local => 1,
            Self::Tunnel => 2,
            Self::Dr => 3,
            Self::Bypass => 4,
            Self::Unknown(other) => other,
        }
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

impl SchedulerKind {
    /// The kernel's name; its module is `ip_vs_` and this.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rr => "rr",
            Self::Wrr => "wrr",
            Self::Wlc => "wlc",
            Self::Mh => "mh",
        }
    }
}

/// As in `ipvsadm -Ln`: `mh (mh-fallback,mh-port) persistent 300`.
impl fmt::Display for ServiceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheduler)?;
        let names = scheduler_flag_names(&self.scheduler, self.flags);
        if !names.is_empty() {
            write!(f, " ({})", names.join(","))?;
        }
        if self.flags & FLAG_PERSISTENT != 0 {
            write!(f, " persistent {}", self.timeout)?;
        }
        if self.flags & FLAG_ONE_PACKET != 0 {
            f.write_str(" ops")?;
        }
        Ok(())
    }
}

/// ipvsadm's names of the scheduler flags that are set.
pub fn scheduler_flag_names(scheduler: &str, flags: u32) -> Vec<&'static str> {
    let names = match scheduler {
        "mh" => ["mh-fallback", "mh-port", "flag-3"],
        "sh" => ["sh-fallback", "sh-port", "flag-3"],
        _ => ["flag-1", "flag-2", "flag-3"],
    };
    [FLAG_SCHED1, FLAG_SCHED2, FLAG_SCHED3]
        .into_iter()
        .zip(names)
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, name)| name)
        .collect()
}

/// As in `ipvsadm -Ln`.
impl fmt::Display for ForwardMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nat => f.pad("Masq"),
            Self::Local => f.pad("Local"),
            Self::Tunnel => f.pad("Tunnel"),
            Self::Dr => f.pad("Route"),
            Self::Bypass => f.pad("Bypass"),
            Self::Unknown(other) => write!(f, "forward-{other}"),
        }
    }
}

impl Protocol {
    /// The IP protocol number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }

    /// From the IP protocol number, when it is one that we serve.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
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
            ["fwmark", mark] => mark.parse().ok().map(|mark| Self::FirewallMark { mark, ipv6: false }),
            ["fwmark", mark, "ipv6"] => mark.parse().ok().map(|mark| Self::FirewallMark { mark, ipv6: true }),
            _ => None,
        };
        key.filter(|key| !matches!(key, Self::FirewallMark { mark: 0, .. }))
            .ok_or_else(|| ServiceKeyError(text.to_owned()))
    }
}
