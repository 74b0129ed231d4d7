//! A speaker that feeds LSAs: the far end of point-to-point adjacencies, with a database of anybody's making.
//!
//! Benches let it stand for a whole area or for a router with many external routes. It answers at once, has no timers
//! that others would wait for, and keeps nothing of what it hears. `adjacency` is the protocol, this file the sockets:
//! one thread and one socket for each end.

mod adjacency;
mod socket;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use common::ids::RouterId;
use common::time::Instant;
use ospfd::packet::Lsa;
use socket2::Socket;
use tokio_util::sync::CancellationToken;

use self::adjacency::{Adjacency, Database};
use crate::node::Node;
use crate::observe::clock::Clock;

/// HelloInterval of every end.
pub const HELLO_INTERVAL: Duration = Duration::from_secs(1);
/// RouterDeadInterval of every end: a neighbour that is busy with a large database may be late.
pub const DEAD_INTERVAL: Duration = Duration::from_secs(10);

/// One end: who speaks there.
#[derive(Clone, Debug)]
pub struct End {
    /// The interface in the node.
    pub interface: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The Router ID there; it must be higher than the neighbour's, since the speaker is the master of every exchange.
    pub router_id: RouterId,
}

/// A running speaker. It falls silent when dropped.
#[derive(Debug)]
pub struct Speaker {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
    sockets: Vec<Arc<Socket>>,
    stop: CancellationToken,
    threads: Vec<JoinHandle<Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    adjacencies: Vec<Adjacency>,
}

impl Speaker {
    /// Starts to speak at `ends` of `node`, with `lsas` as its database.
    ///
    /// # Errors
    /// A socket cannot be had.
    pub fn start(
        clock: Clock,
        node: &Node,
        ends: &[End],
        lsas: impl IntoIterator<Item = Lsa>,
    ) -> Result<Self> {
        let database = lsas.into_iter().map(|lsa| (lsa.header.key, lsa)).collect::<BTreeMap<_, _>>();
        let adjacencies = ends.iter().map(|end| Adjacency::new(end.router_id)).collect();
        let shared = Arc::new(Mutex::new(Shared { database, adjacencies }));
        let sockets = node.namespace().enter(|| {
            ends.iter()
                .map(|end| Ok(Arc::new(socket::open(&end.interface, end.address)?)))
                .collect::<Result<Vec<_>>>()
        })??;
        let mut speaker =
            Self { clock, shared, sockets, stop: CancellationToken::new(), threads: Vec::new() };
        for (at, socket) in speaker.sockets.iter().enumerate() {
            let (shared, socket) = (Arc::clone(&speaker.shared), Arc::clone(socket));
            let stop = speaker.stop.clone();
            let thread = std::thread::Builder::new().name("speaker".to_owned());
            let thread = thread.spawn(move || speak(clock, &shared, &socket, at, &stop));
            speaker.threads.push(thread.context("cannot start a thread")?);
        }
        Ok(speaker)
    }

    /// Puts instances into the database and floods them at every end; returns the moment just before.
    ///
    /// # Errors
    /// They could not be sent.
    pub fn flood(&self, lsas: &[Lsa]) -> Result<Instant> {
        let now = self.clock.now();
        let mut shared = lock(&self.shared);
        let Shared { database, adjacencies } = &mut *shared;
        database.extend(lsas.iter().map(|lsa| (lsa.header.key, lsa.clone())));
        for (adjacency, socket) in adjacencies.iter_mut().zip(&self.sockets) {
            for packet in adjacency.flood(now, lsas) {
                socket::send(socket, &packet)?;
            }
        }
        Ok(now)
    }

    /// Has every neighbour seen the whole database listed?
    pub fn is_exchanged(&self) -> bool {
        lock(&self.shared).adjacencies.iter().all(Adjacency::is_exchanged)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            match thread.join().unwrap_or_else(|_| Err(anyhow!("it panicked"))) {
                Ok(()) => {}
                Err(error) => eprintln!("the speaker went silent: {error:#}"),
            }
        }
    }
}

fn speak(
    clock: Clock,
    shared: &Mutex<Shared>,
    socket: &Socket,
    at: usize,
    stop: &CancellationToken,
) -> Result<()> {
    let mut buffer = vec![0; socket::MAX_DATAGRAM];
    while !stop.is_cancelled() {
        let received = socket::receive(socket, &mut buffer)?;
        let packets = {
            let mut shared = lock(shared);
            let Shared { database, adjacencies } = &mut *shared;
            let Some(adjacency) = adjacencies.get_mut(at) else { break };
            let now = clock.now();
            let mut packets =
                received.map_or_else(Vec::new, |packet| adjacency.receive(now, database, packet));
            packets.extend(adjacency.due(now, database));
            packets
        };
        for packet in packets {
            socket::send(socket, &packet)?;
        }
    }
    Ok(())
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
