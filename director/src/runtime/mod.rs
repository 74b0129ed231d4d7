//! The thin shell: one loop that owns the core, and the sockets around it.
//!
//! `driver` is the loop; `kernel` (with its `executor`) and `announcer` carry out what the core wants of the kernel, `lease` carries requests to
//! `ospfd`, `admin` answers `directorctl`.
//!
//! A clean stop (SIGTERM) withdraws the VIPs and leaves tables, connections and addresses as they are. A crash, or `kill -9`,
//! withdraws nothing at once: the lease stays in `ospfd` until it lapses, and a director that is back before finds its
//! set in force and the kernel's table as it was.

pub mod admin;
pub mod announcer;
pub mod clock;
pub mod drains;
pub mod driver;
pub mod executor;
pub mod kernel;
pub mod lease;
pub mod modules;
pub mod ownership;
pub mod sysctl;
pub mod watchdog;
