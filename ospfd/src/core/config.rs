//! The engine's configuration: valid by construction, made by `runtime::config` from what the operator wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use common::control::ospf::Advertisement;
use common::ids::{AreaId, RouterId};
use ipnetwork::Ipv4Network;

pub use super::auth::{AuthConfig, Key, KeyChain, Lifetime, Password, SequenceRule};

use crate::bfd::AuthKey;
use crate::packet::{ExternalMetric, options};

use super::spf::SpfConfig;
use super::spf::delay::DelayConfig;

/// [`Config::max_lsas`] unless the operator says otherwise: some hundred bytes each, and more than any network known has.
pub const DEFAULT_MAX_LSAS: usize = 1_000_000;

/// Configuration of an [`Instance`](super::Instance).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our Router ID.
    pub router_id: RouterId,
    /// May others route through us? `false` gives our links the maximum metric (RFC 6987 §2, §4); VIPs keep theirs.
    pub transit: bool,
    /// Interfaces by name. One that the host does not have yet is waited for.
    pub interfaces: BTreeMap<String, InterfaceConfig>,
    /// Settings of areas; one that is not in it is a normal area without ranges.
    pub areas: BTreeMap<AreaId, AreaConfig>,
    /// Prefixes that are always advertised.
    pub static_advertisements: Vec<Advertisement>,
    /// How routes are calculated.
    pub routing: RoutingConfig,
    /// What is done for neighbours that restart.
    pub graceful_restart: GracefulRestartConfig,
    /// LSAs that the database may hold: phantoms live an hour, so their number is bounded. Our own always find room.
    pub max_lsas: usize,
}

impl Config {
    /// Does an interface send sequence numbers of 64 bits?
    pub fn uses_extended_sequences(&self) -> bool {
        self.interfaces.values().any(|interface| interface.auth.sequence_rule() == SequenceRule::Extended)
    }

    /// What kind of area `area` is.
    pub fn area_kind(&self, area: AreaId) -> AreaKind {
        self.areas.get(&area).map_or(AreaKind::Normal, |config| config.kind)
    }
}

/// What is done for neighbours that restart gracefully (RFC 3623 appendix B.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestartConfig {
    /// Help them: tell everybody that they are still there.
    pub helper: bool,
    /// Help nobody, and no longer, when what packets are forwarded by has changed.
    pub strict_lsa_checking: bool,
    /// Help nobody longer than this.
    pub max_grace: Duration,
}

impl Default for GracefulRestartConfig {
    fn default() -> Self {
        // RFC 3623 appendix B.1: a grace period is no longer than LSRefreshTime.
        Self { helper: true, strict_lsa_checking: true, max_grace: Duration::from_secs(1800) }
    }
}

/// An area (RFC 2328 appendix C.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AreaConfig {
    /// Its kind.
    pub kind: AreaKind,
    /// Address ranges that a border router tells other areas of as one.
    pub ranges: BTreeMap<Ipv4Network, RangeConfig>,
    /// Ranges of external destinations that a translator tells the AS of as one (RFC 3101 §2.2); NSSAs only.
    pub nssa_ranges: BTreeMap<Ipv4Network, NssaRangeConfig>,
}

/// Kinds of areas (RFC 2328 §3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AreaKind {
    /// AS-external-LSAs are flooded here.
    #[default]
    Normal,
    /// They are not: border routers give a default route instead.
    Stub {
        /// StubDefaultCost, the cost of that route as a border router of ours gives it.
        default_cost: u32,
        /// Are border routers to tell of other areas, too?
        summaries: bool,
    },
    /// They are not either, but the area has externals of its own (RFC 3101).
    Nssa(NssaConfig),
}

/// A not-so-stubby area (RFC 3101 appendix D).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NssaConfig {
    /// Cost of the default route as a border router of ours gives it.
    pub default_cost: u32,
    /// Its metric type where it is a type-7 LSA: with `summaries`.
    pub default_type: ExternalMetric,
    /// Are border routers to tell of other areas (ImportSummaries)?
    pub summaries: bool,
    /// NSSATranslatorRole.
    pub translator: TranslatorRole,
    /// TranslatorStabilityInterval: how long a translator goes on after another has been elected.
    pub stability_interval: Duration,
}

impl Default for NssaConfig {
    fn default() -> Self {
        Self {
            default_cost: 1,
            default_type: ExternalMetric::Type2,
            summaries: true,
            translator: TranslatorRole::Candidate,
            stability_interval: Duration::from_secs(40),
        }
    }
}

/// Does a border router translate type-7 LSAs (RFC 3101 §3.1)?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TranslatorRole {
    /// If it is elected.
    #[default]
    Candidate,
    /// In any case.
    Always,
}

/// A range of external destinations of an NSSA (RFC 3101 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NssaRangeConfig {
    /// Tell the AS of it? `false` hides what is in it.
    pub advertise: bool,
    /// The route tag that it is told with.
    pub tag: u32,
}

impl AreaKind {
    /// Are AS-external-LSAs flooded here (ExternalRoutingCapability)?
    pub const fn takes_externals(self) -> bool {
        match self {
            Self::Normal => true,
            Self::Stub { .. } | Self::Nssa(_) => false,
        }
    }

