use common::control::ospf::Encoding;
use common::ids::RouterId;
use common::time::Instant;

use super::*;
use crate::core::config::{AreaKind, InterfaceConfig, NssaConfig};
use crate::core::event::LinkState;
use crate::core::neighbor::{Neighbor, State as NeighborState};
use crate::packet::ExternalMetric;

const OWN: RouterId = RouterId(1);
const AREA: AreaId = AreaId(0);
const COST: u16 = 7;

/// Our interface 192.0.2.1/24 with index 2 in area 0.
fn interface(network_type: NetworkType, state: State) -> Interface {
    interface_in(AREA, 2, network_type, state)
}

fn interface_in(area: AreaId, index: u32, network_type: NetworkType, state: State) -> Interface {
    let config = InterfaceConfig { area, network_type, cost: COST, ..InterfaceConfig::default() };
    let link = LinkState {
        if_index: IfIndex(index),
        name: format!("eth{index}"),
        up: true,
        address: Some(Ipv4Network::new(Ipv4Addr::new(192, 0, index.to_be_bytes()[3], 1), 24).unwrap()),
        mtu: 1500,
    };
    let mut interface = Interface::new(link, config, AreaKind::Normal);
    interface.state = state;
    interface
}

/// With router `last` at 192.0.2.`last` in `state`.
fn with(mut interface: Interface, last: u8, state: NeighborState) -> Interface {
    let router_id = RouterId(last.into());
    let mut neighbor = Neighbor::new(router_id, Ipv4Addr::new(192, 0, 2, last), Instant::ZERO);
    neighbor.state = state;
    interface.neighbors.insert(router_id, neighbor);
    interface
}

/// With 192.0.2.`last` as Designated Router.
fn led_by(mut interface: Interface, last: u8) -> Interface {
    interface.designated = Ipv4Addr::new(192, 0, 2, last);
    interface
}

fn unnumbered(mut interface: Interface) -> Interface {
    interface.config.unnumbered = Some("lo".to_owned());
    interface.link.address = Some(Ipv4Addr::new(192, 0, 2, 1).into());
    interface
}

struct Scene {
    interfaces: Vec<Interface>,
    areas: BTreeMap<AreaId, AreaConfig>,
    is_boundary: bool,
    externals: BTreeMap<Ipv4Network, Offer>,
}

fn scene(interfaces: Vec<Interface>) -> Scene {
    Scene { interfaces, areas: BTreeMap::new(), is_boundary: false, externals: BTreeMap::new() }
}

impl Scene {
    fn desired(self) -> Desired {
        let interfaces: BTreeMap<_, _> =
            self.interfaces.into_iter().map(|one| (one.if_index(), one)).collect();
        let areas = interfaces.values().map(|interface| interface.config.area).collect();
        desired_lsas(&View {
            router_id: OWN,
            transit: true,
            interfaces: &interfaces,
            stubs: &BTreeMap::new(),
            externals: &self.externals,
            is_boundary: self.is_boundary,
            areas: &areas,
            area_configs: &self.areas,
            transit_areas: &BTreeSet::new(),
            routes: &RouteTable::default(),
            boundary: &[],
            translation: Translation {
                installed: &BTreeMap::new(),
                translating: &BTreeSet::new(),
                told_by_others: &BTreeSet::new(),
                areas: &self.areas,
            },
        })
    }

    /// What our Router-LSA of `area` says.
    fn router_lsa(self, area: AreaId) -> RouterLsa {
        match self.desired().lsas.remove(&(Scope::Area(area), router_key(OWN))) {
            Some(LsaBody::Router(lsa)) => lsa,
            other => panic!("a Router-LSA, not {other:?}"),
        }
    }
}

/// `type id data cost` of each link of one interface.
fn links(interface: Interface) -> Vec<String> {
    let lsa = scene(vec![interface]).router_lsa(AREA);
    let words = |link: &RouterLink| {
        let (id, data) = (Ipv4Addr::from_bits(link.link_id), Ipv4Addr::from_bits(link.link_data));
        format!("{} {id} {data} {}", u8::from(link.link_type), link.metric)
    };
    lsa.links.iter().map(words).collect()
}

