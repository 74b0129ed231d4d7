//! Persistence: which clients stay with their server, and for how long.

/// The longest time that the kernel's tools accept, 31 days.
pub const MAX_TIMEOUT: u32 = 31 * 24 * 3600;

/// Connections of one client, or of one network of clients, go to the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Seconds after the last connection in which the client still meets its server; 1 to [`MAX_TIMEOUT`].
    pub timeout: u32,
    /// Bits of the client's address that count: 1 to 32, or 128 for IPv6.
    pub prefix: u8,
    /// What names a client, if not its address.
    pub engine: Option<PersistenceEngine>,
}

/// Persistence engines of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersistenceEngine {
    /// The Call-ID of SIP over UDP.
    Sip,
}

impl Persistence {
    /// The kernel's netmask: for IPv4 the mask as a number, for IPv6 the prefix length.
    pub const fn netmask(self, ipv6: bool) -> u32 {
        if ipv6 {
            self.prefix as u32
        } else {
            match self.prefix {
                0 => 0,
                prefix => u32::MAX << (32 - prefix as u32),
            }
        }
    }
}

impl PersistenceEngine {
    /// The kernel's name; its module is `ip_vs_pe_` and this.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
        }
    }
}
