//! Who may be a neighbour on an interface, whose address it uses, and what is told of its own network.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::Checker;
use crate::runtime::config::raw::{RawInterface, RawNetworkType};

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

    pub(super) fn hide_prefix(&mut self, interface: &str, raw: &RawInterface) -> bool {
        let wanted = raw.hide_prefix.unwrap_or(false);
        if wanted && raw.passive == Some(true) {
            let message = "hide_prefix on a passive interface leaves nothing to advertise";
            self.refuse(&["interface", interface, "hide_prefix"], message, "take one of the two out");
        }
        wanted
    }
}

/// Can it be somebody's own address?
pub(super) fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}
