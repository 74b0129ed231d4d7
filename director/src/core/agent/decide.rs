//! What follows from what is known: desired table, plan, verdicts, and the operations that may be done now.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::time::Instant;

use super::{Agent, KernelFault, UNREADABLE_AFTER};
use crate::core::adopt::adopt;
use crate::core::desired::{Desired, desired};
use crate::core::gate::{self, Advertised, GateInput, Verdict};
use crate::core::health::{HealthMap, HealthState, Question, ServerName};
use crate::core::plan::{Op, plan};
use crate::core::seats::take_seats;
use crate::model::ServiceKey;

/// What follows from what is known now.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) plan: Vec<Op>,
    pub(super) verdicts: BTreeMap<IpAddr, Verdict>,
    /// The operations of the plan that may be done now.
    pub(super) ready: Vec<Op>,
}

impl Agent {
    /// Makes everything that follows from what is known anew.
    pub(super) fn decide(&mut self, now: Instant) {
        self.decided_at = now;
        let health = self.health.map(&self.config);
        self.newcomers.retain(|service| {
            health.iter().any(|((name, _), state)| name == service && *state == HealthState::Unknown)
        });
        let wanted = self.desired(&health);
        let desired = match &self.kernel.observed {
            Some(observed) => adopt(wanted.clone(), &self.settled, observed),
            None => wanted.clone(),
        };
        let stalled = self.stalled(now);
        let observed = self.kernel.observed.as_ref();
        let plan = observed
            .map(|observed| take_seats(&self.config, plan(&desired, observed, &self.owned)))
            .unwrap_or_default();
        let in_force = self.in_force();
        let verdicts = gate::verdicts(&GateInput {
            config: &self.config,
            observed,
            desired: &desired,
            repairing: !plan.is_empty() && self.kernel.failed.is_none(),
            health: &health,
            stalled: &stalled,
            in_force: &in_force,
            newcomers: &self.newcomers,
            addresses: self.lease.is_some().then_some(&self.addresses.present),
            drains: &self.drains,
        });
        self.log_verdicts(&verdicts);
        let ready = observed.map_or_else(Vec::new, |observed| {
            let held = gate::held_back(&self.config, &desired, observed, &self.exposed(now, &verdicts));
            let may_be_done = |op: &&Op| op.key().is_none_or(|key| !held.contains(&key));
            plan.iter().filter(may_be_done).cloned().collect()
        });
        if self.kernel.failed.as_ref().is_some_and(|(failed, _)| *failed != ready) {
            self.kernel.failed = None;
        }
        if plan.is_empty() && self.kernel.unreadable == 0 {
            self.kernel.trouble = None;
        }
        self.settle(wanted, &plan);
        self.decision = Decision { plan, verdicts, ready };
        if self.knows_enough() {
            let want = self.advertisable();
            if let Some(lease) = &mut self.lease {
                lease.want(want);
            }
        }
    }

    /// Remembers what was wanted of services with `by_hand = "adopt"` for which nothing is left to do.
    fn settle(&mut self, wanted: Desired, plan: &[Op]) {
        let busy: BTreeSet<_> = plan.iter().filter_map(Op::key).collect();
        let adopts = |key: &ServiceKey| {
            self.config.services.values().any(|service| service.key == *key && service.adopts_by_hand)
        };
        let is_seen = |key: &ServiceKey| {
            self.kernel.observed.as_ref().is_some_and(|observed| observed.services.contains_key(key))
        };
        self.settled.retain(|key, _| adopts(key));
        let done = wanted.services.into_iter();
        let done: Vec<_> =
            done.filter(|(key, _)| adopts(key) && is_seen(key) && !busy.contains(key)).collect();
        self.settled.extend(done);
    }

    /// Before the table, the addresses and the lease were looked at, nothing that an earlier run advertised is withdrawn.
    fn knows_enough(&self) -> bool {
        let has_looked = self.kernel.observed.is_some() || self.kernel.unreadable >= UNREADABLE_AFTER;
        let is_open = self.lease.as_ref().is_some_and(|lease| lease.in_force().is_some());
        has_looked && self.addresses.was_tried && is_open
    }

