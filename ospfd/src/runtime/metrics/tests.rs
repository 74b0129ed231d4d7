use std::collections::BTreeSet;

use common::control::ospf::Advertisement;
use common::ids::RouterId;

use super::*;
use crate::core::config::{Config, DEFAULT_MAX_LSAS, GracefulRestartConfig, RoutingConfig};

const NOW: Instant = Instant::from_micros(1_000_000);

fn instance() -> Instance {
    let config = Config {
        router_id: RouterId(1),
        transit: false,
        interfaces: BTreeMap::new(),
        areas: BTreeMap::new(),
        static_advertisements: Vec::new(),
        routing: RoutingConfig::default(),
        graceful_restart: GracefulRestartConfig::default(),
        max_lsas: DEFAULT_MAX_LSAS,
    };
    let mut instance = Instance::new(config, 1, Instant::ZERO);
    instance.lease_open(NOW, "director", Duration::from_millis(2_500)).unwrap();
    let advertisement = Advertisement {
        prefix: "192.0.2.1/32".parse().unwrap(),
        metric: 1,
        encoding: Default::default(),
        tag: 0,
    };
    instance.lease_set(NOW, "director", 1, vec![advertisement]).unwrap();
    instance
}

fn scrape() -> String {
    let counter = |name: &str, value| CounterView { name: name.to_owned(), value };
    // Two rooms count the same reason.
    let counters = [
        counter("rx-hello", 7),
        counter("drop-own-packet", 2),
        counter("drop-own-packet", 3),
        counter("lsa-retransmitted", 4),
        counter("spf-full", 5),
    ];
    let mut stopwatch = Stopwatch::default();
    stopwatch.note(Duration::from_micros(1_500));
    let surroundings =
        Surroundings { counters: &counters, stopwatch, uptime: Duration::from_secs(9), bfd: (3, 2) };
    text(NOW, &instance(), surroundings)
}

#[test]
fn a_scrape_has_state_counters_and_times() {
    let text = scrape();
    for line in [
        "ospfd_uptime_seconds 9.0",
        "ospfd_neighbors{state=\"Full\"} 0.0",
        "ospfd_lease_prefixes{lease=\"director\"} 1.0",
        "ospfd_lease_remaining_seconds{lease=\"director\"} 2.5",
        "ospfd_packets_received_total{type=\"hello\"} 7.0",
        "ospfd_drops_total{reason=\"own-packet\"} 5.0",
        "ospfd_drops_total{reason=\"sequence-replay\"} 0.0",
        "ospfd_drops_total{reason=\"lsa-bad-ls-checksum\"} 0.0",
        "ospfd_packets_sent_total{type=\"link-state-ack\"} 0.0",
        "ospfd_lsas_sent_total{cause=\"retransmitted\"} 4.0",
        "ospfd_spf_runs_total{kind=\"full\"} 5.0",
        "ospfd_spf_seconds_total 0.0015",
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(text, scrape(), "series have an order");
}

#[test]
fn no_series_stands_twice() {
    let text = scrape();
    let mut names: Vec<_> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' ')).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup_by_key(|(name, _)| *name);
    assert_eq!(names.len(), count, "{text}");
}

/// The rows of the guide's table: name, type, label.
fn documented() -> BTreeSet<(String, String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/guide/ospfd.md");
    let page = std::fs::read_to_string(path).unwrap();
    page.lines()
        .filter(|line| line.starts_with("| `ospfd_"))
        .map(|line| {
            let cells: Vec<_> =
                line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
            (cells[1].clone(), cells[2].clone(), cells[3].clone())
        })
        .collect()
}

#[test]
fn the_guide_has_every_metric_and_no_other() {
    let surroundings =
        Surroundings { counters: &[], stopwatch: Stopwatch::default(), uptime: Duration::ZERO, bfd: (0, 0) };
    let exported: BTreeSet<_> = Snapshot::of(NOW, &instance(), surroundings)
        .0
        .into_iter()
        .map(|metric| {
            let (suffix, kind) = match metric.kind {
                Kind::Counter => ("_total", "counter"),
                Kind::Gauge => ("", "gauge"),
            };
            (format!("ospfd_{}{suffix}", metric.name), kind.to_owned(), metric.label.to_owned())
        })
        .collect();
    assert_eq!(documented(), exported);
}
