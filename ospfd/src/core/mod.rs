//! The OSPF engine: sans-IO.
//!
//! Inputs are `handle_*` and commands, outputs `poll_*`. It never blocks, never panics on input, reads no clock and
//! no randomness: its output is a function of (config, seed, inputs).
//!
//! | file | what is in it |
//! |---|---|
//! | `instance` | the façade; an input is handled, then [`Instance`] settles: requests, origination, floods |
//! | `receive` | checks on a datagram (RFC 2328 §8.2) and dispatch |
//! | `interface/` | interface state machine (§9), Designated Router election, hellos, polls of neighbours that are named |
//! | `neighbor/` | neighbour state machine (§10), database descriptions, requests |
//! | `flood/` | link state updates and acknowledgements (§13) |
//! | `lsdb/`, `age` | the database (§12.2), ageing and verification (§14) |
//! | `originate/` | our own LSAs (§12.4): desired, decided, done |
//! | `nssa` | who translates an NSSA's external routes (RFC 3101) |
//! | `spf/` | shortest paths (RFC 2328 §16) |
//! | `auth` | keys in force, sequence numbers (RFC 2328 appendix D) |
//! | `advertise` | leases: who wants which prefix advertised |
//! | `bfd` | which neighbours BFD watches, and what follows when it loses one |
//! | `helper` | neighbours that restart gracefully, and are helped (RFC 3623 §3) |
//! | `links` | links and configuration that change |
//! | `stop` | shutting down |
//! | `view` | what the control socket shows |
//! | `status` | the instance, its areas and calculations in figures |
//! | `clear` | adjacencies that an operator ends |
//! | `ecmp` | which directors the upstream routers use for a VIP |
//!
//! Deviations from RFC 2328: MinLSInterval is 1.05 s (`constants`); no Router-LSA stands while nobody listens
//! (`originate::desired`); the first hello of a neighbour, and an election, are answered by a hello at once,
//! the former a little later in a crowd (`interface::hello`); any packet re-arms the InactivityTimer (RFC 4222); a neighbour has a record from its first hello on,
//! and is a poll before that; on a point-to-multipoint network without named neighbours hellos are multicast
//! (`interface::poll`); who is no transit router gives summaries a cost of last resort (`originate::summary`); an AS
//! boundary router stays one (`originate`); an LSA of ours that comes back is outdone, and not flooded first
//! (`flood::classify`); a round of retransmissions may take several packets (`flood::send`); a transit area is no way to
//! what we are attached to, and equal ways to a prefix that several areas or Network-LSAs have are put together (`spf`); who
//! translated an NSSA's routes takes all of them back (`nssa`), and its border routers need not say that they are AS boundary
//! routers (`spf::external`).

pub mod advertise;
pub mod config;
pub mod event;
pub mod spf;

mod age;
mod auth;
mod bfd;
mod clear;
mod constants;
mod drops;
mod ecmp;
mod flood;
mod helper;
mod instance;
mod interface;
mod links;
mod lsdb;
mod neighbor;
mod nssa;
mod originate;
mod output;
mod receive;
mod routing;
mod status;
mod stop;
mod timer;
mod view;

pub use instance::Instance;
pub use timer::TimerKey;

#[cfg(test)]
mod tests;
