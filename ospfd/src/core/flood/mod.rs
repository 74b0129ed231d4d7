//! Flooding (RFC 2328 §13): `classify` decides about an LSA that came, `receive` does it, `send` passes LSAs on and
//! repeats them, `ack` takes and gives acknowledgements.

mod ack;
mod classify;
mod receive;
mod send;

pub(crate) use send::Sender;
