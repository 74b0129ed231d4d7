//! AS-external-LSAs of an NSSA's translator, from the type-7 LSAs of others (RFC 3101 §3.2). Pure.
//!
//! Where two prefixes cannot both be told (one of two NSSAs, or one of our own), the one that routers prefer is. What is
//! told of a prefix with several type-7 LSAs is the one of the highest Router ID among those that are routes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use common::ids::AreaId;
use ipnetwork::{IpNetwork, Ipv4Network};

use crate::core::config::{AreaConfig, NssaRangeConfig};
use crate::core::spf::Translatable;
use crate::packet::{ExternalLsa, ExternalMetric, LS_INFINITY};

/// What translations are made from.
#[derive(Debug)]
pub(crate) struct Translation<'a> {
    /// What the translator has as routes.
    pub(crate) installed: &'a BTreeMap<(AreaId, IpNetwork), Translatable>,
    /// The NSSAs that we translate for.
    pub(crate) translating: &'a BTreeSet<AreaId>,
    /// What another translator with a higher Router ID tells already, in the same words.
    pub(crate) told_by_others: &'a BTreeSet<(AreaId, IpNetwork)>,
    /// Area settings.
    pub(crate) areas: &'a BTreeMap<AreaId, AreaConfig>,
}

/// How routers compare two AS-external-LSAs: the lowest is preferred. With type 1 the distance counts, too.
type Rank = (ExternalMetric, u32, u32);

/// Adds what is translated to what is `told` of ourselves.
pub(super) fn add_translations(translation: &Translation<'_>, told: &mut BTreeMap<Ipv4Network, ExternalLsa>) {
    let mut ranks: BTreeMap<Ipv4Network, Rank> =
        told.iter().map(|(prefix, body)| (*prefix, rank(body, 0))).collect();
    for &area in translation.translating {
        let (single, ranges) = sorted(translation, area);
        for (range, (config, members)) in ranges {
            let local = told.get(&range).copied();
            let body = aggregate(range, config, &members, local);
            ranks.insert(range, rank(&body, 0));
            told.insert(range, body);
        }
        for (prefix, one) in single {
            // §3.2 (2)
            let is_told = translation.told_by_others.contains(&(area, IpNetwork::V4(prefix)));
            let Some(body) = body_of(prefix, one).filter(|_| !is_told) else { continue };
            let its = rank(&body, one.distance);
            if ranks.get(&prefix).is_none_or(|known| its < *known) {
                ranks.insert(prefix, its);
                told.insert(prefix, body);
            }
        }
    }
}

/// What is told one by one, and what is told as a range.
type Sorted<'a> = (
    BTreeMap<Ipv4Network, &'a Translatable>,
    BTreeMap<Ipv4Network, (NssaRangeConfig, Vec<&'a Translatable>)>,
);

fn sorted<'a>(translation: &Translation<'a>, area: AreaId) -> Sorted<'a> {
    let (mut single, mut ranges) = Sorted::default();
    for ((of, prefix), one) in translation.installed {
        let IpNetwork::V4(prefix) = *prefix else { continue };
        if *of != area {
            continue;
        }
        match range_of(translation, area, prefix) {
            // §3.2 (1)
            Some((_, NssaRangeConfig { advertise: false, .. })) => {}
            Some((range, config)) => ranges.entry(range).or_insert((config, Vec::new())).1.push(one),
            None => {
                single.insert(prefix, one);
            }
        }
    }
    // §3.2 (3): a range with nothing in it but itself is none.
    ranges.retain(|range, (_, members)| match members[..] {
        [only] if only.external.prefix == IpNetwork::V4(*range) => {
            single.insert(*range, only);
            false
        }
        _ => true,
    });
    (single, ranges)
}

/// §2.2: the most specific range of `area` that `prefix` lies in.
fn range_of(
    translation: &Translation<'_>,
    area: AreaId,
    prefix: Ipv4Network,
) -> Option<(Ipv4Network, NssaRangeConfig)> {
    let ranges = &translation.areas.get(&area)?.nssa_ranges;
    ranges
        .iter()
        .filter(|(range, _)| range.prefix() <= prefix.prefix() && range.contains(prefix.ip()))
        .max_by_key(|(range, _)| range.prefix())
        .map(|(range, config)| (*range, *config))
}

