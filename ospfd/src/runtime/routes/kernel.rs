//! The kernel's routing table over rtnetlink: what is ours in it, and batches of changes.
//!
//! A batch is one `sendmsg` whose last message alone asks for an acknowledgement. Refusals come back one by one, under
//! the sequence numbers of the messages that they are about, before that acknowledgement. The kernel forgets routes
//! without a word when a device goes down, so that nothing here trusts notifications: what stands is what a dump shows.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use common::ids::IfIndex;
use ipnetwork::IpNetwork;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkBuffer,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags,
    RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use nix::errno::Errno;

use super::RouteSettings;
use super::plan::{Observed, Op};
use crate::core::spf::hops::NextHop;

/// Bytes of one `sendmsg`, well below the default send buffer of 208 KiB.
const BATCH: usize = 32 * 1024;
/// The kernel fills at most 32 KiB of a reader's buffer in a dump, and sends one refusal per datagram.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Bytes of refusals that may wait for us.
const REFUSALS: usize = 1 << 20;
/// The kernel answers at once.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Why the kernel's table could not be worked on. A new connection and a new dump are called for.
#[derive(Debug, thiserror::Error)]
pub(super) enum KernelError {
    /// The socket failed.
    #[error("netlink: {0}")]
    Io(#[from] io::Error),
    /// Answers were lost.
    #[error("netlink answers were lost")]
    Overrun,
    /// Nothing came back.
    #[error("no answer from the kernel within {ANSWER_DEADLINE:?}")]
    NoAnswer,
    /// The kernel said something that is no netlink.
    #[error("netlink: {0}")]
    Decode(#[from] netlink_packet_core::DecodeError),
    /// The dump was refused.
    #[error("the kernel does not show its routes: {0}")]
    Refused(Errno),
}

/// A netlink socket, and by what our routes are known.
pub(super) struct Kernel {
    socket: TokioSocket,
    settings: RouteSettings,
    sequence: u32,
    received: Vec<u8>,
}

impl Kernel {
    /// Opens a socket.
    pub(super) fn open(settings: RouteSettings) -> Result<Self, KernelError> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_ref().connect(&SocketAddr::new(0, 0))?;
        // Without the request's bytes, more refusals fit into the receive buffer.
        socket.socket_ref().set_cap_ack(true)?;
        socket.socket_ref().set_rx_buf_sz(REFUSALS)?;
        Ok(Self { socket, settings, sequence: 0, received: Vec::with_capacity(RECEIVE_BUFFER) })
    }

    /// Our routes: of protocol `ospf`, in our table, with our metric.
    pub(super) async fn dump(&mut self) -> Result<Observed, KernelError> {
        let mut observed = Observed::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header = RouteHeader { address_family: family, ..RouteHeader::default() };
            let sequence = self.next_sequence();
            let mut bytes = Vec::new();
            append(&mut bytes, RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP, sequence);
            self.send(&bytes).await?;
            'answer: loop {
                for message in self.receive().await? {
                    if message.header.sequence_number != sequence {
                        continue;
                    }
                    match message.payload {
                        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => {
                            observed.extend(ours(&route, self.settings));
                        }
                        NetlinkPayload::Done(_) => break 'answer,
                        NetlinkPayload::Error(error) => match error.code {
                            Some(code) => return Err(KernelError::Refused(errno(code.get()))),
                            None => break 'answer,
                        },
                        NetlinkPayload::Overrun(_) => return Err(KernelError::Overrun),
                        _ => {}
                    }
                }
            }
        }
        Ok(observed)
    }

    /// Does all of `ops`, and returns which of them were refused, by index, and how.
    pub(super) async fn apply(&mut self, ops: &[Op]) -> Result<Vec<(usize, Errno)>, KernelError> {
        let mut refused = Vec::new();
        let mut done = 0;
        while done < ops.len() {
            let (bytes, first, count) = self.batch(ops.get(done..).unwrap_or_default());
            self.send(&bytes).await?;
            let more = self.refusals(first, count).await?;
            refused.extend(more.into_iter().map(|(index, errno)| (done + index, errno)));
            done += count;
        }
        Ok(refused)
    }

    /// As many of `ops` as go into one message: bytes, first sequence number, and how many they are.
    fn batch(&mut self, ops: &[Op]) -> (Vec<u8>, u32, usize) {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(BATCH * 2);
        let mut last = 0;
        let mut count = 0;
        for op in ops {
            if bytes.len() >= BATCH {
                break;
            }
            last = bytes.len();
            let (message, flags) = request(op, self.settings);
            let sequence = self.next_sequence();
            append(&mut bytes, message, flags, sequence);
            count += 1;
        }
        // nlmsg_flags of the last message.
        if let Some([low, high]) = bytes.get_mut(last + 6..last + 8) {
            let flags = u16::from_ne_bytes([*low, *high]) | NLM_F_ACK;
            [*low, *high] = flags.to_ne_bytes();
        }
        (bytes, first, count)
    }

    async fn refusals(&mut self, first: u32, count: usize) -> Result<Vec<(usize, Errno)>, KernelError> {
        let mut refused = Vec::new();
        loop {
            for message in self.receive().await? {
                let index = message.header.sequence_number.wrapping_sub(first) as usize;
                if index >= count {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::Error(error) => {
                        refused.extend(error.code.map(|code| (index, errno(code.get()))));
                        if index + 1 == count {
                            return Ok(refused);
                        }
                    }
                    NetlinkPayload::Overrun(_) => return Err(KernelError::Overrun),
                    _ => {}
                }
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), KernelError> {
        let sent = self.socket.send(bytes).await?;
        if sent == bytes.len() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::WriteZero).into()) }
    }

    /// Waits for one datagram and takes it apart.
    async fn receive(&mut self) -> Result<Vec<NetlinkMessage<RouteNetlinkMessage>>, KernelError> {
        self.received.clear();
        let reading = self.socket.recv(&mut self.received);
        match tokio::time::timeout(ANSWER_DEADLINE, reading).await {
            Err(_) => return Err(KernelError::NoAnswer),
            Ok(Err(error)) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                return Err(KernelError::Overrun);
            }
            Ok(read) => read?,
        }
        let mut messages = Vec::new();
        let mut bytes = &self.received[..];
        while !bytes.is_empty() {
            let length = NetlinkBuffer::new_checked(bytes)?.length() as usize;
            messages.push(NetlinkMessage::deserialize(bytes)?);
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(messages)
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn append(bytes: &mut Vec<u8>, payload: RouteNetlinkMessage, flags: u16, sequence: u32) {
    let mut message = NetlinkMessage::from(payload);
    message.header.flags = NLM_F_REQUEST | flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let start = bytes.len();
    bytes.resize(start + message.buffer_len(), 0);
    message.serialize(&mut bytes[start..]);
}

fn request(op: &Op, settings: RouteSettings) -> (RouteNetlinkMessage, u16) {
    match op {
        Op::Add(prefix, hops) => {
            // Not over a route of somebody else that has the same metric.
            (RouteNetlinkMessage::NewRoute(message(*prefix, hops, settings)), NLM_F_CREATE | NLM_F_EXCL)
        }
        Op::Replace(prefix, hops) => {
            (RouteNetlinkMessage::NewRoute(message(*prefix, hops, settings)), NLM_F_CREATE | NLM_F_REPLACE)
        }
        Op::Remove(prefix) => {
            let mut message = message(*prefix, &[], settings);
            // Whatever its type is.
            message.header.kind = RouteType::Unspec;
            (RouteNetlinkMessage::DelRoute(message), 0)
        }
    }
}

fn message(prefix: IpNetwork, hops: &[NextHop], settings: RouteSettings) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: match prefix {
            IpNetwork::V4(_) => AddressFamily::Inet,
            IpNetwork::V6(_) => AddressFamily::Inet6,
        },
        destination_prefix_length: prefix.prefix(),
        table: u8::try_from(settings.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC),
        protocol: RouteProtocol::Ospf,
        scope: RouteScope::Universe,
        kind: if hops.is_empty() { RouteType::BlackHole } else { RouteType::Unicast },
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Destination(prefix.network().into()),
        RouteAttribute::Table(settings.table),
        RouteAttribute::Priority(settings.metric),
    ];
    match hops {
        [] => {}
        [only] => {
            // Next hops of unnumbered links are in no subnet of theirs.
            if only.gateway.is_some() {
                message.header.flags = RouteFlags::Onlink;
            }
            message.attributes.push(RouteAttribute::Oif(only.if_index.0));
            message.attributes.extend(only.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
        }
        several => {
            let paths = several.iter().map(|hop| {
                let mut path = RouteNextHop::default();
                // The wire counts weights from 0: this is weight 1.
                path.hops = 0;
                path.interface_index = hop.if_index.0;
                if hop.gateway.is_some() {
                    path.flags = RouteNextHopFlags::Onlink;
                }
                path.attributes.extend(hop.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
                path
            });
            message.attributes.push(RouteAttribute::MultiPath(paths.collect()));
        }
    }
    message
}

/// Destination and next hops of a route that is ours.
fn ours(message: &RouteMessage, settings: RouteSettings) -> Option<(IpNetwork, Vec<NextHop>)> {
    let header = &message.header;
    let drops = header.kind == RouteType::BlackHole;
    if header.protocol != RouteProtocol::Ospf || !(drops || header.kind == RouteType::Unicast) {
        return None;
    }
    let (mut table, mut metric) = (u32::from(header.table), 0);
    let (mut destination, mut only, mut hops) =
        (None, NextHop { if_index: IfIndex(0), gateway: None }, Vec::new());
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::Destination(found) => destination = address(found),
            RouteAttribute::Oif(index) => only.if_index = IfIndex(*index),
            RouteAttribute::Gateway(gateway) => only.gateway = address(gateway),
            RouteAttribute::MultiPath(paths) => hops = paths.iter().map(next_hop).collect(),
            _ => {}
        }
    }
    if (table, metric) != (settings.table, settings.metric) {
        return None;
    }
    let unspecified: IpAddr = match header.address_family {
        AddressFamily::Inet => [0_u8; 4].into(),
        AddressFamily::Inet6 => [0_u8; 16].into(),
        _ => return None,
    };
    let prefix = IpNetwork::new(destination.unwrap_or(unspecified), header.destination_prefix_length).ok()?;
    if drops {
        hops.clear();
    } else if hops.is_empty() {
        hops.push(only);
    }
    hops.sort_unstable();
    Some((prefix, hops))
}

