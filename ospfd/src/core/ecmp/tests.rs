use std::net::Ipv4Addr;

use common::control::RefusalCode;
use common::ids::IfIndex;

use super::*;
use crate::core::config::{Config, DEFAULT_MAX_LSAS, GracefulRestartConfig, RoutingConfig};
use crate::core::lsdb::{Origin, Place};
use crate::packet::{ExternalLsa, LsType, Lsa, LsaKey, RouterLsa, router_flags};

const AREA: AreaId = AreaId(0);
const VIP: &str = "203.0.113.1";
const OTHER: &str = "203.0.113.2";
/// Directors; the first is this router.
const D1: u32 = 1;
const D2: u32 = 2;
/// Upstream routers.
const U: u32 = 11;
const FAR: u32 = 12;

fn link(to: u32, cost: u16) -> RouterLink {
    RouterLink { link_type: RouterLinkType::PointToPoint, link_id: to, link_data: 9, metric: cost }
}

fn vip(address: &str, metric: u16) -> RouterLink {
    let link_id = address.parse::<Ipv4Addr>().unwrap().to_bits();
    RouterLink { link_type: RouterLinkType::Stub, link_id, link_data: u32::MAX, metric }
}

fn router(id: u32, links: &[RouterLink]) -> Lsa {
    let key = LsaKey { ls_type: LsType::Router, link_state_id: id, advertising_router: RouterId(id) };
    let body = LsaBody::Router(RouterLsa { flags: router_flags::E, links: links.to_vec() });
    Lsa::build(1, 2, key, 1, body).unwrap()
}

fn external(by: u32, metric_type: ExternalMetric, metric: u32) -> Lsa {
    let link_state_id = VIP.parse::<Ipv4Addr>().unwrap().to_bits();
    let key = LsaKey { ls_type: LsType::AsExternal, link_state_id, advertising_router: RouterId(by) };
    let body = ExternalLsa {
        network_mask: Ipv4Addr::BROADCAST,
        metric_type,
        metric,
        forwarding_address: Ipv4Addr::UNSPECIFIED,
        route_tag: 0,
    };
    Lsa::build(1, 2, key, 1, LsaBody::External(body)).unwrap()
}

/// What the router D1 says with `lsas` in its database.
fn look(lsas: Vec<Lsa>, from: Option<u32>) -> Result<EcmpView, Refusal> {
    let config = Config {
        router_id: RouterId(D1),
        transit: false,
        interfaces: BTreeMap::new(),
        areas: BTreeMap::new(),
        static_advertisements: Vec::new(),
        routing: RoutingConfig::default(),
        graceful_restart: GracefulRestartConfig::default(),
        max_lsas: DEFAULT_MAX_LSAS,
    };
    let now = Instant::ZERO;
    let mut instance = Instance::new(config, 1, now);
    for lsa in lsas {
        let scope = Scope::of(
            lsa.header.key.ls_type,
            Place { if_index: IfIndex(1), area: AREA, takes_externals: true },
        );
        instance.lsdb.install(scope, lsa, Origin::Flooded, now).unwrap();
    }
    instance.ecmp(now, VIP.parse().unwrap(), from.map(RouterId))
}

/// The reasons for D1 and D2 as U sees them, when U reaches them at `costs` and they say `one` and `two`.
fn reasons(costs: (u16, u16), one: &[RouterLink], two: &[RouterLink]) -> [EcmpReason; 2] {
    let with_link = |links: &[RouterLink]| [&[link(U, 0xffff)], links].concat();
    let view = look(
        vec![
            router(U, &[link(D1, costs.0), link(D2, costs.1)]),
            router(D1, &with_link(one)),
            router(D2, &with_link(two)),
        ],
        None,
    );
    reasons_of(&view.unwrap().upstreams[0])
}

fn reasons_of(upstream: &EcmpUpstreamView) -> [EcmpReason; 2] {
    let [one, two] = upstream.directors.as_slice() else { panic!("not two directors: {upstream:?}") };
    assert_eq!((one.router_id, two.router_id), (RouterId(D1), RouterId(D2)));
    for director in [one, two] {
        assert_eq!(director.used, director.reason.is_used());
    }
    [one.reason, two.reason]
}

#[test]
fn each_reason_has_its_case() {
    use EcmpReason::*;
    let (here, there) = (vip(VIP, 10), vip(OTHER, 10));
    let both = [here, there];
    for (what, costs, one, two, expected) in [
        ("equal", (10, 10), &both[..], &both[..], [EqualCost, EqualCost]),
        ("a higher metric", (10, 10), &[here], &[vip(VIP, 20)], [Cheapest, UnequalMetric]),
        ("a longer way", (20, 10), &[here], &[here], [UnequalDistance, Cheapest]),
        ("a longer way made up for", (15, 10), &[vip(VIP, 5)], &[here], [EqualCost, EqualCost]),
        ("drained", (10, 10), &[vip(VIP, 0xffff)], &[here], [MaxMetric, Cheapest]),
        ("the last one", (10, 10), &[vip(VIP, 0xffff), there], &[there], [OnlyAnnouncer, NotAnnouncing]),
        ("one has another VIP", (10, 10), &[there], &both, [NotAnnouncing, OnlyAnnouncer]),
    ] {
        assert_eq!(reasons(costs, one, two), expected, "{what}");
    }
}

