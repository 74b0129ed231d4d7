//! Traffic that is counted honestly: a client that never retries, and servers that say their name.
//!
//! `client` opens short connections at a steady rate and keeps long-lived ones busy; `server` answers both, and health
//! checks; `ledger` keeps what happened and answers questions about spans of time.

pub mod client;
pub mod ledger;
pub mod server;
