//! Our front for ipvsadm against ipvsadm itself: the same lines leave the same table, the same listing and the same kind of exit
//! status.
//!
//! Each test has a network namespace of its own. All need root and a kernel with IPVS: `cargo lab test` finds one.

use std::future::Future;
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use director::core::observed::Observed;
use director::ipvs::Handle;
use integration::clock::until;
use integration::paths;
use nix::sched::{CloneFlags, unshare};

const THEIRS: &str = "ipvsadm";
/// An emulated processor is not hurried.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lines in a row, on one table that grows and shrinks with them. Some are wrong: in their options, their values, or in what the
/// kernel says to them.
const CORPUS: &[&str] = &[
    "-A -t 10.0.0.1:80 -s rr",
    "-A -t 10.0.0.1:80 -s rr",
    "--add-service --udp-service=10.0.0.1:53 --scheduler wlc --ops",
    "-Au 10.0.0.2:53 -swrr -p60 -M 255.255.255.0",
    "-A -t 10.0.0.3:0 -p",
    "-A -t [2001:db8::1]:80 -s mh -b mh-port,mh-fallback -p 3600 -M 64",
    "-A -t 2001:db8::2 -p 10",
    "-A --sctp-service 10.0.0.1:99 -s sh -b sh-port",
    "-A -f 7",
    "-A -f 7 -6 -s rr -o",
    "-A -f 8 -s rr -b flag-1,flag-3",
    "-A -t 10.0.0.1 -s rr",
    "-A -t 10.0.0.1:81 -o",
    "-A -t 10.0.0.1:81 -s nothing",
    "-A -t 10.0.0.1:81 -s rr -b mh-port",
    "-A -t 10.0.0.1:81 -p 0",
    "-A -t 10.0.0.1:81 -p 2678401",
    "-A -t 10.0.0.1:81 -w 1",
    "-A -t 10.0.0.1:81 -u 10.0.0.1:81",
    "-A -t 10.0.0.1:65536",
    "-A -t [2001:db8::1]",
    "-A -t 300.0.0.1:80",
    "-A -f 0",
    "-A -6 -f 9",
    "-A",
    "-A -t",
    "-A -t 10.0.0.1:81 -q",
    "-A -D -t 10.0.0.1:80",
    "-A -t 10.0.0.1:81 more",
    "-n -L",
    "-E -t 10.0.0.1:80 -s wlc -p 120",
    "-E -t 10.0.0.1:80",
    "-E -t 10.0.0.9:80 -s rr",
    "-E -f 8 -s wrr",
    "-a -t 10.0.0.1:80 -r 10.0.1.1",
    "-a -t 10.0.0.1:80 -r 10.0.1.1",
    "-a -t 10.0.0.1:80 -r 10.0.1.2:8080 -w 5",
    "-a -t 10.0.0.1:80 -r 10.0.1.3:8080 -m -w 0 -x 100 -y 80",
    "-a -t 10.0.0.1:80 -r 10.0.1.4 -i",
    "-a -t 10.0.0.1:80 -r 10.0.1.5 -i --tun-type gue --tun-port 6080 --tun-csum",
    "-a -t 10.0.0.1:80 -r 10.0.1.6 -i --tun-type=gre --tun-csum -w 65535",
    "-a -t 10.0.0.1:80 -r 2001:db8:1::1 -i",
    "-a -t 10.0.0.1:80 -r 2001:db8:1::1 -g",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -i --tun-type gue",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -i --tun-type gre --tun-port 5",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -i --tun-type gre --tun-remcsum",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -i --tun-type vxlan",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -m --tun-type gue --tun-port 5",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -m -g",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -w -1",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -w ten",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -x 10 -y 20",
    "-a -t 10.0.0.1:80 -r 10.0.1.7 -s rr",
    "-a -t 10.0.0.1:80 -r 224.0.0.1",
    "-a -t 10.0.0.1:80",
    "-a -t 10.0.0.9:80 -r 10.0.1.1",
    "-a -t [2001:db8::1]:80 -r [2001:db8:1::1]:80 -w 2",
    "-a -t [2001:db8::1]:80 -r 2001:db8:1::2 -m",
    "-a -f 7 -r 10.0.1.1",
    "-a -f 7 -r 10.0.1.2:80 -m",
    "-a -f 7 -6 -r 2001:db8:1::1",
    "-a --sctp-service 10.0.0.1:99 -r 127.0.0.1 -m",
    "-e -t 10.0.0.1:80 -r 10.0.1.1 -w 7",
    "-e -t 10.0.0.1:80 -r 10.0.1.3:8080 -m",
    "-e -t 10.0.0.1:80 -r 10.0.1.99 -w 7",
    "-d -t 10.0.0.1:80 -r 10.0.1.2",
    "-d -t 10.0.0.1:80 -r 10.0.1.2",
    "-d -t 10.0.0.9:80 -r 10.0.1.2",
    "-d -t 10.0.0.1:80 -r 10.0.1.1 -w 1",
    "-D -t 10.0.0.3:0",
    "-D -t 10.0.0.3:0",
    "-D -t 10.0.0.1:80 -s rr",
    "--set 100 0 300",
    "--set 100 0",
    "--set 100 0 1 2",
    "--set 100 0 2678401",
    "-L --timeout",
    "-Sn",
    "-S -c",
    "-Z",
    "-Z -t 10.0.0.1:80",
    "-Z -t 10.0.0.9:80",
    "-L -n -t 10.0.0.9:80",
    "-L -c --timeout",
    "-L -c --stats",
    "-L --timeout --rate",
    "-L --daemon --thresholds",
    "-D -f 7",
    "--start-daemon neither",
    "--start-daemon master --mcast-interface lo --syncid 256",
    "--start-daemon master --mcast-interface none0",
    "--start-daemon master --mcast-interface lo --mcast-group 10.0.0.1",
    "--stop-daemon master",
    "-d -t 10.0.0.1:80 -r 2001:db8:1::1",
    "--start-daemon master --mcast-interface lo --syncid 7 --mcast-port 9000 --mcast-ttl 3 --sync-maxlen 1000",
    "--start-daemon master --mcast-interface lo",
    "--start-daemon=backup --mcast-interface=lo --mcast-group 224.0.0.82",
    "-L --daemon",
    "--stop-daemon master",
    "--stop-daemon backup",
    "-L --daemon",
    "-C -n",
    "-C",
    "-Ln",
    "",
];

