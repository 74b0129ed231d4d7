//! The Evenkeel lab.
