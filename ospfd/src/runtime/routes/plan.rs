//! What should stand in the kernel, what does, and what to do about it. Pure.

use std::collections::BTreeMap;

use ipnetwork::IpNetwork;

use super::Install;
use crate::core::spf::hops::{NextHop, NextHops};
use crate::core::spf::route::{PathType, Route, RouteChange};

/// Routes that should stand in the kernel. One without next hops drops what it matches.
pub(super) type Desired = BTreeMap<IpNetwork, NextHops>;
/// Routes of ours that do.
pub(super) type Observed = BTreeMap<IpNetwork, Vec<NextHop>>;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// There is none of ours yet. One of somebody else, with our metric, is left alone.
    Add(IpNetwork, NextHops),
    /// Ours gets other next hops.
    Replace(IpNetwork, NextHops),
    /// Ours goes.
    Remove(IpNetwork),
}

impl Op {
    /// The destination.
    pub(super) const fn prefix(&self) -> IpNetwork {
        match self {
            Self::Add(prefix, _) | Self::Replace(prefix, _) | Self::Remove(prefix) => *prefix,
        }
    }
}

/// Where a route's packets should go, if it is to stand in the kernel at all: what is on our own links stands there already.
fn wanted(route: &Route, install: Install) -> Option<&NextHops> {
    let chosen = match install {
        Install::None => false,
        Install::DefaultOnly => route.prefix.prefix() == 0,
        Install::All => true,
    };
    let is_kernels = route.path_type != PathType::Discard && route.next_hops.is_local();
    (chosen && !is_kernels).then_some(&route.next_hops)
}

/// What should stand in the kernel.
pub(super) fn desired<'a>(routes: impl IntoIterator<Item = &'a Route>, install: Install) -> Desired {
    routes.into_iter().filter_map(|route| Some((route.prefix, wanted(route, install)?.clone()))).collect()
}

/// Brings `desired` up to date, and says what follows from it for a kernel where `desired` stood.
pub(super) fn follow(desired: &mut Desired, changes: Vec<RouteChange>, install: Install) -> Vec<Op> {
    let mut ops = Vec::new();
    for change in changes {
        let (prefix, hops) = match &change {
            RouteChange::Set(route) => (route.prefix, wanted(route, install)),
            RouteChange::Unset(prefix) => (*prefix, None),
        };
        match (hops, desired.get(&prefix)) {
            (None, None) => {}
            (Some(hops), Some(before)) if before.same_as(hops) => {}
            (Some(hops), before) => {
                let op = if before.is_some() { Op::Replace } else { Op::Add };
                ops.push(op(prefix, hops.clone()));
                desired.insert(prefix, hops.clone());
            }
            (None, Some(_)) => {
                ops.push(Op::Remove(prefix));
                desired.remove(&prefix);
            }
        }
    }
    ops
}

