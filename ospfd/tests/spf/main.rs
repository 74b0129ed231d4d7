//! The route calculation, on topologies that were drawn by hand and on random ones.

mod topology;
mod trees;
