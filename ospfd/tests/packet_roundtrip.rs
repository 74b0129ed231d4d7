//! What the codec emits, it reads; what it reads, it emits; and nothing makes it panic.

use std::net::Ipv4Addr;
use std::sync::Arc;

use common::ids::{AreaId, RouterId};
use ospfd::packet::{
    Algorithm, Auth, Body, CryptoKey, DatabaseDescription, Decoded, Hello, LSA_HEADER_LEN, LsType, Lsa,
    LsaBody, LsaHeader, LsaKey, MAX_AGE, NetworkLsa, Packet, RouterLink, RouterLsa,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn auth() -> impl Strategy<Value = Auth> {
    prop_oneof![Just(Auth::Null), any::<[u8; 8]>().prop_map(Auth::Simple), crypto()]
}

fn crypto() -> impl Strategy<Value = Auth> {
    let secret = prop_oneof![vec(any::<u8>(), 0..=16), vec(any::<u8>(), 0..=200)];
    (any::<u8>(), select(&Algorithm::ALL), secret, any::<u32>()).prop_map(
        |(id, algorithm, secret, sequence)| {
            let most = algorithm.max_secret_len().unwrap_or(usize::MAX).min(secret.len());
            Auth::Crypto(Arc::new(CryptoKey::new(id, algorithm, &secret[..most]).unwrap()), sequence)
        },
    )
}

fn key() -> impl Strategy<Value = LsaKey> {
    any::<(u8, u32, u32)>().prop_map(|(ls_type, link_state_id, router)| LsaKey {
        ls_type: ls_type.into(),
        link_state_id,
        advertising_router: RouterId(router),
    })
}

fn header() -> impl Strategy<Value = LsaHeader> {
    let length = LSA_HEADER_LEN as u16..=u16::MAX;
    (0..=MAX_AGE, any::<u8>(), key(), any::<i32>(), any::<u16>(), length).prop_map(
        |(age, options, key, sequence, checksum, length)| LsaHeader {
            age,
            options,
            key,
            sequence,
            checksum,
            length,
        },
    )
}

fn router_body() -> impl Strategy<Value = LsaBody> {
    let link = any::<(u8, u32, u32, u16)>().prop_map(|(link_type, link_id, link_data, metric)| RouterLink {
        link_type: link_type.into(),
        link_id,
        link_data,
        metric,
    });
    (any::<u8>(), vec(link, 0..40)).prop_map(|(flags, links)| LsaBody::Router(RouterLsa { flags, links }))
}

fn network_body() -> impl Strategy<Value = LsaBody> {
    (0..=32_u32, vec(any::<u32>().prop_map(RouterId), 0..40)).prop_map(|(prefix, attached_routers)| {
        let network_mask = Ipv4Addr::from_bits(!u32::MAX.checked_shr(prefix).unwrap_or(0));
        LsaBody::Network(NetworkLsa { network_mask, attached_routers })
    })
}

/// A key, and a body of its type.
fn lsa() -> impl Strategy<Value = Lsa> {
    let worded = (key(), prop_oneof![router_body(), network_body()], 0..=MAX_AGE, any::<u8>(), any::<i32>())
        .prop_map(|(key, body, age, options, sequence)| {
            let ls_type = if matches!(body, LsaBody::Router(_)) { LsType::Router } else { LsType::Network };
            Lsa::build(age, options, LsaKey { ls_type, ..key }, sequence, body).unwrap()
        });
    let carried = (key(), vec(any::<u8>(), 0..100), 9..=11_u8, any::<i32>()).prop_map(
        |(key, body, ls_type, sequence)| {
            let key = LsaKey { ls_type: ls_type.into(), ..key };
            Lsa::build_opaque(5, 2, key, sequence, &body).unwrap()
        },
    );
    prop_oneof![worded, carried]
}

fn hello() -> impl Strategy<Value = Hello> {
    let times = any::<(u16, u32)>();
    let addresses = any::<(u32, u32, u32)>();
    (times, addresses, any::<(u8, u8)>(), vec(any::<u32>().prop_map(RouterId), 0..40)).prop_map(
        |((hello_interval, router_dead_interval), (mask, dr, bdr), (options, priority), neighbors)| Hello {
            network_mask: mask.into(),
            hello_interval,
            options,
            priority,
            router_dead_interval,
            designated_router: dr.into(),
            backup_designated_router: bdr.into(),
            neighbors,
        },
    )
}

fn description() -> impl Strategy<Value = DatabaseDescription> {
    (any::<(u16, u8, u32)>(), any::<(bool, bool, bool)>(), vec(header(), 0..20)).prop_map(
        |((mtu, options, sequence), (init, more, master), headers)| DatabaseDescription {
            mtu,
            options,
            init,
            more,
            master,
            sequence,
            headers,
        },
    )
}

fn packet() -> impl Strategy<Value = Packet> {
    let body = prop_oneof![
        hello().prop_map(Body::Hello),
        description().prop_map(Body::DatabaseDescription),
        vec(key(), 0..20).prop_map(Body::LinkStateRequest),
        vec(lsa(), 0..6).prop_map(Body::LinkStateUpdate),
        vec(header(), 0..20).prop_map(Body::LinkStateAck),
    ];
    (any::<(u32, u32)>(), body).prop_map(|((router, area), body)| Packet {
        router_id: RouterId(router),
        area_id: AreaId(area),
        body,
    })
}

proptest! {
    #[test]
    fn a_packet_survives_the_wire(packet in packet(), auth in auth()) {
        let bytes = packet.encode(&auth).unwrap();

        prop_assert_eq!(Packet::decode(&bytes, &auth), Ok(Decoded { packet, skipped: vec![] }));
    }

    #[test]
    fn an_lsa_survives_the_wire(lsa in lsa(), age in 0..=MAX_AGE) {
        prop_assert_eq!(Lsa::parse(&lsa.raw), Ok(lsa.clone()));
        prop_assert_eq!(Lsa::parse(&lsa.raw_with_age(age)), Ok(lsa.with_age(age)));
    }

    #[test]
    fn a_packet_cut_at_any_length_is_an_error(packet in packet(), auth in auth()) {
        let bytes = packet.encode(&auth).unwrap();

        for cut in 0..bytes.len() {
            prop_assert!(Packet::decode(&bytes[..cut], &auth).is_err(), "cut at {} of {}", cut, bytes.len());
        }
    }

    #[test]
    fn a_body_cut_at_any_length_reads_as_no_more_than_it_holds(packet in packet()) {
        let bytes = packet.encode(&Auth::Null).unwrap();

        // The packet is sealed anew after each cut, so that the body's own bounds checks are what is met.
        for cut in 24..bytes.len() {
            let shorter = seal(&bytes[..cut]);
            if let Ok(decoded) = Packet::decode(&shorter, &Auth::Null) {
                prop_assert!(!matches!(decoded.packet.body, Body::LinkStateUpdate(_)), "an update counts its LSAs");
                prop_assert_eq!(decoded.packet.encode(&Auth::Null).unwrap(), shorter);
            }
        }
    }

    #[test]
    fn a_single_flipped_bit_is_noticed(packet in packet(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = packet.encode(&Auth::Null).unwrap().to_vec();
        // The authentication field is not covered, and not examined without authentication.
        let at = at.index(bytes.len());
        prop_assume!(!(16..24).contains(&at));
        bytes[at] ^= 1_u8 << bit;

        prop_assert!(Packet::decode(&bytes, &Auth::Null).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300), auth in crypto()) {
        prop_assert!(Packet::decode(&bytes, &auth).is_err());
        prop_assert!(Packet::decode(&bytes, &Auth::Null).is_err_and(|error| !error.reason().is_empty()));
        prop_assert!(Lsa::parse(&bytes).is_err());
    }

    #[test]
    fn arbitrary_bodies_never_panic(packet_type in 0..=6_u8, body in vec(any::<u8>(), 0..300)) {
        let mut bytes = vec![0; 24];
        bytes[0] = 2;
        bytes[1] = packet_type;
        bytes.extend(body);

        match Packet::decode(&seal(&bytes), &Auth::Null) {
            Ok(decoded) => prop_assert!((1..=5).contains(&packet_type) && !decoded.packet.body.name().is_empty()),
            Err(error) => {
                let sealed_wrong = matches!(error.reason(), "bad-packet-length" | "bad-checksum");
                prop_assert!(!sealed_wrong);
            }
        }
    }
}

/// The bytes with a length and checksum that suit them.
fn seal(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = bytes.to_vec();
    sealed[2..4].copy_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
    sealed[12..14].copy_from_slice(&[0, 0]);
    let sum = common::wire::checksum::internet(&[&sealed[..16], &sealed[24..]]);
    sealed[12..14].copy_from_slice(&sum.to_be_bytes());
    sealed
}
