//! BFD sessions, as `ospfctl show bfd` prints them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One session. Names follow FRR's `show bfd peers json` where it has one; intervals are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BfdView {
    /// Over more than one hop? Never.
    pub multihop: bool,
    /// The other side's address.
    pub peer: IpAddr,
    /// Our address.
    pub local: IpAddr,
    /// The interface's name.
    pub interface: String,
    /// Our discriminator.
    pub id: u32,
    /// The other side's discriminator, 0 while it is not heard.
    pub remote_id: u32,
    /// Do we wait for the other side to speak first?
    pub passive_mode: bool,
    /// `shutdown`, `down`, `init` or `up`.
    pub status: String,
    /// The state that the other side told last, in the words of RFC 5880 §4.1.
    pub remote_status: String,
    /// Seconds in state `up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u64>,
    /// Seconds in a state that is not `up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downtime: Option<u64>,
    /// Why the session left state `up` last; `ok` once it is up again.
    pub diagnostic: String,
    /// The same, as the other side tells it.
    pub remote_diagnostic: String,
    /// Required Min RX Interval, as configured.
    pub receive_interval: u64,
    /// Desired Min TX Interval, as configured.
    pub transmit_interval: u64,
    /// Required Min Echo RX Interval: 0, no echo packets are sent back.
    pub echo_receive_interval: u64,
    /// Detect Mult, as configured.
    pub detect_multiplier: u8,
    /// The other side's Required Min RX Interval.
    pub remote_receive_interval: u64,
    /// The other side's Desired Min TX Interval.
    pub remote_transmit_interval: u64,
    /// The other side's Required Min Echo RX Interval.
    pub remote_echo_receive_interval: u64,
    /// The other side's Detect Mult, 0 before it was heard.
    pub remote_detect_multiplier: u8,
    /// Desired Min TX Interval, as it is told now: 1 s and more until the session is up.
    pub offered_transmit_interval: u64,
    /// The interval that we send at, jitter aside.
    pub current_transmit_interval: u64,
    /// The silence after which the session goes down.
    pub detection_time: u64,
    /// Has a change of intervals yet to be confirmed?
    pub polling: bool,
    /// Authentication type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
    /// Packets received and accepted.
    pub control_packet_input: u64,
    /// Packets sent.
    pub control_packet_output: u64,
    /// How often the session came up.
    pub session_up: u64,
    /// How often it was lost.
    pub session_down: u64,
}
