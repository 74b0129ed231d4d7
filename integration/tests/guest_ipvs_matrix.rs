//! Every kind of service and server that the kernel knows: what we program, ipvsadm lists; what ipvsadm programs, we read.
//!
//! Each test has a network namespace of its own. All need root and a kernel with IPVS: `cargo lab test` finds one.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use director::core::agent::Applied;
use director::core::desired::{Desired, DesiredService};
use director::core::plan::{Op, Owned, plan};
use director::ipvs::Handle;
use director::model::{
    DaemonRole, Encapsulation, FLAG_ONE_PACKET, FLAG_PERSISTENT, Forward, KeyArguments, Protocol, Scheduler,
    SchedulerKind, ServerArguments, ServerEntry, ServiceArguments, ServiceEntry, ServiceKey, SyncDaemon,
    Timeouts, TunnelChecksum,
};
use director::runtime::executor::Executor;
use integration::clock;
use nix::sched::{CloneFlags, unshare};

/// Runs a test on this thread in a new network namespace; programs that it starts are in there too.
fn in_namespace<T>(test: impl Future<Output = T>) -> T {
    unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace needs root");
    run(&["ip", "link", "set", "lo", "up"], "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

fn run(argv: &[&str], input: &str) -> String {
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{argv:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// An executor that may load the modules of schedulers: in the guest, the kernel looks for them in another root.
fn executor() -> Executor {
    let mut executor = Executor::new();
    executor.allow_modules(Some(PathBuf::from("/sbin/modprobe")));
    executor
}

/// The schedulers that this kernel has: Debian's is built without `twos`.
fn schedulers() -> Vec<SchedulerKind> {
    let is_there = |kind: &SchedulerKind| {
        let module = format!("ip_vs_{}", kind.name());
        Command::new("/sbin/modprobe").args(["-n", "-q", &module]).status().unwrap().success()
    };
    let (there, missing): (Vec<_>, Vec<_>) = SchedulerKind::ALL.into_iter().partition(is_there);
    assert!(missing.iter().all(|kind| *kind == SchedulerKind::Twos), "{missing:?}");
    there
}

/// Every way to forward, with an address of `family` where that is not a tunnel's to choose.
fn forwards(ipv6: bool) -> Vec<(Forward, bool)> {
    let gue = |port, checksum| Forward::Tunnel(Encapsulation::Gue { port, checksum });
    let gre = |checksum| Forward::Tunnel(Encapsulation::Gre { checksum });
    let ipip = Forward::Tunnel(Encapsulation::Ipip);
    vec![
        (Forward::Dr, ipv6),
        (Forward::Nat, ipv6),
        (ipip, ipv6),
        (gue(6080, TunnelChecksum::None), ipv6),
        (gue(6081, TunnelChecksum::Full), ipv6),
        (gue(65535, TunnelChecksum::Remote), ipv6),
        (gre(false), ipv6),
        (gre(true), ipv6),
        (ipip, !ipv6),
        (gue(1, TunnelChecksum::None), !ipv6),
        (gre(false), !ipv6),
    ]
}

fn address(ipv6: bool, last: u8, port: u16) -> SocketAddr {
    let ip: IpAddr =
        if ipv6 { [0x2001, 0xdb8, 1, 0, 0, 0, 0, u16::from(last)].into() } else { [10, 0, 1, last].into() };
    SocketAddr::new(ip, port)
}

fn servers(key: &ServiceKey) -> impl Iterator<Item = (SocketAddr, ServerEntry)> {
    let ipv6 = key.is_ipv6();
    let port = match key {
        ServiceKey::Address { vip, .. } => vip.port(),
        ServiceKey::FirewallMark { .. } => 0,
    };
    let server = move |(last, (forward, server_ipv6)): (u8, (Forward, bool))| {
        let port = if forward == Forward::Nat && port != 0 { 8080 } else { port };
        let weight = [1, 0, 65_535, 7][usize::from(last) % 4];
        (address(server_ipv6, last, port), ServerEntry::new(forward, weight))
    };
    (1..).zip(forwards(ipv6)).map(server)
}

/// Rows of one scheduler: plain and with each flag, persistent in several ways.
fn entries(key: &ServiceKey, kind: SchedulerKind) -> Vec<ServiceEntry> {
    let may_have_flags = matches!(kind, SchedulerKind::Mh | SchedulerKind::Sh);
    let mut entries: Vec<ServiceEntry> = [(false, false), (true, false), (false, true), (true, true)]
        .into_iter()
        .filter(|flags| may_have_flags || *flags == (false, false))
        .map(|(fallback, port)| ServiceEntry::new(key, &Scheduler { kind, fallback, port }))
        .collect();
    let plain = entries[0].clone();
    let is_udp = !matches!(key, ServiceKey::Address { protocol: Protocol::Tcp | Protocol::Sctp, .. });
    let persistent = ServiceEntry { flags: plain.flags | FLAG_PERSISTENT, timeout: 300, ..plain.clone() };
    let wide = ServiceEntry {
        timeout: 2_678_400,
        netmask: if key.is_ipv6() { 64 } else { 0xffff_ff00 },
        ..persistent.clone()
    };
    if is_udp {
        let sip = ServiceEntry { engine: Some("sip".to_owned()), timeout: 1, ..persistent.clone() };
        let one_packet = ServiceEntry { flags: plain.flags | FLAG_ONE_PACKET, ..plain };
        let both = ServiceEntry { flags: sip.flags | FLAG_ONE_PACKET, ..sip.clone() };
        entries.extend([sip, one_packet, both]);
    }
    entries.extend([persistent, wide]);
    entries
}

/// Every scheduler with all its rows for every kind of service; each service has every kind of server.
fn everything() -> Desired {
    let mut wanted = Desired::default();
    let mut number = 1_u16;
    for ipv6 in [false, true] {
        for protocol in [Some(Protocol::Tcp), Some(Protocol::Udp), Some(Protocol::Sctp), None] {
            let key = |number: u16| match protocol {
                Some(protocol) => {
                    let ip: IpAddr =
                        if ipv6 { "2001:db8::1".parse().unwrap() } else { "192.0.2.1".parse().unwrap() };
                    ServiceKey::Address { protocol, vip: SocketAddr::new(ip, number) }
                }
                None => ServiceKey::FirewallMark { mark: number.into(), ipv6 },
            };
            for kind in schedulers() {
                for entry in entries(&key(1), kind) {
                    let key = key(number);
                    let servers = if number % 16 == 1 { servers(&key).collect() } else { [].into() };
                    wanted.services.insert(key, DesiredService { entry, servers });
                    number += 1;
                }
            }
        }
    }
    wanted
}

/// The table as `ipvsadm -S -n` writes it, without regard to order.
fn lines(desired: &Desired) -> BTreeSet<String> {
    let service = |(key, service): (&ServiceKey, &DesiredService)| {
        let key = *key;
        let head = format!("-A {} {}", KeyArguments(key), ServiceArguments(key, &service.entry));
        let server = move |(address, entry): (&SocketAddr, &ServerEntry)| {
            format!("-a {} {}", KeyArguments(key), ServerArguments(*address, entry))
        };
        service.servers.iter().map(server).chain([head]).collect::<Vec<_>>()
    };
    desired.services.iter().flat_map(service).collect()
}

fn saved() -> BTreeSet<String> {
    run(&["ipvsadm", "-S", "-n"], "").lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn what_we_program_ipvsadm_saves_and_what_it_restores_we_read() {
    in_namespace(async {
        let wanted = everything();
        let mut executor = executor();
        let ops = plan(&wanted, &executor.observe().await.unwrap(), &Owned::new());
        println!("{} services, {} changes", wanted.services.len(), ops.len());
        assert_eq!(executor.apply(&ops).await, Applied::Done);
        assert_eq!(plan(&wanted, &executor.observe().await.unwrap(), &Owned::new()), []);
        let expected = lines(&wanted);
        let missing: Vec<_> = expected.symmetric_difference(&saved()).cloned().collect();
        assert_eq!(missing, [""; 0], "lines that only one side has");

        Handle::connect().await.unwrap().flush().await.unwrap();
        // Services before their servers, servers in canonical order.
        let text: Vec<String> = ops.iter().map(ToString::to_string).collect();
        run(&["ipvsadm", "-R"], &(text.join("\n") + "\n"));
        assert_eq!(plan(&wanted, &executor.observe().await.unwrap(), &Owned::new()), []);
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn every_edit_is_made_in_place() {
    in_namespace(async {
        let key: ServiceKey = "udp 192.0.2.1:53".parse().unwrap();
        let (first, _) = servers(&key).next().unwrap();
        let mut executor = executor();
        let mut wanted = Desired::default();
        let mut edits = 0;
        for kind in schedulers() {
            for entry in entries(&key, kind) {
                for upper_threshold in [0, 100] {
                    let lower_threshold = upper_threshold / 2;
                    let row =
                        ServerEntry { upper_threshold, lower_threshold, ..ServerEntry::new(Forward::Dr, 1) };
                    let service = DesiredService { entry: entry.clone(), servers: [(first, row)].into() };
                    wanted.services.insert(key, service);
                    let ops = plan(&wanted, &executor.observe().await.unwrap(), &Owned::new());
                    assert_eq!(executor.apply(&ops).await, Applied::Done);
                    let in_place = |op: &Op| matches!(op, Op::EditService { .. } | Op::EditServer { .. });
                    assert!(edits == 0 || ops.iter().all(in_place), "{ops:?}");
                    edits += ops.len();
                    let observed = executor.observe().await.unwrap();
                    assert_eq!(plan(&wanted, &observed, &Owned::new()), [], "{kind:?}");
                }
            }
        }
        assert!(edits > 100, "{edits}");
        for (forward, ipv6) in forwards(false) {
            if ipv6 {
                continue;
            }
            let row = ServerEntry::new(forward, 1);
            wanted.services.get_mut(&key).unwrap().servers.insert(first, row);
            let ops = plan(&wanted, &executor.observe().await.unwrap(), &Owned::new());
            assert_eq!(executor.apply(&ops).await, Applied::Done);
            assert_eq!(plan(&wanted, &executor.observe().await.unwrap(), &Owned::new()), [], "{forward:?}");
        }
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn timeouts_daemons_counters_and_flush_do_what_ipvsadm_shows() {
    in_namespace(async {
        let mut handle = Handle::connect().await.unwrap();
        let timeouts = Timeouts { tcp: 3600, tcp_fin: 60, udp: 30 };
        assert_eq!(handle.timeouts().await.unwrap(), Timeouts::default());
        let wanted = Desired { timeouts: Some(timeouts), ..Desired::default() };
        let mut executor = executor();
        let ops = plan(&wanted, &executor.observe().await.unwrap(), &Owned::new());
        assert_eq!(ops, [Op::SetTimeouts { timeouts }]);
        assert_eq!(executor.apply(&ops).await, Applied::Done);
        let shown = run(&["ipvsadm", "-L", "--timeout"], "");
        assert_eq!(shown.trim(), "Timeout (tcp tcpfin udp): 3600 60 30");

        let daemon = |role, sync_id, port| SyncDaemon {
            role,
            interface: "lo".to_owned(),
            sync_id,
            max_length: Some(1200),
            group: Some([224, 0, 0, 99].into()),
            port: Some(port),
            ttl: Some(3),
        };
        let daemons = [daemon(DaemonRole::Master, 7, 8850), daemon(DaemonRole::Backup, 0, 8851)];
        for daemon in &daemons {
            handle.start_daemon(daemon).await.unwrap();
        }
        let refused = handle.start_daemon(&daemons[0]).await.unwrap_err().to_string();
        assert!(refused.contains("File exists; one of that role runs: stop it first"), "{refused}");
        assert_eq!(handle.daemons().await.unwrap(), daemons);
        let ours: Vec<String> = daemons.iter().map(ToString::to_string).collect();
        let shown = run(&["ipvsadm", "-L", "--daemon"], "");
        assert_eq!(shown.lines().map(str::trim).collect::<Vec<_>>(), ours);
        handle.stop_daemon(DaemonRole::Master).await.unwrap();
        handle.stop_daemon(DaemonRole::Backup).await.unwrap();
        let refused = handle.stop_daemon(DaemonRole::Backup).await.unwrap_err().to_string();
        assert!(refused.ends_with("it does not run"), "{refused}");
        assert_eq!(handle.daemons().await.unwrap(), []);

        let key: ServiceKey = "udp 192.0.2.1:53".parse().unwrap();
        run(&["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], "");
        run(&["ipvsadm", "-A", "-u", "192.0.2.1:53", "-s", "rr"], "");
        run(&["ipvsadm", "-a", "-u", "192.0.2.1:53", "-r", "127.0.0.1:53", "-g"], "");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"?", "192.0.2.1:53").unwrap();
        let packets = |observed: director::core::observed::Observed| observed.services[&key].stats.in_packets;
        // The kernel sums its counters up every two seconds.
        let deadline = clock::now() + Duration::from_secs(20);
        while packets(handle.dump().await.unwrap()) != 1 {
            assert!(clock::now() < deadline, "the packet is never counted");
            clock::pause(Duration::from_millis(100));
        }
        handle.zero(Some(key)).await.unwrap();
        assert_eq!(packets(handle.dump().await.unwrap()), 0);
        handle.zero(None).await.unwrap();
        let refused = handle.zero(Some("fwmark 9".parse().unwrap())).await.unwrap_err().to_string();
        assert!(refused.ends_with("there is no such service"), "{refused}");
        handle.flush().await.unwrap();
        assert_eq!(run(&["ipvsadm", "-S", "-n"], ""), "");
    });
}