/// §3.2 (3): type 2 if any of them is, and then above the largest type 2 metric, so that we do not seem to be nearer than a
/// type-7 LSA of the range itself; else at the largest cost, and what we tell of it ourselves counts.
fn aggregate(
    range: Ipv4Network,
    config: NssaRangeConfig,
    members: &[&Translatable],
    local: Option<ExternalLsa>,
) -> ExternalLsa {
    let of_members = members.iter().map(|one| {
        let cost = match one.external.metric_type {
            ExternalMetric::Type1 => one.external.metric.saturating_add(one.distance),
            ExternalMetric::Type2 => one.external.metric.saturating_add(1),
        };
        (one.external.metric_type, cost)
    });
    let of_local = local.map(|body| match body.metric_type {
        ExternalMetric::Type1 => (body.metric_type, body.metric),
        ExternalMetric::Type2 => (body.metric_type, body.metric.saturating_add(1)),
    });
    let (metric_type, cost) =
        of_members.chain(of_local).max().unwrap_or((ExternalMetric::Type2, LS_INFINITY));
    ExternalLsa {
        network_mask: range.mask(),
        metric_type,
        metric: cost.min(LS_INFINITY - 1),
        forwarding_address: Ipv4Addr::UNSPECIFIED,
        route_tag: config.tag,
    }
}

/// §3.2 (2): the same words.
fn body_of(prefix: Ipv4Network, one: &Translatable) -> Option<ExternalLsa> {
    let Some(IpAddr::V4(forwarding_address)) = one.external.forwarding_address else { return None };
    Some(ExternalLsa {
        network_mask: prefix.mask(),
        metric_type: one.external.metric_type,
        metric: one.external.metric,
        forwarding_address,
        route_tag: one.external.tag,
    })
}

/// RFC 3101 §2.5 (6)(b), (d)
fn rank(body: &ExternalLsa, distance: u32) -> Rank {
    match body.metric_type {
        ExternalMetric::Type1 => (body.metric_type, body.metric.saturating_add(distance), 0),
        ExternalMetric::Type2 => (body.metric_type, body.metric, distance),
    }
}

#[cfg(test)]
mod tests {
    use common::ids::RouterId;

    use super::*;
    use crate::core::spf::{External, Origin};

    const AREA: AreaId = AreaId(1);
    const OTHER: AreaId = AreaId(2);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

    fn type_7(area: AreaId, prefix: &str, metric_type: ExternalMetric, metric: u32) -> Translatable {
        let external = External {
            by: RouterId(9),
            prefix: prefix.parse().unwrap(),
            metric_type,
            metric,
            forwarding_address: Some(ADDRESS.into()),
            tag: 7,
            origin: Origin::Nssa { area, propagate: true },
        };
        Translatable { external, distance: 10 }
    }

    #[derive(Default)]
    struct Scene {
        installed: BTreeMap<(AreaId, IpNetwork), Translatable>,
        told_by_others: BTreeSet<(AreaId, IpNetwork)>,
        areas: BTreeMap<AreaId, AreaConfig>,
        local: BTreeMap<Ipv4Network, ExternalLsa>,
    }

    impl Scene {
        fn of(all: &[Translatable]) -> Self {
            let area = |one: &Translatable| match one.external.origin {
                Origin::Nssa { area, .. } => area,
                Origin::As => panic!("no type 7"),
            };
            let installed = all.iter().map(|one| ((area(one), one.external.prefix), *one)).collect();
            Self { installed, ..Self::default() }
        }

        fn range(mut self, range: &str, advertise: bool) -> Self {
            let ranges = &mut self.areas.entry(AREA).or_default().nssa_ranges;
            ranges.insert(range.parse().unwrap(), NssaRangeConfig { advertise, tag: 99 });
            self
        }

        fn local(mut self, prefix: &str, metric_type: ExternalMetric, metric: u32) -> Self {
            let prefix: Ipv4Network = prefix.parse().unwrap();
            let network_mask = prefix.mask();
            let forwarding_address = Ipv4Addr::UNSPECIFIED;
            let body = ExternalLsa { network_mask, metric_type, metric, forwarding_address, route_tag: 1 };
            self.local.insert(prefix, body);
            self
        }

