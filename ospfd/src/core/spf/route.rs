//! Routes and the routing table (RFC 2328 §11, whose examples in §11.2 and §11.3 are tests).

use std::net::IpAddr;

use common::ids::AreaId;
use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use super::hops::{HopInterner, NextHops};

/// Path types, the preferred first (RFC 2328 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathType {
    /// Within one of our areas.
    IntraArea,
    /// Through a summary of an area border router.
    InterArea,
    /// None: what is in an address range of ours, and nowhere else, is dropped (RFC 2328 §11.1).
    Discard,
    /// External, with a metric like link costs.
    External1,
    /// External, with a metric above link costs.
    External2,
}

impl PathType {
    /// FRR's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IntraArea => "N",
            Self::InterArea => "N IA",
            Self::Discard => "D IA",
            Self::External1 => "N E1",
            Self::External2 => "N E2",
        }
    }
}

/// A route to a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination.
    pub prefix: IpNetwork,
    /// What kind of path it is.
    pub path_type: PathType,
    /// The area that the path starts in.
    pub area: AreaId,
    /// Cost; in External2, the part up to the AS boundary router or forwarding address.
    pub cost: u32,
    /// The metric that an External2 route was advertised with, 0 in all others.
    pub type2_cost: u32,
    /// The external route tag, 0 in internal routes.
    pub tag: u32,
    /// Where packets go.
    pub next_hops: NextHops,
}

/// What changes between two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteChange {
    /// The route is new, or another one than before.
    Set(Route),
    /// There is no route any more.
    Unset(IpNetwork),
}

/// A path that may become a route, and what speaks for it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) route: Route,
    /// RFC 2328 §16.4.1: the way to the AS boundary router is not one of the preferred ones.
    pub(super) is_second_choice: bool,
    /// RFC 3101 §2.5 (6)(e): of equal ones, whose area and tag the route has; the highest.
    pub(super) precedence: (u8, u32),
}

impl Candidate {
    /// The lowest wins. RFC 2328 §16.4 (6)(a) to (d), which holds for internal paths too (§16.2 (5) to (7)).
    fn rank(&self) -> (PathType, u32, bool, u32) {
        (self.route.path_type, self.route.type2_cost, self.is_second_choice, self.route.cost)
    }
}

impl From<Route> for Candidate {
    fn from(route: Route) -> Self {
        Self { route, is_second_choice: false, precedence: (0, 0) }
    }
}

/// Routes in the order of their prefixes, one for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    routes: Vec<Route>,
    /// Bit n: there is an IPv4 prefix of length n.
    v4_lengths: u64,
    /// Bit n: there is an IPv6 prefix of length n (128 is always tried).
    v6_lengths: u128,
}

