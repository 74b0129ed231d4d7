//! `ospfctl show bfd`.

use common::control::ospf::bfd::BfdView;

use super::table;

/// One line per session; intervals in milliseconds.
pub(super) fn sessions(rows: &[BfdView]) -> String {
    let header =
        ["Peer", "Interface", "Status", "Remote", "Since", "Tx", "Rx", "Detect", "Lost", "Diagnostic"];
    table(
        header,
        rows.iter().map(|session| {
            [
                session.peer.to_string(),
                session.interface.clone(),
                session.status.clone(),
                session.remote_status.clone(),
                format!("{}s", session.uptime.or(session.downtime).unwrap_or_default()),
                session.current_transmit_interval.to_string(),
                session.remote_transmit_interval.max(session.receive_interval).to_string(),
                session.detection_time.to_string(),
                session.session_down.to_string(),
                session.diagnostic.clone(),
            ]
        }),
    )
}
