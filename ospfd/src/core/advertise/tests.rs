use proptest::prelude::*;

use super::*;

const TTL: Duration = Duration::from_secs(3);

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn adv(prefix: &str, metric: u16) -> Advertisement {
    Advertisement { prefix: prefix.parse().unwrap(), metric, encoding: Encoding::Stub, tag: 0 }
}

fn external(prefix: &str, metric: u16, tag: u32) -> Advertisement {
    Advertisement { encoding: Encoding::External2, tag, ..adv(prefix, metric) }
}

fn net(prefix: &str) -> Ipv4Network {
    prefix.parse().unwrap()
}

fn held(set: &[Advertisement]) -> LeaseTable {
    let mut table = LeaseTable::new(&[]);
    table.open(at(0), "director", TTL).unwrap();
    table.set(at(0), "director", 1, set).unwrap();
    table
}

#[test]
fn a_new_lease_is_empty_and_at_generation_zero() {
    let view = LeaseTable::new(&[]).open(at(5), "director", TTL).unwrap();
    assert_eq!((view.generation, view.ttl_ms, view.remaining_ms), (0, 3000, 3000));
    assert_eq!(view.advertisements, []);
}

#[test]
fn a_returning_holder_finds_set_and_generation() {
    let mut table = held(&[adv("192.0.2.1/32", 10)]);
    let view = table.open(at(2900), "director", Duration::from_secs(5)).unwrap();
    assert_eq!((view.generation, view.ttl_ms, view.remaining_ms), (1, 5000, 5000));
    assert_eq!(view.advertisements, [adv("192.0.2.1/32", 10)]);
    assert_eq!(table.expire(at(7899)), []);
}

#[test]
fn a_generation_must_be_newer() {
    let mut table = held(&[adv("192.0.2.1/32", 10)]);
    for stale in [0, 1] {
        let refusal = table.set(at(1), "director", stale, &[]).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::StaleGeneration);
    }
    assert_eq!(table.merged().len(), 1);
    assert_eq!(table.set(at(1), "director", 7, &[]).unwrap().generation, 7);
    assert_eq!(table.merged().len(), 0);
}

#[test]
fn a_refused_set_changes_nothing_and_does_not_renew() {
    let mut table = held(&[adv("192.0.2.1/32", 10)]);
    let bad = [adv("192.0.2.2/32", 1), adv("192.0.2.2/32", 2)];
    assert_eq!(table.set(at(1000), "director", 2, &bad).unwrap_err().code, RefusalCode::Invalid);
    assert_eq!(table.next_deadline(), Some(at(3000)));
    let view = table.renew(at(1000), "director").unwrap();
    assert_eq!((view.generation, view.advertisements), (1, vec![adv("192.0.2.1/32", 10)]));
}

#[test]
fn prefixes_that_cannot_be_advertised_are_refused_with_a_reason() {
    for (prefix, words) in [
        ("2001:db8::1/128", "is not IPv4"),
        ("192.0.2.1/24", "host bits set; write 192.0.2.0/24, or 192.0.2.1/32"),
        ("0.0.0.0/0", "no unicast destination"),
        ("0.1.0.0/16", "no unicast destination"),
        ("127.0.0.1/32", "no unicast destination"),
        ("224.0.0.5/32", "no unicast destination"),
        ("255.255.255.255/32", "no unicast destination"),
    ] {
        let mut table = held(&[]);
        let refusal = table.set(at(1), "director", 2, &[adv(prefix, 1)]).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::Invalid);
        assert!(refusal.message.contains(words), "{}", refusal.message);
        assert!(refusal.message.contains("director"), "{}", refusal.message);
    }
    assert_eq!(check(&adv("10.0.0.0/8", u16::MAX)), Ok(net("10.0.0.0/8")));
}

#[test]
fn a_prefix_may_stand_once_in_a_set() {
    let twice = [adv("192.0.2.1/32", 1), adv("192.0.2.1/32", 1)];
    let refusal = held(&[]).set(at(1), "director", 2, &twice).unwrap_err();
    assert!(refusal.message.contains("192.0.2.1/32 stands twice"), "{}", refusal.message);
}

#[test]
fn the_time_to_live_has_bounds() {
    let mut table = LeaseTable::new(&[]);
    for ttl in [0, 99, 3_600_001] {
        let refusal = table.open(at(0), "director", Duration::from_millis(ttl)).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::Invalid);
        assert!(refusal.message.contains("100..=3600000 ms"), "{}", refusal.message);
    }
    for ttl in [MIN_TTL, MAX_TTL] {
        assert!(table.open(at(0), "director", ttl).is_ok());
    }
}

