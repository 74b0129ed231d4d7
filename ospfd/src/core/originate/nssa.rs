//! NSSA-LSAs for advertised prefixes, and the default route of a border router (RFC 3101 §2.3, §2.4, §2.7).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use common::ids::AreaId;
use ipnetwork::Ipv4Network;

use crate::core::config::NssaConfig;
use crate::core::interface::{Interface, State};
use crate::packet::{ExternalLsa, LsType, LsaBody, LsaKey};

use super::desired::{View, interfaces_in};
use super::external::{bodies, lsas};
use super::summary::LAST_RESORT;

/// Who we are to an NSSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// We are a border router.
    pub(super) is_border: bool,
    /// We tell the AS ourselves, by AS-external-LSAs.
    pub(super) tells_as: bool,
}

/// What we tell an NSSA, and how many prefixes found no Link State ID.
pub(super) fn nssa_lsas(
    view: &View<'_>,
    area: AreaId,
    nssa: &NssaConfig,
    place: Place,
) -> (BTreeMap<LsaKey, LsaBody>, usize) {
    // §2.4: who tells the AS himself clears the P-bit, so that no other border router tells it again. The P-bit and the
    // forwarding address go together. Without an address that others can reach it stays clear: the area hears of the
    // prefix all the same.
    let forwarding_address =
        if place.tells_as { None } else { forwarding_address(interfaces_in(view, area)) };
    let mut told = bodies(view.externals);
    for body in told.values_mut() {
        body.forwarding_address = forwarding_address.unwrap_or(Ipv4Addr::UNSPECIFIED);
    }
    // §2.4, §2.7: the P-bit of a border router's default route is clear.
    if place.is_border
        && nssa.summaries
        && let Ok(default) = Ipv4Network::new(Ipv4Addr::UNSPECIFIED, 0)
    {
        let cost = if view.transit { nssa.default_cost } else { nssa.default_cost.max(LAST_RESORT) };
        let body = ExternalLsa {
            network_mask: Ipv4Addr::UNSPECIFIED,
            metric_type: nssa.default_type,
            metric: cost,
            forwarding_address: Ipv4Addr::UNSPECIFIED,
            route_tag: 0,
        };
        told.insert(default, body);
    }
    lsas(view.router_id, LsType::Nssa, told)
}

/// RFC 3101 §2.3: an address of ours in the area that others have a route to: a loopback's first, then one of a network
/// without other routers. A link whose neighbour is gone for a moment is no such network, or the address would change with it.
fn forwarding_address<'a>(interfaces: impl Iterator<Item = &'a Interface>) -> Option<Ipv4Addr> {
    let rank = |interface: &Interface| match interface.state {
        State::Loopback => 0,
        _ if interface.config.passive => 1,
        State::Down | State::Waiting | State::PointToPoint | State::DrOther | State::Backup | State::Dr => 2,
    };
    interfaces
        .filter(|interface| interface.state != State::Down)
        .filter(|interface| !interface.config.hide_prefix && interface.config.unnumbered.is_none())
        .filter_map(|interface| Some((rank(interface), interface.network()?.ip())))
        .min()
        .map(|(_, address)| address)
}
