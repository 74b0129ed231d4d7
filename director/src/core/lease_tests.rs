use super::*;

const TTL: Duration = Duration::from_secs(3);
const VIP: &str = "192.0.2.10";

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn vip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn set(vips: &[&str]) -> Advertised {
    vips.iter().map(|text| (vip(text), 10)).collect()
}

fn lease() -> Lease {
    Lease::new(Instant::ZERO, "director".into(), TTL, [vip(VIP)].into())
}

fn view(generation: u64, set: &Advertised) -> LeaseReply {
    Ok(Response::Lease(LeaseView {
        name: "director".into(),
        generation,
        ttl_ms: 3000,
        remaining_ms: 3000,
        advertisements: set
            .iter()
            .map(|(vip, metric)| advertisement(*vip, *metric, Encoding::Stub))
            .collect(),
        full_neighbors: 1,
    }))
}

fn refused(code: RefusalCode) -> LeaseReply {
    Ok(Response::Refused(Refusal { code, message: "no".into() }))
}

/// An open lease with `generation` and `set` in force, opened at time 0.
fn open(generation: u64, in_force: &Advertised) -> Lease {
    let mut lease = lease();
    assert_eq!(lease.poll_request(at(0)), Some(Request::LeaseOpen { name: "director".into(), ttl_ms: 3000 }));
    lease.handle_reply(at(0), view(generation, in_force));
    lease
}

#[test]
fn a_set_that_is_in_force_already_is_not_sent_again() {
    let mut lease = open(7, &set(&[VIP]));
    lease.want(set(&[VIP]));
    assert_eq!(lease.poll_request(at(0)), None, "a director that returns in time withdraws nothing");
    assert_eq!(lease.poll_request(at(1000)), Some(Request::LeaseRenew { name: "director".into() }));
}

#[test]
fn another_encoding_of_the_same_vip_is_sent_at_once() {
    let mut lease = open(7, &set(&[VIP]));
    lease.want(set(&[VIP]));
    lease.encode([(vip(VIP), Encoding::External2)].into());
    let Some(Request::SetAdvertised { advertisements, .. }) = lease.poll_request(at(1)) else {
        panic!("a set is sent");
    };
    let sent = advertisement(vip(VIP), 10, Encoding::External2);
    assert_eq!(advertisements, std::slice::from_ref(&sent));

    let Ok(Response::Lease(told)) = view(8, &set(&[VIP])) else { panic!("a lease") };
    lease.handle_reply(at(2), Ok(Response::Lease(LeaseView { advertisements: vec![sent], ..told })));
    assert_eq!(lease.poll_request(at(3)), None, "it is in force");
}

#[test]
fn another_set_is_sent_at_once_with_the_next_generation() {
    let mut lease = open(7, &set(&[VIP]));
    lease.want(set(&[]));
    let Some(Request::SetAdvertised { generation, advertisements, .. }) = lease.poll_request(at(1)) else {
        panic!("a set is sent");
    };
    assert_eq!((generation, advertisements.len()), (8, 0));
    assert_eq!(lease.exposed(at(1)), [vip(VIP)].into(), "still advertised until ospfd says otherwise");
    lease.handle_reply(at(2), view(8, &set(&[])));
    assert!(lease.exposed(at(2)).is_empty());
}

#[test]
fn renewals_come_every_third_of_the_ttl_and_only_when_polled() {
    let mut lease = open(1, &set(&[]));
    lease.want(set(&[]));
    for round in 1..5 {
        assert_eq!(lease.next_deadline(), Some(at(1000 * round)));
        assert_eq!(lease.poll_request(at(1000 * round - 1)), None);
        assert!(lease.poll_request(at(1000 * round)).is_some());
        lease.handle_reply(at(1000 * round), view(1, &set(&[])));
    }
}

#[test]
fn nothing_is_set_before_it_is_known_what_is_wanted() {
    let mut lease = open(3, &set(&[VIP]));
    assert_eq!(lease.poll_request(at(10)), None);
    assert_eq!(lease.in_force(), Some(&set(&[VIP])));
}

#[test]
fn an_unknown_lease_is_opened_at_once_and_set_again() {
    let mut lease = open(7, &set(&[VIP]));
    lease.want(set(&[VIP]));
    lease.poll_request(at(1000)).unwrap();
    lease.handle_reply(at(1000), refused(RefusalCode::UnknownLease));
    assert!(matches!(lease.poll_request(at(1000)), Some(Request::LeaseOpen { .. })));
    lease.handle_reply(at(1001), view(0, &set(&[])));
    assert!(matches!(lease.poll_request(at(1001)), Some(Request::SetAdvertised { generation: 1, .. })));
}

#[test]
fn a_broken_link_is_retried_with_back_off_until_the_exposure_has_lapsed() {
    let mut lease = open(1, &set(&[VIP]));
    lease.want(set(&[]));
    lease.poll_request(at(500)).unwrap();
    lease.handle_reply(at(500), Err(LeaseFault::Broken("gone".into())));
    assert_eq!(lease.poll_request(at(549)), None);
    let mut tries = 0;
    for millis in 550..3500 {
        if lease.poll_request(at(millis)).is_some() {
            tries += 1;
            lease.handle_reply(at(millis), Err(LeaseFault::Unreachable("gone".into())));
        }
    }
    assert!((4..10).contains(&tries), "{tries} tries in three seconds");
    assert_eq!(lease.exposed(at(3499)), [vip(VIP)].into(), "the request may have been carried out at 500 ms");
    assert!(lease.exposed(at(3500)).is_empty(), "failed tries to connect do not prolong it");
}

#[test]
fn before_the_first_answer_everything_possible_counts_as_advertised() {
    let lease = lease();
    assert_eq!(lease.exposed(at(0)), [vip(VIP)].into());
    assert!(lease.exposed(at(3000)).is_empty());
}

#[test]
fn a_release_waits_its_turn_and_ends_the_exposure() {
    let mut lease = open(1, &set(&[VIP]));
    lease.poll_request(at(1000)).unwrap();
    lease.release();
    assert_eq!(lease.poll_request(at(1000)), None, "one request at a time");
    lease.handle_reply(at(1001), view(1, &set(&[VIP])));
    assert_eq!(lease.poll_request(at(1001)), Some(Request::LeaseRelease { name: "director".into() }));
    assert!(!lease.is_gone(at(1001)));
    lease.handle_reply(at(1002), view(1, &set(&[])));
    assert!(lease.is_gone(at(1002)));
    assert_eq!(lease.poll_request(at(9000)), None);
}
