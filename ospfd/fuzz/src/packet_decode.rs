//! Bytes into the packet decoder, as a socket gives them; then once more with length and checksum made right.

use ospfd::packet::{Algorithm, Auth, Body, CryptoKey, DecodeError, Decoded, Expected, Lsa, Packet, sealed};

/// Decodes `input`, and holds what was read to the codec's laws. True when it is a packet as it stands.
///
/// # Panics
/// When a law is broken.
pub fn run(input: &[u8]) -> bool {
    if let Some(sealed) = sealed(input, &Auth::Null) {
        let _ = read(Packet::decode(&sealed, &Auth::Null));
    }
    // The AuType of the packet itself says which authentication reads it.
    match input.get(15) {
        Some(1) => read(Packet::decode(input, &Auth::Simple(*b"password"))).is_ok(),
        Some(2) => {
            let keys: Vec<_> = (0_u8..)
                .zip(Algorithm::ALL)
                .filter_map(|(id, algorithm)| CryptoKey::new(id, algorithm, b"secret"))
                .collect();
            let refusal = ospfd::packet::KeyRefusal::Unknown;
            let lookup = |id: u32| keys.get(id as usize).ok_or(refusal(id));
            let decoded = Packet::decode_expecting(input, Expected::Crypto(&lookup));
            read(decoded.map(|(decoded, _)| decoded)).is_ok()
        }
        _ => read(Packet::decode(input, &Auth::Null)).is_ok(),
    }
}

/// Holds what came of decoding to the codec's laws.
pub fn read(decoded: Result<Decoded, DecodeError>) -> Result<Decoded, DecodeError> {
    let decoded = decoded.inspect_err(|error| {
        assert!(!error.reason().is_empty() && !error.to_string().is_empty());
    })?;
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
    Ok(decoded)
}
