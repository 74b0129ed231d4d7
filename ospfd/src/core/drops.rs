//! Why something was dropped, and the counters.

use std::collections::BTreeMap;

use common::control::ospf::CounterView;

use crate::packet::DecodeError;

use super::status::SpfKind;

/// Why a packet or an LSA was dropped. Each has a counter, `drop-` and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// It came in on an interface that OSPF does not run on.
    UnknownInterface,
    /// The interface is down or passive.
    InterfaceNotOperational,
    /// Neither our address nor a group that we are in.
    WrongDestination,
    /// A router has passed it on (RFC 5082 §3).
    TtlTooLow,
    /// The sender is not among those that the configuration allows.
    NeighborNotAllowed,
    /// Our own multicast, looped back.
    OwnPacket,
    /// The codec refused it.
    Decode(DecodeError),
    /// The codec refused one LSA of an update.
    LsaDecode(DecodeError),
    /// The cryptographic sequence number has been seen before (RFC 2328 D.5.3 (2)).
    SequenceReplay,
    /// No key's lifetime has begun: nothing can be sent.
    NoSendKey,
    /// The packet is of another area.
    AreaMismatch,
    /// Somebody else uses our Router ID, or two neighbours use the same one.
    DuplicateRouterId,
    /// Router ID 0.0.0.0.
    ZeroRouterId,
    /// The source is not on the interface's network.
    SourceNotOnNetwork,
    /// Hello with another network mask.
    MaskMismatch,
    /// Hello with another HelloInterval.
    HelloIntervalMismatch,
    /// Hello with another RouterDeadInterval.
    DeadIntervalMismatch,
    /// Hello whose E-bit differs.
    OptionsMismatch,
    /// A second neighbour on a network of two.
    SecondNeighbor,
    /// The interface has as many neighbours as it may have.
    TooManyNeighbors,
    /// Not a hello, and not from a neighbour.
    UnknownNeighbor,
    /// The neighbour's state does not allow this packet.
    NeighborState,
    /// The neighbour's MTU is larger than ours.
    MtuMismatch,
    /// A first description of one who will be slave, or an answer out of turn.
    NegotiationIgnored,
    /// A database description that was seen before.
    DuplicateDescription,
    /// A database description that went out of step.
    DescriptionOutOfStep,
    /// A request for an LSA that we do not have.
    BadRequest,
    /// An LSA of a type that we do not take (RFC 2328 §13 (2)).
    UnsupportedLsType,
    /// A database description with an AS-external-LSA in a stub area (RFC 2328 §10.6).
    ExternalInStubArea,
    /// LS sequence number 0x80000000, or MaxSequenceNumber on an LSA that is not at MaxAge.
    BadSequenceNumber,
    /// A new instance within MinLSArrival (RFC 2328 §13 (5)(a)).
    TooSoon,
    /// An LSA that we have already (§13 (7)).
    DuplicateLsa,
    /// An LSA older than ours (§13 (8)).
    OlderLsa,
    /// At MaxAge, and we have no copy (§13 (4)).
    UnknownMaxAge,
    /// An instance of our own LSA that is newer than ours: of a former life, or of another router with our Router ID.
    OwnLsaOutdone,
    /// A grace LSA that is malformed, or names another address than its sender's (RFC 3623 appendix A).
    BadGraceLsa,
    /// An LSA whose bytes have changed in memory (RFC 2328 §14).
    DamagedLsa,
    /// The database is full.
    DatabaseFull,
    /// An acknowledgement of something that we do not wait for.
    UnexpectedAck,
    /// Too many datagrams wait to be sent.
    TransmitQueueFull,
    /// Too many events wait to be read.
    EventQueueFull,
    /// A packet could not be encoded.
    NotEncodable,
    /// More links than a Router-LSA holds.
    RouterLsaFull,
}

