//! Programs IPVS, checks real servers, and decides which VIPs this host may advertise.
//!
//! `model` holds the validated words of the domain; `core` decides, sans-IO; `ipvs` is the generic-netlink codec;
//! `ipvsadm` is the language of that program;
//! `config`, `probe`, `runtime` and `cli` (feature `daemon`) touch the world.

#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod config;
pub mod core;
pub mod ipvs;
pub mod ipvsadm;
pub mod model;
#[cfg(feature = "daemon")]
pub mod probe;
#[cfg(feature = "daemon")]
pub mod runtime;
