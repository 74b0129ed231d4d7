use common::ids::{AreaId, RouterId};

use super::super::vectors::bytes;
use super::super::{Body, Hello, Packet};
use super::*;

/// Hellos of FRR 8.4.4 and BIRD 2.0.12: Router ID, key id, algorithm, secret, packet.
const CAPTURED: [(u32, u8, Algorithm, &str, &str); 7] = [
    (
        0x0a00_0001,
        9,
        Algorithm::Md5,
        "frrmd5key",
        "0201002c 0a000001 00000000 0000 0002 00000910 6b00885c ffffff00 0001 02 01 00000004 00000000 00000000
         9db08220f8d7fb4423b4ea6530fbe6f8",
    ),
    (
        0x0a00_0002,
        1,
        Algorithm::Md5,
        "md5 key",
        "0201002c 0a000002 00000000 0000 0002 00000110 6b008856 ffffff00 0001 02 01 00000004 00000000 00000000
         94e37ab23d0441ff9cf295339115b8f2",
    ),
    (
        0x0a00_0002,
        2,
        Algorithm::HmacSha1,
        "sha1 key",
        "0201002c 0a000002 00000000 0000 0002 00000214 6b008855 ffffff00 0001 02 01 00000004 00000000 00000000
         9ac5aa4ac14e292946f10ac171a1ffb71600e4ac",
    ),
    (
        0x0a00_0002,
        3,
        Algorithm::HmacSha256,
        "sha256 key",
        "0201002c 0a000002 00000000 0000 0002 00000320 6b008856 ffffff00 0001 02 01 00000004 00000000 00000000
         c88eb2179df94d2c368b449b6680401ca34ec608759bea950ba94d70f1a3d2f3",
    ),
    (
        0x0a00_0002,
        4,
        Algorithm::HmacSha384,
        "sha384 key",
        "0201002c 0a000002 00000000 0000 0002 00000430 6b008854 ffffff00 0001 02 01 00000004 00000000 00000000
         dcc87577ce8538ab846d603d3c5cbcc93ebc7622a734ee79869a0457f7e447d9
         39e8c0216d90ee29ada30d1c3a35a963",
    ),
    (
        0x0a00_0002,
        255,
        Algorithm::HmacSha512,
        "sha512 key",
        "0201002c 0a000002 00000000 0000 0002 0000ff40 6b008856 ffffff00 0001 02 01 00000004 00000000 00000000
         cf7eb9f0f60b1736d298c036fa06d92d392e32e62a7136e7f89e69098239a33b
         61e2dd80a655fcc9551982327c1751bcf05621155c3965d8510cbfe2705224fa",
    ),
    // Longer than the digest and shorter than the block: erratum 3585 of RFC 5709.
    (
        0x0a00_0002,
        6,
        Algorithm::HmacSha1,
        "a key of thirty bytes, no less.",
        "0201002c 0a000002 00000000 0000 0002 00000614 6b008855 ffffff00 0001 02 01 00000004 00000000 00000000
         c17e2174bd986419437cc1d5a492feaf697e831b",
    ),
];

fn key(id: u8, algorithm: Algorithm, secret: &str) -> Arc<CryptoKey> {
    Arc::new(CryptoKey::new(id, algorithm, secret.as_bytes()).unwrap())
}

fn hello(router_id: u32) -> Packet {
    let body = Body::Hello(Hello {
        network_mask: [255, 255, 255, 0].into(),
        hello_interval: 1,
        options: 2,
        priority: 1,
        router_dead_interval: 4,
        designated_router: [0, 0, 0, 0].into(),
        backup_designated_router: [0, 0, 0, 0].into(),
        neighbors: vec![],
    });
    Packet { router_id: RouterId(router_id), area_id: AreaId(0), body }
}

#[test]
fn captured_packets_of_every_algorithm_read_and_build_as_they_came() {
    for (router_id, id, algorithm, secret, hex) in CAPTURED {
        let wire = bytes(hex);
        let field = CryptoField::parse(wire[16..24].try_into().unwrap());
        let key = key(id, algorithm, secret);

        let sent = hello(router_id).encode(&Auth::Crypto(Arc::clone(&key), field.sequence)).unwrap();
        assert_eq!(sent, wire, "{algorithm}");
        let lookup = |id| only(&key, id);
        let (decoded, found) = Packet::decode_expecting(&wire, Expected::Crypto(&lookup)).unwrap();
        assert_eq!(decoded.packet, hello(router_id), "{algorithm}");
        assert_eq!(found, Some(Stamp { key_id: id, sequence: field.sequence.into() }));
    }
}

