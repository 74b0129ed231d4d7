//! A node: a network namespace and what runs in it.
//!
//! [`frr`], [`bird`] and [`ours`] say how their daemons are started and asked; this module has what all nodes share:
//! commands and processes inside, links up and down, daemons by name.

pub mod bird;
pub mod frr;
pub mod ospf;
pub mod ours;
mod process;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::Signal;

pub(crate) use self::process::tail;
pub use self::process::{Output, Process};
use crate::lab::namespace::Namespace;
use crate::lab::topology::Software;

/// Longest time that a command inside a node may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A node of a running lab.
#[derive(Debug)]
pub struct Node {
    name: String,
    software: Software,
    namespace: Namespace,
    dir: PathBuf,
    logs: PathBuf,
    daemons: Mutex<BTreeMap<String, Process>>,
}

impl Node {
    /// `software`'s texts are filled in already; `dir` and `logs` exist.
    pub(crate) fn new(
        name: &str,
        software: Software,
        namespace: Namespace,
        dir: PathBuf,
        logs: PathBuf,
    ) -> Self {
        Self { name: name.to_owned(), software, namespace, dir, logs, daemons: Mutex::default() }
    }

    /// Its name in the topology.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What runs in it.
    pub fn software(&self) -> &Software {
        &self.software
    }

    /// Its network namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Its own directory: configurations and sockets. `{dir}` in the topology.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a command inside to its end and returns what it said, whatever its exit status.
    ///
    /// # Errors
    /// It cannot be started, or does not end within a minute.
    pub fn exec<S: AsRef<OsStr> + Sync>(&self, argv: &[S]) -> Result<Output> {
        let mut command = self.command(argv)?;
        self.namespace.enter(|| process::run(&mut command, COMMAND_LIMIT))?
    }

    /// Runs a command inside that must succeed, and returns its standard output.
    ///
    /// # Errors
    /// As for [`Node::exec`], or the command failed.
    pub fn run<S: AsRef<OsStr> + Sync>(&self, argv: &[S]) -> Result<String> {
        let said = self.exec(argv)?.ok();
        said.with_context(|| {
            let words: Vec<_> =
                argv.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
            format!("{}: `{}`", self.name, words.join(" "))
        })
    }

    /// As [`Node::run`], for a command that prints JSON.
    ///
    /// # Errors
    /// As for [`Node::run`], or what it printed is not JSON.
    pub fn run_json<S: AsRef<OsStr> + Sync>(&self, argv: &[S]) -> Result<serde_json::Value> {
        let text = self.run(argv)?;
        serde_json::from_str(&text).with_context(|| format!("{}: not JSON: {text}", self.name))
    }