impl RouteTable {
    /// The best of the candidates for each prefix; the next hops of equal ones are put together.
    pub(super) fn choose(
        mut candidates: Vec<Candidate>,
        interner: &mut HopInterner,
        max_paths: usize,
    ) -> Self {
        // Candidates come nearly in order, which this sort makes use of.
        candidates.sort_by_key(|candidate| candidate.route.prefix);
        let mut chosen: Vec<Candidate> = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            match chosen.last_mut().filter(|best| best.route.prefix == candidate.route.prefix) {
                None => chosen.push(candidate),
                Some(best) if candidate.rank() < best.rank() => *best = candidate,
                Some(best) if candidate.rank() == best.rank() => {
                    // RFC 2328 §16.2 (7), §16.4 (6)
                    let (one, other) = (&best.route.next_hops, &candidate.route.next_hops);
                    let next_hops = match one.is_empty() || other.is_empty() {
                        true => interner.intern(Vec::new(), max_paths),
                        false => interner.union(one, other, max_paths),
                    };
                    if candidate.precedence > best.precedence {
                        *best = candidate;
                    }
                    best.route.next_hops = next_hops;
                }
                Some(_) => {}
            }
        }
        chosen.into_iter().map(|candidate| candidate.route).collect()
    }

    /// The routes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Route> {
        self.routes.iter()
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The route to exactly this prefix.
    pub fn get(&self, prefix: IpNetwork) -> Option<&Route> {
        self.find(prefix).ok().and_then(|at| self.routes.get(at))
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, prefix: IpNetwork) -> Option<&mut Route> {
        let at = self.find(prefix).ok()?;
        self.routes.get_mut(at)
    }

    /// The route with the longest prefix that `address` lies in (RFC 2328 §11.1).
    pub fn longest_match(&self, address: IpAddr) -> Option<&Route> {
        match address {
            IpAddr::V4(address) => (0..=32_u8)
                .rev()
                .filter(|length| self.v4_lengths >> length & 1 == 1)
                .filter_map(|length| Ipv4Network::new(address, length).ok())
                .filter_map(|net| Ipv4Network::new(net.network(), net.prefix()).ok())
                .find_map(|net| self.get(IpNetwork::V4(net))),
            IpAddr::V6(address) => (0..=128_u8)
                .rev()
                .filter(|length| *length == 128 || self.v6_lengths >> length & 1 == 1)
                .filter_map(|length| Ipv6Network::new(address, length).ok())
                .filter_map(|net| Ipv6Network::new(net.network(), net.prefix()).ok())
                .find_map(|net| self.get(IpNetwork::V6(net))),
        }
    }

    /// What has to change for this table to become `new`, in the order of prefixes.
    pub fn changes_to(&self, new: &Self) -> Vec<RouteChange> {
        let mut changes = Vec::new();
        let (mut old, mut new) = (self.iter().peekable(), new.iter().peekable());
        loop {
            match (old.peek(), new.peek()) {
                (None, None) => return changes,
                (Some(before), Some(after)) if before.prefix == after.prefix => {
                    if before != after {
                        changes.push(RouteChange::Set((*after).clone()));
                    }
                    old.next();
                    new.next();
                }
                (Some(before), after) if after.is_none_or(|after| before.prefix < after.prefix) => {
                    changes.push(RouteChange::Unset(before.prefix));
                    old.next();
                }
                (_, Some(after)) => {
                    changes.push(RouteChange::Set((*after).clone()));
                    new.next();
                }
                (Some(_), None) => return changes,
            }
        }
    }

    /// This table and `other`, whose routes give way where both have one.
    pub(super) fn over(&self, other: Self) -> Self {
        let mut merged = Vec::with_capacity(self.len() + other.len());
        let mut mine = self.routes.iter().peekable();
        for route in other.routes {
            while let Some(own) = mine.next_if(|own| own.prefix < route.prefix) {
                merged.push(own.clone());
            }
            if mine.peek().is_none_or(|own| own.prefix != route.prefix) {
                merged.push(route);
            }
        }
        merged.extend(mine.cloned());
        merged.into_iter().collect()
    }

    /// Applies changes that are in the order of prefixes.
    pub(super) fn apply(&mut self, changes: &[RouteChange]) {
        if let [only] = changes {
            self.apply_one(only);
            return;
        }
        let mut old = std::mem::take(&mut self.routes).into_iter().peekable();
        let mut routes = Vec::with_capacity(old.len() + changes.len());
        for change in changes {
            let prefix = match change {
                RouteChange::Set(route) => route.prefix,
                RouteChange::Unset(prefix) => *prefix,
            };
            while let Some(kept) = old.next_if(|route| route.prefix < prefix) {
                routes.push(kept);
            }
            old.next_if(|route| route.prefix == prefix);
            if let RouteChange::Set(route) = change {
                self.note_length(route.prefix);
                routes.push(route.clone());
            }
        }
        routes.extend(old);
        self.routes = routes;
    }

    fn apply_one(&mut self, change: &RouteChange) {
        match change {
            RouteChange::Set(route) => {
                self.note_length(route.prefix);
                match self.find(route.prefix) {
                    Ok(at) => self.routes[at] = route.clone(),
                    Err(at) => self.routes.insert(at, route.clone()),
                }
            }
            RouteChange::Unset(prefix) => {
                if let Ok(at) = self.find(*prefix) {
                    self.routes.remove(at);
                }
            }
        }
    }

    fn find(&self, prefix: IpNetwork) -> Result<usize, usize> {
        self.routes.binary_search_by(|route| route.prefix.cmp(&prefix))
    }

    fn note_length(&mut self, prefix: IpNetwork) {
        match prefix {
            IpNetwork::V4(net) => self.v4_lengths |= 1 << net.prefix(),
            IpNetwork::V6(net) if net.prefix() < 128 => self.v6_lengths |= 1 << net.prefix(),
            IpNetwork::V6(_) => {}
        }
    }
}

