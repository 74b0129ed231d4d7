//! How packets reach a real server: the method, and what a tunnel looks like.

use std::fmt;

/// How packets reach a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forward {
    /// Direct routing: rewritten on layer 2 only.
    Dr,
    /// In a tunnel; the server may have an address of the other family.
    Tunnel(Encapsulation),
    /// Destination address rewritten; replies return through the director.
    Nat,
}

/// What a tunnel puts around a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encapsulation {
    /// IP in IP.
    #[default]
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// UDP port of the server's receiver, never 0.
        port: u16,
        /// Checksum of the outer header.
        checksum: TunnelChecksum,
    },
    /// Generic routing encapsulation; it has no remote checksum.
    Gre {
        /// With checksum?
        checksum: bool,
    },
}

/// `TUN_FLAGS`, ipvsadm's `--tun-nocsum`, `--tun-csum`, `--tun-remcsum`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelChecksum {
    /// No checksum.
    #[default]
    None,
    /// A checksum.
    Full,
    /// Remote checksum offload.
    Remote,
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

/// Tunnel attributes; all zero is plain IP-in-IP, and what a server without tunnel has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelOptions {
    /// 0 ipip, 1 gue, 2 gre.
    pub kind: u8,
    /// UDP port of gue.
    pub port: u16,
    /// Checksum flags: 1 full, 2 remote.
    pub flags: u16,
}

impl Forward {
    /// The word of configuration and status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dr => "dr",
            Self::Tunnel(_) => "tunnel",
            Self::Nat => "nat",
        }
    }

    /// The kernel's method.
    pub const fn method(self) -> ForwardMethod {
        match self {
            Self::Dr => ForwardMethod::Dr,
            Self::Tunnel(_) => ForwardMethod::Tunnel,
            Self::Nat => ForwardMethod::Nat,
        }
    }

    /// The kernel's tunnel attributes.
    pub const fn tunnel(self) -> TunnelOptions {
        match self {
            Self::Tunnel(encapsulation) => encapsulation.options(),
            Self::Dr | Self::Nat => TunnelOptions { kind: 0, port: 0, flags: 0 },
        }
    }
}

impl Encapsulation {
    /// The kernel's attributes.
    pub const fn options(self) -> TunnelOptions {
        match self {
            Self::Ipip => TunnelOptions { kind: 0, port: 0, flags: 0 },
            Self::Gue { port, checksum } => {
                let flags = match checksum {
                    TunnelChecksum::None => 0,
                    TunnelChecksum::Full => 1,
                    TunnelChecksum::Remote => 2,
                };
                TunnelOptions { kind: 1, port, flags }
            }
            Self::Gre { checksum } => TunnelOptions { kind: 2, port: 0, flags: checksum as u16 },
        }
    }
}

impl TunnelOptions {
    /// ipvsadm's word for the kind; absent for one that it does not know.
    pub const fn kind_name(self) -> Option<&'static str> {
        match self.kind {
            0 => Some("ipip"),
            1 => Some("gue"),
            2 => Some("gre"),
            _ => None,
        }
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

/// As in the column `TunnelInfo` of `ipvsadm -Ln --tun-info`: `ipip`, `gue:6080:-c`, `gre:+c`.
impl fmt::Display for TunnelOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checksum = match self.flags {
            0 => "-c",
            1 => "+c",
            _ => "r+c",
        };
        match self.kind {
            0 => f.pad("ipip"),
            1 => f.pad(&format!("gue:{}:{checksum}", self.port)),
            2 => f.pad(&format!("gre:{checksum}")),
            other => f.pad(&format!("tunnel-{other}")),
        }
    }
}
