//! Identifiers that more than one crate speaks of.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! dotted_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Ipv4Addr::from_bits(self.0).fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse::<Ipv4Addr>()
                    .map(Ipv4Addr::to_bits)
                    .or_else(|_| text.parse::<u32>())
                    .map(Self)
                    .map_err(|_| IdError(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

dotted_id! {
    /// An OSPF Router ID (RFC 2328 C.1), written dotted.
    RouterId
}
dotted_id! {
    /// An OSPF Area ID (RFC 2328 C.2), written dotted; 0.0.0.0 is the backbone.
    AreaId
}

/// The text is no 32-bit identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither four dotted numbers nor a number below 2^32; write it like 10.0.0.1")]
pub struct IdError(String);

/// The kernel's interface index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IfIndex(pub u32);

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_dotted_and_read_either_way() {
        assert_eq!("10.0.0.1".parse(), Ok(RouterId(0x0a00_0001)));
        assert_eq!("0".parse(), Ok(AreaId(0)));
        assert_eq!(AreaId(0).to_string(), "0.0.0.0");
        assert_eq!("10.0.0".parse::<RouterId>(), Err(IdError("10.0.0".into())));
    }
}
