//! The domain, valid by construction: services, real servers, schedulers, forwarding methods, checks.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use common::control::ospf::Encoding;

mod arguments;
mod forward;
mod persistence;
mod scheduler;
mod settings;
mod table;

pub use arguments::{KeyArguments, ServerArguments, ServiceArguments};
pub use forward::{Encapsulation, Forward, ForwardMethod, TunnelChecksum, TunnelOptions};
pub use persistence::{MAX_TIMEOUT, Persistence, PersistenceEngine};
pub use scheduler::{Scheduler, SchedulerKind, scheduler_flag, scheduler_flag_names};
pub use settings::{DaemonRole, SyncDaemon, Timeouts};
pub use table::{
    FLAG_HASHED, FLAG_ONE_PACKET, FLAG_PERSISTENT, FLAG_SCHED1, FLAG_SCHED2, FLAG_SCHED3, ServerEntry,
    ServiceEntry, ServiceKeyError,
};

/// The validated configuration of a director.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This director's name, for status and logs.
    pub name: String,
    /// VIPs by address: how each is advertised.
    pub vips: BTreeMap<IpAddr, VipConfig>,
    /// Services by name.
    pub services: BTreeMap<String, Service>,
    /// Does another director serve the same VIPs at the same time? Chooses defaults for schedulers and sysctls.
    pub active_active: bool,
    /// Timeouts of connections; absent, the kernel's stay as they are.
    pub timeouts: Option<Timeouts>,
}

/// How a VIP is advertised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VipConfig {
    /// Metric in normal operation.
    pub metric: u16,
    /// Metric while drained.
    pub drain_metric: u16,
    /// How ospfd encodes it.
    pub encoding: Encoding,
}

/// Transport of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// IP protocol 6.
    Tcp,
    /// IP protocol 17.
    Udp,
    /// IP protocol 132.
    Sctp,
}

/// What identifies a virtual service in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// (protocol, VIP, port).
    Address {
        /// Transport.
        protocol: Protocol,
        /// VIP and port; port 0 is every port that has no service of its own.
        vip: SocketAddr,
    },
    /// A firewall mark, never 0.
    FirewallMark {
        /// The mark.
        mark: u32,
        /// Family of the packets that carry it.
        ipv6: bool,
    },
}

/// One virtual service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its identity.
    pub key: ServiceKey,
    /// The VIPs that depend on it: its own, or those named for a firewall mark.
    pub vips: Vec<IpAddr>,
    /// Scheduler with its flags.
    pub scheduler: Scheduler,
    /// Is every datagram scheduled by itself? UDP and firewall marks only.
    pub one_packet: bool,
    /// Do changes that somebody makes by hand in the kernel stay?
    pub adopts_by_hand: bool,
    /// Which clients stay with their server.
    pub persistence: Option<Persistence>,
    /// Real servers by name.
    pub servers: BTreeMap<String, RealServer>,
    /// How servers are checked, unless a server says otherwise.
    pub check: CheckSpec,
    /// Servers that must be up for the service to be up; at least 1.
    pub quorum: u32,
}

/// One real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealServer {
    /// Address and port as programmed. For `dr` and `tunnel` the port is the service's (0 for firewall marks).
    pub address: SocketAddr,
    /// Weight when healthy.
    pub weight: u32,
    /// Forwarding method.
    pub forward: Forward,
    /// Limits of its connections.
    pub thresholds: Thresholds,
    /// How it is checked.
    pub check: CheckSpec,
}

/// Limits of a server's connections. Both 0: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Connections above which no new ones are sent.
    pub upper: u32,
    /// Connections below which a server that was above `upper` is used again; 0 = three quarters of `upper`.
    pub lower: u32,
}

/// One kind of check with its timing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckSpec {
    /// What is asked.
    pub kind: CheckKind,
    /// Where; absent = the server's own address and port.
    pub target: Option<SocketAddr>,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// For the whole probe; not above `interval`.
    pub timeout: Duration,
    /// Successes in a row that bring a server up.
    pub rise: u32,
    /// Failures in a row that take it down.
    pub fall: u32,
}

/// Kinds of checks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckKind {
    /// Always up.
    None,
    /// A TCP connection can be made.
    Tcp,
    /// An HTTP/1.1 GET answers with one of the statuses.
    Http {
        /// Path and query.
        path: String,
        /// Host header; absent = the server's address.
        host: Option<String>,
        /// Accepted statuses, inclusive ranges.
        statuses: Vec<(u16, u16)>,
    },
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, vip } => write!(f, "{protocol} {vip}"),
            Self::FirewallMark { mark, ipv6: false } => write!(f, "fwmark {mark}"),
            Self::FirewallMark { mark, ipv6: true } => write!(f, "fwmark {mark} ipv6"),
        }
    }
}
