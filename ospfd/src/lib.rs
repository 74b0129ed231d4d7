//! An OSPF speaker for director hosts.
//!
//! `packet` turns bytes into structs and back; `core` is the protocol engine, sans-IO; `bfd` is that of BFD; `runtime` (feature `daemon`)
//! is the thin shell that owns sockets, netlink, timers and files.

pub mod bfd;
pub mod core;
pub mod packet;
#[cfg(feature = "daemon")]
pub mod runtime;
