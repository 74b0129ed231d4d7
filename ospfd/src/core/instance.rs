//! The engine's façade. What is behind it stands in the rooms beside this file, as further `impl Instance` blocks; each
//! input ends in [`Instance::settle`], which brings everything that follows from it to an end.

use std::collections::BTreeMap;
use std::time::Duration;

use common::control::Refusal;
use common::control::ospf::{
    AdvertisedView, Advertisement, CounterView, InterfaceView, LeaseView, LsaView, NeighborView,
};
use common::ids::{AreaId, IfIndex};
use common::time::Instant;

use super::advertise::LeaseTable;
use super::auth::Sequences;
use super::bfd::Watch;
use super::config::Config;
use super::drops::known;
use super::event::{Event, LinkEvent, LinkState, RxDatagram, Transmit};
use super::interface::Interface;
use super::lsdb::{Lsdb, Scope};
use super::nssa::Translators;
use super::originate::Originator;
use super::output::Output;
use super::routing::Routing;
use super::timer::{TimerKey, Timers};
use crate::packet::Lsa;

/// Rounds that one input may take to settle; two are usual.
const MAX_ROUNDS: usize = 16;

/// One OSPF instance.
#[derive(Debug)]
pub struct Instance {
    pub(super) config: Config,
    pub(super) rng: fastrand::Rng,
    pub(super) life: Life,
    /// All links that the host has.
    pub(super) links: BTreeMap<IfIndex, LinkState>,
    /// Those that the configuration names.
    pub(super) interfaces: BTreeMap<IfIndex, Interface>,
    pub(super) lsdb: Lsdb,
    pub(super) originator: Originator,
    pub(super) routing: Routing,
    pub(super) translators: Translators,
    pub(super) leases: LeaseTable,
    pub(super) watch: Watch,
    pub(super) timers: Timers,
    pub(super) output: Output,
    /// Something that our own LSAs depend on may have changed.
    pub(super) dirty: bool,
    /// Advertised prefixes that found no room last time.
    pub(super) left_out: usize,
}

/// Where in its life an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// At work.
    Running,
    /// Flushing its LSAs.
    Stopping,
    /// Done: every input is ignored.
    Stopped,
}

/// Inputs.
impl Instance {
    /// An instance that knows no links yet. `seed` drives jitter and DD sequence numbers; the first sequence number of
    /// its own LSAs is InitialSequenceNumber (fight-back handles what a former life left behind, §13.4).
    pub fn new(config: Config, seed: u64, _now: Instant) -> Self {
        let leases = LeaseTable::new(&config.static_advertisements);
        let output = Output::new(config.router_id);
        let routing = Routing::new(&config);
        let lsdb = Lsdb::new(config.max_lsas);
        Self {
            config,
            rng: fastrand::Rng::with_seed(seed),
            life: Life::Running,
            links: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            lsdb,
            originator: Originator::default(),
            routing,
            translators: Translators::default(),
            leases,
            watch: Watch::default(),
            timers: Timers::default(),
            output,
            dirty: false,
            left_out: 0,
        }
    }

    /// The same, with cryptographic sequence numbers that begin after `start`: above all that this router has sent before,
    /// or its neighbours ignore it until they have forgotten it.
    #[must_use]
    pub fn with_crypto_sequence(mut self, start: u32) -> Self {
        self.output.sequences = Sequences::starting_after(start);
        self
    }

    /// The same, after [`Instance::with_crypto_sequence`], with a boot count for sequence numbers of 64 bits: above all that
    /// former lives of this router had (RFC 7474 §2).
    #[must_use]
    pub fn with_boot_count(mut self, boots: u32) -> Self {
        self.output.sequences.set_boot_count(boots);
        self
    }

    /// A packet came in.
    pub fn handle_datagram(&mut self, now: Instant, rx: RxDatagram<'_>) {
        if self.life != Life::Stopped {
            self.receive(now, rx);
            self.settle(now);
        }
    }

    /// A link changed, or is reported again.
    pub fn handle_link(&mut self, now: Instant, event: LinkEvent) {
        if self.life != Life::Stopped {
            self.note_link(now, event);
            self.settle(now);
        }
    }

