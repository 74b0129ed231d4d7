//! The engine's façade.

use common::control::Refusal;
use common::control::ospf::{
    AdvertisedView, Advertisement, CounterView, InterfaceView, LeaseView, LsaView, NeighborView,
};
use common::time::Instant;
use std::time::Duration;

use super::config::Config;
use super::event::{Event, LinkEvent, RxDatagram, Transmit};

/// One OSPF instance.
#[derive(Debug)]
pub struct Instance {}

/// Which timer is due next; for logs and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey(pub &'static str);

#[allow(unused_variables, reason = "the façade's shape, before its content")]
impl Instance {
    /// An instance that knows no links yet. `seed` drives jitter and DD sequence numbers; the first sequence number of
    /// its own LSAs is InitialSequenceNumber (fight-back handles what a former life left behind, §13.4).
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        Self {}
    }
    /// A packet came in.
    pub fn handle_datagram(&mut self, now: Instant, rx: RxDatagram<'_>) {}
    /// A link changed, or is reported again.
    pub fn handle_link(&mut self, now: Instant, event: LinkEvent) {}
    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) {}
    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }
    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }
    /// When `handle_timeout` must be called, and for what.
    pub fn poll_timeout(&self) -> Option<(Instant, TimerKey)> {
        None
    }
    /// Replaces the configuration; what did not change is not disturbed.
    pub fn reconfigure(&mut self, now: Instant, config: Config) {}
    /// Opens or resumes a lease.
    pub fn lease_open(&mut self, now: Instant, name: &str, ttl: Duration) -> Result<LeaseView, Refusal> {
        unreachable!()
    }
    /// Replaces a lease's set.
    pub fn lease_set(
        &mut self,
        now: Instant,
        name: &str,
        generation: u64,
        set: Vec<Advertisement>,
    ) -> Result<LeaseView, Refusal> {
        unreachable!()
    }
    /// Renews a lease.
    pub fn lease_renew(&mut self, now: Instant, name: &str) -> Result<LeaseView, Refusal> {
        unreachable!()
    }
    /// Gives a lease up.
    pub fn lease_release(&mut self, now: Instant, name: &str) -> Result<LeaseView, Refusal> {
        unreachable!()
    }
    /// Flushes our LSAs, waits for acknowledgements until `deadline`, then reports `ShutdownComplete`.
    pub fn shutdown(&mut self, now: Instant, deadline: Instant) {}
    /// Interfaces.
    pub fn interfaces(&self, now: Instant) -> Vec<InterfaceView> {
        Vec::new()
    }
    /// Neighbours.
    pub fn neighbors(&self, now: Instant) -> Vec<NeighborView> {
        Vec::new()
    }
    /// The link-state database.
    pub fn database(&self, now: Instant) -> Vec<LsaView> {
        Vec::new()
    }
    /// What we advertise.
    pub fn advertised(&self, now: Instant) -> Vec<AdvertisedView> {
        Vec::new()
    }
    /// Counters, drops included.
    pub fn counters(&self) -> Vec<CounterView> {
        Vec::new()
    }
}