    /// Starts a process inside; its output goes to `<node>-<name>.log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn<S: AsRef<OsStr> + Sync>(&self, name: &str, argv: &[S]) -> Result<Process> {
        let mut command = self.command(argv)?;
        let log = self.log_path(name);
        self.namespace.enter(|| Process::start(name, &mut command, &log))?
    }

    /// Runs `work` on a new thread inside: its sockets stay inside. For asynchronous work, make the runtime in it.
    pub fn in_namespace<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Result<T>> {
        self.namespace.spawn(work)
    }

    /// Lines for `ip -batch`, inside.
    ///
    /// # Errors
    /// One of them failed.
    pub fn ip_batch(&self, lines: &[String]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let file = self.dir.join("ip-batch");
        fs::write(&file, lines.join("\n") + "\n")?;
        let file = file.as_os_str();
        self.run(&[OsStr::new("ip"), OsStr::new("-batch"), file]).map(drop)
    }

    /// Sets a link up or down.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn set_link(&self, interface: &str, state: LinkSetting) -> Result<()> {
        self.run(&["ip", "link", "set", interface, state.word()]).map(drop)
    }

    /// Sets a kernel parameter, dotted as for sysctl(8).
    ///
    /// # Errors
    /// There is no such parameter, or it refuses the value.
    pub fn set_sysctl(&self, parameter: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys").join(parameter.replace('.', "/"));
        let written = self.namespace.enter(|| fs::write(&path, value))?;
        written.with_context(|| format!("{}: sysctl {parameter} = {value}", self.name))
    }

    /// The kernel's IPv4 routes to exactly `prefix` (`10.0.0.1` for a /32), as `ip -j route` prints them.
    ///
    /// # Errors
    /// ip(8) failed.
    pub fn kernel_routes(&self, prefix: &str) -> Result<Vec<serde_json::Value>> {
        let routes = self.run_json(&["ip", "-j", "route", "show", "exact", prefix])?;
        Ok(routes.as_array().cloned().unwrap_or_default())
    }

    /// Gateways of the kernel's route to exactly `prefix`, in order; empty when there is none.
    ///
    /// # Errors
    /// ip(8) failed.
    pub fn next_hops(&self, prefix: &str) -> Result<Vec<IpAddr>> {
        let mut gateways = Vec::new();
        for route in self.kernel_routes(prefix)? {
            let hops = route["nexthops"].as_array().cloned().unwrap_or_else(|| vec![route.clone()]);
            gateways.extend(hops.iter().filter_map(|hop| hop["gateway"].as_str()?.parse::<IpAddr>().ok()));
        }
        gateways.sort();
        Ok(gateways)
    }

    /// Starts all daemons of this node's software.
    ///
    /// # Errors
    /// One of them did not start.
    pub fn start_daemons(&self) -> Result<()> {
        match &self.software {
            Software::Frr { config, daemons } => frr::start(self, config, daemons),
            Software::Bird { config } => bird::start(self, config),
            Software::Ours { ospfd, director } => ours::start(self, ospfd.as_deref(), director.as_deref()),
            Software::Host => Ok(()),
        }
        .with_context(|| format!("node {:?} did not start; its logs: {}", self.name, self.logs.display()))
    }

    /// Starts a daemon and keeps it under `name`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_daemon<S: AsRef<OsStr> + Sync>(&self, name: &str, argv: &[S]) -> Result<()> {
        let process = self.spawn(name, argv)?;
        self.locked().insert(name.to_owned(), process);
        Ok(())
    }

    /// Sends a signal to a daemon of this node.
    ///
    /// # Errors
    /// There is no such daemon, or it has ended.
    pub fn signal(&self, daemon: &str, signal: Signal) -> Result<()> {
        self.locked().get(daemon).with_context(|| self.unknown(daemon))?.kill(signal)
    }

    /// Waits until a daemon of this node has ended.
    ///
    /// # Errors
    /// There is no such daemon, or it still runs after `within`.
    pub fn wait(&self, daemon: &str, within: Duration) -> Result<ExitStatus> {
        let mut process = self.locked().remove(daemon).with_context(|| self.unknown(daemon))?;
        process.wait(within)
    }

    /// Kills every daemon of this node at once, as when the host loses power.
    pub fn kill_daemons(&self) {
        self.locked().clear();
    }

    /// Is the daemon running?
    pub fn is_running(&self, daemon: &str) -> bool {
        self.locked().get_mut(daemon).is_some_and(Process::is_running)
    }

    /// Process id of a daemon of this node.
    ///
    /// # Errors
    /// There is no such daemon.
    pub fn pid(&self, daemon: &str) -> Result<u32> {
        Ok(self.locked().get(daemon).with_context(|| self.unknown(daemon))?.pid())
    }

    /// Writes a file into the node's own directory and returns its path.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The log of a daemon or of a process that was started under `name`.
    pub fn log_path(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{}-{name}.log", self.name))
    }

    pub(crate) fn ensure_running(&self, daemon: &str) -> Result<()> {
        let log = self.log_path(daemon);
        ensure!(self.is_running(daemon), "{daemon} ended at once; it said:\n{}", tail(&log, 10));
        Ok(())
    }

    fn command<S: AsRef<OsStr>>(&self, argv: &[S]) -> Result<Command> {
        let (program, arguments) = argv.split_first().ok_or_else(|| anyhow!("{}: no command", self.name))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.dir).env("EVENKEEL_LAB_NODE", &self.name);
        Ok(command)
    }

    fn unknown(&self, daemon: &str) -> String {
        format!("node {:?} runs no {daemon:?}", self.name)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Process>> {
        self.daemons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Administrative state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSetting {
    /// `ip link set … up`
    Up,
    /// `ip link set … down`
    Down,
}

impl LinkSetting {
    fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}
