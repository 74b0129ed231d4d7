//! Programs IPVS, checks real servers, and decides which VIPs this host may advertise.
//!
//! `model` holds the validated words of the domain; `core` decides, sans-IO; `ipvs` is the generic-netlink codec;
//! `probe` and `runtime` (feature `daemon`) touch the world.

pub mod model;
