//! Input of the kinds that have broken other parsers, one test per kind.

use std::slice::from_ref;

use bytes::Bytes;
use common::ids::{AreaId, RouterId};
use common::wire::{Truncated, checksum};
use ospfd::packet::{
    Auth, Body, DecodeError, LsType, Lsa, LsaBody, LsaKey, NetworkLsa, Packet, RouterLink, RouterLinkType,
    RouterLsa, encode_update,
};

const HELLO: u8 = 1;
const DATABASE_DESCRIPTION: u8 = 2;
const LINK_STATE_REQUEST: u8 = 3;
const LINK_STATE_UPDATE: u8 = 4;
const LINK_STATE_ACK: u8 = 5;

/// A packet with this body, its length and checksum right.
fn packet(packet_type: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 24];
    bytes[0] = 2;
    bytes[1] = packet_type;
    bytes.extend_from_slice(body);
    seal(bytes)
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes[12..14].copy_from_slice(&[0, 0]);
    let sum = checksum::internet(&[&bytes[..16], &bytes[24..]]);
    bytes[12..14].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<Body, DecodeError> {
    Packet::decode(bytes, &Auth::Null).map(|decoded| decoded.packet.body)
}

fn key(ls_type: LsType) -> LsaKey {
    LsaKey { ls_type, link_state_id: 1, advertising_router: RouterId(1) }
}

fn router_lsa() -> Lsa {
    let link = RouterLink { link_type: RouterLinkType::Stub, link_id: 1, link_data: u32::MAX, metric: 1 };
    let body = LsaBody::Router(RouterLsa { flags: 0, links: vec![link; 2] });
    Lsa::build(1, 2, key(LsType::Router), i32::MIN + 1, body).unwrap()
}

/// The LSA's bytes after a change, with length and LS checksum made right again.
fn resealed(lsa: &Lsa, change: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut raw = lsa.raw.to_vec();
    change(&mut raw);
    let length = u16::try_from(raw.len()).unwrap();
    raw[18..20].copy_from_slice(&length.to_be_bytes());
    let sum = checksum::fletcher(&raw[2..], 14).unwrap();
    raw[16..18].copy_from_slice(&sum.to_be_bytes());
    raw.into()
}

fn update(lsas: &[Bytes]) -> Vec<u8> {
    encode_update(RouterId(1), AreaId(0), lsas, &Auth::Null).unwrap().to_vec()
}

/// The update's LSAs, and the reasons of those left out.
fn read_update(bytes: &[u8]) -> (usize, Vec<&'static str>) {
    let decoded = Packet::decode(bytes, &Auth::Null).unwrap();
    let Body::LinkStateUpdate(lsas) = decoded.packet.body else { panic!("no update") };
    (lsas.len(), decoded.skipped.iter().map(|skipped| skipped.error.reason()).collect())
}

#[test]
fn lsa_length_beyond_the_packet_breaks_the_framing() {
    let lsa = router_lsa();
    for length in [49_u16, 1000, u16::MAX] {
        let mut raw = lsa.raw.to_vec();
        raw[18..20].copy_from_slice(&length.to_be_bytes());

        assert_eq!(decode(&update(&[raw.into()])), Err(DecodeError::LsaFraming { length, left: 48 }));
    }
}

#[test]
fn lsa_length_below_its_header_breaks_the_framing() {
    let lsa = router_lsa();
    for length in [0_u16, 1, 19] {
        let mut raw = lsa.raw.to_vec();
        raw[18..20].copy_from_slice(&length.to_be_bytes());

        assert_eq!(decode(&update(&[raw.into()])), Err(DecodeError::LsaFraming { length, left: 48 }));
    }
}

#[test]
fn database_description_with_a_partial_header_is_refused() {
    let mut body = vec![0x05, 0xdc, 2, 0, 0, 0, 0, 1];
    body.extend_from_slice(&router_lsa().raw[..20]);
    body.extend_from_slice(&[0; 7]);

    let error = DecodeError::Trailing { field: "database description headers", left: 7 };
    assert_eq!(decode(&packet(DATABASE_DESCRIPTION, &body)), Err(error));
}

#[test]
fn headers_that_claim_less_than_themselves_are_refused() {
    let mut header = router_lsa().raw[..20].to_vec();
    header[18..20].copy_from_slice(&[0, 19]);

    let error = DecodeError::LsaLength { ls_type: LsType::Router, length: 19 };
    assert_eq!(decode(&packet(LINK_STATE_ACK, &header)), Err(error));
}

#[test]
fn a_packet_shorter_than_its_header_is_refused() {
    let whole = packet(HELLO, &[0; 20]);
    for len in 0..24 {
        assert!(matches!(decode(&whole[..len]), Err(DecodeError::Truncated(_))), "{len}");
    }
    for length in [0_u16, 23, 45] {
        let mut bytes = whole.clone();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(decode(&bytes), Err(DecodeError::PacketLength { length, received: 44 }));
    }
}

