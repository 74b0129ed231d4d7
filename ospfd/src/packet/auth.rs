//! Null and simple password authentication (RFC 2328 appendix D.1, D.2).

use std::fmt;

use super::DecodeError;

const AU_TYPE_NULL: u16 = 0;
const AU_TYPE_SIMPLE: u16 = 1;

/// How the packets of a link are authenticated.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Auth {
    /// AuType 0: not at all.
    #[default]
    Null,
    /// AuType 1: eight bytes in clear.
    Simple([u8; 8]),
}

impl Auth {
    /// The number in the AuType field.
    pub(super) const fn au_type(&self) -> u16 {
        match self {
            Self::Null => AU_TYPE_NULL,
            Self::Simple(_) => AU_TYPE_SIMPLE,
        }
    }

    /// The 64-bit authentication field as it is sent.
    pub(super) const fn field(&self) -> [u8; 8] {
        match self {
            Self::Null => [0; 8],
            Self::Simple(password) => *password,
        }
    }

    /// RFC 2328 D.5: does a packet with this field authenticate? With AuType 0 the field is not examined.
    pub(super) fn verify(&self, field: [u8; 8]) -> Result<(), DecodeError> {
        match self {
            Self::Null => Ok(()),
            Self::Simple(password) if *password == field => Ok(()),
            Self::Simple(_) => Err(DecodeError::AuthFailed),
        }
    }
}

/// Shows the kind and hides the password.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Simple(_) => "Simple(hidden)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_must_match_and_is_never_printed() {
        let auth = Auth::Simple(*b"secret\0\0");

        assert_eq!(auth.verify(*b"secret\0\0"), Ok(()));
        assert_eq!(auth.verify(*b"Secret\0\0"), Err(DecodeError::AuthFailed));
        assert_eq!(Auth::Null.verify([7; 8]), Ok(()));
        assert_eq!(format!("{auth:?}"), "Simple(hidden)");
    }
}
