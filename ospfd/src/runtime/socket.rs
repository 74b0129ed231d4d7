//! Raw sockets for IP protocol 89, one per interface.
//!
//! One socket takes only 20 group memberships (`igmp_max_memberships`), and a socket that is bound to its device
//! needs no demultiplexing: hence one each. A socket is open while the engine wants it in a group. Sends never wait:
//! what the kernel does not take at once is dropped and counted, and OSPF sends again.

use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;
use std::task::{Context, Poll, ready};

use common::control::ospf::CounterView;
use common::ids::IfIndex;
use nix::sys::socket::sockopt::{RcvBufForce, RxqOvfl, SndBufForce};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
};
use pnet_packet::Packet;
use pnet_packet::ipv4::Ipv4Packet;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tracing::{info, warn};

use crate::core::event::{Groups, RxDatagram, Transmit};

/// OSPF's IP protocol number (RFC 2328 appendix A.1).
const OSPF: i32 = 89;
/// 224.0.0.5 (RFC 2328 A.1).
const ALL_SPF_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
/// 224.0.0.6 (RFC 2328 A.1).
const ALL_D_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 6);
/// DSCP CS6, internetwork control (RFC 2328 A.1, RFC 4222 §2 (1)).
const TOS: u32 = 0xc0;
/// `TC_PRIO_INTERACTIVE`'s upper neighbour: the first band of the default queueing discipline.
const PRIORITY: u32 = 6;
/// Bytes that may wait in the kernel, each way.
const BUFFER: usize = 4 << 20;
/// No IP datagram is longer.
const MAX_DATAGRAM: usize = 65_535;

/// What the sockets have seen.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    rx: u64,
    tx: u64,
    own: u64,
    bad_header: u64,
    rx_errors: u64,
    rx_overflow: u64,
    tx_errors: u64,
    open_errors: u64,
}

/// A socket and the groups that it has joined.
#[derive(Debug)]
struct OspfSocket {
    io: UdpSocket,
    joined: Groups,
    /// Datagrams that the kernel has dropped because the receive buffer was full.
    overflow: u32,
}

/// What the engine wants of one interface.
#[derive(Debug)]
struct Port {
    wanted: Groups,
    socket: Option<OspfSocket>,
}

/// All sockets.
#[derive(Debug)]
pub struct Sockets {
    ports: BTreeMap<IfIndex, Port>,
    buffer: Box<[u8]>,
    /// The interface that is asked first the next time, so that a busy one does not starve the others.
    first: usize,
    counters: Counters,
}

/// Where a datagram stands in the buffer, and what its IP header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    if_index: IfIndex,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ttl: u8,
    start: usize,
    end: usize,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            ports: BTreeMap::new(),
            buffer: vec![0; MAX_DATAGRAM].into_boxed_slice(),
            first: 0,
            counters: Counters::default(),
        }
    }
}

impl Sockets {
    /// Notes which groups an interface must be in, and sees to it. A failure is logged and tried again by
    /// [`reconcile`](Self::reconcile).
    pub fn want(&mut self, if_index: IfIndex, groups: Groups) {
        self.ports.entry(if_index).or_insert(Port { wanted: groups, socket: None }).wanted = groups;
        if !is_none(groups) {
            self.reconcile();
        }
    }

    /// The interface is gone, and its socket with it.
    pub fn forget(&mut self, if_index: IfIndex) {
        self.ports.remove(&if_index);
    }

    /// Brings every socket to what is wanted: opens, joins and leaves. Closing is left to [`sweep`](Self::sweep).
    pub fn reconcile(&mut self) {
        for (&if_index, port) in &mut self.ports {
            if let Err(error) = port.reconcile(if_index) {
                self.counters.open_errors += 1;
                warn!(%if_index, %error, "no OSPF socket on the interface; it is tried again");
            }
        }
    }

    /// Closes the sockets that nobody wants any more; call it when everything has been sent.
    pub fn sweep(&mut self) {
        self.ports.retain(|_, port| !is_none(port.wanted));
    }

