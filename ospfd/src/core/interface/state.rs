//! What is kept per interface (RFC 2328 §9).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;
use ipnetwork::Ipv4Network;

use crate::core::auth::{Seen, SendKey};
use crate::core::config::{AreaKind, InterfaceConfig, NetworkType, SequenceRule};
use crate::core::constants::MAX_NEIGHBORS;
use crate::core::event::{Groups, LinkState};
use crate::core::lsdb::{Place, Scope};
use crate::core::neighbor::{self, Neighbor};
use crate::core::output::{ALL_D_ROUTERS, ALL_SPF_ROUTERS, body_room};
use crate::packet::{LsaHeader, LsaKey};

use super::election::Candidate;
use super::fsm::{Guards, State};
use super::poll::Poll;

/// An interface that the configuration names and the host has.
#[derive(Debug)]
pub(crate) struct Interface {
    /// The link as it was reported last.
    pub(crate) link: LinkState,
    /// Configuration.
    pub(crate) config: InterfaceConfig,
    /// The kind of its area.
    pub(crate) kind: AreaKind,
    /// The key that packets are sent with, where there are keys.
    pub(crate) send_key: Option<SendKey>,
    /// State.
    pub(crate) state: State,
    /// Designated Router's address (RFC 2328 A.3.2); 0.0.0.0 when there is none.
    pub(crate) designated: Ipv4Addr,
    /// Backup Designated Router's address; 0.0.0.0 when there is none.
    pub(crate) backup: Ipv4Addr,
    /// Neighbours (§10), by Router ID on every type of network: two routers that share one are told apart and reported.
    pub(crate) neighbors: BTreeMap<RouterId, Neighbor>,
    /// Sequence numbers of 64 bits that neighbours had used before they went Down.
    pub(crate) remembered: BTreeMap<RouterId, Seen>,
    /// When the last hello went out to all.
    pub(crate) hello_sent_at: Option<Instant>,
    /// Acknowledgements that wait for company (§13.5).
    pub(crate) delayed_acks: Vec<LsaHeader>,
    /// LSAs to be flooded out of this interface before the current input is done with.
    pub(crate) flood_queue: BTreeSet<(Scope, LsaKey)>,
    /// Configured neighbours that hellos are sent to before they are heard.
    pub(crate) polls: BTreeMap<Ipv4Addr, Poll>,
    /// The groups that were asked for last.
    pub(crate) groups: Groups,
}

impl Interface {
    /// An interface in state Down.
    pub(crate) fn new(link: LinkState, config: InterfaceConfig, kind: AreaKind) -> Self {
        Self {
            link,
            config,
            kind,
            send_key: None,
            state: State::Down,
            designated: Ipv4Addr::UNSPECIFIED,
            backup: Ipv4Addr::UNSPECIFIED,
            neighbors: BTreeMap::new(),
            remembered: BTreeMap::new(),
            hello_sent_at: None,
            delayed_acks: Vec::new(),
            flood_queue: BTreeSet::new(),
            polls: BTreeMap::new(),
            groups: Groups { all_spf_routers: false, all_d_routers: false },
        }
    }

    /// Takes a neighbour out that has gone Down. What its sequence numbers of 64 bits were stays known, so that nobody passes
    /// for it with what it once said; of that there is a bound.
    pub(crate) fn forget_neighbor(&mut self, router_id: RouterId) {
        let Some(neighbor) = self.neighbors.remove(&router_id) else { return };
        if self.config.auth.sequence_rule() == SequenceRule::Extended {
            if self.remembered.len() >= MAX_NEIGHBORS {
                self.remembered.pop_first();
            }
            self.remembered.insert(router_id, neighbor.seen);
        }
    }

    /// Kernel index.
    pub(crate) fn if_index(&self) -> IfIndex {
        self.link.if_index
    }

    /// What tells the scope of LSAs that are exchanged here.
    pub(crate) const fn place(&self) -> Place {
        let takes_externals = self.kind.takes_externals();
        Place { if_index: self.link.if_index, area: self.config.area, takes_externals }
    }

