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
//! | `safety` | what must hold for every datagram |
//! | `liveness` | what must hold once all is quiet |
//! | `scenario` | random topologies, and random events on them |

mod failure;
mod liveness;
mod node;
mod queue;
mod run;
mod safety;
pub mod scenario;
mod topology;
mod world;

pub use failure::Failure;
pub use node::NodeId;
pub use topology::{LinkId, LinkKind, Quality, Timing, Topology};
pub use world::World;
