//! `director` and `ospfd` together on a real kernel: restarts, repairs, reloads, the death of servers, and what is
//! advertised meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::control::frame::Client;
use common::control::ospf::{LeaseView, Request, Response};
use integration::lab::topology::Topology;
use integration::lab::{Lab, Options};
use integration::node::Node;
use integration::observe::clock::Clock;
use integration::observe::fib::Watcher;
use integration::{clock, paths};
use nix::sys::signal::Signal;

const SOON: Duration = Duration::from_secs(30);
/// Between two looks at the router's table, should netlink have lost a message.
const WATCH: Duration = Duration::from_millis(200);
const VIP: &str = "192.0.2.10";

/// What turns the topology's lone director into one behind an FRR router.
const UPSTREAM: &str = r#"
[link.up]
ends = [
  { node = "upstream", interface = "d1", addresses = ["10.1.1.1/30"] },
  { node = "d1", interface = "uplink", addresses = ["10.1.1.2/30"] },
]

[node.upstream]
kind = "frr"
config = """
interface d1
 ip ospf area 0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 3
router ospf
 ospf router-id 10.1.1.1
"""
"#;

/// A director that serves: its VIP is advertised, and both servers are used.
struct Stage {
    lab: Lab,
}

impl Stage {
    fn serving(label: &str) -> Self {
        Self::of(label, &Topology::named("one-director").unwrap())
    }

    /// The same with a real router that hears the director, and a lease that lapses soon.
    fn behind_frr(label: &str) -> Self {
        let text = include_str!("../topologies/one-director.toml");
        let hello = "[interface.uplink]\nhello_interval = \"1s\"\ndead_interval = \"3s\"";
        let text = text.replace("[interface.net]", hello).replace("\"30s\"", "\"3s\"");
        let stage = Self::of(label, &Topology::parse("behind-frr", &format!("{text}{UPSTREAM}")).unwrap());
        clock::until(SOON, "the router has a route to the VIP", || stage.next_hops() == 1).unwrap();
        stage
    }

    fn of(label: &str, topology: &Topology) -> Self {
        let lab = Lab::start(topology, &Options::labelled(label)).unwrap();
        let stage = Self { lab };
        stage.revive("a");
        stage.revive("b");
        clock::until(SOON, "both servers are used and the VIP is advertised", || {
            stage.weights() == [1, 1] && stage.is_advertised()
        })
        .unwrap();
        stage
    }

    fn director(&self) -> &Arc<Node> {
        self.lab.node("d1")
    }

    fn revive(&self, server: &str) {
        let lab = paths::binary("lab").unwrap();
        let argv = [&lab.to_string_lossy(), "serve", "--name", server, "--listen", "0.0.0.0:80"];
        self.lab.node(server).start_daemon("serve", &argv).unwrap();
    }

    fn kill(&self, server: &str) {
        self.lab.node(server).signal("serve", Signal::SIGKILL).unwrap();
    }

    /// The rules, as `ipvsadm -R` would take them.
    fn rules(&self) -> String {
        self.director().run(&["ipvsadm", "-Sn"]).unwrap()
    }

