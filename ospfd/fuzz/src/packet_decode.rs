//! Bytes into the packet decoder.

use ospfd::packet::{Auth, Body, Lsa, Packet};

/// Decodes `input`, and holds what was read to the codec's laws. True when it is a packet.
///
/// # Panics
/// When a law is broken.
pub fn run(input: &[u8]) -> bool {
    let decoded = match Packet::decode(input, &Auth::Null) {
        Ok(decoded) => decoded,
        Err(error) => {
            assert!(!error.reason().is_empty() && !error.to_string().is_empty());
            return false;
        }
    };
    for skipped in &decoded.skipped {
        assert!(!format!("{}: {}", skipped.key, skipped.error).is_empty());
    }
    if let Body::LinkStateUpdate(lsas) = &decoded.packet.body {
        for lsa in lsas {
            assert_eq!(Lsa::parse(&lsa.raw).as_ref(), Ok(lsa), "an LSA stands by itself");
        }
    }
    // What is emitted reads as what was read. (Not byte for byte: reserved bits and capped ages are not kept.)
    let emitted = decoded.packet.encode(&Auth::Null).expect("what fitted one datagram fits one again");
    let again = Packet::decode(&emitted, &Auth::Null).expect("what we emit can be read");
    assert_eq!(again.packet, decoded.packet);
    assert!(again.skipped.is_empty());
    true
}
