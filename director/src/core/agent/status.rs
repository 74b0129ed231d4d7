//! The agent as `directorctl status` shows it.

use common::control::director::{ServerView, ServiceView, StatusView, VipView};
use common::time::Instant;

use super::Agent;
use crate::core::health::{Check, HealthState, Question};
use crate::model::{RealServer, Service, ServiceEntry};

impl Agent {
    /// Everything, as it stands.
    pub fn status(&self, now: Instant) -> StatusView {
        StatusView {
            name: self.config.name.clone(),
            uptime_s: now.since(self.started_at).as_secs(),
            drained: self.drains.host,
            ospfd: self.routing_in_words(),
            troubles: self
                .kernel
                .trouble
                .iter()
                .chain(&self.addresses.trouble)
                .map(ToString::to_string)
                .collect(),
            in_sync: self.kernel.observed.is_some() && self.decision.plan.is_empty(),
            changes: 0,
            changes_done: 0,
            vips: self.vip_views(),
            services: self
                .config
                .services
                .iter()
                .map(|(name, service)| self.service_view(now, name, service))
                .collect(),
        }
    }

    fn routing_in_words(&self) -> String {
        match &self.lease {
            Some(lease) => lease.to_string(),
            None => "not used: another routing daemon redistributes the VIP device".to_owned(),
        }
    }

    fn vip_views(&self) -> Vec<VipView> {
        let in_force = self.in_force();
        self.decision
            .verdicts
            .iter()
            .map(|(vip, verdict)| {
                let metric = in_force.get(vip).copied();
                let state = match metric {
                    Some(_) if self.drains.covers(vip) => "draining",
                    Some(_) => "advertised",
                    None => "withdrawn",
                };
                let mut reason = verdict.reason.to_string();
                if verdict.metric.is_some() && metric.is_none() {
                    reason.push_str(match &self.lease {
                        Some(_) => "; waiting for ospfd",
                        None if self.drains.covers(vip) => "; the address is off the VIP device",
                        None => "; waiting for the VIP device",
                    });
                }
                VipView {
                    vip: *vip,
                    state: state.to_owned(),
                    metric: metric.filter(|_| self.lease.is_some()),
                    reason,
                }
            })
            .collect()
    }

    fn service_view(&self, now: Instant, name: &str, service: &Service) -> ServiceView {
        let servers: Vec<_> = service
            .servers
            .iter()
            .map(|(server_name, server)| self.server_view(now, server_name, service, server))
            .collect();
        let usable = servers.iter().filter(|server| server.weight.is_some_and(|weight| weight > 0)).count();
        ServiceView {
            name: name.to_owned(),
            service: service.key.to_string(),
            scheduler: ServiceEntry::of(service).to_string(),
            up: u32::try_from(usable).is_ok_and(|usable| usable >= service.quorum),
            servers,
        }
    }

    fn server_view(&self, now: Instant, name: &str, service: &Service, server: &RealServer) -> ServerView {
        let question = Question::of(server);
        let check = self.health.check(&question);
        let state = check.map_or(HealthState::Unknown, Check::state);
        let seen = self
            .kernel
            .observed
            .as_ref()
            .and_then(|observed| observed.services.get(&service.key)?.servers.get(&server.address));
        let last_result = check.and_then(Check::last).map_or_else(
            || "not checked".to_owned(),
            |last| {
                let ago = now.since(last.at).as_secs();
                match last.result {
                    Ok(latency) => {
                        let tenths = latency.as_micros() / 100;
                        format!("passed in {}.{} ms, {ago} s ago", tenths / 10, tenths % 10)
                    }
                    Err(failure) => format!("{failure}, {ago} s ago"),
                }
            },
        );
        ServerView {
            name: name.to_owned(),
            address: server.address.to_string(),
            forward: server.forward.name().to_owned(),
            health: state.as_str().to_owned(),
            last_result,
            weight: seen.map(|seen| seen.entry.weight),
            configured_weight: server.weight,
            active: seen.map_or(0, |seen| seen.active),
            inactive: seen.map_or(0, |seen| seen.inactive),
        }
    }
}
