use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LATENCY: Duration = Duration::from_millis(2);

fn question(last_octet: u8, interval: Duration) -> Question {
    Question {
        spec: CheckSpec {
            kind: CheckKind::Tcp,
            target: None,
            interval,
            timeout: interval / 2,
            rise: 1,
            fall: 2,
        },
        target: SocketAddr::from(([10, 2, 0, last_octet], 80)),
    }
}

fn engine(questions: &[Question], max_running: usize) -> Health {
    let mut health = Health::new(7, max_running);
    health.reconfigure(Instant::ZERO, &questions.iter().cloned().collect(), max_running);
    health
}

/// Runs to `until`, answering every probe by `answer` after [`LATENCY`]; gives the starts in order.
fn run(
    health: &mut Health,
    until: Instant,
    answer: impl Fn(Instant, &Question) -> ProbeResult,
) -> Vec<(Instant, Question)> {
    let mut starts = Vec::new();
    while let Some(now) = health.next_deadline().filter(|at| *at <= until) {
        health.handle_timeout(now);
        while let Some(probe) = health.poll_probe(now) {
            starts.push((now, probe.question.clone()));
            health.handle_result(now + LATENCY, probe.id, answer(now, &probe.question));
        }
    }
    starts
}

#[test]
fn first_probes_are_spread_and_the_seed_decides_how() {
    let questions: Vec<_> = (0..100).map(|n| question(n, SECOND)).collect();
    let starts = |seed| {
        let mut health = Health::new(seed, 1000);
        health.reconfigure(Instant::ZERO, &questions.iter().cloned().collect(), 1000);
        let mut at: Vec<_> = health.agenda.iter().map(|(at, _)| *at).collect();
        at.dedup();
        at
    };
    assert_eq!(starts(1), starts(1));
    assert_ne!(starts(1), starts(2));
    let spread = starts(1);
    assert!(spread.len() > 95, "{} different moments", spread.len());
    assert!(spread.iter().all(|at| *at < Instant::ZERO + SECOND));
    assert!(spread[spread.len() / 2].since(Instant::ZERO) > SECOND / 4, "not bunched at the start");
}

#[test]
fn probes_start_one_interval_apart() {
    let mut health = engine(&[question(1, SECOND)], 10);
    let starts = run(&mut health, Instant::from_micros(10_500_000), |_, _| Ok(LATENCY));
    assert!(starts.len() >= 10, "{starts:?}");
    assert!(starts.windows(2).all(|pair| pair[1].0.since(pair[0].0) == SECOND), "{starts:?}");
}

#[test]
fn a_server_that_stops_answering_is_down_after_fall_probes() {
    let asked = question(1, SECOND);
    let mut health = engine(std::slice::from_ref(&asked), 10);
    let dies_at = Instant::from_micros(5_000_000);
    run(&mut health, Instant::from_micros(20_000_000), |now, _| {
        if now < dies_at { Ok(LATENCY) } else { Err(Failure::Refused) }
    });
    let up = health.poll_change().unwrap();
    assert_eq!((up.from, up.to), (HealthState::Unknown, HealthState::Up));
    let down = health.poll_change().unwrap();
    assert_eq!(
        (down.from, down.to, down.result),
        (HealthState::Up, HealthState::Down, Err(Failure::Refused))
    );
    assert_eq!(health.poll_change(), None);
    let check = health.check(&asked).unwrap();
    assert_eq!(check.state(), HealthState::Down);
    assert_eq!(check.last().map(|last| last.result), Some(Err(Failure::Refused)));
}

#[test]
fn equal_questions_are_asked_once() {
    let set: BTreeSet<_> = [question(1, SECOND), question(1, SECOND), question(2, SECOND)].into();
    let mut health = Health::new(1, 10);
    health.reconfigure(Instant::ZERO, &set, 10);
    let starts = run(&mut health, Instant::from_micros(999_999), |_, _| Ok(LATENCY));
    assert_eq!(starts.len(), 2);
}

