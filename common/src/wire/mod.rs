//! Bounds-checked cursors over bytes, and the checksums of the protocols that we speak.
