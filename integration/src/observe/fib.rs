//! Watches one prefix in the kernel's main IPv4 table of a namespace.
//!
//! Changes arrive as netlink notifications and are stamped on arrival. The kernel drops a next hop silently in some cases
//! (its device goes down), so the table is also read again at intervals; what is found that way is marked as such.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use common::time::Instant;
use futures_util::StreamExt as _;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::{Handle, MulticastGroup, RouteMessageBuilder};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;

/// Changes kept per watcher; later ones are counted in [`Watcher::dropped`].
const MAX_CHANGES: usize = 10_000;

/// The next hops of a prefix; empty means that there is no route.
pub type NextHops = BTreeSet<Ipv4Addr>;

/// How a change was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A notification: its time is exact to the thread's wake-up.
    Notified,
    /// A later reading of the table: the change happened since the reading before.
    Read,
}

/// The route after one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was seen.
    pub at: Instant,
    /// The next hops from then on.
    pub next_hops: NextHops,
    /// How it was seen.
    pub seen: Seen,
}

#[derive(Debug, Default)]
struct Log {
    changes: Vec<Change>,
    current: NextHops,
    dropped: u64,
}

impl Log {
    fn note(&mut self, at: Instant, next_hops: NextHops, seen: Seen) {
        if self.current == next_hops {
            return;
        }
        self.current.clone_from(&next_hops);
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(Change { at, next_hops, seen });
        } else {
            self.dropped += 1;
        }
    }
}

/// A thread inside a namespace that follows one prefix.
#[derive(Debug)]
pub struct Watcher {
    log: Arc<Mutex<Log>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to follow `prefix`/32; `enter` moves the calling thread into the namespace. Returns once it listens.
    ///
    /// # Errors
    /// When the namespace cannot be entered or netlink refuses.
    pub fn start(
        clock: Clock,
        prefix: Ipv4Addr,
        reread: Duration,
        enter: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let log = Arc::new(Mutex::new(Log::default()));
        let stop = CancellationToken::new();
        let (ready, listening) = sync_channel(1);
        let (shared, token) = (Arc::clone(&log), stop.clone());
        let thread = std::thread::Builder::new().name("fib".into()).spawn(move || {
            let set_up =
                enter().and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
            match set_up {
                Ok(runtime) => {
                    runtime.block_on(follow(Follow { clock, prefix, reread, log: shared }, token, ready));
                }
                Err(e) => drop(ready.send(Err(e))),
            }
        })?;
        listening.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))??;
        Ok(Self { log, stop, thread: Some(thread) })
    }

    /// The next hops now.
    pub fn current(&self) -> NextHops {
        self.log().current.clone()
    }

    /// All changes so far, in order.
    pub fn changes(&self) -> Vec<Change> {
        self.log().changes.clone()
    }

    /// The first change at or after `from` that `wanted` accepts.
    pub fn first_since(&self, from: Instant, wanted: impl Fn(&NextHops) -> bool) -> Option<Change> {
        self.log().changes.iter().find(|c| c.at >= from && wanted(&c.next_hops)).cloned()
    }

    /// Changes that found no room in the log.
    pub fn dropped(&self) -> u64 {
        self.log().dropped
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Follow {
    clock: Clock,
    prefix: Ipv4Addr,
    reread: Duration,
    log: Arc<Mutex<Log>>,
}

impl Follow {
    fn note(&self, next_hops: NextHops, seen: Seen) {
        let at = self.clock.now();
        self.log.lock().unwrap_or_else(PoisonError::into_inner).note(at, next_hops, seen);
    }
}

async fn follow(follow: Follow, stop: CancellationToken, ready: std::sync::mpsc::SyncSender<io::Result<()>>) {
    let (connection, handle, mut messages) =
        match rtnetlink::new_multicast_connection(&[MulticastGroup::Ipv4Route]) {
            Ok(parts) => parts,
            Err(e) => return drop(ready.send(Err(e))),
        };
    tokio::spawn(connection);
    let first = read_table(&handle, follow.prefix).await;
    if let Ok(next_hops) = &first {
        follow.note(next_hops.clone(), Seen::Read);
    }
    drop(ready.send(first.map(drop)));
    let mut reread = tokio::time::interval(follow.reread);
    reread.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            message = messages.next() => match message {
                Some((message, _)) => {
                    if let Some(next_hops) = notified(&message, follow.prefix) {
                        follow.note(next_hops, Seen::Notified);
                    }
                }
                None => return,
            },
            _ = reread.tick() => {
                if let Ok(next_hops) = read_table(&handle, follow.prefix).await {
                    // Notifications that the dump overtook are older than it: they are drained first.
                    while let Ok((message, _)) = messages.try_recv() {
                        if let Some(next_hops) = notified(&message, follow.prefix) {
                            follow.note(next_hops, Seen::Notified);
                        }
                    }
                    follow.note(next_hops, Seen::Read);
                }
            }
        }
    }
}

