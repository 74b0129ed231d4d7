//! Probes: the only code that dials real servers.
