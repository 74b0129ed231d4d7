//! The laws of plans, against a model of the kernel that refuses what the real one refuses.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::core::observed::ObservedServer;
use crate::ipvs::entry::Stats;
use crate::model::{Forward, Scheduler, SchedulerKind};

/// Services with their servers in order of insertion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ModelKernel(BTreeMap<ServiceKey, Rows>);

type Rows = (ServiceEntry, Vec<(SocketAddr, ServerEntry)>);

/// What the kernel says when it refuses, and one thing that it would not refuse but we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Exists,
    NoService,
    NoServer,
    DeletedWithWeight,
}

impl ModelKernel {
    fn apply(&mut self, op: &Op) -> Result<(), Refused> {
        match op {
            Op::AddService { key, entry } => {
                if self.0.contains_key(key) {
                    return Err(Refused::Exists);
                }
                self.0.insert(*key, (entry.clone(), Vec::new()));
            }
            Op::EditService { key, entry } => self.service(key)?.0 = entry.clone(),
            Op::DelService { key } => {
                if self.service(key)?.1.iter().any(|(_, server)| server.weight != 0) {
                    return Err(Refused::DeletedWithWeight);
                }
                self.0.remove(key);
            }
            Op::AddServer { key, address, entry } => {
                let servers = &mut self.service(key)?.1;
                if servers.iter().any(|(other, _)| other == address) {
                    return Err(Refused::Exists);
                }
                servers.push((*address, *entry));
            }
            Op::EditServer { key, address, entry } => self.server(key, address)?.1 = *entry,
            Op::DelServer { key, address } => {
                if self.server(key, address)?.1.weight != 0 {
                    return Err(Refused::DeletedWithWeight);
                }
                self.service(key)?.1.retain(|(other, _)| other != address);
            }
        }
        Ok(())
    }

    fn service(&mut self, key: &ServiceKey) -> Result<&mut Rows, Refused> {
        self.0.get_mut(key).ok_or(Refused::NoService)
    }

    fn server(
        &mut self,
        key: &ServiceKey,
        address: &SocketAddr,
    ) -> Result<&mut (SocketAddr, ServerEntry), Refused> {
        self.service(key)?.1.iter_mut().find(|(other, _)| other == address).ok_or(Refused::NoServer)
    }

    fn observe(&self) -> Observed {
        let services = self.0.iter().map(|(key, (entry, servers))| {
            let insertion = servers.iter().map(|(address, _)| *address).collect();
            let servers = servers.iter().map(|&(address, entry)| {
                let stats = Stats::default();
                (address, ObservedServer { entry, active: 0, inactive: 0, persistent: 0, stats })
            });
            let (entry, stats) = (entry.clone(), Stats::default());
            (*key, ObservedService { entry, servers: servers.collect(), insertion, stats })
        });
        Observed { services: services.collect(), unnamed: 0 }
    }

    fn run(&self, ops: &[Op]) -> Self {
        let mut after = self.clone();
        for op in ops {
            assert_eq!(after.apply(op), Ok(()), "{op}");
        }
        after
    }

    fn serves(&self, key: &ServiceKey) -> bool {
        self.0.get(key).is_some_and(|(_, servers)| servers.iter().any(|(_, server)| server.weight > 0))
    }
}

/// The part of an observed table that a plan is about, in the form of a desired one.
fn managed(observed: &Observed, keys: &Owned) -> Desired {
    let services = observed.services.iter().filter(|(key, _)| keys.contains(key)).map(|(key, service)| {
        let servers = service.servers.iter().map(|(address, server)| (*address, server.entry)).collect();
        (*key, DesiredService { entry: service.entry.clone(), servers })
    });
    Desired { services: services.collect() }
}

fn keys(desired: &Desired, owned: &Owned) -> Owned {
    desired.services.keys().chain(owned).copied().collect()
}

fn any_key() -> impl Strategy<Value = ServiceKey> {
    prop::sample::select(
        ["tcp 10.0.0.1:80", "udp 10.0.0.1:80", "tcp [2001:db8::1]:443", "fwmark 1", "fwmark 1 ipv6"]
            .map(|text| text.parse().unwrap())
            .to_vec(),
    )
}