impl DropReason {
    /// All but those of the codec.
    const PLAIN: [Self; 41] = [
        Self::UnknownInterface,
        Self::InterfaceNotOperational,
        Self::WrongDestination,
        Self::TtlTooLow,
        Self::NeighborNotAllowed,
        Self::OwnPacket,
        Self::SequenceReplay,
        Self::NoSendKey,
        Self::AreaMismatch,
        Self::DuplicateRouterId,
        Self::ZeroRouterId,
        Self::SourceNotOnNetwork,
        Self::MaskMismatch,
        Self::HelloIntervalMismatch,
        Self::DeadIntervalMismatch,
        Self::OptionsMismatch,
        Self::SecondNeighbor,
        Self::TooManyNeighbors,
        Self::UnknownNeighbor,
        Self::NeighborState,
        Self::MtuMismatch,
        Self::NegotiationIgnored,
        Self::DuplicateDescription,
        Self::DescriptionOutOfStep,
        Self::BadRequest,
        Self::UnsupportedLsType,
        Self::ExternalInStubArea,
        Self::BadSequenceNumber,
        Self::TooSoon,
        Self::DuplicateLsa,
        Self::OlderLsa,
        Self::UnknownMaxAge,
        Self::OwnLsaOutdone,
        Self::BadGraceLsa,
        Self::DamagedLsa,
        Self::DatabaseFull,
        Self::UnexpectedAck,
        Self::TransmitQueueFull,
        Self::EventQueueFull,
        Self::NotEncodable,
        Self::RouterLsaFull,
    ];

    /// The name of its counter.
    pub(crate) const fn counter(self) -> Counter {
        let prefix = if matches!(self, Self::LsaDecode(_)) { "drop-lsa-" } else { "drop-" };
        Counter { prefix, name: self.name() }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UnknownInterface => "unknown-interface",
            Self::InterfaceNotOperational => "interface-not-operational",
            Self::WrongDestination => "wrong-destination",
            Self::TtlTooLow => "ttl-too-low",
            Self::NeighborNotAllowed => "neighbor-not-allowed",
            Self::OwnPacket => "own-packet",
            Self::Decode(error) | Self::LsaDecode(error) => error.reason(),
            Self::SequenceReplay => "sequence-replay",
            Self::NoSendKey => "no-send-key",
            Self::AreaMismatch => "area-mismatch",
            Self::DuplicateRouterId => "duplicate-router-id",
            Self::ZeroRouterId => "zero-router-id",
            Self::SourceNotOnNetwork => "source-not-on-network",
            Self::MaskMismatch => "mask-mismatch",
            Self::HelloIntervalMismatch => "hello-interval-mismatch",
            Self::DeadIntervalMismatch => "dead-interval-mismatch",
            Self::OptionsMismatch => "options-mismatch",
            Self::SecondNeighbor => "second-neighbor-on-point-to-point",
            Self::TooManyNeighbors => "too-many-neighbors",
            Self::UnknownNeighbor => "unknown-neighbor",
            Self::NeighborState => "neighbor-state",
            Self::MtuMismatch => "mtu-mismatch",
            Self::NegotiationIgnored => "negotiation-ignored",
            Self::DuplicateDescription => "duplicate-description",
            Self::DescriptionOutOfStep => "description-out-of-step",
            Self::BadRequest => "bad-request",
            Self::UnsupportedLsType => "unsupported-ls-type",
            Self::ExternalInStubArea => "external-in-stub-area",
            Self::BadSequenceNumber => "bad-sequence-number",
            Self::TooSoon => "too-soon",
            Self::DuplicateLsa => "duplicate-lsa",
            Self::OlderLsa => "older-lsa",
            Self::UnknownMaxAge => "unknown-max-age",
            Self::OwnLsaOutdone => "own-lsa-outdone",
            Self::BadGraceLsa => "bad-grace-lsa",
            Self::DamagedLsa => "damaged-lsa",
            Self::DatabaseFull => "database-full",
            Self::UnexpectedAck => "unexpected-ack",
            Self::TransmitQueueFull => "transmit-queue-full",
            Self::EventQueueFull => "event-queue-full",
            Self::NotEncodable => "not-encodable",
            Self::RouterLsaFull => "router-lsa-full",
        }
    }

    /// Does this happen on a network where all is well? Then it is counted, but not told.
    pub(crate) const fn is_routine(self) -> bool {
        matches!(
            self,
            Self::OwnPacket
                | Self::NegotiationIgnored
                | Self::DuplicateDescription
                | Self::DuplicateLsa
                | Self::OlderLsa
                | Self::UnknownMaxAge
                | Self::OwnLsaOutdone
                | Self::UnexpectedAck
                | Self::EventQueueFull
        )
    }
}

