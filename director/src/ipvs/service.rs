//! `IPVS_SVC_ATTR_*`: attributes of a virtual service.

use super::attribute::{Flags, Port, RawAddress, attribute_family};
use super::stats::StatsAttr;

attribute_family! {
    /// An attribute of a virtual service.
    pub enum ServiceAttr("service") {
        /// Address family: 2 or 10.
        1 => Family(u16),
        /// IP protocol; absent for firewall marks.
        2 => Protocol(u16),
        /// VIP; absent for firewall marks.
        3 => Address(RawAddress),
        /// Port; absent for firewall marks.
        4 => Port(Port),
        /// Firewall mark. 0 is never sent: the kernel would make a service 0.0.0.0:0 of it.
        5 => FirewallMark(u32),
        /// Scheduler, at most 15 bytes.
        6 => Scheduler(String),
        /// Flags and the mask of those to change.
        7 => Flags(Flags),
        /// Persistence timeout in seconds.
        8 => Timeout(u32),
        /// IPv4: mask in network order. IPv6: prefix length in host order.
        9 => Netmask(u32),
        /// Statistics, 32 bits wide.
        10 => Stats(Vec<StatsAttr>),
        /// Persistence engine, at most 16 bytes.
        11 => Engine(String),
        /// Statistics, 64 bits wide.
        12 => Stats64(Vec<StatsAttr>),
    }
}
