//! A running lab: namespaces, links and daemons of a topology as one value that leaves nothing behind.
//!
//! Labs run only inside the confinement that [`crate::place`] makes: private process, mount and network namespaces,
//! so that whatever happens, nothing outlives the command. Several labs may run side by side in one process.

pub mod namespace;
pub mod topology;
mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use self::namespace::Namespace;
use self::topology::{Software, Topology};
use crate::node::{Node, tail};
use crate::{paths, place};

/// Where nodes have their own directories: short paths, for the sake of unix sockets.
const NODES: &str = "/run/lab";
/// Lines of each log that a failing test shows.
const TAIL: usize = 12;

/// Numbers the labs of this process.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// How a lab is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Nodes whose daemons are not started; [`Node::start_daemons`] does it later.
    pub held: BTreeSet<String>,
    /// What the log directory is called; the topology's name if empty.
    pub label: String,
}

impl Options {
    /// A lab whose logs are found under `label`.
    pub fn labelled(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// Leaves the node's daemons to be started later.
    #[must_use]
    pub fn hold(mut self, node: &str) -> Self {
        self.held.insert(node.to_owned());
        self
    }
}

/// A running lab. Dropping it ends everything; if that happens in a panic, it names the logs and shows their ends.
#[derive(Debug)]
pub struct Lab {
    name: String,
    nodes: BTreeMap<String, Arc<Node>>,
    // Bridges live in namespaces of their own, as switches do.
    switches: Vec<Namespace>,
    dir: PathBuf,
    logs: PathBuf,
}

impl Lab {
    /// Builds the topology and starts its daemons, in order of the nodes' names.
    ///
    /// # Errors
    /// This is not a confined place, or a part of the topology cannot be made.
    pub fn start(topology: &Topology, options: &Options) -> Result<Self> {
        place::ensure_confined()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // FRR takes neither dots nor slashes in it.
        // The process id keeps apart the labs of processes that share a confinement.
        let prefix = format!("{}-{number}", std::process::id());
        let label = if options.label.is_empty() { &topology.name } else { &options.label };
        let dir = Path::new(NODES).join(&prefix);
        let logs = unused(&paths::run_dir()?.join(label));
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let mut lab = Self { name: label.clone(), nodes: BTreeMap::new(), switches: Vec::new(), dir, logs };
        for (name, spec) in &topology.nodes {
            let namespace = Namespace::new(&format!("{prefix}-{name}"))?;
            let dir = lab.dir.join(name);
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
            let software = filled(&spec.software, topology, name, &dir.to_string_lossy());
            let node = Node::new(name, software, namespace, dir, lab.logs.clone());
            lab.nodes.insert(name.clone(), Arc::new(node));
        }
        lab.switches = wiring::lay(topology, &lab.nodes, &prefix)?;
        for (name, node) in &lab.nodes {
            if !options.held.contains(name) {
                node.start_daemons()?;
            }
        }
        Ok(lab)
    }

    /// A node by its name in the topology.
    ///
    /// # Panics
    /// There is no such node.
    pub fn node(&self, name: &str) -> &Arc<Node> {
        self.nodes.get(name).unwrap_or_else(|| panic!("the lab {:?} has no node {name:?}", self.name))
    }

    /// All nodes by name.
    pub fn nodes(&self) -> &BTreeMap<String, Arc<Node>> {
        &self.nodes
    }

    /// The directory with every node's logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("lab {:?}: logs in {}", self.name, self.logs.display());
            show_ends(&self.logs);
        }
        for node in self.nodes.values() {
            node.kill_daemons();
        }
        self.switches.clear();
        // It lies on the confinement's own tmpfs.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn show_ends(logs: &Path) {
    let Ok(entries) = fs::read_dir(logs) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "log")) {
        eprintln!("--- {} ends:\n{}", path.display(), tail(path, TAIL));
    }
}

/// `path`, or `path-2` and so on where that exists.
fn unused(path: &Path) -> PathBuf {
    let numbered = |number: u32| {
        if number == 1 { path.to_path_buf() } else { PathBuf::from(format!("{}-{number}", path.display())) }
    };
    (1..).map(numbered).find(|candidate| !candidate.exists()).unwrap_or_else(|| path.to_path_buf())
}

fn filled(software: &Software, topology: &Topology, node: &str, dir: &str) -> Software {
    let fill = |text: &String| topology.fill(text, node, dir);
    match software {
        Software::Frr { config, daemons } => Software::Frr { config: fill(config), daemons: daemons.clone() },
        Software::Bird { config } => Software::Bird { config: fill(config) },
        Software::Ours { ospfd, director } => {
            Software::Ours { ospfd: ospfd.as_ref().map(fill), director: director.as_ref().map(fill) }
        }
        Software::Host => Software::Host,
    }
}
