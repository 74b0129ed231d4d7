//! `ospfctl show ecmp` for people.

use common::control::ospf::ecmp::{EcmpDirectorView, EcmpReason, EcmpUpstreamView, EcmpView};

/// One section per upstream router.
pub(super) fn table(view: &EcmpView) -> String {
    if view.upstreams.is_empty() {
        return format!("no upstream router is known that could send traffic for {}", view.prefix);
    }
    let mut sections: Vec<_> = view.upstreams.iter().map(|upstream| section(view, upstream)).collect();
    if view.left_out > 0 {
        sections.push(format!("{} more upstream routers; ask for one with --from ROUTER_ID", view.left_out));
    }
    sections.join("\n\n")
}

fn section(view: &EcmpView, upstream: &EcmpUpstreamView) -> String {
    let used = upstream.directors.iter().filter(|director| director.used).count();
    let via: Vec<_> = upstream.nexthops.iter().map(ToString::to_string).collect();
    let via = if via.is_empty() { "nowhere".to_owned() } else { format!("via {}", via.join(", ")) };
    let head = format!(
        "{} in area {}: {} of {} directors for {}, {via}",
        upstream.router_id,
        upstream.area,
        used,
        upstream.directors.len(),
        view.prefix
    );
    let header = ["  Director", "Used", "Type", "Cost", "Why"];
    let rows = upstream.directors.iter().map(|director| {
        [
            format!("  {}", director.router_id),
            if director.used { "yes" } else { "no" }.to_owned(),
            director.route_type.clone().unwrap_or_else(|| "-".to_owned()),
            cost(director),
            why(director.reason).to_owned(),
        ]
    });
    format!("{head}\n{}", super::table(header, rows))
}

/// The way, and what the VIP costs from there.
fn cost(director: &EcmpDirectorView) -> String {
    let number = |value: Option<u32>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    match (director.distance, director.metric) {
        (None, None) => "-".to_owned(),
        (distance, metric) => format!("{}+{}", number(distance), number(metric)),
    }
}

const fn why(reason: EcmpReason) -> &'static str {
    match reason {
        EcmpReason::EqualCost => "equal cost",
        EcmpReason::OnlyAnnouncer => "the only announcer",
        EcmpReason::Cheapest => "the cheapest: the others do not share",
        EcmpReason::UnequalMetric => "its metric for the VIP is higher",
        EcmpReason::UnequalDistance => "the way to it costs more",
        EcmpReason::MaxMetric => "maximum metric, on the VIP or on the way",
        EcmpReason::LessPreferred => "another type of route is preferred",
        EcmpReason::NotBidirectional => "its links are told of from one side only",
        EcmpReason::Unreachable => "no path leads to it",
        EcmpReason::NotAnnouncing => "does not announce the VIP",
    }
}
