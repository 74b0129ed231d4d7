//! Timeouts and sync daemons, to and from attributes.

use std::net::{IpAddr, Ipv4Addr};

use super::CodecError;
use super::info::DaemonAttr;
use super::message::{Command, CommandAttr, IpvsMessage};
use crate::model::{DaemonRole, SyncDaemon, Timeouts};

/// A request to set the timeouts; 0 keeps the kernel's.
pub fn timeouts_request(timeouts: Timeouts) -> IpvsMessage {
    let attributes = vec![
        CommandAttr::TimeoutTcp(timeouts.tcp),
        CommandAttr::TimeoutTcpFin(timeouts.tcp_fin),
        CommandAttr::TimeoutUdp(timeouts.udp),
    ];
    IpvsMessage::new(Command::SetConfig, attributes)
}

/// Reads the answer to `GetConfig`.
pub fn read_timeouts(attributes: &[CommandAttr]) -> Result<Timeouts, CodecError> {
    let find = |name, pick: fn(&CommandAttr) -> Option<u32>| {
        let missing = CodecError::Missing { block: "command", attribute: name };
        attributes.iter().find_map(pick).ok_or(missing)
    };
    Ok(Timeouts {
        tcp: find(
            "TimeoutTcp",
            |it| if let CommandAttr::TimeoutTcp(time) = it { Some(*time) } else { None },
        )?,
        tcp_fin: find("TimeoutTcpFin", |it| {
            if let CommandAttr::TimeoutTcpFin(time) = it { Some(*time) } else { None }
        })?,
        udp: find(
            "TimeoutUdp",
            |it| if let CommandAttr::TimeoutUdp(time) = it { Some(*time) } else { None },
        )?,
    })
}

/// A request to start a daemon.
pub fn daemon_request(daemon: &SyncDaemon) -> IpvsMessage {
    let mut attributes = vec![
        DaemonAttr::State(daemon.role.number()),
        DaemonAttr::Interface(daemon.interface.clone()),
        DaemonAttr::SyncId(daemon.sync_id.into()),
    ];
    attributes.extend(daemon.max_length.map(DaemonAttr::MaxLength));
    attributes.extend(daemon.group.map(|group| match group {
        IpAddr::V4(group) => DaemonAttr::Group(u32::from_ne_bytes(group.octets())),
        IpAddr::V6(_) => DaemonAttr::Group6(group.into()),
    }));
    attributes.extend(daemon.port.map(DaemonAttr::Port));
    attributes.extend(daemon.ttl.map(DaemonAttr::Ttl));
    IpvsMessage::new(Command::NewDaemon, vec![CommandAttr::Daemon(attributes)])
}

/// A request to stop a daemon.
pub fn daemon_reference(role: DaemonRole) -> IpvsMessage {
    let attributes = vec![DaemonAttr::State(role.number())];
    IpvsMessage::new(Command::DelDaemon, vec![CommandAttr::Daemon(attributes)])
}

/// Reads a dumped daemon.
pub fn read_daemon(attributes: &[DaemonAttr]) -> Result<SyncDaemon, CodecError> {
    let missing = |attribute| CodecError::Missing { block: "daemon", attribute };
    let (mut role, mut interface, mut sync_id) = (None, None, None);
    let (mut max_length, mut group, mut port, mut ttl) = (None, None, None, None);
    for attribute in attributes {
        match attribute {
            DaemonAttr::State(number) => {
                let strange = CodecError::Value { attribute: "daemon State", value: *number };
                role = Some(DaemonRole::from_number(*number).ok_or(strange)?);
            }
            DaemonAttr::Interface(name) => interface = Some(name.clone()),
            // Only the low byte goes over the wire.
            DaemonAttr::SyncId(number) => sync_id = Some(number.to_le_bytes()[0]),
            DaemonAttr::MaxLength(length) => max_length = Some(*length),
            DaemonAttr::Group(address) => group = Some(Ipv4Addr::from(address.to_ne_bytes()).into()),
            DaemonAttr::Group6(address) => group = Some(address.to_ip(true)),
            DaemonAttr::Port(number) => port = Some(*number),
            DaemonAttr::Ttl(number) => ttl = Some(*number),
            DaemonAttr::Unknown(_) => {}
        }
    }
    Ok(SyncDaemon {
        role: role.ok_or(missing("State"))?,
        interface: interface.ok_or(missing("Interface"))?,
        sync_id: sync_id.ok_or(missing("SyncId"))?,
        max_length,
        group,
        port,
        ttl,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ipvs::message::Payload;

    fn attributes(message: IpvsMessage) -> Vec<CommandAttr> {
        match message.payload {
            Payload::Attributes(attributes) => attributes,
            Payload::Info(_) => panic!("no information was asked"),
        }
    }

    #[test]
    fn timeouts_come_back_as_sent_and_none_may_be_missing() {
        let timeouts = Timeouts { tcp: 1, tcp_fin: 2, udp: 3 };
        let mut sent = attributes(timeouts_request(timeouts));
        assert_eq!(read_timeouts(&sent), Ok(timeouts));
        sent.remove(1);
        let missing = CodecError::Missing { block: "command", attribute: "TimeoutTcpFin" };
        assert_eq!(read_timeouts(&sent), Err(missing));
    }

    #[test]
    fn a_group_lies_in_network_order() {
        let daemon = SyncDaemon {
            role: DaemonRole::Master,
            interface: "eth0".to_owned(),
            sync_id: 7,
            max_length: None,
            group: Some([224, 0, 0, 81].into()),
            port: None,
            ttl: None,
        };
        let sent = attributes(daemon_request(&daemon));
        let [CommandAttr::Daemon(block)] = sent.as_slice() else { panic!("{sent:?}") };
        assert!(block.contains(&DaemonAttr::Group(u32::from_ne_bytes([224, 0, 0, 81]))), "{block:?}");
        assert_eq!(daemon.to_string(), "master sync daemon (mcast=eth0, syncid=7, group=224.0.0.81)");
    }

    proptest! {
        #[test]
        fn daemons_come_back_as_sent(
            is_master: bool, sync_id: u8, max_length: Option<u16>, group: Option<u32>, group6: u128, port: Option<u16>,
            ttl: Option<u8>,
        ) {
            let role = if is_master { DaemonRole::Master } else { DaemonRole::Backup };
            let group = group.map_or(IpAddr::V6(group6.into()), |group| IpAddr::V4(group.into()));
            let daemon =
                SyncDaemon { role, interface: "lo".to_owned(), sync_id, max_length, group: Some(group), port, ttl };
            let sent = attributes(daemon_request(&daemon));
            let [CommandAttr::Daemon(block)] = sent.as_slice() else { panic!("{sent:?}") };
            prop_assert_eq!(read_daemon(block), Ok(daemon));
        }
    }
}
