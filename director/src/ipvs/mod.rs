//! The kernel's IPVS table over generic netlink, family `IPVS`.
//!
//! One file per family of attributes ([`service`], [`dest`], [`stats`], [`info`]), [`message`] for the commands, and
//! [`entry`] and [`settings`] between attributes and the model's rows. This part is a codec and touches nothing. [`handle`] (feature
//! `daemon`) owns a socket and speaks to the kernel.

pub mod attribute;
pub mod dest;
pub mod entry;
mod error;
#[cfg(feature = "daemon")]
pub mod handle;
pub mod info;
pub mod message;
pub mod service;
pub mod settings;
pub mod stats;

pub use error::CodecError;
#[cfg(feature = "daemon")]
pub use handle::{Handle, IpvsError};

#[cfg(test)]
mod tests;
