//! Topologies as they are written: TOML under `integration/topologies/`.
//!
//! A `[node.NAME]` is a network namespace and what runs in it; a `[link.NAME]` joins two nodes by a veth pair; a
//! `[lan.NAME]` joins any number by a bridge. Daemon configurations are literal text in which `{dir}` stands for
//! the node's own directory (short, on a tmpfs: the place for sockets), `{node}` for its name, and `{NAME}` for each
//! entry of `[vars]`, which a test may set otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use ipnetwork::IpNetwork;
use serde::Deserialize;

use crate::paths;

/// Longest interface name that Linux takes.
const MAX_INTERFACE_NAME: usize = 15;

/// A topology that holds together: every link ends at a node, no interface is named twice.
#[derive(Clone, Debug)]
pub struct Topology {
    /// What it is called.
    pub name: String,
    /// What it shows, in one line.
    pub about: String,
    /// The kernel that it needs.
    pub needs: Needs,
    /// Values for `{NAME}` in the daemons' configurations.
    pub vars: BTreeMap<String, String>,
    /// Nodes by name.
    pub nodes: BTreeMap<String, NodeSpec>,
    /// Point-to-point links by name: two ends each.
    pub links: BTreeMap<String, Segment>,
    /// Broadcast networks by name.
    pub lans: BTreeMap<String, Segment>,
}

/// The kernel that a piece of work needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needs {
    /// Network namespaces, veth and bridges: any kernel.
    #[default]
    Namespaces,
    /// IPVS and dummy devices: the running kernel if it has them, else the guest.
    Ipvs,
}

/// A node: what runs in it, and how its kernel is set up.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// What runs in it.
    pub software: Software,
    /// Kernel parameters, dotted as for sysctl(8).
    pub sysctl: BTreeMap<String, String>,
    /// Lines for `ip -batch`, once links and addresses are there.
    pub ip: Vec<String>,
}

/// What runs in a node.
#[derive(Clone, Debug)]
pub enum Software {
    /// FRR: its whole configuration as in `frr.conf`, and the daemons to run.
    Frr {
        /// `frr.conf`.
        config: String,
        /// `zebra`, `ospfd`, ...
        daemons: Vec<String>,
    },
    /// BIRD: its configuration as in `bird.conf`.
    Bird {
        /// `bird.conf`.
        config: String,
    },
    /// Our daemons: those that have a configuration.
    Ours {
        /// `ospfd.toml`.
        ospfd: Option<String>,
        /// `director.toml`.
        director: Option<String>,
    },
    /// No daemon.
    Host,
}

/// A veth pair or a bridge.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Who is on it.
    pub ends: Vec<End>,
    /// MTU of every end, in bytes.
    #[serde(default = "default_mtu")]
    pub mtu: u32,
}

/// One interface on a segment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The node.
    pub node: String,
    /// The interface's name in it.
    pub interface: String,
    /// Addresses with prefix length.
    #[serde(default)]
    pub addresses: Vec<IpNetwork>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTopology {
    about: String,
    #[serde(default)]
    needs: Needs,
    #[serde(default)]
    vars: BTreeMap<String, String>,
    #[serde(default)]
    node: BTreeMap<String, RawNode>,
    #[serde(default)]
    link: BTreeMap<String, Segment>,
    #[serde(default)]
    lan: BTreeMap<String, Segment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    kind: RawKind,
    config: Option<String>,
    daemons: Option<Vec<String>>,
    ospfd: Option<String>,
    director: Option<String>,
    #[serde(default)]
    sysctl: BTreeMap<String, String>,
    #[serde(default)]
    ip: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    Frr,
    Bird,
    Ours,
    Host,
}

fn default_mtu() -> u32 {
    1500
}

impl Topology {
    /// Reads `integration/topologies/<name>.toml`.
    ///
    /// # Errors
    /// There is none of that name, or it does not hold together.
    pub fn named(name: &str) -> Result<Self> {
        let path = paths::topologies().join(format!("{name}.toml"));
        let text = fs::read_to_string(&path)
            .with_context(|| format!("no topology {name:?}; `cargo lab list` shows those there are"))?;
        Self::parse(name, &text).with_context(|| format!("in {}", path.display()))
    }

