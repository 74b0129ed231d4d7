//! Bidirectional Forwarding Detection (RFC 5880) on single hops (RFC 5881), sans-IO like the OSPF engine beside it, which
//! knows it by [`Status`] only.
//!
//! Inputs are [`Engine::open`], [`Engine::close`], [`Engine::handle_packet`] and [`Engine::handle_timeout`]; outputs are
//! `poll_*`. It never blocks, never panics on input, reads no clock and no randomness.
//!
//! | file | what is in it |
//! |---|---|
//! | `packet`, `auth` | the control packet and its authentication section |
//! | `fsm` | the state machine as a table |
//! | `session` | one session: state variables, reception, transmission |
//! | `timing` | intervals and Poll Sequences |
//! | `engine` | all sessions: demultiplexing, what is due |
//! | `drops`, `view` | why packets were dropped; what is shown |
//!
//! Left out: the Echo function (RFC 5880 §6.4; we announce that we send nothing back) and Demand mode of our own
//! (RFC 5880 §6.6; the other side may use it). A Poll Sequence is sent in state Up only: before that, intervals hold as
//! they are told, since nothing is detected by them.

mod auth;
mod drops;
mod engine;
mod fsm;
mod packet;
mod session;
mod timing;
mod view;

pub use auth::{AuthKey, AuthRefusal, AuthType, Section};
pub use drops::{Counters, DropReason};
pub use engine::{Change, Engine, RxPacket, Status, Transmit};
pub use packet::{ControlPacket, DecodeError, Decoded, Diagnostic, Encoded, MAX_LEN, State};
pub use session::{Remote, SessionConfig, SessionKey};
pub use timing::Poll;

#[cfg(test)]
mod tests;
