//! What the control socket shows.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::control::ospf::{AdvertisedView, InterfaceView, LsaView, NeighborView, RestartingView};
use common::ids::{AreaId, RouterId};
use common::time::Instant;
use ipnetwork::{IpNetwork, Ipv4Network};

use crate::packet::{ExternalLsa, LSA_HEADER_LEN, LsaBody, LsaKey, MAX_AGE, RouterLink, RouterLinkType};

use super::config::NetworkType;
use super::instance::Instance;
use super::interface::{Interface, Poll};
use super::lsdb::{Entry, Scope};
use super::neighbor::Neighbor;
use super::originate::{external_body, router_key, stub_link};
use super::spf::build_v2::external_prefix;
use super::timer::TimerKey;

impl Instance {
    /// Neighbours in state Full, over all interfaces.
    pub(crate) fn full_neighbors(&self) -> u32 {
        self.interfaces.values().map(full_count).sum()
    }

    /// Interfaces by index.
    pub(crate) fn interface_views(&self) -> Vec<InterfaceView> {
        self.interfaces.values().map(interface_view).collect()
    }

    /// Neighbours by interface and Router ID.
    pub(crate) fn neighbor_views(&self, now: Instant) -> Vec<NeighborView> {
        self.interfaces
            .values()
            .flat_map(|interface| {
                let unheard =
                    interface.unheard().map(move |(at, poll)| unheard_view(now, interface, at, *poll));
                let heard = interface.neighbors.values();
                unheard.chain(heard.map(move |neighbor| self.neighbor_view(now, interface, neighbor)))
            })
            .collect()
    }

    fn neighbor_view(&self, now: Instant, interface: &Interface, neighbor: &Neighbor) -> NeighborView {
        let dead_at = self
            .timers
            .deadline(TimerKey::Inactivity(interface.if_index(), neighbor.router_id))
            .unwrap_or(now);
        NeighborView {
            neighbor_router_id: neighbor.router_id,
            address: IpAddr::V4(neighbor.address),
            iface_name: interface.link.name.clone(),
            nbr_state: neighbor.state.as_str().to_owned(),
            role: role(interface, neighbor).to_owned(),
            nbr_priority: neighbor.priority,
            router_dead_interval_timer_due_msec: millis(dead_at.since(now)),
            state_for_msec: millis(now.since(neighbor.since)),
            state_changes: neighbor.changes,
            link_state_request_list_counter: count(neighbor.requests.len()),
            link_state_retransmission_list_counter: count(neighbor.retransmit.len()),
            restarting: neighbor.helping.map(|helping| RestartingView {
                reason: helping.reason.name().to_owned(),
                grace_remaining_msec: millis(helping.until.since(now)),
            }),
        }
    }

    /// The database in order.
    pub(crate) fn lsa_views(&self, now: Instant) -> Vec<LsaView> {
        self.lsdb
            .iter()
            .map(|(scope, key, entry)| {
                let header = entry.header(now);
                LsaView {
                    area: self.area_of(scope),
                    lsa_type: key.ls_type.to_string(),
                    link_state_id: Ipv4Addr::from_bits(key.link_state_id).to_string(),
                    advertised_router: key.advertising_router,
                    lsa_age: header.age,
                    sequence_number: format!("{:08x}", header.sequence),
                    checksum: format!("{:04x}", header.checksum),
                    length: header.length,
                    self_originated: key.advertising_router == self.config.router_id,
                    detail: self.detail(scope, key, entry),
                }
            })
            .collect()
    }

    /// The area that a part of the database is of.
    pub(crate) fn area_of(&self, scope: Scope) -> Option<AreaId> {
        match scope {
            Scope::Link(if_index) => self.interfaces.get(&if_index).map(|interface| interface.config.area),
            Scope::Area(area) => Some(area),
            Scope::As => None,
        }
    }

    fn detail(&self, scope: Scope, key: LsaKey, entry: &Entry) -> Vec<String> {
        if !key.ls_type.is_opaque() {
            return detail(entry);
        }
        // RFC 5250 §3: the Link State ID is a type and a number of that type.
        let [opaque_type, id @ ..] = key.link_state_id.to_be_bytes();
        let id = id.into_iter().fold(0, |id, byte| id << 8 | u32::from(byte));
        let body = usize::from(entry.lsa().header.length).saturating_sub(LSA_HEADER_LEN);
        let link = match scope {
            Scope::Link(if_index) => self.interfaces.get(&if_index).map(|i| format!("on {}", i.link.name)),
            Scope::Area(_) | Scope::As => None,
        };
        [format!("opaque type {opaque_type} id {id}, {body} bytes")].into_iter().chain(link).collect()
    }

    /// Advertised prefixes; `originated` looks at the database.
    pub(crate) fn advertised_views(&self, now: Instant) -> Vec<AdvertisedView> {
        let links = self.standing_links(now);
        let stands = |prefix, offer| {
            let Some(body) = external_body(prefix, offer) else {
                return links.binary_search(&stub_link(prefix, offer.metric)).is_ok();
            };
            self.stands_external(now, prefix, &body)
        };
        self.leases.views(stands)
    }