    /// Sends, or drops and counts.
    pub fn send(&mut self, transmit: &Transmit) {
        let socket = self.ports.get(&transmit.if_index).and_then(|port| port.socket.as_ref());
        let result = match socket {
            Some(socket) => send(&socket.io, transmit),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        match result {
            Ok(()) => self.counters.tx += 1,
            Err(error) => {
                self.counters.tx_errors += 1;
                let (if_index, destination) = (transmit.if_index, transmit.destination);
                tracing::debug!(%if_index, %destination, %error, "not sent");
            }
        }
    }

    /// Waits for the next datagram of any interface. Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Received {
        std::future::poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// The next datagram, if one is there.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let count = self.ports.len();
        for step in 0..count {
            let Some((&if_index, port)) = self.ports.iter_mut().nth((self.first + step) % count) else {
                continue;
            };
            let Some(socket) = &mut port.socket else { continue };
            while let Poll::Ready(result) = socket.poll_receive(cx, &mut self.buffer) {
                let Ok((length, overflow)) = result else {
                    // A pending error of the socket, e.g. ENETDOWN; reading it has cleared it.
                    self.counters.rx_errors += 1;
                    continue;
                };
                // The kernel counts from the socket's birth, in 32 bits.
                self.counters.rx_overflow += u64::from(overflow.wrapping_sub(socket.overflow));
                socket.overflow = overflow;
                let Some(received) = self.buffer.get(..length).and_then(|bytes| parse(if_index, bytes))
                else {
                    self.counters.bad_header += 1;
                    continue;
                };
                self.first = (self.first + step + 1) % count;
                self.counters.rx += 1;
                return Poll::Ready(received);
            }
        }
        Poll::Pending
    }

    /// The datagram that [`receive`](Self::receive) returned last.
    pub fn datagram(&self, received: Received) -> RxDatagram<'_> {
        RxDatagram {
            if_index: received.if_index,
            source: received.source,
            destination: received.destination,
            ttl: received.ttl,
            payload: self.buffer.get(received.start..received.end).unwrap_or_default(),
        }
    }

    /// Counts a datagram that we had sent ourselves.
    pub fn count_own(&mut self) {
        self.counters.own += 1;
    }

    /// The counters, for `show counters`.
    pub fn counters(&self) -> Vec<CounterView> {
        let c = self.counters;
        [
            ("socket-rx", c.rx),
            ("socket-tx", c.tx),
            ("socket-rx-errors", c.rx_errors),
            ("socket-rx-overflow", c.rx_overflow),
            ("socket-tx-errors", c.tx_errors),
            ("socket-open-errors", c.open_errors),
            ("drop-bad-ip-header", c.bad_header),
            ("drop-own-packet", c.own),
        ]
        .map(|(name, value)| CounterView { name: name.to_owned(), value })
        .into()
    }
}

impl OspfSocket {
    /// The next datagram with its IP header: its length, and the kernel's count of overflows.
    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, u32)>> {
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            match self.io.try_io(Interest::READABLE, || receive(&self.io, buffer, self.overflow)) {
                // That has cleared the readiness: the next round waits.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

/// Reads one datagram. The kernel tells its count of overflows only while there is one; `before` stands in.
fn receive(socket: &UdpSocket, buffer: &mut [u8], before: u32) -> io::Result<(usize, u32)> {
    let mut control = nix::cmsg_space!(u32);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let overflow = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::RxqOvfl(count) => Some(count),
        _ => None,
    });
    Ok((message.bytes, overflow.unwrap_or(before)))
}

impl Port {
    fn reconcile(&mut self, if_index: IfIndex) -> io::Result<()> {
        if is_none(self.wanted) && self.socket.is_none() {
            return Ok(());
        }
        let socket = match &mut self.socket {
            Some(socket) => socket,
            None => self.socket.insert(open(if_index)?),
        };
        let raw = SockRef::from(&socket.io);
        member(
            &raw,
            if_index,
            ALL_SPF_ROUTERS,
            &mut socket.joined.all_spf_routers,
            self.wanted.all_spf_routers,
        )?;
        member(&raw, if_index, ALL_D_ROUTERS, &mut socket.joined.all_d_routers, self.wanted.all_d_routers)
    }
}

/// Can this process open the socket that OSPF needs?
///
/// # Errors
/// What the system said, `PermissionDenied` above all.
pub fn probe() -> io::Result<()> {
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(OSPF))).map(drop)
}

fn open(if_index: IfIndex) -> io::Result<OspfSocket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(OSPF)))?;
    socket.set_nonblocking(true)?;
    socket.bind_device_by_index_v4(NonZeroU32::new(if_index.0))?;
    // Without this, the socket would also get what other sockets of the host have joined.
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_tos_v4(TOS)?;
    socket.set_priority(PRIORITY)?;
    // The forced sizes need CAP_NET_ADMIN; without it the system's limits hold.
    if setsockopt(&socket, RcvBufForce, &BUFFER).is_err() {
        socket.set_recv_buffer_size(BUFFER)?;
    }
    if setsockopt(&socket, SndBufForce, &BUFFER).is_err() {
        socket.set_send_buffer_size(BUFFER)?;
    }
    setsockopt(&socket, RxqOvfl, &1)?;
    let io = UdpSocket::from_std(socket.into())?;
    info!(%if_index, "OSPF socket open");
    Ok(OspfSocket { io, joined: Groups { all_spf_routers: false, all_d_routers: false }, overflow: 0 })
}