#[test]
fn a_body_shorter_than_its_fixed_part_names_the_missing_field() {
    let missing = |field, needed, left| Err(DecodeError::Truncated(Truncated { field, needed, left }));

    assert_eq!(decode(&packet(HELLO, &[0; 5])), missing("hello interval", 2, 1));
    assert_eq!(decode(&packet(HELLO, &[0; 6])), missing("hello options", 1, 0));
    assert_eq!(decode(&packet(HELLO, &[0; 19])), missing("hello backup designated router", 4, 3));
    assert_eq!(decode(&packet(DATABASE_DESCRIPTION, &[0; 2])), missing("database description options", 1, 0));
    assert_eq!(decode(&packet(LINK_STATE_UPDATE, &[0; 3])), missing("update lsa count", 4, 3));
}

#[test]
fn unknown_packet_types_and_versions_are_refused() {
    for packet_type in [0, 6, 255] {
        assert_eq!(decode(&packet(packet_type, &[0; 20])), Err(DecodeError::PacketType(packet_type)));
    }
    for version in [0, 1, 3] {
        let mut bytes = packet(HELLO, &[0; 20]);
        bytes[0] = version;
        assert_eq!(decode(&seal(bytes)), Err(DecodeError::Version(version)));
    }
}

#[test]
fn an_unknown_lsa_type_is_kept_whatever_its_length() {
    for len in [0, 1, 3, 40] {
        let lsa = Lsa::build_opaque(1, 2, key(LsType::Unknown(77)), 1, &vec![7; len]).unwrap();

        assert_eq!(decode(&update(from_ref(&lsa.raw))), Ok(Body::LinkStateUpdate(vec![lsa])));
    }
}

#[test]
fn an_opaque_body_that_is_no_multiple_of_four_is_accepted() {
    let odd = Lsa::build_opaque(1, 2, key(LsType::OpaqueArea), 1, b"seven b").unwrap();
    let next = router_lsa();

    let body = decode(&update(&[odd.raw.clone(), next.raw.clone()]));

    assert_eq!(body, Ok(Body::LinkStateUpdate(vec![odd, next])));
}

#[test]
fn an_update_shorter_than_its_count_is_refused() {
    let mut bytes = update(&[router_lsa().raw]);
    for count in [2_u32, 0x0001_0001, u32::MAX] {
        bytes[24..28].copy_from_slice(&count.to_be_bytes());
        let read = decode(&seal(bytes.clone()));
        assert_eq!(read, Err(DecodeError::Truncated(Truncated { field: "ls age", needed: 2, left: 0 })));
    }
}

#[test]
fn an_update_longer_than_its_count_is_refused() {
    let mut bytes = update(&[router_lsa().raw]);
    for count in [0_u32, 0x0001_0000] {
        bytes[24..28].copy_from_slice(&count.to_be_bytes());
        assert!(decode(&seal(bytes.clone())).is_err(), "a count of {count} must not read as its low 16 bits");
    }
    bytes[24..28].copy_from_slice(&[0; 4]);
    let error = DecodeError::Trailing { field: "update lsas", left: 48 };
    assert_eq!(decode(&seal(bytes)), Err(error));
}

#[test]
fn a_network_lsa_shorter_than_its_mask_is_left_out() {
    let body =
        LsaBody::Network(NetworkLsa { network_mask: [255, 255, 255, 0].into(), attached_routers: vec![] });
    let network = Lsa::build(1, 2, key(LsType::Network), 1, body).unwrap();
    let short = resealed(&network, |raw| raw.truncate(22));
    let holes = resealed(&network, |raw| raw[21] = 0);

    let read = read_update(&update(&[short, router_lsa().raw, holes]));

    assert_eq!(read, (1, vec!["bad-lsa-length", "bad-network-mask"]));
}

#[test]
fn a_router_lsa_whose_count_is_not_its_length_is_left_out() {
    let counts_three = resealed(&router_lsa(), |raw| raw[23] = 3);
    let counts_most = resealed(&router_lsa(), |raw| raw[22..24].copy_from_slice(&[0xff, 0xff]));
    let counts_one = resealed(&router_lsa(), |raw| raw[23] = 1);
    let tos_behind_the_end = resealed(&router_lsa(), |raw| raw[45] = 255);
    let no_body = resealed(&router_lsa(), |raw| raw.truncate(20));

    let read = read_update(&update(&[
        counts_three,
        counts_most,
        router_lsa().raw,
        counts_one,
        tos_behind_the_end,
        no_body,
    ]));

    assert_eq!(read, (1, vec!["bad-lsa-length"; 5]));
}

#[test]
fn a_router_lsa_of_another_router_s_id_keeps_its_full_key() {
    let other = LsaKey { advertising_router: RouterId(0xdead_beef), ..key(LsType::Router) };
    let body = LsaBody::Router(RouterLsa { flags: 0, links: vec![] });
    let lsa = Lsa::build(1, 2, other, 1, body).unwrap();

    let Ok(Body::LinkStateUpdate(read)) = decode(&update(&[lsa.raw])) else { panic!("not read") };

    assert_eq!(read[0].header.key, other);
}

