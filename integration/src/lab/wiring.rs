//! Lays the links of a topology: veth pairs between nodes, bridges for broadcast networks, addresses, kernel parameters.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::namespace::Namespace;
use super::topology::{End, Segment, Topology};
use crate::node::Node;

/// Lays everything and returns the namespaces of the bridges.
pub(super) fn lay(
    topology: &Topology,
    nodes: &BTreeMap<String, Arc<Node>>,
    prefix: &str,
) -> Result<Vec<Namespace>> {
    let mut switches = Vec::new();
    let mut batch = String::new();
    for segment in topology.links.values() {
        if let [a, b] = segment.ends.as_slice() {
            add_veth(&mut batch, segment.mtu, &place_of(a, nodes), &place_of(b, nodes))?;
        }
    }
    for (name, segment) in &topology.lans {
        let switch = Namespace::new(&format!("{prefix}-{name}"))?;
        lay_ports(&mut batch, segment, nodes, switch.name())?;
        switches.push(switch);
    }
    run_batch(&batch)?;
    for (switch, segment) in switches.iter().zip(topology.lans.values()) {
        start_bridge(switch, segment)?;
    }
    for (name, spec) in &topology.nodes {
        if let Some(node) = nodes.get(name) {
            // Forwarding and the like must stand before addresses do; what names an interface needs the interface.
            for (parameter, value) in &spec.sysctl {
                node.set_sysctl(parameter, value)?;
            }
            node.ip_batch(&node_lines(topology, name, &spec.ip))?;
        }
    }
    Ok(switches)
}

/// Namespace and interface name.
type Place<'a> = (&'a str, &'a str);

fn place_of<'a>(end: &'a End, nodes: &'a BTreeMap<String, Arc<Node>>) -> Place<'a> {
    (nodes.get(&end.node).map_or("", |node| node.namespace().name()), &end.interface)
}

fn add_veth(batch: &mut String, mtu: u32, a: &Place<'_>, b: &Place<'_>) -> Result<()> {
    writeln!(
        batch,
        "link add {} netns {} mtu {mtu} type veth peer name {} netns {} mtu {mtu}",
        a.1, a.0, b.1, b.0
    )?;
    Ok(())
}

fn lay_ports(
    batch: &mut String,
    segment: &Segment,
    nodes: &BTreeMap<String, Arc<Node>>,
    switch: &str,
) -> Result<()> {
    for (number, end) in segment.ends.iter().enumerate() {
        add_veth(batch, segment.mtu, &(switch, &format!("port{number}")), &place_of(end, nodes))?;
    }
    Ok(())
}

/// A bridge that forwards at once and floods multicast: no spanning tree, no snooping, as a dumb switch does.
fn start_bridge(switch: &Namespace, segment: &Segment) -> Result<()> {
    let mut lines = vec![
        "link add bridge type bridge mcast_snooping 0 stp_state 0".to_owned(),
        "link set bridge up".to_owned(),
    ];
    lines.extend((0..segment.ends.len()).map(|number| format!("link set port{number} master bridge up")));
    let text = lines.join("\n") + "\n";
    switch.enter(|| run_batch(&text))?
}

fn node_lines(topology: &Topology, node: &str, extra: &[String]) -> Vec<String> {
    let mut lines = vec!["link set lo up".to_owned()];
    for segment in topology.links.values().chain(topology.lans.values()) {
        for end in segment.ends.iter().filter(|end| end.node == node) {
            lines.extend(
                end.addresses.iter().map(|address| format!("addr add {address} dev {}", end.interface)),
            );
            lines.push(format!("link set {} up", end.interface));
        }
    }
    lines.extend_from_slice(extra);
    lines
}

fn run_batch(text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), text)?;
    let output = Command::new("ip").arg("-batch").arg(file.path()).output().context("cannot run ip")?;
    ensure!(output.status.success(), "ip -batch: {}\n{text}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
