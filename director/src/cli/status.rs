//! The director's status, for people.

use comfy_table::{Color, ContentArrangement, Table, presets};
use common::control::director::{ServiceView, StatusView};

/// The whole status, without a line end.
pub(super) fn text(view: &StatusView, has_colour: bool) -> String {
    let mut text = format!("director {}, up {}", view.name, span(view.uptime_s));
    if view.drained {
        text.push_str(", drained");
    }
    let sync = if view.in_sync { "as desired" } else { "not as desired; see `directorctl plan`" };
    text.push_str(&format!("\nospfd: {}\nkernel table: {sync}\n", view.ospfd));
    if view.changes > 0 {
        text.push_str(&format!("changes under way: {} of {} done\n", view.changes_done, view.changes));
    }
    for trouble in &view.troubles {
        text.push_str(&format!("trouble: {trouble}\n"));
    }
    text.push_str(&format!("\n{}\n", vips(view, has_colour)));
    for service in &view.services {
        text.push_str(&format!("\n{}", servers(service, has_colour)));
    }
    text.trim_end().to_owned()
}

fn span(seconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}

fn vips(view: &StatusView, has_colour: bool) -> String {
    let mut table = plain(["VIP", "State", "Metric", "Reason"]);
    for vip in &view.vips {
        let colour = match vip.state.as_str() {
            "advertised" => Color::Green,
            "draining" => Color::Yellow,
            _ => Color::Red,
        };
        table.add_row([
            vip.vip.to_string().into(),
            coloured(&vip.state, colour, has_colour),
            vip.metric.map_or("-".to_owned(), |metric| metric.to_string()).into(),
            vip.reason.as_str().into(),
        ]);
    }
    table.trim_fmt()
}

fn servers(service: &ServiceView, has_colour: bool) -> String {
    let state = if service.up { "up" } else { "down" };
    let mut table =
        plain(["  Server", "Address", "Forward", "Weight", "Health", "Active", "Inactive", "Last check"]);
    for server in &service.servers {
        let colour = match server.health.as_str() {
            "up" => Color::Green,
            "down" => Color::Red,
            _ => Color::Yellow,
        };
        let weight = match server.weight {
            Some(weight) if weight == server.configured_weight => weight.to_string(),
            Some(weight) => format!("{weight} of {}", server.configured_weight),
            None => "not there".to_owned(),
        };
        table.add_row([
            format!("  {}", server.name).into(),
            server.address.as_str().into(),
            server.forward.as_str().into(),
            weight.into(),
            coloured(&server.health, colour, has_colour),
            server.active.to_string().into(),
            server.inactive.to_string().into(),
            server.last_result.as_str().into(),
        ]);
    }
    format!("{}: {}, {}, {state}\n{}\n", service.name, service.service, service.scheduler, table.trim_fmt())
}

fn coloured(text: &str, colour: Color, has_colour: bool) -> comfy_table::Cell {
    let cell = comfy_table::Cell::new(text);
    if has_colour { cell.fg(colour) } else { cell }
}

/// A table without borders.
fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}