/// Listings of a table with everything in it.
const LISTINGS: &[&str] = &[
    "-Ln",
    "-ln",
    "-Ln --stats",
    "-Ln --stats --exact",
    "-Ln --rate",
    "-Ln --thresholds",
    "-Ln --persistent-conn",
    "-Ln --tun-info",
    "-Ln --nosort",
    "-Ln --sort",
    "-Ln -t 10.0.0.1:80",
    "-Ln -f 7 --stats",
    "-Lnc",
    "-Lnc --persistent-conn",
    "-L --timeout",
    "-L --daemon",
];

const TABLE: &str = "\
-A -t 10.0.0.1:80 -s wlc -p 120 -M 255.255.255.0
-a -t 10.0.0.1:80 -r 10.0.1.10 -g -w 1 -x 100 -y 80
-a -t 10.0.0.1:80 -r 10.0.1.9:8080 -m -w 0
-a -t 10.0.0.1:80 -r 10.0.1.5 -i -w 65535 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 10.0.0.1:80 -r 10.0.1.6 -i --tun-type gre --tun-csum
-A -t [2001:db8::1]:443 -s mh -b mh-fallback,mh-port
-a -t [2001:db8::1]:443 -r [2001:db8:1:2:3:4:5:6789]:443 -m
-A -u 127.0.0.1:5300 -s rr -p 300
-a -u 127.0.0.1:5300 -r 127.0.0.1:5301 -m
-A -u 127.0.0.1:5400 -s rr
-a -u 127.0.0.1:5400 -r 127.0.0.1:5401 -m -w 3
-A --sctp-service 10.0.0.1:99 -s sh -b sh-port
-A -f 7 -s rr
-a -f 7 -r 10.0.1.1
-A -f 7 -6 -s rr -o
-A -f 3000000 -s wrr
";

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    succeeded: bool,
    printed: String,
    table: Observed,
}

/// A link named `ipvsadm` to our controller.
struct Front {
    folder: tempfile::TempDir,
}

impl Front {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(paths::binary("directorctl").unwrap(), folder.path().join("ipvsadm")).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ipvsadm")
    }
}

