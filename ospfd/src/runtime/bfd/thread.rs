//! The loop: packets in before timers, so that a thread that was held up takes what waits for it into account before it
//! declares anybody silent; then packets out, then news.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use common::control::ospf::Response;
use common::time::Instant;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tokio::sync::mpsc;

use super::Command;
use super::sockets::{Counted, Sockets};
use crate::bfd::{Change, Counters, Engine};
use crate::runtime::clock::Clock;

/// With less time than this to the next deadline, packets that come are taken at the deadline: many sessions cost one
/// round of the loop, not one each.
const TOGETHER: Duration = Duration::from_millis(1);
/// How long it is waited with nothing to do, and until the socket is tried again.
const LONGEST: Duration = Duration::from_secs(1);

/// What others may look at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Published {
    pub(super) counters: Counters,
    pub(super) sockets: Counted,
    pub(super) totals: (usize, usize),
}

/// The thread's own.
pub(super) struct Loop {
    clock: Clock,
    engine: Engine,
    sockets: Sockets,
    commands: Receiver<Command>,
    changes: mpsc::Sender<Change>,
    published: Arc<Mutex<Published>>,
}

impl Loop {
    pub(super) fn new(
        clock: Clock,
        seed: u64,
        commands: Receiver<Command>,
        changes: mpsc::Sender<Change>,
        published: Arc<Mutex<Published>>,
    ) -> Self {
        Self { clock, engine: Engine::new(seed), sockets: Sockets::default(), commands, changes, published }
    }

    /// Runs until it is told to stop; `woken` can be read when there are commands.
    pub(super) fn run(mut self, woken: &UnixStream) {
        loop {
            self.sockets.open();
            self.sockets.receive(|rx| self.engine.handle_packet(self.clock.now(), rx));
            let goes_on = self.take_commands(woken);
            self.engine.handle_timeout(self.clock.now());
            self.send();
            self.tell();
            self.publish();
            if !goes_on {
                return;
            }
            self.wait(woken);
        }
    }

    /// False when there will be no more.
    fn take_commands(&mut self, mut woken: &UnixStream) -> bool {
        let mut rest = [0; 64];
        while woken.read(&mut rest).is_ok_and(|count| count > 0) {}
        loop {
            let now = self.clock.now();
            match self.commands.try_recv() {
                Ok(Command::Open(key, config)) => self.engine.open(now, key, config),
                Ok(Command::Close(key)) => self.engine.close(now, key),
                Ok(Command::Show(reply)) => {
                    // Who asked may have left.
                    let _ = reply.send(Response::Bfd(self.engine.views(now)));
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    self.engine.close_all(now);
                    return false;
                }
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn send(&mut self) {
        while let Some(transmit) = self.engine.poll_transmit() {
            self.sockets.send(&transmit);
        }
    }

    /// News for the OSPF loop. Those that find no room stay with the engine, and become one with what comes after.
    fn tell(&mut self) {
        while let Some(change) = self.engine.poll_change() {
            if self.changes.try_send(change).is_err() {
                return self.engine.put_back(change.key);
            }
        }
    }

    fn publish(&mut self) {
        self.sockets.forget_all_but(|discriminator| self.engine.has(discriminator));
        match self.published.try_lock() {
            Ok(mut published) => {
                *published = Published {
                    counters: *self.engine.counters(),
                    sockets: self.sockets.counted(),
                    totals: self.engine.totals(),
                };
            }
            // Somebody reads: the next round will do.
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => {}
        }
    }

    fn wait(&self, woken: &UnixStream) {
        let now = self.clock.now();
        let left = self.engine.poll_timeout().map_or(LONGEST, |at: Instant| at.since(now)).min(LONGEST);
        let mut fds = vec![PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
        if left > TOGETHER
            && let Some(socket) = self.sockets.listening()
        {
            fds.push(PollFd::new(socket, PollFlags::POLLIN));
        }
        // Whatever ends it, the next round looks at everything.
        let _ = ppoll(&mut fds, Some(TimeSpec::from_duration(left)), None);
    }
}

/// Gives the calling thread a priority under SCHED_RR.
pub(super) fn run_realtime(priority: u8) -> io::Result<()> {
    let value = priority.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(value),
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin),
    )
    .map_err(|error| io::Error::other(format!("{error:?}")))
}
