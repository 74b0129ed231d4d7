//! The thin shell: one loop that owns the cores, and the sockets around it.

pub mod announcer;
pub mod clock;
pub mod executor;
pub mod ownership;
pub mod sysctl;
