//! Attributes to and from the model's table rows.

use std::net::{IpAddr, SocketAddr};

use super::CodecError;
use super::attribute::{Flags, Port, RawAddress};
use super::dest::DestAttr;
use super::message::{Command, CommandAttr, IpvsMessage};
use super::service::ServiceAttr;
use super::stats::{Counter, StatsAttr};
use crate::model::{
    FLAG_HASHED, FLAG_ONE_PACKET, FLAG_PERSISTENT, FLAG_SCHED1, FLAG_SCHED2, FLAG_SCHED3, ForwardMethod,
    Protocol, ServerEntry, ServiceEntry, ServiceKey, TunnelOptions,
};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// The flags that an edit sets or clears.
const FLAGS_WE_SET: u32 = FLAG_PERSISTENT | FLAG_ONE_PACKET | FLAG_SCHED1 | FLAG_SCHED2 | FLAG_SCHED3;

/// A service as dumped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedService {
    /// Absent for a protocol that IPVS does not schedule, though the kernel takes any number: never ours.
    pub key: Option<ServiceKey>,
    /// The row.
    pub entry: ServiceEntry,
    /// Its counters.
    pub stats: Stats,
}

/// A real server as dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpedServer {
    /// Address and port.
    pub address: SocketAddr,
    /// The row.
    pub entry: ServerEntry,
    /// Connections that the kernel counts as active.
    pub active: u32,
    /// Other connections.
    pub inactive: u32,
    /// Persistence templates.
    pub persistent: u32,
    /// Its counters.
    pub stats: Stats,
}

/// Counters since the row was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients (nat only).
    pub out_packets: u64,
    /// Bytes from clients.
    pub in_bytes: u64,
    /// Bytes to clients (nat only).
    pub out_bytes: u64,
    /// The same per second, over the last seconds, as the kernel's estimator has it.
    pub rates: Rates,
}

/// Per second. Bytes, not bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Connections.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients (nat only).
    pub out_packets: u64,
    /// Bytes from clients.
    pub in_bytes: u64,
    /// Bytes to clients (nat only).
    pub out_bytes: u64,
}

/// A request about a whole service.
pub fn service_request(command: Command, key: &ServiceKey, entry: &ServiceEntry) -> IpvsMessage {
    let mut attributes = service_identity(key);
    attributes.push(ServiceAttr::Scheduler(entry.scheduler.clone()));
    attributes.push(ServiceAttr::Flags(Flags { flags: entry.flags, mask: FLAGS_WE_SET }));
    attributes.push(ServiceAttr::Timeout(entry.timeout));
    let netmask = if key.is_ipv6() { entry.netmask } else { entry.netmask.to_be() };
    attributes.push(ServiceAttr::Netmask(netmask));
    if let Some(engine) = &entry.engine {
        attributes.push(ServiceAttr::Engine(engine.clone()));
    }
    IpvsMessage::new(command, vec![CommandAttr::Service(attributes)])
}

/// A request about a service that is only named.
pub fn service_reference(command: Command, key: &ServiceKey) -> IpvsMessage {
    IpvsMessage::new(command, vec![CommandAttr::Service(service_identity(key))])
}

/// A request about a whole real server.
pub fn server_request(
    command: Command,
    key: &ServiceKey,
    address: SocketAddr,
    entry: &ServerEntry,
) -> IpvsMessage {
    let mut attributes = server_identity(address);
    attributes.extend([
        DestAttr::Forward(entry.forward.number()),
        DestAttr::Weight(entry.weight),
        DestAttr::UpperThreshold(entry.upper_threshold),
        DestAttr::LowerThreshold(entry.lower_threshold),
        DestAttr::TunnelKind(entry.tunnel.kind),
        DestAttr::TunnelPort(Port(entry.tunnel.port)),
        DestAttr::TunnelFlags(entry.tunnel.flags),
    ]);
    server_message(command, key, attributes)
}

