mod auth;
mod bfd;
mod graceful_restart;

use std::collections::BTreeSet;
use std::time::Duration;

use common::control::ospf::Encoding;
use common::ids::AreaId;

use super::*;
use crate::core::config::{
    AreaKind, AuthConfig, DEFAULT_MAX_LSAS, NetworkType, NssaConfig, NssaRangeConfig, Password, RangeConfig,
    RoutingConfig, StaticNeighbor, TranslatorRole,
};
use crate::packet::ExternalMetric;
use crate::runtime::routes::Install;

struct Files(tempfile::TempDir);

impl Files {
    fn new(text: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("ospfd.toml", text);
        files
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(&self) -> Result<Settings, Diagnostics> {
        load(&self.0.path().join("ospfd.toml"))
    }
}

/// What the operator reads.
fn errors(text: &str) -> String {
    Files::new(text).load().unwrap_err().to_string()
}

/// Every phrase stands in the diagnostics of `text`.
fn assert_errors(text: &str, phrases: &[&str]) {
    let found = errors(text);
    for phrase in phrases {
        assert!(found.contains(phrase), "`{phrase}` is missing in:\n{found}");
    }
}

#[test]
fn metrics_want_an_address_and_a_port_and_are_off_without() {
    let text = "router_id = \"10.0.0.1\"\n";
    assert_eq!(Files::new(text).load().unwrap().metrics, None);
    assert_errors(
        &format!("{text}[metrics]\nlisten = \"9617\"\n"),
        &["ospfd.toml:3:", "invalid socket address"],
    );
}

const WHOLE: &str = r#"
router_id = "10.0.0.1"
transit = true
[control]
socket = "/tmp/o.sock"
[metrics]
listen = "127.0.0.1:9617"
[log]
filter = "debug"
format = "json"
[interface.eth0]
area = "0.0.0.1"
type = "point-to-point"
cost = 65535
priority = 0
hello_interval = "1s"
dead_interval = "4s"
retransmit_interval = "500ms"
transmit_delay = "2s"
mtu_ignore = true
passive = true
ttl_security = true
neighbors = ["192.0.2.9", "192.0.2.8"]
auth = { simple = "secret" }
[advertise."192.0.2.1/32"]
metric = 10
[advertise."198.51.100.0/24"]
metric = 65535
"#;

#[test]
fn every_key_reaches_the_engine() {
    let settings = Files::new(WHOLE).load().unwrap();
    assert_eq!(settings.socket, Path::new("/tmp/o.sock"));
    assert_eq!(settings.metrics, "127.0.0.1:9617".parse().ok());
    assert_eq!((settings.log_filter.as_str(), settings.log_format), ("debug", LogFormat::Json));
    assert_eq!((settings.core.router_id.to_string().as_str(), settings.core.transit), ("10.0.0.1", true));
    let eth0 = &settings.core.interfaces["eth0"];
    assert_eq!(eth0.area.to_string(), "0.0.0.1");
    assert_eq!(eth0.network_type, NetworkType::PointToPoint);
    assert_eq!((eth0.cost, eth0.priority, eth0.mtu_ignore, eth0.passive), (65535, 0, true, true));
    assert_eq!((eth0.ttl_security, eth0.hide_prefix), (true, false));
    assert_eq!(eth0.allowed, Some(BTreeSet::from([[192, 0, 2, 8].into(), [192, 0, 2, 9].into()])));
    assert_eq!((eth0.hello_interval, eth0.dead_interval), (Duration::from_secs(1), Duration::from_secs(4)));
    assert_eq!(eth0.retransmit_interval, Duration::from_millis(500));
    assert_eq!(eth0.transmit_delay, Duration::from_secs(2));
    assert_eq!(eth0.auth, AuthConfig::Simple(Password(*b"secret\0\0")));
    let statics: Vec<_> =
        settings.core.static_advertisements.iter().map(|a| (a.prefix.to_string(), a.metric)).collect();
    assert_eq!(statics, [("192.0.2.1/32".to_owned(), 10), ("198.51.100.0/24".to_owned(), 65535)]);
}

#[test]
fn defaults_are_those_of_the_neighbours() {
    let settings = Files::new("router_id = \"10.0.0.1\"\n[interface.enP2s1]\n").load().unwrap();
    assert_eq!(settings.socket, Path::new(DEFAULT_SOCKET));
    assert!(!settings.core.transit);
    let interface = &settings.core.interfaces["enP2s1"];
    assert_eq!(interface.area.0, 0);
    assert_eq!(interface.network_type, NetworkType::Broadcast);
    assert_eq!((interface.cost, interface.priority), (10, 1));
    assert_eq!(interface.hello_interval, Duration::from_secs(10));
    assert_eq!(interface.dead_interval, Duration::from_secs(40));
    assert_eq!(interface.auth, AuthConfig::Null);
}

#[test]
fn neighbours_that_cannot_be_are_refused_and_nothing_is_hidden_that_nobody_sees() {
    for (line, said) in [
        ("neighbors = []", "neighbors is empty"),
        ("neighbors = [\"10.0.0.300\"]", "`10.0.0.300` is no IPv4 address"),
        ("neighbors = [\"224.0.0.5\"]", "`224.0.0.5` is no IPv4 address"),
        ("unnumbered = \"lo\"", "only a point-to-point interface can be unnumbered"),
        ("type = \"point-to-point\"\nunnumbered = \"eth0\"", "`eth0` has no address to lend to eth0"),
        ("type = \"non-broadcast\"", "would not speak to anybody"),
        (
            "type = \"non-broadcast\"\nneighbors = [\"10.0.0.2\"]\n[interface.eth0.neighbor.\"10.0.0.1\"]",
            "10.0.0.1 is named, but neighbors does not allow it",
        ),
        ("[interface.eth0.neighbor.\"10.0.0.1\"]", "only non-broadcast and point-to-multipoint"),
        (
            "type = \"point-to-multipoint\"\n[interface.eth0.neighbor.\"ten\"]",
            "`ten` is no IPv4 address of a neighbour",
        ),
        (
            "type = \"non-broadcast\"\n[interface.eth0.neighbor.\"10.0.0.1\"]\npoll_interval = \"2s\"",
            "is shorter than hello_interval",
        ),
        ("passive = true\nhide_prefix = true", "leaves nothing to advertise"),
    ] {
        let text = format!("router_id = \"10.0.0.1\"\n[interface.eth0]\n{line}\n");
        let found = Files::new(&text).load().unwrap_err().to_string();
        assert!(found.contains(said) && found.contains("ospfd.toml:"), "{found}");
    }
}

#[test]
fn neighbours_without_multicast_are_named_and_shown_again() {
    let text = "router_id = \"10.0.0.1\"\n[interface.eth0]\ntype = \"non-broadcast\"\n\
        [interface.eth0.neighbor.\"10.0.0.2\"]\npriority = 0\n[interface.eth0.neighbor.\"10.0.0.3\"]\n\
        poll_interval = \"30s\"\n";
    let settings = Files::new(text).load().unwrap();
    let eth0 = &settings.core.interfaces["eth0"];
    assert_eq!(eth0.network_type, NetworkType::NonBroadcast);
    let neighbor =
        |priority, seconds| StaticNeighbor { priority, poll_interval: Duration::from_secs(seconds) };
    let expected = [([10, 0, 0, 2].into(), neighbor(0, 120)), ([10, 0, 0, 3].into(), neighbor(1, 30))];
    assert_eq!(eth0.static_neighbors, expected.into());
    assert_eq!(Files::new(&settings.normal_form).load().unwrap().core, settings.core);
}

#[test]
fn the_dead_interval_follows_the_hello_interval() {
    let text = "router_id = \"10.0.0.1\"\n[interface.eth0]\nhello_interval = \"2s\"\n";
    let settings = Files::new(text).load().unwrap();
    assert_eq!(settings.core.interfaces["eth0"].dead_interval, Duration::from_secs(8));
}

#[test]
fn the_normal_form_means_the_same_and_hides_secrets() {
    let settings = Files::new(WHOLE).load().unwrap();
    assert!(!settings.normal_form.contains("secret"), "{}", settings.normal_form);
    let mut again = Files::new(&settings.normal_form).load().unwrap();
    assert_eq!(again.normal_form, settings.normal_form);
    again.core.interfaces.get_mut("eth0").unwrap().auth = AuthConfig::Simple(Password(*b"secret\0\0"));
    again.written = settings.written.clone();
    assert_eq!(again, settings);
}

#[test]
fn what_a_recording_gets_means_the_same_and_is_not_shown_by_accident() {
    let settings = Files::new(WHOLE).load().unwrap();
    assert!(settings.written.text().contains("secret"), "{}", settings.written.text());
    assert_eq!(parse(Path::new("recording"), settings.written.text()).unwrap(), settings);
    assert!(!format!("{settings:?}").contains("secret"));
    let refused = parse(Path::new("recording"), "nonsense = 1\n").unwrap_err().to_string();
    assert!(refused.contains("recording:1:"), "{refused}");
}

#[test]
fn a_secret_can_stand_in_a_file() {
    let files = Files::new("");
    let secret = files.write("key", "s3cret\n");
    let text = format!(
        "router_id = \"10.0.0.1\"\n[interface.eth0]\nauth = {{ simple = {{ file = {:?} }} }}\n",
        secret.display()
    );
    files.write("ospfd.toml", &text);
    let settings = files.load().unwrap();
    assert_eq!(settings.core.interfaces["eth0"].auth, AuthConfig::Simple(Password(*b"s3cret\0\0")));
    assert!(settings.normal_form.contains("key"), "{}", settings.normal_form);
}

#[test]
fn fragments_add_interfaces_and_prefixes() {
    let files = Files::new("router_id = \"10.0.0.1\"\n[interface.eth0]\ncost = 5\n");
    files.write(
        "ospfd.conf.d/vips.toml",
        "[advertise.\"192.0.2.1/32\"]\nmetric = 1\n[interface.eth0]\ncost = 6\n",
    );
    let settings = files.load().unwrap();
    assert_eq!(settings.core.interfaces["eth0"].cost, 6);
    assert_eq!(settings.core.static_advertisements.len(), 1);
}

#[test]
fn a_missing_file_is_named() {
    let found = load(Path::new("/nonexistent/ospfd.toml")).unwrap_err().to_string();
    assert!(found.contains("/nonexistent/ospfd.toml cannot be read"), "{found}");
    assert!(found.contains("--config"), "{found}");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_its_likeness() {
    let text = "router_id = \"10.0.0.1\"\n[interface.eth0]\nhelo_interval = \"1s\"\n";
    assert_errors(
        text,
        &["unknown field `helo_interval`", "ospfd.toml:3:1", "did you mean `hello_interval`?"],
    );
    assert_errors("ruoter_id = \"10.0.0.1\"\n", &["ospfd.toml:1:1", "did you mean `router_id`?"]);
}

#[test]
fn a_wrong_type_is_named_with_its_place() {
    let id = "router_id = \"10.0.0.1\"\n";
    assert_errors(
        &format!("{id}[interface.eth0]\ncost = \"ten\"\n"),
        &["ospfd.toml:3:8", "invalid type: string"],
    );
    assert_errors("router_id = 7\n", &["ospfd.toml:1:13", "invalid type"]);
    assert_errors(
        "router_id = \"10.0.0\"\n",
        &["ospfd.toml:1:13", "`10.0.0` is neither four dotted numbers"],
    );
    assert_errors(&format!("{id}[interface.eth0]\ntype = \"nbma\"\n"), &["ospfd.toml:3:8", "point-to-point"]);
    assert_errors(&format!("{id}[interface.eth0]\nhello_interval = 1\n"), &["ospfd.toml:3:18", "\"150ms\""]);
    assert_errors(&format!("{id}[interface.eth0]\nauth = {{ simple = 5 }}\n"), &["ospfd.toml:3:", "{ file"]);
    assert_errors("router_id = \n", &["ospfd.toml:1:"]);
}

#[test]
fn a_router_needs_an_id() {
    assert_errors(
        "transit = false\n",
        &["router_id is missing in", "ospfd.toml", "router_id = \"10.0.0.1\""],
    );
    assert_errors("router_id = \"0.0.0.0\"\n", &["ospfd.toml:1:13", "no router may have"]);
}

#[test]
fn intervals_must_fit_the_wire_and_each_other() {
    let with = |line: &str| format!("router_id = \"10.0.0.1\"\n[interface.eth0]\n{line}\n");
    assert_errors(&with("hello_interval = \"1500ms\""), &["ospfd.toml:3:18", "whole seconds"]);
    assert_errors(&with("hello_interval = \"0s\""), &["ospfd.toml:3:18", "whole seconds, 1 to 65535"]);
    assert_errors(&with("dead_interval = \"1d\""), &["ospfd.toml:3:17", "1 to 65535"]);
    assert_errors(
        &with("dead_interval = \"10s\""),
        &["ospfd.toml:3:17", "not longer than hello_interval (10s)"],
    );
    assert_errors(&with("retransmit_interval = \"1ms\""), &["ospfd.toml:3:23", "100 ms to 1 h"]);
    assert_errors(&with("transmit_delay = \"1ms\""), &["ospfd.toml:3:18", "whole seconds"]);
}

#[test]
fn numbers_have_bounds() {
    let with = |line: &str| format!("router_id = \"10.0.0.1\"\n[interface.eth0]\n{line}\n");
    assert_errors(&with("cost = 0"), &["ospfd.toml:3:8", "cost is 0, out of 1 to 65535"]);
    assert_errors(&with("cost = 65536"), &["ospfd.toml:3:8", "out of 1 to 65535"]);
    assert_errors(&with("priority = -1"), &["ospfd.toml:3:12", "out of 0 to 255"]);
    let metric = "router_id = \"10.0.0.1\"\n[advertise.\"192.0.2.1/32\"]\nmetric = 65536\n";
    assert_errors(metric, &["ospfd.toml:3:10", "out of 0 to 65535"]);
}

#[test]
fn prefixes_that_cannot_be_advertised_are_refused_with_their_place() {
    let with = |prefix: &str| format!("router_id = \"10.0.0.1\"\n[advertise.\"{prefix}\"]\nmetric = 1\n");
    assert_errors(&with("192.0.2.1/24"), &["ospfd.toml:2:", "host bits set; write 192.0.2.0/24"]);
    assert_errors(&with("192.0.2.1/33"), &["ospfd.toml:2:", "`192.0.2.1/33` is no prefix"]);
    assert_errors(&with("vip"), &["ospfd.toml:2:", "`vip` is no prefix", "192.0.2.1/32"]);
    assert_errors(&with("2001:db8::1/128"), &["ospfd.toml:2:", "is not IPv4"]);
    let bare = "router_id = \"10.0.0.1\"\n[advertise.\"192.0.2.1/32\"]\n";
    assert_errors(bare, &["ospfd.toml:2:", "has no metric"]);
    let twice = format!("{}[advertise.\"192.0.2.1\"]\nmetric = 1\n", with("192.0.2.1/32"));
    assert_errors(&twice, &["ospfd.toml:2:", "ospfd.toml:4:", "advertised twice"]);
}

#[test]
fn more_prefixes_than_a_router_lsa_holds_are_refused() {
    use std::fmt::Write;
    let mut text = "router_id = \"10.0.0.1\"\n".to_owned();
    for n in 0..=crate::core::advertise::MAX_STUBS {
        let (high, low) = (n / 256, n % 256);
        writeln!(text, "[advertise.\"10.1.{high}.{low}/32\"]\nmetric = 1").unwrap();
    }
    let external = text.replace("metric = 1", "type = \"external-2\"\nmetric = 1");
    assert!(Files::new(&external).load().is_ok());
    assert_errors(&text, &["5351 stub prefixes are more than the 5350", "external-2"]);
}

#[test]
fn an_external_prefix_has_a_type_and_may_have_a_tag() {
    let with =
        |more: &str| format!("router_id = \"10.0.0.1\"\n[advertise.\"192.0.2.1/32\"]\nmetric = 5\n{more}\n");
    let settings = Files::new(&with("type = \"external-2\"\ntag = 77")).load().unwrap();
    let one = &settings.core.static_advertisements[0];
    assert_eq!((one.metric, one.encoding, one.tag), (5, Encoding::External2, 77));
    assert!(
        settings.normal_form.contains("type = \"external-2\"\nmetric = 5\ntag = 77"),
        "{}",
        settings.normal_form
    );
    assert_errors(&with("tag = 77"), &["ospfd.toml:4:", "carries no tag", "external-2"]);
    assert_errors(&with("type = \"external-2\"\ntag = -1"), &["ospfd.toml:5:", "tag is -1"]);
    assert_errors(&with("type = \"external\""), &["ospfd.toml:4:", "external-1"]);
}

const TWO_AREAS: &str =
    "router_id = \"10.0.0.1\"\n[interface.eth0]\narea = \"0\"\n[interface.eth1]\narea = \"1\"\n";

#[test]
fn several_areas_need_the_backbone() {
    assert!(Files::new(TWO_AREAS).load().is_ok());
    let text = TWO_AREAS.replace("\"0\"", "\"2\"");
    assert_errors(&text, &["ospfd.toml:5:8", "ospfd.toml:3:8", "none in the backbone", "virtual links"]);
}

#[test]
fn an_area_has_a_type_and_ranges() {
    let text = format!(
        "{TWO_AREAS}[area.\"0.0.0.1\"]\ntype = \"stub\"\nno_summary = true\n[area.\"0.0.0.1\".range.\"10.1.0.0/16\"]\nadvertise = false\n"
    );
    let settings = Files::new(&text).load().unwrap();
    let area = &settings.core.areas[&AreaId(1)];
    assert_eq!(area.kind, AreaKind::Stub { default_cost: 1, summaries: false });
    let range = RangeConfig { advertise: false, cost: None };
    assert_eq!(area.ranges, [("10.1.0.0/16".parse().unwrap(), range)].into());
    let again = Files::new(&settings.normal_form).load().unwrap();
    assert_eq!(again.core, settings.core);
}

#[test]
fn an_nssa_has_a_translator_and_ranges_of_its_own() {
    let text = format!(
        "{TWO_AREAS}[area.\"1\"]\ntype = \"nssa\"\ntranslator = \"always\"\ntranslator_stability = \"9s\"\n\
         default_cost = 7\ndefault_type = \"external-1\"\n[area.\"1\".nssa_range.\"10.1.0.0/16\"]\ntag = 77\n\
         [area.\"1\".nssa_range.\"10.2.0.0/16\"]\nadvertise = false\n"
    );
    let settings = Files::new(&text).load().unwrap();
    let area = &settings.core.areas[&AreaId(1)];
    let nssa = NssaConfig {
        default_cost: 7,
        default_type: ExternalMetric::Type1,
        summaries: true,
        translator: TranslatorRole::Always,
        stability_interval: Duration::from_secs(9),
    };
    assert_eq!(area.kind, AreaKind::Nssa(nssa));
    let tagged = NssaRangeConfig { advertise: true, tag: 77 };
    let hidden = NssaRangeConfig { advertise: false, tag: 0 };
    let expected =
        [("10.1.0.0/16".parse().unwrap(), tagged), ("10.2.0.0/16".parse().unwrap(), hidden)].into();
    assert_eq!(area.nssa_ranges, expected);
    let again = Files::new(&settings.normal_form).load().unwrap();
    assert_eq!(again.core, settings.core);
    // An external VIP has somewhere to go there.
    let inside = "router_id = \"10.0.0.1\"\n[interface.eth0]\narea = \"1\"\n[area.\"1\"]\ntype = \"nssa\"\n\
                  [advertise.\"192.0.2.1/32\"]\nmetric = 1\ntype = \"external-2\"\n";
    assert!(Files::new(inside).load().is_ok());
}

#[test]
fn a_wrong_area_is_refused_with_a_word_why() {
    let with = |more: &str| format!("{TWO_AREAS}{more}\n");
    let rows: [(&str, &[&str]); 15] = [
        ("[area.\"x\"]", &["ospfd.toml:6:", "`x` is no area"]),
        ("[area.\"7\"]", &["ospfd.toml:6:", "no interface is in area 0.0.0.7"]),
        ("[area.\"0\"]\ntype = \"stub\"", &["ospfd.toml:7:", "backbone cannot be a stub"]),
        ("[area.\"1\"]\nno_summary = true", &["ospfd.toml:7:", "no_summary is for stub areas and NSSAs"]),
        (
            "[area.\"1\"]\ntype = \"stub\"\ndefault_cost = 16777215",
            &["ospfd.toml:8:", "out of 0 to 16777214"],
        ),
        ("[area.\"0\"]\ntype = \"nssa\"", &["ospfd.toml:7:", "backbone cannot be an NSSA"]),
        (
            "[area.\"1\"]\ntype = \"stub\"\ntranslator = \"always\"",
            &["ospfd.toml:8:", "translator is for NSSAs"],
        ),
        ("[area.\"1\"]\ntranslator_stability = \"9s\"", &["ospfd.toml:7:", "is for NSSAs"]),
        ("[area.\"1\".nssa_range.\"10.0.0.0/8\"]", &["nssa_range is for NSSAs"]),
        (
            "[area.\"1\"]\ntype = \"nssa\"\nno_summary = true\ndefault_type = \"external-1\"",
            &["ospfd.toml:9:", "beside no_summary"],
        ),
        (
            "[area.\"1\"]\ntype = \"nssa\"\n[area.\"1\".nssa_range.\"10.1.0.1/16\"]",
            &["ospfd.toml:8:", "host bits"],
        ),
        ("[area.\"1\".range.\"10.1.0.1/16\"]", &["ospfd.toml:6:", "host bits", "10.1.0.0/16"]),
        ("[area.\"1\".virtual_link.\"10.0.0.9\"]", &["ospfd.toml:6:", "virtual links are not spoken"]),
        ("[area.\"1\"]\n[area.\"0.0.0.1\"]", &["area 0.0.0.1 stands here twice"]),
        (
            "[area.\"0\".range.\"10.0.0.0/8\"]\n[area.\"1\".range.\"10.0.0.0/8\"]",
            &["10.0.0.0/8 is a range of area 0.0.0.0 and of area 0.0.0.1"],
        ),
    ];
    for (more, phrases) in rows {
        assert_errors(&with(more), phrases);
    }
}

#[test]
fn an_external_prefix_needs_an_area_that_takes_it() {
    let text = "router_id = \"10.0.0.1\"\n[interface.eth0]\narea = \"1\"\n[area.\"1\"]\ntype = \"stub\"\n\
                [advertise.\"192.0.2.1/32\"]\nmetric = 1\ntype = \"external-2\"\n";
    assert_errors(text, &["ospfd.toml:8:", "stub areas do not take"]);
}

#[test]
fn secrets_fit_and_are_never_shown() {
    let with =
        |auth: &str| format!("router_id = \"10.0.0.1\"\n[interface.eth0]\nauth = {{ simple = {auth} }}\n");
    // The line itself is quoted back to the operator who wrote it, so only the daemon's own words are looked at.
    assert_errors(&with("\"123456789\""), &["ospfd.toml:3:", "1 to 8 bytes, this one 9"]);
    assert_errors(&with("\"\""), &["1 to 8 bytes, this one 0"]);
    assert_errors(
        &with("{ file = \"/nonexistent/key\" }"),
        &["ospfd.toml:3:", "/nonexistent/key cannot be read"],
    );
    let settings = Files::new(&with("\"s3cret\"")).load().unwrap();
    assert!(!settings.normal_form.contains("s3cret"));
}

#[test]
fn all_errors_are_told_at_once() {
    let text = "[interface.eth0]\ncost = 0\npriority = 300\n[advertise.\"x\"]\n";
    assert_errors(text, &["router_id is missing", "cost is 0", "priority is 300", "`x` is no prefix"]);
}

#[test]
fn bad_interface_names_are_refused() {
    let text = "router_id = \"10.0.0.1\"\n[interface.\"a name that is long\"]\n";
    assert_errors(text, &["ospfd.toml:2:", "cannot be the name of an interface"]);
}

#[test]
fn only_default_routes_go_into_the_kernel_unless_others_are_asked_for() {
    let settings = Files::new("router_id = \"10.0.0.1\"").load().unwrap();
    assert_eq!(settings.routes, RouteSettings { install: Install::DefaultOnly, table: 254, metric: 110 });
    assert_eq!(settings.core.routing, RoutingConfig::default());
    let text = r#"
router_id = "10.0.0.1"
[routes]
install = "none"
table = 1000
metric = 7
max_paths = 8
[spf]
initial_delay = "0s"
short_delay = "20ms"
long_delay = "1s"
time_to_learn = "500ms"
hold_down = "2s"
rfc1583_compatibility = true
"#;
    let settings = Files::new(text).load().unwrap();
    assert_eq!(settings.routes, RouteSettings { install: Install::None, table: 1000, metric: 7 });
    let RoutingConfig { spf, delay } = settings.core.routing;
    assert_eq!((spf.max_paths, spf.rfc1583_compatibility), (8, true));
    assert_eq!((delay.initial, delay.hold_down), (Duration::ZERO, Duration::from_secs(2)));
    assert_eq!(Files::new(&settings.normal_form).load().unwrap().normal_form, settings.normal_form);
}

#[test]
fn the_database_s_bound_is_the_operator_s() {
    let of = |text: &str| Files::new(text).load().unwrap().core.max_lsas;
    assert_eq!(of("router_id = \"10.0.0.1\""), DEFAULT_MAX_LSAS);
    assert_eq!(of("router_id = \"10.0.0.1\"\nmax_lsas = 5000"), 5000);
    assert_errors("router_id = \"10.0.0.1\"\nmax_lsas = 0\n", &["max_lsas is 0, out of 1 to 4294967295"]);
}

#[test]
fn bad_values_of_routes_and_delays_are_refused() {
    let text = "router_id = \"10.0.0.1\"\n[routes]\ntable = 0\nmax_paths = 300\n[spf]\nhold_down = \"100ms\"\nlong_delay = \"2m\"\n";
    assert_errors(
        text,
        &[
            "table is 0, out of 1 to 4294967295",
            "max_paths is 300, out of 1 to 256",
            "hold_down (100ms) is not longer than time_to_learn (300ms)",
            "long_delay is 120s, longer than 60s",
        ],
    );
    assert_errors("router_id = \"10.0.0.1\"\n[routes]\ninstall = \"some\"\n", &["default-only"]);
}
