use std::net::Ipv4Addr;

use super::*;
use crate::core::spf::hops::{HopInterner, NextHop};
use crate::core::spf::route::Route;

const ONE: AreaId = AreaId(1);
const TWO: AreaId = AreaId(2);

/// A next hop in area 0, 1 or 2: interface index = area + 10.
fn hops(area: AreaId) -> NextHops {
    let gateway = Some(Ipv4Addr::new(192, 0, 2, 1).into());
    HopInterner::default().intern(vec![NextHop { if_index: IfIndex(area.0 + 10), gateway }], 8)
}

fn own() -> NextHops {
    HopInterner::default().intern(Vec::new(), 8)
}

fn route(prefix: &str, path_type: PathType, area: AreaId, cost: u32) -> Route {
    let prefix = prefix.parse().unwrap();
    Route { prefix, path_type, area, cost, type2_cost: 0, tag: 0, next_hops: hops(area) }
}

struct Scene {
    transit: bool,
    areas: BTreeMap<AreaId, AreaConfig>,
    routes: Vec<Route>,
    boundary: Vec<BoundaryRoute>,
    own: BTreeMap<Ipv4Network, u16>,
    transit_areas: BTreeSet<AreaId>,
}

fn scene(mut routes: Vec<Route>) -> Scene {
    routes.sort_by_key(|route| route.prefix);
    Scene {
        transit: true,
        areas: BTreeMap::new(),
        routes,
        boundary: Vec::new(),
        own: BTreeMap::new(),
        transit_areas: BTreeSet::new(),
    }
}

impl Scene {
    fn stub(mut self, area: AreaId, summaries: bool) -> Self {
        self.areas.entry(area).or_default().kind = AreaKind::Stub { default_cost: 5, summaries };
        self
    }

    fn range(mut self, area: AreaId, range: &str, advertise: bool, cost: Option<u32>) -> Self {
        let config = RangeConfig { advertise, cost };
        self.areas.entry(area).or_default().ranges.insert(range.parse().unwrap(), config);
        self
    }

    /// `type prefix or router, cost` of each summary in `area`.
    fn told(&self, area: AreaId) -> Vec<String> {
        let routes: RouteTable = self.routes.iter().cloned().collect();
        let interfaces = (0..3).map(|area| (IfIndex(area + 10), AreaId(area))).collect();
        let view = SummaryView {
            router_id: RouterId(1),
            transit: self.transit,
            areas: &self.areas,
            routes: &routes,
            boundary: &self.boundary,
            transit_areas: &self.transit_areas,
            own: &self.own,
            interfaces: &interfaces,
        };
        let (lsas, left_out) = summary_lsas(&view, area);
        assert_eq!(left_out, 0);
        let words = |(key, body): (LsaKey, LsaBody)| {
            let LsaBody::Summary(body) = body else { panic!("no summary") };
            assert_eq!(key.advertising_router, RouterId(1));
            let (id, length) =
                (Ipv4Addr::from_bits(key.link_state_id), body.network_mask.to_bits().count_ones());
            match key.ls_type {
                LsType::SummaryNetwork => format!("3 {id}/{length} {}", body.metric),
                _ => format!("4 {id} {}", body.metric),
            }
        };
        lsas.into_iter().map(words).collect()
    }
}

/// RFC 2328 §12.4.3, and the table in its example: intra-area routes go everywhere, inter-area routes not into the backbone.
#[test]
fn each_area_is_told_of_the_others() {
    let scene = scene(vec![
        route("10.0.0.0/24", PathType::IntraArea, BACKBONE, 10),
        route("10.1.0.0/24", PathType::IntraArea, ONE, 20),
        route("10.2.0.0/24", PathType::IntraArea, TWO, 30),
        route("10.3.0.0/24", PathType::InterArea, BACKBONE, 40),
        route("10.4.0.0/24", PathType::External1, BACKBONE, 50),
        route("10.5.0.0/24", PathType::External2, ONE, 60),
    ]);
    assert_eq!(scene.told(BACKBONE), ["3 10.1.0.0/24 20", "3 10.2.0.0/24 30"]);
    assert_eq!(scene.told(ONE), ["3 10.0.0.0/24 10", "3 10.2.0.0/24 30", "3 10.3.0.0/24 40"]);
}

#[test]
fn an_area_is_not_told_of_what_is_reached_through_it() {
    let mut through = route("10.2.0.0/24", PathType::IntraArea, TWO, 30);
    through.next_hops = hops(ONE);
    assert_eq!(scene(vec![through.clone()]).told(ONE), [] as [&str; 0]);
    assert_eq!(scene(vec![through]).told(BACKBONE), ["3 10.2.0.0/24 30"]);
}

