//! The director daemon on a real kernel: what it programs, what it repairs, and what it leaves alone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::Node;
use nix::sys::signal::Signal;

/// An emulated processor is not hurried.
const PATIENCE: Duration = Duration::from_secs(30);
const VIP: &str = "192.0.2.10:80";

/// Direct routing on one LAN: the client reaches the VIP through the director, and the servers answer it directly.
const TOPOLOGY: &str = r#"
about = "one director between a client and two real servers"
needs = "ipvs"

[lan.wire]
ends = [
  { node = "client", interface = "eth0", addresses = ["10.2.0.100/24"] },
  { node = "d1", interface = "eth0", addresses = ["10.2.0.1/24"] },
  { node = "a", interface = "eth0", addresses = ["10.2.0.11/24"] },
  { node = "b", interface = "eth0", addresses = ["10.2.0.12/24"] },
]

[node.client]
kind = "host"
ip = ["route add 192.0.2.10/32 via 10.2.0.1"]

[node.a]
kind = "host"
ip = ["address add 192.0.2.10/32 dev lo"]
sysctl = { "net.ipv4.conf.all.arp_ignore" = "1", "net.ipv4.conf.all.arp_announce" = "2" }

[node.b]
kind = "host"
ip = ["address add 192.0.2.10/32 dev lo"]
sysctl = { "net.ipv4.conf.all.arp_ignore" = "1", "net.ipv4.conf.all.arp_announce" = "2" }

[node.d1]
kind = "ours"
director = """
name = "d1"
peers = ["d2"]
state_dir = "{dir}/state"
vip_device = "vips"
resync = "500ms"
control.socket = "{dir}/director.sock"
ospfd.enabled = false

[service.web]
vip = "192.0.2.10"
port = 80
forward = "dr"

[service.web.check]
type = "tcp"
interval = "200ms"
timeout = "200ms"
fall = 2

[service.web.server]
a = { address = "10.2.0.11", weight = 2 }
b = { address = "10.2.0.12" }

[service.names]
vip = "192.0.2.10"
port = 53
protocol = "udp"
forward = "tunnel"
scheduler = "wrr"
check = { type = "none" }
server.a.address = "10.2.0.11"
"""
"#;

const LISTING: &str = "\
TCP  192.0.2.10:80 mh (mh-fallback,mh-port)
  -> 10.2.0.11:80                 Route   2      0          0
  -> 10.2.0.12:80                 Route   1      0          0
UDP  192.0.2.10:53 wrr
  -> 10.2.0.11:53                 Tunnel  1      0          0";

/// The lab with echo servers on both real servers, and the director running.
fn start(label: &str) -> Lab {
    let topology = Topology::parse("one-director", TOPOLOGY).unwrap();
    let lab = Lab::start(&topology, &Options::labelled(label).hold("d1")).unwrap();
    for server in ["a", "b"] {
        echo(lab.node(server));
    }
    lab.node("d1").start_daemons().unwrap();
    lab
}

/// Answers every connection with what it says, until the process ends.
fn echo(node: &Node) {
    let listen = || TcpListener::bind("0.0.0.0:80").unwrap();
    let listener = node.in_namespace(listen).join().unwrap().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                std::io::copy(&mut from, &mut to)
            });
        }
    });
}

