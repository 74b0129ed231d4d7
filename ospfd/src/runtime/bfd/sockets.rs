//! UDP for BFD on single hops (RFC 5881 §4, §5): one socket that listens for all sessions, and one per session to send,
//! because each has a source port of its own.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use common::control::ospf::CounterView;
use common::ids::IfIndex;
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv4RecvTtl, RcvBufForce};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tracing::{error, info};

use crate::bfd::{MAX_LEN, RxPacket, Transmit};

/// RFC 5881 §4
const PORT: u16 = 3784;
/// RFC 5881 §4: source ports.
const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;
/// RFC 5881 §5
const TTL: u32 = 255;
/// DSCP CS6, internetwork control.
const TOS: u32 = 0xc0;
/// The first band of the default queueing discipline.
const PRIORITY: u32 = 6;
/// Bytes that may wait in the kernel.
const BUFFER: usize = 4 << 20;
/// Packets that are taken in one round.
const BATCH: usize = 2048;
/// Longer than any packet, so that one that is too long is seen to be.
const ROOM: usize = MAX_LEN + 16;

/// What the sockets have seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    rx_errors: u64,
    tx_errors: u64,
    open_errors: u64,
}

impl Counted {
    pub(super) fn views(self) -> Vec<CounterView> {
        [
            ("socket-bfd-rx-errors", self.rx_errors),
            ("socket-bfd-tx-errors", self.tx_errors),
            ("socket-bfd-open-errors", self.open_errors),
        ]
        .map(|(name, value)| CounterView { name: name.to_owned(), value })
        .into()
    }
}

/// All sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    listening: Option<Socket>,
    /// By our discriminator: our address, and the socket that is bound to it.
    sending: BTreeMap<u32, (IpAddr, Socket)>,
    counted: Counted,
}

impl Sockets {
    /// Listens, if that is not done yet.
    pub(super) fn open(&mut self) {
        if self.listening.is_some() {
            return;
        }
        match listen() {
            Ok(socket) => {
                info!(port = PORT, "BFD listens");
                self.listening = Some(socket);
            }
            Err(error) => {
                if self.counted.open_errors == 0 {
                    error!(
                        port = PORT, %error,
                        "BFD cannot listen; it is tried again. Does another daemon speak BFD on this host?"
                    );
                }
                self.counted.open_errors += 1;
            }
        }
    }

    /// What is to be waited for.
    pub(super) fn listening(&self) -> Option<BorrowedFd<'_>> {
        self.listening.as_ref().map(AsFd::as_fd)
    }

    /// Takes the packets that wait.
    pub(super) fn receive(&mut self, mut take: impl FnMut(RxPacket<'_>)) {
        let Some(socket) = &self.listening else { return };
        let mut buffer = [0; ROOM];
        let mut control = nix::cmsg_space!(libc::in_pktinfo, i32);
        for _ in 0..BATCH {
            match receive(socket, &mut buffer, &mut control) {
                Ok(Some(Received { if_index, source, ttl, length })) => {
                    let payload = buffer.get(..length).unwrap_or_default();
                    take(RxPacket { if_index, source, ttl, payload });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(None) | Err(_) => self.counted.rx_errors += 1,
            }
        }
    }

    /// Sends, or drops and counts.
    pub(super) fn send(&mut self, transmit: &Transmit) {
        // Not logged: writing a log may wait.
        if self.try_send(transmit).is_err() {
            self.counted.tx_errors += 1;
            // The address may be gone, or the link: the next packet gets a new socket.
            self.sending.remove(&transmit.discriminator);
        }
    }

    fn try_send(&mut self, transmit: &Transmit) -> io::Result<()> {
        let Transmit { key, local, discriminator, packet } = transmit;
        if self.sending.get(discriminator).is_none_or(|(bound, _)| bound != local) {
            let socket = sender(key.if_index, *local, *discriminator)?;
            self.sending.insert(*discriminator, (*local, socket));
        }
        let Some((_, socket)) = self.sending.get(discriminator) else { return Ok(()) };
        let to = SockAddr::from(SocketAddr::new(key.peer, PORT));
        socket.send_to(packet.as_slice(), &to).map(drop)
    }

    /// Closes the sockets of sessions that there are no more.
    pub(super) fn forget_all_but(&mut self, is_there: impl Fn(u32) -> bool) {
        self.sending.retain(|discriminator, _| is_there(*discriminator));
    }

    pub(super) fn counted(&self) -> Counted {
        self.counted
    }
}

fn listen() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, Ipv4PacketInfo, &true)?;
    setsockopt(&socket, Ipv4RecvTtl, &true)?;
    if setsockopt(&socket, RcvBufForce, &BUFFER).is_err() {
        socket.set_recv_buffer_size(BUFFER)?;
    }
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into())?;
    Ok(socket)
}

fn sender(if_index: IfIndex, local: IpAddr, discriminator: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.bind_device_by_index_v4(NonZeroU32::new(if_index.0))?;
    socket.set_ttl_v4(TTL)?;
    socket.set_tos_v4(TOS)?;
    socket.set_priority(PRIORITY)?;
    // Nobody sends to this port: what comes nevertheless shall not pile up.
    socket.set_recv_buffer_size(0)?;
    // §4: a port per session; where to begin is as good as random.
    let count = u32::from(SOURCE_PORTS.end() - SOURCE_PORTS.start()) + 1;
    for step in 0..count {
        let offset = u16::try_from(discriminator.wrapping_add(step) % count).unwrap_or(0);
        match socket.bind(&SocketAddr::new(local, SOURCE_PORTS.start() + offset).into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(socket),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

struct Received {
    if_index: IfIndex,
    source: IpAddr,
    ttl: u8,
    length: usize,
}

/// One packet; `None` when the kernel does not say where it came from.
fn receive(socket: &Socket, buffer: &mut [u8], control: &mut [u8]) -> io::Result<Option<Received>> {
    let mut parts = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::MSG_DONTWAIT)?;
    let (mut if_index, mut ttl) = (None, None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => if_index = u32::try_from(info.ipi_ifindex).ok(),
            ControlMessageOwned::Ipv4Ttl(value) => ttl = u8::try_from(value).ok(),
            _ => {}
        }
    }
    let source = message.address.map(|address| IpAddr::V4(address.ip()));
    let (Some(if_index), Some(ttl), Some(source)) = (if_index, ttl, source) else { return Ok(None) };
    Ok(Some(Received { if_index: IfIndex(if_index), source, ttl, length: message.bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_go_out_with_ttl_255_from_a_port_of_the_range() {
        // 1 is the loopback device of every namespace.
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let ports: Vec<_> = [5, 5, u32::MAX]
            .into_iter()
            .map(|discriminator| {
                let socket = sender(IfIndex(1), local, discriminator).unwrap();
                assert_eq!(socket.ttl_v4().unwrap(), TTL);
                let port = socket.local_addr().unwrap().as_socket().unwrap().port();
                (socket, port)
            })
            .collect();
        assert!(ports.iter().all(|(_, port)| SOURCE_PORTS.contains(port)));
        assert_ne!(ports[0].1, ports[1].1, "each session has its own");
    }
}
