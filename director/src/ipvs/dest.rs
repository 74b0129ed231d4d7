//! `IPVS_DEST_ATTR_*`: attributes of a real server, which the kernel calls a destination.

use super::attribute::{Port, RawAddress, attribute_family};
use super::stats::StatsAttr;

attribute_family! {
    /// An attribute of a real server.
    pub enum DestAttr("destination") {
        /// Address.
        1 => Address(RawAddress),
        /// Port.
        2 => Port(Port),
        /// `IP_VS_CONN_F_FWD_MASK`: 0 nat, 1 local, 2 tunnel, 3 dr, 4 bypass.
        3 => Forward(u32),
        /// Weight, below 2^31.
        4 => Weight(u32),
        /// Upper connection threshold.
        5 => UpperThreshold(u32),
        /// Lower connection threshold.
        6 => LowerThreshold(u32),
        /// Active connections.
        7 => ActiveConnections(u32),
        /// Inactive connections.
        8 => InactiveConnections(u32),
        /// Persistent connections.
        9 => PersistentConnections(u32),
        /// Statistics, 32 bits wide.
        10 => Stats(Vec<StatsAttr>),
        /// Address family; absent means the service's.
        11 => Family(u16),
        /// Statistics, 64 bits wide.
        12 => Stats64(Vec<StatsAttr>),
        /// 0 ipip, 1 gue, 2 gre.
        13 => TunnelKind(u8),
        /// UDP port of gue.
        14 => TunnelPort(Port),
        /// 0 none, 1 checksum, 2 remote checksum.
        15 => TunnelFlags(u16),
    }
}
