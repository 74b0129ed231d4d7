//! `ospfctl show instance|area|spf|log` for people.

use common::control::ospf::status::{AreaView, InstanceView, LogView, SpfView};

use super::{span, table};

pub(super) fn instance(view: &InstanceView) -> String {
    lines(&[
        ("Router ID", view.router_id.to_string()),
        ("State", format!("{} for {}", view.state, span(view.uptime_msec))),
        ("Transit", yes_no(!view.stub_router).to_owned()),
        ("Areas", view.attached_area_counter.to_string()),
        ("Interfaces", format!("{} of {} up", view.if_active_counter, view.if_total_counter)),
        ("Full neighbours", view.nbr_full_adjacent_counter.to_string()),
        ("LSAs", format!("{}, {} external", view.lsa_number, view.lsa_external_counter)),
        ("Advertised", view.advertised_counter.to_string()),
        ("Maximum paths", view.maximum_paths.to_string()),
        ("RFC1583Compatibility", yes_no(view.rfc1583_compatibility).to_owned()),
    ])
}

pub(super) fn areas(rows: &[AreaView]) -> String {
    let header = [
        "Area",
        "Type",
        "Up",
        "Ifs",
        "Full",
        "LSAs",
        "Router",
        "Network",
        "Summary",
        "ASBR",
        "NSSA",
        "Opaque",
        "Translator",
        "Digest",
    ];
    table(
        header,
        rows.iter().map(|area| {
            [
                area.area_id.to_string(),
                area.area_type.clone(),
                area.area_if_active_counter.to_string(),
                area.area_if_total_counter.to_string(),
                area.nbr_full_adjacent_counter.to_string(),
                area.lsa_number.to_string(),
                area.lsa_router_number.to_string(),
                area.lsa_network_number.to_string(),
                area.lsa_summary_number.to_string(),
                area.lsa_asbr_number.to_string(),
                area.lsa_nssa_number.to_string(),
                (area.lsa_opaque_link_number + area.lsa_opaque_area_number).to_string(),
                area.nssa_translator.clone().unwrap_or_else(|| "-".to_owned()),
                area.database_digest.clone(),
            ]
        }),
    )
}

pub(super) fn spf(view: &SpfView) -> String {
    let last = match (&view.last_kind, view.spf_last_executed_msecs) {
        (Some(kind), Some(ago)) => {
            format!("{kind}, {} ago, took {}", span(ago), micros(view.last_duration_usec))
        }
        _ => "never".to_owned(),
    };
    lines(&[
        ("Full runs", view.full_runs.to_string()),
        ("External runs", view.external_runs.to_string()),
        ("Last", last),
        ("Longest", micros(view.longest_duration_usec)),
        ("Together", micros(view.total_duration_usec)),
        (
            "Next",
            view.spf_timer_due_in_msecs.map_or_else(|| "-".to_owned(), |due| format!("in {}", span(due))),
        ),
        ("Back-off", view.backoff_state.clone()),
        ("Routes", view.routes.to_string()),
    ])
}

pub(super) fn log(rows: &[LogView]) -> String {
    let fields = |view: &LogView| {
        let pairs: Vec<_> = view.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(" ")
    };
    table(
        ["Time", "What", "Fields"],
        rows.iter().map(|view| [view.time.clone(), view.what.clone(), fields(view)]),
    )
}

fn lines(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<_> = pairs.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    lines.join("\n")
}

fn micros(micros: u64) -> String {
    format!("{}.{:03}ms", micros / 1000, micros % 1000)
}

const fn yes_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}