#[test]
fn an_lsa_with_checksum_zero_or_wrong_is_left_out() {
    let with_sum = |sum: u16| {
        let mut raw = router_lsa().raw.to_vec();
        raw[16..18].copy_from_slice(&sum.to_be_bytes());
        Bytes::from(raw)
    };
    let wrong = router_lsa().header.checksum ^ 0x0101;

    let read = read_update(&update(&[with_sum(0), router_lsa().raw, with_sum(wrong)]));

    assert_eq!(read, (1, vec!["bad-ls-checksum"; 2]));
}

#[test]
fn a_partial_neighbor_or_request_is_refused() {
    let neighbors = DecodeError::Trailing { field: "hello neighbors", left: 3 };
    assert_eq!(decode(&packet(HELLO, &[0; 27])), Err(neighbors));
    let requests = DecodeError::Trailing { field: "requests", left: 11 };
    assert_eq!(decode(&packet(LINK_STATE_REQUEST, &[0; 23])), Err(requests));
}

#[test]
fn bytes_behind_the_packet_are_ignored_whatever_they_claim() {
    let mut hello = packet(HELLO, &[0; 20]);
    hello[24 + 6] = ospfd::packet::options::L;
    let hello = seal(hello);
    let alone = decode(&hello).unwrap();
    // An LLS block with its true length in words, one with a length out of bounds, one cut short, and mere padding.
    let blocks: [&[u8]; 4] =
        [&[0xff, 0xf6, 0, 3, 0, 1, 0, 4, 0, 0, 0, 1], &[0, 0, 0xff, 0xff], &[0xff], &[0; 16]];
    for block in blocks {
        assert_eq!(decode(&[&hello[..], block].concat()).as_ref(), Ok(&alone));
    }
}

#[test]
fn a_link_that_wants_another_authentication_refuses_the_packet() {
    let password = Auth::Simple(*b"password");
    let body = decode(&packet(HELLO, &[0; 20])).unwrap();
    let hello = Packet { router_id: RouterId(1), area_id: AreaId(0), body };
    let clear = hello.encode(&Auth::Null).unwrap();
    let locked = hello.encode(&password).unwrap();
    let refusal = |bytes: &[u8], auth| Packet::decode(bytes, &auth).unwrap_err();

    assert_eq!(refusal(&clear, password.clone()), DecodeError::AuthType { expected: 1, found: 0 });
    assert_eq!(refusal(&locked, Auth::Null), DecodeError::AuthType { expected: 0, found: 1 });
    assert_eq!(refusal(&locked, Auth::Simple(*b"Password")), DecodeError::AuthFailed);
    assert!(Packet::decode(&locked, &password).is_ok());
    // A cryptographic trailer lies behind the packet; without such a key it is refused by its type.
    let mut crypto = clear.to_vec();
    crypto[15] = 2;
    crypto.extend([0xaa; 16]);
    assert_eq!(refusal(&crypto, Auth::Null), DecodeError::AuthType { expected: 0, found: 2 });
}

#[test]
fn a_packet_with_a_wrong_checksum_is_refused() {
    let mut bytes = packet(HELLO, &[0; 20]);
    let sum = u16::from_be_bytes([bytes[12], bytes[13]]) ^ 1;
    bytes[12..14].copy_from_slice(&sum.to_be_bytes());

    assert_eq!(decode(&bytes), Err(DecodeError::PacketChecksum(sum)));
}

#[test]
fn more_lsas_than_a_datagram_holds_cannot_be_emitted() {
    let lsas = vec![router_lsa().raw; 1365];

    assert!(encode_update(RouterId(1), AreaId(0), &lsas[..1364], &Auth::Null).is_ok());
    assert!(encode_update(RouterId(1), AreaId(0), &lsas, &Auth::Null).is_err());
}

#[test]
fn every_refusal_has_a_name_of_its_own() {
    let length = DecodeError::LsaLength { ls_type: LsType::Router, length: 0 };
    let errors = [
        DecodeError::Truncated(Truncated { field: "f", needed: 1, left: 0 }),
        DecodeError::Version(0),
        DecodeError::PacketType(0),
        DecodeError::PacketLength { length: 0, received: 0 },
        DecodeError::PacketChecksum(0),
        DecodeError::AuthType { expected: 0, found: 1 },
        DecodeError::AuthFailed,
        DecodeError::Trailing { field: "f", left: 1 },
        DecodeError::LsaFraming { length: 0, left: 0 },
        DecodeError::LsTypeRange(0),
        DecodeError::LsaChecksum(0),
        length,
        DecodeError::NetworkMask(0),
    ];
    let mut names: Vec<_> = errors.iter().map(DecodeError::reason).collect();
    assert!(names.iter().all(|name| DecodeError::REASONS.contains(name)), "{names:?}");
    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), errors.len());
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
}
