//! From the database to routes: when to calculate, with what, and what to tell of it. The calculation itself is `spf`'s.

use std::collections::BTreeMap;

use common::control::ospf::{RouteNextHopView, RouteView};
use common::ids::{AreaId, IfIndex};
use common::time::Instant;
use ipnetwork::IpNetwork;

use super::config::{Config, NetworkType};
use super::drops::Counter;
use super::event::Event;
use super::instance::Instance;
use super::interface::{Interface, State};
use super::links::{kinds, ranges};
use super::lsdb::Scope;
use super::originate::active_areas;
use super::spf::build_v2::{AreaGraph, LocalLink, external, nssa_external, summary};
use super::spf::calculation::{AreaInput, Calculation};
use super::spf::delay::Backoff;
use super::spf::route::{PathType, Route, RouteTable};
use super::status::{SpfKind, SpfRuns};
use crate::packet::{RouterLink, RouterLinkType};

/// The links of our Router-LSA in the host's terms, by area, type, Link ID and Link Data.
type LocalLinks = BTreeMap<(AreaId, RouterLinkType, u32, u32), LocalLink>;

/// The routing table, and when it is calculated next.
#[derive(Debug)]
pub(crate) struct Routing {
    pub(super) calculation: Calculation,
    pub(super) backoff: Backoff,
    pub(super) runs: SpfRuns,
    /// Our links as they were when we last looked.
    local_links: LocalLinks,
}

impl Routing {
    /// An empty table.
    pub(crate) fn new(config: &Config) -> Self {
        let mut calculation = Calculation::new(config.router_id, config.routing.spf);
        calculation.set_ranges(ranges(config));
        calculation.set_kinds(kinds(config));
        Self {
            calculation,
            backoff: Backoff::new(config.routing.delay),
            runs: SpfRuns::default(),
            local_links: LocalLinks::new(),
        }
    }

    /// Other rules; the routes follow with the next calculation.
    pub(crate) fn reconfigure(&mut self, config: &Config) {
        self.calculation.reconfigure(config.router_id, config.routing.spf);
        self.backoff.reconfigure(config.routing.delay);
    }
}

impl Instance {
    /// The routing table.
    pub fn routes(&self) -> &RouteTable {
        self.routing.calculation.table()
    }

    /// The routing table in words.
    pub fn route_views(&self) -> Vec<RouteView> {
        self.routes().iter().map(|route| self.route_view(route)).collect()
    }

    /// Looks whether our links have changed in a way that our LSAs may not tell of yet.
    pub(crate) fn look_at_local_links(&mut self) {
        let links = self.local_links();
        if links != self.routing.local_links {
            self.routing.local_links = links;
            self.lsdb.note_everything();
        }
    }

    /// Lets the next calculation be planned if there is something to calculate that nobody planned for.
    pub(crate) fn plan_calculation(&mut self, now: Instant) {
        if self.lsdb.take_fresh() {
            self.routing.backoff.note_change(now);
        }
    }

