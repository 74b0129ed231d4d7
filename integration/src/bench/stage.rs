//! The stage of the OSPF benches: ours, FRR and BIRD, each in a node of its own and beside a holder of its own, with
//! links enough, the same timers, and the same Router ID, so that all can be told the same.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use anyhow::{Result, bail};
use common::ids::RouterId;

use crate::lab::topology::{Software, Topology};
use crate::node::Node;
use crate::paths;
use crate::speaker::{DEAD_INTERVAL, End, HELLO_INTERVAL};

/// Who is measured, in the order in which they take their turns; also the names of their nodes.
pub(super) const SUBJECTS: [&str; 3] = ["ours", "frr", "bird"];
/// The Router ID of each of them: below those of all others, which makes those the masters of the exchange.
pub(super) const ROUTER_ID: RouterId = RouterId(0x0100_0001);

/// The node that a subject's links lead to.
pub(super) fn holder(subject: &str) -> String {
    format!("{subject}-holder")
}

/// The interface of end number `end`, the same at both sides.
pub(super) fn interface(end: u8) -> String {
    format!("end{end}")
}

/// The address of the holder's side of an end.
pub(super) const fn holder_address(end: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 200, end, 1)
}

/// The ends of a holder where a speaker is to speak as `routers`.
pub(super) fn ends(routers: impl IntoIterator<Item = RouterId>) -> Vec<End> {
    let end = |(end, router_id)| End { interface: interface(end), address: holder_address(end), router_id };
    (0..=u8::MAX).zip(routers).map(end).collect()
}

/// The subjects with `links` links each, to holders that run nothing.
///
/// # Errors
/// The topology does not hold together.
pub(super) fn topology(name: &str, links: u8) -> Result<Topology> {
    let mut text =
        format!("about = \"ours, FRR and BIRD, each beside a holder of its own\"\n{}", nodes(links));
    for subject in SUBJECTS {
        let holder = holder(subject);
        for end in 0..links {
            let (name, at) = (interface(end), holder_address(end));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "[link.{subject}-{end}]\nends = [\n  {{ node = \"{holder}\", interface = \"{name}\", addresses = \
                 [\"{at}/30\"] }},\n  {{ node = \"{subject}\", interface = \"{name}\", addresses = \
                 [\"10.200.{end}.2/30\"] }},\n]"
            );
        }
        let _ = writeln!(text, "[node.{holder}]\nkind = \"host\"");
    }
    Topology::parse(name, &text)
}

/// Leaves one subject and its holder.
pub(super) fn only(topology: &mut Topology, subject: &str) {
    let holder = holder(subject);
    topology.nodes.retain(|name, _| *name == subject || *name == holder);
    topology.links.retain(|_, link| link.ends.iter().any(|end| end.node == subject));
}

fn nodes(links: u8) -> String {
    let (hello, dead) = (HELLO_INTERVAL.as_secs(), DEAD_INTERVAL.as_secs());
    let router_id = Ipv4Addr::from_bits(ROUTER_ID.0);
    let (mut ours, mut frr, mut bird) = (String::new(), String::new(), String::new());
    for end in 0..links {
        let name = interface(end);
        let _ = writeln!(
            ours,
            "[interface.{name}]\ntype = \"point-to-point\"\nhello_interval = \"{hello}s\"\ndead_interval = \
             \"{dead}s\"\ncost = 10"
        );
        let _ = writeln!(
            frr,
            "interface {name}\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval \
             {hello}\n ip ospf dead-interval {dead}\n ip ospf cost 10"
        );
        let _ =
            writeln!(bird, "    interface \"{name}\" {{ type ptp; hello {hello}; dead {dead}; cost 10; }};");
    }
    format!(
        r#"
[vars]
extra_ours = ""
extra_frr = ""
extra_bird = ""
bird_ospf = "export none;"
bird_kernel = "export all;"

[node.ours]
kind = "ours"
ospfd = '''
router_id = "{router_id}"
control.socket = "{{dir}}/ospfd.sock"
routes.install = "all"
{ours}
{{extra_ours}}
'''

[node.frr]
kind = "frr"
sysctl = {{ "net.ipv4.igmp_max_memberships" = "100" }}
config = '''
{frr}
router ospf
 ospf router-id {router_id}
 maximum-paths 64
{{extra_frr}}
'''

[node.bird]
kind = "bird"
config = '''
router id {router_id};
log stderr all;
timeformat log iso long us;
{{extra_bird}}
protocol device {{}}
protocol kernel {{ merge paths on limit 64; ipv4 {{ {{bird_kernel}} }}; }}
protocol ospf v2 {{
  ecmp on limit 64;
  ipv4 {{ import all; {{bird_ospf}} }};
  area 0 {{
{bird}
  }};
}}
'''
"#
    )
}

/// Starts the daemons of a subject: of ours, the release build.
///
/// # Errors
/// They do not start.
pub(super) fn start(node: &Node) -> Result<()> {
    match node.software() {
        Software::Ours { .. } => start_release(node),
        Software::Frr { .. } | Software::Bird { .. } | Software::Host => node.start_daemons(),
    }
}

/// Starts the release build of `ospfd` with the node's configuration.
pub(super) fn start_release(node: &Node) -> Result<()> {
    let Software::Ours { ospfd: Some(config), .. } = node.software() else {
        bail!("{} is not ours", node.name())
    };
    let config = node.write_file("ospfd.toml", config)?;
    let program = paths::release_binary("ospfd")?;
    node.start_daemon("ospfd", &[program.as_os_str(), "--config".as_ref(), config.as_os_str()])
}

/// The processes of a subject that is running: all its routing daemons.
///
/// # Errors
/// One of them is not running.
pub(super) fn pids(node: &Node) -> Result<Vec<u32>> {
    let daemons: Vec<&str> = match node.software() {
        Software::Ours { .. } => vec!["ospfd"],
        Software::Frr { daemons, .. } => daemons.iter().map(String::as_str).collect(),
        Software::Bird { .. } => vec!["bird"],
        Software::Host => Vec::new(),
    };
    daemons.into_iter().map(|daemon| node.pid(daemon)).collect()
}
