//! A raw socket for IP protocol 89 on one interface.

use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBufForce, SndBufForce};
use pnet_packet::Packet as _;
use pnet_packet::ipv4::Ipv4Packet;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

/// No IP datagram is longer.
pub(super) const MAX_DATAGRAM: usize = 65_535;

const OSPF: i32 = 89;
/// AllSPFRouters (RFC 2328 A.1): everything goes there on a point-to-point link (§8.1).
const ALL_SPF_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
/// Bytes that may wait in the kernel, each way.
const BUFFER: usize = 8 << 20;
/// How long to wait for a datagram before timers are looked at.
const WAIT: Duration = Duration::from_millis(50);

/// Opens the socket; the calling thread is in the namespace.
pub(super) fn open(interface: &str, address: Ipv4Addr) -> Result<Socket> {
    let index = nix::net::if_::if_nametoindex(interface)
        .with_context(|| format!("there is no interface {interface:?}"))?;
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(OSPF)))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_if_v4(&address)?;
    socket.join_multicast_v4_n(&ALL_SPF_ROUTERS, &InterfaceIndexOrAddress::Index(index))?;
    setsockopt(&socket, RcvBufForce, &BUFFER)?;
    setsockopt(&socket, SndBufForce, &BUFFER)?;
    socket.set_read_timeout(Some(WAIT))?;
    Ok(socket)
}

/// Sends an OSPF packet to the other end.
pub(super) fn send(socket: &Socket, packet: &[u8]) -> Result<()> {
    socket.send_to(packet, &SocketAddrV4::new(ALL_SPF_ROUTERS, 0).into()).context("cannot send").map(drop)
}

/// The next OSPF packet, if one comes in time.
pub(super) fn receive<'a>(mut socket: &Socket, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
    match socket.read(buffer) {
        Ok(length) => {
            let Some(header) = Ipv4Packet::new(&buffer[..length]) else { return Ok(None) };
            let start = usize::from(header.get_header_length()) * 4;
            Ok(header.packet().get(start..).map(|_| &buffer[start..length]))
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).context("cannot receive"),
    }
}
