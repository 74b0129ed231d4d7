//! What IPVS holds besides services: timeouts and sync daemons.

use std::fmt;
use std::net::IpAddr;

/// Timeouts of connections, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Established TCP.
    pub tcp: u32,
    /// TCP after a FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

/// What the kernel starts with.
impl Default for Timeouts {
    fn default() -> Self {
        Self { tcp: 900, tcp_fin: 120, udp: 300 }
    }
}

/// One of the two roles of the kernel's connection sync; both may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DaemonRole {
    /// Sends.
    Master,
    /// Receives.
    Backup,
}

/// A sync daemon of the kernel. What is absent is the kernel's to choose; in a dump all is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncDaemon {
    /// Sends or receives.
    pub role: DaemonRole,
    /// Interface of the multicast group.
    pub interface: String,
    /// Sync id; a backup with 0 accepts every id.
    pub sync_id: u8,
    /// Longest datagram.
    pub max_length: Option<u16>,
    /// Multicast group.
    pub group: Option<IpAddr>,
    /// UDP port.
    pub port: Option<u16>,
    /// TTL or hop limit of what is sent.
    pub ttl: Option<u8>,
}

impl DaemonRole {
    /// The kernel's number.
    pub const fn number(self) -> u32 {
        match self {
            Self::Master => 1,
            Self::Backup => 2,
        }
    }

    /// From the kernel's number.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Master),
            2 => Some(Self::Backup),
            _ => None,
        }
    }
}

impl fmt::Display for DaemonRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// As in `ipvsadm -L --daemon`.
impl fmt::Display for SyncDaemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, interface, sync_id, max_length, group, port, ttl } = self;
        write!(f, "{role} sync daemon (mcast={interface}, syncid={sync_id}")?;
        if let Some(max_length) = max_length {
            write!(f, ", maxlen={max_length}")?;
        }
        if let Some(group) = group {
            write!(f, ", group={group}")?;
        }
        if let Some(port) = port {
            write!(f, ", port={port}")?;
        }
        if let Some(ttl) = ttl {
            write!(f, ", ttl={ttl}")?;
        }
        f.write_str(")")
    }
}
