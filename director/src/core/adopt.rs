//! Changes that somebody made by hand in a service whose configuration says `by_hand = "adopt"`.
//!
//! A row of which we want what we wanted when it was last settled is left as it is now; one of which we want something
//! else since is ours to change. A service that is gone altogether is no edit: it is made again.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{Desired, DesiredService};
use super::observed::{Observed, ObservedService};
use crate::model::ServiceKey;

/// Adopted services as they were wanted when nothing was left to do.
pub type Settled = BTreeMap<ServiceKey, DesiredService>;

/// The table to aim for: `desired`, with what was changed by hand in the services that `settled` names.
pub fn adopt(desired: Desired, settled: &Settled, observed: &Observed) -> Desired {
    let services = desired.services.into_iter().map(|(key, want)| {
        let adopted = match (settled.get(&key), observed.services.get(&key)) {
            (Some(settled), Some(seen)) => merge(want, settled, seen),
            _ => want,
        };
        (key, adopted)
    });
    Desired { services: services.collect(), timeouts: desired.timeouts }
}

fn merge(want: DesiredService, settled: &DesiredService, seen: &ObservedService) -> DesiredService {
    let entry = if want.entry == settled.entry { seen.entry.clone() } else { want.entry };
    let addresses: BTreeSet<_> = want.servers.keys().chain(seen.servers.keys()).copied().collect();
    let row = |address| {
        let wanted = want.servers.get(&address).copied();
        if wanted == settled.servers.get(&address).copied() {
            seen.servers.get(&address).map(|server| server.entry)
        } else {
            wanted
        }
    };
    let servers = addresses.into_iter().filter_map(|address| Some((address, row(address)?))).collect();
    DesiredService { entry, servers }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::core::model_kernel::ModelKernel;
    use crate::core::plan::{Op, Owned, plan};
    use crate::model::{Forward, Scheduler, SchedulerKind, ServerEntry, ServiceEntry, Timeouts};

    fn key() -> ServiceKey {
        "tcp 10.0.0.1:80".parse().unwrap()
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 1, last], 80))
    }

    fn service(kind: SchedulerKind, weights: &[(u8, u32)]) -> DesiredService {
        let server = |&(last, weight): &(u8, u32)| (address(last), ServerEntry::new(Forward::Dr, weight));
        DesiredService {
            entry: ServiceEntry::new(&key(), &Scheduler::plain(kind)),
            servers: weights.iter().map(server).collect(),
        }
    }

    fn kernel(service: &DesiredService) -> ModelKernel {
        let servers = service.servers.iter().map(|(address, entry)| (*address, *entry)).collect();
        ModelKernel([(key(), (service.entry.clone(), servers))].into(), Timeouts::default())
    }

    fn todo(want: &DesiredService, settled: &DesiredService, seen: &ModelKernel) -> Vec<String> {
        let desired = Desired { services: [(key(), want.clone())].into(), timeouts: None };
        let settled = [(key(), settled.clone())].into();
        let observed = seen.observe();
        let ops = plan(&adopt(desired, &settled, &observed), &observed, &Owned::new());
        ops.iter().map(Op::to_string).collect()
    }

    #[test]
    fn an_edit_by_hand_stays_and_what_we_change_since_is_done() {
        let settled = service(SchedulerKind::Rr, &[(1, 1), (2, 1)]);
        let by_hand = kernel(&service(SchedulerKind::Wlc, &[(1, 5), (3, 1)]));
        assert_eq!(
            todo(&settled, &settled, &by_hand),
            [""; 0],
            "a weight, a scheduler, one more and one less"
        );

        let failed = service(SchedulerKind::Rr, &[(1, 0), (2, 1)]);
        assert_eq!(todo(&failed, &settled, &by_hand), ["-e -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 0"]);
        let reloaded = service(SchedulerKind::Lc, &[(1, 1), (2, 2)]);
        assert_eq!(
            todo(&reloaded, &settled, &by_hand),
            ["-E -t 10.0.0.1:80 -s lc", "-a -t 10.0.0.1:80 -r 10.0.1.2:80 -g -w 2"]
        );
    }

    #[test]
    fn a_service_that_is_gone_is_made_again() {
        let settled = service(SchedulerKind::Rr, &[(1, 1)]);
        let lines = ["-A -t 10.0.0.1:80 -s rr", "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1"];
        assert_eq!(todo(&settled, &settled, &ModelKernel::default()), lines);
    }
}
