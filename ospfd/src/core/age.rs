//! LSAs that reach MaxAge, and their removal (RFC 2328 §14).

use common::time::Instant;

use super::flood::Sender;
use super::instance::Instance;
use super::neighbor::Neighbor;

impl Instance {
    /// RFC 2328 §14: an LSA that reached MaxAge here is flooded, so that it leaves all databases at the same time.
    pub(crate) fn expire_lsas(&mut self, now: Instant) {
        while let Some((scope, key)) = self.lsdb.pop_expired(now) {
            self.flood(now, scope, key, Sender::Us);
        }
    }

    /// RFC 2328 §14: an LSA at MaxAge leaves once it is on no retransmission list and nobody is loading.
    pub(crate) fn remove_aged(&mut self) {
        let neighbors = || self.interfaces.values().flat_map(|interface| interface.neighbors.values());
        if !self.lsdb.has_leaving() || neighbors().any(Neighbor::is_loading) {
            return;
        }
        for (scope, key) in self.lsdb.take_leaving() {
            let awaited = self.interfaces.values().filter(|interface| scope.is_in(interface.place())).any(
                |interface| interface.neighbors.values().any(|neighbor| neighbor.retransmit.contains(key)),
            );
            if awaited {
                continue;
            }
            let first_sent_at = self.lsdb.remove(scope, key).and_then(|entry| entry.first_sent_at());
            self.originator.removed(scope, key, first_sent_at);
            // One of ours that was only waiting for this may be wanted again.
            self.dirty |= self.originator.knows(scope, key);
        }
    }
}
