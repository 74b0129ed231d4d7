//! A crowd: many of our engines behind one interface of a node, each with an address of its own, so that a real network is
//! as full as need be at the price of one thread.
//!
//! Among each other they talk in memory; what goes to a group or to somebody else goes out by one raw socket, too.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use common::control::ospf::NeighborView;
use common::ids::{AreaId, IfIndex, RouterId};
use common::time::Instant;
use ipnetwork::Ipv4Network;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBufForce, SndBufForce};
use ospfd::core::Instance;
use ospfd::core::config::{Config, DEFAULT_MAX_LSAS, GracefulRestartConfig, InterfaceConfig, RoutingConfig};
use ospfd::core::event::{Event, Groups, LinkEvent, LinkState, RxDatagram, Transmit};
use pnet_packet::Packet as _;
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio_util::sync::CancellationToken;

use crate::node::Node;
use crate::observe::clock::Clock;

const OSPF: i32 = 89;
/// RFC 2328 A.1.
const ALL_SPF_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 5);
const ALL_D_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 6);
/// Bytes that may wait in the kernel, each way.
const BUFFER: usize = 8 << 20;
const MAX_DATAGRAM: usize = 65_535;
const IP_HEADER: usize = 20;
/// How long to wait for a datagram before timers are looked at.
const WAIT: Duration = Duration::from_millis(20);
/// The same on all: they are told apart by their addresses.
const IF_INDEX: IfIndex = IfIndex(1);
const LINK: &str = "crowd";

/// A running crowd. It falls silent when dropped.
#[derive(Debug)]
pub struct Crowd {
    members: Arc<Mutex<Vec<Member>>>,
    clock: Clock,
    stop: CancellationToken,
    thread: Option<JoinHandle<Result<()>>>,
}

#[derive(Debug)]
struct Member {
    instance: Instance,
    address: Ipv4Addr,
    groups: Groups,
}

impl Crowd {
    /// Starts one engine for each of `members`, all on `interface` of `node`, which must have their addresses. Each runs as
    /// `config` says.
    ///
    /// # Errors
    /// The socket cannot be had.
    pub fn start(
        node: &Node,
        interface: &str,
        members: &[(RouterId, Ipv4Network)],
        config: &InterfaceConfig,
    ) -> Result<Self> {
        let clock = Clock::start();
        let now = clock.now();
        let members =
            members.iter().map(|(router_id, network)| Member::new(now, *router_id, *network, config));
        let members: Arc<Mutex<Vec<Member>>> = Arc::new(Mutex::new(members.collect()));
        let socket = node.namespace().enter(|| open(interface))??;
        let stop = CancellationToken::new();
        let (shared, stopped) = (Arc::clone(&members), stop.clone());
        let thread = std::thread::Builder::new().name(LINK.to_owned());
        let thread = thread.spawn(move || run(clock, &shared, &socket, &stopped));
        Ok(Self { members, clock, stop, thread: Some(thread.context("cannot start a thread")?) })
    }

    /// Each member's neighbours.
    pub fn neighbors(&self) -> Vec<Vec<NeighborView>> {
        let now = self.clock.now();
        lock(&self.members).iter().map(|member| member.instance.neighbors(now)).collect()
    }

    /// Each member's digest of its database of `area`.
    pub fn digests(&self, area: AreaId) -> Vec<u64> {
        lock(&self.members).iter().map(|member| member.instance.digest(area)).collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && let Err(error) = thread.join().unwrap_or_else(|_| Err(anyhow!("it panicked")))
        {
            eprintln!("the crowd fell silent: {error:#}");
        }
    }
}

impl Member {
    fn new(now: Instant, router_id: RouterId, network: Ipv4Network, config: &InterfaceConfig) -> Self {
        let config = Config {
            router_id,
            transit: true,
            interfaces: BTreeMap::from([(LINK.to_owned(), config.clone())]),
            areas: BTreeMap::new(),
            static_advertisements: Vec::new(),
            routing: RoutingConfig::default(),
            graceful_restart: GracefulRestartConfig::default(),
            max_lsas: DEFAULT_MAX_LSAS,
        };
        let mut instance = Instance::new(config, router_id.0.into(), now);
        let link = LinkState {
            if_index: IF_INDEX,
            name: LINK.to_owned(),
            up: true,
            address: Some(network),
            mtu: 1500,
        };
        instance.handle_link(now, LinkEvent::State(link));
        let groups = Groups { all_spf_routers: false, all_d_routers: false };
        Self { instance, address: network.ip(), groups }
    }

    fn listens_to(&self, destination: Ipv4Addr) -> bool {
        match destination {
            ALL_SPF_ROUTERS => self.groups.all_spf_routers,
            ALL_D_ROUTERS => self.groups.all_d_routers,
            address => address == self.address,
        }
    }

