//! From a line of arguments to what is to be done.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::lex::{Lexed, Switch, Verb, lex};
use super::{Names, UsageError, address, rules};
use crate::core::plan::Op;
use crate::model::{
    DaemonRole, FLAG_ONE_PACKET, FLAG_PERSISTENT, ForwardMethod, MAX_TIMEOUT, Protocol, ServerEntry,
    ServiceEntry, ServiceKey, SyncDaemon, Timeouts, TunnelOptions, scheduler_flag,
};

/// Persistence without a time.
const DEFAULT_PERSISTENCE: u32 = 360;
const DEFAULT_SCHEDULER: &str = "wlc";
const DEFAULT_INTERFACE: &str = "eth0";

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A change of the table.
    Change(Op),
    /// Delete all services.
    Clear,
    /// Read lines from standard input.
    Restore,
    /// Write lines that restore the table.
    Save,
    /// Show something.
    List(List),
    /// Counters back to 0.
    Zero(Option<ServiceKey>),
    /// Start a sync daemon.
    StartDaemon(SyncDaemon),
    /// Stop one.
    StopDaemon(DaemonRole),
    /// Tell how to use it.
    Help,
    /// Tell the version.
    Version,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The table, or one service of it.
    Table {
        /// Only this one.
        key: Option<ServiceKey>,
        /// Which columns.
        format: Format,
        /// In canonical order, or as the kernel tells it?
        sorted: bool,
        /// Numbers in full?
        exact: bool,
    },
    /// Connections.
    Connections {
        /// With what a persistence engine knows of them?
        with_engine: bool,
    },
    /// Timeouts.
    Timeouts,
    /// Sync daemons.
    Daemons,
}

/// The columns of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Forward, weight, connections.
    #[default]
    Plain,
    /// The same with the tunnel.
    TunnelInfo,
    /// Counters.
    Stats,
    /// Per second.
    Rate,
    /// Limits of connections.
    Thresholds,
    /// Persistence templates.
    PersistentConn,
}

/// Reads a line of arguments, without the name of the program.
pub fn parse(arguments: &[String], names: &dyn Names) -> Result<Command, UsageError> {
    let line = lex(arguments)?;
    if line.verb != Verb::Set
        && let Some(word) = line.words.first()
    {
        return Err(UsageError::Unexpected(word.clone()));
    }
    rules::check(&line)?;
    let line = Line { lexed: &line, names };
    Ok(match line.lexed.verb {
        Verb::AddService => {
            let (key, entry) = line.service()?;
            Command::Change(Op::AddService { key, entry })
        }
        Verb::EditService => {
            let (key, entry) = line.service()?;
            Command::Change(Op::EditService { key, entry })
        }
        Verb::DeleteService => Command::Change(Op::DelService { key: line.needed_key()? }),
        Verb::AddServer => {
            let (key, address, entry) = line.server()?;
            Command::Change(Op::AddServer { key, address, entry })
        }
        Verb::EditServer => {
            let (key, address, entry) = line.server()?;
            Command::Change(Op::EditServer { key, address, entry })
        }
        Verb::DeleteServer => {
            let key = line.needed_key()?;
            Command::Change(Op::DelServer { key, address: line.server_address(&key)? })
        }
        Verb::Clear => Command::Clear,
        Verb::Restore => Command::Restore,
        Verb::Save => Command::Save,
        Verb::List => Command::List(line.list()?),
        Verb::Zero => Command::Zero(line.key()?),
        Verb::Set => Command::Change(Op::SetTimeouts { timeouts: line.timeouts()? }),
        Verb::StartDaemon => Command::StartDaemon(line.daemon()?),
        Verb::StopDaemon => Command::StopDaemon(line.role()?),
        Verb::Help => Command::Help,
        Verb::Version => Command::Version,
    })
}

struct Line<'a> {
    lexed: &'a Lexed,
    names: &'a dyn Names,
}