#[test]
fn what_costs_infinity_is_not_told() {
    let routes = vec![
        route("10.1.0.0/24", PathType::IntraArea, ONE, LS_INFINITY),
        route("10.1.1.0/24", PathType::IntraArea, ONE, LS_INFINITY - 1),
    ];
    assert_eq!(scene(routes).told(BACKBONE), ["3 10.1.1.0/24 16777214"]);
}

#[test]
fn a_range_stands_for_what_is_in_it_at_the_largest_cost() {
    let routes = || {
        vec![
            route("10.1.0.0/24", PathType::IntraArea, ONE, 20),
            route("10.1.1.0/24", PathType::IntraArea, ONE, 7),
            route("10.1.2.0/24", PathType::IntraArea, TWO, 9),
            route("10.9.0.0/24", PathType::IntraArea, ONE, 1),
        ]
    };
    let told = |advertise, cost| scene(routes()).range(ONE, "10.1.0.0/16", advertise, cost).told(BACKBONE);
    // What another area has of these addresses is told by itself.
    assert_eq!(told(true, None), ["3 10.1.0.0/16 20", "3 10.1.2.0/24 9", "3 10.9.0.0/24 1"]);
    assert_eq!(told(true, Some(3))[0], "3 10.1.0.0/16 3");
    assert_eq!(told(false, None), ["3 10.1.2.0/24 9", "3 10.9.0.0/24 1"]);
    // A range without anything in it is not told.
    let idle = scene(routes()).range(ONE, "10.200.0.0/16", true, None).told(BACKBONE);
    assert!(!idle.iter().any(|told| told.contains("10.200")), "{idle:?}");
}

#[test]
fn a_stub_area_gets_a_default_route_and_a_totally_stubby_one_nothing_else() {
    let routes = || vec![route("10.0.0.0/24", PathType::IntraArea, BACKBONE, 10)];
    let stub = scene(routes()).stub(ONE, true);
    assert_eq!(stub.told(ONE), ["3 0.0.0.0/0 5", "3 10.0.0.0/24 10"]);
    assert_eq!(scene(routes()).stub(ONE, false).told(ONE), ["3 0.0.0.0/0 5"]);
    // The default route is for the stub area alone.
    assert_eq!(stub.told(BACKBONE), [] as [&str; 0]);
}

#[test]
fn as_boundary_routers_are_told_of_but_not_to_stub_areas() {
    let router = |router, path_type, area, cost| BoundaryRoute {
        router: RouterId(router),
        path_type,
        area,
        cost,
        next_hops: hops(area),
    };
    let mut scene = scene(Vec::new()).stub(TWO, true);
    scene.boundary = vec![
        router(1, PathType::IntraArea, ONE, 0),
        router(7, PathType::IntraArea, ONE, 20),
        router(8, PathType::InterArea, BACKBONE, 30),
    ];
    assert_eq!(scene.told(BACKBONE), ["4 0.0.0.7 20"]);
    assert_eq!(scene.told(ONE), ["4 0.0.0.8 30"]);
    assert_eq!(scene.told(TWO), ["3 0.0.0.0/0 5"]);
}

#[test]
fn who_is_no_transit_tells_of_others_as_a_last_resort_only() {
    let mut mine = route("10.1.0.0/24", PathType::IntraArea, ONE, 1);
    mine.next_hops = own();
    let mut scene = scene(vec![mine, route("10.1.1.0/24", PathType::IntraArea, ONE, 20)]).stub(TWO, false);
    scene.transit = false;
    assert_eq!(scene.told(BACKBONE), ["3 10.1.0.0/24 1", "3 10.1.1.0/24 16711680"]);
    assert_eq!(scene.told(TWO), ["3 0.0.0.0/0 16711680"]);
}

#[test]
fn what_we_tell_each_area_ourselves_needs_no_summary() {
    let mut mine = route("203.0.113.1/32", PathType::IntraArea, ONE, 10);
    mine.next_hops = own();
    let mut scene = scene(vec![mine]);
    scene.own.insert("203.0.113.1/32".parse().unwrap(), 10);
    assert_eq!(scene.told(BACKBONE), [] as [&str; 0]);
}

/// RFC 2328 §12.4.3: the backbone's ranges do not count where virtual links lead through.
#[test]
fn a_transit_area_is_told_of_the_backbone_as_it_is() {
    let routes = vec![
        route("10.1.0.0/24", PathType::IntraArea, BACKBONE, 20),
        route("10.2.0.0/24", PathType::IntraArea, TWO, 9),
    ];
    let mut scene =
        scene(routes).range(BACKBONE, "10.1.0.0/16", false, None).range(TWO, "10.2.0.0/16", true, None);
    assert_eq!(scene.told(ONE), ["3 10.2.0.0/16 9"]);
    scene.transit_areas.insert(ONE);
    assert_eq!(scene.told(ONE), ["3 10.1.0.0/24 20", "3 10.2.0.0/16 9"]);
}
