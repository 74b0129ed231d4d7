//! Follows a whole routing table: how many prefixes lead to each gateway, and when a number is reached.
//!
//! One thread reads the kernel's notifications from a socket with a large buffer, so that thousands of changes at once are
//! seen one by one and stamped as they come.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use common::time::Instant;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage};
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimeout};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
};
use nix::sys::time::TimeVal;
use rtnetlink::packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::node::Node;

/// `RTMGRP_IPV4_ROUTE`
const IPV4_ROUTES: u32 = 0x40;
/// Bytes of notifications that may wait.
const BUFFER: usize = 64 << 20;
/// How long to wait before the end is looked for.
const WAIT: TimeVal = TimeVal::new(0, 100_000);

/// A thread that follows the main IPv4 table of a node.
#[derive(Debug)]
pub struct Gateways {
    shared: Arc<Mutex<Shared>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    gateway_of: BTreeMap<Ipv4Addr, Ipv4Addr>,
    counts: BTreeMap<Ipv4Addr, usize>,
    /// What is waited for, and when it came true.
    wanted: Option<(Ipv4Addr, usize)>,
    reached_at: Option<Instant>,
    /// Notifications were lost: nothing is sure any more.
    overrun: bool,
}

impl Gateways {
    /// Starts to follow; routes that stand already are not seen.
    ///
    /// # Errors
    /// Netlink refuses.
    pub fn start(clock: Clock, node: &Node) -> Result<Self> {
        let fd = node.namespace().enter(|| -> nix::Result<_> {
            let (family, kind) = (AddressFamily::Netlink, SockType::Raw);
            let fd = socket(family, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
            setsockopt(&fd, RcvBufForce, &BUFFER)?;
            setsockopt(&fd, ReceiveTimeout, &WAIT)?;
            bind(fd.as_raw_fd(), &NetlinkAddr::new(0, IPV4_ROUTES))?;
            Ok(fd)
        })?;
        let fd = fd.context("cannot follow the routes")?;
        let (shared, stop) = (Arc::new(Mutex::new(Shared::default())), CancellationToken::new());
        let (ours, token) = (Arc::clone(&shared), stop.clone());
        let thread = std::thread::Builder::new().name("gateways".to_owned()).spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while !token.is_cancelled() {
                match recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                    Ok(length) => lock(&ours).take(clock.now(), &buffer[..length]),
                    Err(errno) if std::io::Error::from(errno).kind() == ErrorKind::WouldBlock => {}
                    Err(_) => lock(&ours).overrun = true,
                }
            }
        })?;
        Ok(Self { shared, stop, thread: Some(thread) })
    }

    /// Waits, from now on, for `count` prefixes to lead to `gateway`.
    pub fn want(&self, gateway: Ipv4Addr, count: usize) {
        let mut shared = lock(&self.shared);
        (shared.wanted, shared.reached_at) = (Some((gateway, count)), None);
    }

    /// When it came true, if it did after [`Self::want`].
    pub fn reached_at(&self) -> Option<Instant> {
        lock(&self.shared).reached_at
    }

    /// How many prefixes lead to `gateway`.
    pub fn count(&self, gateway: Ipv4Addr) -> usize {
        lock(&self.shared).counts.get(&gateway).copied().unwrap_or_default()
    }

    /// Were notifications lost?
    pub fn is_overrun(&self) -> bool {
        lock(&self.shared).overrun
    }
}

impl Drop for Gateways {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn take(&mut self, now: Instant, mut bytes: &[u8]) {
        while let Ok(buffer) = NetlinkBuffer::new_checked(bytes) {
            let length = buffer.length() as usize;
            if let Ok(message) = NetlinkMessage::deserialize(bytes)
                && let NetlinkPayload::InnerMessage(inner) = message.payload
            {
                match inner {
                    RouteNetlinkMessage::NewRoute(route) => self.note(&route, gateway(&route)),
                    RouteNetlinkMessage::DelRoute(route) => self.note(&route, None),
                    _ => {}
                }
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        let is_reached = self
            .wanted
            .is_some_and(|(gateway, count)| self.counts.get(&gateway).copied().unwrap_or_default() == count);
        if is_reached {
            self.reached_at.get_or_insert(now);
        }
    }

    fn note(&mut self, route: &RouteMessage, gateway: Option<Ipv4Addr>) {
        let destination = route.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
            _ => None,
        });
        let (Some(prefix), RouteHeader::RT_TABLE_MAIN) = (destination, route.header.table) else { return };
        let before = match gateway {
            Some(gateway) => self.gateway_of.insert(prefix, gateway),
            None => self.gateway_of.remove(&prefix),
        };
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count -= 1;
        }
        if let Some(gateway) = gateway {
            *self.counts.entry(gateway).or_default() += 1;
        }
    }
}

/// The only gateway of a route; several count as none.
fn gateway(route: &RouteMessage) -> Option<Ipv4Addr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    })
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use rtnetlink::RouteMessageBuilder;

    use super::*;

    #[test]
    fn a_prefix_counts_for_the_gateway_that_it_leads_to_last() {
        let [one, other] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        let route = |via: Ipv4Addr| {
            let to = Ipv4Addr::new(192, 0, 2, 1);
            RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(to, 32).gateway(via).build()
        };
        let mut shared = Shared::default();
        for via in [one, one, other] {
            shared.note(&route(via), gateway(&route(via)));
        }
        assert_eq!(shared.counts, BTreeMap::from([(one, 0), (other, 1)]));
        shared.note(&route(other), None);
        assert_eq!(shared.counts, BTreeMap::from([(one, 0), (other, 0)]));
    }
}
