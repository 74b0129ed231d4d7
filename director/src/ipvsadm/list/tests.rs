use super::*;
use crate::model::{Encapsulation, FLAG_ONE_PACKET, FLAG_SCHED1, Forward, ServerEntry, TunnelChecksum};

fn rows(key: &str, entry: ServiceEntry, servers: &[(&str, ServerEntry)]) -> Rows {
    let servers = servers.iter().map(|&(address, entry)| DumpedServer {
        address: address.parse().unwrap(),
        entry,
        active: 5,
        inactive: 7,
        persistent: 3,
        stats: Stats {
            connections: 1,
            in_bytes: 123_456_789,
            rates: Rates { connections: 2, in_bytes: 1_500_000_000, ..Rates::default() },
            ..Stats::default()
        },
    });
    let stats = Stats { in_bytes: 99_999_999, out_bytes: 250_000_000_000_000, ..Stats::default() };
    Rows { key: key.parse().unwrap(), entry, stats, servers: servers.collect() }
}

fn entry(scheduler: &str, flags: u32, netmask: u32) -> ServiceEntry {
    ServiceEntry { scheduler: scheduler.to_owned(), flags, timeout: 300, netmask, engine: None }
}

fn table() -> Vec<Rows> {
    let gue = Forward::Tunnel(Encapsulation::Gue { port: 6080, checksum: TunnelChecksum::Remote });
    let limited =
        ServerEntry { upper_threshold: 100, lower_threshold: 80, ..ServerEntry::new(Forward::Dr, 1) };
    vec![
        rows("fwmark 7 ipv6", entry("rr", FLAG_ONE_PACKET, 128), &[]),
        rows("udp [2001:db8::1]:53", entry("sh", FLAG_PERSISTENT | FLAG_SCHED1, 64), &[]),
        rows(
            "tcp 10.0.0.2:80",
            entry("wlc", FLAG_PERSISTENT, 0xffff_ff00),
            &[
                ("[2001:db8::2]:80", ServerEntry::new(gue, 2)),
                ("10.0.1.10:80", limited),
                ("10.0.1.9:8080", ServerEntry::new(Forward::Nat, 0)),
            ],
        ),
        rows("udp 10.0.0.1:53", entry("rr", 0, u32::MAX), &[]),
    ]
}

fn shown(format: Format, exact: bool) -> String {
    let mut table = table();
    sort(&mut table);
    let rows: String = table.iter().map(|rows| service(rows, format, exact)).collect();
    // What stands at the end of a line must show.
    (title(format) + &rows).replace('\n', "|\n")
}

#[test]
fn every_format_keeps_its_columns() {
    let formats = [
        Format::Plain,
        Format::TunnelInfo,
        Format::Stats,
        Format::Rate,
        Format::Thresholds,
        Format::PersistentConn,
    ];
    let all: Vec<_> = formats.into_iter().map(|format| shown(format, false)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn exact_numbers_widen_their_columns() {
    assert!(shown(Format::Stats, true).contains("UDP  10.0.0.1:53"));
    assert_eq!(large(250_000_000_000_000, true), " 250000000000000");
    assert_eq!(large(99_999_999, true), " 99999999");
    assert_eq!(large(100_000_000, false), "  100000K");
}

#[test]
fn saved_lines_hold_thresholds() {
    let mut table = table();
    sort(&mut table);
    let lines: String = table.iter().map(save).collect();
    assert_eq!(
        lines,
        "-A -t 10.0.0.2:80 -s wlc -p 300 -M 255.255.255.0\n\
         -a -t 10.0.0.2:80 -r 10.0.1.9:8080 -m -w 0\n\
         -a -t 10.0.0.2:80 -r 10.0.1.10:80 -g -w 1 -x 100 -y 80\n\
         -a -t 10.0.0.2:80 -r [2001:db8::2]:80 -i -w 2 --tun-type gue --tun-port 6080 --tun-remcsum\n\
         -A -u 10.0.0.1:53 -s rr\n\
         -A -u [2001:db8::1]:53 -s sh -p 300 -M 64 -b sh-fallback\n\
         -A -f 7 -6 -s rr -o\n"
    );
}