    /// Fires every timer that is due. One that starts anew for a moment that has passed is left to the next call.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due = Vec::new();
        while let Some(key) = self.timers.pop_due(now) {
            due.push(key);
        }
        for key in due {
            self.fire(now, key);
        }
        if self.life != Life::Stopped {
            self.settle(now);
        }
    }

    /// Replaces the configuration; what did not change is not disturbed.
    pub fn reconfigure(&mut self, now: Instant, config: Config) {
        if self.life != Life::Stopped {
            self.apply_config(now, config);
            self.settle(now);
        }
    }

    /// Flushes our LSAs, waits for acknowledgements until `deadline`, then reports `ShutdownComplete`.
    pub fn shutdown(&mut self, now: Instant, deadline: Instant) {
        self.begin_stop(deadline);
        if self.life != Life::Stopped {
            self.settle(now);
        }
    }
}

/// Outputs.
impl Instance {
    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.output.pop_transmit()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.output.pop_event()
    }

    /// The highest cryptographic sequence number that was used, for the next life to begin after.
    pub fn crypto_sequence(&self) -> u32 {
        self.output.sequences.highest()
    }

    /// The boot count in use, for the next life to begin above.
    pub fn boot_count(&self) -> u32 {
        self.output.sequences.boot_count()
    }

    /// When `handle_timeout` must be called, and for what.
    pub fn poll_timeout(&self) -> Option<(Instant, TimerKey)> {
        self.timers.next()
    }
}

/// Leases.
impl Instance {
    /// Opens or resumes a lease.
    ///
    /// # Errors
    /// As [`LeaseTable::open`].
    pub fn lease_open(&mut self, now: Instant, name: &str, ttl: Duration) -> Result<LeaseView, Refusal> {
        let view = self.leases.open(now, name, ttl)?;
        Ok(self.lease_changed(now, view, "opened"))
    }

    /// Replaces a lease's set.
    ///
    /// # Errors
    /// As [`LeaseTable::set`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over what the control protocol gave them"
    )]
    pub fn lease_set(
        &mut self,
        now: Instant,
        name: &str,
        generation: u64,
        set: Vec<Advertisement>,
    ) -> Result<LeaseView, Refusal> {
        let view = self.leases.set(now, name, generation, &set)?;
        self.dirty = true;
        Ok(self.lease_changed(now, view, "changed"))
    }

    /// Renews a lease.
    ///
    /// # Errors
    /// As [`LeaseTable::renew`].
    pub fn lease_renew(&mut self, now: Instant, name: &str) -> Result<LeaseView, Refusal> {
        let view = self.leases.renew(now, name)?;
        self.arm_derived(now);
        Ok(LeaseView { full_neighbors: self.full_neighbors(), ..view })
    }

    /// Gives a lease up.
    ///
    /// # Errors
    /// As [`LeaseTable::release`].
    pub fn lease_release(&mut self, now: Instant, name: &str) -> Result<LeaseView, Refusal> {
        let view = self.leases.release(now, name)?;
        self.dirty = true;
        Ok(self.lease_changed(now, view, "released"))
    }

    fn lease_changed(&mut self, now: Instant, view: LeaseView, what: &'static str) -> LeaseView {
        let event = Event::Lease { name: view.name.clone(), what, advertisements: view.advertisements.len() };
        self.output.event(event);
        if self.life != Life::Stopped {
            self.settle(now);
        }
        LeaseView { full_neighbors: self.full_neighbors(), ..view }
    }

    fn expire_leases(&mut self, now: Instant) {
        for lapsed in self.leases.expire(now) {
            self.dirty = true;
            let advertisements = lapsed.advertisements.len();
            self.output.event(Event::Lease { name: lapsed.name, what: "lapsed", advertisements });
        }
    }
}

/// Views.
impl Instance {
    /// Interfaces.
    pub fn interfaces(&self, _now: Instant) -> Vec<InterfaceView> {
        self.interface_views()
    }

    /// Neighbours.
    pub fn neighbors(&self, now: Instant) -> Vec<NeighborView> {
        self.neighbor_views(now)
    }

    /// The link-state database.
    pub fn database(&self, now: Instant) -> Vec<LsaView> {
        self.lsa_views(now)
    }

    /// What we advertise.
    pub fn advertised(&self, now: Instant) -> Vec<AdvertisedView> {
        self.advertised_views(now)
    }