/// Hellos with AuType 3 from 192.0.2.1 with sequence number 6b008856 00000007: key id, algorithm, secret, packet. No daemon at hand
/// speaks it: an HMAC of another make computed the digests. The secrets are shorter than the digest, with the protocol's id
/// longer than it, and longer than it by themselves.
const EXTENDED: [(u8, Algorithm, &str, &str); 4] = [
    (
        1,
        Algorithm::HmacSha1,
        "short",
        "0201002c 0a000002 00000000 0000 0003 0000001c 00000001 ffffff00 0001 02 01 00000004 00000000 00000000
         6b00885600000007 985dc91a5557614cb8527959dbf1186e2160bead",
    ),
    (
        3,
        Algorithm::HmacSha256,
        "a key of thirty-one bytes, or s",
        "0201002c 0a000002 00000000 0000 0003 00000028 00000003 ffffff00 0001 02 01 00000004 00000000 00000000
         6b00885600000007 e292db4869a2c3d6787243c89f27aef9b3e4c58e69664e50726695b027d0789d",
    ),
    (
        4,
        Algorithm::HmacSha384,
        "sha384 key",
        "0201002c 0a000002 00000000 0000 0003 00000038 00000004 ffffff00 0001 02 01 00000004 00000000 00000000
         6b00885600000007 5e1558046a0d9b555cb3e225fbd6b3cd1d2fdcd402fc94743c010df2054a3d2ca1b5874c61fe4005d107d02ca10bcb2b",
    ),
    (
        5,
        Algorithm::HmacSha512,
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "0201002c 0a000002 00000000 0000 0003 00000048 00000005 ffffff00 0001 02 01 00000004 00000000 00000000
         6b00885600000007 6199b2988cd6fc942acb117f2a71216193744c52f6b776bd2fbe9cbc8b3f0704
         40cc32224bd9398fbc95dae68eab113176586a298d7d57a5e29aee09f35f47c9",
    ),
];
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

#[test]
fn extended_packets_of_every_algorithm_read_and_build_as_another_hmac_makes_them() {
    for (id, algorithm, secret, hex) in EXTENDED {
        let (wire, key, sequence) = (bytes(hex), key(id, algorithm, secret), 0x6b00_8856_0000_0007);
        let sent = hello(0x0a00_0002).encode(&Auth::Extended(Arc::clone(&key), sequence, SOURCE)).unwrap();
        assert_eq!(sent, wire, "{algorithm}");
        let lookup = |id| only(&key, id);
        let (decoded, found) = Packet::decode_expecting(&wire, Expected::Extended(&lookup, SOURCE)).unwrap();
        assert_eq!(decoded.packet, hello(0x0a00_0002), "{algorithm}");
        assert_eq!(found, Some(Stamp { key_id: id, sequence }));
    }
}

#[test]
fn an_extended_packet_with_any_byte_changed_or_from_another_address_is_refused() {
    for (id, algorithm, secret, hex) in EXTENDED {
        let auth = Auth::Extended(key(id, algorithm, secret), 0, SOURCE);
        for at in 0..bytes(hex).len() {
            let mut wire = bytes(hex);
            wire[at] ^= 0x40;
            assert!(Packet::decode(&wire, &auth).is_err(), "{algorithm}: byte {at}");
        }
        let elsewhere = Auth::Extended(key(id, algorithm, secret), 0, Ipv4Addr::new(192, 0, 2, 2));
        assert_eq!(Packet::decode(&bytes(hex), &elsewhere), Err(DecodeError::Digest));
        let short = &bytes(hex)[..60];
        assert_eq!(Packet::decode(short, &auth).unwrap_err().reason(), "bad-digest-length");
    }
}