fn network_lsas(interface: Interface) -> Vec<(LsaKey, NetworkLsa)> {
    let found = scene(vec![interface]).desired().lsas.into_iter().filter_map(|((_, key), body)| match body {
        LsaBody::Network(lsa) => Some((key, lsa)),
        LsaBody::Router(_) | LsaBody::Summary(_) | LsaBody::External(_) | LsaBody::Opaque => None,
    });
    found.collect()
}

const STUB: &str = "3 192.0.2.0 255.255.255.0 7";

/// RFC 2328 §12.4.1.
#[test]
fn a_link_that_is_down_is_not_told_of_and_a_looped_one_is_a_host_route() {
    for network in [NetworkType::PointToPoint, NetworkType::Broadcast] {
        assert_eq!(links(interface(network, State::Down)), [""; 0]);
        assert_eq!(links(interface(network, State::Loopback)), ["3 192.0.2.1 255.255.255.255 0"]);
    }
    let borrowed = unnumbered(interface(NetworkType::PointToPoint, State::Loopback));
    assert_eq!(links(borrowed), [""; 0]);
}

/// RFC 2328 §12.4.1.1.
#[test]
fn a_point_to_point_link_is_its_subnet_and_once_full_the_neighbour() {
    let link = || interface(NetworkType::PointToPoint, State::PointToPoint);
    assert_eq!(links(link()), [STUB]);
    assert_eq!(links(with(link(), 9, NeighborState::Loading)), [STUB]);
    assert_eq!(links(with(link(), 9, NeighborState::Full)), ["1 0.0.0.9 192.0.2.1 7", STUB]);
    let borrowed = || unnumbered(link());
    assert_eq!(links(borrowed()), [""; 0]);
    assert_eq!(links(with(borrowed(), 9, NeighborState::Full)), ["1 0.0.0.9 0.0.0.2 7"]);
}

/// RFC 2328 §12.4.1.2.
#[test]
fn a_network_is_a_stub_until_we_are_full_with_its_designated_router() {
    const TRANSIT: &str = "2 192.0.2.9 192.0.2.1 7";
    for network in [NetworkType::Broadcast, NetworkType::NonBroadcast] {
        let link = |state| interface(network, state);
        assert_eq!(links(with(link(State::Waiting), 9, NeighborState::Full)), [STUB]);
        for state in [State::DrOther, State::Backup] {
            assert_eq!(links(with(led_by(link(state), 9), 9, NeighborState::Loading)), [STUB]);
            assert_eq!(links(with(led_by(link(state), 9), 8, NeighborState::Full)), [STUB]);
            assert_eq!(links(with(led_by(link(state), 9), 9, NeighborState::Full)), [TRANSIT]);
        }
        let leading = || led_by(link(State::Dr), 1);
        assert_eq!(links(with(leading(), 9, NeighborState::Exchange)), [STUB]);
        assert_eq!(links(with(leading(), 9, NeighborState::Full)), ["2 192.0.2.1 192.0.2.1 7"]);
    }
}

/// RFC 2328 §12.4.1.4.
#[test]
fn a_point_to_multipoint_network_is_a_host_route_and_each_full_neighbour() {
    let link = interface(NetworkType::PointToMultipoint, State::PointToPoint);
    let link =
        with(with(with(link, 9, NeighborState::Full), 8, NeighborState::Full), 5, NeighborState::Exchange);
    let host = "3 192.0.2.1 255.255.255.255 0";
    assert_eq!(links(link), ["1 0.0.0.8 192.0.2.1 7", "1 0.0.0.9 192.0.2.1 7", host]);
}

/// RFC 6860 §2.3.2.2: no address of the link either, where it is told as a host route.
#[test]
fn a_hidden_point_to_multipoint_network_is_its_neighbours_alone() {
    let link = interface(NetworkType::PointToMultipoint, State::PointToPoint);
    let mut link = with(link, 9, NeighborState::Full);
    link.config.hide_prefix = true;
    assert_eq!(links(link), ["1 0.0.0.9 192.0.2.1 7"]);
}