        /// `prefix type metric forwarding-address tag` of all that is told.
        fn told(&self) -> Vec<String> {
            let mut told = self.local.clone();
            let translation = Translation {
                installed: &self.installed,
                translating: &[AREA, OTHER].into(),
                told_by_others: &self.told_by_others,
                areas: &self.areas,
            };
            add_translations(&translation, &mut told);
            let words = |(prefix, body): (&Ipv4Network, &ExternalLsa)| {
                let ExternalLsa { metric_type, metric, forwarding_address, route_tag, .. } = body;
                format!("{prefix} {metric_type:?} {metric} {forwarding_address} {route_tag}")
            };
            told.iter().map(words).collect()
        }
    }

    use ExternalMetric::{Type1, Type2};

    #[test]
    fn a_type_7_lsa_is_told_in_the_same_words() {
        let scene =
            Scene::of(&[type_7(AREA, "192.0.2.1/32", Type2, 20), type_7(AREA, "192.0.2.2/32", Type1, 5)]);
        assert_eq!(scene.told(), ["192.0.2.1/32 Type2 20 10.0.0.9 7", "192.0.2.2/32 Type1 5 10.0.0.9 7"]);
    }

    #[test]
    fn what_an_equal_of_higher_router_id_tells_is_not_told_again() {
        let mut scene = Scene::of(&[type_7(AREA, "192.0.2.1/32", Type2, 20)]);
        scene.told_by_others.insert((AREA, "192.0.2.1/32".parse().unwrap()));
        assert_eq!(scene.told(), [] as [&str; 0]);
    }

    #[test]
    fn a_range_stands_for_what_is_in_it() {
        let inside = [type_7(AREA, "192.0.2.1/32", Type1, 20), type_7(AREA, "192.0.2.2/32", Type1, 30)];
        assert_eq!(
            Scene::of(&inside).range("192.0.2.0/24", true).told(),
            ["192.0.2.0/24 Type1 40 0.0.0.0 99"]
        );
        let mixed = [inside[0], type_7(AREA, "192.0.2.2/32", Type2, 3)];
        assert_eq!(Scene::of(&mixed).range("192.0.2.0/24", true).told(), ["192.0.2.0/24 Type2 4 0.0.0.0 99"]);
        assert_eq!(Scene::of(&mixed).range("192.0.2.0/24", false).told(), [] as [&str; 0]);
        // The most specific range counts.
        let scene = Scene::of(&mixed).range("192.0.2.0/24", true).range("192.0.2.2/31", false);
        assert_eq!(scene.told(), ["192.0.2.0/24 Type1 30 0.0.0.0 99"]);
    }

    #[test]
    fn a_range_of_its_own_size_only_is_no_range() {
        let only = [type_7(AREA, "192.0.2.0/24", Type2, 20)];
        assert_eq!(Scene::of(&only).range("192.0.2.0/24", true).told(), ["192.0.2.0/24 Type2 20 10.0.0.9 7"]);
        let both = [only[0], type_7(AREA, "192.0.2.1/32", Type2, 5)];
        assert_eq!(Scene::of(&both).range("192.0.2.0/24", true).told(), ["192.0.2.0/24 Type2 21 0.0.0.0 99"]);
    }

    #[test]
    fn what_we_tell_of_the_range_ourselves_counts() {
        let inside = [type_7(AREA, "192.0.2.1/32", Type1, 20)];
        let scene = Scene::of(&inside).range("192.0.2.0/24", true).local("192.0.2.0/24", Type1, 100);
        assert_eq!(scene.told(), ["192.0.2.0/24 Type1 100 0.0.0.0 99"]);
    }

    #[test]
    fn of_ours_and_a_translation_the_preferred_is_told() {
        let theirs = |metric| Scene::of(&[type_7(AREA, "192.0.2.1/32", Type2, metric)]);
        let ours = |scene: Scene| scene.local("192.0.2.1/32", Type2, 20).told();
        assert_eq!(ours(theirs(20)), ["192.0.2.1/32 Type2 20 0.0.0.0 1"]);
        assert_eq!(ours(theirs(19)), ["192.0.2.1/32 Type2 19 10.0.0.9 7"]);
        // Of two NSSAs, too.
        let two =
            Scene::of(&[type_7(AREA, "192.0.2.1/32", Type2, 9), type_7(OTHER, "192.0.2.1/32", Type1, 900)]);
        assert_eq!(two.told(), ["192.0.2.1/32 Type1 900 10.0.0.9 7"]);
    }
}