/// What turns `observed` into `desired`. What is not desired and fulfils `spare` stays for now.
pub(super) fn difference(
    desired: &Desired,
    observed: &Observed,
    spare: impl Fn(&IpNetwork) -> bool,
) -> Vec<Op> {
    let doomed = observed.keys().filter(|prefix| !desired.contains_key(prefix) && !spare(prefix));
    let mut ops: Vec<Op> = doomed.copied().map(Op::Remove).collect();
    for (prefix, hops) in desired {
        match observed.get(prefix) {
            None => ops.push(Op::Add(*prefix, hops.clone())),
            Some(found) if found[..] != hops[..] => ops.push(Op::Replace(*prefix, hops.clone())),
            Some(_) => {}
        }
    }
    ops
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use common::ids::{AreaId, IfIndex};

    use super::*;
    use crate::core::spf::hops::HopInterner;

    fn hops(last: &[u8]) -> NextHops {
        let hop = |last: &u8| NextHop {
            if_index: IfIndex(1),
            gateway: (*last != 0).then_some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, *last))),
        };
        HopInterner::default().intern(last.iter().map(hop).collect(), 64)
    }

    fn route(prefix: &str, last: &[u8]) -> Route {
        Route {
            prefix: prefix.parse().unwrap(),
            path_type: PathType::IntraArea,
            area: AreaId(0),
            cost: 1,
            type2_cost: 0,
            tag: 0,
            next_hops: hops(last),
        }
    }

    fn net(text: &str) -> IpNetwork {
        text.parse().unwrap()
    }

    #[test]
    fn local_routes_are_the_kernel_s_own_affair() {
        let routes = [route("10.0.0.0/24", &[0]), route("192.0.2.1/32", &[]), route("192.0.2.2/32", &[2])];
        let desired = desired(&routes, Install::All);
        assert_eq!(desired.keys().copied().collect::<Vec<_>>(), [net("192.0.2.2/32")]);
    }

    #[test]
    fn a_range_of_ours_is_dropped_where_all_routes_are_installed() {
        let range = || Route { path_type: PathType::Discard, ..route("10.0.0.0/8", &[]) };
        assert_eq!(desired(&[range()], Install::DefaultOnly).len(), 0);
        let mut known = Desired::new();
        let ops = follow(&mut known, vec![RouteChange::Set(range())], Install::All);
        assert_eq!(ops, [Op::Add(net("10.0.0.0/8"), hops(&[]))]);
        assert_eq!(difference(&known, &[(net("10.0.0.0/8"), vec![])].into(), |_| false), []);
    }

    #[test]
    fn only_what_was_asked_for_is_installed() {
        let routes = [route("0.0.0.0/0", &[1]), route("10.0.0.0/8", &[1]), route("::/0", &[1])];
        assert_eq!(desired(&routes, Install::None).len(), 0);
        assert_eq!(
            desired(&routes, Install::DefaultOnly).into_keys().collect::<Vec<_>>(),
            [net("0.0.0.0/0"), net("::/0")]
        );
        assert_eq!(desired(&routes, Install::All).len(), 3);
    }

    #[test]
    fn changes_become_the_least_that_has_to_be_done() {
        let mut known = desired(&[route("10.0.0.0/8", &[1]), route("11.0.0.0/8", &[1])], Install::All);
        let same_hops = Route { cost: 99, ..route("10.0.0.0/8", &[1]) };
        let changes = vec![
            RouteChange::Set(same_hops),
            RouteChange::Set(route("11.0.0.0/8", &[1, 2])),
            RouteChange::Set(route("12.0.0.0/8", &[3])),
            RouteChange::Unset(net("13.0.0.0/8")),
        ];
        let ops = follow(&mut known, changes, Install::All);
        assert_eq!(
            ops,
            [Op::Replace(net("11.0.0.0/8"), hops(&[1, 2])), Op::Add(net("12.0.0.0/8"), hops(&[3]))]
        );

        // On our own link now: that is the kernel's.
        let changes =
            vec![RouteChange::Set(route("12.0.0.0/8", &[0])), RouteChange::Unset(net("10.0.0.0/8"))];
        let ops = follow(&mut known, changes, Install::All);
        assert_eq!(ops, [Op::Remove(net("12.0.0.0/8")), Op::Remove(net("10.0.0.0/8"))]);
        assert_eq!(known.into_keys().collect::<Vec<_>>(), [net("11.0.0.0/8")]);
    }

    #[test]
    fn what_the_kernel_lost_comes_back_and_what_is_too_much_goes() {
        let desired = desired(
            &[route("10.0.0.0/8", &[1]), route("11.0.0.0/8", &[1, 2]), route("12.0.0.0/8", &[1])],
            Install::All,
        );
        let observed: Observed = [
            (net("11.0.0.0/8"), hops(&[1]).to_vec()),
            (net("12.0.0.0/8"), hops(&[1]).to_vec()),
            (net("13.0.0.0/8"), hops(&[1]).to_vec()),
            (net("14.0.0.0/8"), hops(&[1]).to_vec()),
        ]
        .into();
        let ops = difference(&desired, &observed, |prefix| *prefix == net("14.0.0.0/8"));
        assert_eq!(
            ops,
            [
                Op::Remove(net("13.0.0.0/8")),
                Op::Add(net("10.0.0.0/8"), hops(&[1])),
                Op::Replace(net("11.0.0.0/8"), hops(&[1, 2])),
            ]
        );
    }
}
