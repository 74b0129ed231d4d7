use std::time::Duration;

use super::*;
use crate::model::{
    CheckKind, Encapsulation, Forward, Persistence, PersistenceEngine, Protocol, Scheduler, SchedulerKind,
    ServiceKey, Thresholds, Timeouts, TunnelChecksum,
};

const GOOD: &str = r#"name = "d1"
peers = ["d2"]
[ospfd]
lease_ttl = "2s"
[vip."192.0.2.10"]
metric = 20
[service.web]
vip = "192.0.2.10"
port = 80
[service.web.check]
type = "http"
path = "/health"
interval = "250ms"
timeout = "100ms"
[service.web.server.a]
address = "10.2.0.11"
[service.web.server.b]
address = "10.2.0.12"
weight = 3
check = { type = "tcp", port = 8080 }
"#;

fn read_text(text: &str) -> Result<Settings, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("director.toml");
    std::fs::write(&path, text).unwrap();
    read_with(&path, "EVENKEEL_TEST_NONE", || "host".to_owned())
}

/// The diagnostics for [`GOOD`] with `from` replaced by `to`.
fn complaint(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    read_text(&GOOD.replacen(from, to, 1)).expect_err("refused").to_string()
}

#[track_caller]
fn assert_says(complaint: &str, parts: &[&str]) {
    for part in parts {
        assert!(complaint.contains(part), "`{part}` is not in:\n{complaint}");
    }
}

#[test]
fn defaults_of_an_active_active_pair() {
    let settings = read_text(GOOD).unwrap();
    let web = &settings.model.services["web"];
    assert!(settings.model.active_active);
    let vip = "192.0.2.10:80".parse().unwrap();
    assert_eq!(web.key, ServiceKey::Address { protocol: Protocol::Tcp, vip });
    assert_eq!(web.scheduler, Scheduler { kind: SchedulerKind::Mh, fallback: true, port: true });
    assert_eq!(web.quorum, 1);
    let (a, b) = (&web.servers["a"], &web.servers["b"]);
    assert_eq!((a.address, a.weight, a.forward), ("10.2.0.11:80".parse().unwrap(), 1, Forward::Dr));
    let kind = CheckKind::Http { path: "/health".into(), host: None, statuses: vec![(200, 299)] };
    assert_eq!((&a.check.kind, a.check.target), (&kind, None));
    assert_eq!((a.check.rise, a.check.fall, a.check.timeout), (1, 2, Duration::from_millis(100)));
    assert_eq!(b.check.kind, CheckKind::Tcp);
    assert_eq!(b.check.target, Some("10.2.0.12:8080".parse().unwrap()));
    assert_eq!(b.check.interval, Duration::from_millis(250), "taken from the service's check");
    let vip = &settings.model.vips[&"192.0.2.10".parse().unwrap()];
    assert_eq!((vip.metric, vip.drain_metric), (20, 65_535));
    let Routing::Ospfd { socket, lease_ttl } = settings.routing else { panic!("ospfd is the default") };
    assert_eq!((socket.to_str(), lease_ttl), (Some("/run/evenkeel/ospfd.sock"), Duration::from_secs(2)));
}

#[test]
fn a_director_alone_gets_wlc_and_the_hosts_name() {
    let settings = read_text(&GOOD.replace("name = \"d1\"\npeers = [\"d2\"]\n", "")).unwrap();
    assert_eq!(settings.model.name, "host");
    let scheduler = &settings.model.services["web"].scheduler;
    assert_eq!(*scheduler, Scheduler { kind: SchedulerKind::Wlc, fallback: false, port: false });
}

