//! Links that come, change and go, and a configuration that changes: what is wanted against what runs.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::{AreaId, IfIndex};
use common::time::Instant;
use ipnetwork::IpNetwork;

use super::config::{AreaConfig, AreaKind, Config, InterfaceConfig};
use super::event::{LinkEvent, LinkState};
use super::instance::Instance;
use super::interface::{Event, Interface, State};
use super::lsdb::Scope;
use super::neighbor;
use super::spf::ExternalRouting;
use crate::packet::LsType;

impl Instance {
    /// Takes note of a link. The same report twice changes nothing.
    pub(crate) fn note_link(&mut self, now: Instant, event: LinkEvent) {
        let (if_index, before) = match event {
            LinkEvent::State(link) => {
                let if_index = link.if_index;
                (if_index, self.links.insert(if_index, link))
            }
            LinkEvent::Gone(if_index) => (if_index, self.links.remove(&if_index)),
        };
        self.reconcile_interface(now, if_index);
        // Whoever uses its address hears of it, too.
        let after = self.links.get(&if_index);
        let names: Vec<_> = before.iter().chain(after).map(|link| &link.name).collect();
        let borrowers: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| {
                let lender = self.config.interfaces.get(&link.name).and_then(|i| i.unnumbered.as_ref());
                lender.is_some_and(|lender| names.contains(&lender))
            })
            .map(|(&borrower, _)| borrower)
            .collect();
        for borrower in borrowers {
            self.reconcile_interface(now, borrower);
        }
    }

    /// The link as OSPF runs on it: with the address that it borrows, if it does.
    fn with_address(&self, link: &LinkState, config: &InterfaceConfig) -> LinkState {
        let Some(lender) = &config.unnumbered else { return link.clone() };
        let owned = self.links.values().find(|link| link.name == *lender).and_then(|link| link.address);
        LinkState { address: owned.map(|network| network.ip().into()), ..link.clone() }
    }

    /// Takes a new configuration over.
    pub(crate) fn apply_config(&mut self, now: Instant, config: Config) {
        if config.router_id != self.config.router_id {
            self.end_life(now);
            self.take_all_down(now);
            self.originator.clear();
            self.output.router_id = config.router_id;
        }
        self.leases.set_statics(&config.static_advertisements);
        if (config.router_id, config.routing) != (self.config.router_id, self.config.routing) {
            self.routing.reconfigure(&config);
            self.lsdb.note_everything();
        }
        if config.areas != self.config.areas {
            self.lsdb.note_everything();
        }
        self.routing.calculation.set_ranges(ranges(&config));
        self.lsdb.max_lsas = config.max_lsas;
        self.routing.calculation.set_kinds(kinds(&config));
        self.config = config;
        self.dirty = true;
        let known: Vec<_> = self.links.keys().chain(self.interfaces.keys()).copied().collect();
        for if_index in known {
            self.reconcile_interface(now, if_index);
        }
        self.forget_unused_areas();
        self.reconsider_help(now);
    }

    fn take_all_down(&mut self, now: Instant) {
        let all: Vec<_> = self.interfaces.keys().copied().collect();
        for if_index in all {
            self.take_away(now, if_index);
        }
        self.forget_unused_areas();
    }

    /// Makes one interface run as configuration and link say: the interface events of RFC 2328 §9.2 that come from below.
    fn reconcile_interface(&mut self, now: Instant, if_index: IfIndex) {
        let wanted: Option<(LinkState, InterfaceConfig)> = self
            .links
            .get(&if_index)
            .and_then(|link| Some((link, self.config.interfaces.get(&link.name)?)))
            .map(|(link, config)| (self.with_address(link, config), config.clone()));
        let Some((link, config)) = wanted else {
            return self.take_away(now, if_index);
        };
        let kind = self.config.area_kind(config.area);
        match self.interfaces.get_mut(&if_index) {
            Some(running) if needs_restart(running, &link, &config, kind) => {
                self.interface_event(now, if_index, Event::InterfaceDown);
                self.interfaces.insert(if_index, Interface::new(link, config, kind));
            }
            Some(running) => {
                running.kind = kind;
                self.adjust(now, if_index, link, config);
            }
            None => {
                self.interfaces.insert(if_index, Interface::new(link, config, kind));
            }
        }
        self.select_key(now, if_index);
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        match (interface.is_link_usable(), interface.state) {
            (true, State::Down) => self.interface_event(now, if_index, Event::InterfaceUp),
            (false, State::Down) | (true, _) => {}
            (false, _) => self.interface_event(now, if_index, Event::InterfaceDown),
        }
    }

    /// Changes that leave the adjacencies alone.
    fn adjust(&mut self, now: Instant, if_index: IfIndex, link: LinkState, config: InterfaceConfig) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        if interface.link == link && interface.config == config {
            return;
        }
        let timing = interface.config.hello_interval != config.hello_interval;
        let priority = interface.config.priority != config.priority;
        if interface.config.auth != config.auth {
            // What was seen of other keys says nothing of these.
            interface.remembered.clear();
        }
        interface.link = link;
        interface.config = config;
        self.dirty = true;
        self.select_key(now, if_index);
        self.kill_forbidden(now, if_index);
        self.reconcile_polls(now, if_index);
        if timing {
            self.hello_due(now, if_index);
        }
        if priority {
            self.interface_event(now, if_index, Event::NeighborChange);
        }
    }

    /// Neighbours that the configuration does not allow any more.
    fn kill_forbidden(&mut self, now: Instant, if_index: IfIndex) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let forbidden: Vec<_> = interface
            .neighbors
            .values()
            .filter(|neighbor| !interface.config.allows(neighbor.address))
            .map(|neighbor| neighbor.router_id)
            .collect();
        for router_id in forbidden {
            self.neighbor_event(now, if_index, router_id, neighbor::Event::KillNbr);
        }
    }

    fn take_away(&mut self, now: Instant, if_index: IfIndex) {
        if self.interfaces.contains_key(&if_index) {
            self.interface_event(now, if_index, Event::InterfaceDown);
            self.interfaces.remove(&if_index);
            self.dirty = true;
        }
    }

    /// Areas without an interface lose their database.
    fn forget_unused_areas(&mut self) {
        let areas: BTreeSet<_> = self.interfaces.values().map(|interface| interface.config.area).collect();
        let unused: Vec<_> = self.lsdb.areas().filter(|area| !areas.contains(area)).collect();
        for area in unused {
            self.lsdb.remove_scope(Scope::Area(area));
        }
        for area in areas.iter().filter(|area| self.config.area_kind(**area).nssa().is_none()) {
            self.lsdb.remove_type(Scope::Area(*area), LsType::Nssa);
        }
        if !areas.iter().any(|area| self.config.area_kind(*area).takes_externals()) {
            self.lsdb.remove_scope(Scope::As);
        }
    }
}

