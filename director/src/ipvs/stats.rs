//! `IPVS_STATS_ATTR_*`: counters and rates of a service or a real server.
//!
//! The block comes twice, 32 and 64 bits wide, under the same numbers; a [`Counter`] remembers its width.

use super::CodecError;
use super::attribute::{Value, attribute_family};

attribute_family! {
    /// A counter, or a rate over the last two seconds.
    pub enum StatsAttr("statistics") {
        /// Connections.
        1 => Connections(Counter),
        /// Packets from clients.
        2 => InPackets(Counter),
        /// Packets to clients (nat only).
        3 => OutPackets(Counter),
        /// Bytes from clients.
        4 => InBytes(Counter),
        /// Bytes to clients (nat only).
        5 => OutBytes(Counter),
        /// Connections per second.
        6 => ConnectionRate(Counter),
        /// Packets per second from clients.
        7 => InPacketRate(Counter),
        /// Packets per second to clients.
        8 => OutPacketRate(Counter),
        /// Bytes per second from clients.
        9 => InByteRate(Counter),
        /// Bytes per second to clients.
        10 => OutByteRate(Counter),
    }
}

/// A counter in the width in which the kernel wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Four bytes.
    Narrow(u32),
    /// Eight bytes.
    Wide(u64),
}

impl Counter {
    /// The number.
    pub fn get(self) -> u64 {
        match self {
            Self::Narrow(number) => number.into(),
            Self::Wide(number) => number,
        }
    }
}

impl Value for Counter {
    fn width(&self) -> usize {
        match self {
            Self::Narrow(_) => 4,
            Self::Wide(_) => 8,
        }
    }

    fn emit(&self, buffer: &mut [u8]) {
        match self {
            Self::Narrow(number) => number.emit(buffer),
            Self::Wide(number) => number.emit(buffer),
        }
    }

    fn parse(attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() == 4 {
            u32::parse(attribute, bytes).map(Self::Narrow)
        } else {
            u64::parse(attribute, bytes).map(Self::Wide)
        }
    }
}