    /// Calculates what has changed, if it is time.
    pub(crate) fn calculate_routes(&mut self, now: Instant) {
        if !self.routing.backoff.is_due(now) {
            return;
        }
        let news = self.lsdb.take_news();
        let changes = if news.everything {
            self.note_calculation(now, SpfKind::Full);
            let areas = active_areas(&self.interfaces);
            // RFC 2328 §16.7: what a border router tells each area follows from the routes.
            self.dirty |= areas.len() > 1;
            self.routing.calculation.set_connected(self.connected());
            let nssas = self.active_nssas();
            let type_7 = nssas.iter().flat_map(|area| {
                let of_area = self.lsdb.live(Scope::Area(*area), now);
                of_area.filter_map(|lsa| nssa_external(*area, lsa))
            });
            let inputs: Vec<_> = areas.into_iter().map(|area| self.area_input(now, area)).collect();
            let addresses = self.interfaces.values().filter_map(Interface::network);
            self.routing.calculation.set_addresses(addresses.map(|network| network.ip().into()).collect());
            let externals = self.lsdb.live(Scope::As, now).filter_map(external).chain(type_7);
            let changes = self.routing.calculation.run(&inputs, externals);
            self.elect_translators(now);
            changes
        } else if !news.is_empty() {
            self.note_calculation(now, SpfKind::External);
            let nssas = self.active_nssas();
            // What a translator tells the AS of follows from the routes.
            self.dirty |= !nssas.is_empty() && active_areas(&self.interfaces).len() > 1;
            let (lsdb, nssas) = (&self.lsdb, &nssas);
            let of_prefix = |prefix| {
                let type_7 = nssas.iter().flat_map(move |area| {
                    let of_area = lsdb.live_externals(Scope::Area(*area), prefix, now);
                    of_area.filter_map(|lsa| nssa_external(*area, lsa))
                });
                lsdb.live_externals(Scope::As, prefix, now).filter_map(external).chain(type_7)
            };
            let externals = news.externals.iter().copied().flat_map(of_prefix);
            self.routing.calculation.run_externals(&news.externals, externals)
        } else {
            return;
        };
        if !changes.is_empty() {
            self.output.event(Event::Routes(changes));
        }
    }

    fn note_calculation(&mut self, now: Instant, kind: SpfKind) {
        self.output.count(Counter::calculated(kind.name()));
        self.routing.runs.note(now, kind);
    }

    fn area_input(&self, now: Instant, area: AreaId) -> AreaInput {
        let lsas = || self.lsdb.live(Scope::Area(area), now);
        let local = |link: &RouterLink| {
            self.routing.local_links.get(&(area, link.link_type, link.link_id, link.link_data)).copied()
        };
        AreaInput {
            id: area,
            graph: AreaGraph::read(lsas(), self.config.router_id, local),
            summaries: lsas().filter_map(summary).collect(),
        }
    }

    /// Our address and network on each link that is up.
    fn connected(&self) -> BTreeMap<IfIndex, IpNetwork> {
        let up = self.interfaces.iter().filter(|(_, interface)| interface.state != State::Down);
        up.filter_map(|(if_index, interface)| Some((*if_index, interface.network()?.into()))).collect()
    }

    /// What the links are that our Router-LSAs have, or will have.
    fn local_links(&self) -> LocalLinks {
        let mut links = LocalLinks::new();
        for interface in self.interfaces.values() {
            let (area, address) = (interface.config.area, interface.address().to_bits());
            let local =
                |gateway| LocalLink { if_index: interface.if_index(), gateway, cost: interface.config.cost };
            match interface.config.network_type {
                NetworkType::PointToPoint | NetworkType::PointToMultipoint => {
                    links.extend(interface.full_neighbors().map(|neighbor| {
                        let key =
                            (area, RouterLinkType::PointToPoint, neighbor.router_id.0, interface.link_data());
                        (key, local(Some(neighbor.address.into())))
                    }));
                }
                NetworkType::Broadcast | NetworkType::NonBroadcast => {
                    let designated = interface.designated.to_bits();
                    if designated != 0 && interface.full_neighbors().next().is_some() {
                        links.insert((area, RouterLinkType::Transit, designated, address), local(None));
                    }
                }
            }
        }
        links
    }

    fn route_view(&self, route: &Route) -> RouteView {
        let name = |if_index| self.links.get(&if_index).map_or("?", |link| link.name.as_str()).to_owned();
        let external = matches!(route.path_type, PathType::External1 | PathType::External2);
        RouteView {
            prefix: route.prefix,
            route_type: route.path_type.name().to_owned(),
            area: route.area,
            cost: route.cost,
            type2cost: (route.path_type == PathType::External2).then_some(route.type2_cost),
            tag: external.then_some(route.tag),
            nexthops: route
                .next_hops
                .iter()
                .map(|hop| RouteNextHopView { ip: hop.gateway, via: name(hop.if_index) })
                .collect(),
        }
    }
}
