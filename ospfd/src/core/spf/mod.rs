//! Routes from the link-state database (RFC 2328 §16).
//!
//! - [`graph`], [`tree`], [`hops`]: shortest paths with all equal-cost next hops, for any version of OSPF.
//! - [`build_v2`]: an OSPFv2 area's LSAs as such a graph.

pub mod build_v2;
pub mod graph;
pub mod hops;
mod ids;
pub mod tree;