/// The address ranges of all areas.
pub(crate) fn ranges(config: &Config) -> BTreeSet<(AreaId, IpNetwork)> {
    let of = |(area, config): (&AreaId, &AreaConfig)| {
        config.ranges.keys().map(|range| (*area, IpNetwork::V4(*range))).collect::<Vec<_>>()
    };
    config.areas.iter().flat_map(of).collect()
}

/// How external routes are learnt in the areas where it is not by AS-external-LSAs.
pub(crate) fn kinds(config: &Config) -> BTreeMap<AreaId, ExternalRouting> {
    let of = |(area, config): (&AreaId, &AreaConfig)| {
        let routing = match config.kind {
            AreaKind::Normal => return None,
            AreaKind::Stub { .. } => ExternalRouting::None,
            AreaKind::Nssa(nssa) => ExternalRouting::Nssa { summaries: nssa.summaries },
        };
        Some((*area, routing))
    };
    config.areas.iter().filter_map(of).collect()
}

/// Does the change concern what an adjacency stands on? Our options do (RFC 2328 §10.8).
fn needs_restart(running: &Interface, link: &LinkState, config: &InterfaceConfig, kind: AreaKind) -> bool {
    running.link.name != link.name
        || running.link.address != link.address
        || running.config.area != config.area
        || running.config.network_type != config.network_type
        || running.config.passive != config.passive
        || running.kind.hello_options() != kind.hello_options()
}
