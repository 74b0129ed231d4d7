//! The Evenkeel lab: real routers, real kernels, and the daemons between them.
//!
//! - [`lab`]: a topology of network namespaces, brought up and taken down as one value;
//! - [`node`]: what runs in a namespace: FRR, BIRD, our daemons, or nothing but a host;
//! - [`guest`]: a kernel with IPVS where the running one has none;
//! - [`place`]: where a piece of work runs: confined on this kernel, or in the guest;
//! - [`testing`]: the phases of `cargo lab test`;
//! - [`demo`] and [`mod@bench`]: the play and the measurements;
//! - [`observe`] and [`traffic`]: watching kernels, and clients and servers to watch;
//! - [`crowd`]: many of our engines on one real network;
//! - [`speaker`]: feeds a router with LSAs of anybody's making;
//! - [`setup`]: the Debian packages that all of it needs;
//! - [`sim`]: many engines in virtual time;
//! - [`soak`]: more of it, and of fuzzing, than a test has time for;
//! - [`cli`]: the commands of `cargo lab`.

pub mod bench;
pub mod cli;
pub mod clock;
pub mod crowd;
pub mod demo;
pub mod guest;
pub mod lab;
pub mod node;
pub mod observe;
pub mod paths;
pub mod place;
pub mod setup;
pub mod sim;
pub mod soak;
pub mod speaker;
pub mod testing;
pub mod traffic;
