//! Why a probe did not pass.

use std::fmt;
use std::time::Duration;

/// Where in a probe something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before the TCP connection stood.
    Connect,
    /// Between the request and the end of the answer's head.
    Answer,
    /// While the answer's body came in.
    Body,
}

/// Why a probe did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Nobody listens there.
    Refused,
    /// The connection was reset, or closed before the answer was whole.
    Broken(Phase),
    /// The network says that the address cannot be reached.
    Unreachable,
    /// The whole probe took longer than this.
    Timeout(Phase, Duration),
    /// The HTTP status is not an accepted one.
    Status(u16),
    /// The answer is not HTTP/1.1.
    NotHttp,
    /// The answer's body is longer than this many bytes.
    BodyTooLong(usize),
    /// This host could not ask (out of sockets, no route, internal fault); says nothing about the server.
    CannotAsk(LocalFault),
}

/// Faults of our own, told apart so that an operator knows what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalFault {
    /// A system call failed with this errno.
    Errno(i32),
    /// The request cannot be written as HTTP.
    Request,
    /// The probe gave no result in its time and is given up.
    Lost,
}

impl Failure {
    /// Does it say something about the server?
    pub const fn is_answer(self) -> bool {
        !matches!(self, Self::CannotAsk(_))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Answer => "waiting for the answer",
            Self::Body => "reading the answer's body",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Broken(phase) => write!(f, "connection broken while {phase}"),
            Self::Unreachable => f.write_str("address unreachable"),
            Self::Timeout(phase, after) => {
                write!(f, "no success within {}, while {phase}", humantime::format_duration(*after))
            }
            Self::Status(status) => write!(f, "HTTP status {status} is not accepted"),
            Self::NotHttp => f.write_str("the answer is not HTTP/1.1"),
            Self::BodyTooLong(limit) => write!(f, "the answer's body is longer than {limit} bytes"),
            Self::CannotAsk(LocalFault::Errno(errno)) => {
                write!(f, "this host could not ask (errno {errno}); the server's state is left as it was")
            }
            Self::CannotAsk(LocalFault::Request) => f.write_str("the request cannot be written as HTTP"),
            Self::CannotAsk(LocalFault::Lost) => {
                f.write_str("the probe was lost; the server's state is left as it was")
            }
        }
    }
}
