//! Inputs of the kinds that have broken other parsers: bodies of packets and LSAs, one decoder at a time.

use common::ids::RouterId;

use crate::body_decode::{LS_TYPES, Outcome, PACKET_TYPES, raw_lsa};

/// An input, and what becomes of it.
#[derive(Debug)]
pub(crate) struct Seed {
    /// The file that it is stored in.
    pub(crate) name: String,
    pub(crate) input: Vec<u8>,
    pub(crate) becomes: Becomes,
}

/// What an input comes to.
#[derive(Debug)]
pub(crate) enum Becomes {
    /// Of a decoder.
    Body(Outcome),
    /// A counter of this name is raised.
    Counted(&'static str),
    /// An LSA of this type and Link State ID stands in the database.
    Stored(&'static str, &'static str),
    /// A neighbour is in this state.
    Neighbor(&'static str),
}

/// A router that nobody has heard of.
pub(crate) const PHANTOM: RouterId = RouterId(0x0a00_0063);
/// InitialSequenceNumber.
pub(crate) const FIRST: u32 = 0x8000_0001;

pub(crate) const HELLO: u8 = 1;
pub(crate) const DESCRIPTION: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const UPDATE: u8 = 4;
pub(crate) const ACK: u8 = 5;

const READ: Outcome = Outcome::Read;

/// A whole hello: mask, intervals, options, priority, routers, neighbours.
pub(crate) fn hello(options: u8, neighbors: &[RouterId]) -> Vec<u8> {
    let mut body = vec![255, 255, 255, 0, 0, 1, options, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0];
    body.extend(neighbors.iter().flat_map(|neighbor| neighbor.0.to_be_bytes()));
    body
}

/// A database description: MTU, options, flags, sequence number, headers.
pub(crate) fn description(flags: u8, sequence: u32, headers: &[u8]) -> Vec<u8> {
    [&[5, 0xdc, 2, flags], &sequence.to_be_bytes()[..], headers].concat()
}

/// A Link State Update that says how many LSAs it holds.
pub(crate) fn update(count: u32, lsas: &[Vec<u8>]) -> Vec<u8> {
    [&count.to_be_bytes()[..], &lsas.concat()].concat()
}

/// An LSA of a router that does not exist.
pub(crate) fn lsa(ls_type: u8, id: [u8; 4], body: &[u8]) -> Vec<u8> {
    raw_lsa(ls_type, id, PHANTOM, FIRST, body).unwrap()
}

/// A Router-LSA's body with links of this many bytes that claims `count` of them.
pub(crate) fn router_body(count: u16, links: &[[u8; 12]]) -> Vec<u8> {
    [&[0, 0], &count.to_be_bytes()[..], &links.concat()].concat()
}

/// A stub link at the largest cost.
pub(crate) const STUB_LINK: [u8; 12] = [10, 77, 0, 1, 255, 255, 255, 255, 3, 0, 0xff, 0xff];

/// The same bytes with others in their place.
pub(crate) fn with(mut bytes: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

fn of_packet(packet_type: u8, name: &str, body: Vec<u8>, outcome: Outcome) -> Seed {
    let selector = PACKET_TYPES.iter().position(|found| *found == packet_type).unwrap();
    seed(selector, name, body, outcome)
}

fn of_lsa(ls_type: u8, name: &str, body: Vec<u8>, outcome: Outcome) -> Seed {
    let selector = LS_TYPES.iter().position(|found| *found == ls_type).unwrap();
    seed(PACKET_TYPES.len() + selector, name, body, outcome)
}

fn seed(selector: usize, name: &str, body: Vec<u8>, outcome: Outcome) -> Seed {
    let input = [vec![u8::try_from(selector).unwrap()], body].concat();
    Seed { name: name.to_owned(), input, becomes: Becomes::Body(outcome) }
}

/// The seeds of `body_decode`: each decoder with a body that is good, and with the ways in which it can be bad.
pub(crate) fn bodies() -> Vec<Seed> {
    let mut seeds = packet_bodies();
    seeds.extend(lsa_bodies());
    seeds
}

fn packet_bodies() -> Vec<Seed> {
    use Outcome::{Refused, Skipped};
    let stub = lsa(1, [10, 0, 0, 99], &router_body(1, &[STUB_LINK]));
    let header = &stub[..20];
    vec![
        of_packet(HELLO, "hello", hello(2, &[PHANTOM]), READ),
        of_packet(HELLO, "hello-ends-before-its-options", hello(2, &[])[..6].to_vec(), Refused("truncated")),
        of_packet(HELLO, "hello-partial-neighbor", vec![0; 27], Refused("trailing-bytes")),
        of_packet(DESCRIPTION, "description", description(7, 9, header), READ),
        of_packet(DESCRIPTION, "description-ends-before-its-options", vec![5, 0xdc], Refused("truncated")),
        of_packet(
            DESCRIPTION,
            "description-partial-lsa-header",
            description(1, 9, &stub[..27]),
            Refused("trailing-bytes"),
        ),
        of_packet(
            DESCRIPTION,
            "description-header-below-its-length",
            description(1, 9, &with(header.to_vec(), 18, &[0, 19])),
            Refused("bad-lsa-length"),
        ),
        of_packet(REQUEST, "request", [[0, 0, 0, 1], [10, 0, 0, 99], [10, 0, 0, 99]].concat(), READ),
        of_packet(REQUEST, "request-partial", vec![0; 23], Refused("trailing-bytes")),
        of_packet(REQUEST, "request-type-of-32-bits", vec![1; 12], Refused("ls-type-out-of-range")),
        of_packet(UPDATE, "update", update(1, std::slice::from_ref(&stub)), READ),
        of_packet(
            UPDATE,
            "update-below-its-count",
            update(2, std::slice::from_ref(&stub)),
            Refused("truncated"),
        ),
        of_packet(
            UPDATE,
            "update-count-of-32-bits",
            update(0x0001_0001, std::slice::from_ref(&stub)),
            Refused("truncated"),
        ),
        of_packet(
            UPDATE,
            "update-above-its-count",
            update(0, std::slice::from_ref(&stub)),
            Refused("trailing-bytes"),
        ),
        of_packet(
            UPDATE,
            "update-lsa-length-beyond-the-packet",
            update(1, &[with(stub.clone(), 18, &[0xff, 0xff])]),
            Refused("bad-lsa-framing"),
        ),
        of_packet(
            UPDATE,
            "update-lsa-length-below-its-header",
            update(1, &[with(stub.clone(), 18, &[0, 19])]),
            Refused("bad-lsa-framing"),
        ),
        of_packet(
            UPDATE,
            "update-lsa-checksum-zero",
            update(1, &[with(stub.clone(), 16, &[0, 0])]),
            Skipped("bad-ls-checksum"),
        ),
        of_packet(ACK, "ack", header.to_vec(), READ),
        of_packet(ACK, "ack-partial-header", stub[..21].to_vec(), Refused("trailing-bytes")),
    ]
}

fn lsa_bodies() -> Vec<Seed> {
    let bad_length = Outcome::Skipped("bad-lsa-length");
    let bad_mask = Outcome::Skipped("bad-network-mask");
    let mask = [255, 255, 255, 0];
    let holes = [255, 0, 255, 0];
    let external = |mask: [u8; 4]| [mask, [0x80, 0xff, 0xff, 0xff], [0; 4], [0; 4]].concat();
    let tlv = [&[0, 1, 0xff, 0xff][..], b"short"].concat();
    let mut seeds = vec![
        of_lsa(1, "router", router_body(1, &[STUB_LINK]), READ),
        of_lsa(1, "router-more-links-than-bytes", router_body(0xffff, &[STUB_LINK]), bad_length),
        of_lsa(1, "router-fewer-links-than-bytes", router_body(0, &[STUB_LINK]), bad_length),
        of_lsa(1, "router-without-body", Vec::new(), bad_length),
        of_lsa(2, "network", [mask, [10, 0, 0, 1], [10, 0, 0, 1]].concat(), READ),
        of_lsa(2, "network-shorter-than-its-mask", vec![255, 255], bad_length),
        of_lsa(2, "network-mask-with-holes", [holes, [10, 0, 0, 1]].concat(), bad_mask),
        of_lsa(3, "summary-network", [mask, [0, 0xff, 0xff, 0xff]].concat(), READ),
        of_lsa(3, "summary-network-mask-with-holes", [holes, [0, 0, 0, 1]].concat(), bad_mask),
        of_lsa(4, "summary-asbr", [[0; 4], [0, 0, 0, 1]].concat(), READ),
        of_lsa(4, "summary-asbr-without-metric", vec![0; 4], bad_length),
    ];
    for (ls_type, name) in [(5, "external"), (7, "nssa")] {
        seeds.extend([
            of_lsa(ls_type, name, external(mask), READ),
            of_lsa(ls_type, &format!("{name}-mask-with-holes"), external(holes), bad_mask),
            of_lsa(ls_type, &format!("{name}-partial-tos"), external(mask)[..15].to_vec(), bad_length),
        ]);
    }
    for (ls_type, name) in [(9, "opaque-link"), (10, "opaque-area"), (11, "opaque-as"), (200, "unknown")] {
        seeds.extend([
            of_lsa(ls_type, name, tlv.clone(), READ),
            of_lsa(ls_type, &format!("{name}-without-body"), Vec::new(), READ),
        ]);
    }
    seeds
}