    /// Names of all topologies, in order.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn all_names() -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(paths::topologies()).context("cannot read the topologies")? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Reads a topology from its text.
    ///
    /// # Errors
    /// It is not a topology, or does not hold together.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let raw: RawTopology = toml::from_str(text)?;
        let mut nodes = BTreeMap::new();
        for (node, spec) in raw.node {
            let spec = NodeSpec::try_from(spec).with_context(|| format!("node {node:?}"))?;
            nodes.insert(node, spec);
        }
        let topology = Self {
            name: name.to_owned(),
            about: raw.about,
            needs: raw.needs,
            vars: raw.vars,
            nodes,
            links: raw.link,
            lans: raw.lan,
        };
        topology.check()?;
        Ok(topology)
    }

    /// Sets one of `[vars]`.
    ///
    /// # Panics
    /// The topology declares no such variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        let slot = self.vars.get_mut(variable);
        *slot.unwrap_or_else(|| panic!("the topology {:?} has no variable {variable:?}", self.name)) =
            value.to_owned();
        self
    }

    /// The node's text with its `{...}` filled in.
    pub(crate) fn fill(&self, text: &str, node: &str, dir: &str) -> String {
        let mut filled = text.replace("{dir}", dir).replace("{node}", node);
        for (name, value) in &self.vars {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    fn check(&self) -> Result<()> {
        let mut interfaces = BTreeSet::new();
        for (name, segment) in self.links.iter().chain(&self.lans) {
            for end in &segment.ends {
                ensure!(
                    self.nodes.contains_key(&end.node),
                    "{name:?} ends at {:?}, which is no node",
                    end.node
                );
                ensure!(
                    end.interface.len() <= MAX_INTERFACE_NAME,
                    "the interface name {:?} is too long",
                    end.interface
                );
                let is_new = interfaces.insert((&end.node, &end.interface));
                ensure!(is_new, "node {:?} has two interfaces named {:?}", end.node, end.interface);
            }
        }
        for (name, link) in &self.links {
            ensure!(
                link.ends.len() == 2,
                "link {name:?} has {} ends; more than two make a [lan.{name}]",
                link.ends.len()
            );
        }
        Ok(())
    }
}

impl TryFrom<RawNode> for NodeSpec {
    type Error = anyhow::Error;

    fn try_from(raw: RawNode) -> Result<Self> {
        let ours = raw.ospfd.is_some() || raw.director.is_some();
        let software = match (raw.kind, raw.config) {
            (RawKind::Frr, Some(config)) if !ours => {
                let daemons = raw.daemons.unwrap_or_else(|| vec!["zebra".to_owned(), "ospfd".to_owned()]);
                Software::Frr { config, daemons }
            }
            (RawKind::Bird, Some(config)) if !ours => Software::Bird { config },
            (RawKind::Ours, None) if ours => Software::Ours { ospfd: raw.ospfd, director: raw.director },
            (RawKind::Host, None) if !ours => Software::Host,
            (RawKind::Frr | RawKind::Bird, _) => {
                bail!("it takes `config`, and neither `ospfd` nor `director`")
            }
            (RawKind::Ours, _) => bail!("it takes `ospfd`, `director` or both, and no `config`"),
            (RawKind::Host, _) => bail!("it takes no configuration of a daemon"),
        };
        Ok(Self { software, sysctl: raw.sysctl, ip: raw.ip })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topology_in_the_directory_holds_together() {
        let names = Topology::all_names().unwrap();
        assert!(!names.is_empty());
        for name in names {
            let topology = Topology::named(&name).unwrap();
            assert!(!topology.nodes.is_empty(), "{name} has no nodes");
        }
    }

    #[test]
    fn a_link_to_nowhere_is_refused_by_name() {
        let text = "about = 'x'\n[node.a]\nkind = 'host'\n[link.l]\nends = [{ node = 'a', interface = 'e' }, { node = 'b', interface = 'e' }]";
        let error = Topology::parse("x", text).unwrap_err();
        assert_eq!(error.to_string(), "\"l\" ends at \"b\", which is no node");
    }

    #[test]
    fn a_host_with_a_daemon_configuration_is_refused() {
        let error = Topology::parse("x", "about = 'x'\n[node.a]\nkind = 'host'\nospfd = ''").unwrap_err();
        assert!(format!("{error:#}").contains("it takes no configuration of a daemon"), "{error:#}");
    }

    #[test]
    fn variables_are_filled_in_and_can_be_set() {
        let topology =
            Topology::parse("x", "about = 'x'\n[vars]\npriority = '1'").unwrap().with("priority", "7");
        assert_eq!(
            topology.fill("{node} {dir}/s {priority} {other}", "d1", "/run/lab/1/d1"),
            "d1 /run/lab/1/d1/s 7 {other}"
        );
    }
}