/// A request about a real server that is only named.
pub fn server_reference(command: Command, key: &ServiceKey, address: SocketAddr) -> IpvsMessage {
    server_message(command, key, server_identity(address))
}

/// Reads a dumped service.
pub fn read_service(attributes: &[ServiceAttr]) -> Result<DumpedService, CodecError> {
    let mut row = ServiceRow::default();
    for attribute in attributes {
        match attribute {
            ServiceAttr::Family(family) => row.family = Some(*family),
            ServiceAttr::Protocol(protocol) => row.protocol = Some(*protocol),
            ServiceAttr::Address(address) => row.address = Some(*address),
            ServiceAttr::Port(port) => row.port = Some(port.0),
            ServiceAttr::FirewallMark(mark) => row.mark = Some(*mark),
            ServiceAttr::Scheduler(name) => row.scheduler = Some(name.clone()),
            ServiceAttr::Flags(flags) => row.flags = flags.flags,
            ServiceAttr::Timeout(timeout) => row.timeout = *timeout,
            ServiceAttr::Netmask(netmask) => row.netmask = *netmask,
            ServiceAttr::Engine(name) => row.engine = Some(name.clone()),
            ServiceAttr::Stats(stats) | ServiceAttr::Stats64(stats) => row.stats.read(stats),
            ServiceAttr::Unknown(_) => {}
        }
    }
    row.finish()
}

/// Reads a dumped real server of a service with this key.
pub fn read_server(key: &ServiceKey, attributes: &[DestAttr]) -> Result<DumpedServer, CodecError> {
    let mut family = None;
    let mut address = None;
    let mut port = None;
    let mut forward = None;
    let mut weight = None;
    let (mut upper_threshold, mut lower_threshold) = (0, 0);
    let mut tunnel = TunnelOptions::default();
    let (mut active, mut inactive, mut persistent) = (0, 0, 0);
    let mut stats = Stats::default();
    for attribute in attributes {
        match attribute {
            DestAttr::Address(raw) => address = Some(*raw),
            DestAttr::Port(number) => port = Some(number.0),
            DestAttr::Forward(number) => forward = Some(ForwardMethod::from_number(*number)),
            DestAttr::Weight(number) => weight = Some(*number),
            DestAttr::UpperThreshold(number) => upper_threshold = *number,
            DestAttr::LowerThreshold(number) => lower_threshold = *number,
            DestAttr::ActiveConnections(number) => active = *number,
            DestAttr::InactiveConnections(number) => inactive = *number,
            DestAttr::PersistentConnections(number) => persistent = *number,
            DestAttr::Family(number) => family = Some(*number),
            DestAttr::TunnelKind(kind) => tunnel.kind = *kind,
            DestAttr::TunnelPort(number) => tunnel.port = number.0,
            DestAttr::TunnelFlags(flags) => tunnel.flags = *flags,
            DestAttr::Stats(block) | DestAttr::Stats64(block) => stats.read(block),
            DestAttr::Unknown(_) => {}
        }
    }
    let missing = |attribute| CodecError::Missing { block: "destination", attribute };
    // The kernel omits the family, or writes 0, when it is the service's.
    let ipv6 = match family {
        None | Some(0) => key.is_ipv6(),
        Some(number) => is_ipv6("destination Family", number)?,
    };
    let ip = address.ok_or(missing("Address"))?.to_ip(ipv6);
    let entry = ServerEntry {
        forward: forward.ok_or(missing("Forward"))?,
        weight: weight.ok_or(missing("Weight"))?,
        upper_threshold,
        lower_threshold,
        tunnel,
    };
    let address = SocketAddr::new(ip, port.ok_or(missing("Port"))?);
    Ok(DumpedServer { address, entry, active, inactive, persistent, stats })
}

