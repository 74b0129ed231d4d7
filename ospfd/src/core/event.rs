//! What goes into and comes out of an [`Instance`](super::Instance).

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use common::ids::{AreaId, IfIndex, RouterId};
use ipnetwork::Ipv4Network;
use serde::{Deserialize, Serialize};

use super::spf::route::RouteChange;

/// A datagram that was received: the OSPF packet without its IP header.
#[derive(Clone, Copy, Debug)]
pub struct RxDatagram<'a> {
    /// Where it came in.
    pub if_index: IfIndex,
    /// IP source.
    pub source: Ipv4Addr,
    /// IP destination.
    pub destination: Ipv4Addr,
    /// IP time to live, as it came.
    pub ttl: u8,
    /// The OSPF packet.
    pub payload: &'a [u8],
}

/// A datagram to send, protocol 89.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes out.
    pub if_index: IfIndex,
    /// IP source: the interface's address.
    pub source: Ipv4Addr,
    /// IP destination: 224.0.0.5, 224.0.0.6 or a neighbour.
    pub destination: Ipv4Addr,
    /// IP time to live.
    pub ttl: u8,
    /// The OSPF packet.
    pub payload: Bytes,
}

/// What the host says of a link. Level-triggered: each event carries the whole state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkEvent {
    /// The link as it stands now.
    State(LinkState),
    /// The interface is gone.
    Gone(IfIndex),
}

/// A link as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Kernel index.
    pub if_index: IfIndex,
    /// Name.
    pub name: String,
    /// Administratively up, and with carrier.
    pub up: bool,
    /// Primary address and mask; without one OSPF cannot run on it.
    pub address: Option<Ipv4Network>,
    /// MTU in bytes.
    pub mtu: u16,
}

/// Which multicast groups an interface must be in (RFC 2328 A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// 224.0.0.5
    pub all_spf_routers: bool,
    /// 224.0.0.6
    pub all_d_routers: bool,
}

/// What the engine tells the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An interface changed state (RFC 2328 §9.1 words).
    InterfaceState {
        /// The interface.
        name: String,
        /// Before.
        from: &'static str,
        /// After.
        to: &'static str,
    },
    /// Groups to be joined and left.
    Groups {
        /// The interface.
        if_index: IfIndex,
        /// What it must be in now.
        groups: Groups,
    },
    /// A neighbour changed state (RFC 2328 §10.1 words).
    NeighborState {
        /// The interface.
        interface: String,
        /// The neighbour.
        router_id: RouterId,
        /// Before.
        from: &'static str,
        /// After.
        to: &'static str,
        /// The event that did it.
        cause: &'static str,
    },
    /// Something was dropped; the counter of that name has been raised.
    Dropped {
        /// The interface, if it is known.
        if_index: IfIndex,
        /// IP source.
        source: Ipv4Addr,
        /// The reason's name.
        reason: &'static str,
    },
    /// An interface sends with this key from now on.
    SendKey {
        /// The interface.
        interface: String,
        /// The key's id.
        key_id: u8,
        /// The key's algorithm.
        algorithm: &'static str,
        /// Its lifetime is over; it stays in use because there is no other.
        expired: bool,
    },
    /// A neighbour restarts, or has restarted (RFC 3623 §3).
    Helper {
        /// The interface.
        interface: String,
        /// The neighbour.
        router_id: RouterId,
        /// What follows.
        what: &'static str,
    },
    /// A BFD session changed, or what follows from it.
    Bfd {
        /// The interface.
        interface: String,
        /// The neighbour's address.
        peer: IpAddr,
        /// State of the session (RFC 5880 §4.1 words).
        state: &'static str,
        /// Why it is down.
        diagnostic: &'static str,
        /// What follows.
        what: &'static str,
    },
    /// A lease was opened, changed, released or lapsed.
    Lease {
        /// Its name.
        name: String,
        /// What happened.
        what: &'static str,
        /// Prefixes in it now.
        advertisements: usize,
    },
    /// We translate an NSSA's external routes, or no more (RFC 3101 §3.1, its words).
    Translator {
        /// The NSSA.
        area: AreaId,
        /// Before.
        from: &'static str,
        /// After.
        to: &'static str,
    },
    /// The routing table changed: this, in the order of prefixes.
    Routes(Vec<RouteChange>),
    /// All our LSAs are flushed and acknowledged, or the deadline passed: the process may exit.
    ShutdownComplete {
        /// Did every neighbour acknowledge?
        acknowledged: bool,
    },
}
