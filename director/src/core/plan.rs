//! From the observed table to the desired one: which operations, in which order.
//!
//! Laws, each a property in the tests: applying a plan gives the desired table; the plan between equal tables is
//! empty; a plan cut short anywhere is completed by the next one; nothing that is not ours is touched; what takes
//! traffic comes before what stops taking it; a server is deleted only after its weight is 0; the servers of a service end
//! in canonical order, where its scheduler depends on that (the kernel puts a new server at the head of its list, and `mh`, `sh`
//! and `dh` fill their tables from that list). Deletions stand at the end of the whole plan: see [`Op::MoveServer`].

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use super::desired::{Desired, DesiredService};
use super::observed::{Observed, ObservedService};
use crate::model::{
    KeyArguments, SchedulerKind, ServerArguments, ServerEntry, ServiceArguments, ServiceEntry, ServiceKey,
    Timeouts,
};

/// Keys of services that we declared, now or earlier. Only these, and the desired ones, are ever touched.
pub type Owned = BTreeSet<ServiceKey>;

/// One change of the kernel's table. Shown as the `ipvsadm` arguments that would do the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Adds a service without servers.
    AddService {
        /// Which.
        key: ServiceKey,
        /// Its row.
        entry: ServiceEntry,
    },
    /// Changes a service in place; its connections stay.
    EditService {
        /// Which.
        key: ServiceKey,
        /// Its new row.
        entry: ServiceEntry,
    },
    /// Deletes a service.
    DelService {
        /// Which.
        key: ServiceKey,
    },
    /// Adds a server to a service.
    AddServer {
        /// Of which service.
        key: ServiceKey,
        /// Which.
        address: SocketAddr,
        /// Its row.
        entry: ServerEntry,
    },
    /// Changes a server in place; its connections stay.
    EditServer {
        /// Of which service.
        key: ServiceKey,
        /// Which.
        address: SocketAddr,
        /// Its new row.
        entry: ServerEntry,
    },
    /// Deletes a server; its connections end.
    DelServer {
        /// Of which service.
        key: ServiceKey,
        /// Which.
        address: SocketAddr,
    },
    /// Makes a server the newest of its service: deletes it and adds it again, as one. The kernel keeps a deleted server
    /// as long as it has connections, and puts the same one back: they go on, and its counters, too, if no connection of a
    /// missing server is ended meanwhile (`expire_nodest_conn`; the executor sees to that).
    MoveServer {
        /// Of which service.
        key: ServiceKey,
        /// Which.
        address: SocketAddr,
        /// Its row, as it is.
        entry: ServerEntry,
    },
    /// Sets the timeouts of connections.
    SetTimeouts {
        /// To what.
        timeouts: Timeouts,
    },
}

/// The operations that turn `observed` into `desired`, on the keys that `desired` and `owned` name.
pub fn plan(desired: &Desired, observed: &Observed, owned: &Owned) -> Vec<Op> {
    let mut ops = Vec::new();
    let mut deletions = Vec::new();
    if let Some(timeouts) = desired.timeouts.filter(|timeouts| *timeouts != observed.timeouts) {
        ops.push(Op::SetTimeouts { timeouts });
    }
    for (key, want) in &desired.services {
        match observed.services.get(key) {
            None => add_service(&mut ops, *key, want),
            Some(have) => change_service(&mut ops, &mut deletions, *key, want, have),
        }
    }
    for key in owned {
        if let Some(have) = observed.services.get(key)
            && !desired.services.contains_key(key)
        {
            for (address, server) in &have.servers {
                quiesce(&mut ops, *key, *address, server.entry);
            }
            deletions.push(Op::DelService { key: *key });
        }
    }
    ops.append(&mut deletions);
    ops
}

fn add_service(ops: &mut Vec<Op>, key: ServiceKey, want: &DesiredService) {
    ops.push(Op::AddService { key, entry: want.entry.clone() });
    for (&address, &entry) in &want.servers {
        ops.push(Op::AddServer { key, address, entry });
    }
}

