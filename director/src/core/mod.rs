//! What decides, without touching anything: health, desired and observed tables, plans, the advertise gate.
//!
//! No sockets, no clock, no randomness: `now` and a seed come in as arguments, effects leave as data.

pub mod adopt;
pub mod agent;
pub mod desired;
pub mod gate;
pub mod health;
pub mod lease;
#[cfg(test)]
mod model_kernel;
pub mod observed;
pub mod plan;
pub mod seats;
