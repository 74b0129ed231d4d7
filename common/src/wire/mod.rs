//! Bounds-checked cursors over bytes, and the checksums of the protocols that we speak.

pub mod checksum;
mod reader;
mod writer;

pub use reader::{Reader, Truncated};
pub use writer::Writer;
