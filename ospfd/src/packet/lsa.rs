//! LSA header and bodies (RFC 2328 A.4).

use std::net::Ipv4Addr;

use bytes::Bytes;
use common::ids::RouterId;

/// LS type (RFC 2328 A.4.1; 9, 10, 11: RFC 5250).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LsType {
    /// 1
    Router,
    /// 2
    Network,
    /// 3
    SummaryNetwork,
    /// 4
    SummaryAsbr,
    /// 5
    AsExternal,
    /// 7
    Nssa,
    /// 9
    OpaqueLink,
    /// 10
    OpaqueArea,
    /// 11
    OpaqueAs,
    /// Any other.
    Unknown(u8),
}

/// What identifies an LSA within its flooding scope (RFC 2328 §12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LsaKey {
    /// LS type.
    pub ls_type: LsType,
    /// Link State ID.
    pub link_state_id: u32,
    /// Advertising Router.
    pub advertising_router: RouterId,
}

/// LSA header (RFC 2328 A.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LsaHeader {
    /// LS age in seconds, without DoNotAge.
    pub age: u16,
    /// Options (A.2).
    pub options: u8,
    /// Type, Link State ID, Advertising Router.
    pub key: LsaKey,
    /// LS sequence number, signed (RFC 2328 §12.1.6).
    pub sequence: i32,
    /// LS checksum as on the wire.
    pub checksum: u16,
    /// Length in bytes, these 20 included.
    pub length: u16,
}

/// An LSA: its header, its body in words, and the bytes that both came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lsa {
    /// The header.
    pub header: LsaHeader,
    /// The body.
    pub body: LsaBody,
    /// Header and body exactly as received or emitted. The age in it is that of `header`.
    pub raw: Bytes,
}

/// LSA bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LsaBody {
    /// Type 1.
    Router(RouterLsa),
    /// Type 2.
    Network(NetworkLsa),
    /// A type that is stored and flooded, but not interpreted.
    Opaque,
}

/// Router-LSA body (RFC 2328 A.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterLsa {
    /// V, E, B bits as on the wire (0x04, 0x02, 0x01).
    pub flags: u8,
    /// The links.
    pub links: Vec<RouterLink>,
}

/// One link of a Router-LSA. TOS metrics are skipped on receipt and never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouterLink {
    /// Type.
    pub link_type: RouterLinkType,
    /// Link ID.
    pub link_id: u32,
    /// Link Data.
    pub link_data: u32,
    /// Cost.
    pub metric: u16,
}

/// Router-LSA link types (RFC 2328 A.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouterLinkType {
    /// 1
    PointToPoint,
    /// 2
    Transit,
    /// 3
    Stub,
    /// 4
    Virtual,
    /// Any other.
    Unknown(u8),
}

/// Network-LSA body (RFC 2328 A.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkLsa {
    /// Mask of the network.
    pub network_mask: Ipv4Addr,
    /// Routers fully adjacent to the Designated Router, itself included.
    pub attached_routers: Vec<RouterId>,
}