/// A connection from the client to the VIP, that has been answered.
fn connect(lab: &Lab) -> TcpStream {
    let vip: SocketAddr = VIP.parse().unwrap();
    let connect = move || TcpStream::connect_timeout(&vip, Duration::from_secs(5)).unwrap();
    let stream = lab.node("client").in_namespace(connect).join().unwrap().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn is_answered(stream: &mut TcpStream, word: [u8; 4]) -> bool {
    let mut answer = [0; 4];
    stream.write_all(&word).is_ok() && stream.read_exact(&mut answer).is_ok() && answer == word
}

/// The table without its header and without connection counts that come and go.
fn listing(node: &Node) -> Vec<String> {
    let text = node.run(&["ipvsadm", "-Ln"]).unwrap();
    text.lines().skip(3).map(|line| line.trim_end().to_owned()).collect()
}

fn programmed(lab: &Lab) {
    let expected: Vec<_> = LISTING.lines().collect();
    until(PATIENCE, "the table is as configured", || listing(lab.node("d1")) == expected).unwrap();
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn the_table_equals_what_ipvsadm_lists_and_the_vip_follows() {
    let lab = start("table");
    programmed(&lab);
    let director = lab.node("d1");
    let has_vip = || {
        director
            .run(&["ip", "-o", "addr", "show", "dev", "vips"])
            .is_ok_and(|text| text.contains("192.0.2.10/32"))
    };
    until(PATIENCE, "the VIP is on the device", has_vip).unwrap();
    assert!(is_answered(&mut connect(&lab), *b"ping"));
    assert_eq!(director.run(&["sysctl", "-n", "net.ipv4.vs.sloppy_tcp"]).unwrap().trim(), "1");
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn a_kill_and_a_restart_leave_connections_and_table_untouched() {
    let lab = start("kill");
    programmed(&lab);
    let director = lab.node("d1");
    let mut streams: Vec<TcpStream> = (0..8).map(|_| connect(&lab)).collect();
    assert!(streams.iter_mut().all(|stream| is_answered(stream, *b"one.")));
    // The counters of a row that was made anew would start from zero.
    let connections = || -> Vec<String> {
        let text = director.run(&["ipvsadm", "-Ln", "--stats", "--exact"]).unwrap();
        let rows =
            text.lines().skip(3).map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "));
        rows.collect()
    };
    // The kernel sums them up every two seconds.
    until(PATIENCE, "the connections are counted", || connections()[0] == "TCP 192.0.2.10:80 8").unwrap();
    let before = (director.run(&["ipvsadm", "-Sn"]).unwrap(), connections());

    director.signal("director", Signal::SIGKILL).unwrap();
    director.wait("director", PATIENCE).unwrap();
    assert!(streams.iter_mut().all(|stream| is_answered(stream, *b"two.")), "without a director");
    director.start_ours("director").unwrap();
    let is_settled = || {
        let status = director.directorctl_json(&["plan"]);
        status.is_ok()
            && director
                .run(&["ip", "addr", "show", "dev", "vips"])
                .is_ok_and(|text| text.contains("192.0.2.10"))
    };
    until(PATIENCE, "the director works again", is_settled).unwrap();
    for round in 0..5_u8 {
        assert!(streams.iter_mut().all(|stream| is_answered(stream, [b'r', b'n', b'd', b'0' + round])));
        assert_eq!((director.run(&["ipvsadm", "-Sn"]).unwrap(), connections()), before, "round {round}");
        thread::yield_now();
    }
    assert!(is_answered(&mut connect(&lab), *b"new."));
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn what_is_damaged_by_hand_is_repaired_and_what_is_foreign_stays() {
    let lab = start("damage");
    programmed(&lab);
    let director = lab.node("d1");
    for damage in [
        vec!["-C"],
        vec!["-d", "-t", VIP, "-r", "10.2.0.12:80"],
        vec!["-E", "-t", VIP, "-s", "rr", "-p", "60"],
        vec!["-a", "-t", VIP, "-r", "10.2.0.99", "-m"],
        vec!["-D", "-u", "192.0.2.10:53"],
    ] {
        director.run(&[vec!["ipvsadm"], damage].concat()).unwrap();
        programmed(&lab);
    }
    director.run(&["ipvsadm", "-A", "-t", "198.51.100.1:80", "-s", "lc"]).unwrap();
    director.run(&["ipvsadm", "-D", "-u", "192.0.2.10:53"]).unwrap();
    let foreign = "TCP  198.51.100.1:80 lc".to_owned();
    let both = || {
        let lines = listing(director);
        lines.contains(&foreign) && LISTING.lines().all(|line| lines.contains(&line.to_owned()))
    };
    until(PATIENCE, "ours is repaired beside the foreign one", both).unwrap();
}
