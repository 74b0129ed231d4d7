//! The Options field (RFC 2328 A.2; RFC 3101, 5250, 5613 for later bits).

/// External routing capability: AS-external-LSAs are flooded here; the area is no stub.
pub const E: u8 = 0x02;
/// Multicast routing (RFC 1584); never set by us.
pub const MC: u8 = 0x04;
/// NSSA support in hellos, propagate in type-7 LSAs (RFC 3101).
pub const NP: u8 = 0x08;
/// A link-local signalling block follows the packet (RFC 5613 §2.1); tolerated, and its content is ignored.
pub const L: u8 = 0x10;
/// Demand circuits (RFC 1793).
pub const DC: u8 = 0x20;
/// Opaque LSAs are understood (RFC 5250 §3.1).
pub const O: u8 = 0x40;