    /// Our address, 0.0.0.0 when there is none.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.link.address.map_or(Ipv4Addr::UNSPECIFIED, Ipv4Network::ip)
    }

    /// Our address and mask.
    pub(crate) fn network(&self) -> Option<Ipv4Network> {
        self.link.address
    }

    /// Is it one end of a point-to-point link without a subnet of its own: a borrowed address, or one of 32 bits?
    pub(crate) fn is_unnumbered(&self) -> bool {
        self.config.network_type == NetworkType::PointToPoint
            && self.network().is_some_and(|network| network.prefix() == 32)
    }

    /// What tells our links apart in the Router-LSA: RFC 2328 §12.4.1.1, A.4.2 want the interface index where the address does
    /// not.
    pub(crate) fn link_data(&self) -> u32 {
        if self.is_unnumbered() { self.link.if_index.0 } else { self.address().to_bits() }
    }

    /// Should the interface be up, as far as the host is concerned?
    pub(crate) fn is_link_usable(&self) -> bool {
        self.link.up && self.link.address.is_some()
    }

    /// What the state table has to know.
    pub(crate) fn guards(&self) -> Guards {
        // A passive interface elects nobody and waits for nobody.
        let network = if self.config.passive { NetworkType::PointToPoint } else { self.config.network_type };
        Guards { network, eligible: self.config.priority > 0 }
    }

    /// May there be more than one neighbour?
    pub(crate) fn is_shared(&self) -> bool {
        self.config.network_type.is_shared()
    }

    /// Bytes of a packet's body, behind `fixed` bytes and with the longest digest, that fit the MTU.
    pub(crate) fn body_room(&self, fixed: usize) -> usize {
        body_room(self.link.mtu, fixed + self.config.auth.trailer_len())
    }

    /// InfTransDelay in seconds.
    pub(crate) fn transmit_delay(&self) -> u16 {
        u16::try_from(self.config.transmit_delay.as_secs()).unwrap_or(u16::MAX)
    }

    /// The group that floods and delayed acknowledgements go to (§8.1, §13.3, §13.5); `None`: they go to each adjacent
    /// neighbour by itself.
    pub(crate) fn flood_group(&self) -> Option<Ipv4Addr> {
        match self.config.network_type {
            NetworkType::PointToPoint => Some(ALL_SPF_ROUTERS),
            NetworkType::Broadcast if self.state.is_dr_or_backup() => Some(ALL_SPF_ROUTERS),
            NetworkType::Broadcast => Some(ALL_D_ROUTERS),
            NetworkType::NonBroadcast | NetworkType::PointToMultipoint => None,
        }
    }

    /// Neighbours that LSAs are exchanged with.
    pub(crate) fn adjacent(&self) -> impl Iterator<Item = &Neighbor> {
        self.neighbors.values().filter(|neighbor| neighbor.state >= neighbor::State::Exchange)
    }

    /// Where packets for one neighbour go (§10): §8.1 wants the group on point-to-point networks.
    pub(crate) fn destination_of(&self, neighbor: &Neighbor) -> Ipv4Addr {
        if self.is_shared() { neighbor.address } else { ALL_SPF_ROUTERS }
    }

    /// Is `address` the Designated Router's or its backup's?
    pub(crate) fn is_dr_or_backup(&self, address: Ipv4Addr) -> bool {
        !address.is_unspecified() && (address == self.designated || address == self.backup)
    }

    /// RFC 2328 §10.4 (and §9.1): should we become adjacent with `neighbor`?
    pub(crate) fn wants_adjacency(&self, neighbor: &Neighbor) -> bool {
        !self.config.network_type.has_election()
            || self.state.is_dr_or_backup()
            || self.is_dr_or_backup(neighbor.address)
    }

    /// The groups that the state asks for (RFC 2328 A.1).
    pub(crate) fn wanted_groups(&self) -> Groups {
        let listening = self.state.is_operational() && !self.config.passive;
        Groups { all_spf_routers: listening, all_d_routers: listening && self.state.is_dr_or_backup() }
    }

    /// Neighbours in state Full, and those that are to look so (RFC 3623 §3).
    pub(crate) fn full_neighbors(&self) -> impl Iterator<Item = &Neighbor> {
        self.neighbors.values().filter(|neighbor| neighbor.counts_as_full())
    }

    /// Ourselves and the neighbours in 2-Way or above, as the election sees them (§9.4).
    pub(crate) fn candidates(&self, router_id: RouterId) -> (Candidate, Vec<Candidate>) {
        let own = Candidate {
            router_id,
            name: self.address().to_bits(),
            priority: self.config.priority,
            designated: self.designated.to_bits(),
            backup: self.backup.to_bits(),
        };
        let others = self
            .neighbors
            .values()
            .filter(|neighbor| neighbor.standing() >= neighbor::State::TwoWay)
            .map(|neighbor| Candidate {
                router_id: neighbor.router_id,
                name: neighbor.address.to_bits(),
                priority: neighbor.priority,
                designated: neighbor.designated.to_bits(),
                backup: neighbor.backup.to_bits(),
            })
            .collect();
        (own, others)
    }

    /// Time after which a silent neighbour is dead.
    pub(crate) fn dead_interval(&self) -> Duration {
        self.config.dead_interval
    }
}
