//! What both Evenkeel daemons share.
//!
//! `wire`, `ids` and `time` are pure; `control` is the protocol between `director`, `ospfd` and the
//! command-line tools; the `daemon` feature adds what touches the operating system.

pub mod control;
pub mod ids;
pub mod time;
pub mod wire;