#[test]
fn a_probe_never_overlaps_itself() {
    let mut health = engine(&[question(1, SECOND)], 10);
    let start = health.next_deadline().unwrap();
    let probe = health.poll_probe(start).unwrap();
    assert_eq!(health.poll_probe(start + SECOND), None);
    health.handle_result(start + SECOND * 5 / 4, probe.id, Ok(LATENCY));
    assert_eq!(health.next_deadline(), Some(start + SECOND * 5 / 4), "overdue: at once, but not before");
}

#[test]
fn a_check_that_is_due_waits_for_a_place() {
    let questions: Vec<_> = (0..5).map(|n| question(n, SECOND)).collect();
    let mut health = engine(&questions, 2);
    let now = Instant::from_micros(1_000_000);
    let first = health.poll_probe(now).unwrap();
    health.poll_probe(now).unwrap();
    assert_eq!(health.poll_probe(now), None);
    assert_eq!(health.counters().deferred, 1);
    assert!(health.next_deadline().unwrap() > now, "no busy loop while all places are taken");
    health.handle_result(now, first.id, Ok(LATENCY));
    assert!(health.poll_probe(now).is_some());
}

#[test]
fn a_fault_of_our_own_changes_no_state_but_stalls_the_check() {
    let asked = question(1, SECOND);
    let mut health = engine(std::slice::from_ref(&asked), 10);
    let broken_at = Instant::from_micros(3_000_000);
    run(&mut health, Instant::from_micros(60_000_000), |now, _| {
        if now < broken_at { Ok(LATENCY) } else { Err(Failure::CannotAsk(LocalFault::Errno(24))) }
    });
    assert_eq!(health.check(&asked).unwrap().state(), HealthState::Up);
    assert!(!health.is_stalled(Instant::from_micros(4_000_000), &asked));
    assert!(health.is_stalled(Instant::from_micros(60_000_000), &asked));
}

#[test]
fn a_lost_probe_is_given_up_and_its_late_result_ignored() {
    let asked = question(1, SECOND);
    let mut health = engine(std::slice::from_ref(&asked), 1);
    let start = health.next_deadline().unwrap();
    let probe = health.poll_probe(start).unwrap();
    let lapse = health.next_deadline().unwrap();
    assert_eq!(lapse, start + SECOND / 2 + RESULT_GRACE);
    health.handle_timeout(lapse);
    assert_eq!(health.counters().lost_probes, 1);
    assert!(health.poll_probe(lapse).is_some(), "the place is free again");
    health.handle_result(lapse, probe.id, Err(Failure::Refused));
    assert_eq!(health.counters().late_results, 1);
    assert_eq!(health.check(&asked).unwrap().state(), HealthState::Unknown);
}

#[test]
fn reconfiguring_keeps_what_stays() {
    let (stays, goes, comes) = (question(1, SECOND), question(2, SECOND), question(3, SECOND));
    let mut health = engine(&[stays.clone(), goes.clone()], 10);
    run(&mut health, Instant::from_micros(2_000_000), |_, _| Ok(LATENCY));
    let due = health.check(&stays).unwrap().due_at;
    health.reconfigure(Instant::from_micros(2_100_000), &[stays.clone(), comes.clone()].into(), 10);
    assert_eq!(health.check(&stays).unwrap().state(), HealthState::Up);
    assert_eq!(health.check(&stays).unwrap().due_at, due);
    assert!(health.check(&goes).is_none());
    assert_eq!(health.check(&comes).unwrap().state(), HealthState::Unknown);
    assert!(health.is_stalled(Instant::ZERO, &goes), "what is not checked must not be relied on");
}

#[test]
fn a_server_without_a_check_is_up_and_never_asked() {
    let mut asked = question(1, SECOND);
    asked.spec.kind = CheckKind::None;
    let health = engine(std::slice::from_ref(&asked), 10);
    assert_eq!(health.next_deadline(), None);
    assert_eq!(health.check(&asked).unwrap().state(), HealthState::Up);
    assert!(!health.is_stalled(Instant::from_micros(u64::MAX), &asked));
}