#[test]
fn names_are_plain_and_never_static() {
    let long = "x".repeat(65);
    for name in ["", "static", "a b", "é", "a\n", long.as_str()] {
        assert_eq!(LeaseTable::new(&[]).open(at(0), name, TTL).unwrap_err().code, RefusalCode::Invalid);
    }
    assert!(LeaseTable::new(&[]).open(at(0), "director-1.b_c", TTL).is_ok());
}

#[test]
fn leases_are_bounded_but_the_held_ones_can_be_resumed() {
    let mut table = LeaseTable::new(&[]);
    for n in 0..MAX_LEASES {
        table.open(at(0), &format!("l{n}"), TTL).unwrap();
    }
    assert_eq!(table.open(at(0), "more", TTL).unwrap_err().code, RefusalCode::Unavailable);
    assert!(table.open(at(0), "l0", TTL).is_ok());
}

fn host(index: usize) -> String {
    format!("{}/32", std::net::Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(index).unwrap()))
}

#[test]
fn stub_prefixes_are_bounded_over_all_owners_and_external_2_is_the_way_out() {
    let many = |n: usize| -> Vec<_> { (0..n).map(|index| adv(&host(index), 1)).collect() };
    let limit = MAX_STUBS;
    let mut table = LeaseTable::new(&[adv("192.0.2.1/32", 1)]);
    table.open(at(0), "a", TTL).unwrap();
    let refusal = table.set(at(0), "a", 1, &many(limit)).unwrap_err();
    assert!(refusal.message.contains("external-2"), "{}", refusal.message);
    table.set(at(0), "a", 1, &many(limit - 1)).unwrap();
    table.set(at(0), "a", 2, &many(limit - 1)).unwrap();
    let externals: Vec<_> = (0..limit + 1).map(|index| external(&host(index), 1, 0)).collect();
    table.set(at(0), "a", 3, &externals).unwrap();
    assert_eq!(table.merged().len(), limit + 2);
}

#[test]
fn external_prefixes_have_a_bound_of_their_own() {
    let room = |externals| check_room(std::iter::repeat_n(Encoding::External1, externals));
    assert_eq!(room(MAX_EXTERNALS), Ok(()));
    assert_eq!(room(MAX_EXTERNALS + 1), Err(RoomError::Externals(MAX_EXTERNALS + 1)));
}

#[test]
fn a_tag_is_for_external_prefixes() {
    let tagged = Advertisement { tag: 7, ..adv("192.0.2.1/32", 1) };
    assert_eq!(check(&tagged), Err(AdvertisementError::TaggedStub(net("192.0.2.1/32"))));
    let kept = held(&[external("192.0.2.1/32", 1, 7)]).merged()[&net("192.0.2.1/32")].offer;
    assert_eq!(kept, Offer { encoding: Encoding::External2, metric: 1, tag: 7 });
}

#[test]
fn a_stub_link_is_preferred_to_an_external_one_of_a_lower_metric() {
    let mut table = held(&[adv("192.0.2.1/32", 20)]);
    table.set_statics(&[external("192.0.2.1/32", 1, 0)]);
    let merged = &table.merged()[&net("192.0.2.1/32")];
    assert_eq!((merged.offer.encoding, merged.offer.metric), (Encoding::Stub, 20));
}

#[test]
fn a_silent_holder_loses_its_set_at_the_deadline_and_not_before() {
    let mut table = held(&[adv("192.0.2.1/32", 10)]);
    table.renew(at(1000), "director").unwrap();
    assert_eq!(table.next_deadline(), Some(at(4000)));
    assert_eq!(table.expire(at(3999)), []);
    let lapsed = table.expire(at(4000));
    assert_eq!(lapsed, [Lapsed { name: "director".into(), advertisements: vec![adv("192.0.2.1/32", 10)] }]);
    assert_eq!(table.merged(), BTreeMap::new());
    assert_eq!(table.next_deadline(), None);
    for refusal in [table.renew(at(4001), "director"), table.set(at(4001), "director", 2, &[])] {
        assert_eq!(refusal.unwrap_err().code, RefusalCode::UnknownLease);
    }
    assert_eq!(table.open(at(4002), "director", TTL).unwrap().generation, 0);
}

#[test]
fn a_release_withdraws_at_once() {
    let mut table = held(&[adv("192.0.2.1/32", 10)]);
    let view = table.release(at(1), "director").unwrap();
    assert_eq!((view.generation, view.remaining_ms, view.advertisements), (1, 0, vec![]));
    assert_eq!(table.merged(), BTreeMap::new());
    assert_eq!(table.release(at(1), "director").unwrap_err().code, RefusalCode::UnknownLease);
}