async fn read_table(handle: &Handle, prefix: Ipv4Addr) -> io::Result<NextHops> {
    let mut routes = handle.route().get(RouteMessageBuilder::<Ipv4Addr>::new().build()).execute();
    let mut next_hops = NextHops::new();
    while let Some(route) = routes.next().await {
        let route = route.map_err(io::Error::other)?;
        if concerns(&route, prefix) {
            next_hops.extend(gateways(&route));
        }
    }
    Ok(next_hops)
}

/// The next hops that a notification leaves `prefix` with; `None` when it concerns another route.
fn notified(message: &NetlinkMessage<RouteNetlinkMessage>, prefix: Ipv4Addr) -> Option<NextHops> {
    let NetlinkPayload::InnerMessage(inner) = &message.payload else { return None };
    match inner {
        RouteNetlinkMessage::NewRoute(route) if concerns(route, prefix) => Some(gateways(route)),
        RouteNetlinkMessage::DelRoute(route) if concerns(route, prefix) => Some(NextHops::new()),
        _ => None,
    }
}

fn concerns(route: &RouteMessage, prefix: Ipv4Addr) -> bool {
    route.header.address_family == AddressFamily::Inet
        && route.header.destination_prefix_length == 32
        && route.header.table == RouteHeader::RT_TABLE_MAIN
        && route.attributes.contains(&RouteAttribute::Destination(RouteAddress::Inet(prefix)))
}

fn gateways(route: &RouteMessage) -> NextHops {
    let mut next_hops = NextHops::new();
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::MultiPath(hops) => {
                next_hops.extend(hops.iter().flat_map(|hop| hop.attributes.iter().filter_map(gateway)));
            }
            other => next_hops.extend(gateway(other)),
        }
    }
    next_hops
}

fn gateway(attribute: &RouteAttribute) -> Option<Ipv4Addr> {
    match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIP: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
    const A: Ipv4Addr = Ipv4Addr::new(10, 1, 1, 2);
    const B: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 2);

    fn route(next_hops: &[Ipv4Addr], length: u8) -> RouteMessage {
        let mut route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(VIP, length).build();
        let hops = next_hops
            .iter()
            .map(|hop| {
                let mut next = netlink_packet_route::route::RouteNextHop::default();
                next.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(*hop)));
                next
            })
            .collect();
        route.attributes.push(RouteAttribute::MultiPath(hops));
        route
    }

    #[test]
    fn notifications_of_the_prefix_give_its_next_hops_and_others_nothing() {
        let new = |r| NetlinkMessage::from(RouteNetlinkMessage::NewRoute(r));
        assert_eq!(notified(&new(route(&[A, B], 32)), VIP), Some(NextHops::from([A, B])));
        assert_eq!(notified(&new(route(&[A, B], 24)), VIP), None);
        assert_eq!(notified(&new(route(&[A], 32)), A), None);
        let gone = NetlinkMessage::from(RouteNetlinkMessage::DelRoute(route(&[A], 32)));
        assert_eq!(notified(&gone, VIP), Some(NextHops::new()));
    }

    #[test]
    fn the_log_keeps_changes_only() {
        let mut log = Log::default();
        let at = Instant::from_micros;
        log.note(at(1), NextHops::new(), Seen::Read);
        log.note(at(2), NextHops::from([A]), Seen::Notified);
        log.note(at(3), NextHops::from([A]), Seen::Read);
        log.note(at(4), NextHops::new(), Seen::Notified);
        assert_eq!(log.changes.iter().map(|c| c.at.as_micros()).collect::<Vec<_>>(), [2, 4]);
    }
}
