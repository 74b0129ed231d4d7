//! Changes under traffic on a real kernel: servers that come, leave and return, and hands that edit the table while the director runs.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use integration::clock::until;
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::Node;

/// An emulated processor is not hurried.
const PATIENCE: Duration = Duration::from_secs(30);
const TCP: &str = "192.0.2.10:80";
const UDP: &str = "192.0.2.10:53";

/// Direct routing on one LAN with two directors, either of which the client can use.
const TOPOLOGY: &str = r#"
about = "two directors between a client and three real servers, on one LAN"
needs = "ipvs"

[lan.wire]
ends = [
  { node = "client", interface = "eth0", addresses = ["10.2.0.100/24"] },
  { node = "d1", interface = "eth0", addresses = ["10.2.0.1/24"] },
  { node = "d2", interface = "eth0", addresses = ["10.2.0.2/24"] },
  { node = "a", interface = "eth0", addresses = ["10.2.0.11/24"] },
  { node = "b", interface = "eth0", addresses = ["10.2.0.12/24"] },
  { node = "c", interface = "eth0", addresses = ["10.2.0.13/24"] },
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

[node.c]
kind = "host"
ip = ["address add 192.0.2.10/32 dev lo"]
sysctl = { "net.ipv4.conf.all.arp_ignore" = "1", "net.ipv4.conf.all.arp_announce" = "2" }

[node.d1]
kind = "ours"
director = """
CONFIG"""

[node.d2]
kind = "ours"
director = """
CONFIG"""
"#;

const CONFIG: &str = r#"name = "d"
peers = ["other"]
state_dir = "{dir}/state"
vip_device = "vips"
resync = "500ms"
control.socket = "{dir}/director.sock"
ospfd.enabled = false
[service.web]
vip = "192.0.2.10"
port = 80
check = { type = "none" }
server.a.address = "10.2.0.11"
server.b.address = "10.2.0.12"
server.c.address = "10.2.0.13"
[service.names]
vip = "192.0.2.10"
port = 53
protocol = "udp"
check = { type = "none" }
server.a.address = "10.2.0.11"
server.b.address = "10.2.0.12"
server.c.address = "10.2.0.13"
"#;

const B: &str = "server.b.address = \"10.2.0.12\"\n";

fn start(label: &str) -> Lab {
    let topology = Topology::parse("two-directors-on-a-lan", &TOPOLOGY.replace("CONFIG", CONFIG)).unwrap();
    let lab = Lab::start(&topology, &Options::labelled(label).hold("d1").hold("d2")).unwrap();
    for server in ["a", "b", "c"] {
        serve(lab.node(server), server);
    }
    // The nodes' files are written when their daemons are first started.
    lab.node("d1").start_daemons().unwrap();
    programmed(lab.node("d1"), 3);
    lab
}

/// Answers whatever comes with its name: one letter.
fn serve(node: &Node, name: &'static str) {
    let listen = || (TcpListener::bind("0.0.0.0:80").unwrap(), UdpSocket::bind("192.0.2.10:53").unwrap());
    let (listener, socket) = node.in_namespace(listen).join().unwrap().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                let mut byte = [0];
                while from.read_exact(&mut byte).is_ok() && to.write_all(name.as_bytes()).is_ok() {}
            });
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 16];
        while let Ok((_, client)) = socket.recv_from(&mut bytes) {
            // A client that has left is none of our business.
            let _ = socket.send_to(name.as_bytes(), client);
        }
    });
}

/// Servers of the TCP service as the kernel lists them, newest first.
fn order(director: &Node) -> Vec<String> {
    let text = director.run(&["ipvsadm", "-Ln", "--nosort", "-t", TCP]).unwrap_or_default();
    let addresses = text.lines().filter_map(|line| line.trim().strip_prefix("-> 10.")?.split(':').next());
    addresses.map(|address| format!("10.{address}")).collect()
}