impl Stats {
    fn read(&mut self, attributes: &[StatsAttr]) {
        // The wide block follows the narrow one, and so wins.
        for attribute in attributes {
            let set = |field: &mut u64, counter: &Counter| *field = counter.get();
            match attribute {
                StatsAttr::Connections(counter) => set(&mut self.connections, counter),
                StatsAttr::InPackets(counter) => set(&mut self.in_packets, counter),
                StatsAttr::OutPackets(counter) => set(&mut self.out_packets, counter),
                StatsAttr::InBytes(counter) => set(&mut self.in_bytes, counter),
                StatsAttr::OutBytes(counter) => set(&mut self.out_bytes, counter),
                StatsAttr::ConnectionRate(counter) => set(&mut self.rates.connections, counter),
                StatsAttr::InPacketRate(counter) => set(&mut self.rates.in_packets, counter),
                StatsAttr::OutPacketRate(counter) => set(&mut self.rates.out_packets, counter),
                StatsAttr::InByteRate(counter) => set(&mut self.rates.in_bytes, counter),
                StatsAttr::OutByteRate(counter) => set(&mut self.rates.out_bytes, counter),
                StatsAttr::Unknown(_) => {}
            }
        }
    }
}

/// What [`read_service`] has found so far.
#[derive(Default)]
struct ServiceRow {
    family: Option<u16>,
    protocol: Option<u16>,
    address: Option<RawAddress>,
    port: Option<u16>,
    mark: Option<u32>,
    scheduler: Option<String>,
    flags: u32,
    timeout: u32,
    netmask: u32,
    engine: Option<String>,
    stats: Stats,
}

impl ServiceRow {
    fn finish(self) -> Result<DumpedService, CodecError> {
        let missing = |attribute| CodecError::Missing { block: "service", attribute };
        let ipv6 = is_ipv6("service Family", self.family.ok_or(missing("Family"))?)?;
        let key = match self.mark {
            Some(mark) if mark != 0 => Some(ServiceKey::FirewallMark { mark, ipv6 }),
            _ => {
                let ip = self.address.ok_or(missing("Address"))?.to_ip(ipv6);
                let vip = SocketAddr::new(ip, self.port.ok_or(missing("Port"))?);
                let protocol = Protocol::from_number(self.protocol.ok_or(missing("Protocol"))?);
                protocol.map(|protocol| ServiceKey::Address { protocol, vip })
            }
        };
        let entry = ServiceEntry {
            scheduler: self.scheduler.ok_or(missing("Scheduler"))?,
            flags: self.flags & !FLAG_HASHED,
            timeout: self.timeout,
            netmask: if ipv6 { self.netmask } else { u32::from_be(self.netmask) },
            engine: self.engine,
        };
        Ok(DumpedService { key, entry, stats: self.stats })
    }
}

fn server_message(command: Command, key: &ServiceKey, server: Vec<DestAttr>) -> IpvsMessage {
    IpvsMessage::new(command, vec![CommandAttr::Service(service_identity(key)), CommandAttr::Dest(server)])
}

fn service_identity(key: &ServiceKey) -> Vec<ServiceAttr> {
    match *key {
        ServiceKey::Address { protocol, vip } => vec![
            ServiceAttr::Family(family(vip.ip())),
            ServiceAttr::Protocol(protocol.number()),
            ServiceAttr::Address(vip.ip().into()),
            ServiceAttr::Port(Port(vip.port())),
        ],
        ServiceKey::FirewallMark { mark, ipv6 } => {
            let family = if ipv6 { AF_INET6 } else { AF_INET };
            vec![ServiceAttr::Family(family), ServiceAttr::FirewallMark(mark)]
        }
    }
}

fn server_identity(address: SocketAddr) -> Vec<DestAttr> {
    vec![
        DestAttr::Address(address.ip().into()),
        DestAttr::Port(Port(address.port())),
        DestAttr::Family(family(address.ip())),
    ]
}

const fn family(address: IpAddr) -> u16 {
    if address.is_ipv6() { AF_INET6 } else { AF_INET }
}

const fn is_ipv6(attribute: &'static str, family: u16) -> Result<bool, CodecError> {
    match family {
        AF_INET => Ok(false),
        AF_INET6 => Ok(true),
        other => Err(CodecError::Value { attribute, value: other as u32 }),
    }
}