fn member(
    socket: &Socket,
    if_index: IfIndex,
    group: Ipv4Addr,
    joined: &mut bool,
    wanted: bool,
) -> io::Result<()> {
    if *joined == wanted {
        return Ok(());
    }
    let interface = InterfaceIndexOrAddress::Index(if_index.0);
    let result = if wanted {
        socket.join_multicast_v4_n(&group, &interface)
    } else {
        socket.leave_multicast_v4_n(&group, &interface)
    };
    match result {
        // Already in, or already out.
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable) => {}
        other => other?,
    }
    *joined = wanted;
    Ok(())
}

fn send(socket: &UdpSocket, transmit: &Transmit) -> io::Result<()> {
    let info = libc::in_pktinfo {
        ipi_ifindex: i32::try_from(transmit.if_index.0).map_err(io::Error::other)?,
        ipi_spec_dst: libc::in_addr { s_addr: transmit.source.to_bits().to_be() },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let destination = SockaddrIn::from(SocketAddrV4::new(transmit.destination, 0));
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(&transmit.payload)],
        &[ControlMessage::Ipv4PacketInfo(&info), ControlMessage::Ipv4Ttl(&i32::from(transmit.ttl))],
        MsgFlags::MSG_DONTWAIT,
        Some(&destination),
    )?;
    debug_assert_eq!(sent, transmit.payload.len());
    Ok(())
}

/// Finds the payload behind the IP header (RFC 2328 §8.2). The kernel has verified the header's checksum and the protocol,
/// and put fragments together.
fn parse(if_index: IfIndex, bytes: &[u8]) -> Option<Received> {
    let header = Ipv4Packet::new(bytes)?;
    let start = usize::from(header.get_header_length()) * 4;
    let end = usize::from(header.get_total_length());
    if start < Ipv4Packet::minimum_packet_size() || end < start || end > header.packet().len() {
        return None;
    }
    let (source, destination) = (header.get_source(), header.get_destination());
    Some(Received { if_index, source, destination, ttl: header.get_ttl(), start, end })
}

fn is_none(groups: Groups) -> bool {
    !groups.all_spf_routers && !groups.all_d_routers
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 20] = [0x45, 0xc0, 0, 24, 0, 0, 0, 0, 1, 89, 0, 0, 192, 0, 2, 1, 224, 0, 0, 5];

    fn datagram(edit: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        bytes.extend([1, 2, 3, 4]);
        edit(&mut bytes);
        bytes
    }

    #[test]
    fn the_payload_is_what_the_header_says() {
        let plain = parse(IfIndex(7), &datagram(|_| ())).unwrap();
        assert_eq!((plain.if_index, plain.start, plain.end), (IfIndex(7), 20, 24));
        assert_eq!(plain.source, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!((plain.destination, plain.ttl), (ALL_SPF_ROUTERS, 1));
        // Link-layer padding behind the datagram is not payload.
        assert_eq!(parse(IfIndex(7), &datagram(|b| b.extend([0; 9]))), Some(plain));
        // Options in front of it are not either.
        let options = datagram(|b| (b[0], b[3]) = (0x46, 24));
        assert_eq!(parse(IfIndex(7), &options).map(|r| (r.start, r.end)), Some((24, 24)));
    }

    #[test]
    fn headers_that_lie_about_their_lengths_are_dropped() {
        for bytes in [
            vec![],
            HEADER[..19].to_vec(),
            datagram(|b| b[3] = 25),
            datagram(|b| b[3] = 19),
            datagram(|b| b[0] = 0x44),
            datagram(|b| b[0] = 0x4f),
        ] {
            assert_eq!(parse(IfIndex(1), &bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn what_has_no_socket_is_not_sent_and_counted() {
        let mut sockets = Sockets::default();
        let address = Ipv4Addr::new(192, 0, 2, 1);
        sockets.send(&Transmit {
            if_index: IfIndex(9),
            source: address,
            destination: ALL_SPF_ROUTERS,
            ttl: 1,
            payload: bytes::Bytes::from_static(&[0]),
        });
        let errors = sockets.counters().into_iter().find(|c| c.name == "socket-tx-errors").unwrap();
        assert_eq!(errors.value, 1);
    }
}
