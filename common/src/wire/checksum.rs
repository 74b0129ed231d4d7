//! The internet checksum (RFC 1071) and the Fletcher checksum as OSPF uses it (RFC 905 annex B, RFC 2328 §12.1.7).

/// Bytes that can be summed twice over in 32 bits before a reduction modulo 255 is due.
const FLETCHER_CHUNK: usize = 4096;

/// The internet checksum over `parts`, taken as one sequence; every part but the last must have even length.
///
/// Over bytes that already carry their checksum the result is 0.
pub fn internet(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        let (pairs, last) = part.as_chunks::<2>();
        sum += pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>();
        sum += last.iter().map(|byte| u64::from(*byte) << 8).sum::<u64>();
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// The Fletcher checksum of `bytes` whose own two bytes stand at offset `at`; what stands there now is taken as zero.
///
/// Neither byte of the result is 0: zero and 255 are the same in this arithmetic, and OSPF has no LSA with
/// checksum 0. `None` when the two bytes do not lie within `bytes`.
pub fn fletcher(bytes: &[u8], at: usize) -> Option<u16> {
    let before = bytes.get(..at)?;
    let after = bytes.get(at.checked_add(2)?..)?;
    let sums = Sums::default().add(before).add(&[0, 0]).add(after);

    // RFC 905 annex B.2: solve for the two bytes that make both sums vanish.
    let weight = u64::try_from(after.len()).ok()? % 255;
    let (c0, c1) = (u64::from(sums.c0), u64::from(sums.c1));
    let first = nonzero(((weight + 1) * c0 + 255 - c1) % 255);
    let second = nonzero((510 - c0 - u64::from(first)) % 255);
    Some(u16::from_be_bytes([first, second]))
}

/// True when `bytes`, their checksum included, sum up as RFC 905 annex B.3 asks.
pub fn fletcher_is_valid(bytes: &[u8]) -> bool {
    let sums = Sums::default().add(bytes);
    sums.c0 == 0 && sums.c1 == 0
}

/// The two running sums, each below 255.
#[derive(Clone, Copy, Default)]
struct Sums {
    c0: u32,
    c1: u32,
}

impl Sums {
    fn add(mut self, bytes: &[u8]) -> Self {
        for chunk in bytes.chunks(FLETCHER_CHUNK) {
            for byte in chunk {
                self.c0 += u32::from(*byte);
                self.c1 += self.c0;
            }
            self.c0 %= 255;
            self.c1 %= 255;
        }
        self
    }
}

/// The residue as a byte, with 255 for 0.
fn nonzero(residue: u64) -> u8 {
    match u8::try_from(residue) {
        Ok(0) | Err(_) => 255,
        Ok(byte) => byte,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 1071 §3.
    #[test]
    fn the_internet_checksum_matches_its_rfc() {
        assert_eq!(internet(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        assert_eq!(internet(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6]]), !0xdcfb);
        assert_eq!(internet(&[]), 0xffff);
    }

    #[test]
    fn a_fletcher_sum_that_would_hold_zeros_holds_255s() {
        assert_eq!(fletcher(&[0, 0, 0, 0], 1), Some(0xffff));
        assert!(fletcher_is_valid(&[0, 0xff, 0xff, 0]));
    }

    #[test]
    fn a_checksum_outside_the_bytes_is_refused() {
        assert_eq!(fletcher(&[1, 2, 3], 2), None);
        assert_eq!(fletcher(&[1, 2, 3], usize::MAX), None);
        assert!(fletcher(&[1, 2, 3], 1).is_some());
    }

    proptest! {
        #[test]
        fn a_fletcher_sum_in_place_verifies(mut bytes in prop::collection::vec(any::<u8>(), 2..9000), at in any::<prop::sample::Index>()) {
            let at = at.index(bytes.len() - 1);
            let sum = fletcher(&bytes, at).unwrap();
            bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());

            prop_assert!(fletcher_is_valid(&bytes));
            prop_assert!(bytes[at] != 0 && bytes[at + 1] != 0);
        }

        #[test]
        fn a_single_changed_byte_is_noticed(mut bytes in prop::collection::vec(any::<u8>(), 4..300), which in any::<prop::sample::Index>(), change in 1..=254_u8) {
            let sum = fletcher(&bytes, 0).unwrap();
            bytes[..2].copy_from_slice(&sum.to_be_bytes());
            let which = which.index(bytes.len());
            bytes[which] = bytes[which].wrapping_add(change);

            // 0 and 255 are the same residue, the one change that Fletcher cannot see.
            let unseen = bytes[which] == 0 && change == 1;
            prop_assert!(unseen || !fletcher_is_valid(&bytes));
        }

        #[test]
        fn an_internet_sum_in_place_gives_zero(mut bytes in prop::collection::vec(any::<u8>(), 2..2000)) {
            bytes[..2].copy_from_slice(&[0, 0]);
            let sum = internet(&[&bytes]);
            bytes[..2].copy_from_slice(&sum.to_be_bytes());

            prop_assert_eq!(internet(&[&bytes]), 0);
        }
    }
}