/// From routes in the order of their prefixes, one for each.
impl FromIterator<Route> for RouteTable {
    fn from_iter<T: IntoIterator<Item = Route>>(routes: T) -> Self {
        let mut table = Self { routes: routes.into_iter().collect(), ..Self::default() };
        for at in 0..table.routes.len() {
            table.note_length(table.routes[at].prefix);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(prefix: &str, cost: u32) -> Route {
        Route {
            prefix: prefix.parse().unwrap(),
            path_type: PathType::IntraArea,
            area: AreaId(0),
            cost,
            type2_cost: 0,
            tag: 0,
            next_hops: HopInterner::default().intern(Vec::new(), 1),
        }
    }

    fn table(routes: &[(&str, u32)]) -> RouteTable {
        let candidates = routes.iter().map(|(prefix, cost)| route(prefix, *cost).into()).collect();
        RouteTable::choose(candidates, &mut HopInterner::default(), 64)
    }

    #[test]
    fn the_longest_prefix_matches() {
        let table = table(&[
            ("0.0.0.0/0", 1),
            ("10.0.0.0/8", 2),
            ("10.1.0.0/16", 3),
            ("10.1.2.3/32", 4),
            ("2001:db8::/32", 5),
        ]);
        let cost = |address: &str| table.longest_match(address.parse().unwrap()).map(|route| route.cost);
        assert_eq!(cost("10.1.2.3"), Some(4));
        assert_eq!(cost("10.1.2.4"), Some(3));
        assert_eq!(cost("10.200.0.1"), Some(2));
        assert_eq!(cost("192.0.2.1"), Some(1));
        assert_eq!(cost("2001:db8::9"), Some(5));
        assert_eq!(cost("2001:db9::9"), None);
    }

    #[test]
    fn the_path_type_goes_before_the_cost() {
        let mut worse = route("10.0.0.0/8", 1);
        worse.path_type = PathType::InterArea;
        let candidates = vec![worse.into(), route("10.0.0.0/8", 9).into()];
        let table = RouteTable::choose(candidates, &mut HopInterner::default(), 64);
        assert_eq!(table.iter().map(|route| route.cost).collect::<Vec<_>>(), [9]);
    }

    #[test]
    fn a_table_over_another_hides_its_routes() {
        let merged = table(&[("10.0.0.0/8", 1), ("12.0.0.0/8", 1)]).over(table(&[
            ("9.0.0.0/8", 2),
            ("10.0.0.0/8", 2),
            ("11.0.0.0/8", 2),
            ("13.0.0.0/8", 2),
        ]));
        let costs: Vec<_> = merged.iter().map(|route| (route.prefix.to_string(), route.cost)).collect();
        let expected = [("9", 2), ("10", 1), ("11", 2), ("12", 1), ("13", 2)];
        assert_eq!(costs, expected.map(|(octet, cost)| (format!("{octet}.0.0.0/8"), cost)));
    }

    fn any_table() -> impl Strategy<Value = RouteTable> {
        prop::collection::vec((0..40_u8, 8..=10_u8, 1..4_u32), 0..30).prop_map(|routes| {
            let routes: Vec<_> = routes
                .iter()
                .map(|(octet, length, cost)| {
                    let net = Ipv4Network::new([*octet, 0, 0, 0].into(), *length).unwrap();
                    Route { prefix: IpNetwork::V4(net), ..route("0.0.0.0/0", *cost) }.into()
                })
                .collect();
            RouteTable::choose(routes, &mut HopInterner::default(), 64)
        })
    }

    proptest! {
        #[test]
        fn changes_turn_one_table_into_the_other(old in any_table(), new in any_table()) {
            let changes = old.changes_to(&new);
            let mut at_once = old.clone();
            at_once.apply(&changes);
            prop_assert_eq!(&at_once.routes, &new.routes);

            let mut one_by_one = old.clone();
            for change in &changes {
                one_by_one.apply(std::slice::from_ref(change));
            }
            prop_assert_eq!(&one_by_one.routes, &new.routes);
            prop_assert_eq!(new.changes_to(&new), []);
        }
    }
}
