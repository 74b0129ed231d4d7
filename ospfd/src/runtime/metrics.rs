//! Metrics in OpenMetrics text, made anew for each scrape from what the engine and the sockets count anyway. The guide
//! has the table of them; `metrics::exporter` serves them over HTTP.

pub mod exporter;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use common::control::ospf::CounterView;
use common::time::Instant;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::stopwatch::Stopwatch;
use crate::core::Instance;

/// Neighbour states that are shown even when no neighbour is in them (RFC 2328 §10.1).
const NEIGHBOR_STATES: [&str; 7] = ["Attempt", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full"];

/// What the metrics are made of besides the engine.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Counters of engine and sockets.
    pub counters: &'a [CounterView],
    /// How long calculations took.
    pub stopwatch: Stopwatch,
    /// Since start.
    pub uptime: Duration,
    /// BFD sessions, and how many of them are Up.
    pub bfd: (usize, usize),
}

/// All metrics in OpenMetrics text.
pub fn text(now: Instant, instance: &Instance, surroundings: Surroundings<'_>) -> String {
    let mut registry = Registry::with_prefix("ospfd");
    registry.register_collector(Box::new(Snapshot::of(now, instance, surroundings)));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = text::encode(&mut text, &registry);
    text
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
}

impl Kind {
    fn encode(self, value: f64, encoder: MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Counter => ConstCounter::new(value).encode(encoder),
            Self::Gauge => ConstGauge::new(value).encode(encoder),
        }
    }
}

/// Values by the value of the metric's only label; without label there is one, under the empty string.
type Series = BTreeMap<String, f64>;

/// One metric and its series.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    label: &'static str,
    series: Series,
}

#[derive(Debug)]
struct Snapshot(Vec<Metric>);

impl Snapshot {
    fn of(now: Instant, instance: &Instance, surroundings: Surroundings<'_>) -> Self {
        let Surroundings { counters, stopwatch, uptime, bfd: (sessions, up) } = surroundings;
        let mut all = Self(Vec::new());
        all.gauge("uptime_seconds", "Time since start", uptime.as_secs_f64());
        all.state(now, instance);
        all.leases(now, instance);
        all.counted(counters);
        let bfd = [("up", up), ("other", sessions.saturating_sub(up))];
        let bfd = bfd.map(|(state, count)| (state.to_owned(), count as f64)).into();
        all.gauges("bfd_sessions", "BFD sessions by state", "state", bfd);
        all.counter("spf_seconds", "Time that route calculations took", stopwatch.total.as_secs_f64());
        let last = stopwatch.last.as_secs_f64();
        all.gauge("spf_last_seconds", "Time that the last route calculation took", last);
        all
    }

    fn state(&mut self, now: Instant, instance: &Instance) {
        let mut states: BTreeMap<_, f64> =
            NEIGHBOR_STATES.iter().map(|state| ((*state).to_owned(), 0.0)).collect();
        for neighbor in instance.neighbors(now) {
            *states.entry(neighbor.nbr_state).or_default() += 1.0;
        }
        self.gauges("neighbors", "Neighbours by state", "state", states);
        let mut states = BTreeMap::new();
        for interface in instance.interfaces(now) {
            *states.entry(interface.state).or_default() += 1.0;
        }
        self.gauges("interfaces", "Interfaces by state", "state", states);
        let types = instance.lsa_types().into_iter();
        let types = types.map(|(ls_type, count)| (ls_type.to_string(), f64::from(count))).collect();
        self.gauges("lsas", "LSAs in the database by type", "type", types);
        let translators = instance.area_views().into_iter().filter_map(|area| {
            let state = area.nssa_translator?;
            Some((area.area_id.to_string(), if state == "disabled" { 0.0 } else { 1.0 }))
        });
        let help = "Where we tell the AS of an NSSA's external routes";
        self.gauges("nssa_translator", help, "area", translators.collect());
        let routes = f64::from(instance.spf_view(now).routes);
        self.gauge("routes", "Routes in the routing table, installed or not", routes);
        let prefixes = f64::from(instance.instance_view().advertised_counter);
        self.gauge("advertised_prefixes", "Prefixes to advertise, over all owners", prefixes);
    }

    fn leases(&mut self, now: Instant, instance: &Instance) {
        let (mut prefixes, mut remaining) = (BTreeMap::new(), BTreeMap::new());
        for lease in instance.leases(now) {
            remaining.insert(lease.name.clone(), Duration::from_millis(lease.remaining_ms).as_secs_f64());
            prefixes.insert(lease.name, lease.advertisements.len() as f64);
        }
        self.gauges("lease_prefixes", "Prefixes that a lease holds", "lease", prefixes);
        let help = "Time until a lease lapses unless it is renewed";
        self.gauges("lease_remaining_seconds", help, "lease", remaining);
    }

    /// Every counter of `ospfctl show counters`, sorted by what its name begins with. One that was never raised is 0, so that a
    /// rate over its first rise is one.
    fn counted(&mut self, counters: &[CounterView]) {
        let by_prefix = |prefix: &str| {
            let mut series: Series = Instance::counter_names()
                .filter_map(|name| Some((name.strip_prefix(prefix)?.to_owned(), 0.0)))
                .collect();
            for counter in counters {
                if let Some(name) = counter.name.strip_prefix(prefix) {
                    *series.entry(name.to_owned()).or_default() += counter.value as f64;
                }
            }
            series
        };
        for (prefix, name, help, label) in [
            ("rx-", "packets_received", "Packets received by type", "type"),
            ("tx-", "packets_sent", "Packets sent by type", "type"),
            ("drop-", "drops", "Packets and LSAs dropped by reason", "reason"),
            ("lsa-", "lsas_sent", "LSAs sent, first or again", "cause"),
            ("bfd-", "bfd_events", "What BFD saw", "event"),
            ("spf-", "spf_runs", "Route calculations by kind", "kind"),
            ("socket-", "socket_events", "What the raw sockets saw", "event"),
        ] {
            self.counters(name, help, label, by_prefix(prefix));
        }
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.gauges(name, help, "", BTreeMap::from([(String::new(), value)]));
    }

    fn counter(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.counters(name, help, "", BTreeMap::from([(String::new(), value)]));
    }

    fn gauges(&mut self, name: &'static str, help: &'static str, label: &'static str, series: Series) {
        self.0.push(Metric { name, help, kind: Kind::Gauge, label, series });
    }

    fn counters(&mut self, name: &'static str, help: &'static str, label: &'static str, series: Series) {
        self.0.push(Metric { name, help, kind: Kind::Counter, label, series });
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in &self.0 {
            let metric_type = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut head = encoder.encode_descriptor(metric.name, metric.help, None, metric_type)?;
            if metric.label.is_empty() {
                // A metric without a label has one series.
                let value = metric.series.values().next().copied().unwrap_or_default();
                metric.kind.encode(value, head)?;
                continue;
            }
            for (name, value) in &metric.series {
                metric.kind.encode(*value, head.encode_family(&[(metric.label, name.as_str())])?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