#[test]
fn the_lowest_metric_wins_and_the_losers_are_shown() {
    let mut table = held(&[adv("192.0.2.1/32", 20)]);
    table.set_statics(&[adv("192.0.2.1/32", 10), adv("198.51.100.0/24", 5)]);
    table.open(at(0), "second", TTL).unwrap();
    table.set(at(0), "second", 1, &[adv("192.0.2.1/32", 7)]).unwrap();

    let merged = &table.merged()[&net("192.0.2.1/32")];
    assert_eq!((merged.offer.metric, &merged.owner), (7, &Owner::Lease("second".into())));
    let lost: Vec<_> = merged.others.iter().map(|(owner, offer)| (owner.clone(), offer.metric)).collect();
    assert_eq!(lost, [(Owner::Lease("director".into()), 20), (Owner::Static, 10)]);

    let rows: Vec<_> = table.views(|_, _| true).into_iter().map(|r| (r.owner, r.originated)).collect();
    let expected = [("second", true), ("director", false), ("static", false), ("static", true)];
    assert_eq!(rows, expected.map(|(owner, originated)| (owner.to_owned(), originated)));

    table.release(at(1), "second").unwrap();
    assert_eq!(table.merged()[&net("192.0.2.1/32")].offer.metric, 10);
}

#[test]
fn of_equal_metrics_the_first_owner_wins() {
    let mut table = held(&[adv("192.0.2.1/32", 10)]);
    table.set_statics(&[adv("192.0.2.1/32", 10)]);
    assert_eq!(table.merged()[&net("192.0.2.1/32")].owner, Owner::Static);
}

/// What a holder may do; the names are few so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Open(u8),
    Set(u8, Vec<(u8, u16)>),
    Renew(u8),
    Release(u8),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0u8..3;
    let set = prop::collection::vec((0u8..6, 0u16..4), 0..4);
    let step = prop_oneof![
        name.clone().prop_map(Step::Open),
        (name.clone(), set).prop_map(|(n, s)| Step::Set(n, s)),
        name.clone().prop_map(Step::Renew),
        name.prop_map(Step::Release),
        (0u64..2500).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

/// The model: per name, the deadline in ms and the set.
type Model = BTreeMap<u8, (u64, u64, BTreeMap<u8, u16>)>;

fn model_set(model: &Model) -> BTreeMap<Ipv4Network, u16> {
    let mut all = BTreeMap::new();
    for (vip, metric) in model.values().flat_map(|(_, _, set)| set) {
        let lowest = all.entry(net(&format!("192.0.2.{vip}/32"))).or_insert(*metric);
        *lowest = (*lowest).min(*metric);
    }
    all
}

proptest! {
    /// Whatever the holders do, what is advertised is the union of what the live ones asked for: a lapse takes
    /// exactly the lapsed lease's prefixes, and a holder that comes back in time changes nothing.
    #[test]
    fn only_the_live_leases_are_advertised(steps in steps()) {
        let mut table = LeaseTable::new(&[]);
        let mut model = Model::new();
        let mut now = 0;
        let mut generation = 0;
        for step in steps {
            match step {
                Step::Open(n) => {
                    let view = table.open(at(now), &format!("l{n}"), TTL).unwrap();
                    let entry = model.entry(n).or_default();
                    entry.0 = now + 3000;
                    prop_assert_eq!((view.generation, view.advertisements.len()), (entry.1, entry.2.len()));
                }
                Step::Set(n, pairs) => {
                    generation += 1;
                    let wanted: BTreeMap<u8, u16> = pairs.iter().copied().collect();
                    let set: Vec<_> = pairs.iter().map(|(v, m)| adv(&format!("192.0.2.{v}/32"), *m)).collect();
                    let result = table.set(at(now), &format!("l{n}"), generation, &set);
                    let valid = model.contains_key(&n) && wanted.len() == pairs.len();
                    prop_assert_eq!(result.is_ok(), valid);
                    if valid {
                        model.insert(n, (now + 3000, generation, wanted));
                    }
                }
                Step::Renew(n) => {
                    prop_assert_eq!(table.renew(at(now), &format!("l{n}")).is_ok(), model.contains_key(&n));
                    model.entry(n).and_modify(|entry| entry.0 = now + 3000);
                }
                Step::Release(n) => {
                    prop_assert_eq!(table.release(at(now), &format!("l{n}")).is_ok(), model.remove(&n).is_some());
                }
                Step::Wait(span) => {
                    now += span;
                    let lapsed: Vec<_> = table.expire(at(now)).into_iter().map(|l| l.name).collect();
                    let due: Vec<_> = model.extract_if(.., |_, entry| entry.0 <= now).map(|(n, _)| format!("l{n}")).collect();
                    prop_assert_eq!(lapsed, due);
                }
            }
            let advertised: BTreeMap<_, _> = table.merged().into_iter().map(|(p, m)| (p, m.offer.metric)).collect();
            prop_assert_eq!(advertised, model_set(&model));
            prop_assert_eq!(table.next_deadline(), model.values().map(|entry| at(entry.0)).min());
        }
    }
}
