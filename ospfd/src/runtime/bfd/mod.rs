//! BFD in the daemon: a thread of its own with one loop for all sessions, so that neither route calculation nor flooding
//! nor logging delays a packet. It starts with the first session.
//!
//! The OSPF loop tells it which sessions are wanted, level-triggered, and hears what has changed; neither ever waits for the
//! other. What the thread has counted lies where a reader may miss it for one round but never holds it up.

mod sockets;
mod thread;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use common::control::ospf::bfd::BfdView;
use common::control::ospf::{CounterView, Response};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use super::clock::Clock;
use crate::bfd::{Change, SessionConfig, SessionKey};
use crate::core::Instance;
use thread::{Loop, Published};

/// Commands that may wait for the thread.
const COMMANDS: usize = 1024;
/// Changes that may wait for the OSPF loop; the rest waits in the engine, where changes of one session become one.
const CHANGES: usize = 256;

/// How the thread runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// Its priority under SCHED_RR; `None`: it is scheduled like everybody.
    pub realtime: Option<u8>,
    /// Keep the daemon's memory from being paged out.
    pub lock_memory: bool,
}

/// What the thread is told.
enum Command {
    Open(SessionKey, SessionConfig),
    Close(SessionKey),
    Show(oneshot::Sender<Response>),
    Stop,
}

/// The thread, and what it was told.
#[derive(Debug)]
pub struct Bfd {
    clock: Clock,
    seed: u64,
    scheduling: Scheduling,
    /// The wanted sessions that it knows of, and their revision.
    told: BTreeMap<SessionKey, SessionConfig>,
    revision: Option<u64>,
    thread: Option<Running>,
    sender: mpsc::Sender<Change>,
    changes: mpsc::Receiver<Change>,
    published: Arc<Mutex<Published>>,
}

#[derive(Debug)]
struct Running {
    commands: SyncSender<Command>,
    waker: UnixStream,
    handle: JoinHandle<()>,
}

impl Bfd {
    /// Without sessions, and without a thread.
    pub fn new(clock: Clock, seed: u64, scheduling: Scheduling) -> Self {
        let (sender, changes) = mpsc::channel(CHANGES);
        let published = Arc::default();
        let (told, revision, thread) = (BTreeMap::new(), None, None);
        Self { clock, seed, scheduling, told, revision, thread, sender, changes, published }
    }

    /// Tells the thread what it does not know yet of the sessions that are wanted. What finds no room is told the next time.
    pub fn catch_up(&mut self, instance: &Instance) {
        let (revision, wanted) = instance.bfd_sessions();
        if self.revision == Some(revision) {
            return;
        }
        let wanted: BTreeMap<_, _> = wanted.collect();
        if self.thread.is_none() && !wanted.is_empty() {
            self.start();
        }
        let Some(running) = &self.thread else { return };
        let gone: Vec<_> = self.told.keys().filter(|key| !wanted.contains_key(key)).copied().collect();
        for key in gone {
            if !running.tell(Command::Close(key)) {
                return;
            }
            self.told.remove(&key);
        }
        for (key, config) in wanted {
            if self.told.get(&key) != Some(config) {
                if !running.tell(Command::Open(key, config.clone())) {
                    return;
                }
                self.told.insert(key, config.clone());
            }
        }
        self.revision = Some(revision);
    }

    fn start(&mut self) {
        match self.spawn() {
            Ok(running) => self.thread = Some(running),
            Err(error) => error!(%error, "no thread for BFD; no session is watched"),
        }
    }

    fn spawn(&self) -> io::Result<Running> {
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (commands, receiver) = sync_channel(COMMANDS);
        let work =
            Loop::new(self.clock, self.seed, receiver, self.sender.clone(), Arc::clone(&self.published));
        let realtime = self.scheduling.realtime;
        let handle = std::thread::Builder::new().name("bfd".to_owned()).spawn(move || {
            if let Some(priority) = realtime
                && let Err(error) = thread::run_realtime(priority)
            {
                warn!(
                    priority,
                    %error,
                    "BFD runs without real-time priority; give ospfd CAP_SYS_NICE, or take [scheduling] realtime out"
                );
            }
            work.run(&woken);
        })?;
        Ok(Running { commands, waker, handle })
    }

    /// The next change. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Option<Change> {
        self.changes.recv().await
    }

    /// A change that waits.
    pub fn try_changed(&mut self) -> Option<Change> {
        self.changes.try_recv().ok()
    }

    /// Has the thread answer with all sessions.
    pub fn show(&self, reply: oneshot::Sender<Response>) {
        let none = |reply: oneshot::Sender<Response>| drop(reply.send(Response::Bfd(Vec::<BfdView>::new())));
        let Some(running) = &self.thread else { return none(reply) };
        if let Err(
            TrySendError::Full(Command::Show(reply)) | TrySendError::Disconnected(Command::Show(reply)),
        ) = running.commands.try_send(Command::Show(reply))
        {
            return none(reply);
        }
        running.wake();
    }

    /// What was counted.
    pub fn counters(&self) -> Vec<CounterView> {
        let published = self.published();
        let mut views = published.counters.views();
        views.extend(published.sockets.views());
        views
    }

    /// How many sessions there are, and how many of them are Up.
    pub fn totals(&self) -> (usize, usize) {
        self.published().totals
    }

    fn published(&self) -> Published {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all peers that their sessions are disabled, and ends the thread.
    pub async fn stop(&mut self) {
        if let Some(running) = self.thread.take() {
            // The thread sees a channel without sender, too.
            running.tell(Command::Stop);
            let Running { commands, waker, handle } = running;
            drop((commands, waker));
            if tokio::task::spawn_blocking(move || handle.join()).await.is_err() {
                warn!("the thread for BFD did not end well");
            }
        }
    }
}

impl Running {
    fn tell(&self, command: Command) -> bool {
        let told = self.commands.try_send(command).is_ok();
        self.wake();
        told
    }

    fn wake(&self) {
        // When the pipe is full the thread is about to wake anyway.
        let _ = (&self.waker).write(&[0]);
    }
}
