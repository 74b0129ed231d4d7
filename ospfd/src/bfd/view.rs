//! What the control socket shows of a session.

use std::time::Duration;

use common::control::ospf::bfd::BfdView;
use common::time::Instant;

use super::packet::State;
use super::session::Session;
use super::timing::Poll;

pub(super) fn of(now: Instant, session: &Session) -> BfdView {
    let offered = session.timing.offered();
    let remote = &session.remote;
    let up = session.state == State::Up;
    let in_state = now.since(session.since).as_secs();
    BfdView {
        multihop: false,
        peer: session.key.peer,
        local: session.config.local,
        interface: session.config.interface.clone(),
        id: session.discriminator,
        remote_id: remote.discriminator,
        passive_mode: session.config.passive,
        status: match session.state {
            State::AdminDown => "shutdown",
            State::Down => "down",
            State::Init => "init",
            State::Up => "up",
        }
        .to_owned(),
        remote_status: remote.state.as_str().to_owned(),
        uptime: up.then_some(in_state),
        downtime: (!up).then_some(in_state),
        diagnostic: session.diagnostic.to_string(),
        remote_diagnostic: remote.diagnostic.to_string(),
        receive_interval: millis(session.config.min_rx),
        transmit_interval: millis(session.config.min_tx),
        echo_receive_interval: 0,
        detect_multiplier: session.config.multiplier,
        remote_receive_interval: millis(remote.min_rx),
        remote_transmit_interval: millis(remote.min_tx),
        remote_echo_receive_interval: millis(remote.min_echo_rx),
        remote_detect_multiplier: remote.multiplier,
        offered_transmit_interval: millis(offered.min_tx),
        current_transmit_interval: millis(session.transmit_interval()),
        detection_time: millis(session.detection_time()),
        polling: session.poll() != Poll::Idle,
        authentication: session.config.auth.as_ref().map(|key| key.kind().name().to_owned()),
        control_packet_input: session.received,
        control_packet_output: session.sent,
        session_up: session.ups,
        session_down: session.losses,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
