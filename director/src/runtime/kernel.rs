//! The kernel's side of the loop, in a task of its own.
//!
//! A plan of thousands of operations takes seconds. Meanwhile the loop renews its lease, judges probes and answers the
//! operator. The core asks for one thing at a time, so there is never more than one under way.

use std::path::PathBuf;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::executor::{Executor, Progress};
use crate::core::agent::{Applied, KernelFault};
use crate::core::observed::Observed;
use crate::core::plan::Op;

/// The core asks for one thing, and waits; one more place costs nothing.
const QUEUE: usize = 2;

/// A task that owns the [`Executor`]. Dropping it ends the task between two batches.
#[derive(Debug)]
pub struct Kernel {
    work: mpsc::Sender<Work>,
    done: mpsc::Receiver<Done>,
    modprobe: watch::Sender<Option<PathBuf>>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Work {
    Observe,
    Apply(Vec<Op>),
}

/// What was asked for is done.
#[derive(Debug)]
pub enum Done {
    /// The table, or why there is none.
    Observed(Result<Observed, KernelFault>),
    /// The operations, and how that ended.
    Applied(Vec<Op>, Applied),
}

impl Kernel {
    /// A task that has not spoken to the kernel yet.
    pub fn start(modprobe: Option<PathBuf>) -> Self {
        let (work, queue) = mpsc::channel(QUEUE);
        let (results, done) = mpsc::channel(QUEUE);
        let (modprobe, allowed) = watch::channel(modprobe);
        let (to_progress, progress) = watch::channel(Progress::default());
        let task = tokio::spawn(serve(queue, results, allowed, to_progress));
        Self { work, done, modprobe, progress, task }
    }

    /// Asks for the table.
    pub async fn observe(&self) {
        // The task ends only with us.
        let _ = self.work.send(Work::Observe).await;
    }

    /// Asks for changes.
    pub async fn apply(&self, ops: Vec<Op>) {
        // The task ends only with us.
        let _ = self.work.send(Work::Apply(ops)).await;
    }

    /// Modules may be loaded by this program, or by none.
    pub fn allow_modules(&self, modprobe: Option<PathBuf>) {
        self.modprobe.send_replace(modprobe);
    }

    /// How far the changes under way are.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// The next result.
    pub async fn done(&mut self) -> Done {
        match self.done.recv().await {
            Some(done) => done,
            // The task ends only with us.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut queue: mpsc::Receiver<Work>,
    results: mpsc::Sender<Done>,
    mut modprobe: watch::Receiver<Option<PathBuf>>,
    progress: watch::Sender<Progress>,
) {
    let mut executor = Executor::new();
    executor.allow_modules(modprobe.borrow_and_update().clone());
    while let Some(work) = queue.recv().await {
        if modprobe.has_changed().unwrap_or(false) {
            executor.allow_modules(modprobe.borrow_and_update().clone());
        }
        let done = match work {
            Work::Observe => {
                let dump = executor.observe().await;
                Done::Observed(dump.map_err(|error| KernelFault(error.to_string())))
            }
            Work::Apply(ops) => {
                let applied = executor.apply_telling(&ops, &progress).await;
                progress.send_replace(Progress::default());
                Done::Applied(ops, applied)
            }
        };
        if results.send(done).await.is_err() {
            return;
        }
    }
}
