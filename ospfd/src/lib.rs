//! An OSPF speaker for director hosts.
//!
//! `packet` turns bytes into structs and back; `core` is the protocol engine, sans-IO; `runtime` (feature `daemon`)
//! is the thin shell that owns sockets, netlink, timers and files.

pub mod core;
pub mod packet;
#[cfg(feature = "daemon")]
pub mod runtime;
