//! Bytes into one decoder: that of a packet body or of an LSA body, with headers, lengths and checksums that hold.
//!
//! The first byte of the input chooses the decoder, the others are what it reads.

use common::ids::RouterId;
use common::wire::checksum;
use ospfd::packet::{Auth, Body, LSA_HEADER_LEN, PACKET_HEADER_LEN, Packet, sealed};

use crate::packet_decode::read;

/// The packet types of the first selectors.
pub const PACKET_TYPES: [u8; 5] = [1, 2, 3, 4, 5];
/// The LS types of the selectors behind them; 200 is one that nobody knows.
pub const LS_TYPES: [u8; 10] = [1, 2, 3, 4, 5, 7, 9, 10, 11, 200];

const UPDATE: u8 = 4;

/// What a decoder made of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It read them.
    Read,
    /// It left the LSA out.
    Skipped(&'static str),
    /// It refused the packet.
    Refused(&'static str),
}

/// Decodes `input`, and holds what was read to the codec's laws. `None` when it is empty.
///
/// # Panics
/// When a law is broken.
pub fn run(input: &[u8]) -> Option<Outcome> {
    let (&selector, body) = input.split_first()?;
    let selector = usize::from(selector) % (PACKET_TYPES.len() + LS_TYPES.len());
    match PACKET_TYPES.get(selector) {
        Some(&packet_type) => decode(&packet(packet_type, body)),
        None => lsa_body(LS_TYPES[selector - PACKET_TYPES.len()], body),
    }
}

/// An LSA with this body, between two that are good: these are read whatever it is.
fn lsa_body(ls_type: u8, body: &[u8]) -> Option<Outcome> {
    let good = lsa(200, [1; 4], &[7; 4])?;
    let judged = lsa(ls_type, [2; 4], body)?;
    let update = [&[0, 0, 0, 3], &good[..], &judged, &good].concat();
    let packet = packet(UPDATE, &update);
    let decoded = read(Packet::decode(&sealed(&packet, &Auth::Null)?, &Auth::Null)).ok()?;
    let Body::LinkStateUpdate(lsas) = &decoded.packet.body else { return None };
    assert_eq!(lsas.len() + decoded.skipped.len(), 3);
    assert!(lsas.iter().filter(|lsa| lsa.raw == good).count() >= 2);
    Some(decoded.skipped.first().map_or(Outcome::Read, |skipped| Outcome::Skipped(skipped.error.reason())))
}

fn decode(packet: &[u8]) -> Option<Outcome> {
    Some(match read(Packet::decode(&sealed(packet, &Auth::Null)?, &Auth::Null)) {
        Ok(decoded) => {
            decoded.skipped.first().map_or(Outcome::Read, |skipped| Outcome::Skipped(skipped.error.reason()))
        }
        Err(error) => Outcome::Refused(error.reason()),
    })
}

/// A packet with an empty header: that of no router and of the backbone.
pub fn packet(packet_type: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; PACKET_HEADER_LEN];
    packet[..2].copy_from_slice(&[2, packet_type]);
    packet.extend_from_slice(body);
    packet
}

/// An LSA in its first instance. `None` when it is too long for its length field.
fn lsa(ls_type: u8, link_state_id: [u8; 4], body: &[u8]) -> Option<Vec<u8>> {
    raw_lsa(ls_type, link_state_id, RouterId(0x0a00_0063), 0x8000_0001, body)
}

/// An LSA of age 1 with length and checksum that hold, whatever its body. `None` when it is too long for its length field.
pub fn raw_lsa(
    ls_type: u8,
    link_state_id: [u8; 4],
    router: RouterId,
    sequence: u32,
    body: &[u8],
) -> Option<Vec<u8>> {
    let length = u16::try_from(LSA_HEADER_LEN + body.len()).ok()?;
    let mut lsa = vec![0, 1, 2, ls_type];
    lsa.extend(link_state_id);
    lsa.extend(router.0.to_be_bytes());
    lsa.extend(sequence.to_be_bytes());
    lsa.extend([0, 0]);
    lsa.extend(length.to_be_bytes());
    lsa.extend(body);
    let sum = checksum::fletcher(&lsa[2..], 14)?;
    lsa[16..18].copy_from_slice(&sum.to_be_bytes());
    Some(lsa)
}
