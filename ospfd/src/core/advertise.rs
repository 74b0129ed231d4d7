//! Leases: who advertises what, and until when.