fn change_service(
    ops: &mut Vec<Op>,
    deletions: &mut Vec<Op>,
    key: ServiceKey,
    want: &DesiredService,
    have: &ObservedService,
) {
    if want.entry != have.entry {
        ops.push(Op::EditService { key, entry: want.entry.clone() });
    }
    let first_out_of_place = first_out_of_place(want, have);
    for (&address, &entry) in &want.servers {
        match have.servers.get(&address) {
            None => ops.push(Op::AddServer { key, address, entry }),
            Some(seen) if first_out_of_place.is_some_and(|first| first <= address) => {
                ops.push(Op::MoveServer { key, address, entry: seen.entry });
            }
            Some(_) => {}
        }
    }
    let edits = || {
        want.servers.iter().filter_map(|(&address, &entry)| {
            let changed = have.servers.get(&address).is_some_and(|server| server.entry != entry);
            changed.then_some(Op::EditServer { key, address, entry })
        })
    };
    let takes_traffic = |op: &Op| matches!(op, Op::EditServer { entry, .. } if entry.weight > 0);
    ops.extend(edits().filter(takes_traffic));
    ops.extend(edits().filter(|op| !takes_traffic(op)));
    for (&address, server) in &have.servers {
        if !want.servers.contains_key(&address) {
            quiesce(ops, key, address, server.entry);
            deletions.push(Op::DelServer { key, address });
        }
    }
}

/// The first server in canonical order that cannot stay where it is: it and all that follow must become the newest, one after
/// the other. Absent when all may stay, with those that are missing added after them.
fn first_out_of_place(want: &DesiredService, have: &ObservedService) -> Option<SocketAddr> {
    let kind = SchedulerKind::from_name(&want.entry.scheduler);
    // What a scheduler does that we do not know is not known either.
    if kind.is_some_and(|kind| !kind.depends_on_order()) {
        return None;
    }
    let mut canonical = want.servers.keys().peekable();
    for address in &have.insertion {
        canonical.next_if_eq(&address);
    }
    canonical.peek().copied().copied()
}

/// Weight 0, unless it is 0 already.
fn quiesce(ops: &mut Vec<Op>, key: ServiceKey, address: SocketAddr, entry: ServerEntry) {
    if entry.weight != 0 {
        ops.push(Op::EditServer { key, address, entry: ServerEntry { weight: 0, ..entry } });
    }
}

impl Op {
    /// The service that it is about, if it is about one.
    pub const fn key(&self) -> Option<ServiceKey> {
        match self {
            Self::SetTimeouts { .. } => None,
            Self::AddService { key, .. }
            | Self::EditService { key, .. }
            | Self::DelService { key }
            | Self::AddServer { key, .. }
            | Self::EditServer { key, .. }
            | Self::DelServer { key, .. }
            | Self::MoveServer { key, .. } => Some(*key),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService { key, entry } => {
                write!(f, "-A {} {}", KeyArguments(*key), ServiceArguments(*key, entry))
            }
            Self::EditService { key, entry } => {
                write!(f, "-E {} {}", KeyArguments(*key), ServiceArguments(*key, entry))
            }
            Self::DelService { key } => write!(f, "-D {}", KeyArguments(*key)),
            Self::AddServer { key, address, entry } => {
                write!(f, "-a {} {}", KeyArguments(*key), ServerArguments(*address, entry))
            }
            Self::EditServer { key, address, entry } => {
                write!(f, "-e {} {}", KeyArguments(*key), ServerArguments(*address, entry))
            }
            // ipvsadm has no word for it: it takes the two commands.
            Self::MoveServer { key, address, entry } => {
                let key = KeyArguments(*key);
                write!(f, "-d {key} -r {address}; -a {key} {}", ServerArguments(*address, entry))
            }
            Self::SetTimeouts { timeouts: Timeouts { tcp, tcp_fin, udp } } => {
                write!(f, "--set {tcp} {tcp_fin} {udp}")
            }
            Self::DelServer { key, address } => write!(f, "-d {} -r {address}", KeyArguments(*key)),
        }
    }
}

#[cfg(test)]
mod tests;