#[test]
fn a_router_that_shares_no_vip_is_an_upstream_like_any_other() {
    let lsas = vec![router(D1, &[link(D2, 1), vip(VIP, 10)]), router(D2, &[link(D1, 1), vip(OTHER, 10)])];
    let view = look(lsas, None).unwrap();
    assert_eq!(view.upstreams.len(), 1);
    assert_eq!((view.upstreams[0].router_id, view.upstreams[0].directors.len()), (RouterId(D2), 1));
}

#[test]
fn a_director_that_cannot_be_reached_is_told_from_one_that_is_half_connected() {
    let us = || router(D1, &[link(U, 1), vip(VIP, 10)]);
    let half = look(vec![router(U, &[link(D1, 10)]), us(), router(D2, &[link(U, 1), vip(VIP, 10)])], None);
    assert_eq!(reasons_of(&half.unwrap().upstreams[0]), [EcmpReason::Cheapest, EcmpReason::NotBidirectional]);
    let apart = look(vec![router(U, &[link(D1, 10)]), us(), router(D2, &[vip(VIP, 10)])], None);
    assert_eq!(reasons_of(&apart.unwrap().upstreams[0]), [EcmpReason::Cheapest, EcmpReason::Unreachable]);
}

#[test]
fn a_director_behind_another_one_is_reached_at_the_maximum_metric() {
    let view = look(
        vec![
            router(U, &[link(D1, 10)]),
            router(D1, &[link(U, 0xffff), link(D2, 0xffff), vip(VIP, 10)]),
            router(D2, &[link(D1, 0xffff), vip(VIP, 10)]),
        ],
        None,
    );
    let upstream = &view.unwrap().upstreams[0];
    assert_eq!(reasons_of(upstream), [EcmpReason::Cheapest, EcmpReason::MaxMetric]);
    assert_eq!(upstream.directors[1].distance, Some(10 + 0xffff));
}

#[test]
fn stub_is_preferred_to_external_and_type_1_to_type_2() {
    use ExternalMetric::{Type1, Type2};
    let area = |stub: bool| {
        let mut links = vec![link(U, 1)];
        links.extend(stub.then(|| vip(VIP, 10)));
        vec![router(U, &[link(D1, 10), link(D2, 30)]), router(D1, &links), router(D2, &[link(U, 1)])]
    };
    let with = |stub, externals: &[Lsa]| {
        let view = look([area(stub), externals.to_vec()].concat(), None).unwrap();
        let upstream = view.upstreams[0].clone();
        (reasons_of(&upstream), upstream.directors[1].route_type.clone().unwrap_or_default())
    };
    let less = EcmpReason::LessPreferred;
    assert_eq!(with(true, &[external(D2, Type1, 1)]), ([EcmpReason::Cheapest, less], "N E1".to_owned()));
    let mixed = [external(D1, Type1, 900), external(D2, Type2, 1)];
    assert_eq!(with(false, &mixed), ([EcmpReason::Cheapest, less], "N E2".to_owned()));
    // Type 2: the metric first, then the way.
    let equal = [external(D1, Type2, 7), external(D2, Type2, 7)];
    assert_eq!(with(false, &equal).0, [EcmpReason::Cheapest, EcmpReason::UnequalDistance]);
    let dearer = [external(D1, Type2, 8), external(D2, Type2, 7)];
    assert_eq!(with(false, &dearer).0, [EcmpReason::UnequalMetric, EcmpReason::Cheapest]);
    let gone = [external(D1, Type2, 8), external(D2, Type2, LS_INFINITY)];
    assert_eq!(with(false, &gone).0, [EcmpReason::Cheapest, EcmpReason::MaxMetric]);
}

#[test]
fn every_other_router_is_an_upstream_and_the_nearest_comes_first() {
    let lsas = || {
        vec![
            router(U, &[link(D1, 10), link(D2, 10), link(FAR, 10)]),
            router(FAR, &[link(U, 10)]),
            router(D1, &[link(U, 0xffff), vip(VIP, 10)]),
            router(D2, &[link(U, 0xffff), vip(VIP, 10)]),
        ]
    };
    let view = look(lsas(), None).unwrap();
    let seen: Vec<_> = view.upstreams.iter().map(|seen| (seen.router_id.0, seen.nexthops.clone())).collect();
    assert_eq!(seen, [(U, vec![RouterId(D1), RouterId(D2)]), (FAR, vec![RouterId(U)])]);
    for upstream in &view.upstreams {
        assert_eq!(reasons_of(upstream), [EcmpReason::EqualCost; 2]);
    }
    let only = look(lsas(), Some(FAR)).unwrap();
    assert_eq!(only.upstreams, view.upstreams[1..]);
    for nobody in [D2, 99] {
        assert_eq!(look(lsas(), Some(nobody)).unwrap_err().code, RefusalCode::NotFound);
    }
}

#[test]
fn a_large_area_is_cut_off_at_the_nearest_routers() {
    let count = u32::try_from(MOST_UPSTREAMS).unwrap() + 5;
    let spokes: Vec<_> = (100..100 + count).map(|id| link(id, 10)).collect();
    let mut lsas =
        vec![router(U, &[&spokes[..], &[link(D1, 10)]].concat()), router(D1, &[link(U, 1), vip(VIP, 10)])];
    lsas.extend((100..100 + count).map(|id| router(id, &[link(U, 10)])));
    let view = look(lsas, None).unwrap();
    assert_eq!((view.upstreams.len(), view.left_out), (MOST_UPSTREAMS, 6));
    assert_eq!(view.upstreams[0].router_id, RouterId(U));
}