/// RFC 2328 §12.4.1.
#[test]
fn each_area_is_told_of_its_own_links_and_of_our_part_in_the_whole() {
    let link =
        |area, index| interface_in(AreaId(area), index, NetworkType::PointToPoint, State::PointToPoint);
    let two_areas = || scene(vec![link(0, 2), link(1, 3)]);
    for (area, id) in [(0, [192, 0, 2, 0]), (1, [192, 0, 3, 0])] {
        let lsa = two_areas().router_lsa(AreaId(area));
        assert_eq!(lsa.links.iter().map(|link| link.link_id).collect::<Vec<_>>(), [u32::from_be_bytes(id)]);
        assert_eq!(lsa.flags, router_flags::B);
    }
    // Bit B does not need the backbone; an area where all is down is no area.
    assert_eq!(scene(vec![link(1, 2), link(2, 3)]).router_lsa(AreaId(1)).flags, router_flags::B);
    let mut down = link(1, 3);
    down.state = State::Down;
    assert_eq!(scene(vec![link(0, 2), down]).router_lsa(AREA).flags, 0);
    // Bit E, but never in a stub area.
    let mut boundary = two_areas();
    boundary.is_boundary = true;
    let kind = AreaKind::Stub { default_cost: 1, summaries: true };
    boundary.areas.insert(AreaId(1), AreaConfig { kind, ..AreaConfig::default() });
    let flags = |lsas: &Desired, area| match lsas.lsas.get(&(Scope::Area(AreaId(area)), router_key(OWN))) {
        Some(LsaBody::Router(lsa)) => lsa.flags,
        other => panic!("a Router-LSA, not {other:?}"),
    };
    let desired = boundary.desired();
    assert_eq!(
        (flags(&desired, 0), flags(&desired, 1)),
        (router_flags::B | router_flags::E, router_flags::B)
    );
}

