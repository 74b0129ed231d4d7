//! The thin shell around the core: sockets, netlink, timers, files.
