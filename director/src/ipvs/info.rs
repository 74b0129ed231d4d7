//! `IPVS_INFO_ATTR_*` and `IPVS_DAEMON_ATTR_*`: the module's version, and the sync daemons.

use super::attribute::{RawAddress, attribute_family};

attribute_family! {
    /// An attribute of the answer to `GET_INFO`.
    pub enum InfoAttr("info") {
        /// 0x010201 is 1.2.1.
        1 => Version(u32),
        /// Buckets of the connection table.
        2 => TableSize(u32),
    }
}

attribute_family! {
    /// An attribute of a sync daemon.
    pub enum DaemonAttr("daemon") {
        /// 1 master, 2 backup.
        1 => State(u32),
        /// Interface of the multicast group.
        2 => Interface(String),
        /// Sync id.
        3 => SyncId(u32),
        /// Longest datagram.
        4 => MaxLength(u16),
        /// IPv4 group: the bytes lie in network order.
        5 => Group(u32),
        /// IPv6 group.
        6 => Group6(RawAddress),
        /// UDP port, in host order here and nowhere else.
        7 => Port(u16),
        /// Multicast TTL.
        8 => Ttl(u8),
    }
}
