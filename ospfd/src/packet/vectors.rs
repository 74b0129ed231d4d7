//! How the byte vectors of this module's tests are written: as hex, checked in both directions.

use super::{Auth, Body, Decoded, Packet};
use common::ids::{AreaId, RouterId};

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// `hex` is a packet of area 0 without authentication, and says `body`; and `body` gives these very bytes.
pub(super) fn assert_both_ways(hex: &str, router_id: u32, body: Body) {
    let packet = Packet { router_id: RouterId(router_id), area_id: AreaId(0), body };
    let wire = bytes(hex);

    assert_eq!(packet.encode(&Auth::Null).unwrap(), wire);
    assert_eq!(Packet::decode(&wire, &Auth::Null), Ok(Decoded { packet, skipped: vec![] }));
}
