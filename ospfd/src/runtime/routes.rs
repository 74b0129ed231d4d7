//! The route installer: makes the kernel's routing table hold what OSPF has found, as far as the operator wants it.
//!
//! It runs beside the loop. The loop tells it what changes, in a queue with a bound; when that is full, it tells
//! everything once there is room again. Routes of others are never touched: ours are known by protocol `ospf`, table
//! and metric together. Routes that a former life left behind keep carrying traffic until this one has found its own.

mod kernel;
mod plan;

use std::collections::BTreeMap;
use std::time::Duration;

use ipnetwork::IpNetwork;
use nix::errno::Errno;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::core::spf::route::{Route, RouteChange, RouteTable};
use kernel::{Kernel, KernelError};
use plan::{Desired, Op};

/// Updates that may wait.
const QUEUE: usize = 256;
/// The kernel's table is compared with ours at least this often.
const REFRESH: Duration = Duration::from_secs(30);
/// How long to wait for more to happen before a comparison.
const SETTLE: Duration = Duration::from_millis(50);
/// How long to wait after netlink has failed.
const RETRY: Duration = Duration::from_secs(1);
/// Updates that may put a comparison off.
const MOST_DELAYS: u32 = 20;
/// Timed comparisons that what a former life left behind survives.
const SPARED_REFRESHES: u32 = 2;
/// How long the removal of our routes may take at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Which routes go into the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Install {
    /// None: the host routes as it is told to, and not by what it learns.
    None,
    /// Default routes: a director host has no use for others.
    #[default]
    DefaultOnly,
    /// All.
    All,
}

/// How routes stand in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// Which.
    pub install: Install,
    /// In which table.
    pub table: u32,
    /// With which metric (`RTA_PRIORITY`).
    pub metric: u32,
}

/// What the loop tells.
#[derive(Debug)]
enum Update {
    /// The routing table changed.
    Changes(Vec<RouteChange>),
    /// The settings and the whole routing table.
    Whole(RouteSettings, Vec<Route>),
    /// Something happened that makes the kernel forget routes.
    Verify,
}

/// The loop's end of the installer.
#[derive(Debug)]
pub struct Installer {
    settings: RouteSettings,
    updates: Sender<Update>,
    task: JoinHandle<()>,
    /// Something could not be told: everything has to be.
    is_behind: bool,
}

impl Installer {
    /// Starts it. As long as nothing is to be installed, it does not look at the kernel.
    pub fn start(settings: RouteSettings) -> Self {
        let (updates, receiver) = mpsc::channel(QUEUE);
        Self { settings, updates, task: tokio::spawn(Worker::new(settings).run(receiver)), is_behind: false }
    }

    /// Tells what changed.
    pub fn tell(&mut self, changes: Vec<RouteChange>) {
        if self.settings.install != Install::None {
            self.send(Update::Changes(changes));
        }
    }

    /// Lets the kernel's table be looked at: a link changed.
    pub fn verify(&mut self) {
        if self.settings.install != Install::None {
            self.send(Update::Verify);
        }
    }

    /// Tells everything, if something could not be told before.
    pub fn catch_up(&mut self, table: &RouteTable) {
        if self.is_behind && self.updates.capacity() > 0 {
            self.is_behind = false;
            self.send(Update::Whole(self.settings, table.iter().cloned().collect()));
        }
    }

    /// Takes over other settings.
    pub fn reconfigure(&mut self, settings: RouteSettings, table: &RouteTable) {
        if settings != self.settings {
            self.settings = settings;
            self.is_behind = true;
            self.catch_up(table);
        }
    }

    /// Removes our routes from the kernel and ends.
    pub async fn stop(self) {
        drop(self.updates);
        if timeout(FAREWELL, self.task).await.is_err() {
            warn!("our routes may still stand in the kernel: removing them took too long");
        }
    }

    fn send(&mut self, update: Update) {
        match self.updates.try_send(update) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.is_behind = true,
            Err(TrySendError::Closed(_)) => debug!("the route installer has ended"),
        }
    }
}

/// The installer itself.
struct Worker {
    settings: RouteSettings,
    kernel: Option<Kernel>,
    desired: Desired,
    /// A comparison with the kernel is due.
    must_verify: bool,
    /// Timed comparisons that leftovers still survive.
    spare_leftovers: u32,
    /// The last look at the kernel failed.
    is_failing: bool,
    /// Routes that the kernel refused, and why: each is told once.
    refused: BTreeMap<IpNetwork, Errno>,
}

