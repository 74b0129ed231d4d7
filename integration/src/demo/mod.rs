//! The demo: two directors serve one VIP, and the script breaks one thing after another.
//!
//! `report` is what is measured, `timeline` draws it, `screen` tells it while it happens.

pub mod command;
pub mod report;
pub mod screen;
pub mod timeline;
