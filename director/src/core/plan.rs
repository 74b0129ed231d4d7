//! From the observed table to the desired one: which operations, in which order.
//!
//! Laws, each a property in the tests: applying a plan gives the desired table; the plan between equal tables is
//! empty; a plan cut short anywhere is completed by the next one; nothing that is not ours is touched; what takes
//! traffic comes before what stops taking it; a server is deleted only after its weight is 0; new servers of a
//! service are added in canonical order (the kernel lists them newest first, and `mh` depends on that list).

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use super::desired::{Desired, DesiredService};
use super::observed::{Observed, ObservedService};
use crate::model::{
    FLAG_ONE_PACKET, FLAG_PERSISTENT, ForwardMethod, Protocol, ServerEntry, ServiceEntry, ServiceKey,
    scheduler_flag_names,
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
}

/// The operations that turn `observed` into `desired`, on the keys that `desired` and `owned` name.
pub fn plan(desired: &Desired, observed: &Observed, owned: &Owned) -> Vec<Op> {
    let mut ops = Vec::new();
    for (key, want) in &desired.services {
        match observed.services.get(key) {
            None => add_service(&mut ops, *key, want),
            Some(have) => change_service(&mut ops, *key, want, have),
        }
    }
    for key in owned {
        if let Some(have) = observed.services.get(key)
            && !desired.services.contains_key(key)
        {
            for (address, server) in &have.servers {
                quiesce(&mut ops, *key, *address, server.entry);
            }
            ops.push(Op::DelService { key: *key });
        }
    }
    ops
}

fn add_service(ops: &mut Vec<Op>, key: ServiceKey, want: &DesiredService) {
    ops.push(Op::AddService { key, entry: want.entry.clone() });
    for (&address, &entry) in &want.servers {
        ops.push(Op::AddServer { key, address, entry });
    }
}

fn change_service(ops: &mut Vec<Op>, key: ServiceKey, want: &DesiredService, have: &ObservedService) {
    if want.entry != have.entry {
        ops.push(Op::EditService { key, entry: want.entry.clone() });
    }
    for (&address, &entry) in &want.servers {
        if !have.servers.contains_key(&address) {
            ops.push(Op::AddServer { key, address, entry });
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
            ops.push(Op::DelServer { key, address });
        }
    }
}

/// Weight 0, unless it is 0 already.
fn quiesce(ops: &mut Vec<Op>, key: ServiceKey, address: SocketAddr, entry: ServerEntry) {
    if entry.weight != 0 {
        ops.push(Op::EditServer { key, address, entry: ServerEntry { weight: 0, ..entry } });
    }
}

impl Op {
    /// The service that it is about.
    pub const fn key(&self) -> ServiceKey {
        match self {
            Self::AddService { key, .. }
            | Self::EditService { key, .. }
            | Self::DelService { key }
            | Self::AddServer { key, .. }
            | Self::EditServer { key, .. }
            | Self::DelServer { key, .. } => *key,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService { key, entry } => {
                write!(f, "-A {}{}", KeyArguments(*key), ServiceArguments(entry))
            }
            Self::EditService { key, entry } => {
                write!(f, "-E {}{}", KeyArguments(*key), ServiceArguments(entry))
            }
            Self::DelService { key } => write!(f, "-D {}", KeyArguments(*key)),
            Self::AddServer { key, address, entry } => {
                write!(f, "-a {} -r {address}{}", KeyArguments(*key), ServerArguments(entry))
            }
            Self::EditServer { key, address, entry } => {
                write!(f, "-e {} -r {address}{}", KeyArguments(*key), ServerArguments(entry))
            }
            Self::DelServer { key, address } => write!(f, "-d {} -r {address}", KeyArguments(*key)),
        }
    }
}

struct KeyArguments(ServiceKey);

impl fmt::Display for KeyArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceKey::Address { protocol: Protocol::Tcp, vip } => write!(f, "-t {vip}"),
            ServiceKey::Address { protocol: Protocol::Udp, vip } => write!(f, "-u {vip}"),
            ServiceKey::FirewallMark { mark, ipv6: false } => write!(f, "-f {mark}"),
            ServiceKey::FirewallMark { mark, ipv6: true } => write!(f, "-f {mark} -6"),
        }
    }
}

struct ServiceArguments<'a>(&'a ServiceEntry);

impl fmt::Display for ServiceArguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        write!(f, " -s {}", entry.scheduler)?;
        let flags = scheduler_flag_names(&entry.scheduler, entry.flags);
        if !flags.is_empty() {
            write!(f, " -b {}", flags.join(","))?;
        }
        if entry.flags & FLAG_PERSISTENT != 0 {
            write!(f, " -p {}", entry.timeout)?;
        }
        if let Some(engine) = &entry.engine {
            write!(f, " --pe {engine}")?;
        }
        if entry.flags & FLAG_ONE_PACKET != 0 {
            f.write_str(" -o")?;
        }
        Ok(())
    }
}

struct ServerArguments<'a>(&'a ServerEntry);

impl fmt::Display for ServerArguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        match entry.forward {
            ForwardMethod::Nat => f.write_str(" -m")?,
            ForwardMethod::Tunnel => f.write_str(" -i")?,
            ForwardMethod::Dr | ForwardMethod::Local => f.write_str(" -g")?,
            ForwardMethod::Bypass | ForwardMethod::Unknown(_) => write!(f, " ({})", entry.forward)?,
        }
        write!(f, " -w {}", entry.weight)?;
        if entry.upper_threshold != 0 {
            write!(f, " -x {}", entry.upper_threshold)?;
        }
        if entry.lower_threshold != 0 {
            write!(f, " -y {}", entry.lower_threshold)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
