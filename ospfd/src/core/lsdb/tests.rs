//! The database alone.

use std::time::Duration;

use super::*;
use crate::packet::{ExternalLsa, ExternalMetric, LsaBody, RouterLsa};

const NOW: Instant = Instant::from_micros(5_000_000);
const BACKBONE: AreaId = AreaId(0);
const PLACE: Place = Place { if_index: IfIndex(2), area: BACKBONE, takes_externals: true };

fn opaque(ls_type: LsType, id: u32) -> Lsa {
    let key = LsaKey { ls_type, link_state_id: id, advertising_router: RouterId(1) };
    Lsa::build_opaque(1, 2, key, 1, &[0; 3]).unwrap()
}

fn router(id: u32, sequence: i32, age: u16) -> Lsa {
    let key = LsaKey { ls_type: LsType::Router, link_state_id: id, advertising_router: RouterId(id) };
    Lsa::build(age, 2, key, sequence, LsaBody::Router(RouterLsa { flags: 0, links: Vec::new() })).unwrap()
}

fn external(id: u32) -> Lsa {
    let key = LsaKey { ls_type: LsType::AsExternal, link_state_id: id, advertising_router: RouterId(1) };
    let body = ExternalLsa {
        network_mask: [255, 255, 255, 0].into(),
        metric_type: ExternalMetric::Type2,
        metric: 1,
        forwarding_address: [0, 0, 0, 0].into(),
        route_tag: 0,
    };
    Lsa::build(1, 2, key, 1, LsaBody::External(body)).unwrap()
}

fn filled() -> Lsdb {
    let mut lsdb = Lsdb::new(100);
    for id in [3, 1, 2] {
        lsdb.install(Scope::Area(BACKBONE), router(id, 1, 1), Origin::Flooded, NOW).unwrap();
        lsdb.install(Scope::As, external(id), Origin::Flooded, NOW).unwrap();
    }
    lsdb.install(Scope::Area(AreaId(1)), router(9, 1, 1), Origin::Flooded, NOW).unwrap();
    lsdb
}

#[test]
fn age_follows_from_the_time_held_and_stops_at_max_age() {
    let mut lsdb = Lsdb::new(100);
    lsdb.install(Scope::Area(BACKBONE), router(1, 1, 100), Origin::Flooded, NOW).unwrap();
    let entry = lsdb.get(Scope::Area(BACKBONE), router(1, 1, 1).header.key).unwrap();
    assert_eq!(entry.age(NOW + Duration::from_millis(999)), 100);
    assert_eq!(entry.age(NOW + Duration::from_secs(50)), 150);
    assert_eq!(entry.age(NOW + Duration::from_secs(100_000)), MAX_AGE);
    assert_eq!(entry.bytes_to_send(NOW + Duration::from_secs(50), 2)[..2], 152_u16.to_be_bytes());
    assert_eq!(entry.expires_at(), NOW + Duration::from_secs(3_500));
}

#[test]
fn an_lsa_expires_once() {
    let mut lsdb = Lsdb::new(100);
    let lsa = router(1, 1, 3_590);
    let key = lsa.header.key;
    lsdb.install(Scope::Area(BACKBONE), lsa, Origin::Flooded, NOW).unwrap();
    let at = NOW + Duration::from_secs(10);
    assert_eq!(lsdb.next_expiry(), Some(at));
    assert_eq!(lsdb.pop_expired(at - Duration::from_micros(1)), None);
    assert_eq!(lsdb.pop_expired(at), Some((Scope::Area(BACKBONE), key)));
    assert_eq!(lsdb.pop_expired(at), None);
    assert_eq!(lsdb.at_max_age().count(), 1);
    lsdb.remove(Scope::Area(BACKBONE), key);
    assert!(lsdb.at_max_age().count() == 0 && !lsdb.has_leaving() && lsdb.len() == 0);
}

#[test]
fn an_lsa_at_max_age_is_looked_at_again_only_when_it_was_released() {
    let mut lsdb = Lsdb::new(100);
    let scope = Scope::Area(BACKBONE);
    let (aged, young) = (router(1, 1, MAX_AGE), router(2, 1, 1));
    let (aged_key, young_key) = (aged.header.key, young.header.key);
    lsdb.install(scope, aged, Origin::Flooded, NOW).unwrap();
    lsdb.install(scope, young, Origin::Flooded, NOW).unwrap();
    assert_eq!(lsdb.take_leaving(), [(scope, aged_key)].into());
    assert!(!lsdb.has_leaving());
    lsdb.released(scope, young_key);
    assert!(!lsdb.has_leaving());
    lsdb.released(scope, aged_key);
    assert_eq!(lsdb.take_leaving(), [(scope, aged_key)].into());
    lsdb.all_released();
    assert_eq!(lsdb.take_leaving(), [(scope, aged_key)].into());
}

#[test]
fn a_database_is_described_in_order_and_from_anywhere() {
    let mut lsdb = filled();
    for if_index in [PLACE.if_index, IfIndex(3)] {
        lsdb.install(Scope::Link(if_index), opaque(LsType::OpaqueLink, 4), Origin::Flooded, NOW).unwrap();
    }
    let all: Vec<_> =
        lsdb.described_after(PLACE, None).map(|(scope, key, _)| (scope, key.link_state_id)).collect();
    let area = Scope::Area(BACKBONE);
    let link = Scope::Link(PLACE.if_index);
    let as_wide = [(Scope::As, 1), (Scope::As, 2), (Scope::As, 3)];
    assert_eq!(all, [&[(link, 4), (area, 1), (area, 2), (area, 3)][..], &as_wide].concat());
    let keys: Vec<_> = lsdb.described_after(PLACE, None).map(|(scope, key, _)| (scope, key)).collect();
    for (index, &after) in keys.iter().enumerate() {
        let rest: Vec<_> =
            lsdb.described_after(PLACE, Some(after)).map(|(scope, key, _)| (scope, key)).collect();
        assert_eq!(rest, keys[index + 1..]);
    }
}

#[test]
fn the_digest_tells_instances_and_areas_apart_but_not_ages() {
    let lsdb = filled();
    let mut other = filled();
    assert_eq!(lsdb.digest(BACKBONE, |_| true), other.digest(BACKBONE, |_| true));
    assert_ne!(lsdb.digest(BACKBONE, |_| true), lsdb.digest(AreaId(1), |_| true));
    other.install(Scope::Area(BACKBONE), router(1, 1, 70), Origin::Flooded, NOW).unwrap();
    assert_eq!(lsdb.digest(BACKBONE, |_| true), other.digest(BACKBONE, |_| true));
    other.install(Scope::Area(BACKBONE), router(1, 2, 1), Origin::Flooded, NOW).unwrap();
    assert_ne!(lsdb.digest(BACKBONE, |_| true), other.digest(BACKBONE, |_| true));
}

#[test]
fn a_scope_is_taken_out_whole_and_alone() {
    let mut lsdb = filled();
    lsdb.remove_scope(Scope::Area(BACKBONE));
    assert_eq!(lsdb.areas().collect::<Vec<_>>(), [AreaId(1)]);
    assert_eq!(lsdb.len(), 4);
    lsdb.remove_scope(Scope::As);
    assert_eq!(lsdb.len(), 1);
}
