//! What went wrong with the kernel: what was asked, what it said, what to do about it.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::core::plan::Op;
use crate::ipvs::CodecError;
use crate::model::{DaemonRole, ServiceKey, SyncDaemon};

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum IpvsError {
    /// The kernel refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The socket failed.
    #[error("the netlink socket to the kernel failed: {0}; it is opened again on the next try")]
    Socket(#[from] io::Error),
    /// The kernel's bytes make no sense to us.
    #[error("the kernel's answer cannot be read: {0}; is this kernel newer than this program?")]
    Codec(#[from] CodecError),
    /// The kernel's message as a whole makes no sense to us.
    #[error("the kernel's answer cannot be read: {0}; is this kernel newer than this program?")]
    Frame(#[from] netlink_packet_core::DecodeError),
    /// Answers were lost.
    #[error(
        "the kernel dropped answers when asked to {request}: our receive buffer was full; the table is read again"
    )]
    Overrun {
        /// What was asked.
        request: Request,
    },
    /// The kernel did not answer in time, or without the expected content.
    #[error("the kernel did not answer when asked to {request}")]
    NoAnswer {
        /// What was asked.
        request: Request,
    },
}

/// A request that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {request}: the kernel says {}{}", .errno.desc(), Advice(self))]
pub struct Refusal {
    /// What was asked.
    pub request: Request,
    /// What the kernel said.
    pub errno: Errno,
}

impl Refusal {
    /// Does it say no more than that the table is not the one that was dumped? Somebody changed it meanwhile, and a new
    /// dump with a new plan is all that it takes.
    pub fn is_outdated(&self) -> bool {
        let Request::Op(op) = &self.request else { return false };
        match self.errno {
            Errno::ESRCH => true,
            Errno::EEXIST => matches!(**op, Op::AddService { .. } | Op::AddServer { .. }),
            // For a service this errno speaks of its scheduler.
            Errno::ENOENT => {
                matches!(**op, Op::EditServer { .. } | Op::DelServer { .. } | Op::MoveServer { .. })
            }
            _ => false,
        }
    }
}

impl Refusal {
    /// Modules that the kernel may have lacked.
    pub fn missing_modules(&self) -> Vec<String> {
        match (&self.request, self.errno) {
            (Request::Family, Errno::ENOENT) => vec!["ip_vs".to_owned()],
            (Request::Op(op), Errno::ENOENT) => match &**op {
                Op::AddService { entry, .. } | Op::EditService { entry, .. } => {
                    let engine = entry.engine.iter().map(|engine| format!("ip_vs_pe_{engine}"));
                    engine.chain([format!("ip_vs_{}", entry.scheduler)]).collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

/// What the kernel is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The number of the family `IPVS`.
    Family,
    /// Version and size.
    Info,
    /// All services.
    Services,
    /// The servers of a service.
    Servers(ServiceKey),
    /// A change.
    Op(Box<Op>),
    /// Several changes in one message.
    Batch,
    /// The timeouts of connections.
    Timeouts,
    /// The sync daemons.
    Daemons,
    /// To start a sync daemon.
    StartDaemon(Box<SyncDaemon>),
    /// To stop a sync daemon.
    StopDaemon(DaemonRole),
    /// Counters back to 0: of one service, or of all.
    Zero(Option<ServiceKey>),
    /// To delete all services.
    Flush,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family => f.write_str("find the generic-netlink family IPVS"),
            Self::Info => f.write_str("read the version of IPVS"),
            Self::Services => f.write_str("list the services"),
            Self::Servers(key) => write!(f, "list the servers of {key}"),
            Self::Op(op) => write!(f, "do `{op}`"),
            Self::Batch => f.write_str("change the table"),
            Self::Timeouts => f.write_str("read the timeouts"),
            Self::Daemons => f.write_str("list the sync daemons"),
            Self::StartDaemon(daemon) => write!(f, "start the {daemon}"),
            Self::StopDaemon(role) => write!(f, "stop the {role} sync daemon"),
            Self::Zero(None) => f.write_str("zero all counters"),
            Self::Zero(Some(key)) => write!(f, "zero the counters of {key}"),
            Self::Flush => f.write_str("delete all services"),
        }
    }
}

/// What the operator can do, as the end of a sentence.
struct Advice<'a>(&'a Refusal);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { request, errno } = self.0;
        match (request, errno) {
            (_, Errno::EPERM) => f.write_str(
                "; programming IPVS needs CAP_NET_ADMIN in the initial user namespace: run as root or with \
                 `AmbientCapabilities=CAP_NET_ADMIN`",
            ),
            (Request::Family, Errno::ENOENT) => {
                f.write_str("; this kernel has no IPVS, or its module is not loaded: `modprobe ip_vs`")
            }
            (Request::Op(op), errno) => f.write_str("; ").and_then(|()| op_advice(f, op, *errno)),
            (Request::StartDaemon(daemon), errno) => f.write_str(daemon_advice(daemon, *errno)),
            (Request::StopDaemon(_), Errno::ESRCH) => f.write_str("; it does not run"),
            (Request::Zero(Some(_)), Errno::ESRCH) => f.write_str("; there is no such service"),
            (
                Request::Family
                | Request::Info
                | Request::Services
                | Request::Servers(_)
                | Request::Batch
                | Request::Timeouts
                | Request::Daemons
                | Request::StopDaemon(_)
                | Request::Zero(_)
                | Request::Flush,
                _,
            ) => Ok(()),
        }
    }
}