/// Name of a counter, in two parts so that it costs nothing to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counter {
    prefix: &'static str,
    name: &'static str,
}

impl std::fmt::Display for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.prefix, self.name)
    }
}

impl Counter {
    /// Packets received, by type.
    pub(crate) const fn received(name: &'static str) -> Self {
        Self { prefix: "rx-", name }
    }

    /// Route calculations, by kind.
    pub(crate) const fn calculated(name: &'static str) -> Self {
        Self { prefix: "spf-", name }
    }

    /// Neighbours that restarted: helped, not helped, and how help ended.
    pub(crate) const fn helped(name: &'static str) -> Self {
        Self { prefix: "helper-", name }
    }

    /// LSAs flooded for the first time, once per interface.
    pub(crate) const FLOODED: Self = Self { prefix: "lsa-", name: "flooded" };
    /// Neighbours that were killed because BFD had lost them.
    pub(crate) const BFD_KILLED: Self = Self { prefix: "bfd-", name: "neighbors-killed" };
    /// LSAs sent again because they were not acknowledged.
    pub(crate) const RETRANSMITTED: Self = Self { prefix: "lsa-", name: "retransmitted" };

    /// Packets sent, by type.
    pub(crate) const fn sent(name: &'static str) -> Self {
        Self { prefix: "tx-", name }
    }
}

/// The names of all counters that there can be, so that each has a series before it is first raised.
pub(crate) fn known() -> impl Iterator<Item = Counter> {
    const PACKETS: [&str; 5] =
        ["hello", "database-description", "link-state-request", "link-state-update", "link-state-ack"];
    const HELPER: [&str; 7] =
        ["entered", "refused", "completed", "expired", "topology-changed", "lost", "disabled"];
    let decode = DecodeError::REASONS.into_iter().map(|name| Counter { prefix: "drop-", name });
    let lsas = DecodeError::LSA_REASONS.into_iter().map(|name| Counter { prefix: "drop-lsa-", name });
    DropReason::PLAIN
        .into_iter()
        .map(DropReason::counter)
        .chain(decode)
        .chain(lsas)
        .chain(PACKETS.into_iter().flat_map(|name| [Counter::received(name), Counter::sent(name)]))
        .chain([SpfKind::Full, SpfKind::External].map(|kind| Counter::calculated(kind.name())))
        .chain(HELPER.map(Counter::helped))
        .chain([Counter::FLOODED, Counter::RETRANSMITTED, Counter::BFD_KILLED])
}

/// Counters since start.
#[derive(Debug, Default)]
pub(crate) struct Counters(BTreeMap<Counter, u64>);

impl Counters {
    /// One more.
    pub(crate) fn add(&mut self, counter: Counter) {
        self.add_many(counter, 1);
    }

    /// Some more; none leaves a counter that was never raised out of the list.
    pub(crate) fn add_many(&mut self, counter: Counter, more: usize) {
        if more > 0 {
            let value = self.0.entry(counter).or_default();
            *value = value.saturating_add(more as u64);
        }
    }

    /// All that are not 0, by name.
    pub(crate) fn views(&self) -> Vec<CounterView> {
        let mut views: Vec<_> =
            self.0.iter().map(|(counter, &value)| CounterView { name: counter.to_string(), value }).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }
}