    /// Weights of the VIP's servers in order of their addresses; empty when they are not in the table.
    fn weights(&self) -> Vec<u32> {
        let rules = self.rules();
        let mut weights: Vec<(&str, u32)> = rules
            .lines()
            .filter(|line| line.starts_with(&format!("-a -t {VIP}:80 ")))
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let after = |word: &str| Some(*words.get(words.iter().position(|it| *it == word)? + 1)?);
                Some((after("-r")?, after("-w")?.parse().ok()?))
            })
            .collect();
        weights.sort_unstable();
        weights.into_iter().map(|(_, weight)| weight).collect()
    }

    /// The connections of the kernel's table, without what time changes.
    fn connections(&self) -> Vec<String> {
        let table = self.director().run(&["ipvsadm", "-Lnc"]).unwrap();
        let mut rows: Vec<String> = table
            .lines()
            .filter(|line| line.contains("ESTABLISHED"))
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                // pro, (expire), state, source, virtual, destination
                [&words[..1], &words[2..]].concat().join(" ")
            })
            .collect();
        rows.sort();
        rows
    }

    fn is_advertised(&self) -> bool {
        let rows = self.director().ospfctl_json(&["show", "advertised"]).unwrap();
        rows.to_string().contains(&format!("{VIP}/32"))
    }

    fn status(&self) -> serde_json::Value {
        self.director().directorctl_json(&["status"]).unwrap()
    }

    /// The lease as `ospfd` holds it. Its generation counts the changes of the set.
    fn lease(&self) -> LeaseView {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = self.director().control_socket("ospfd");
        let answer = runtime.block_on(async {
            let mut client = Client::connect(&socket).await.unwrap();
            client.call::<_, Response>(&Request::LeaseRenew { name: "director".into() }).await.unwrap()
        });
        match answer {
            Response::Lease(view) => view,
            other => panic!("no lease: {other:?}"),
        }
    }

    /// Next hops to the VIP in the router's kernel.
    fn next_hops(&self) -> usize {
        self.lab.node("upstream").next_hops(VIP).unwrap().len()
    }

    /// A long-lived connection of the client to the VIP.
    fn connect(&self) -> TcpStream {
        let stream = self
            .lab
            .node("client")
            .namespace()
            .enter(|| TcpStream::connect_timeout(&format!("{VIP}:80").parse().unwrap(), SOON))
            .unwrap()
            .unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }
}