fn next_hop(path: &RouteNextHop) -> NextHop {
    let gateway = path.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(gateway) => address(gateway),
        _ => None,
    });
    NextHop { if_index: IfIndex(path.interface_index), gateway }
}

fn address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

/// The kernel writes errors negated.
fn errno(code: i32) -> Errno {
    Errno::from_raw(code.saturating_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::spf::hops::HopInterner;
    use crate::runtime::routes::Install;

    const SETTINGS: RouteSettings = RouteSettings { install: Install::All, table: 1000, metric: 110 };

    fn hop(if_index: u32, gateway: &str) -> NextHop {
        NextHop { if_index: IfIndex(if_index), gateway: Some(gateway.parse().unwrap()) }
    }

    #[test]
    fn what_we_write_is_recognised_as_ours() {
        for (prefix, hops) in [
            ("192.0.2.1/32", vec![hop(2, "10.0.0.1")]),
            ("10.0.0.0/8", vec![]),
            ("0.0.0.0/0", vec![hop(2, "10.0.0.1"), hop(2, "10.0.0.2"), hop(3, "10.0.1.1")]),
            ("2001:db8::/32", vec![hop(2, "fe80::1"), hop(3, "fe80::1")]),
        ] {
            let prefix: IpNetwork = prefix.parse().unwrap();
            assert_eq!(ours(&message(prefix, &hops, SETTINGS), SETTINGS), Some((prefix, hops)));
        }
    }

    #[test]
    fn other_routes_are_not_ours() {
        let prefix: IpNetwork = "192.0.2.1/32".parse().unwrap();
        let mine = message(prefix, &[hop(2, "10.0.0.1")], SETTINGS);
        for settings in [RouteSettings { table: 254, ..SETTINGS }, RouteSettings { metric: 20, ..SETTINGS }] {
            assert_eq!(ours(&mine, settings), None);
        }
        let mut foreign = mine;
        foreign.header.protocol = RouteProtocol::Static;
        assert_eq!(ours(&foreign, SETTINGS), None);
    }

    #[tokio::test]
    async fn a_batch_acknowledges_only_its_last_message() {
        let mut kernel = Kernel::open(SETTINGS).unwrap();
        let hops = HopInterner::default().intern(vec![hop(2, "10.0.0.1")], 64);
        let ops = vec![Op::Add("192.0.2.1/32".parse().unwrap(), hops); 2000];
        let (bytes, first, count) = kernel.batch(&ops);
        assert!((100..2000).contains(&count) && bytes.len() < 2 * BATCH);
        let mut rest = &bytes[..];
        for index in 0..count {
            let buffer = NetlinkBuffer::new_checked(rest).unwrap();
            assert_eq!(buffer.sequence_number(), first + u32::try_from(index).unwrap());
            assert_eq!(buffer.flags() & NLM_F_ACK != 0, index + 1 == count);
            rest = &rest[buffer.length() as usize..];
        }
        assert!(rest.is_empty());
    }
}