    /// What operators call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Stub { summaries: true, .. } => "stub",
            Self::Stub { summaries: false, .. } => "totally-stubby",
            Self::Nssa(NssaConfig { summaries: true, .. }) => "nssa",
            Self::Nssa(_) => "totally-stubby-nssa",
        }
    }

    /// The settings of an NSSA; `None` for all other kinds.
    pub const fn nssa(self) -> Option<NssaConfig> {
        match self {
            Self::Nssa(nssa) => Some(nssa),
            Self::Normal | Self::Stub { .. } => None,
        }
    }

    /// May AS boundary routers be here (RFC 2328 §3.6, RFC 3101 §1.3)?
    pub const fn has_boundary_routers(self) -> bool {
        match self {
            Self::Normal | Self::Nssa(_) => true,
            Self::Stub { .. } => false,
        }
    }

    /// The Options of database descriptions and LSAs here (RFC 2328 §10.8, §12.1.2, A.2).
    pub(crate) const fn options(self) -> u8 {
        if self.takes_externals() { options::E } else { 0 }
    }

    /// The Options of hellos here (RFC 2328 §9.5): the N-bit is in no other packet (RFC 3101 appendix A).
    pub(crate) const fn hello_options(self) -> u8 {
        match self {
            Self::Nssa(_) => options::NP,
            Self::Normal | Self::Stub { .. } => self.options(),
        }
    }
}

/// An address range (RFC 2328 appendix C.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeConfig {
    /// Tell other areas of it? `false` hides what is in it.
    pub advertise: bool,
    /// At this cost; otherwise at the largest of what is in it.
    pub cost: Option<u32>,
}

/// How and when routes are calculated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoutingConfig {
    /// Which path becomes the route.
    pub spf: SpfConfig,
    /// When to calculate.
    pub delay: DelayConfig,
}

/// How OSPF runs on one interface (RFC 2328 §9, appendix C.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// Area.
    pub area: AreaId,
    /// Network type.
    pub network_type: NetworkType,
    /// Output cost, 1..=65535.
    pub cost: u16,
    /// Router priority.
    pub priority: u8,
    /// HelloInterval, whole seconds.
    pub hello_interval: Duration,
    /// RouterDeadInterval, whole seconds.
    pub dead_interval: Duration,
    /// RxmtInterval.
    pub retransmit_interval: Duration,
    /// InfTransDelay, whole seconds.
    pub transmit_delay: Duration,
    /// Accept a database description that announces a larger MTU than ours.
    pub mtu_ignore: bool,
    /// Advertise the network, but send and receive nothing.
    pub passive: bool,
    /// Hear only packets that no router has passed on, and send such (RFC 5082 §2.1, §3).
    pub ttl_security: bool,
    /// The addresses that may become neighbours; `None`: all.
    pub allowed: Option<BTreeSet<Ipv4Addr>>,
    /// Neighbours that hellos go to by unicast, on networks without multicast.
    pub static_neighbors: BTreeMap<Ipv4Addr, StaticNeighbor>,
    /// The interface whose address is used here, on a point-to-point link that has none of its own.
    pub unnumbered: Option<String>,
    /// Keep the link's own prefix out of our LSAs: it only carries traffic (RFC 6860 §2.1.1).
    pub hide_prefix: bool,
    /// Authentication.
    pub auth: AuthConfig,
    /// Neighbours are watched by BFD (RFC 5882).
    pub bfd: Option<BfdConfig>,
}

/// How neighbours are watched by BFD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BfdConfig {
    /// Packets are sent no faster than this.
    pub min_tx: Duration,
    /// Packets are wanted no faster than this.
    pub min_rx: Duration,
    /// Packets that may be missed, not 0.
    pub multiplier: u8,
    /// Wait for the other side to speak first.
    pub passive: bool,
    /// No adjacency before the session is Up (RFC 9355, by configuration).
    pub strict: bool,
    /// Authentication.
    pub auth: Option<Arc<AuthKey>>,
}

impl InterfaceConfig {
    /// May `address` be a neighbour?
    pub(crate) fn allows(&self, address: Ipv4Addr) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&address))
    }
}

impl Default for InterfaceConfig {
    /// A broadcast interface of the backbone, with the values that FRR and BIRD have.
    fn default() -> Self {
        Self {
            area: AreaId(0),
            network_type: NetworkType::Broadcast,
            cost: 10,
            priority: 1,
            hello_interval: Duration::from_secs(10),
            dead_interval: Duration::from_secs(40),
            retransmit_interval: Duration::from_secs(5),
            transmit_delay: Duration::from_secs(1),
            mtu_ignore: false,
            passive: false,
            ttl_security: false,
            allowed: None,
            static_neighbors: BTreeMap::new(),
            unnumbered: None,
            hide_prefix: false,
            auth: AuthConfig::Null,
            bfd: None,
        }
    }
}

/// Network types (RFC 2328 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkType {
    /// Two routers, no election.
    PointToPoint,
    /// Many routers, with Designated Router.
    Broadcast,
    /// The same, without multicast: neighbours are configured.
    NonBroadcast,
    /// Many routers, each pair of them that hear one another as if on a link of their own.
    PointToMultipoint,
}

impl NetworkType {
    /// Is there a Designated Router?
    pub const fn has_election(self) -> bool {
        match self {
            Self::Broadcast | Self::NonBroadcast => true,
            Self::PointToPoint | Self::PointToMultipoint => false,
        }
    }

    /// May there be more than one neighbour?
    pub const fn is_shared(self) -> bool {
        match self {
            Self::Broadcast | Self::NonBroadcast | Self::PointToMultipoint => true,
            Self::PointToPoint => false,
        }
    }
}

/// A neighbour that is configured (RFC 2328 C.5, C.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticNeighbor {
    /// Its router priority as we take it until it is heard; 0: not eligible to become Designated Router.
    pub priority: u8,
    /// PollInterval, whole seconds: how often hellos go to it while it is down.
    pub poll_interval: Duration,
}