fn any_entry() -> impl Strategy<Value = ServiceEntry> {
    let kinds = prop::sample::select(vec![SchedulerKind::Rr, SchedulerKind::Mh]);
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
    let forwards = prop::sample::select(vec![Forward::Dr, Forward::Tunnel, Forward::Nat]);
    (forwards, 0..3u32).prop_map(|(forward, weight)| ServerEntry::new(forward, weight))
}

fn any_desired() -> impl Strategy<Value = Desired> {
    let service = (any_entry(), btree_map(any_address(), any_server(), 0..4))
        .prop_map(|(entry, servers)| DesiredService { entry, servers });
    btree_map(any_key(), service, 0..5).prop_map(|services| Desired { services })
}

fn any_kernel() -> impl Strategy<Value = ModelKernel> {
    let servers = vec((any_address(), any_server()), 0..4).prop_map(|mut servers| {
        let mut seen = BTreeSet::new();
        servers.retain(|(address, _)| seen.insert(*address));
        servers
    });
    btree_map(any_key(), (any_entry(), servers), 0..5).prop_map(ModelKernel)
}

fn any_owned() -> impl Strategy<Value = Owned> {
    btree_set(any_key(), 0..5)
}

proptest! {
    #[test]
    fn applying_a_plan_gives_the_desired_table(desired in any_desired(), kernel in any_kernel(), owned in any_owned()) {
        let after = kernel.run(&plan(&desired, &kernel.observe(), &owned));
        prop_assert_eq!(managed(&after.observe(), &keys(&desired, &owned)), desired);
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
        prop_assert_eq!(managed(&after.observe(), &keys(&desired, &owned)), desired);
    }

    #[test]
    fn what_is_not_ours_is_not_touched(desired in any_desired(), kernel in any_kernel(), owned in any_owned()) {
        let ops = plan(&desired, &kernel.observe(), &owned);
        let ours = keys(&desired, &owned);
        prop_assert!(ops.iter().all(|op| ours.contains(&op.key())));
        let mut after = kernel.run(&ops);
        let mut before = kernel;
        before.0.retain(|key, _| !ours.contains(key));
        after.0.retain(|key, _| !ours.contains(key));
        prop_assert_eq!(after, before);
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
    fn directors_that_start_from_nothing_hold_equal_tables(desired in any_desired()) {
        let empty = ModelKernel::default();
        let after = empty.run(&plan(&desired, &empty.observe(), &Owned::new()));
        prop_assert!(after.observe().services.values().all(ObservedService::is_canonical));
    }
}

#[test]
fn operations_read_like_ipvsadm() {
    let key: ServiceKey = "tcp 10.0.0.1:80".parse().unwrap();
    let mark: ServiceKey = "fwmark 7 ipv6".parse().unwrap();
    let scheduler = Scheduler { kind: SchedulerKind::Mh, fallback: true, port: true };
    let entry = ServiceEntry::new(&key, &scheduler);
    let address: SocketAddr = "10.0.1.1:80".parse().unwrap();
    let server = ServerEntry { upper_threshold: 9, ..ServerEntry::new(Forward::Tunnel, 3) };
    let lines = [
        Op::AddService { key, entry: entry.clone() },
        Op::EditService { key: mark, entry: ServiceEntry { flags: 0, scheduler: "rr".into(), ..entry } },
        Op::AddServer { key, address, entry: server },
        Op::EditServer { key, address, entry: ServerEntry::new(Forward::Dr, 0) },
        Op::DelServer { key, address },
        Op::DelService { key: mark },
    ]
    .map(|op| op.to_string());
    assert_eq!(
        lines,
        [
            "-A -t 10.0.0.1:80 -s mh -b mh-fallback,mh-port",
            "-E -f 7 -6 -s rr",
            "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -i -w 3 -x 9",
            "-e -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 0",
            "-d -t 10.0.0.1:80 -r 10.0.1.1:80",
            "-D -f 7 -6",
        ]
    );
}