/// Waits until both services have so many servers, all in canonical order, and nothing is left to do.
fn programmed(director: &Node, servers: usize) {
    let canonical: Vec<_> = match servers {
        3 => vec!["10.2.0.13", "10.2.0.12", "10.2.0.11"],
        _ => vec!["10.2.0.13", "10.2.0.11"],
    };
    until(PATIENCE, "the servers stand in canonical order", || {
        order(director) == canonical
            && director.directorctl_json(&["plan"]).is_ok_and(|plan| plan == serde_json::json!([]))
    })
    .unwrap();
}

/// Changes the configuration, and takes it over.
fn reconfigure(director: &Node, change: impl Fn(&str) -> String) {
    let path = director.dir().join("director.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(&text)).unwrap();
    director.directorctl(&["reload"]).unwrap().ok().unwrap();
}

struct Client(TcpStream);

impl Client {
    fn connect(lab: &Lab) -> Self {
        let vip: SocketAddr = TCP.parse().unwrap();
        let connect = move || TcpStream::connect_timeout(&vip, Duration::from_secs(5)).unwrap();
        let stream = lab.node("client").in_namespace(connect).join().unwrap().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Who answers; nobody when the connection is broken.
    fn ask(&mut self) -> Option<char> {
        let mut answer = [0];
        self.0.write_all(b"?").ok()?;
        self.0.read_exact(&mut answer).ok()?;
        Some(answer[0].into())
    }
}

/// Which server each of the client's sockets meets through the director at this address.
fn picks(lab: &Lab, sockets: &[UdpSocket], director: &str) -> Vec<char> {
    lab.node("client").run(&["ip", "route", "replace", "192.0.2.10/32", "via", director]).unwrap();
    let pick = |socket: &UdpSocket| {
        let mut answer = [0];
        // The first datagram over a new route may be lost while the neighbour is looked up.
        (0..50)
            .find_map(|_| {
                socket.send_to(b"?", UDP).ok()?;
                socket.recv(&mut answer).ok().map(|_| char::from(answer[0]))
            })
            .expect("an answer")
    };
    sockets.iter().map(pick).collect()
}

fn sockets(lab: &Lab, first: u16) -> Vec<UdpSocket> {
    let bind =
        move || (first..first + 150).map(|port| UdpSocket::bind(("10.2.0.100", port)).unwrap()).collect();
    let sockets: Vec<UdpSocket> = lab.node("client").in_namespace(bind).join().unwrap().unwrap();
    for socket in &sockets {
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    }
    sockets
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn directors_pick_the_same_servers_also_when_one_came_later_or_left_and_returned() {
    let lab = start("order");
    let (d1, d2) = (lab.node("d1"), lab.node("d2"));
    reconfigure(d1, |text| text.replace(B, ""));
    programmed(d1, 2);
    let mut clients: Vec<Client> = (0..16).map(|_| Client::connect(&lab)).collect();
    let servers: Vec<_> = clients.iter_mut().map(Client::ask).collect();
    assert!(servers.contains(&Some('a')) && servers.contains(&Some('c')), "{servers:?}");

    // `b` belongs between the others: `c` is moved behind it.
    reconfigure(d1, |text| text.replace("server.c", &format!("{B}server.c")));
    programmed(d1, 3);
    let now: Vec<_> = clients.iter_mut().map(Client::ask).collect();
    assert_eq!(now, servers, "every connection goes on with its server");
    let expire = d1.run(&["sysctl", "-n", "net.ipv4.vs.expire_nodest_conn"]).unwrap();
    assert_eq!(expire.trim(), "1", "as it was before the move");

    // The other director starts with all of them.
    d2.start_daemons().unwrap();
    programmed(d2, 3);
    let flows = sockets(&lab, 20_000);
    let through_d1 = picks(&lab, &flows, "10.2.0.1");
    assert_eq!(picks(&lab, &flows, "10.2.0.2"), through_d1);
    for server in ['a', 'b', 'c'] {
        assert!(through_d1.contains(&server), "{server}: {through_d1:?}");
    }

    // It leaves one director and returns to it.
    reconfigure(d2, |text| text.replace(B, ""));
    programmed(d2, 2);
    reconfigure(d2, |text| text.replace("server.c", &format!("{B}server.c")));
    programmed(d2, 3);
    let flows = sockets(&lab, 30_000);
    assert_eq!(picks(&lab, &flows, "10.2.0.2"), picks(&lab, &flows, "10.2.0.1"));

    lab.node("client").run(&["ip", "route", "replace", "192.0.2.10/32", "via", "10.2.0.1"]).unwrap();
    let now: Vec<_> = clients.iter_mut().map(Client::ask).collect();
    assert_eq!(now, servers, "and nobody noticed");
}

/// Edits that leave known connections alone: traffic flows while they are made.
const GENTLE: [&str; 8] = [
    "-e -t 192.0.2.10:80 -r 10.2.0.11 -g -w 0",
    "-e -t 192.0.2.10:80 -r 10.2.0.12 -g -w 9 -x 5 -y 1",
    "-E -t 192.0.2.10:80 -s rr",
    "-E -t 192.0.2.10:80 -s wlc -p 60 -M 255.255.255.0",
    "-E -t 192.0.2.10:80 -s mh",
    "-a -t 192.0.2.10:80 -r 10.2.0.5 -g -w 0",
    "-A -t 192.0.2.77:80 -s lc",
    "--set 77 77 77",
];

/// Edits that take a kept server away for a moment: no packet may come before the repair.
const BRUTAL: [&str; 5] = [
    "-C",
    "-d -t 192.0.2.10:80 -r 10.2.0.11",
    "-d -t 192.0.2.10:80 -r 10.2.0.13",
    "-D -t 192.0.2.10:80",
    "-D -u 192.0.2.10:53",
];

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn random_edits_by_hand_are_repaired_and_no_connection_through_a_kept_server_breaks() {
    let lab = start("chaos");
    let director = lab.node("d1");
    reconfigure(director, |text| format!("{text}[ipvs.timeouts]\ntcp = \"10m\"\n"));
    programmed(director, 3);
    let mut clients: Vec<Client> = (0..16).map(|_| Client::connect(&lab)).collect();
    let servers: Vec<_> = clients.iter_mut().map(Client::ask).collect();
    assert!(servers.iter().all(Option::is_some), "{servers:?}");
    let table = |node: &Node| {
        let mut lines: Vec<String> =
            node.run(&["ipvsadm", "-Sn"]).unwrap().lines().map(|line| line.trim_end().to_owned()).collect();
        lines.retain(|line| !line.contains("192.0.2.77"));
        lines
    };
    let wanted = table(director);

    let mut chance = fastrand::Rng::with_seed(7);
    for round in 0..14 {
        let edits: &[&str] = if round % 2 == 0 { &GENTLE } else { &BRUTAL };
        let chosen: Vec<&str> = (0..4).filter_map(|_| chance.choice(edits)).copied().collect();
        for edit in &chosen {
            let argv: Vec<&str> = ["ipvsadm"].into_iter().chain(edit.split(' ')).collect();
            // One that was undone or made before is refused: that is as good.
            let _ = director.run(&argv);
            if round % 2 == 0 {
                let now: Vec<_> = clients.iter_mut().map(Client::ask).collect();
                assert_eq!(now, servers, "round {round}, in the middle of {chosen:?}");
            }
        }
        until(PATIENCE, "the table is repaired", || {
            table(director) == wanted
                && director.directorctl_json(&["plan"]).is_ok_and(|plan| plan == serde_json::json!([]))
        })
        .unwrap_or_else(|error| panic!("round {round}, {chosen:?}: {error}"));
        let now: Vec<_> = clients.iter_mut().map(Client::ask).collect();
        assert_eq!(now, servers, "round {round}, after {chosen:?}");
    }
    let timeouts = director.run(&["ipvsadm", "-L", "--timeout"]).unwrap();
    assert_eq!(timeouts.trim(), "Timeout (tcp tcpfin udp): 600 120 300");
    assert_eq!(order(director), ["10.2.0.13", "10.2.0.12", "10.2.0.11"]);
}
