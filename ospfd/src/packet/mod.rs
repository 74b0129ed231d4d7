//! OSPFv2 packets (RFC 2328 appendix A.3) and LSAs (A.4): bytes ⇄ structs, nothing else.
//!
//! [`Packet::decode`] trusts no length before it has checked it, and never panics. A packet whose framing does not
//! hold is refused whole with a [`DecodeError`]. Within a Link State Update, an LSA that is bad in itself is left out
//! and reported in [`Decoded::skipped`], and the others are kept (RFC 2328 §13 (1)). Bytes behind the packet's length
//! are a digest, which is verified, and an LLS block (RFC 5613 §2, §2.2) or padding, which are ignored.
//!
//! Every file has the same order: constants, struct, parse, emit, tests.

mod ack;
mod auth;
mod dd;
mod error;
mod header;
mod hello;
mod lsa;
pub mod options;
mod request;
mod update;

pub use auth::{
    Algorithm, Auth, CryptoKey, EXTENDED_SEQUENCE_LEN, Expected, KeyRefusal, MAX_TRAILER_LEN, Stamp,
};
pub use dd::{DD_FIXED_LEN, DatabaseDescription};
pub use error::{DecodeError, EmitError};
pub use header::{Body, Decoded, PACKET_HEADER_LEN, Packet, sealed};
pub use hello::Hello;
pub use lsa::{
    ExternalLsa, ExternalMetric, GRACE_OPAQUE_TYPE, GraceError, GraceLsa, LS_INFINITY, LSA_HEADER_LEN,
    LsType, Lsa, LsaBody, LsaHeader, LsaKey, MAX_AGE, MAX_AGE_DIFF, MAX_LSA_LEN, NetworkLsa, RestartReason,
    RouterLink, RouterLinkType, RouterLsa, SummaryLsa, router_flags,
};
pub use request::REQUEST_LEN;
pub use update::{SkippedLsa, UPDATE_FIXED_LEN, encode_update};

#[cfg(test)]
mod vectors;
