//! Requests to `director`, and what `directorctl` prints.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Refusal;

/// A request to `director`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Answers [`Response::Status`].
    Status,
    /// Answers [`Response::Plan`]: what would be done to the kernel now, from a fresh dump.
    Plan,
    /// Reads the kernel's table at once and repairs what somebody changed, also what was adopted; answers [`Response::Plan`]
    /// with what is to be done.
    Repair,
    /// Raises the metric of every VIP, or of one, to the configured drain metric; answers [`Response::Done`].
    Drain {
        /// Only this VIP.
        vip: Option<IpAddr>,
    },
    /// Takes a drain back; answers [`Response::Done`].
    Undrain {
        /// Only this VIP.
        vip: Option<IpAddr>,
    },
    /// Reads the configuration again, as SIGHUP does; answers [`Response::Done`].
    Reload,
}

/// `director`'s answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "response", content = "data", rename_all = "kebab-case")]
pub enum Response {
    /// Everything that `directorctl status` shows.
    Status(StatusView),
    /// The operations, in order.
    Plan(Vec<String>),
    /// It was done; a sentence says what.
    Done(String),
    /// The request was refused and changed nothing.
    Refused(Refusal),
}

/// The whole director.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// This director's name.
    pub name: String,
    /// Seconds since start.
    pub uptime_s: u64,
    /// True while the whole host is drained.
    pub drained: bool,
    /// The connection to `ospfd`, in words.
    pub ospfd: String,
    /// What does not work in the kernel now, in words; empty when all works.
    #[serde(default)]
    pub troubles: Vec<String>,
    /// Whether the observed IPVS table is as desired.
    pub in_sync: bool,
    /// Changes of the table that are under way; 0 when there are none.
    #[serde(default)]
    pub changes: usize,
    /// Those of them that are done.
    #[serde(default)]
    pub changes_done: usize,
    /// VIPs, in order.
    pub vips: Vec<VipView>,
    /// Services, in order.
    pub services: Vec<ServiceView>,
}

/// One VIP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VipView {
    /// The address.
    pub vip: IpAddr,
    /// `advertised`, `draining`, `withdrawn`.
    pub state: String,
    /// Metric that is advertised, if it is.
    pub metric: Option<u16>,
    /// Why it is so, in words.
    pub reason: String,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// Name in the configuration.
    pub name: String,
    /// `tcp 10.0.0.1:80`.
    pub service: String,
    /// Scheduler and flags.
    pub scheduler: String,
    /// True when enough servers are up.
    pub up: bool,
    /// Real servers, in canonical order.
    pub servers: Vec<ServerView>,
}

/// One real server of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerView {
    /// Name in the configuration.
    pub name: String,
    /// `192.0.2.1:80`.
    pub address: String,
    /// `dr`, `tunnel`, `nat`.
    pub forward: String,
    /// `unknown`, `up`, `down`.
    pub health: String,
    /// The last probe's result, in words.
    pub last_result: String,
    /// Weight in the kernel's table; absent when it is not there.
    pub weight: Option<u32>,
    /// Weight in the configuration.
    pub configured_weight: u32,
    /// Active connections, from the kernel.
    pub active: u32,
    /// Inactive connections, from the kernel.
    pub inactive: u32,
}
