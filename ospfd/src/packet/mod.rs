//! OSPFv2 packets (RFC 2328 appendix A.3) and LSAs (A.4): bytes ⇄ structs, nothing else.

mod hello;
mod lsa;

pub use hello::Hello;
pub use lsa::{LsType, Lsa, LsaBody, LsaHeader, LsaKey, NetworkLsa, RouterLink, RouterLinkType, RouterLsa};

use bytes::Bytes;
use common::ids::{AreaId, RouterId};

/// A whole OSPFv2 packet, without the IP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The sender's Router ID.
    pub router_id: RouterId,
    /// The area that it belongs to.
    pub area_id: AreaId,
    /// What it says.
    pub body: Body,
}

/// The five packet types (RFC 2328 A.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Type 1.
    Hello(Hello),
    /// Type 2.
    DatabaseDescription(DatabaseDescription),
    /// Type 3.
    LinkStateRequest(Vec<LsaKey>),
    /// Type 4. LSAs that could not be decoded are left out and counted by the decoder.
    LinkStateUpdate(Vec<Lsa>),
    /// Type 5.
    LinkStateAck(Vec<LsaHeader>),
}

/// Database Description packet (RFC 2328 A.3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseDescription {
    /// Largest IP datagram that the sender's interface takes unfragmented, in bytes; 0 on virtual links.
    pub mtu: u16,
    /// Options (A.2).
    pub options: u8,
    /// I: the first packet of the sequence.
    pub init: bool,
    /// M: more follow.
    pub more: bool,
    /// MS: the sender is master.
    pub master: bool,
    /// DD sequence number.
    pub sequence: u32,
    /// Headers of the sender's LSAs.
    pub headers: Vec<LsaHeader>,
}

/// Raw bytes of an LSA as they came or will go, header included.
pub type LsaBytes = Bytes;
