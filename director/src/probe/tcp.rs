//! The TCP check: a connection can be made.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;
use tokio::net::{TcpSocket, TcpStream};

use super::Limit;
use crate::core::health::{Failure, LocalFault, Phase};

/// Connects to `target`. The stream's end is a reset.
pub(super) async fn connect(target: SocketAddr, limit: &mut Limit) -> Result<TcpStream, Failure> {
    let socket = open(target).map_err(|error| Failure::CannotAsk(local_fault(&error)))?;
    limit
        .within(Phase::Connect, async { socket.connect(target).await.map_err(|error| meaning(&error)) })
        .await
}

fn open(target: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_zero_linger()?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// What a failed `connect` says. An address that this host cannot reach is a failure of the check: traffic would not
/// reach the server either.
fn meaning(error: &io::Error) -> Failure {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) => Failure::Refused,
        Some(Errno::ECONNRESET) => Failure::Broken(Phase::Connect),
        Some(
            Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::ENETDOWN | Errno::ETIMEDOUT,
        ) => Failure::Unreachable,
        _ => Failure::CannotAsk(local_fault(error)),
    }
}

fn local_fault(error: &io::Error) -> LocalFault {
    LocalFault::Errno(error.raw_os_error().unwrap_or_default())
}