    /// Does an AS-external-LSA of ours, or an NSSA-LSA, say this of `prefix`, whatever the forwarding address?
    fn stands_external(&self, now: Instant, prefix: Ipv4Network, body: &ExternalLsa) -> bool {
        let scopes = self.active_nssas().into_iter().map(Scope::Area).chain([Scope::As]);
        let mut lsas = scopes.flat_map(|scope| self.lsdb.live_externals(scope, prefix.into(), now));
        lsas.any(|lsa| match lsa.body {
            LsaBody::External(standing) => {
                lsa.header.key.advertising_router == self.config.router_id
                    && external_prefix(lsa) == Some(prefix.into())
                    && standing == ExternalLsa { forwarding_address: standing.forwarding_address, ..*body }
            }
            LsaBody::Router(_) | LsaBody::Network(_) | LsaBody::Summary(_) | LsaBody::Opaque => false,
        })
    }

    /// The links of our Router-LSAs, in order.
    fn standing_links(&self, now: Instant) -> Vec<RouterLink> {
        let mut standing: Vec<RouterLink> = Vec::new();
        for area in self.lsdb.areas() {
            let entry = self.lsdb.get(Scope::Area(area), router_key(self.config.router_id));
            if let Some(entry) = entry.filter(|entry| entry.age(now) < MAX_AGE)
                && let LsaBody::Router(router) = &entry.lsa().body
            {
                standing.extend(&router.links);
            }
        }
        standing.sort_unstable();
        standing
    }
}

/// A configured neighbour that has not been heard: only its address is known.
fn unheard_view(now: Instant, interface: &Interface, address: Ipv4Addr, poll: Poll) -> NeighborView {
    let priority = interface.config.static_neighbors.get(&address).map_or(0, |known| known.priority);
    NeighborView {
        neighbor_router_id: RouterId::default(),
        address: IpAddr::V4(address),
        iface_name: interface.link.name.clone(),
        nbr_state: poll.state(now).as_str().to_owned(),
        role: "-".to_owned(),
        nbr_priority: priority,
        router_dead_interval_timer_due_msec: millis(poll.attempt_until.since(now)),
        state_for_msec: millis(now.since(poll.started_at)),
        state_changes: 0,
        link_state_request_list_counter: 0,
        link_state_retransmission_list_counter: 0,
        restarting: None,
    }
}

fn interface_view(interface: &Interface) -> InterfaceView {
    let config = &interface.config;
    InterfaceView {
        name: interface.link.name.clone(),
        if_index: interface.if_index(),
        address: interface.network().map(IpNetwork::V4),
        area: config.area,
        network_type: match config.network_type {
            NetworkType::PointToPoint => "point-to-point",
            NetworkType::Broadcast => "broadcast",
            NetworkType::NonBroadcast => "non-broadcast",
            NetworkType::PointToMultipoint => "point-to-multipoint",
        }
        .to_owned(),
        state: interface.state.as_str().to_owned(),
        cost: config.cost,
        priority: config.priority,
        hello_interval: u16::try_from(config.hello_interval.as_secs()).unwrap_or(u16::MAX),
        router_dead_interval: u32::try_from(config.dead_interval.as_secs()).unwrap_or(u32::MAX),
        mtu: interface.link.mtu,
        dr_address: interface.designated,
        bdr_address: interface.backup,
        nbr_count: count(interface.neighbors.len()),
        nbr_full_count: full_count(interface),
    }
}

fn full_count(interface: &Interface) -> u32 {
    count(interface.full_neighbors().count())
}

fn role(interface: &Interface, neighbor: &Neighbor) -> &'static str {
    match interface.config.network_type.has_election() {
        false => "-",
        true if neighbor.address == interface.designated => "DR",
        true if neighbor.address == interface.backup => "Backup",
        true => "DROther",
    }
}

/// The body of an LSA, one line each.
fn detail(entry: &Entry) -> Vec<String> {
    match &entry.lsa().body {
        LsaBody::Router(router) => router.links.iter().map(link_line).collect(),
        LsaBody::Network(network) => std::iter::once(format!("mask {}", network.network_mask))
            .chain(network.attached_routers.iter().map(|router| format!("attached router {router}")))
            .collect(),
        LsaBody::Summary(summary) => vec![format!("{summary:?}")],
        LsaBody::External(external) => vec![format!("{external:?}")],
        LsaBody::Opaque => Vec::new(),
    }
}

fn link_line(link: &RouterLink) -> String {
    let (id, data) = (Ipv4Addr::from_bits(link.link_id), Ipv4Addr::from_bits(link.link_data));
    let metric = link.metric;
    match link.link_type {
        RouterLinkType::PointToPoint => format!("point-to-point to {id} from {data} metric {metric}"),
        RouterLinkType::Transit => format!("transit via {id} from {data} metric {metric}"),
        RouterLinkType::Stub => {
            format!("stub {id}/{} metric {metric}", link.link_data.count_ones())
        }
        RouterLinkType::Virtual => format!("virtual to {id} from {data} metric {metric}"),
        RouterLinkType::Unknown(number) => format!("type {number} {id} {data} metric {metric}"),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