    fn hand_out(&mut self, transmits: &mut VecDeque<Transmit>) {
        while let Some(event) = self.instance.poll_event() {
            if let Event::Groups { groups, .. } = event {
                self.groups = groups;
            }
        }
        while let Some(transmit) = self.instance.poll_transmit() {
            transmits.push_back(transmit);
        }
    }
}

/// Opens the socket; the calling thread is in the namespace.
fn open(interface: &str) -> Result<Socket> {
    let index = nix::net::if_::if_nametoindex(interface)
        .with_context(|| format!("there is no interface {interface:?}"))?;
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(OSPF)))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_header_included_v4(true)?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    for group in [ALL_SPF_ROUTERS, ALL_D_ROUTERS] {
        socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
    }
    setsockopt(&socket, RcvBufForce, &BUFFER)?;
    setsockopt(&socket, SndBufForce, &BUFFER)?;
    socket.set_read_timeout(Some(WAIT))?;
    Ok(socket)
}

fn run(
    clock: Clock,
    members: &Mutex<Vec<Member>>,
    mut socket: &Socket,
    stop: &CancellationToken,
) -> Result<()> {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut transmits = VecDeque::new();
    while !stop.is_cancelled() {
        let length = match socket.read(&mut buffer) {
            Ok(length) => length,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                0
            }
            Err(error) => return Err(error).context("cannot receive"),
        };
        let now = clock.now();
        let mut members = lock(members);
        if let Some(datagram) = buffer.get(..length).and_then(Ipv4Packet::new) {
            deliver(now, &mut members, &mut transmits, &datagram);
        }
        for member in members.iter_mut() {
            if member.instance.poll_timeout().is_some_and(|(at, _)| at <= now) {
                member.instance.handle_timeout(now);
            }
            member.hand_out(&mut transmits);
        }
        while let Some(transmit) = transmits.pop_front() {
            send(socket, &members, &transmit)?;
            pass_on(now, &mut members, &mut transmits, &transmit);
        }
    }
    Ok(())
}

/// Gives a datagram from outside to those whom it is for.
fn deliver(
    now: Instant,
    members: &mut [Member],
    transmits: &mut VecDeque<Transmit>,
    datagram: &Ipv4Packet<'_>,
) {
    let start = usize::from(datagram.get_header_length()) * 4;
    let (source, destination) = (datagram.get_source(), datagram.get_destination());
    let Some(payload) = datagram.packet().get(start..) else { return };
    let rx = RxDatagram { if_index: IF_INDEX, source, destination, ttl: datagram.get_ttl(), payload };
    for member in members.iter_mut().filter(|member| member.listens_to(destination)) {
        member.instance.handle_datagram(now, rx);
        member.hand_out(transmits);
    }
}

/// Gives what a member sent to those of the others whom it is for.
fn pass_on(now: Instant, members: &mut [Member], transmits: &mut VecDeque<Transmit>, transmit: &Transmit) {
    let Transmit { if_index, source, destination, ttl, ref payload } = *transmit;
    let rx = RxDatagram { if_index, source, destination, ttl, payload };
    let heard = |member: &&mut Member| member.address != source && member.listens_to(destination);
    for member in members.iter_mut().filter(heard) {
        member.instance.handle_datagram(now, rx);
        member.hand_out(transmits);
    }
}

/// Sends what does not stay among the members.
fn send(socket: &Socket, members: &[Member], transmit: &Transmit) -> Result<()> {
    if members.iter().any(|member| member.address == transmit.destination) {
        return Ok(());
    }
    let mut datagram = vec![0; IP_HEADER + transmit.payload.len()];
    let length = u16::try_from(datagram.len()).context("too long for a datagram")?;
    let mut header = MutableIpv4Packet::new(&mut datagram).context("no room for a header")?;
    header.set_version(4);
    header.set_header_length(5);
    header.set_total_length(length);
    header.set_ttl(transmit.ttl);
    header.set_next_level_protocol(IpNextHeaderProtocols::OspfigP);
    header.set_source(transmit.source);
    header.set_destination(transmit.destination);
    header.set_payload(&transmit.payload);
    match socket.send_to(&datagram, &SocketAddrV4::new(transmit.destination, 0).into()) {
        Ok(_) => Ok(()),
        // One that is gone has no entry in the neighbour table any more: as if it was lost on the way.
        Err(error) if error.kind() == ErrorKind::HostUnreachable => Ok(()),
        Err(error) => Err(error).context("cannot send"),
    }
}

fn lock(members: &Mutex<Vec<Member>>) -> MutexGuard<'_, Vec<Member>> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}
