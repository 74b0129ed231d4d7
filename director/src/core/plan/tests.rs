//! The laws of plans, against a model of the kernel that refuses what the real one refuses.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::core::model_kernel::ModelKernel;
use crate::model::{Encapsulation, FLAG_PERSISTENT, Forward, Scheduler, SchedulerKind};

/// The part of an observed table that a plan is about, in the form of a desired one.
fn managed(observed: &Observed, wanted: &Desired, keys: &Owned) -> Desired {
    let services = observed.services.iter().filter(|(key, _)| keys.contains(key)).map(|(key, service)| {
        let servers = service.servers.iter().map(|(address, server)| (*address, server.entry)).collect();
        (*key, DesiredService { entry: service.entry.clone(), servers })
    });
    Desired { services: services.collect(), timeouts: wanted.timeouts.map(|_| observed.timeouts) }
}

fn keys(desired: &Desired, owned: &Owned) -> Owned {
    desired.services.keys().chain(owned).copied().collect()
}

fn any_key() -> impl Strategy<Value = ServiceKey> {
    prop::sample::select(
        [
            "tcp 10.0.0.1:80",
            "udp 10.0.0.1:80",
            "sctp 10.0.0.1:80",
            "tcp [2001:db8::1]:443",
            "fwmark 1",
            "fwmark 1 ipv6",
        ]
        .map(|text| text.parse().unwrap())
        .to_vec(),
    )
}

fn any_entry() -> impl Strategy<Value = ServiceEntry> {
    let kinds = prop::sample::select(vec![SchedulerKind::Rr, SchedulerKind::Mh, SchedulerKind::Sh]);
    (any_key(), kinds, any::<bool>(), prop::option::of(1..3u32)).prop_map(|(key, kind, port, persistence)| {
        let scheduler = Scheduler { kind, fallback: false, port };
        let mut entry = ServiceEntry::new(&key, &scheduler);
        if let Some(timeout) = persistence {
            entry.flags |= FLAG_PERSISTENT;
            entry.timeout = timeout;
        }
        entry
    })
}

fn any_address() -> impl Strategy<Value = SocketAddr> {
    (1..5u8).prop_map(|last| SocketAddr::from(([10, 0, 1, last], 80)))
}

fn any_server() -> impl Strategy<Value = ServerEntry> {
    let forwards =
        prop::sample::select(vec![Forward::Dr, Forward::Tunnel(Encapsulation::Ipip), Forward::Nat]);
    (forwards, 0..3u32).prop_map(|(forward, weight)| ServerEntry::new(forward, weight))
}

fn any_desired() -> impl Strategy<Value = Desired> {
    let service = (any_entry(), btree_map(any_address(), any_server(), 0..4))
        .prop_map(|(entry, servers)| DesiredService { entry, servers });
    let timeouts = prop::option::of((1..3u32).prop_map(|tcp| Timeouts { tcp, ..Timeouts::default() }));
    (btree_map(any_key(), service, 0..5), timeouts)
        .prop_map(|(services, timeouts)| Desired { services, timeouts })
}

fn any_kernel() -> impl Strategy<Value = ModelKernel> {
    let servers = vec((any_address(), any_server()), 0..4).prop_map(|mut servers| {
        let mut seen = BTreeSet::new();
        servers.retain(|(address, _)| seen.insert(*address));
        servers
    });
    btree_map(any_key(), (any_entry(), servers), 0..5)
        .prop_map(|services| ModelKernel(services, Timeouts::default()))
}

fn any_owned() -> impl Strategy<Value = Owned> {
    btree_set(any_key(), 0..5)
}

proptest! {
    #[test]
    fn applying_a_plan_gives_the_desired_table(desired in any_desired(), kernel in any_kernel(), owned in any_owned()) {
        let after = kernel.run(&plan(&desired, &kernel.observe(), &owned));
        prop_assert_eq!(managed(&after.observe(), &desired, &keys(&desired, &owned)), desired);
    }

    #[test]
    fn a_table_as_desired_needs_no_operation(desired in any_desired(), kernel in any_kernel(), owned in any_owned()) {
        let after = kernel.run(&plan(&desired, &kernel.observe(), &owned));
        prop_assert_eq!(plan(&desired, &after.observe(), &owned), vec![]);
    }

    #[test]
    fn a_plan_cut_short_anywhere_is_completed_by_the_next(
        desired in any_desired(), kernel in any_kernel(), owned in any_owned(), cut in any::<prop::sample::Index>(),
    ) {
        let ops = plan(&desired, &kernel.observe(), &owned);
        let half_way = kernel.run(&ops[..cut.index(ops.len() + 1)]);
        let after = half_way.run(&plan(&desired, &half_way.observe(), &owned));
        prop_assert_eq!(managed(&after.observe(), &desired, &keys(&desired, &owned)), desired);
    }

    #[test]
    fn what_is_not_ours_is_not_touched(desired in any_desired(), kernel in any_kernel(), owned in any_owned()) {
        let ops = plan(&desired, &kernel.observe(), &owned);
        let ours = keys(&desired, &owned);
        prop_assert!(ops.iter().all(|op| op.key().is_none_or(|key| ours.contains(&key))));
        let mut after = kernel.run(&ops);
        let mut before = kernel;
        before.0.retain(|key, _| !ours.contains(key));
        after.0.retain(|key, _| !ours.contains(key));
        prop_assert_eq!(after.0, before.0);
    }

    #[test]
    fn a_service_that_serves_before_and_after_serves_all_the_while(
        desired in any_desired(), kernel in any_kernel(), owned in any_owned(),
    ) {
        let ops = plan(&desired, &kernel.observe(), &owned);
        let end = kernel.run(&ops);
        for key in kernel.0.keys().filter(|key| kernel.serves(key) && end.serves(key)) {
            for cut in 0..ops.len() {
                prop_assert!(kernel.run(&ops[..cut]).serves(key), "{} after {} of {:?}", key, cut, ops);
            }
        }
    }

    #[test]
    fn directors_hold_equal_tables_whatever_came_before(desired in any_desired(), kernel in any_kernel()) {
        let empty = ModelKernel::default();
        let fresh = empty.run(&plan(&desired, &empty.observe(), &Owned::new()));
        let old = kernel.run(&plan(&desired, &kernel.observe(), &Owned::new()));
        for (key, want) in &desired.services {
            let of = |kernel: &ModelKernel| kernel.0[key].1.iter().map(|(address, _)| *address).collect::<Vec<_>>();
            prop_assert!(want.entry.scheduler == "rr" || of(&old) == of(&fresh), "{:?} and {:?}", old, fresh);
        }
    }

    #[test]
    fn what_is_moved_stays_and_moves_come_before_deletions(
        desired in any_desired(), kernel in any_kernel(), owned in any_owned(),
    ) {
        let ops = plan(&desired, &kernel.observe(), &owned);
        let last_move = ops.iter().rposition(|op| matches!(op, Op::MoveServer { .. }));
        let first_deletion =
            ops.iter().position(|op| matches!(op, Op::DelServer { .. } | Op::DelService { .. }));
        prop_assert!(last_move < first_deletion.or(Some(ops.len())));
        for op in &ops {
            if let Op::MoveServer { key, address, entry } = op {
                prop_assert!(desired.services[key].servers.contains_key(address));
                prop_assert!(kernel.0[key].1.contains(&(*address, *entry)), "as it was: {}", op);
            }
        }
    }
}