const fn daemon_advice(daemon: &SyncDaemon, errno: Errno) -> &'static str {
    match errno {
        Errno::EEXIST => "; one of that role runs: stop it first",
        Errno::ENODEV => "; there is no such interface",
        Errno::ENETUNREACH => "; the interface is down",
        Errno::EINVAL if daemon.group.is_some() => {
            "; the group must be a multicast address, and no service may have servers of the other address family"
        }
        Errno::EINVAL => "; sync cannot run while a service has servers of the other address family",
        _ => "",
    }
}

fn op_advice(f: &mut fmt::Formatter<'_>, op: &Op, errno: Errno) -> fmt::Result {
    match (op, errno) {
        (Op::AddService { entry, .. } | Op::EditService { entry, .. }, Errno::ENOENT) => {
            write!(f, "the scheduler `{0}` is not available: `modprobe ip_vs_{0}`", entry.scheduler)?;
            match &entry.engine {
                Some(engine) => {
                    write!(f, "; or the persistence engine `{engine}` is not: `modprobe ip_vs_pe_{engine}`")
                }
                None => Ok(()),
            }
        }
        (Op::AddService { .. } | Op::AddServer { .. }, Errno::EEXIST) => {
            f.write_str("somebody else added it meanwhile; the table is read again")
        }
        (_, Errno::ESRCH) => f.write_str("the service is not there (any more); the table is read again"),
        (Op::EditServer { .. } | Op::DelServer { .. } | Op::MoveServer { .. }, Errno::ENOENT) => {
            f.write_str("the server is not there (any more); the table is read again")
        }
        (Op::AddServer { address, .. } | Op::EditServer { address, .. }, Errno::ERANGE) => {
            write!(f, "{address}: the lower threshold must not be above the upper")
        }
        (Op::AddServer { key, address, .. } | Op::EditServer { key, address, .. }, Errno::EINVAL)
            if key.is_ipv6() != address.is_ipv6() =>
        {
            write!(
                f,
                "{address} is of the other address family: it must forward by tunnel, and no sync daemon may run \
             (`ipvsadm --stop-daemon`)"
            )
        }
        (Op::SetTimeouts { .. }, Errno::EINVAL) => f.write_str("a timeout is out of range"),
        (Op::AddServer { address, .. } | Op::EditServer { address, .. }, Errno::EINVAL) => write!(
            f,
            "{address} cannot be a real server of it: the address must be unicast and, unless it forwards by tunnel, \
             of the family of the VIP (and every address counts as broadcast until `lo` is up)"
        ),
        (Op::AddService { .. }, Errno::EAFNOSUPPORT) => {
            f.write_str("this kernel has no IPVS for that address family")
        }
        (_, Errno::ENOMEM) => f.write_str("the kernel is out of memory"),
        _ => f.write_str("the table is read again and the change is tried again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Encapsulation, Forward, ServerEntry, ServiceEntry};

    fn refusal(op: Op, errno: Errno) -> Refusal {
        Refusal { request: Request::Op(Box::new(op)), errno }
    }

    #[test]
    fn a_refusal_names_the_modules_that_may_be_missing() {
        let key: ServiceKey = "udp 10.0.0.1:5060".parse().unwrap();
        let entry = ServiceEntry {
            scheduler: "mh".to_owned(),
            flags: 0,
            timeout: 300,
            netmask: u32::MAX,
            engine: Some("sip".to_owned()),
        };
        let refused = refusal(Op::AddService { key, entry }, Errno::ENOENT);
        assert_eq!(refused.missing_modules(), ["ip_vs_pe_sip", "ip_vs_mh"]);
        assert!(refused.to_string().contains("`modprobe ip_vs_mh`; or the persistence engine `sip` is not"));
        assert_eq!(refusal(Op::DelService { key }, Errno::ENOENT).missing_modules(), [""; 0]);
        let family = Refusal { request: Request::Family, errno: Errno::ENOENT };
        assert_eq!(family.missing_modules(), ["ip_vs"]);
    }

    #[test]
    fn a_server_of_the_other_family_is_told_what_it_needs() {
        let key: ServiceKey = "tcp 10.0.0.1:80".parse().unwrap();
        let entry = ServerEntry::new(Forward::Tunnel(Encapsulation::Ipip), 1);
        let address = "[2001:db8::1]:80".parse().unwrap();
        let said = refusal(Op::AddServer { key, address, entry }, Errno::EINVAL).to_string();
        assert!(said.contains("must forward by tunnel, and no sync daemon may run"), "{said}");
    }
}
