//! Who may be a neighbour on an interface, whose address it uses, and what is told of its own network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::Checker;
use crate::core::config::{InterfaceConfig, StaticNeighbor};
use crate::runtime::config::raw::{RawInterface, RawNeighbor, RawNetworkType};

/// RFC 2328 C.5: PollInterval of an X.25 network, for example.
const DEFAULT_POLL: Duration = Duration::from_secs(120);

impl Checker<'_> {
    /// The addresses that may become neighbours; `None`: all.
    pub(super) fn allowed(
        &mut self,
        interface: &str,
        written: Option<&[String]>,
    ) -> Option<BTreeSet<Ipv4Addr>> {
        const HELP: &str = "write neighbors = [\"10.0.0.1\"], or leave it out to allow everybody";
        let key = ["interface", interface, "neighbors"];
        let written = written?;
        if written.is_empty() {
            self.refuse(&key, "neighbors is empty: nobody could become a neighbour", HELP);
        }
        let mut allowed = BTreeSet::new();
        for text in written {
            match text.parse::<Ipv4Addr>() {
                Ok(address) if is_host(address) => {
                    allowed.insert(address);
                }
                _ => self.refuse(&key, format!("`{text}` is no IPv4 address of a neighbour"), HELP),
            }
        }
        Some(allowed)
    }

    /// The interface whose address is borrowed.
    pub(super) fn unnumbered(&mut self, interface: &str, raw: &RawInterface) -> Option<String> {
        let lender = raw.unnumbered.clone()?;
        let key = ["interface", interface, "unnumbered"];
        if !matches!(raw.network_type, Some(RawNetworkType::PointToPoint)) {
            let message = "only a point-to-point interface can be unnumbered";
            self.refuse(&key, message, "write type = \"point-to-point\", or give the interface an address");
        }
        if lender == interface || lender.is_empty() {
            let help = "name the interface that has the address, like unnumbered = \"lo\"";
            self.refuse(&key, format!("`{lender}` has no address to lend to {interface}"), help);
        }
        Some(lender)
    }

    /// The neighbours of a network without multicast.
    pub(super) fn static_neighbors(
        &mut self,
        interface: &str,
        raw: &RawInterface,
        hello_interval: Duration,
    ) -> BTreeMap<Ipv4Addr, StaticNeighbor> {
        let key = ["interface", interface, "neighbor"];
        let (takes, needs) = match raw.network_type {
            Some(RawNetworkType::NonBroadcast) => {
                (true, raw.priority != Some(0) && raw.passive != Some(true))
            }
            Some(RawNetworkType::PointToMultipoint) => (true, false),
            None | Some(RawNetworkType::PointToPoint | RawNetworkType::Broadcast) => (false, false),
        };
        if !takes && !raw.neighbor.is_empty() {
            let message = "only non-broadcast and point-to-multipoint interfaces have configured neighbours";
            self.refuse(&key, message, "use neighbors = [\"10.0.0.1\"] to say who may be a neighbour");
        }
        if needs && raw.neighbor.is_empty() {
            let message = format!("{interface} is non-broadcast and would not speak to anybody");
            let help = format!("name its neighbours: [interface.{interface}.neighbor.\"10.0.0.1\"]");
            self.refuse(&["interface", interface, "type"], message, help);
        }
        let allowed = raw.neighbors.as_ref();
        let mut neighbors = BTreeMap::new();
        for (text, raw) in &raw.neighbor {
            let poll_interval = raw.poll_interval.unwrap_or(DEFAULT_POLL.max(hello_interval));
            let poll_interval = self.seconds(interface, "poll_interval", poll_interval);
            if poll_interval < hello_interval {
                let message = format!(
                    "poll_interval ({poll_interval:?}) is shorter than hello_interval ({hello_interval:?})"
                );
                let help = "give a multiple of hello_interval: it is for neighbours that are down";
                self.refuse(&["interface", interface, "neighbor", text, "poll_interval"], message, help);
            }
            let priority =
                self.number(&["interface", interface, "neighbor", text, "priority"], raw.priority, 0, 1);
            match text.parse::<Ipv4Addr>() {
                Ok(address) if is_host(address) => {
                    if allowed.is_some_and(|allowed| !allowed.contains(text)) {
                        let message = format!("{text} is named, but neighbors does not allow it");
                        let key = ["interface", interface, "neighbor", text];
                        self.refuse(&key, message, "put it into neighbors, too");
                    }
                    neighbors.insert(address, StaticNeighbor { priority, poll_interval });
                }
                _ => {
                    let help = "write its address: [interface.eth0.neighbor.\"10.0.0.1\"]";
                    let key = ["interface", interface, "neighbor", text];
                    self.refuse(&key, format!("`{text}` is no IPv4 address of a neighbour"), help);
                }
            }
        }
        neighbors
    }

    pub(super) fn hide_prefix(&mut self, interface: &str, raw: &RawInterface) -> bool {
        let wanted = raw.hide_prefix.unwrap_or(false);
        if wanted && raw.passive == Some(true) {
            let message = "hide_prefix on a passive interface leaves nothing to advertise";
            self.refuse(&["interface", interface, "hide_prefix"], message, "take one of the two out");
        }
        wanted
    }
}

/// The configured neighbours in the shape of the file.
pub(super) fn normal_neighbors(interface: &InterfaceConfig) -> BTreeMap<String, RawNeighbor> {
    let normal = |known: &StaticNeighbor| RawNeighbor {
        priority: Some(known.priority.into()),
        poll_interval: Some(known.poll_interval),
    };
    interface.static_neighbors.iter().map(|(address, known)| (address.to_string(), normal(known))).collect()
}

/// Can it be somebody's own address?
pub(super) fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}
