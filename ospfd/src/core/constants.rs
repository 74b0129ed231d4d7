//! Architectural constants (RFC 2328 appendix B) and our own bounds.

use std::time::Duration;

/// LSRefreshTime: how often an own LSA is originated anew though nothing changed.
pub(crate) const LS_REFRESH_TIME: Duration = Duration::from_secs(1800);

/// Largest jitter that a refresh is brought forward by, so that directors started together drift apart.
pub(crate) const REFRESH_JITTER: Duration = Duration::from_secs(120);

/// Refreshes that are due within this time of each other go together.
pub(crate) const REFRESH_TOGETHER: Duration = Duration::from_secs(1);

/// MinLSInterval: least time between two instances of one own LSA.
///
/// Deviates from RFC 2328 appendix B (5 s): a VIP that must go may not wait that long. A neighbour accepts a new
/// instance once MinLSArrival (1 s) has passed, so that is what we keep, and 50 ms for jitter on the way.
pub(crate) const MIN_LS_INTERVAL: Duration = Duration::from_millis(1_050);

/// MinLSArrival: least time between two flooded instances of one LSA that we accept.
pub(crate) const MIN_LS_ARRIVAL: Duration = Duration::from_secs(1);

/// InitialSequenceNumber.
pub(crate) const INITIAL_SEQUENCE: i32 = -0x7fff_ffff;

/// MaxSequenceNumber.
pub(crate) const MAX_SEQUENCE: i32 = 0x7fff_ffff;

/// The last sequence number that we use before numbering starts over (RFC 2328 §12.1.6): one below MaxSequenceNumber,
/// which is taken as an attack unless its LSA is at MaxAge (CVE-2017-3224).
pub(crate) const LAST_SEQUENCE: i32 = MAX_SEQUENCE - 1;

/// How long after the flush of an LSA whose sequence numbers are used up the first number may follow (RFC 2328 §12.1.6).
/// Our neighbours have acknowledged the flush by then, but others may still be repeating it to each other, and whoever got
/// the first number already would take it for newer: two RxmtIntervals, and time to acknowledge.
pub(crate) const START_OVER_PAUSE: Duration = Duration::from_secs(12);

/// MaxLinkMetric (RFC 6987 §3): a link that nobody should route through.
pub(crate) const MAX_LINK_METRIC: u16 = 0xffff;

/// How long acknowledgements are collected; must be below the neighbours' RxmtInterval (RFC 2328 §13.5).
pub(crate) const DELAYED_ACK: Duration = Duration::from_millis(500);

/// Hellos that answer new neighbours are this far apart for each neighbour beyond [`NO_CROWD`]: all routers of a crowded
/// network together send some hundred a second.
pub(crate) const HELLO_GAP: Duration = Duration::from_millis(10);

/// So many new neighbours are each answered at once.
pub(crate) const NO_CROWD: u32 = 4;

/// Packets that one retransmission round may send to one neighbour; the rest follow after [`RETRANSMIT_PAUSE`].
pub(crate) const RETRANSMIT_BURST: usize = 64;

/// Pause between two bursts of retransmissions.
pub(crate) const RETRANSMIT_PAUSE: Duration = Duration::from_millis(50);

/// CheckAge: how often the checksums of the database are verified (RFC 2328 §14).
pub(crate) const CHECK_AGE: Duration = Duration::from_secs(300);

/// LSAs in our name that are remembered, ours and those that others have made up: neither may grow without end.
pub(crate) const MAX_OWN_LSAS: usize = 131_072;

/// Datagrams that may wait to be polled.
pub(crate) const MAX_TRANSMITS: usize = 65_536;

/// Events that may wait to be polled.
pub(crate) const MAX_EVENTS: usize = 65_536;

/// Links that one Router-LSA may hold so that an LS Update with it still is one IP datagram:
/// (65535 − IP 20 − OSPF 24 − count 4 − LSA header 20 − body 4) / 12.
pub(crate) const MAX_ROUTER_LINKS: usize = 5_454;

/// Neighbours on one interface: as many as a hello of 1500 bytes can list.
pub(crate) const MAX_NEIGHBORS: usize = 350;

/// IP time to live of what must not leave the link (RFC 2328 A.1).
pub(crate) const LINK_TTL: u8 = 1;

/// IP time to live that no packet from behind a router can have (RFC 5082 §3).
pub(crate) const UNFORWARDED_TTL: u8 = 255;

/// Bytes of an IPv4 header without options.
pub(crate) const IP_HEADER: usize = 20;

/// The sequence number that is reserved (RFC 2328 §12.1.6).
pub(crate) const RESERVED_SEQUENCE: i32 = i32::MIN;