#[test]
fn operations_read_like_ipvsadm() {
    let key: ServiceKey = "tcp 10.0.0.1:80".parse().unwrap();
    let mark: ServiceKey = "fwmark 7 ipv6".parse().unwrap();
    let scheduler = Scheduler { kind: SchedulerKind::Mh, fallback: true, port: true };
    let entry = ServiceEntry::new(&key, &scheduler);
    let address: SocketAddr = "10.0.1.1:80".parse().unwrap();
    let server =
        ServerEntry { upper_threshold: 9, ..ServerEntry::new(Forward::Tunnel(Encapsulation::Ipip), 3) };
    let lines = [
        Op::AddService { key, entry: entry.clone() },
        Op::EditService {
            key: mark,
            entry: ServiceEntry { flags: 0, scheduler: "rr".into(), netmask: 128, ..entry },
        },
        Op::AddServer { key, address, entry: server },
        Op::EditServer { key, address, entry: ServerEntry::new(Forward::Dr, 0) },
        Op::DelServer { key, address },
        Op::DelService { key: mark },
        Op::SetTimeouts { timeouts: Timeouts::default() },
        Op::MoveServer { key, address, entry: ServerEntry::new(Forward::Nat, 1) },
    ]
    .map(|op| op.to_string());
    assert_eq!(
        lines,
        [
            "-A -t 10.0.0.1:80 -s mh -b mh-fallback,mh-port",
            "-E -f 7 -6 -s rr",
            "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -i -w 3 --tun-type ipip -x 9",
            "-e -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 0",
            "-d -t 10.0.0.1:80 -r 10.0.1.1:80",
            "-D -f 7 -6",
            "--set 900 120 300",
            "-d -t 10.0.0.1:80 -r 10.0.1.1:80; -a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 1",
        ]
    );
}

#[test]
fn only_servers_that_stand_wrong_are_moved() {
    let key: ServiceKey = "tcp 10.0.0.1:80".parse().unwrap();
    let mh = ServiceEntry::new(&key, &Scheduler::plain(SchedulerKind::Mh));
    let server = |last: u8| (SocketAddr::from(([10, 0, 1, last], 80)), ServerEntry::new(Forward::Dr, 1));
    let moved = |entry: &ServiceEntry, standing: &[u8], wanted: &[u8]| -> Vec<String> {
        let rows = (entry.clone(), standing.iter().map(|last| server(*last)).collect());
        let kernel = ModelKernel([(key, rows)].into(), Timeouts::default());
        let servers = wanted.iter().map(|last| server(*last)).collect();
        let services = [(key, DesiredService { entry: entry.clone(), servers })].into();
        let ops = plan(&Desired { services, timeouts: None }, &kernel.observe(), &Owned::new());
        ops.iter()
            .map(|op| match op {
                Op::AddServer { address, .. } => format!("add {}", address.ip()),
                Op::MoveServer { address, .. } => format!("move {}", address.ip()),
                other => other.to_string(),
            })
            .collect()
    };
    assert_eq!(moved(&mh, &[3, 1, 2], &[1, 2, 3]), ["move 10.0.1.3"]);
    assert_eq!(moved(&mh, &[1, 2, 4], &[1, 2, 3, 4]), ["add 10.0.1.3", "move 10.0.1.4"]);
    assert_eq!(moved(&mh, &[1, 2], &[1, 2, 3]), ["add 10.0.1.3"]);
    let rr = ServiceEntry { scheduler: "rr".into(), ..mh };
    assert_eq!(moved(&rr, &[3, 1, 2], &[1, 2, 3]), [""; 0], "its choice does not hang on the order");
}
