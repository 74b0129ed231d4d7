//! What both Evenkeel daemons share.
//!
//! `wire`, `ids` and `time` are pure; `control` is the protocol between `director`, `ospfd` and the
//! command-line tools; the `daemon` feature adds what touches the operating system.

#[cfg(feature = "daemon")]
pub mod config;
pub mod control;
pub mod ids;
#[cfg(feature = "daemon")]
pub mod telemetry;
pub mod time;
pub mod wire;
