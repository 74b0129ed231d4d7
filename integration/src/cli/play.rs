//! `cargo lab up`, `shell` and `down`: a topology to play in.
//!
//! `up` leaves a confinement running that holds the lab; what is needed to find it again stands in `target/lab/up.toml`.
//! Ending its first process ends everything in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::lab::topology::{Needs, Topology};
use crate::lab::{Lab, Options};
use crate::node::Node;
use crate::testing::build;
use crate::{clock, guest, paths, place, setup};

/// A topology of FRR daemons takes some seconds.
const UP_LIMIT: Duration = Duration::from_secs(120);
const DOWN_LIMIT: Duration = Duration::from_secs(10);

/// What `up` takes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct UpArguments {
    /// The topology, see `cargo lab list`
    name: String,
}

/// What `shell` takes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ShellArguments {
    /// The node
    node: String,
    /// A command instead of a shell
    #[arg(last = true)]
    command: Vec<String>,
}

/// What `hold` takes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct HoldArguments {
    name: String,
}

/// What is up.
#[derive(Debug, Serialize, Deserialize)]
struct Up {
    topology: String,
    /// Process id, seen from outside, of the process that ends with the confinement.
    supervisor: i32,
    run_dir: PathBuf,
}

/// What the holder tells.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    logs: PathBuf,
    nodes: BTreeMap<String, HeldNode>,
}

/// Where a node is found, inside the confinement.
#[derive(Debug, Serialize, Deserialize)]
struct HeldNode {
    namespace: String,
    dir: PathBuf,
}

pub(super) fn up(arguments: &UpArguments) -> Result<ExitCode> {
    ensure!(nix::unistd::geteuid().is_root(), "a topology to play in needs root; try `sudo -E cargo lab up`");
    setup::ensure_packages()?;
    if let Some(up) = current()? {
        bail!("{:?} is up already; `cargo lab down` takes it down", up.topology);
    }
    let topology = Topology::named(&arguments.name)?;
    if topology.needs == Needs::Ipvs {
        let tier = guest::tier::choose(None)?;
        ensure!(
            tier == guest::tier::Tier::Native,
            "{:?} needs IPVS, which the running kernel does not have",
            topology.name
        );
    }
    build::daemons()?;
    let run_dir = paths::new_run_dir("up")?;
    let log = fs::File::create(run_dir.join("holder.log"))?;
    let work =
        [paths::binary("lab")?.to_string_lossy().into_owned(), "hold".to_owned(), arguments.name.clone()];
    let mut command = Command::new("setsid");
    command.args(place::confinement(&work)?).env(paths::RUN_DIR_VARIABLE, &run_dir);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn().context("cannot start the confinement")?;
    let up = Up { topology: topology.name, supervisor: i32::try_from(child.id())?, run_dir: run_dir.clone() };
    fs::write(state_file()?, toml::to_string(&up)?)?;
    clock::until(UP_LIMIT, "the topology is up", || {
        held(&run_dir).is_ok() || !matches!(child.try_wait(), Ok(None))
    })?;
    let Ok(held) = held(&run_dir) else {
        down()?;
        bail!("it did not come up:\n{}", fs::read_to_string(run_dir.join("holder.log")).unwrap_or_default());
    };
    let nodes: Vec<&str> = held.nodes.keys().map(String::as_str).collect();
    println!("up: {} with the nodes {}", up.topology, nodes.join(", "));
    println!("logs: {}", held.logs.display());
    println!("next: cargo lab shell {}   (and cargo lab down at the end)", nodes.first().unwrap_or(&"NODE"));
    Ok(ExitCode::SUCCESS)
}

/// Starts the lab and keeps it until the confinement is ended.
pub(super) fn hold(arguments: &HoldArguments) -> Result<ExitCode> {
    let lab = Lab::start(&Topology::named(&arguments.name)?, &Options::default())?;
    let mut nodes = BTreeMap::new();
    for (name, node) in lab.nodes() {
        add_tools(node)?;
        let held = HeldNode { namespace: node.namespace().name().to_owned(), dir: node.dir().to_path_buf() };
        nodes.insert(name.clone(), held);
    }
    let held = Held { logs: lab.logs().to_path_buf(), nodes };
    let run_dir = paths::run_dir()?;
    fs::write(run_dir.join("held.new"), toml::to_string(&held)?)?;
    fs::rename(run_dir.join("held.new"), run_dir.join("held.toml"))?;
    loop {
        std::thread::park();
    }
}

