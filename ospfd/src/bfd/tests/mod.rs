//! Two engines in virtual time, and single ones that are spoken to.

mod negotiation;
mod properties;
mod reception;
mod silence;
mod world;
