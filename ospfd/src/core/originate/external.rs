//! AS-external-LSAs for prefixes outside the AS (RFC 2328 §12.4.4), and their Link State IDs (appendix E).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use common::control::ospf::Encoding;
use common::ids::RouterId;
use ipnetwork::Ipv4Network;

use crate::core::advertise::Offer;
use crate::packet::{ExternalLsa, ExternalMetric, LsType, LsaBody, LsaKey};

/// One LSA of type 5 or 7 per prefix, so that the change of one is not held back by that of another; and how many
/// prefixes found no Link State ID.
pub(super) fn lsas(
    advertising_router: RouterId,
    ls_type: LsType,
    bodies: BTreeMap<Ipv4Network, ExternalLsa>,
) -> (BTreeMap<LsaKey, LsaBody>, usize) {
    let ids = link_state_ids(bodies.keys().copied());
    let left_out = bodies.len() - ids.len();
    let lsas = bodies.into_iter().filter_map(|(prefix, body)| {
        let key = LsaKey { ls_type, link_state_id: *ids.get(&prefix)?, advertising_router };
        Some((key, LsaBody::External(body)))
    });
    (lsas.collect(), left_out)
}

/// What the AS is told of external prefixes.
pub(super) fn bodies(offers: &BTreeMap<Ipv4Network, Offer>) -> BTreeMap<Ipv4Network, ExternalLsa> {
    let body = |(prefix, offer): (&Ipv4Network, &Offer)| Some((*prefix, external_body(*prefix, *offer)?));
    offers.iter().filter_map(body).collect()
}

/// What the LSA of a prefix says; `None` for a prefix that is to be a stub link.
pub(crate) fn external_body(prefix: Ipv4Network, offer: Offer) -> Option<ExternalLsa> {
    let metric_type = match offer.encoding {
        Encoding::Stub => return None,
        Encoding::External1 => ExternalMetric::Type1,
        Encoding::External2 => ExternalMetric::Type2,
    };
    Some(ExternalLsa {
        network_mask: prefix.mask(),
        metric_type,
        metric: u32::from(offer.metric),
        // All directors of a VIP must say the same here, or the routers find one next hop only: traffic comes to us.
        forwarding_address: Ipv4Addr::UNSPECIFIED,
        route_tag: offer.tag,
    })
}

/// RFC 2328 appendix E: a Link State ID for each prefix. It is the network's address; of several prefixes with the same
/// one, the host route has it if there is one, else the shortest, and the others have their host bits set. A prefix
/// all of whose addresses are taken has none.
pub(crate) fn link_state_ids(prefixes: impl IntoIterator<Item = Ipv4Network>) -> BTreeMap<Ipv4Network, u32> {
    let mut by_address: BTreeMap<u32, Vec<Ipv4Network>> = BTreeMap::new();
    for prefix in prefixes {
        by_address.entry(prefix.network().to_bits()).or_default().push(prefix);
    }
    let mut ids = BTreeMap::new();
    let mut taken: BTreeSet<u32> = by_address.keys().copied().collect();
    for (address, mut group) in by_address {
        group.sort_unstable_by_key(|prefix| (prefix.prefix() != 32, prefix.prefix()));
        let mut group = group.into_iter();
        if let Some(owner) = group.next() {
            ids.insert(owner, address);
        }
        // Highest first: that is the one of appendix E, unless another prefix's address is in the way.
        for prefix in group {
            let host_bits = prefix.network().to_bits() + 1..=prefix.broadcast().to_bits();
            if let Some(free) = host_bits.rev().find(|id| !taken.contains(id)) {
                taken.insert(free);
                ids.insert(prefix, free);
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(prefixes: &[&str]) -> Vec<(String, String)> {
        let parsed = prefixes.iter().map(|prefix| prefix.parse().unwrap());
        link_state_ids(parsed)
            .into_iter()
            .map(|(prefix, id)| (prefix.to_string(), Ipv4Addr::from_bits(id).to_string()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(prefix, id)| ((*prefix).to_owned(), (*id).to_owned())).collect()
    }

    #[test]
    fn networks_with_one_address_are_told_apart_by_their_host_bits() {
        // The example of RFC 2328 appendix E.
        assert_eq!(
            ids(&["10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24"]),
            pairs(&[
                ("10.0.0.0/8", "10.0.0.0"),
                ("10.0.0.0/16", "10.0.255.255"),
                ("10.0.0.0/24", "10.0.0.255")
            ])
        );
    }

    #[test]
    fn a_host_route_keeps_its_address() {
        assert_eq!(
            ids(&["10.0.0.0/24", "10.0.0.0/32"]),
            pairs(&[("10.0.0.0/24", "10.0.0.255"), ("10.0.0.0/32", "10.0.0.0")])
        );
    }

    #[test]
    fn no_two_prefixes_share_an_id() {
        assert_eq!(
            ids(&["10.0.0.0/32", "10.0.0.0/30", "10.0.0.3/32", "10.0.0.0/29", "10.0.0.7/32"]),
            pairs(&[
                ("10.0.0.0/29", "10.0.0.6"),
                ("10.0.0.0/30", "10.0.0.2"),
                ("10.0.0.0/32", "10.0.0.0"),
                ("10.0.0.3/32", "10.0.0.3"),
                ("10.0.0.7/32", "10.0.0.7")
            ])
        );
        // All addresses of the /31 are VIPs themselves.
        assert_eq!(ids(&["10.0.0.0/31", "10.0.0.0/32", "10.0.0.1/32"]).len(), 2);
    }
}