impl Line<'_> {
    fn has(&self, switch: Switch) -> bool {
        self.lexed.switches.iter().any(|(given, _)| *given == switch)
    }

    fn value(&self, switch: Switch) -> Option<&str> {
        self.lexed.switches.iter().find(|(given, _)| *given == switch).and_then(|(_, value)| value.as_deref())
    }

    /// The number after an option, within limits.
    fn number<T: FromStr + PartialOrd>(
        &self,
        switch: Switch,
        what: &'static str,
        limits: std::ops::RangeInclusive<T>,
    ) -> Result<Option<T>, UsageError> {
        self.value(switch).map(|value| number(value, what, limits)).transpose()
    }

    fn key(&self) -> Result<Option<ServiceKey>, UsageError> {
        let services =
            [(Switch::Tcp, Protocol::Tcp), (Switch::Udp, Protocol::Udp), (Switch::Sctp, Protocol::Sctp)];
        for (switch, protocol) in services {
            if let Some(value) = self.value(switch) {
                let (ip, port) = address::parse(value, protocol, self.names)
                    .ok_or_else(|| illegal("virtual server address[:port]", value))?;
                let vip = SocketAddr::new(ip, port.unwrap_or(0));
                return Ok(Some(ServiceKey::Address { protocol, vip }));
            }
        }
        let place = |wanted| self.lexed.switches.iter().position(|(switch, _)| *switch == wanted);
        let (mark, ipv6) = (place(Switch::Mark), place(Switch::Ipv6));
        if ipv6.is_some_and(|ipv6| mark.is_none_or(|mark| ipv6 < mark)) {
            return Err(UsageError::Rule("-6 used before -f"));
        }
        let mark = self.number(Switch::Mark, "fwmark value", 1..=u32::MAX)?;
        Ok(mark.map(|mark| ServiceKey::FirewallMark { mark, ipv6: ipv6.is_some() }))
    }

    fn needed_key(&self) -> Result<ServiceKey, UsageError> {
        // The rules have made sure that a service is named.
        self.key()?.ok_or(UsageError::Rule("no virtual service specified"))
    }

    fn service(&self) -> Result<(ServiceKey, ServiceEntry), UsageError> {
        let key = self.needed_key()?;
        let scheduler = self.value(Switch::Scheduler).unwrap_or(DEFAULT_SCHEDULER);
        let mut flags = 0;
        for name in self.value(Switch::SchedFlags).into_iter().flat_map(|names| names.split(',')) {
            flags |= scheduler_flag(scheduler, name).ok_or_else(|| illegal("scheduler flag", name))?;
        }
        let mut timeout = 0;
        if self.has(Switch::Persistent) {
            flags |= FLAG_PERSISTENT;
            timeout = self
                .number(Switch::Persistent, "timeout value", 1..=MAX_TIMEOUT)?
                .unwrap_or(DEFAULT_PERSISTENCE);
        } else if matches!(key, ServiceKey::Address { vip, .. } if vip.port() == 0) {
            return Err(UsageError::Rule("Zero port specified for non-persistent service"));
        }
        if self.has(Switch::OnePacket) {
            if matches!(key, ServiceKey::Address { protocol: Protocol::Tcp | Protocol::Sctp, .. }) {
                return Err(UsageError::Rule("One-Packet Scheduling is only for UDP virtual services"));
            }
            flags |= FLAG_ONE_PACKET;
        }
        let netmask = self.netmask(key.is_ipv6())?;
        let engine = self.value(Switch::Engine).map(str::to_owned);
        let entry = ServiceEntry { scheduler: scheduler.to_owned(), flags, timeout, netmask, engine };
        Ok((key, entry))
    }

    fn netmask(&self, ipv6: bool) -> Result<u32, UsageError> {
        match (self.value(Switch::Netmask), ipv6) {
            (None, true) => Ok(128),
            (None, false) => Ok(u32::MAX),
            (Some(text), true) => number(text, "ipv6 netmask", 1..=128),
            (Some(text), false) => {
                let mask = text.parse::<Ipv4Addr>().ok().or_else(|| self.names.host(text));
                mask.map(u32::from).ok_or_else(|| illegal("virtual server persistent mask", text))
            }
        }
    }

    fn method(&self) -> ForwardMethod {
        if self.has(Switch::Masquerading) {
            ForwardMethod::Nat
        } else if self.has(Switch::Ipip) {
            ForwardMethod::Tunnel
        } else {
            ForwardMethod::Dr
        }
    }

    /// A server without a port has that of its service.
    fn server_address(&self, key: &ServiceKey) -> Result<SocketAddr, UsageError> {
        let value = self.value(Switch::RealServer).unwrap_or_default();
        let (protocol, service_port) = match key {
            ServiceKey::Address { protocol, vip } => (*protocol, vip.port()),
            ServiceKey::FirewallMark { .. } => (Protocol::Tcp, 0),
        };
        let (ip, port) = address::parse(value, protocol, self.names)
            .ok_or_else(|| illegal("real server address[:port]", value))?;
        Ok(SocketAddr::new(ip, port.unwrap_or(service_port)))
    }

    fn server(&self) -> Result<(ServiceKey, SocketAddr, ServerEntry), UsageError> {
        let key = self.needed_key()?;
        let mut address = self.server_address(&key)?;
        let forward = self.method();
        // What keeps the packet as it is cannot change its port.
        if let ServiceKey::Address { vip, .. } = key
            && forward != ForwardMethod::Nat
        {
            address.set_port(vip.port());
        }
        if address.is_ipv6() != key.is_ipv6() && forward != ForwardMethod::Tunnel {
            return Err(UsageError::Rule("Different address family is allowed only for tunneling servers"));
        }
        let limit = 0..=i32::MAX.unsigned_abs();
        let entry = ServerEntry {
            forward,
            weight: self.number(Switch::Weight, "weight", limit.clone())?.unwrap_or(1),
            upper_threshold: self.number(Switch::Upper, "u_threshold", limit.clone())?.unwrap_or(0),
            lower_threshold: self.number(Switch::Lower, "l_threshold", limit)?.unwrap_or(0),
            tunnel: self.tunnel(forward)?,
        };
        Ok((key, address, entry))
    }

    fn tunnel(&self, forward: ForwardMethod) -> Result<TunnelOptions, UsageError> {
        let checksums = [
            (Switch::TunNocsum, 0, "tun-nocsum"),
            (Switch::TunCsum, 1, "tun-csum"),
            (Switch::TunRemcsum, 2, "tun-remcsum"),
        ];
        let mut given = checksums.into_iter().filter(|(switch, ..)| self.has(*switch));
        let (checksum, another) = (given.next(), given.next());
        let port = self.number(Switch::TunPort, "tunnel port", 1..=u16::MAX)?;
        let kind = match self.value(Switch::TunType) {
            None | Some("ipip") => 0,
            Some("gue") => 1,
            Some("gre") => 2,
            Some(other) => return Err(illegal("tunnel type", other)),
        };
        let is_asked = self.has(Switch::TunType) || port.is_some() || checksum.is_some();
        if is_asked && forward != ForwardMethod::Tunnel {
            return Err(UsageError::Rule("Tunnel options conflict with forward method"));
        }
        let options =
            TunnelOptions { kind, port: port.unwrap_or(0), flags: checksum.map_or(0, |(_, flags, _)| flags) };
        let misfit = |option| UsageError::Tunnel { option, kind: options.kind_name().unwrap_or_default() };
        if let Some((_, _, option)) = another {
            return Err(misfit(option));
        }
        match (kind, port, checksum) {
            (1, None, _) | (0 | 2, Some(_), _) => Err(misfit("tun-port")),
            (0, _, Some((_, _, option))) | (2, _, Some((_, 2, option))) => Err(misfit(option)),
            _ => Ok(options),
        }
    }

    fn list(&self) -> Result<List, UsageError> {
        let formats = [
            (Switch::Stats, Format::Stats),
            (Switch::Rate, Format::Rate),
            (Switch::Thresholds, Format::Thresholds),
            (Switch::PersistentConn, Format::PersistentConn),
            (Switch::TunInfo, Format::TunnelInfo),
        ];
        let format = formats.into_iter().find(|(switch, _)| self.has(*switch));
        let format = format.map_or(Format::Plain, |(_, format)| format);
        let list = if self.has(Switch::Connection) {
            List::Connections { with_engine: self.has(Switch::PersistentConn) }
        } else if self.has(Switch::Timeout) {
            List::Timeouts
        } else if self.has(Switch::Daemon) {
            List::Daemons
        } else {
            let (sorted, exact) = (!self.has(Switch::NoSort), self.has(Switch::Exact));
            return Ok(List::Table { key: self.key()?, format, sorted, exact });
        };
        let columns = matches!(format, Format::Stats | Format::Rate | Format::Thresholds);
        let engine = format == Format::PersistentConn && list != List::Connections { with_engine: true };
        if columns || engine {
            return Err(UsageError::Rule("options conflicts in the list command"));
        }
        Ok(list)
    }

    fn timeouts(&self) -> Result<Timeouts, UsageError> {
        let [tcp, tcp_fin, udp] = self.lexed.words.as_slice() else {
            return match self.lexed.words.get(3) {
                Some(word) => Err(UsageError::Unexpected(word.clone())),
                None => Err(UsageError::Rule("--set option requires 3 timeout values")),
            };
        };
        let seconds = |text: &str| number(text, "timeout value", 0..=MAX_TIMEOUT);
        Ok(Timeouts { tcp: seconds(tcp)?, tcp_fin: seconds(tcp_fin)?, udp: seconds(udp)? })
    }

    fn role(&self) -> Result<DaemonRole, UsageError> {
        match self.lexed.role.as_deref() {
            Some("master") => Ok(DaemonRole::Master),
            Some("backup") => Ok(DaemonRole::Backup),
            other => Err(illegal("start-daemon parameter", other.unwrap_or_default())),
        }
    }

    fn daemon(&self) -> Result<SyncDaemon, UsageError> {
        let group = self.value(Switch::McastGroup).map(|text| {
            let group = text.parse::<IpAddr>().ok().filter(IpAddr::is_multicast);
            group.ok_or_else(|| illegal("mcast-group", text))
        });
        Ok(SyncDaemon {
            role: self.role()?,
            interface: self.value(Switch::McastInterface).unwrap_or(DEFAULT_INTERFACE).to_owned(),
            sync_id: self.number(Switch::SyncId, "syncid", 0..=u8::MAX)?.unwrap_or(0),
            max_length: self.number(Switch::SyncMaxlen, "sync-maxlen", 1..=65_507)?,
            group: group.transpose()?,
            port: self.number(Switch::McastPort, "mcast-port", 1..=u16::MAX)?,
            ttl: self.number(Switch::McastTtl, "mcast-ttl", 1..=u8::MAX)?,
        })
    }
}

fn illegal(what: &'static str, value: &str) -> UsageError {
    UsageError::Value { what, value: value.to_owned() }
}

fn number<T: FromStr + PartialOrd>(
    text: &str,
    what: &'static str,
    limits: std::ops::RangeInclusive<T>,
) -> Result<T, UsageError> {
    text.parse().ok().filter(|number| limits.contains(number)).ok_or_else(|| illegal(what, text))
}

#[cfg(test)]
mod tests;
