//! Bytes of a real kernel and of ipvsadm against our structures, and hostile bytes.

use netlink_packet_core::{Emitable, Nla};
use proptest::prelude::*;

use super::attribute::Block;
use super::dest::DestAttr;
use super::entry::{
    DumpedServer, Stats, read_server, read_service, server_reference, server_request, service_reference,
    service_request,
};
use super::info::InfoAttr;
use super::message::{Command, CommandAttr, IpvsMessage, Payload};
use super::service::ServiceAttr;
use super::stats::{Counter, StatsAttr};
use super::*;
use crate::model::{
    Encapsulation, FLAG_PERSISTENT, Forward, ForwardMethod, Scheduler, SchedulerKind, ServerEntry,
    ServiceEntry, ServiceKey, TunnelOptions,
};

const SERVICES: &str = include_str!("vectors/services.hex");
const SERVERS: &str = include_str!("vectors/servers.hex");
const INFO: &str = include_str!("vectors/info.hex");
const REQUESTS: &str = include_str!("vectors/requests.hex");

/// Blocks of hexadecimal digits, separated by empty lines.
fn vectors(text: &str) -> Vec<Vec<u8>> {
    let digits = |block: &str| block.lines().filter(|line| !line.starts_with('#')).collect::<String>();
    let bytes = |digits: &str| -> Vec<u8> {
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    text.split("\n\n").map(|block| bytes(&digits(block))).filter(|bytes| !bytes.is_empty()).collect()
}

/// Generic-netlink header: command, version, two bytes of nothing.
fn parse(message: &[u8]) -> IpvsMessage {
    IpvsMessage::parse(message[0], &message[4..]).unwrap()
}

fn emit(message: &IpvsMessage) -> Vec<u8> {
    let mut bytes = vec![0xff; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

fn service_of(message: &IpvsMessage) -> &[ServiceAttr] {
    let Payload::Attributes(attributes) = &message.payload else { panic!("{message:?}") };
    let CommandAttr::Service(block) = &attributes[0] else { panic!("{message:?}") };
    block
}

fn server_of(message: &IpvsMessage) -> &[DestAttr] {
    let Payload::Attributes(attributes) = &message.payload else { panic!("{message:?}") };
    attributes
        .iter()
        .find_map(|attribute| match attribute {
            CommandAttr::Dest(block) => Some(block.as_slice()),
            _ => None,
        })
        .unwrap()
}

fn key(text: &str) -> ServiceKey {
    text.parse().unwrap()
}

fn sorted<A: Nla + Clone>(attributes: &[A]) -> Vec<A> {
    let mut attributes = attributes.to_vec();
    attributes.sort_by_key(Nla::kind);
    attributes
}

#[test]
fn what_the_kernel_wrote_is_written_again_to_the_byte() {
    for message in [SERVICES, SERVERS, INFO].iter().flat_map(|text| vectors(text)) {
        assert_eq!(emit(&parse(&message)), message[4..]);
    }
}

#[test]
fn dumped_services_are_read() {
    let services: Vec<_> =
        vectors(SERVICES).iter().map(|message| read_service(service_of(&parse(message))).unwrap()).collect();
    let mh = Scheduler { kind: SchedulerKind::Mh, fallback: true, port: true };
    assert_eq!(services[0].key, Some(key("tcp 10.0.0.1:80")));
    assert_eq!(services[0].entry, ServiceEntry::new(&key("tcp 10.0.0.1:80"), &mh));
    assert_eq!(services[1].key, Some(key("tcp [2001:db8::1]:443")));
    let persistent = ServiceEntry {
        scheduler: "wrr".into(),
        flags: FLAG_PERSISTENT,
        timeout: 300,
        netmask: 128,
        engine: None,
    };
    assert_eq!(services[1].entry, persistent);
    assert_eq!(services[2].key, Some(key("fwmark 7")));
    assert_eq!((services[2].entry.scheduler.as_str(), services[2].entry.netmask), ("rr", u32::MAX));
}

#[test]
fn dumped_servers_are_read_newest_first() {
    let read = |at: usize, service: &str| -> DumpedServer {
        read_server(&key(service), server_of(&parse(&vectors(SERVERS)[at]))).unwrap()
    };
    let newest = read(0, "tcp 10.0.0.1:80");
    assert_eq!(newest.address, "10.0.1.2:80".parse().unwrap());
    assert_eq!(newest.entry, ServerEntry::new(Forward::Tunnel(Encapsulation::Ipip), 0));
    let oldest = read(1, "tcp 10.0.0.1:80");
    assert_eq!(oldest.address, "10.0.1.1:80".parse().unwrap());
    assert_eq!(oldest.entry, ServerEntry::new(Forward::Dr, 3));
    let limited = read(2, "tcp [2001:db8::1]:443");
    assert_eq!(limited.address, "[2001:db8::a]:8443".parse().unwrap());
    let entry = ServerEntry { upper_threshold: 9, lower_threshold: 3, ..ServerEntry::new(Forward::Nat, 1) };
    assert_eq!((limited.entry, limited.active, limited.stats), (entry, 0, Stats::default()));
}

#[test]
fn the_version_is_read() {
    let Payload::Info(attributes) = parse(&vectors(INFO)[0]).payload else { panic!("no info") };
    assert_eq!(attributes, [InfoAttr::Version(0x0001_0201), InfoAttr::TableSize(4096)]);
}

#[test]
fn we_ask_for_what_ipvsadm_asks_for() {
    let [theirs_service, theirs_server]: [_; 2] =
        vectors(REQUESTS).iter().map(|message| parse(message)).collect::<Vec<_>>().try_into().unwrap();

    let rr = Scheduler { kind: SchedulerKind::Rr, fallback: false, port: false };
    let vip = key("tcp 10.0.0.2:80");
    let ours = service_request(Command::NewService, &vip, &ServiceEntry::new(&vip, &rr));
    let without_mask = |attributes: &[ServiceAttr]| -> Vec<ServiceAttr> {
        let is_flags = |attribute: &ServiceAttr| matches!(attribute, ServiceAttr::Flags(_));
        sorted(attributes).into_iter().filter(|attribute| !is_flags(attribute)).collect()
    };
    assert_eq!(ours.command, theirs_service.command);
    assert_eq!(without_mask(service_of(&ours)), without_mask(service_of(&theirs_service)));
    assert!(
        service_of(&ours)
            .iter()
            .any(|attribute| matches!(attribute, ServiceAttr::Flags(flags) if flags.flags == 0))
    );

    let address = "10.0.1.3:80".parse().unwrap();
    let entry = ServerEntry::new(Forward::Dr, 5);
    let ours = server_request(Command::NewDest, &key("tcp 10.0.0.1:80"), address, &entry);
    assert_eq!(ours.command, theirs_server.command);
    assert_eq!(sorted(server_of(&ours)), sorted(server_of(&theirs_server)));
}

#[test]
fn a_request_is_laid_out_like_this() {
    let mark = key("fwmark 258 ipv6");
    let expected = [
        0x14, 0x00, 0x01, 0x00, // service, 20 bytes
        0x06, 0x00, 0x01, 0x00, 0x0a, 0x00, 0x00, 0x00, // family 10, padded
        0x08, 0x00, 0x05, 0x00, 0x02, 0x01, 0x00, 0x00, // mark 258
    ];
    assert_eq!(emit(&service_reference(Command::DelService, &mark)), expected);

    let bytes = emit(&server_reference(Command::DelDest, &mark, "192.0.2.1:8080".parse().unwrap()));
    let server = [
        0x28, 0x00, 0x02, 0x00, // destination, 40 bytes
        0x14, 0x00, 0x01, 0x00, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, // address in the first four
        0x06, 0x00, 0x02, 0x00, 0x1f, 0x90, 0x00, 0x00, // port 8080 in network order
        0x06, 0x00, 0x0b, 0x00, 0x02, 0x00, 0x00, 0x00, // family 2: a v4 server of a v6 service
    ];
    assert_eq!(bytes[expected.len()..], server);
}

#[test]
fn an_ipv4_netmask_is_in_network_order_and_an_ipv6_one_is_a_prefix_length() {
    let rr = Scheduler { kind: SchedulerKind::Rr, fallback: false, port: false };
    for (text, netmask, wire) in [
        ("tcp 10.0.0.1:80", 0xffff_ff00, [0xff, 0xff, 0xff, 0x00]),
        ("tcp [2001:db8::1]:80", 64, 64_u32.to_ne_bytes()),
    ] {
        let entry = ServiceEntry {
            netmask,
            flags: FLAG_PERSISTENT,
            timeout: 60,
            ..ServiceEntry::new(&key(text), &rr)
        };
        let message = service_request(Command::SetService, &key(text), &entry);
        let bytes = emit(&message);
        let needle = [[0x08, 0x00, 0x09, 0x00], wire].concat();
        assert!(bytes.windows(8).any(|window| window == needle), "{bytes:02x?}");
        assert_eq!(read_service(service_of(&message)).unwrap().entry, entry);
    }
}

#[test]
fn attributes_of_a_newer_kernel_are_kept() {
    let mut bytes = vectors(SERVERS)[0].clone();
    let extra = [0x05, 0x00, 0x63, 0x00, 0x2a, 0, 0, 0];
    let length = u16::from_ne_bytes([bytes[4], bytes[5]]) + 8;
    bytes[4..6].copy_from_slice(&length.to_ne_bytes());
    bytes.extend(extra);
    let message = parse(&bytes);
    assert!(matches!(server_of(&message).last(), Some(DestAttr::Unknown(nla)) if nla.kind() == 0x63));
    assert_eq!(emit(&message), bytes[4..]);
    assert!(read_server(&key("tcp 10.0.0.1:80"), server_of(&message)).is_ok());
}

#[test]
fn the_wide_counters_win() {
    let narrow =
        vec![StatsAttr::InBytes(Counter::Wide(7)), StatsAttr::Connections(Counter::Narrow(u32::MAX))];
    let wide = vec![StatsAttr::Connections(Counter::Wide(1 << 40))];
    let server = server_request(
        Command::NewDest,
        &key("fwmark 1"),
        "10.0.0.1:0".parse().unwrap(),
        &ServerEntry::new(Forward::Dr, 1),
    );
    let mut attributes = server_of(&server).to_vec();
    attributes.extend([DestAttr::Stats(narrow), DestAttr::Stats64(wide)]);
    let stats = read_server(&key("fwmark 1"), &attributes).unwrap().stats;
    assert_eq!(stats, Stats { connections: 1 << 40, in_bytes: 7, ..Stats::default() });
}

#[test]
fn what_we_cannot_name_is_read_without_a_key() {
    let mut attributes = service_of(&parse(&vectors(SERVICES)[0])).to_vec();
    attributes[1] = ServiceAttr::Protocol(250);
    assert_eq!(read_service(&attributes).unwrap().key, None);

    let mut attributes = server_of(&parse(&vectors(SERVERS)[0])).to_vec();
    attributes.push(DestAttr::Forward(7));
    let server = read_server(&key("tcp 10.0.0.1:80"), &attributes).unwrap();
    assert_eq!(server.entry.forward, ForwardMethod::Unknown(7));
}

#[test]
fn what_is_missing_or_misshapen_is_named() {
    let full = server_of(&parse(&vectors(SERVERS)[0])).to_vec();
    let without =
        |kind: u16| -> Vec<DestAttr> { full.iter().filter(|nla| nla.kind() != kind).cloned().collect() };
    let service = key("tcp 10.0.0.1:80");
    assert_eq!(
        read_server(&service, &without(4)),
        Err(CodecError::Missing { block: "destination", attribute: "Weight" })
    );
    assert!(read_server(&service, &without(11)).is_ok(), "an absent family is the service's");

    let short_port = [0x05, 0x00, 0x02, 0x00, 0x50, 0x00, 0x00, 0x00];
    let error = CodecError::Length { attribute: "destination Port", want: 2, got: 1 };
    assert_eq!(DestAttr::parse_all(&short_port), Err(error));
    let overlong = [0x20, 0x00, 0x02, 0x00, 0x50, 0x00, 0x00, 0x00];
    assert_eq!(DestAttr::parse_all(&overlong), Err(CodecError::Framing { block: "destination" }));
    let empty = [0x00, 0x00, 0x02, 0x00];
    assert_eq!(DestAttr::parse_all(&empty), Err(CodecError::Framing { block: "destination" }));
    let no_text = [0x06, 0x00, 0x06, 0x00, 0xff, 0xfe, 0x00, 0x00];
    assert_eq!(ServiceAttr::parse_all(&no_text), Err(CodecError::Text { attribute: "service Scheduler" }));
    let strange_family = ServiceAttr::Family(1);
    assert_eq!(
        read_service(&[strange_family]),
        Err(CodecError::Value { attribute: "service Family", value: 1 })
    );
    assert_eq!(IpvsMessage::parse(99, &[]), Err(CodecError::Command(99)));
}

#[test]
fn every_truncation_of_a_message_is_an_error() {
    for message in vectors(SERVERS).iter().chain(&vectors(SERVICES)) {
        let whole = message.len() - 4;
        for end in 1..whole {
            assert_eq!(
                IpvsMessage::parse(message[0], &message[4..4 + end]),
                Err(CodecError::Framing { block: "command" }),
                "cut at {end}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_to_something_stable(command in 0..20u8, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = IpvsMessage::parse(command, &bytes) {
            prop_assert_eq!(IpvsMessage::parse(command, &emit(&message)), Ok(message));
        }
    }

    #[test]
    fn any_flip_of_a_dump_is_read_or_refused(which in 0..3usize, at in any::<prop::sample::Index>(), value: u8) {
        let mut bytes = vectors(SERVERS)[which].clone();
        let at = 4 + at.index(bytes.len() - 4);
        bytes[at] = value;
        let read = IpvsMessage::parse(bytes[0], &bytes[4..]).map(|message| match &message.payload {
            Payload::Attributes(attributes) => attributes.iter().for_each(|attribute| {
                if let CommandAttr::Dest(block) = attribute {
                    // A value that means nothing is an error by name; either is fine here.
                    let _ = read_server(&key("tcp 10.0.0.1:80"), block);
                }
            }),
            Payload::Info(_) => {}
        });
        let refusals_of_shape = [
            std::mem::discriminant(&CodecError::Framing { block: "" }),
            std::mem::discriminant(&CodecError::Length { attribute: "", want: 0, got: 0 }),
            std::mem::discriminant(&CodecError::Text { attribute: "" }),
        ];
        if let Err(error) = read {
            prop_assert!(refusals_of_shape.contains(&std::mem::discriminant(&error)), "{}", error);
        }
    }

    #[test]
    fn servers_come_back_as_sent(
        weight in 0..=i32::MAX as u32, upper: u32, lower: u32, forward in 0..8u32, tunnel: (u8, u16, u16),
        v6: bool, address: u128, port: u16,
    ) {
        let ip: std::net::IpAddr = if v6 { address.to_be_bytes().into() } else { (address as u32).to_be_bytes().into() };
        let address = std::net::SocketAddr::new(ip, port);
        let entry = ServerEntry {
            forward: ForwardMethod::from_number(forward),
            weight,
            upper_threshold: upper,
            lower_threshold: lower,
            tunnel: TunnelOptions { kind: tunnel.0, port: tunnel.1, flags: tunnel.2 },
        };
        let sent = server_request(Command::NewDest, &key("fwmark 1"), address, &entry);
        let received = IpvsMessage::parse(Command::NewDest as u8, &emit(&sent)).unwrap();
        prop_assert_eq!(&received, &sent);
        let server = read_server(&key("fwmark 1"), server_of(&received)).unwrap();
        prop_assert_eq!((server.address, server.entry), (address, entry));
    }
}
