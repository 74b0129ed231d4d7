//! The thin shell: one loop that owns the cores, and the sockets around it.