#[test]
fn a_change_of_any_byte_is_noticed() {
    for (_, id, algorithm, secret, hex) in CAPTURED {
        let auth = Auth::Crypto(key(id, algorithm, secret), 0);
        for at in 0..bytes(hex).len() {
            let mut wire = bytes(hex);
            wire[at] ^= 0x40;
            assert!(Packet::decode(&wire, &auth).is_err(), "{algorithm}: byte {at}");
        }
    }
}

#[test]
fn each_refusal_has_its_reason() {
    let (router_id, id, algorithm, secret, hex) = CAPTURED[3];
    let reason = |wire: &[u8], auth: Auth| Packet::decode(wire, &auth).unwrap_err().reason();
    let wire = bytes(hex);
    let with = |secret: &str, id| Auth::Crypto(key(id, algorithm, secret), 0);

    assert_eq!(reason(&wire, Auth::Null), "auth-type-mismatch");
    assert_eq!(
        reason(&hello(router_id).encode(&Auth::Null).unwrap(), with(secret, id)),
        "auth-type-mismatch"
    );
    assert_eq!(reason(&wire, with(secret, 4)), "unknown-key-id");
    assert_eq!(reason(&wire, with("another", id)), "bad-digest");
    assert_eq!(reason(&wire, Auth::Crypto(key(id, Algorithm::Md5, secret), 0)), "bad-digest-length");
    assert_eq!(reason(&wire[..wire.len() - 1], with(secret, id)), "bad-digest-length");
    let refuse = |id| Err(KeyRefusal::OutsideLifetime(id));
    let refused = Packet::decode_expecting(&wire, Expected::Crypto(&refuse)).unwrap_err();
    assert_eq!(refused.reason(), "key-outside-lifetime");
    assert_eq!(refused.to_string(), "key 3 is not accepted now");
}

#[test]
fn what_follows_the_digest_is_ignored() {
    let (_, id, algorithm, secret, hex) = CAPTURED[4];
    let mut wire = bytes(hex);
    wire.extend_from_slice(&[0xff, 0xf6, 0, 3, 0, 1, 0, 4, 0, 0, 0, 1]);
    assert!(Packet::decode(&wire, &Auth::Crypto(key(id, algorithm, secret), 0)).is_ok());
}

#[test]
fn a_secret_that_md5_cannot_take_makes_no_key() {
    assert!(CryptoKey::new(1, Algorithm::Md5, &[b'x'; 16]).is_some());
    assert!(CryptoKey::new(1, Algorithm::Md5, &[b'x'; 17]).is_none());
    assert!(CryptoKey::new(1, Algorithm::HmacSha1, &[b'x'; 1000]).is_some());
}

#[test]
fn a_packet_that_its_digest_makes_too_long_is_not_sent() {
    let auth = Auth::Crypto(key(1, Algorithm::HmacSha512, "secret"), 1);
    let mut packet = hello(1);
    let Body::Hello(hello) = &mut packet.body else { panic!("a hello") };
    hello.neighbors = vec![RouterId(7); 16_360];
    assert!(packet.encode(&Auth::Null).is_ok());
    assert!(packet.encode(&auth).is_err());
}

#[test]
fn secrets_are_never_printed() {
    let key = CryptoKey::new(7, Algorithm::HmacSha256, b"swordfish").unwrap();
    assert_eq!(format!("{key:?}"), "CryptoKey(7, hmac-sha-256, hidden)");
    assert_eq!(
        format!("{:?}", Auth::Crypto(Arc::new(key), 9)),
        "Crypto(CryptoKey(7, hmac-sha-256, hidden), 9)"
    );
    assert_eq!(format!("{:?}", Auth::Simple(*b"secret\0\0")), "Simple(hidden)");
}

#[test]
fn a_password_must_match_to_the_letter() {
    let wire = hello(1).encode(&Auth::Simple(*b"secret\0\0")).unwrap();
    assert!(Packet::decode(&wire, &Auth::Simple(*b"secret\0\0")).is_ok());
    let error = Packet::decode(&wire, &Auth::Simple(*b"Secret\0\0")).unwrap_err();
    assert_eq!(error, DecodeError::AuthFailed);
    let mut clear = hello(1).encode(&Auth::Null).unwrap().to_vec();
    clear[16..24].fill(7);
    assert!(Packet::decode(&clear, &Auth::Null).is_ok(), "RFC 2328 D.4.1: the field is not examined");
}
