//! What is kept per neighbour (RFC 2328 §10).

use std::net::Ipv4Addr;

use common::ids::RouterId;
use common::time::Instant;

use crate::core::auth::Seen;
use crate::core::helper::Helping;
use crate::core::lsdb::Scope;
use crate::packet::{DatabaseDescription, LsType, LsaKey};

use super::fsm::State;
use super::lists::{RequestList, RetransmitList};

/// A neighbour that has been heard.
#[derive(Debug)]
pub(crate) struct Neighbor {
    /// Its Router ID.
    pub(crate) router_id: RouterId,
    /// Its address on the link.
    pub(crate) address: Ipv4Addr,
    /// Its priority.
    pub(crate) priority: u8,
    /// Whom it declares Designated Router.
    pub(crate) designated: Ipv4Addr,
    /// Whom it declares Backup Designated Router.
    pub(crate) backup: Ipv4Addr,
    /// It understands opaque LSAs: the O-bit of its database descriptions (RFC 5250 §4).
    pub(crate) opaque: bool,
    /// Its last hello lists us.
    pub(crate) hears_us: bool,
    /// It restarts, and we help it (RFC 3623 §3).
    pub(crate) helping: Option<Helping>,
    /// State.
    pub(crate) state: State,
    /// When it came into that state.
    pub(crate) since: Instant,
    /// State changes since it was first heard.
    pub(crate) changes: u64,
    /// Its cryptographic sequence numbers.
    pub(crate) seen: Seen,
    /// The exchange of database descriptions.
    pub(crate) exchange: Exchange,
    /// A first description that came before we wanted an adjacency, and when.
    pub(crate) early: Option<(Instant, DatabaseDescription)>,
    /// Link state request list.
    pub(crate) requests: RequestList,
    /// Link state retransmission list.
    pub(crate) retransmit: RetransmitList,
}

/// The exchange of database descriptions with one neighbour (RFC 2328 §10).
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// DD sequence number; 0 before the first exchange.
    pub(crate) sequence: u32,
    /// We lead.
    pub(crate) we_are_master: bool,
    /// The last LSA that we described. The database summary list is the database itself, walked in order: what is
    /// installed behind this point is flooded to the neighbour anyway.
    pub(crate) described: Option<(Scope, LsaKey)>,
    /// Our last description had the M-bit clear.
    pub(crate) all_described: bool,
    /// Our last description, for sending it again.
    pub(crate) last_sent: Option<DatabaseDescription>,
    /// When that was.
    pub(crate) sent_at: Instant,
    /// What tells the neighbour's last description from its next.
    pub(crate) last_received: Option<DescriptionId>,
}

/// What RFC 2328 §10.6 compares to recognise a duplicate: I, M, MS, options and sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DescriptionId {
    flags: (bool, bool, bool),
    /// Options.
    pub(crate) options: u8,
    sequence: u32,
}

impl DescriptionId {
    /// That of `description`.
    pub(crate) const fn of(description: &DatabaseDescription) -> Self {
        Self {
            flags: (description.init, description.more, description.master),
            options: description.options,
            sequence: description.sequence,
        }
    }
}

impl Neighbor {
    /// A neighbour in state Down.
    pub(crate) fn new(router_id: RouterId, address: Ipv4Addr, now: Instant) -> Self {
        Self {
            router_id,
            address,
            priority: 0,
            designated: Ipv4Addr::UNSPECIFIED,
            backup: Ipv4Addr::UNSPECIFIED,
            opaque: false,
            hears_us: false,
            helping: None,
            state: State::Down,
            since: now,
            changes: 0,
            seen: Seen::default(),
            exchange: Exchange::default(),
            early: None,
            requests: RequestList::default(),
            retransmit: RetransmitList::default(),
        }
    }

    /// Forgets all lists; the DD sequence number stays, so that the next exchange has another one.
    pub(crate) fn clear_lists(&mut self) {
        self.exchange = Exchange { sequence: self.exchange.sequence, ..Exchange::default() };
        self.early = None;
        self.requests = RequestList::default();
        self.retransmit = RetransmitList::default();
    }

    /// Is it told of LSAs of this type? RFC 5250 §3.1: only who understands opaque LSAs hears of them.
    pub(crate) const fn takes(&self, ls_type: LsType) -> bool {
        self.opaque || !ls_type.is_opaque()
    }

    /// Is it described the database now, or fetching from us (§10.1)?
    pub(crate) fn is_loading(&self) -> bool {
        matches!(self.state, State::Exchange | State::Loading)
    }
}
