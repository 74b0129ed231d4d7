//! Benches: ours and a peer in turn, in the same place, told as medians with ranges and a ratio.

mod area;
mod churn;
pub mod command;
mod originate;
pub mod result;
mod spf;
mod stage;
pub mod stats;
mod sync;
mod withdraw;