/// `vtysh`, `birdc` and our controllers, in front of the path of the node's shell: they ask this node's daemons.
fn add_tools(node: &Node) -> Result<()> {
    let ours = |controller: &str, daemon: &str| -> Result<String> {
        let program = paths::bin_dir()?.join(controller);
        Ok(format!("{} --socket {}", program.display(), node.control_socket(daemon).display()))
    };
    let tools = [
        ("vtysh", format!("/usr/bin/vtysh --vty_socket /run/frr/{}", node.namespace().name())),
        ("birdc", format!("/usr/sbin/birdc -s {}", node.dir().join("bird.ctl").display())),
        ("ospfctl", ours("ospfctl", "ospfd")?),
        ("directorctl", ours("directorctl", "director")?),
    ];
    fs::create_dir_all(node.dir().join("bin"))?;
    for (name, command) in tools {
        let path = node.write_file(&format!("bin/{name}"), &format!("#!/bin/sh\nexec {command} \"$@\"\n"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

pub(super) fn shell(arguments: &ShellArguments) -> Result<ExitCode> {
    let up = current()?.context("nothing is up; `cargo lab up NAME` brings a topology up")?;
    let held = held(&up.run_dir)?;
    let nodes: Vec<&str> = held.nodes.keys().map(String::as_str).collect();
    let node = held.nodes.get(&arguments.node);
    let node =
        node.with_context(|| format!("no node {:?}; there are {}", arguments.node, nodes.join(", ")))?;
    let first = first_process(up.supervisor)?;
    let mut command = Command::new("nsenter");
    command.args([
        "--target",
        &first.to_string(),
        "--mount",
        "--pid",
        "ip",
        "netns",
        "exec",
        &node.namespace,
    ]);
    if arguments.command.is_empty() {
        command.args(["bash", "--norc", "-i"]).env("PS1", format!("{}:\\w# ", arguments.node));
    } else {
        command.args(&arguments.command);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", node.dir.join("bin").display()));
    Err(command.exec()).context("cannot start nsenter")
}

pub(super) fn down() -> Result<ExitCode> {
    let Some(up) = current()? else {
        println!("down: nothing is up");
        return Ok(ExitCode::SUCCESS);
    };
    kill(Pid::from_raw(up.supervisor), Signal::SIGKILL).context("cannot end the confinement")?;
    clock::until(DOWN_LIMIT, "the confinement has ended", || !is_ours(up.supervisor))?;
    fs::remove_file(state_file()?)?;
    println!("down: {} is gone; its logs stay in {}", up.topology, up.run_dir.display());
    Ok(ExitCode::SUCCESS)
}

fn state_file() -> Result<PathBuf> {
    Ok(paths::lab_dir()?.join("up.toml"))
}

/// What is up and still runs.
fn current() -> Result<Option<Up>> {
    let Ok(text) = fs::read_to_string(state_file()?) else { return Ok(None) };
    let up: Up = toml::from_str(&text).context("target/lab/up.toml is damaged; remove it")?;
    Ok(is_ours(up.supervisor).then_some(up))
}

/// The number may have been given to somebody else since: look at the command line.
fn is_ours(pid: i32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("\0inside\0")
}

/// The first process of the confinement, by its number out here.
fn first_process(supervisor: i32) -> Result<i32> {
    let path = format!("/proc/{supervisor}/task/{supervisor}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let first = children.split_whitespace().next().context("the confinement has ended")?;
    Ok(first.parse()?)
}

fn held(run_dir: &Path) -> Result<Held> {
    let text = fs::read_to_string(run_dir.join("held.toml")).context("the topology is not up yet")?;
    Ok(toml::from_str(&text)?)
}