    fn desired(&self, health: &HealthMap) -> Desired {
        let observed = self.kernel.observed.as_ref();
        desired(&self.config, |service, name, server| {
            let state = health.get(&(service.to_owned(), name.to_owned())).copied().unwrap_or_default();
            match state {
                HealthState::Up => server.weight,
                HealthState::Down => 0,
                HealthState::Unknown => {
                    let key = self.config.services.get(service).map(|service| service.key);
                    let serves = key
                        .and_then(|key| observed?.services.get(&key)?.servers.get(&server.address))
                        .is_some_and(|seen| seen.entry.weight > 0);
                    if serves { server.weight } else { 0 }
                }
            }
        })
    }

    fn stalled(&self, now: Instant) -> BTreeSet<ServerName> {
        let mut stalled = BTreeSet::new();
        for (service_name, service) in &self.config.services {
            for (server_name, server) in &service.servers {
                if self.health.is_stalled(now, &Question::of(server)) {
                    stalled.insert((service_name.clone(), server_name.clone()));
                }
            }
        }
        stalled
    }

    /// What is advertised for us now.
    pub(super) fn in_force(&self) -> Advertised {
        match &self.lease {
            Some(lease) => lease.in_force().cloned().unwrap_or_default(),
            None => self.addresses.present.iter().map(|vip| (*vip, 0)).collect(),
        }
    }

    /// VIPs that may be advertised for us now, by what is in force, under way, or about to be asked for.
    fn exposed(&self, now: Instant, verdicts: &BTreeMap<IpAddr, Verdict>) -> BTreeSet<IpAddr> {
        let about_to_be =
            verdicts.iter().filter(|(_, verdict)| verdict.metric.is_some()).map(|(vip, _)| *vip);
        let now_exposed = match &self.lease {
            Some(lease) => lease.exposed(now),
            None => self
                .addresses
                .present
                .iter()
                .chain(self.addresses.pending.iter().flatten())
                .copied()
                .collect(),
        };
        about_to_be.chain(now_exposed).collect()
    }

    /// The set that the gate lets through. A VIP that is not advertised yet waits for changes of its services that are under
    /// way: the verdict speaks of the table before them.
    pub(super) fn advertisable(&self) -> Advertised {
        let in_force = self.in_force();
        let is_in_flight = |vip: &IpAddr| {
            gate::services_of(&self.config, *vip)
                .any(|(_, service)| self.kernel.in_flight.contains(&service.key))
        };
        let verdicts = self.decision.verdicts.iter();
        verdicts
            .filter(|(vip, _)| in_force.contains_key(*vip) || !is_in_flight(vip))
            .filter_map(|(vip, verdict)| Some((*vip, verdict.metric?)))
            .collect()
    }

    fn log_verdicts(&self, verdicts: &BTreeMap<IpAddr, Verdict>) {
        for (vip, verdict) in verdicts {
            let before = self.decision.verdicts.get(vip);
            if before.is_none_or(|before| before.metric != verdict.metric) {
                match verdict.metric {
                    Some(metric) => {
                        tracing::info!(%vip, metric, reason = %verdict.reason, "vip may be advertised");
                    }
                    None => tracing::warn!(%vip, reason = %verdict.reason, "vip must not be advertised"),
                }
            }
        }
    }

    /// The plan of the moment; what is wrong when the kernel's table is not known.
    pub fn plan(&mut self, now: Instant) -> Result<&[Op], KernelFault> {
        self.decide(now);
        match (&self.kernel.observed, &self.kernel.trouble) {
            (Some(_), _) if self.kernel.unreadable == 0 => Ok(&self.decision.plan),
            (_, Some(fault)) => Err(fault.clone()),
            (_, None) => Err(KernelFault("the kernel's table has not been read yet".to_owned())),
        }
    }
}
