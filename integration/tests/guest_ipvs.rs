//! The director's hands on a real kernel: the IPVS table, the VIP device and the sysctls.
//!
//! Each test has a network namespace of its own. All need root and a kernel with IPVS: `cargo lab test` finds one.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use director::core::agent::Applied;
use director::core::desired::{Desired, desired};
use director::core::plan::{Op, Owned, plan};
use director::core::seats::take_seats;
use director::ipvs::Handle;
use director::model::{
    CheckKind, CheckSpec, Config, Encapsulation, Forward, RealServer, Scheduler, SchedulerKind, ServerEntry,
    Service, ServiceEntry, ServiceKey, Thresholds,
};
use director::runtime::announcer::Announcer;
use director::runtime::executor::Executor;
use director::runtime::ownership::Ownership;
use director::runtime::sysctl::{self, Outcome};
use integration::clock;
use nix::sched::{CloneFlags, unshare};

const PLAIN_MH: Scheduler = Scheduler { kind: SchedulerKind::Mh, fallback: false, port: false };
const RR: Scheduler = Scheduler { kind: SchedulerKind::Rr, fallback: false, port: false };

/// Runs a test on this thread in a new network namespace; programs that it starts are in there too.
fn in_namespace<T>(test: impl Future<Output = T>) -> T {
    unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace needs root");
    run("ip", "link set lo up");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

fn run(program: &str, arguments: &str) -> String {
    let output = Command::new(program).args(arguments.split_whitespace()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `ipvsadm` once per line, without its header lines.
fn listing(arguments: &str) -> Vec<String> {
    run("ipvsadm", arguments).lines().skip(3).map(|line| line.trim_end().to_owned()).collect()
}

fn key(text: &str) -> ServiceKey {
    text.parse().unwrap()
}

fn service(name: &str, scheduler: &Scheduler, servers: &[(&str, Forward, u32)]) -> Service {
    let check = CheckSpec {
        kind: CheckKind::None,
        target: None,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        rise: 1,
        fall: 1,
    };
    let servers = servers.iter().enumerate().map(|(index, &(address, forward, weight))| {
        // Names in the reverse of the addresses: the order of names must not matter.
        let name = format!("server-{}", 99 - index);
        (
            name,
            RealServer {
                address: address.parse().unwrap(),
                weight,
                forward,
                thresholds: Thresholds::default(),
                check: check.clone(),
            },
        )
    });
    Service {
        key: key(name),
        vips: Vec::new(),
        scheduler: scheduler.clone(),
        one_packet: false,
        adopts_by_hand: false,
        persistence: None,
        servers: servers.collect(),
        check: check.clone(),
        quorum: 1,
    }
}

fn config(services: Vec<Service>) -> Config {
    let services =
        services.into_iter().enumerate().map(|(index, service)| (format!("service-{index}"), service));
    Config {
        name: "test".into(),
        vips: BTreeMap::new(),
        services: services.collect(),
        active_active: true,
        timeouts: None,
    }
}

fn table(services: Vec<Service>) -> Desired {
    desired(&config(services), |_, _, server| server.weight)
}

/// An executor and an ownership file in a fresh directory.
struct Hands {
    executor: Executor,
    ownership: Ownership,
    state: tempfile::TempDir,
}

impl Hands {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        Self { executor: Executor::new(), ownership: Ownership::load(state.path()).unwrap(), state }
    }

    /// What a restart of the daemon does to them.
    fn restart(&mut self) {
        self.executor = Executor::new();
        self.ownership = Ownership::load(self.state.path()).unwrap();
    }

    /// One round: what differs from the desired table is done.
    async fn reconcile(&mut self, desired: &Desired) -> Vec<Op> {
        let wanted: Owned = desired.services.keys().copied().collect();
        self.ownership.claim_services(&wanted).unwrap();
        let observed = self.executor.observe().await.unwrap();
        let ops = plan(desired, &observed, self.ownership.services());
        assert_eq!(self.executor.apply(&ops).await, Applied::Done);
        self.ownership.keep_services(|key| wanted.contains(key)).unwrap();
        ops
    }
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn what_we_program_is_what_ipvsadm_lists_line_by_line() {
    in_namespace(async {
        let scheduler = |kind, fallback, port| Scheduler { kind, fallback, port };
        let wanted = table(vec![
            service(
                "tcp 10.0.0.1:80",
                &scheduler(SchedulerKind::Mh, true, true),
                &[
                    ("10.0.1.1:80", Forward::Dr, 1),
                    ("10.0.1.2:80", Forward::Dr, 0),
                    ("10.0.1.10:80", Forward::Dr, 7),
                ],
            ),
            service(
                "tcp 10.0.0.1:443",
                &RR,
                &[("10.0.1.1:8443", Forward::Nat, 2), ("10.0.1.2:9443", Forward::Nat, 1)],
            ),
            service(
                "udp 10.0.0.1:53",
                &scheduler(SchedulerKind::Wrr, false, false),
                &[("10.0.2.1:53", Forward::Tunnel(Encapsulation::Ipip), 65535)],
            ),
            service("tcp 10.0.0.2:80", &scheduler(SchedulerKind::Wlc, false, false), &[]),
            service(
                "tcp [2001:db8::1]:80",
                &scheduler(SchedulerKind::Mh, false, true),
                &[
                    ("[2001:db8:1::1]:80", Forward::Dr, 1),
                    ("10.0.1.1:80", Forward::Tunnel(Encapsulation::Ipip), 1),
                ],
            ),
            service("udp [2001:db8::1]:53", &RR, &[("[2001:db8:1::1]:5353", Forward::Nat, 3)]),
            service(
                "fwmark 7",
                &scheduler(SchedulerKind::Mh, true, false),
                &[("10.0.1.1:0", Forward::Dr, 1)],
            ),
            service("fwmark 7 ipv6", &RR, &[("[2001:db8:1::1]:0", Forward::Tunnel(Encapsulation::Ipip), 1)]),
        ]);
        let mut hands = Hands::new();
        assert!(!hands.reconcile(&wanted).await.is_empty());
        let expected = "\
TCP  10.0.0.1:80 mh (mh-fallback,mh-port)
  -> 10.0.1.1:80                  Route   1      0          0
  -> 10.0.1.2:80                  Route   0      0          0
  -> 10.0.1.10:80                 Route   7      0          0
TCP  10.0.0.1:443 rr
  -> 10.0.1.1:8443                Masq    2      0          0
  -> 10.0.1.2:9443                Masq    1      0          0
TCP  10.0.0.2:80 wlc
UDP  10.0.0.1:53 wrr
  -> 10.0.2.1:53                  Tunnel  65535  0          0
TCP  [2001:db8::1]:80 mh (mh-port)
  -> 10.0.1.1:80                  Tunnel  1      0          0
  -> [2001:db8:1::1]:80           Route   1      0          0
UDP  [2001:db8::1]:53 rr
  -> [2001:db8:1::1]:5353         Masq    3      0          0
FWM  7 mh (mh-fallback)
  -> 10.0.1.1:0                   Route   1      0          0
FWM  7 IPv6 rr
  -> [2001:db8:1::1]:0            Tunnel  1      0          0";
        assert_eq!(listing("-Ln"), expected.lines().collect::<Vec<_>>());

        // And what is so needs nothing more, also after a restart.
        assert_eq!(hands.reconcile(&wanted).await, []);
        hands.restart();
        assert_eq!(hands.reconcile(&wanted).await, []);
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn a_table_cleared_by_hand_is_repaired_by_the_next_round() {
    in_namespace(async {
        let wanted = table(vec![service("tcp 10.0.0.1:80", &PLAIN_MH, &[("10.0.1.1:80", Forward::Dr, 1)])]);
        let mut hands = Hands::new();
        hands.reconcile(&wanted).await;
        let before = listing("-Ln");
        for damage in [
            "-C",
            "-d -t 10.0.0.1:80 -r 10.0.1.1:80",
            "-E -t 10.0.0.1:80 -s wlc -p 60",
            "-a -t 10.0.0.1:80 -r 10.0.1.9 -m",
        ] {
            run("ipvsadm", damage);
            assert_ne!(listing("-Ln"), before, "{damage}");
            assert!(!hands.reconcile(&wanted).await.is_empty());
            assert_eq!(listing("-Ln"), before, "{damage}");
        }
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn services_of_others_stay_and_ours_go_even_after_a_restart() {
    in_namespace(async {
        run("ipvsadm", "-A -t 192.0.2.9:80 -s rr");
        run("ipvsadm", "-a -t 192.0.2.9:80 -r 10.9.0.1 -m");
        run("ipvsadm", "-A --sctp-service 192.0.2.9:80 -s rr");
        let foreign = listing("-Ln");
        let ours = ["tcp 10.0.0.1:80", "tcp [2001:db8::1]:80", "fwmark 3"];
        let services = || ours.map(|name| service(name, &RR, &[])).to_vec();
        let mut hands = Hands::new();
        hands.reconcile(&table(services())).await;

        hands.restart();
        let done = hands.reconcile(&table(services().split_off(1))).await;
        assert_eq!(done, [Op::DelService { key: key(ours[0]) }]);
        hands.restart();
        hands.reconcile(&Desired::default()).await;
        assert_eq!(listing("-Ln"), foreign);
        assert_eq!(hands.ownership.services(), &Owned::new());

        let observed = hands.executor.observe().await.unwrap();
        assert_eq!((observed.services.len(), observed.unnamed), (2, 0));
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn an_edit_keeps_the_server_and_its_place() {
    in_namespace(async {
        let servers = |weight| -> Vec<Service> {
            let servers = [
                ("10.0.1.3:80", Forward::Dr, 1),
                ("10.0.1.1:80", Forward::Dr, weight),
                ("10.0.1.20:80", Forward::Dr, 1),
            ];
            vec![service("tcp 10.0.0.1:80", &PLAIN_MH, &servers)]
        };
        let mut hands = Hands::new();
        hands.reconcile(&table(servers(1))).await;
        // The kernel lists the newest first, so this is the canonical order from the end.
        let order = |lines: Vec<String>| -> Vec<String> {
            lines
                .iter()
                .skip(1)
                .filter_map(|line| line.split_whitespace().nth(1))
                .map(str::to_owned)
                .collect()
        };
        let expected = ["10.0.1.20:80", "10.0.1.3:80", "10.0.1.1:80"];
        assert_eq!(order(listing("-Ln --nosort")), expected);

        let done = hands.reconcile(&table(servers(0))).await;
        let (address, entry) = ("10.0.1.1:80".parse().unwrap(), ServerEntry::new(Forward::Dr, 0));
        assert_eq!(done, [Op::EditServer { key: key("tcp 10.0.0.1:80"), address, entry }]);
        assert_eq!(order(listing("-Ln --nosort")), expected);
        let observed = hands.executor.observe().await.unwrap();
        assert!(observed.services[&key("tcp 10.0.0.1:80")].is_canonical());
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn a_refusal_names_the_change_and_what_to_do_and_stops_nothing_else() {
    in_namespace(async {
        let vip = key("tcp 10.0.0.1:80");
        let (other, mark) = (key("tcp 10.0.0.2:80"), key("fwmark 1"));
        let nonesuch = ServiceEntry { scheduler: "nonesuch".into(), ..ServiceEntry::new(&vip, &RR) };
        let address: SocketAddr = "10.0.1.1:80".parse().unwrap();
        let server = ServerEntry::new(Forward::Dr, 1);
        let ops = [
            Op::AddService { key: vip, entry: nonesuch },
            Op::AddServer { key: vip, address, entry: server },
            Op::AddService { key: other, entry: ServiceEntry::new(&other, &RR) },
            Op::AddServer { key: other, address: "224.0.0.1:80".parse().unwrap(), entry: server },
            Op::DelServer { key: other, address },
            Op::AddServer { key: other, address, entry: server },
            Op::AddService { key: mark, entry: ServiceEntry::new(&mark, &RR) },
        ];
        let mut handle = Handle::connect().await.unwrap();
        let refusals: Vec<_> = handle.apply(&ops).await.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            refusals,
            [
                "cannot do `-A -t 10.0.0.1:80 -s nonesuch`: the kernel says No such file or directory; the scheduler \
                 `nonesuch` is not available: `modprobe ip_vs_nonesuch`",
                "cannot do `-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1`: the kernel says No such process; the service is \
                 not there (any more); the table is read again",
                "cannot do `-a -t 10.0.0.2:80 -r 224.0.0.1:80 -g -w 1`: the kernel says Invalid argument; 224.0.0.1:80 \
                 cannot be a real server of it: the address must be unicast and, unless it forwards by tunnel, of the \
                 family of the VIP (and every address counts as broadcast until `lo` is up)",
                "cannot do `-d -t 10.0.0.2:80 -r 10.0.1.1:80`: the kernel says No such file or directory; the server is \
                 not there (any more); the table is read again",
            ]
        );
        assert_eq!(listing("-Ln").len(), 3, "the other service, its server, and the mark");

        let mut executor = Executor::new();
        assert!(matches!(executor.apply(&ops[..1]).await, Applied::Failed(_)));
        let observed = executor.observe().await.unwrap();
        assert_eq!(observed.services.keys().collect::<Vec<_>>(), [&other, &mark], "the connection goes on");
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn a_thousand_servers_are_programmed_and_dumped() {
    in_namespace(async {
        let vip = key("tcp 10.0.0.1:80");
        let servers = (0..1000_u16).map(|number| {
            let [high, low] = number.to_be_bytes();
            (
                SocketAddr::from(([10, 1, high, low], 80)),
                ServerEntry::new(Forward::Dr, 1 + u32::from(number % 3)),
            )
        });
        let entry = ServiceEntry::new(&vip, &PLAIN_MH);
        let mut wanted = Desired::default();
        let row = director::core::desired::DesiredService { entry, servers: servers.collect() };
        wanted.services.insert(vip, row);

        let mut hands = Hands::new();
        let started = clock::now();
        assert_eq!(hands.reconcile(&wanted).await.len(), 1001);
        let took = started.elapsed();
        println!("1000 servers: dumped, planned and programmed in {} ms", took.as_millis());
        let observed = hands.executor.observe().await.unwrap();
        assert_eq!(plan(&wanted, &observed, hands.ownership.services()), []);
        assert!(observed.services[&vip].is_canonical());
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn the_version_of_the_kernel_is_read() {
    in_namespace(async {
        let info = Handle::connect().await.unwrap().info().await.unwrap();
        let first = run("ipvsadm", "-Ln").lines().next().unwrap().to_owned();
        let (major, minor, patch) = info.version;
        assert_eq!(
            first,
            format!("IP Virtual Server version {major}.{minor}.{patch} (size={})", info.table_size)
        );
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn vips_are_put_on_a_device_and_only_ours_are_taken_off() {
    in_namespace(async {
        let addresses = |device: &str| -> BTreeSet<String> {
            let text = run("ip", &format!("-o addr show dev {device}"));
            text.lines().filter_map(|line| line.split_whitespace().nth(3)).map(str::to_owned).collect()
        };
        let set =
            |texts: &[&str]| -> BTreeSet<IpAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let shown =
            |texts: &[&str]| -> BTreeSet<String> { texts.iter().map(|&text| text.to_owned()).collect() };
        let state = tempfile::tempdir().unwrap();
        let load = |dir: &Path| Ownership::load(dir).unwrap();
        let link_local = |shown: &String| !shown.starts_with("fe80:");

        let mut ownership = load(state.path());
        let mut announcer = Announcer::new("vips").unwrap();
        let changes = announcer.reconcile(&set(&["10.0.0.1", "2001:db8::1"]), &mut ownership).await.unwrap();
        assert_eq!(changes.added, set(&["10.0.0.1", "2001:db8::1"]));
        let mut now = addresses("vips");
        now.retain(link_local);
        assert_eq!(now, shown(&["10.0.0.1/32", "2001:db8::1/128"]));
        assert!(run("ip", "-o link show dev vips").contains(",UP"), "the device is up");
        assert!(run("ip", "-6 -o addr show dev vips").contains("nodad"));

        // Somebody adds one; we restart with another configuration.
        run("ip", "addr add 10.0.0.9/32 dev vips");
        let mut ownership = load(state.path());
        let mut announcer = Announcer::new("vips").unwrap();
        let changes = announcer.reconcile(&set(&["10.0.0.2"]), &mut ownership).await.unwrap();
        assert_eq!(changes.removed, set(&["10.0.0.1", "2001:db8::1"]));
        let mut now = addresses("vips");
        now.retain(link_local);
        assert_eq!(now, shown(&["10.0.0.2/32", "10.0.0.9/32"]));

        // One that was there before us is used and stays; one that is removed by hand is put back.
        announcer.reconcile(&set(&["10.0.0.2", "10.0.0.9"]), &mut ownership).await.unwrap();
        run("ip", "addr del 10.0.0.2/32 dev vips");
        let changes = announcer.reconcile(&set(&["10.0.0.2"]), &mut ownership).await.unwrap();
        assert_eq!((changes.added, changes.removed), (set(&["10.0.0.2"]), BTreeSet::new()));

        // An existing device serves as well, and keeps what it has.
        let mut announcer = Announcer::new("lo").unwrap();
        announcer.reconcile(&set(&["10.0.0.5"]), &mut ownership).await.unwrap();
        assert!(addresses("lo").is_superset(&shown(&["127.0.0.1/8", "10.0.0.5/32"])));
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn the_sysctls_of_active_active_exist_and_take_their_values() {
    in_namespace(async {
        // The settings are there from the first use of IPVS in a namespace.
        Handle::connect().await.unwrap().info().await.unwrap();
        let servers = [("10.0.1.1:80", Forward::Nat, 1)];
        let config = config(vec![
            service("tcp 10.0.0.1:80", &PLAIN_MH, &servers),
            service("tcp [2001:db8::1]:80", &PLAIN_MH, &[("[2001:db8:1::1]:80", Forward::Nat, 1)]),
        ]);
        let findings = sysctl::apply(&config);
        let warnings: Vec<_> =
            findings.iter().filter(|finding| finding.is_warning()).map(ToString::to_string).collect();
        assert_eq!(warnings, [""; 0]);
        assert_eq!(run("sysctl", "-n net.ipv4.vs.sloppy_tcp").trim(), "1");
        assert_eq!(run("sysctl", "-n net.ipv4.ip_forward").trim(), "1");
        let again = sysctl::apply(&config);
        assert!(again.iter().all(|finding| matches!(finding.outcome, Outcome::Kept)));
    });
}

/// Which server each client port was sent to, for a UDP service on `vip`.
fn picks(vip: &str) -> BTreeMap<u16, String> {
    run("ipvsadm", "-Lnc")
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() >= 6 && words[4] == format!("{vip}:53"))
        .map(|words| (words[3].parse::<SocketAddr>().unwrap().port(), words[5].to_owned()))
        .collect()
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn mh_sends_a_flow_to_the_same_server_whether_another_died_before_or_after_the_start() {
    const SCHEDULER: Scheduler = Scheduler { kind: SchedulerKind::Mh, fallback: true, port: true };
    const FLOWS: u16 = 300;
    let servers = ["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53", "10.0.0.4:53"];
    in_namespace(async {
        for address in ["198.51.100.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            run("ip", &format!("address add {address}/32 dev lo"));
        }
        for last in 1..=4 {
            run("ip", &format!("address add 10.0.0.{last}/32 dev lo"));
        }
        let vips = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
        let services = || {
            vips.map(|vip| {
                service(&format!("udp {vip}:53"), &SCHEDULER, &servers.map(|it| (it, Forward::Dr, 1)))
            })
        };
        let config = config(services().to_vec());
        let of = |vip: &str, dead: Option<&str>| {
            let mut wanted =
                desired(&config, |_, _, server| u32::from(dead != Some(&server.address.to_string())));
            wanted.services.retain(|key, _| *key == self::key(&format!("udp {vip}:53")));
            wanted
        };
        let mut executor = Executor::new();
        let dead = Some(servers[2]);
        // It dies after the start; before it; before it, and gets no seat.
        for (vip, wanted) in
            [(vips[0], of(vips[0], None)), (vips[0], of(vips[0], dead)), (vips[1], of(vips[1], dead))]
        {
            let plan = plan(&wanted, &executor.observe().await.unwrap(), &Owned::new());
            assert_eq!(executor.apply(&take_seats(&config, plan)).await, Applied::Done, "{vip}");
        }
        let unseated = plan(&of(vips[2], dead), &executor.observe().await.unwrap(), &Owned::new());
        assert_eq!(executor.apply(&unseated).await, Applied::Done);

        for port in 20_000..20_000 + FLOWS {
            let socket = std::net::UdpSocket::bind(("198.51.100.1", port)).unwrap();
            for vip in vips {
                // Nobody listens, so a refusal of the flow before may come back here: only the choice matters.
                let _ = socket.send_to(b"?", (vip, 53));
            }
        }
        let [after, before, unseated] = vips.map(picks);
        assert_eq!(after.len(), usize::from(FLOWS));
        assert!(after.values().all(|server| server != servers[2]));
        assert_eq!(after, before);
        let moved = after.iter().filter(|(port, server)| unseated.get(port) != Some(server)).count();
        assert!(moved > 0, "without a seat, this kernel hashes some flows to another server");
        println!("without a seat, {moved} of {FLOWS} flows meet another server");
    });
}
