//! What went wrong with the kernel: what was asked, what it said, what to do about it.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::core::plan::Op;
use crate::ipvs::CodecError;
use crate::model::ServiceKey;

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
            Errno::ENOENT => matches!(**op, Op::EditServer { .. } | Op::DelServer { .. }),
            _ => false,
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
            (
                Request::Family | Request::Info | Request::Services | Request::Servers(_) | Request::Batch,
                _,
            ) => Ok(()),
        }
    }
}

fn op_advice(f: &mut fmt::Formatter<'_>, op: &Op, errno: Errno) -> fmt::Result {
    match (op, errno) {
        (Op::AddService { entry, .. } | Op::EditService { entry, .. }, Errno::ENOENT) => {
            write!(f, "the scheduler `{0}` is not available: `modprobe ip_vs_{0}`", entry.scheduler)
        }
        (Op::AddService { .. } | Op::AddServer { .. }, Errno::EEXIST) => {
            f.write_str("somebody else added it meanwhile; the table is read again")
        }
        (_, Errno::ESRCH) => f.write_str("the service is not there (any more); the table is read again"),
        (Op::EditServer { .. } | Op::DelServer { .. }, Errno::ENOENT) => {
            f.write_str("the server is not there (any more); the table is read again")
        }
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
