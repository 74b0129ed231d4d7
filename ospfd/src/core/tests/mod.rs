//! Scripted tests: a few instances on one network, in virtual time.

mod auth;
mod bfd;
mod broadcast;
mod database;
mod election;
mod exchange;
mod external;
mod flooding;
mod guard;
mod hello;
mod helper;
mod leases;
mod lifecycle;
mod nonbroadcast;
mod nssa;
mod opaque;
mod operators;
mod origination;
mod pitfalls;
mod point_to_point;
mod robustness;
mod routes;
mod sending;
mod stub_area;
mod unnumbered;
mod world;
