//! The route calculation, on topologies that were drawn by hand and on random ones.

mod figure2;
mod nssa;
mod oracle;
mod routes;
mod rules;
mod topology;
mod trees;
