use super::*;
use crate::ipvsadm::NumbersOnly;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn op(line: &str) -> String {
    match parse(&words(line), &NumbersOnly) {
        Ok(Command::Change(op)) => op.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

fn error(line: &str) -> String {
    parse(&words(line), &NumbersOnly).expect_err(line).to_string()
}

/// Knows one host and one port.
struct OneName;

impl Names for OneName {
    fn host(&self, name: &str) -> Option<Ipv4Addr> {
        (name == "web.example").then_some(Ipv4Addr::new(10, 0, 0, 9))
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        (name == "http" && protocol == Protocol::Tcp).then_some(80)
    }
}

#[test]
fn short_long_glued_and_clustered_options_say_the_same() {
    let plain = "-A -t 10.0.0.1:80 -s rr -p 60";
    for line in [
        "-A -t 10.0.0.1:80 -s rr -p 60",
        "--add-service --tcp-service 10.0.0.1:80 --scheduler rr --persistent 60",
        "--add-service --tcp-service=10.0.0.1:80 --scheduler=rr --persistent=60",
        "-At 10.0.0.1:80 -srr -p60",
        "-At10.0.0.1:80 -s=rr -p=60",
        "-A -p 60 -s rr -t 10.0.0.1:80",
    ] {
        assert_eq!(op(line), plain, "{line}");
    }
}

#[test]
fn a_time_of_persistence_may_be_left_out() {
    assert_eq!(op("-A -p -t 10.0.0.1:80"), "-A -t 10.0.0.1:80 -s wlc -p 360");
    assert_eq!(op("-A -t 10.0.0.1:0 -p"), "-A -t 10.0.0.1:0 -s wlc -p 360");
    assert_eq!(op("-A -f 1 -p 2678400"), "-A -f 1 -s wlc -p 2678400");
}

#[test]
fn the_port_of_a_server_follows_its_service_unless_it_is_masqueraded() {
    assert_eq!(op("-a -t 10.0.0.1:80 -r 10.0.1.1"), "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1");
    assert_eq!(op("-a -t 10.0.0.1:80 -r 10.0.1.1:8080"), "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1");
    assert_eq!(op("-a -t 10.0.0.1:80 -r 10.0.1.1:8080 -m"), "-a -t 10.0.0.1:80 -r 10.0.1.1:8080 -m -w 1");
    assert_eq!(op("-d -f 1 -r 10.0.1.1:8"), "-d -f 1 -r 10.0.1.1:8");
}

#[test]
fn names_of_hosts_and_ports_are_asked_for() {
    let command = parse(&words("-D -t web.example:http"), &OneName).unwrap();
    let key = "tcp 10.0.0.9:80".parse().unwrap();
    assert_eq!(command, Command::Change(Op::DelService { key }));
    assert!(parse(&words("-D -u web.example:http"), &OneName).is_err());
}

#[test]
fn wrong_lines_are_told_in_the_words_that_scripts_know() {
    let cases = [
        ("", "the first option must be a command; try `-h`"),
        ("-n -L", "the first option must be a command; try `-h`"),
        ("-q", "-q: unknown option"),
        ("-A -t", "-t: missing argument"),
        ("-L --numeric=1", "--numeric: option does not take an argument"),
        ("-A -D", "invalid option `delete-service'"),
        ("-A -t 10.0.0.1:80 -u 10.0.0.1:80", "multiple 'service-address' options specified"),
        ("-A -s rr", "You need to supply the 'service-address' option for the 'add-service' command"),
        ("-a -t 10.0.0.1:80", "You need to supply the 'real-server' option for the 'add-server' command"),
        ("-A -t 10.0.0.1:80 -w 1", "Illegal 'weight' option with the 'add-service' command"),
        (
            "-L -c --timeout",
            "The option 'connection' conflicts with the 'timeout' option in the 'list' command",
        ),
        ("-A -t 10.0.0.1", "Zero port specified for non-persistent service"),
        ("-A -t 10.0.0.1:80 -o", "One-Packet Scheduling is only for UDP virtual services"),
        ("-A -6 -f 1", "-6 used before -f"),
        ("-A -t [2001:db8::1]", "illegal virtual server address[:port] specified: `[2001:db8::1]'"),
        ("-A -t 10.0.0.1:80 -p 0", "illegal timeout value specified: `0'"),
        ("-A -t 10.0.0.1:80 -s rr -b mh-port", "illegal scheduler flag specified: `mh-port'"),
        ("-a -t 10.0.0.1:80 -r 10.0.1.1 -m --tun-type gre", "Tunnel options conflict with forward method"),
        (
            "-a -t 10.0.0.1:80 -r 10.0.1.1 -i --tun-type gue",
            "the option 'tun-port' does not fit the 'gue' tunnel type, or is missing for it",
        ),
        (
            "-a -t 10.0.0.1:80 -r 2001:db8::2",
            "Different address family is allowed only for tunneling servers",
        ),
        ("--set 1 2", "--set option requires 3 timeout values"),
        ("--set 1 2 3 4", "unexpected argument 4"),
        ("-L x", "unexpected argument x"),
        ("-L -c --stats", "options conflicts in the list command"),
        ("--start-daemon both", "illegal start-daemon parameter specified: `both'"),
        ("--start-daemon master --mcast-group 10.0.0.1", "illegal mcast-group specified: `10.0.0.1'"),
    ];
    for (line, says) in cases {
        assert_eq!(error(line), says, "{line}");
    }
}

#[test]
fn a_listing_has_one_format_and_one_subject() {
    let table = |format, sorted, exact| List::Table { key: None, format, sorted, exact };
    for (line, list) in [
        ("-Ln", table(Format::Plain, true, false)),
        ("-l --rate --stats --exact --nosort", table(Format::Stats, false, true)),
        ("-Ln --sort --tun-info", table(Format::TunnelInfo, true, false)),
        ("-Lnc", List::Connections { with_engine: false }),
        ("-Lc --persistent-conn", List::Connections { with_engine: true }),
        ("-L --timeout", List::Timeouts),
        ("-L --daemon", List::Daemons),
    ] {
        assert_eq!(parse(&words(line), &NumbersOnly), Ok(Command::List(list)), "{line}");
    }
}
