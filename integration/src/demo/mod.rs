//! `cargo lab demo`: two directors serve one VIP, and a script breaks one thing after another.
//!
//! Outside, `command` makes ready and chooses the kernel; inside, `play` sets the lab up (`stage`), plays the steps
//! (`script`), and tells them (`screen`) while they happen. `report` is what was measured, `timeline` draws it.

pub mod command;
mod play;
mod power;
pub mod report;
pub mod screen;
mod script;
mod stage;
pub mod timeline;
