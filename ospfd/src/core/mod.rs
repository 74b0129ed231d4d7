//! The OSPF engine: sans-IO.
//!
//! Inputs are `handle_*` and commands, outputs `poll_*`. It never blocks, never panics on input, reads no clock and
//! no randomness: its output is a function of (config, seed, inputs).

pub mod advertise;
pub mod config;
pub mod event;
mod instance;
pub mod spf;

pub use instance::Instance;
