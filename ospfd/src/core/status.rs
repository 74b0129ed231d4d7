//! The instance, its areas and its route calculations in figures.

use std::collections::BTreeMap;

use common::control::ospf::status::{AreaView, InstanceView, SpfView};
use common::ids::AreaId;
use common::time::Instant;

use super::instance::{Instance, Life};
use super::interface::Interface;
use super::lsdb::Scope;
use crate::packet::LsType;

/// What was calculated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpfKind {
    /// Everything.
    Full,
    /// Routes to some external destinations.
    External,
}

impl SpfKind {
    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::External => "external",
        }
    }
}

/// The route calculations so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpfRuns {
    full: u64,
    external: u64,
    last: Option<(Instant, SpfKind)>,
}

impl SpfRuns {
    /// One more.
    pub(crate) fn note(&mut self, now: Instant, kind: SpfKind) {
        match kind {
            SpfKind::Full => self.full += 1,
            SpfKind::External => self.external += 1,
        }
        self.last = Some((now, kind));
    }
}

impl Instance {
    /// The instance as a whole. `uptime_msec` is left to the one who has a clock.
    pub fn instance_view(&self) -> InstanceView {
        let externals = self.lsa_counts(Scope::As);
        let spf = self.config.routing.spf;
        InstanceView {
            router_id: self.config.router_id,
            state: match self.life {
                Life::Running => "running",
                Life::Stopping | Life::Stopped => "stopping",
            }
            .to_owned(),
            uptime_msec: 0,
            stub_router: !self.config.transit,
            attached_area_counter: number(self.area_ids().len()),
            if_total_counter: number(self.interfaces.len()),
            if_active_counter: number(self.interfaces.values().filter(|i| i.state.is_operational()).count()),
            nbr_full_adjacent_counter: self.full_neighbors(),
            lsa_number: number(self.lsdb.len()),
            lsa_external_counter: of_type(&externals, LsType::AsExternal),
            lsa_asopaque_counter: of_type(&externals, LsType::OpaqueAs),
            advertised_counter: number(self.leases.merged().len()),
            maximum_paths: number(spf.max_paths),
            rfc1583_compatibility: spf.rfc1583_compatibility,
        }
    }

    /// The areas that we have an interface in.
    pub fn area_views(&self) -> Vec<AreaView> {
        self.area_ids().into_iter().map(|area| self.area_view(area)).collect()
    }

    /// The route calculations. Durations are left to the one who has a clock.
    pub fn spf_view(&self, now: Instant) -> SpfView {
        let SpfRuns { full, external, last } = self.routing.runs;
        SpfView {
            full_runs: full,
            external_runs: external,
            last_kind: last.map(|(_, kind)| kind.name().to_owned()),
            spf_last_executed_msecs: last.map(|(at, _)| millis(at, now)),
            last_duration_usec: 0,
            longest_duration_usec: 0,
            total_duration_usec: 0,
            spf_timer_due_in_msecs: self.routing.backoff.deadline().map(|at| millis(now, at)),
            backoff_state: self.routing.backoff.state_at(now).to_owned(),
            routes: number(self.routes().len()),
        }
    }

    /// Route calculations so far, of any kind.
    pub fn spf_runs(&self) -> u64 {
        self.routing.runs.full + self.routing.runs.external
    }

    /// How many LSAs of each type the database holds.
    pub fn lsa_types(&self) -> BTreeMap<LsType, u32> {
        let mut counts = BTreeMap::new();
        for (_, key, _) in self.lsdb.iter() {
            *counts.entry(key.ls_type).or_default() += 1;
        }
        counts
    }

    fn area_view(&self, area: AreaId) -> AreaView {
        let interfaces: Vec<&Interface> =
            self.interfaces.values().filter(|interface| interface.config.area == area).collect();
        let counts = self.lsa_counts(Scope::Area(area));
        let nssa = self.config.area_kind(area).nssa();
        AreaView {
            area_id: area,
            area_type: self.config.area_kind(area).name().to_owned(),
            nssa_translator: nssa.map(|_| self.translators.state(area).name().to_owned()),
            area_if_total_counter: number(interfaces.len()),
            area_if_active_counter: number(interfaces.iter().filter(|i| i.state.is_operational()).count()),
            nbr_full_adjacent_counter: number(interfaces.iter().flat_map(|i| i.full_neighbors()).count()),
            lsa_number: counts.values().sum(),
            lsa_router_number: of_type(&counts, LsType::Router),
            lsa_network_number: of_type(&counts, LsType::Network),
            lsa_summary_number: of_type(&counts, LsType::SummaryNetwork),
            lsa_asbr_number: of_type(&counts, LsType::SummaryAsbr),
            lsa_nssa_number: of_type(&counts, LsType::Nssa),
            lsa_opaque_link_number: of_type(&counts, LsType::OpaqueLink),
            lsa_opaque_area_number: of_type(&counts, LsType::OpaqueArea),
            database_digest: format!("{:016x}", self.digest(area)),
        }
    }

    fn area_ids(&self) -> Vec<AreaId> {
        let mut areas: Vec<_> = self.interfaces.values().map(|interface| interface.config.area).collect();
        areas.sort_unstable();
        areas.dedup();
        areas
    }

    fn lsa_counts(&self, scope: Scope) -> BTreeMap<LsType, u32> {
        let mut counts = BTreeMap::new();
        for (_, key, _) in self.lsdb.iter().filter(|(found, ..)| *found == scope) {
            *counts.entry(key.ls_type).or_default() += 1;
        }
        counts
    }
}

fn of_type(counts: &BTreeMap<LsType, u32>, ls_type: LsType) -> u32 {
    counts.get(&ls_type).copied().unwrap_or(0)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn millis(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}