    /// Leases, by name.
    pub fn leases(&self, now: Instant) -> Vec<LeaseView> {
        let full_neighbors = self.full_neighbors();
        self.leases.lease_views(now).map(|view| LeaseView { full_neighbors, ..view }).collect()
    }

    /// Counters, drops included, and how many LSAs the database holds.
    pub fn counters(&self) -> Vec<CounterView> {
        let mut views = self.output.counters().views();
        views.push(CounterView { name: "lsas".to_owned(), value: self.lsdb.len() as u64 });
        views
    }

    /// The names of all counters that there can be, raised yet or not.
    pub fn counter_names() -> impl Iterator<Item = String> {
        known().map(|counter| counter.to_string())
    }

    /// The LSAs of the database as they came, in order, each with its area if it has one. Some may be at MaxAge by now.
    pub fn lsas(&self) -> impl Iterator<Item = (Option<AreaId>, &Lsa)> {
        self.lsdb.iter().map(|(scope, _, entry)| (self.area_of(scope), entry.lsa()))
    }

    /// A number that two routers share when their databases of `area` do.
    pub fn digest(&self, area: AreaId) -> u64 {
        let takes_externals = self.config.area_kind(area).takes_externals();
        self.lsdb.digest(area, |scope| scope != Scope::As || takes_externals)
    }
}

impl Instance {
    fn fire(&mut self, now: Instant, key: TimerKey) {
        use super::interface;
        match key {
            TimerKey::Hello(if_index) => self.hello_due(now, if_index),
            TimerKey::Wait(if_index) => self.interface_event(now, if_index, interface::Event::WaitTimer),
            TimerKey::Poll(if_index, address) => self.poll_due(now, if_index, address),
            TimerKey::DelayedAck(if_index) => self.send_delayed_acks(now, if_index),
            TimerKey::Inactivity(if_index, router_id) => self.inactivity_due(now, if_index, router_id),
            TimerKey::DdRetransmit(if_index, router_id) => self.repeat_description(now, if_index, router_id),
            TimerKey::DdHold(if_index, router_id) => self.forget_description(if_index, router_id),
            TimerKey::LsRequest(if_index, router_id) => self.request_again(now, if_index, router_id),
            TimerKey::LsRetransmit(if_index, router_id) => self.retransmit(now, if_index, router_id),
            TimerKey::BfdHold(if_index, peer) => self.reconsider_hold(now, if_index, peer),
            TimerKey::Grace(if_index, router_id) => self.grace_over(now, if_index, router_id),
            TimerKey::Age => self.expire_lsas(now),
            TimerKey::Check => self.check_lsas(now),
            TimerKey::Originate => self.dirty = true,
            TimerKey::Lease => self.expire_leases(now),
            TimerKey::KeyChange => self.select_keys(now),
            TimerKey::Spf => self.calculate_routes(now),
            TimerKey::Translator => self.elect_translators(now),
            TimerKey::Shutdown => {
                if self.life == Life::Stopping {
                    self.stop_unacknowledged(now);
                }
            }
        }
    }

    /// Brings what an input has set off to an end: requests, originations, floods, removals.
    pub(super) fn settle(&mut self, now: Instant) {
        let mut was_dirty = false;
        for _ in 0..MAX_ROUNDS {
            self.continue_loading(now);
            if self.dirty {
                was_dirty = true;
                self.originate(now);
            }
            self.remove_aged();
            self.watch_topology(now);
            if !self.dirty {
                break;
            }
        }
        self.send_floods(now);
        self.stop_when_acknowledged(now);
        if was_dirty {
            self.reconcile_bfd();
            self.look_at_local_links();
        }
        self.plan_calculation(now);
        self.plan_check(now);
        self.arm_derived(now);
    }

    /// Timers that follow from what is stored elsewhere.
    fn arm_derived(&mut self, now: Instant) {
        if self.life == Life::Stopped {
            return;
        }
        for (key, at) in [
            (TimerKey::Age, self.lsdb.next_expiry()),
            (TimerKey::Lease, self.leases.next_deadline()),
            (TimerKey::Spf, self.routing.backoff.deadline()),
            (TimerKey::KeyChange, self.next_key_change(now)),
            (TimerKey::Translator, self.translators.next_deadline()),
        ] {
            match at {
                Some(at) if self.timers.deadline(key) != Some(at) => self.timers.set(key, at),
                Some(_) => {}
                None => self.timers.cancel(key),
            }
        }
    }
}