#[test]
fn the_normal_form_reads_back_as_the_same_settings() {
    let mark = "[service.mark]\nfwmark = 7\nvips = [\"192.0.2.11\", \"192.0.2.12\"]\n\
                check = { port = 8080 }\nserver.x = { address = \"10.2.0.13\", forward = \"tunnel\" }\n";
    let nat = "[service.dns]\nvip = \"192.0.2.10\"\nport = 53\nprotocol = \"udp\"\nforward = \"nat\"\n\
               replies_return = true\nscheduler = \"rr\"\ncheck = { type = \"none\" }\n\
               server.x = { address = \"10.2.0.14\", port = 5353 }\n";
    for text in [GOOD.to_owned(), format!("{GOOD}{mark}"), format!("{GOOD}{mark}{nat}")] {
        let settings = read_text(&text).unwrap();
        let normal = normal_form(&settings);
        assert_eq!(read_text(&normal).unwrap(), settings, "{normal}");
        assert_eq!(normal_form(&read_text(&normal).unwrap()), normal);
    }
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_a_suggestion() {
    assert_says(
        &complaint("path = \"/health\"", "pth = \"/health\""),
        &["director.toml:12:1", "unknown field `pth`", "did you mean `path`?"],
    );
}

#[test]
fn a_wrong_type_is_told_with_its_line() {
    assert_says(
        &complaint("port = 80", "port = \"eighty\""),
        &["director.toml:9:8", "invalid type: string \"eighty\", expected u16"],
    );
    assert_says(&complaint("interval = \"250ms\"", "interval = \"250\""), &["director.toml:13:12", "150ms"]);
}

#[test]
fn a_missing_file_is_named() {
    let text = read(Path::new("/nonexistent/director.toml")).unwrap_err().to_string();
    assert_says(&text, &["/nonexistent/director.toml", "No such file", "--config"]);
}

#[test]
fn a_bad_address_or_prefix_is_told_with_its_line() {
    assert_says(
        &complaint("address = \"10.2.0.11\"", "address = \"10.2.0.300\""),
        &["director.toml:16:11", "`10.2.0.300` is no IP address", "192.0.2.10"],
    );
    assert_says(
        &complaint("vip = \"192.0.2.10\"", "vip = \"192.0.2.10/32\""),
        &["director.toml:8:7", "without its prefix length: `192.0.2.10`"],
    );
    assert_says(&complaint("vip = \"192.0.2.10\"", "vip = \"224.0.0.5\""), &["no address of a host"]);
}

#[test]
fn a_duplicate_service_names_both_places() {
    let second = "[service.other]\nvip = \"192.0.2.10\"\nport = 80\nserver.a = { address = \"10.2.0.11\" }\n";
    let text = read_text(&format!("{GOOD}{second}")).unwrap_err().to_string();
    assert_says(
        &text,
        &[
            "`web` and `other` are the same service: tcp 192.0.2.10:80",
            "director.toml:7:10",
            "director.toml:21:10",
        ],
    );
}

#[test]
fn a_duplicate_server_names_both_places() {
    assert_says(
        &complaint("10.2.0.12", "10.2.0.11"),
        &[
            "`b` and `a` are the same real server: 10.2.0.11:80",
            "director.toml:17",
            "director.toml:15",
            "weight",
        ],
    );
}

#[test]
fn port_0_and_a_weight_out_of_range_are_refused_together() {
    let text = GOOD.replace("port = 80\n", "port = 0\n");
    assert_says(&read_text(&text).unwrap_err().to_string(), &["director.toml:9:8", "port 0"]);
    assert_says(&complaint("weight = 3", "weight = 70000"), &["director.toml:19:10", "0 to 65535"]);
    let both =
        GOOD.replace("weight = 3", "weight = 70000").replace("timeout = \"100ms\"", "timeout = \"1s\"");
    assert_says(
        &read_text(&both).unwrap_err().to_string(),
        &["0 to 65535", "longer than the interval of 250ms"],
    );
}

#[test]
fn a_timeout_above_the_interval_is_refused() {
    assert_says(
        &complaint("timeout = \"100ms\"", "timeout = \"300ms\""),
        &["director.toml:14:11", "the timeout of 300ms is longer than the interval of 250ms"],
    );
}

#[test]
fn direct_routing_to_another_port_is_refused() {
    assert_says(
        &complaint("weight = 3", "port = 8080"),
        &["director.toml:19:8", "`dr` does not rewrite ports", "forward = \"nat\""],
    );
}

#[test]
fn nat_with_several_directors_needs_returning_replies() {
    assert_says(
        &complaint("weight = 3", "forward = \"nat\""),
        &["director.toml:19:11", "replies return through a director", "replies_return = true"],
    );
    let told = GOOD
        .replace("weight = 3", "forward = \"nat\"")
        .replace("port = 80\n", "port = 80\nreplies_return = true\n");
    assert_eq!(read_text(&told).unwrap().model.services["web"].servers["b"].forward, Forward::Nat);
    let alone = GOOD.replace("weight = 3", "forward = \"nat\"").replace("peers = [\"d2\"]\n", "");
    assert!(read_text(&alone).is_ok(), "one director alone sees all replies");
}

#[test]
fn flags_must_fit_the_scheduler() {
    assert_says(
        &complaint("port = 80\n", "port = 80\nscheduler = \"rr\"\nflags = [\"mh-port\"]\n"),
        &["director.toml:11:9", "do not fit the scheduler `rr`"],
    );
    assert_says(
        &complaint("port = 80\n", "port = 80\nscheduler = \"mhh\"\n"),
        &["director.toml:10:13", "unknown variant `mhh`", "did you mean `mh`?"],
    );
}

#[test]
fn keys_of_an_http_check_need_an_http_check() {
    assert_says(
        &complaint("type = \"tcp\", port = 8080", "type = \"tcp\", path = \"/\""),
        &["director.toml:20", "only an HTTP check has a `path`"],
    );
    assert_says(
        &complaint("path = \"/health\"", "status = [\"2xx\"]"),
        &["director.toml:12", "a number or a range from 100 to 599"],
    );
}

#[test]
fn a_vip_without_service_and_an_ipv6_vip_under_ospfd_are_refused() {
    assert_says(
        &complaint("[service.web]", "[vip.\"192.0.2.99\"]\n[service.web]"),
        &["director.toml:7:6", "no service has the VIP 192.0.2.99"],
    );
    let six =
        "[service.six]\nvip = \"2001:db8::10\"\nport = 80\nserver.a = { address = \"2001:db8:1::1\" }\n";
    let text = read_text(&format!("{GOOD}{six}")).unwrap_err().to_string();
    assert_says(&text, &["ospfd cannot advertise 2001:db8::10", "ospfd.enabled = false"]);
    let addresses = format!("{GOOD}{six}").replace("lease_ttl = \"2s\"", "enabled = false");
    assert_eq!(read_text(&addresses).unwrap().routing, Routing::Addresses);
}

#[test]
fn a_mark_needs_its_vips_and_a_port_to_ask() {
    let mark = "[service.mark]\nfwmark = 7\nserver.a = { address = \"10.2.0.11\" }\n";
    assert_says(
        &read_text(&format!("{GOOD}{mark}")).unwrap_err().to_string(),
        &["no VIP depends on the mark"],
    );
    let mark = mark.replace("fwmark = 7", "fwmark = 7\nvips = [\"192.0.2.10\"]");
    assert_says(
        &read_text(&format!("{GOOD}{mark}")).unwrap_err().to_string(),
        &["no port that could be asked"],
    );
}

#[test]
fn a_udp_service_must_say_how_it_is_checked() {
    let dns = "[service.dns]\nvip = \"192.0.2.10\"\nport = 53\nprotocol = \"udp\"\nserver.a = { address = \"10.2.0.11\" }\n";
    let text = read_text(&format!("{GOOD}{dns}")).unwrap_err().to_string();
    assert_says(&text, &["director.toml:21", "UDP service is checked must be said"]);
}

#[test]
fn every_scheduler_can_be_chosen_and_flags_go_with_mh_and_sh() {
    for kind in SchedulerKind::ALL {
        let text = GOOD.replace("port = 80\n", &format!("port = 80\nscheduler = \"{}\"\n", kind.name()));
        let scheduler = &read_text(&text).unwrap().model.services["web"].scheduler;
        let has_flags = matches!(kind, SchedulerKind::Mh | SchedulerKind::Sh);
        assert_eq!(
            *scheduler,
            Scheduler { kind, fallback: has_flags, port: has_flags },
            "the default of peers"
        );
    }
    let sh = GOOD.replace("port = 80\n", "port = 80\nscheduler = \"sh\"\nflags = [\"sh-fallback\"]\n");
    let settings = read_text(&sh).unwrap();
    let scheduler = &settings.model.services["web"].scheduler;
    assert_eq!((scheduler.fallback, scheduler.port), (true, false));
    assert_eq!(read_text(&normal_form(&settings)).unwrap(), settings);
    assert_says(
        &complaint("port = 80\n", "port = 80\nscheduler = \"sh\"\nflags = [\"mh-port\"]\n"),
        &["director.toml:11:9", "do not fit the scheduler `sh`", "sh-port"],
    );
}

const SIP: &str = r#"[service.sip]
vip = "192.0.2.20"
port = 5060
protocol = "udp"
scheduler = "rr"
one_packet = true
persistence = { timeout = "2m", netmask = "255.255.255.0", engine = "sip" }
check = { type = "none" }
server.a = { address = "10.2.0.21", upper_threshold = 100, lower_threshold = 80 }
"#;

#[test]
fn persistence_one_packet_and_thresholds_are_read_and_written_again() {
    let settings = read_text(&format!("{GOOD}{SIP}")).unwrap();
    let sip = &settings.model.services["sip"];
    let engine = Some(PersistenceEngine::Sip);
    assert_eq!(sip.persistence, Some(Persistence { timeout: 120, prefix: 24, engine }));
    assert!(sip.one_packet);
    assert_eq!(sip.servers["a"].thresholds, Thresholds { upper: 100, lower: 80 });
    assert_eq!(read_text(&normal_form(&settings)).unwrap(), settings);
    let plain = SIP.replace("{ timeout = \"2m\", netmask = \"255.255.255.0\", engine = \"sip\" }", "{}");
    let settings = read_text(&format!("{GOOD}{plain}")).unwrap();
    let all = Persistence { timeout: 300, prefix: 32, engine: None };
    assert_eq!(settings.model.services["sip"].persistence, Some(all), "ipvsadm's defaults");
}

#[test]
fn what_does_not_go_together_is_refused_with_its_line() {
    let said = |from: &str, to: &str| {
        assert!(SIP.contains(from), "{from}");
        read_text(&format!("{GOOD}{}", SIP.replacen(from, to, 1))).unwrap_err().to_string()
    };
    assert_says(&said("\"2m\"", "\"1500ms\""), &["director.toml:27:27", "1s to 31days"]);
    assert_says(&said("255.255.255.0", "255.0.255.0"), &["director.toml:27", "`255.0.255.0` is no netmask"]);
    assert_says(&said("netmask = \"255.255.255.0\"", "prefix = 33"), &["prefix of 33 bits", "1 to 32"]);
    assert_says(&said("\"udp\"", "\"sctp\""), &["datagram by datagram", "SIP over UDP only"]);
    assert_says(
        &said("lower_threshold = 80", "lower_threshold = 101"),
        &["director.toml:29", "101 is above"],
    );
    assert_says(
        &said("check = { type = \"none\" }\n", ""),
        &["how a server of a UDP service is checked must be said"],
    );
}

#[test]
fn tunnels_are_read_and_reach_servers_of_the_other_family() {
    let text = GOOD.replace("weight = 3", "tunnel = { type = \"gre\", checksum = \"csum\" }").replace(
        "port = 80\n",
        "port = 80\nforward = \"tunnel\"\ntunnel = { type = \"gue\", port = 6080, checksum = \"remcsum\" }\n",
    );
    let text = text.replace("\"10.2.0.12\"", "\"2001:db8:2::12\"");
    let settings = read_text(&text).unwrap();
    let servers = &settings.model.services["web"].servers;
    let gue = Encapsulation::Gue { port: 6080, checksum: TunnelChecksum::Remote };
    assert_eq!(servers["a"].forward, Forward::Tunnel(gue));
    assert_eq!(servers["b"].forward, Forward::Tunnel(Encapsulation::Gre { checksum: true }));
    assert_eq!(read_text(&normal_form(&settings)).unwrap(), settings);

    assert_says(
        &complaint("weight = 3", "forward = \"tunnel\"\ntunnel = { type = \"gue\" }"),
        &["director.toml:20", "needs the server's UDP port"],
    );
    assert_says(
        &complaint("weight = 3", "forward = \"tunnel\"\ntunnel = { type = \"gre\", checksum = \"remcsum\" }"),
        &["director.toml:20", "gre has no remote checksum"],
    );
    assert_says(&complaint("weight = 3", "tunnel = { type = \"gre\" }"), &["has no tunnel"]);
    assert_says(&complaint("10.2.0.12", "2001:db8:2::12"), &["address family", "forward = \"tunnel\""]);
}

#[test]
fn port_0_serves_every_port_when_clients_persist() {
    let text = GOOD
        .replace("port = 80\n", "port = 0\npersistence = {}\n")
        .replace("type = \"http\"\n", "type = \"http\"\nport = 80\n");
    let settings = read_text(&text).unwrap();
    let web = &settings.model.services["web"];
    assert_eq!(web.key.to_string(), "tcp 192.0.2.10:0");
    assert_eq!(web.servers["a"].address, "10.2.0.11:0".parse().unwrap());
    assert_eq!(read_text(&normal_form(&settings)).unwrap(), settings);
}

#[test]
fn timeouts_and_modules_are_settings_of_ipvs() {
    let text = format!("{GOOD}[ipvs]\nload_modules = false\ntimeouts = {{ tcp = \"1h\" }}\n");
    let settings = read_text(&text).unwrap();
    assert_eq!(settings.modprobe, None);
    assert_eq!(settings.model.timeouts, Some(Timeouts { tcp: 3600, tcp_fin: 120, udp: 300 }));
    assert_eq!(read_text(&normal_form(&settings)).unwrap(), settings);
    let settings = read_text(GOOD).unwrap();
    assert_eq!(settings.modprobe.as_deref(), Some(Path::new("/sbin/modprobe")));
    let text = read_text(&format!("{GOOD}[ipvs]\nmodprobe = \"modprobe\"\n")).unwrap_err().to_string();
    assert_says(&text, &["director.toml:22:12", "no absolute path"]);
}
