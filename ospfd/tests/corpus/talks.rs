//! Inputs of the kinds that have broken other daemons, as conversations with an instance.

use common::ids::RouterId;
use ospfd::packet::{Auth, sealed};

use crate::body_decode::{packet, raw_lsa};
use crate::instance_datagram::{
    FLAG_AS_IS, FLAG_KEEP_BODY, FLAG_KEEP_HEADER, FLAG_MULTICAST, FLAG_OTHER_SOURCE, FLAG_POINT_TO_POINT,
};
use crate::lan::{Area, NEIGHBOR, Profile, SUBJECT};
use crate::seeds::{
    Becomes, DESCRIPTION, FIRST, HELLO, PHANTOM, REQUEST, STUB_LINK, Seed, UPDATE, description, hello, lsa,
    router_body, update, with,
};

/// With a neighbour that is Full, and no authentication.
const BESIDE_A_NEIGHBOR: Profile = Profile { auth: 0, extended: false, neighbor: true, area: Area::Backbone };
const ALONE: Profile = Profile { neighbor: false, ..BESIDE_A_NEIGHBOR };
const MD5: u8 = 2;

/// An input under construction.
struct Talk(Vec<u8>);

impl Talk {
    fn new(profile: Profile) -> Self {
        Self(vec![profile.byte()])
    }

    /// Says `packet` after `wait` times 100 ms.
    fn say(mut self, wait: u8, flags: u8, packet: &[u8]) -> Self {
        self.0.extend([wait, flags]);
        self.0.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
        self.0.extend(packet);
        self
    }

    fn becomes(self, name: &str, becomes: Becomes) -> Seed {
        Seed { name: name.to_owned(), input: self.0, becomes }
    }
}

/// What a Full neighbour says at once, with everything made right but what `flags` keep, and what is counted.
fn beside(name: &str, flags: u8, packet: &[u8], counter: &'static str) -> Seed {
    Talk::new(BESIDE_A_NEIGHBOR).say(0, flags, packet).becomes(name, Becomes::Counted(counter))
}

/// An update with these LSAs, well-formed as a packet.
fn updates(name: &str, lsas: &[Vec<u8>], counter: &'static str) -> Seed {
    beside(name, FLAG_KEEP_BODY, &packet(UPDATE, &update(lsas.len().try_into().unwrap(), lsas)), counter)
}

/// An LSA that is taken.
fn stores(name: &str, lsas: &[Vec<u8>], ls_type: &'static str, id: &'static str) -> Seed {
    Talk::new(BESIDE_A_NEIGHBOR)
        .say(0, 0, &packet(UPDATE, &update(0, lsas)))
        .becomes(name, Becomes::Stored(ls_type, id))
}