impl Worker {
    fn new(settings: RouteSettings) -> Self {
        Self {
            settings,
            kernel: None,
            desired: Desired::new(),
            must_verify: true,
            spare_leftovers: SPARED_REFRESHES,
            is_failing: false,
            refused: BTreeMap::new(),
        }
    }

    async fn run(mut self, mut updates: Receiver<Update>) {
        let mut delays = 0;
        loop {
            let idle = match (self.is_failing, self.must_verify && self.is_at_work()) {
                (true, _) => RETRY,
                (false, true) => SETTLE,
                (false, false) => REFRESH,
            };
            match timeout(idle, updates.recv()).await {
                Ok(Some(update)) => {
                    self.take(update).await;
                    delays += 1;
                    if self.must_verify && delays > MOST_DELAYS {
                        delays = 0;
                        self.verify().await;
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    delays = 0;
                    if !self.must_verify {
                        self.spare_leftovers = self.spare_leftovers.saturating_sub(1);
                    }
                    self.verify().await;
                }
            }
        }
        self.clear().await;
    }

    fn is_at_work(&self) -> bool {
        self.settings.install != Install::None
    }

    async fn take(&mut self, update: Update) {
        match update {
            Update::Changes(changes) => {
                let ops = plan::follow(&mut self.desired, changes, self.settings.install);
                self.apply(ops).await;
            }
            Update::Whole(settings, routes) => {
                if (settings.table, settings.metric) != (self.settings.table, self.settings.metric)
                    || settings.install == Install::None
                {
                    self.clear().await;
                }
                self.settings = settings;
                self.desired = plan::desired(&routes, settings.install);
                self.verify().await;
            }
            Update::Verify => self.must_verify = true,
        }
    }

    /// Compares the kernel's table with ours, and repairs it.
    async fn verify(&mut self) {
        if !self.is_at_work() {
            return;
        }
        (self.must_verify, self.is_failing) = (false, false);
        let observed = match self.kernel() {
            Ok(kernel) => kernel.dump().await,
            Err(error) => Err(error),
        };
        match observed {
            Ok(observed) => {
                let ops = plan::difference(&self.desired, &observed, |_| self.spare_leftovers > 0);
                let is_missing =
                    |prefix: &IpNetwork| self.desired.contains_key(prefix) && !observed.contains_key(prefix);
                self.refused.retain(|prefix, _| is_missing(prefix));
                self.apply(ops).await;
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn apply(&mut self, ops: Vec<Op>) {
        if ops.is_empty() {
            return;
        }
        let refusals = match self.kernel() {
            Ok(kernel) => kernel.apply(&ops).await,
            Err(error) => Err(error),
        };
        match refusals {
            Ok(refusals) => {
                debug!(routes = ops.len(), refused = refusals.len(), "routes written to the kernel");
                for (op, errno) in refusals.into_iter().filter_map(|(at, errno)| Some((ops.get(at)?, errno)))
                {
                    self.note_refusal(op, errno);
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn note_refusal(&mut self, op: &Op, errno: Errno) {
        let prefix = op.prefix();
        match (op, errno) {
            // It is gone already, or its device is.
            (Op::Remove(_), Errno::ESRCH | Errno::ENODEV) => {}
            (Op::Add(..), Errno::EEXIST) if !self.refused.contains_key(&prefix) => {
                // Perhaps ours, from a former life: a look will tell.
                self.must_verify = true;
                self.refused.insert(prefix, errno);
            }
            (Op::Add(..), Errno::EEXIST) => debug!(%prefix, "somebody else's route is in the way"),
            (_, errno) => {
                if self.refused.insert(prefix, errno) != Some(errno) {
                    warn!(%prefix, %errno, "the kernel does not take the route; it is tried again");
                }
            }
        }
    }

    fn failed(&mut self, error: &KernelError) {
        warn!(%error, "the kernel's routes are not as they should be; trying again");
        self.kernel = None;
        (self.must_verify, self.is_failing) = (true, true);
    }

    fn kernel(&mut self) -> Result<&mut Kernel, KernelError> {
        match &mut self.kernel {
            Some(kernel) => Ok(kernel),
            none => Ok(none.insert(Kernel::open(self.settings)?)),
        }
    }

    /// Removes all that is ours.
    async fn clear(&mut self) {
        if !self.is_at_work() {
            return;
        }
        self.desired.clear();
        self.spare_leftovers = 0;
        self.verify().await;
        // The next one may be known by other settings.
        self.kernel = None;
        info!("our routes are out of the kernel");
    }
}
