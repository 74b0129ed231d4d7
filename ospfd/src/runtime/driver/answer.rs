//! Requests of the control server, answered.

use std::net::Ipv4Addr;
use std::time::Duration;

use common::control::ospf::status::InstanceView;
use common::control::ospf::{CounterView, Request, Response};
use common::time::Instant;
use tracing::{debug, info, warn};

use super::Driver;
use crate::runtime::control::Command;
use crate::runtime::metrics::{self, Surroundings};
use crate::runtime::record::Entry;

impl Driver {
    pub(super) fn answer(&mut self, command: Command) {
        if command.request == Request::ShowBfd {
            // The thread that has the sessions answers.
            return self.bfd.show(command.reply);
        }
        let response = self.respond(command.request);
        if command.reply.send(response).is_err() {
            debug!("a client left before its answer");
        }
    }

    fn respond(&mut self, request: Request) -> Response {
        let now = self.clock.now();
        if let Some(entry) = Entry::of_request(&request) {
            self.recorder.note(now, &self.instance, || entry);
        }
        let lease = match request {
            Request::LeaseOpen { name, ttl_ms } => {
                self.instance.lease_open(now, &name, Duration::from_millis(ttl_ms))
            }
            Request::SetAdvertised { name, generation, advertisements } => {
                let result = self.instance.lease_set(now, &name, generation, advertisements);
                self.tell_contested(now);
                result
            }
            Request::LeaseRenew { name } => self.instance.lease_renew(now, &name),
            Request::LeaseRelease { name } => self.instance.lease_release(now, &name),
            Request::ShowInterfaces => return Response::Interfaces(self.instance.interfaces(now)),
            Request::ShowNeighbors => return Response::Neighbors(self.instance.neighbors(now)),
            Request::ShowDatabase => return Response::Database(self.instance.database(now)),
            Request::ShowRoutes => return Response::Routes(self.instance.route_views()),
            Request::ShowAdvertised => return Response::Advertised(self.instance.advertised(now)),
            Request::ShowEcmp { prefix, from } => {
                return self.instance.ecmp(now, prefix, from).map_or_else(Response::Refused, Response::Ecmp);
            }
            Request::ShowInstance => return Response::Instance(self.instance_view(now)),
            Request::ShowAreas => return Response::Areas(self.instance.area_views()),
            Request::ShowSpf => return Response::Spf(self.stopwatch.complete(self.instance.spf_view(now))),
            Request::ShowLog => return Response::Log(self.history.views()),
            Request::ClearNeighbor { neighbor } => return self.clear(now, neighbor),
            // Answered by their own thread.
            Request::ShowBfd => return Response::Bfd(Vec::new()),
            Request::ShowCounters => return Response::Counters(self.counters()),
            Request::ShowMetrics => return Response::Metrics(self.metrics(now)),
        };
        lease.map_or_else(Response::Refused, Response::Lease)
    }

    fn counters(&self) -> Vec<CounterView> {
        let mut counters = self.instance.counters();
        counters.extend(self.sockets.counters());
        counters.extend(self.bfd.counters());
        counters
    }

    fn metrics(&self, now: Instant) -> String {
        let counters = self.counters();
        let uptime = now.since(self.started_at);
        metrics::text(
            now,
            &self.instance,
            Surroundings { counters: &counters, stopwatch: self.stopwatch, uptime, bfd: self.bfd.totals() },
        )
    }

    fn instance_view(&self, now: Instant) -> InstanceView {
        let uptime = now.since(self.started_at).as_millis();
        InstanceView {
            uptime_msec: u64::try_from(uptime).unwrap_or(u64::MAX),
            ..self.instance.instance_view()
        }
    }

    fn clear(&mut self, now: Instant, neighbor: Option<Ipv4Addr>) -> Response {
        match self.instance.clear_neighbors(now, neighbor) {
            Ok(cleared) => {
                for router_id in &cleared {
                    info!(neighbor = %router_id, "cleared by an operator");
                    let fields =
                        [("what", "neighbor cleared".to_owned()), ("neighbor", router_id.to_string())];
                    self.history.note(now, "daemon", fields);
                }
                Response::Cleared(cleared)
            }
            Err(refusal) => Response::Refused(refusal),
        }
    }

    /// Owners who want different metrics for a prefix: the lowest is advertised, and somebody should know.
    fn tell_contested(&self, now: Instant) {
        let rows = self.instance.advertised(now);
        for pair in rows.windows(2) {
            if let [one, other] = pair
                && one.advertisement.prefix == other.advertisement.prefix
                && one.advertisement.metric != other.advertisement.metric
            {
                warn!(
                    prefix = %one.advertisement.prefix, owner = one.owner, metric = one.advertisement.metric,
                    other = other.owner, other_metric = other.advertisement.metric,
                    "two owners advertise the prefix; the lowest metric wins"
                );
            }
        }
    }
}
