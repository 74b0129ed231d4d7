//! The Evenkeel lab.

pub mod bench;
pub mod demo;
pub mod observe;
pub mod traffic;