/// Runs a test on this thread in a new network namespace; programs that it starts are in there too.
fn in_namespace<T>(test: impl Future<Output = T>) -> T {
    unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace needs root");
    let modules = ["ip_vs", "rr", "wrr", "wlc", "mh", "sh"];
    for module in modules {
        let module = if module == "ip_vs" { module.to_owned() } else { format!("ip_vs_{module}") };
        assert!(Command::new("/sbin/modprobe").arg(module).status().unwrap().success());
    }
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

/// Runs a program; tells its exit status, what it printed, and what it complained of.
fn run(program: &str, line: &str, input: &str) -> (i32, String, String) {
    let mut command = Command::new(program);
    command.args(line.split_whitespace());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What must succeed.
fn done(program: &str, line: &str, input: &str) -> String {
    let (status, printed, complaint) = run(program, line, input);
    assert_eq!((status, complaint.as_str()), (0, ""), "{program} {line}");
    printed
}

/// The outcomes of the whole corpus, in a namespace of its own.
fn outcomes(program: &str) -> Vec<Outcome> {
    let obey = async |line: &&str| {
        let (status, printed, _) = run(program, line, "");
        let table = Handle::connect().await.unwrap().dump().await.unwrap();
        Outcome { succeeded: status == 0, printed, table }
    };
    in_namespace(async {
        let mut outcomes = Vec::new();
        for line in CORPUS {
            outcomes.push(obey(line).await);
        }
        outcomes
    })
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn every_line_of_the_corpus_does_what_it_does_with_ipvsadm() {
    let front = Front::new();
    let (theirs, ours) = (outcomes(THEIRS), outcomes(front.path().to_str().unwrap()));
    let differ: Vec<_> = CORPUS
        .iter()
        .zip(theirs.iter().zip(&ours))
        .filter(|(_, (theirs, ours))| theirs != ours)
        .map(|(line, (theirs, ours))| format!("{line}\n theirs: {theirs:?}\n ours:   {ours:?}"))
        .collect();
    assert!(differ.is_empty(), "{} lines differ:\n{}", differ.len(), differ.join("\n"));
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn listings_are_those_of_ipvsadm_byte_for_byte() {
    let front = Front::new();
    in_namespace(async {
        done(THEIRS, "-R", TABLE);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..3 {
            client.send_to(b"hello", "127.0.0.1:5300").unwrap();
            client.send_to(b"hello", "127.0.0.1:5400").unwrap();
        }
        let connections = done(THEIRS, "-Lnc", "");
        assert_eq!(connections.lines().count(), 2 + 3, "two connections and a template: {connections}");
        for line in LISTINGS {
            // Rates fall and times run between the two calls.
            let mut last = (String::new(), String::new());
            let ours = front.path();
            let same = until(PATIENCE, line, || {
                last = (done(THEIRS, line, ""), done(ours.to_str().unwrap(), line, ""));
                last.0 == last.1
            });
            assert!(same.is_ok(), "{line}\n{}\n{}", last.0, last.1);
        }
    });
}

#[test]
#[ignore = "needs root and a kernel with IPVS: cargo lab test"]
fn ipvsadm_saves_the_same_after_save_clear_restore() {
    let ours = paths::binary("directorctl").unwrap();
    let ours = ours.to_str().unwrap();
    in_namespace(async {
        done(THEIRS, "-R", TABLE);
        let before = Handle::connect().await.unwrap().dump().await.unwrap();
        let theirs = done(THEIRS, "-S -n", "");
        let saved = done(ours, "ipvs save", "");
        assert_eq!(done(ours, "ipvsadm -Sn", ""), saved);
        assert_eq!(saved.replace(" -x 100 -y 80", ""), theirs);

        done(ours, "ipvs clear", "");
        assert_eq!(done(THEIRS, "-S -n", ""), "");
        done(ours, "ipvs restore", &saved);
        let after = Handle::connect().await.unwrap().dump().await.unwrap();
        assert_eq!(done(THEIRS, "-S -n", ""), theirs);
        for (key, service) in &before.services {
            let restored = &after.services[key];
            assert_eq!(restored.entry, service.entry);
            let entries = |service: &director::core::observed::ObservedService| {
                service.servers.iter().map(|(address, row)| (*address, row.entry)).collect::<Vec<_>>()
            };
            assert_eq!(entries(restored), entries(service));
        }
        assert_eq!(after.services.len(), before.services.len());

        // A bad line keeps all the others away, and is named; what the kernel refuses is named, too, and the others are done.
        let bad = "-A -t 10.9.0.1:80 -s rr\n\n-A -t 10.9.0.2:80 -s\n";
        let (status, _, complaint) = run(ours, "ipvs restore", bad);
        assert_eq!((status, complaint.contains("line 3: -s: missing argument")), (1, true), "{complaint}");
        assert_eq!(done(THEIRS, "-S -n", ""), theirs);
        let refused = "-A -t 10.9.0.1:80 -s rr\n-A -t 10.0.0.1:80 -s rr\n-A -t 10.9.0.2:80 -s rr\n";
        let (status, _, complaint) = run(ours, "ipvs restore", refused);
        assert_eq!((status, complaint.contains("line 2: ")), (1, true), "{complaint}");
        let listed = done(THEIRS, "-S -n", "");
        assert!(listed.contains("10.9.0.1:80") && listed.contains("10.9.0.2:80"), "{listed}");
    });
}