/// Asks over a connection that stays open; gives the name of the server that answers.
fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = String::new();
    let mut buffer = [0; 1024];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "the connection was closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        if let Some((_, body)) = answer.split_once("\r\n\r\n")
            && !body.is_empty()
        {
            return body.to_owned();
        }
    }
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn kill_9_and_a_restart_leave_connections_tables_and_the_advertisement_untouched() {
    let stage = Stage::serving("restart");
    let mut connections: Vec<TcpStream> = (0..8).map(|_| stage.connect()).collect();
    let servers: Vec<String> = connections.iter_mut().map(ask).collect();
    let (rules, table, lease) = (stage.rules(), stage.connections(), stage.lease());
    assert_eq!(table.len(), connections.len(), "{table:?}");

    stage.director().signal("director", Signal::SIGKILL).unwrap();
    clock::until(SOON, "director is dead", || !stage.director().is_running("director")).unwrap();
    assert_eq!(stage.rules(), rules);
    assert!(stage.is_advertised(), "the lease outlives the process");

    stage.director().start_ours("director").unwrap();
    clock::until(SOON, "the first check round is over", || {
        let status = stage.status();
        status["services"][0]["servers"].as_array().unwrap().iter().all(|server| server["health"] == "up")
    })
    .unwrap();
    assert_eq!(stage.rules(), rules);
    assert_eq!(stage.connections(), table);
    assert_eq!(stage.lease().generation, lease.generation, "the set never changed");
    let again: Vec<String> = connections.iter_mut().map(ask).collect();
    assert_eq!(again, servers, "every connection goes on with its server");
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn a_flush_by_hand_is_repaired_and_what_others_made_is_left_alone() {
    let stage = Stage::serving("repair");
    let (rules, lease) = (stage.rules(), stage.lease());
    let flushed = clock::now();
    stage.director().run(&["ipvsadm", "-C"]).unwrap();
    clock::until(SOON, "the table is as it was", || stage.rules() == rules).unwrap();
    println!("repaired after {:?}", flushed.elapsed());
    assert_eq!(stage.lease().generation, lease.generation, "repaired before it was withdrawn");
    assert_eq!(ask(&mut stage.connect()).len(), 1, "and it serves");

    stage.director().run(&["ipvsadm", "-A", "-t", "10.9.9.9:99", "-s", "rr"]).unwrap();
    stage
        .director()
        .run(&["ipvsadm", "-e", "-t", "192.0.2.10:80", "-r", "10.2.0.11:80", "-g", "-w", "7"])
        .unwrap();
    clock::until(SOON, "the weight is as configured again", || stage.weights() == [1, 1]).unwrap();
    assert!(stage.rules().contains("-A -t 10.9.9.9:99 -s rr"), "{}", stage.rules());
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn a_bad_reload_keeps_the_old_configuration_and_a_good_one_is_taken() {
    let stage = Stage::serving("reload");
    let director = stage.director();
    let path = director.dir().join("director.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let (rules, status) = (stage.rules(), stage.status());

    director.write_file("director.toml", &good.replace("port = 80", "prot = 80")).unwrap();
    let refused = director.directorctl(&["reload"]).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("director.toml:14:1"), "{}", refused.stderr);
    assert!(refused.stderr.contains("did you mean `port`?"), "{}", refused.stderr);
    director.signal("director", Signal::SIGHUP).unwrap();
    // Answered after the signal was: requests and signals go through one loop.
    assert_eq!(stage.status()["services"][0]["service"], status["services"][0]["service"]);
    assert_eq!(stage.rules(), rules);
    assert!(stage.is_advertised());

    let weighted = good.replace("b.address = \"10.2.0.12\"", "b = { address = \"10.2.0.12\", weight = 5 }");
    director.write_file("director.toml", &weighted).unwrap();
    director.directorctl(&["reload"]).unwrap().ok().unwrap();
    clock::until(SOON, "the new weight is programmed", || stage.weights() == [1, 5]).unwrap();
    assert_eq!(director.directorctl_json(&["plan"]).unwrap(), serde_json::json!([]));
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn dead_servers_get_weight_0_and_the_last_one_takes_the_vip_with_it() {
    let stage = Stage::serving("death");
    stage.kill("a");
    clock::until(SOON, "the dead server has weight 0", || stage.weights() == [0, 1]).unwrap();
    assert!(stage.is_advertised());
    assert_eq!(ask(&mut stage.connect()), "b");

    stage.kill("b");
    clock::until(SOON, "the VIP is withdrawn", || !stage.is_advertised()).unwrap();
    clock::until(SOON, "both have weight 0", || stage.weights() == [0, 0]).unwrap();
    let status = stage.status();
    assert_eq!(status["vips"][0]["state"], "withdrawn");
    assert_eq!(status["vips"][0]["reason"], "service web has 0 usable servers, and 1 must be");
    assert_eq!(status["services"][0]["servers"][0]["health"], "down");

    stage.revive("b");
    clock::until(SOON, "the VIP is back", || stage.is_advertised()).unwrap();
    assert_eq!(stage.weights(), [0, 1]);
    stage.director().directorctl(&["drain"]).unwrap().ok().unwrap();
    clock::until(SOON, "it is advertised at the drain metric", || {
        stage.lease().advertisements.iter().all(|one| one.metric == u16::MAX)
    })
    .unwrap();
    stage.director().signal("director", Signal::SIGTERM).unwrap();
    clock::until(SOON, "a clean stop withdraws", || !stage.is_advertised()).unwrap();
    assert_eq!(stage.weights(), [0, 1], "and leaves the table");
}

#[test]
#[ignore = "needs IPVS: cargo lab test"]
fn a_frozen_director_is_withdrawn_from_the_router_and_a_killed_one_that_returns_in_time_is_not() {
    let stage = Stage::behind_frr("frozen");
    let (director, upstream) = (stage.director(), stage.lab.node("upstream"));
    let watched =
        Watcher::start(Clock::start(), VIP.parse().unwrap(), WATCH, upstream.namespace().door()).unwrap();

    director.signal("director", Signal::SIGKILL).unwrap();
    clock::until(SOON, "director is dead", || !director.is_running("director")).unwrap();
    director.start_ours("director").unwrap();
    clock::until(SOON, "the new director holds the lease", || {
        stage.status()["vips"][0]["state"] == "advertised"
    })
    .unwrap();
    assert_eq!(stage.next_hops(), 1);
    assert_eq!(watched.changes().len(), 1, "seen once, and never gone: {:?}", watched.changes());

    director.signal("director", Signal::SIGSTOP).unwrap();
    clock::until(SOON, "silence withdraws the route", || stage.next_hops() == 0).unwrap();
    director.signal("director", Signal::SIGCONT).unwrap();
    clock::until(SOON, "the route is back", || stage.next_hops() == 1).unwrap();
}
