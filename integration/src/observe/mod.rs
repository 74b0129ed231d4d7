//! What can be seen of a lab from outside: the kernel's routes as they change, IPVS counters, the cost of a process.
//!
//! Nothing here asks a daemon how it fares. Figures come from the kernel, with one clock for all of them.

pub mod clock;
pub mod fib;
pub mod gateways;
pub mod ipvs;
pub mod process;
pub mod table;
