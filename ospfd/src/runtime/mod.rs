//! The thin shell around the core: sockets, netlink, timers, files.
//!
//! `driver` owns the engine and is the only one that calls it; everything else brings it inputs or carries out its
//! outputs. `clock` is the only place that reads the time.

pub mod clock;
pub mod config;
pub mod links;
pub mod socket;
