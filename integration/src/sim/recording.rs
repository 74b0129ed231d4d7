//! What the recordings of a world's routers need: the configuration as an operator would write it.

use std::fmt::Write;

use ospfd::core::config::{AreaKind, Config, NetworkType};

/// Bytes that the recording of one life of one router may have.
pub(super) const LIMIT: u64 = 256 << 20;

/// A router's configuration as TOML: as much of it as worlds make use of.
pub(super) fn toml(config: &Config) -> String {
    let mut text = format!("router_id = \"{}\"\ntransit = {}\n", config.router_id, config.transit);
    for (area, settings) in &config.areas {
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        line(format!("[area.\"{area}\"]"));
        if let AreaKind::Stub { default_cost, summaries } = settings.kind {
            line("type = \"stub\"".to_owned());
            line(format!("default_cost = {default_cost}\nno_summary = {}", !summaries));
        }
        if let AreaKind::Nssa(nssa) = settings.kind {
            let stability = nssa.stability_interval.as_secs();
            line(format!("type = \"nssa\"\ntranslator_stability = \"{stability}s\""));
        }
        for (prefix, range) in &settings.ranges {
            line(format!("[area.\"{area}\".range.\"{prefix}\"]\nadvertise = {}", range.advertise));
            if let Some(cost) = range.cost {
                line(format!("cost = {cost}"));
            }
        }
    }
    for (name, interface) in &config.interfaces {
        let network_type = match interface.network_type {
            NetworkType::PointToPoint => "point-to-point",
            NetworkType::Broadcast => "broadcast",
            NetworkType::NonBroadcast => "non-broadcast",
            NetworkType::PointToMultipoint => "point-to-multipoint",
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "[interface.{name}]\narea = \"{}\"\ntype = \"{network_type}\"\ncost = {}\npriority = {}\n\
             hello_interval = \"{}s\"\ndead_interval = \"{}s\"\n",
            interface.area,
            interface.cost,
            interface.priority,
            interface.hello_interval.as_secs(),
            interface.dead_interval.as_secs(),
        );
        for (address, neighbor) in &interface.static_neighbors {
            let (priority, poll) = (neighbor.priority, neighbor.poll_interval.as_secs());
            let _ = write!(
                text,
                "[interface.{name}.neighbor.\"{address}\"]\npriority = {priority}\npoll_interval = \"{poll}s\"\n"
            );
        }
    }
    text
}
