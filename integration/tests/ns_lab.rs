//! The lab itself: what it lays is there, and what it ends is gone.

use std::net::TcpListener;
use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::LinkSetting;

const TWO_HOSTS: &str = r#"
about = "two hosts on a bridge"
[node.a]
kind = "host"
sysctl = { "net.ipv4.ip_forward" = "1" }
[node.b]
kind = "host"
[lan.wire]
ends = [
  { node = "a", interface = "eth0", addresses = ["192.0.2.1/24"] },
  { node = "b", interface = "eth0", addresses = ["192.0.2.2/24"] },
]
"#;

fn two_hosts(label: &str) -> Lab {
    Lab::start(&Topology::parse("two-hosts", TWO_HOSTS).unwrap(), &Options::labelled(label)).unwrap()
}

fn reaches(lab: &Lab) -> bool {
    lab.node("a").exec(&["ping", "-n", "-q", "-c", "1", "-W", "1", "192.0.2.2"]).unwrap().status.success()
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn hosts_on_a_bridge_reach_each_other_until_a_link_goes_down() {
    let lab = two_hosts("bridge");
    until(Duration::from_secs(10), "a reaches b", || reaches(&lab)).unwrap();
    lab.node("b").set_link("eth0", LinkSetting::Down).unwrap();
    until(Duration::from_secs(10), "a does not reach b", || !reaches(&lab)).unwrap();
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_socket_made_in_a_node_belongs_to_the_node() {
    let lab = two_hosts("socket");
    let bind = || TcpListener::bind("192.0.2.1:80").map(|listener| listener.local_addr().unwrap());
    let inside = lab.node("a").in_namespace(bind).join().unwrap().unwrap();
    assert_eq!(inside.unwrap().to_string(), "192.0.2.1:80");
    assert!(bind().is_err(), "the address must exist inside only");
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn processes_and_names_end_with_the_lab() {
    let lab = two_hosts("end");
    let node = lab.node("a");
    node.start_daemon("sleeper", &["sleep", "1000"]).unwrap();
    let pid = node.pid("sleeper").unwrap();
    let name = node.namespace().name().to_owned();
    assert!(node.is_running("sleeper"));
    drop(lab);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert!(!std::path::Path::new("/run/netns").join(name).exists());
}

#[test]
#[ignore = "needs namespaces: cargo lab test"]
fn a_command_that_fails_says_where_and_why() {
    let lab = two_hosts("failure");
    let error = lab.node("a").run(&["ip", "link", "set", "nowhere", "up"]).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.starts_with("a: `ip link set nowhere up`: ") && text.contains("Cannot find device"),
        "{text}"
    );
}
