//! What is still to happen, in order.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use common::ids::IfIndex;
use common::time::Instant;
use ospfd::packet::LsaHeader;

use super::node::NodeId;
use super::safety::Flooded;

/// Something that is to happen.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// A datagram arrives.
    Deliver(Delivery),
    /// A director renews its lease, if it is still the same life of the router.
    Renew { node: NodeId, life: u64 },
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) to: NodeId,
    pub(super) if_index: IfIndex,
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) payload: Bytes,
    /// The LSAs in it that bear on what their originators may send next.
    pub(super) flooded: Arc<[(Flooded, LsaHeader)]>,
}

/// Actions by time; those of one moment in the order in which they were put in.
#[derive(Debug, Default)]
pub(super) struct Queue {
    actions: BTreeMap<(Instant, u64), Action>,
    next: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: Instant, action: Action) {
        self.actions.insert((at, self.next), action);
        self.next += 1;
    }

    pub(super) fn due_at(&self) -> Option<Instant> {
        self.actions.first_key_value().map(|((at, _), _)| *at)
    }

    /// The first action, if it is due by `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Action> {
        let entry = self.actions.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}
