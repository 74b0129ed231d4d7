//! `ospfctl clear neighbor`: an operator ends adjacencies, which then form anew by themselves.

use std::net::Ipv4Addr;

use common::control::{Refusal, RefusalCode};
use common::ids::RouterId;
use common::time::Instant;

use super::instance::{Instance, Life};
use super::neighbor::{Event, Neighbor};

impl Instance {
    /// Kills the neighbours with this Router ID or address, or all of them (RFC 2328 §10.2 KillNbr), and tells which. Each
    /// comes back with its next hello.
    ///
    /// # Errors
    /// `NotFound` when no neighbour has this Router ID or address, `Unavailable` when the instance is stopping.
    pub fn clear_neighbors(
        &mut self,
        now: Instant,
        only: Option<Ipv4Addr>,
    ) -> Result<Vec<RouterId>, Refusal> {
        if self.life != Life::Running {
            let message = "ospfd is stopping; its adjacencies end anyway".to_owned();
            return Err(Refusal { code: RefusalCode::Unavailable, message });
        }
        let is_meant = |neighbor: &Neighbor| {
            only.is_none_or(|only| neighbor.address == only || neighbor.router_id.0 == only.to_bits())
        };
        let doomed: Vec<_> = self
            .interfaces
            .iter()
            .flat_map(|(&if_index, interface)| {
                interface.neighbors.values().map(move |neighbor| (if_index, neighbor))
            })
            .filter(|(_, neighbor)| is_meant(neighbor))
            .map(|(if_index, neighbor)| (if_index, neighbor.router_id))
            .collect();
        if let (Some(only), true) = (only, doomed.is_empty()) {
            let message = format!(
                "no neighbour has the Router ID or the address {only}; `ospfctl show neighbor` lists them"
            );
            return Err(Refusal { code: RefusalCode::NotFound, message });
        }
        for &(if_index, router_id) in &doomed {
            self.neighbor_event(now, if_index, router_id, Event::KillNbr);
        }
        // An operator who clears a neighbour vouches for it: a boot count that was lost may begin anew (RFC 7474 §8).
        for interface in self.interfaces.values_mut() {
            interface.remembered.retain(|router_id, _| {
                only.is_some() && !doomed.iter().any(|(_, cleared)| cleared == router_id)
            });
        }
        self.settle(now);
        Ok(doomed.into_iter().map(|(_, router_id)| router_id).collect())
    }
}