/// RFC 2328 §12.4.2.
#[test]
fn the_designated_router_tells_who_is_full_and_nobody_else_does() {
    for network in [NetworkType::Broadcast, NetworkType::NonBroadcast] {
        let led = |state| led_by(interface(network, state), 1);
        let link = with(with(led(State::Dr), 9, NeighborState::Full), 8, NeighborState::Loading);
        let found = network_lsas(link);
        let [(key, lsa)] = &found[..] else { panic!("one Network-LSA, not {found:?}") };
        assert_eq!((key.link_state_id, key.advertising_router), (0xc000_0201, OWN));
        assert_eq!(lsa.network_mask, Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(lsa.attached_routers, [OWN, RouterId(9)]);

        assert_eq!(network_lsas(with(led(State::Dr), 9, NeighborState::Loading)), []);
        assert_eq!(network_lsas(with(led_by(led(State::Backup), 9), 9, NeighborState::Full)), []);
    }
}

/// RFC 6860 §2.2.2.1, §2.3.1: the Link State ID stays, for the links of the others lead to it.
#[test]
fn the_network_lsa_of_a_hidden_network_has_the_mask_that_says_so() {
    for network in [NetworkType::Broadcast, NetworkType::NonBroadcast] {
        let mut link = with(led_by(interface(network, State::Dr), 1), 9, NeighborState::Full);
        link.config.hide_prefix = true;
        let found = network_lsas(link);
        let [(key, lsa)] = &found[..] else { panic!("one Network-LSA, not {found:?}") };
        assert_eq!((key.link_state_id, lsa.network_mask), (0xc000_0201, Ipv4Addr::BROADCAST));
    }
}

const NSSA: AreaId = AreaId(1);

impl Scene {
    fn nssa(mut self, translator: TranslatorRole) -> Self {
        let kind = AreaKind::Nssa(NssaConfig { translator, ..NssaConfig::default() });
        self.areas.insert(NSSA, AreaConfig { kind, ..AreaConfig::default() });
        self
    }

    /// Forwarding address, metric type and metric of what the NSSA is told.
    fn nssa_lsas(mut self) -> Vec<(u32, Ipv4Addr, ExternalMetric, u32)> {
        let offer = Offer { encoding: Encoding::External2, metric: 20, tag: 0 };
        self.externals.insert("203.0.113.1/32".parse().unwrap(), offer);
        let told = self.desired().lsas.into_iter().filter_map(|((scope, key), body)| match body {
            LsaBody::External(lsa) if scope == Scope::Area(NSSA) => {
                Some((key.link_state_id, lsa.forwarding_address, lsa.metric_type, lsa.metric))
            }
            _ => None,
        });
        told.collect()
    }
}

fn of_nssa(index: u32, state: State) -> Interface {
    interface_in(NSSA, index, NetworkType::PointToPoint, state)
}

/// RFC 3101 §3.1, appendix B.
#[test]
fn the_border_router_of_an_nssa_is_a_boundary_router_and_says_whether_it_always_translates() {
    let border = || {
        scene(vec![
            interface(NetworkType::PointToPoint, State::PointToPoint),
            of_nssa(3, State::PointToPoint),
        ])
    };
    let flags = |scene: Scene, area| scene.router_lsa(area).flags;
    let both = router_flags::B | router_flags::E;
    for (role, bit) in [(TranslatorRole::Candidate, 0), (TranslatorRole::Always, router_flags::NT)] {
        assert_eq!(flags(border().nssa(role), AREA), both);
        assert_eq!(flags(border().nssa(role), NSSA), both | bit);
        let inside = scene(vec![of_nssa(3, State::PointToPoint)]).nssa(role);
        assert_eq!(flags(inside, NSSA), 0);
    }
}

/// RFC 3101 §2.3.
#[test]
fn the_forwarding_address_is_a_loopback_then_one_without_routers_then_any_that_is_told() {
    let candidate = TranslatorRole::Candidate;
    let via = |interfaces: Vec<Interface>| {
        let told = scene(interfaces).nssa(candidate).nssa_lsas();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].1
    };
    let address = |index| Ipv4Addr::new(192, 0, index, 1);
    let passive = || {
        let mut interface = of_nssa(5, State::PointToPoint);
        interface.config.passive = true;
        interface
    };
    let hidden = || {
        let mut interface = of_nssa(3, State::PointToPoint);
        interface.config.hide_prefix = true;
        interface
    };
    assert_eq!(
        via(vec![of_nssa(4, State::PointToPoint), passive(), of_nssa(6, State::Loopback)]),
        address(6)
    );
    assert_eq!(via(vec![of_nssa(4, State::PointToPoint), passive()]), address(5));
    assert_eq!(via(vec![of_nssa(4, State::PointToPoint), of_nssa(5, State::PointToPoint)]), address(4));
    // The one that is down is chosen no more.
    assert_eq!(via(vec![of_nssa(4, State::Down), of_nssa(5, State::PointToPoint)]), address(5));
    assert_eq!(via(vec![hidden(), of_nssa(5, State::PointToPoint)]), address(5));
    assert_eq!(via(vec![hidden()]), Ipv4Addr::UNSPECIFIED);
    // A borrowed address is not told here.
    assert_eq!(via(vec![hidden(), unnumbered(of_nssa(5, State::PointToPoint))]), Ipv4Addr::UNSPECIFIED);
}

/// RFC 3101 §2.4, §2.7.
#[test]
fn a_border_router_tells_the_nssa_a_default_route_and_its_own_externals_without_forwarding_address() {
    let interfaces =
        || vec![interface(NetworkType::PointToPoint, State::PointToPoint), of_nssa(3, State::PointToPoint)];
    let told = scene(interfaces()).nssa(TranslatorRole::Candidate).nssa_lsas();
    let nowhere = Ipv4Addr::UNSPECIFIED;
    let vip = 0xcb00_7101;
    assert_eq!(told, [(0, nowhere, ExternalMetric::Type2, 1), (vip, nowhere, ExternalMetric::Type2, 20)]);
    let mut without = scene(interfaces());
    let kind = AreaKind::Nssa(NssaConfig { summaries: false, ..NssaConfig::default() });
    without.areas.insert(NSSA, AreaConfig { kind, ..AreaConfig::default() });
    assert_eq!(without.nssa_lsas(), [(vip, nowhere, ExternalMetric::Type2, 20)]);
}
