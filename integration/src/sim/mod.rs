//! Many OSPF engines in virtual time.
//!
//! A [`World`] holds routers, each an `ospfd::core::Instance` with a director that renews its lease, and the links
//! between them, which delay, lose, repeat and reorder datagrams as their [`Quality`] says. Time moves from one event
//! to the next, so that hours take seconds; all chance comes from one seed, so that a run can be repeated.
//!
//! | file | what it holds |
//! |---|---|
//! | `topology` | what is to be built: routers, links, qualities |
//! | `world` | the world as it stands, and what a test may do to routers and links |
//! | `run` | the loop over events |
//! | `node` | one router: its instance, its lease, its multicast groups |
//! | `fault` | bugs to plant |
//! | `safety` | what must hold for every datagram |
//! | `liveness`, `oracle` | what must hold once all is quiet; the routes that there must be |
//! | `trace`, `recording`, `failure` | what happened, for whoever has to find out why |
//! | `scenario` | random topologies, and random events on them |
//! | `large` | networks of up to hundreds of routers |
//! | `sweep` | many seeds at once, and the evidence of one that fails |

mod failure;
mod fault;
pub mod large;
mod liveness;
mod node;
mod oracle;
mod queue;
mod recording;
mod run;
mod safety;
pub mod scenario;
pub mod sweep;
mod topology;
mod trace;
mod world;

pub use failure::{Evidence, Failure};
pub use fault::Fault;
pub use node::NodeId;
pub use topology::{LinkId, LinkKind, Quality, Timing, Topology};
pub use world::World;