/// The seeds of `instance_datagram`.
pub(crate) fn talks() -> Vec<Seed> {
    [
        framing(),
        lsa_lengths(),
        own_lsas(),
        authentication(),
        negotiation(),
        databases(),
        nssa(),
        each_authentication(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn stub_lsa() -> Vec<u8> {
    lsa(1, PHANTOM.0.to_be_bytes(), &router_body(1, &[STUB_LINK]))
}

fn framing() -> Vec<Seed> {
    let short_header = packet(HELLO, &[]);
    let mut below = packet(HELLO, &hello(2, &[]));
    below[2..4].copy_from_slice(&[0, 23]);
    let mut beyond = packet(HELLO, &hello(2, &[]));
    beyond[2..4].copy_from_slice(&[0xff, 0xff]);
    vec![
        beside("header-underrun", FLAG_AS_IS, &short_header[..10], "drop-truncated"),
        beside("packet-length-below-the-header", FLAG_AS_IS, &below, "drop-bad-packet-length"),
        beside("packet-length-beyond-the-datagram", FLAG_AS_IS, &beyond, "drop-bad-packet-length"),
        beside("unknown-packet-type", 0, &packet(6, &[0; 40]), "drop-unknown-packet-type"),
        beside("hello-ends-before-its-options", 0, &packet(HELLO, &[0; 6]), "drop-truncated"),
        beside("description-ends-before-its-options", 0, &packet(DESCRIPTION, &[0; 2]), "drop-truncated"),
        beside(
            "description-partial-lsa-header",
            0,
            &packet(DESCRIPTION, &description(1, 9, &stub_lsa()[..27])),
            "drop-trailing-bytes",
        ),
        beside("request-for-what-is-not-there", 0, &packet(REQUEST, &[0; 12]), "drop-bad-request"),
        beside("request-partial", 0, &packet(REQUEST, &[0; 13]), "drop-trailing-bytes"),
    ]
}

fn lsa_lengths() -> Vec<Seed> {
    let stub = stub_lsa();
    let counted = |count| packet(UPDATE, &update(count, std::slice::from_ref(&stub)));
    let router = |count| lsa(1, PHANTOM.0.to_be_bytes(), &router_body(count, &[STUB_LINK]));
    vec![
        updates(
            "lsa-length-beyond-the-packet",
            &[with(stub.clone(), 18, &[0xff, 0])],
            "drop-bad-lsa-framing",
        ),
        updates("lsa-length-below-its-header", &[with(stub.clone(), 18, &[0, 19])], "drop-bad-lsa-framing"),
        beside(
            "lsa-header-underrun",
            FLAG_KEEP_BODY,
            &packet(UPDATE, &update(1, &[vec![0; 12]])),
            "drop-truncated",
        ),
        beside("update-below-its-count", FLAG_KEEP_BODY, &counted(2), "drop-truncated"),
        beside("update-count-of-32-bits", FLAG_KEEP_BODY, &counted(0x0001_0001), "drop-truncated"),
        beside("update-count-without-end", FLAG_KEEP_BODY, &counted(u32::MAX), "drop-truncated"),
        updates(
            "network-shorter-than-its-mask",
            &[lsa(2, [10, 9, 0, 99], &[255, 255])],
            "drop-lsa-bad-lsa-length",
        ),
        updates("router-more-links-than-bytes", &[router(0xffff)], "drop-lsa-bad-lsa-length"),
        updates("router-fewer-links-than-bytes", &[router(0)], "drop-lsa-bad-lsa-length"),
        updates("lsa-checksum-zero", &[with(stub.clone(), 16, &[0, 0])], "drop-lsa-bad-ls-checksum"),
        updates(
            "network-mask-with-holes",
            &[lsa(2, [10, 9, 0, 99], &[255, 0, 255, 0, 10, 0, 0, 1])],
            "drop-lsa-bad-network-mask",
        ),
        updates("unknown-lsa-type", &[lsa(77, [1; 4], &[7; 9])], "drop-unsupported-ls-type"),
        updates("nssa-in-a-normal-area", &[lsa(7, [1; 4], &[0; 16])], "drop-unsupported-ls-type"),
    ]
}

/// LSAs in the name of the instance itself, and what must not pass for them.
fn own_lsas() -> Vec<Seed> {
    let ours = |id: RouterId, sequence| {
        raw_lsa(1, id.0.to_be_bytes(), SUBJECT, sequence, &router_body(1, &[STUB_LINK])).unwrap()
    };
    let aged = |lsa: Vec<u8>| with(lsa, 0, &3600_u16.to_be_bytes());
    let outdone = "drop-own-lsa-outdone";
    vec![
        // CVE-2013-0149: the Link State ID is not the advertising router.
        updates("own-router-lsa-under-another-id", &[ours(PHANTOM, 0x8000_0100)], outdone),
        stores(
            "router-lsa-of-another-under-our-id",
            &[lsa(1, SUBJECT.0.to_be_bytes(), &router_body(1, &[STUB_LINK]))],
            "router",
            "10.0.0.1",
        ),
        // CVE-2017-3224: MaxSequenceNumber, and not at MaxAge.
        updates("max-sequence-of-ours", &[ours(SUBJECT, 0x7fff_ffff)], "drop-bad-sequence-number"),
        updates(
            "max-sequence-of-another",
            &[raw_lsa(1, PHANTOM.0.to_be_bytes(), PHANTOM, 0x7fff_ffff, &router_body(0, &[])).unwrap()],
            "drop-bad-sequence-number",
        ),
        updates("reserved-sequence", &[ours(SUBJECT, 0x8000_0000)], "drop-bad-sequence-number"),
        updates("own-lsa-last-of-its-numbers", &[ours(SUBJECT, 0x7fff_fffe)], outdone),
        // Freed while it is received: several instances, one of them gone, in one packet and once more.
        Talk::new(BESIDE_A_NEIGHBOR)
            .say(0, FLAG_MULTICAST, &own_instances(&ours, &aged))
            .say(20, 0, &own_instances(&ours, &aged))
            .becomes("own-lsa-while-it-is-received", Becomes::Counted(outdone)),
        updates(
            "network-lsa-of-our-address",
            &[lsa(2, [10, 9, 0, 1], &[255, 255, 255, 0, 10, 0, 0, 1])],
            outdone,
        ),
    ]
}

fn own_instances(ours: &impl Fn(RouterId, u32) -> Vec<u8>, aged: &impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let instances = [
        ours(SUBJECT, 0x8000_1000),
        aged(ours(SUBJECT, 0x8000_1000)),
        ours(SUBJECT, 0x8000_1001),
        aged(ours(SUBJECT, 0x7fff_ffff)),
    ];
    packet(UPDATE, &update(4, &instances))
}

fn authentication() -> Vec<Seed> {
    let keyed = Profile { auth: MD5, ..BESIDE_A_NEIGHBOR };
    let header = |digest_len| {
        let mut hello = packet(HELLO, &hello(2, &[SUBJECT]));
        hello[2..12].copy_from_slice(&[0, 48, 10, 0, 0, 2, 0, 0, 0, 0]);
        hello[14..24].copy_from_slice(&[0, 2, 0, 0, 1, digest_len, 0xff, 0, 0, 0]);
        hello
    };
    let digested = |digest_len, digest: &[u8], counter, name| {
        let packet = [&header(digest_len), digest].concat();
        Talk::new(keyed).say(0, FLAG_AS_IS, &packet).becomes(name, Becomes::Counted(counter))
    };
    let mut lls = packet(HELLO, &hello(0x12, &[]));
    lls[4..8].copy_from_slice(&NEIGHBOR.0.to_be_bytes());
    let lls = [&sealed(&lls, &Auth::Null).unwrap()[..], &[0, 0, 0xff, 0xff]].concat();
    vec![
        digested(255, &[0xaa; 16], "drop-bad-digest-length", "digest-length-beyond-the-datagram"),
        digested(16, &[0xaa; 3], "drop-bad-digest-length", "digest-cut-off"),
        digested(0, &[0xaa; 16], "drop-bad-digest-length", "digest-length-zero"),
        digested(16, &[0xaa; 16], "drop-bad-digest", "digest-of-another-key"),
        Talk::new(ALONE)
            .say(0, FLAG_AS_IS | FLAG_MULTICAST, &lls)
            .becomes("lls-length-beyond-the-datagram", Becomes::Counted("rx-hello")),
        Talk::new(BESIDE_A_NEIGHBOR)
            .say(0, FLAG_KEEP_HEADER, &with(packet(HELLO, &hello(2, &[])), 4, &SUBJECT.0.to_be_bytes()))
            .becomes("our-router-id", Becomes::Counted("drop-duplicate-router-id")),
    ]
}

/// Database descriptions out of order, on the link where nobody else speaks.
fn negotiation() -> Vec<Seed> {
    const INIT: u8 = 4;
    const MORE: u8 = 2;
    const MASTER: u8 = 1;
    let greeting = packet(HELLO, &hello(2, &[SUBJECT]));
    let talk = || Talk::new(ALONE).say(1, FLAG_POINT_TO_POINT | FLAG_MULTICAST, &greeting);
    let describes = |flags, sequence| packet(DESCRIPTION, &description(flags, sequence, &[]));
    let says = |talk: Talk, flags, sequence| talk.say(1, FLAG_POINT_TO_POINT, &describes(flags, sequence));
    let ignored = || Becomes::Counted("drop-negotiation-ignored");
    vec![
        says(talk(), INIT, 9).becomes("exstart-init-alone", ignored()),
        says(talk(), INIT | MASTER, 9).becomes("exstart-init-and-master", ignored()),
        says(talk(), MASTER, 9).becomes("exstart-master-alone", ignored()),
        says(says(talk(), INIT | MORE | MASTER, u32::MAX), MASTER, 0)
            .becomes("description-sequence-wraps", Becomes::Neighbor("Full")),
        says(says(says(talk(), INIT | MORE | MASTER, 9), MASTER, 10), MASTER, 12)
            .becomes("description-out-of-step", Becomes::Counted("drop-description-out-of-step")),
        Talk::new(BESIDE_A_NEIGHBOR)
            .say(0, 0, &packet(DESCRIPTION, &description(INIT | MORE | MASTER, 9, &[])))
            .becomes("description-restarts-the-exchange", Becomes::Counted("drop-description-out-of-step")),
    ]
}

fn databases() -> Vec<Seed> {
    let phantom = |number: u8| {
        let id = [10, 66, 0, number];
        let link = [10, 66, 0, number.wrapping_add(1), 10, 66, 1, 1, 1, 0, 0xff, 0xff];
        raw_lsa(1, id, RouterId(u32::from_be_bytes(id)), FIRST, &router_body(1, &[link])).unwrap()
    };
    let phantoms: Vec<_> = (0..=99).map(phantom).collect();
    let everybody: Vec<u8> = (0..300_u32).flat_map(|n| (SUBJECT.0 + n % 3).to_be_bytes()).collect();
    let attached = [&[255, 255, 255, 0], &everybody[..]].concat();
    let transit = [10, 9, 9, 9, 10, 9, 9, 1, 2, 0, 0, 1];
    vec![
        stores(
            "opaque-tlv-beyond-its-body",
            &[lsa(10, [4, 0, 0, 1], &[0, 1, 0xff, 0xff, 7])],
            "opaque-area",
            "4.0.0.1",
        ),
        stores("opaque-without-body", &[lsa(11, [4, 0, 0, 2], &[])], "opaque-as", "4.0.0.2"),
        stores(
            "costs-at-their-end",
            &[stub_lsa(), lsa(3, [10, 88, 0, 0], &[255, 255, 0, 0, 0, 0xff, 0xff, 0xff])],
            "summary-network",
            "10.88.0.0",
        ),
        stores("phantoms", &phantoms, "router", "10.66.0.99"),
        stores(
            "network-of-the-same-routers-again-and-again",
            &[
                lsa(2, [10, 9, 9, 9], &attached),
                lsa(1, PHANTOM.0.to_be_bytes(), &router_body(2, &[transit, transit])),
            ],
            "network",
            "10.9.9.9",
        ),
        Talk::new(BESIDE_A_NEIGHBOR)
            .say(0, FLAG_OTHER_SOURCE | FLAG_MULTICAST, &packet(HELLO, &hello(2, &[SUBJECT])))
            .say(1, FLAG_OTHER_SOURCE, &packet(UPDATE, &update(1, &[stub_lsa()])))
            .becomes("update-before-the-exchange", Becomes::Counted("drop-neighbor-state")),
        Talk::new(Profile { area: Area::Stub, ..BESIDE_A_NEIGHBOR })
            .say(0, 0, &packet(UPDATE, &update(0, &[lsa(5, [10, 99, 0, 0], &[0; 16])])))
            .becomes("external-in-a-stub-area", Becomes::Counted("drop-unsupported-ls-type")),
    ]
}

/// In a not-so-stubby area, beside a neighbour that keeps the rules (RFC 3101).
fn nssa() -> Vec<Seed> {
    const P_BIT: [u8; 1] = [0x08];
    let beside = |lsa: Vec<u8>| {
        let profile = Profile { area: Area::Nssa, ..BESIDE_A_NEIGHBOR };
        Talk::new(profile).say(0, 0, &packet(UPDATE, &update(0, &[lsa])))
    };
    // By way of an address on the LAN, so that it may be translated.
    let body = [[255, 255, 0, 0], [0x80, 0, 0, 7], [10, 9, 0, 9], [0; 4]].concat();
    let ours = raw_lsa(7, [192, 0, 2, 2], SUBJECT, 0x8000_0100, &body).unwrap();
    vec![
        beside(with(lsa(7, [10, 98, 0, 0], &body), 2, &P_BIT))
            .say(20, FLAG_MULTICAST, &packet(HELLO, &hello(P_BIT[0], &[SUBJECT])))
            .becomes("nssa-external-of-nobody", Becomes::Stored("nssa", "10.98.0.0")),
        beside(with(ours, 2, &P_BIT))
            .becomes("nssa-own-external-returns", Becomes::Counted("drop-own-lsa-outdone")),
        beside(lsa(5, [10, 99, 0, 0], &body))
            .becomes("nssa-external-of-the-as", Becomes::Counted("drop-unsupported-ls-type")),
    ]
}

/// A good LSA under each authentication: where the fuzzer begins.
fn each_authentication() -> Vec<Seed> {
    let extended = Profile { auth: 4, extended: true, ..BESIDE_A_NEIGHBOR };
    ["null", "simple", "md5", "hmac-sha-1", "hmac-sha-256", "hmac-sha-384", "hmac-sha-512", "md5-strict"]
        .into_iter()
        .zip(0..)
        .map(|(name, auth)| (name.to_owned(), Profile { auth, ..BESIDE_A_NEIGHBOR }))
        .chain([("hmac-sha-256-extended".to_owned(), extended)])
        .map(|(name, profile)| {
            let lsas =
                [stub_lsa(), lsa(5, [10, 99, 0, 0], &[&[255, 255, 0, 0, 0x80], &[0; 11][..]].concat())];
            Talk::new(profile)
                .say(0, 0, &packet(UPDATE, &update(0, &lsas)))
                .say(10, FLAG_MULTICAST, &packet(HELLO, &hello(2, &[SUBJECT])))
                .becomes(&format!("good-under-{name}"), Becomes::Stored("as-external", "10.99.0.0"))
        })
        .collect()
}
