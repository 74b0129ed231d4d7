//! The log: one line per event.

use std::collections::BTreeMap;

use common::ids::IfIndex;
use tracing::{debug, info, warn};

use crate::core::event::{Event, LinkState};

/// Tells of an event.
pub(super) fn tell(event: &Event, links: &BTreeMap<IfIndex, LinkState>) {
    match event {
        Event::InterfaceState { name, from, to } => info!(interface = name, from, to, "interface"),
        Event::NeighborState { interface, router_id, from, to, cause } => {
            info!(neighbor = %router_id, interface, from, to, cause, "neighbor");
        }
        Event::Dropped { if_index, source, reason } => {
            let interface = links.get(if_index).map_or("?", |link| link.name.as_str());
            debug!(interface, %source, reason, "dropped");
        }
        Event::SendKey { interface, key_id, algorithm, expired: false } => {
            info!(interface, key_id, algorithm, "sending with this key");
        }
        Event::SendKey { interface, key_id, algorithm, expired: true } => {
            warn!(
                interface,
                key_id, algorithm, "the last key has expired and stays in use; give the chain a new one"
            );
        }
        Event::Translator { area, from, to } => info!(%area, from, to, "nssa translator"),
        Event::Helper { interface, router_id, what } => info!(interface, %router_id, "neighbor {what}"),
        Event::Bfd { interface, peer, state, diagnostic, what } => {
            info!(interface, %peer, state, diagnostic, "bfd: {what}");
        }
        Event::Lease { name, what, advertisements } => info!(lease = name, what, advertisements, "lease"),
        Event::Groups { .. } | Event::Routes(_) | Event::ShutdownComplete { .. } => {}
    }
}
