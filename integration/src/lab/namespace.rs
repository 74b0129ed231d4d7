//! Network namespaces as values: made by a thread that unshares, named under `/run/netns`, gone when dropped.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

/// Where ip(8) looks for names. The lab has a private tmpfs there.
const NAMES: &str = "/run/netns";

/// A network namespace. Dropping it takes the name away; the kernel frees it with its last process and socket.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    path: PathBuf,
    handle: Arc<File>,
}

impl Namespace {
    /// Makes a namespace that `ip netns` knows as `name`.
    ///
    /// # Errors
    /// No right to do so, or the name is taken.
    pub fn new(name: &str) -> Result<Self> {
        let path = Path::new(NAMES).join(name);
        let made = path.clone();
        thread::spawn(move || make(&made))
            .join()
            .map_err(|_| anyhow!("the thread that makes {name:?} panicked"))??;
        let handle = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self { name: name.to_owned(), path, handle: Arc::new(handle) })
    }

    /// Its name for `ip -n`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a new thread inside. Sockets that it opens and processes that it starts stay inside.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Result<T>> {
        let handle = Arc::clone(&self.handle);
        let name = self.name.clone();
        thread::spawn(move || {
            setns(handle.as_ref(), CloneFlags::CLONE_NEWNET)
                .with_context(|| format!("cannot enter {name:?}"))?;
            Ok(work())
        })
    }

    /// Moves the thread that calls it inside, for good: for threads that somebody else makes.
    pub fn door(&self) -> impl FnOnce() -> io::Result<()> + Send + 'static {
        let handle = Arc::clone(&self.handle);
        move || Ok(setns(handle.as_ref(), CloneFlags::CLONE_NEWNET)?)
    }

    /// Runs `work` inside and waits for it.
    ///
    /// # Errors
    /// The namespace cannot be entered, or `work` panicked.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let inside = || -> Result<T> {
            let entered = setns(self.handle.as_ref(), CloneFlags::CLONE_NEWNET);
            entered.with_context(|| format!("cannot enter {:?}", self.name))?;
            Ok(work())
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .map_err(|_| anyhow!("the work in namespace {:?} panicked", self.name))?
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The mount namespace is private and ends with the lab: a name that stays does no harm.
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
        let _ = fs::remove_file(&self.path);
    }
}

fn make(path: &Path) -> Result<()> {
    File::create_new(path)
        .with_context(|| format!("cannot make {} (is this outside `cargo lab`?)", path.display()))?;
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
    let none: Option<&str> = None;
    mount(Some("/proc/thread-self/ns/net"), path, none, MsFlags::MS_BIND, none)
        .with_context(|| format!("cannot mount {}", path.display()))
}
