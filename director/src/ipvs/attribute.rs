//! How values lie inside attributes, and how a family of attributes is declared.
//!
//! Numbers are in host order except where a type says otherwise. Attributes that a newer kernel adds are kept as they
//! came (`Unknown`), so that reading never fails over them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{Emitable, Nla};

use super::CodecError;

/// A value that an attribute carries.
pub trait Value: Sized {
    /// Bytes without padding.
    fn width(&self) -> usize;
    /// Writes exactly [`Self::width`] bytes.
    fn emit(&self, buffer: &mut [u8]);
    /// Reads a value; `attribute` names it in errors.
    fn parse(attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError>;
}

/// A block of attributes, read in order.
pub trait Block: Sized {
    /// Reads all attributes in `bytes`.
    fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, CodecError>;
}

/// A port, in network order on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

/// An address whose family stands in another attribute: the kernel writes 16 bytes, IPv4 in the first four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAddress(pub [u8; 16]);

/// `struct ip_vs_flags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Values of the bits.
    pub flags: u32,
    /// Bits to change.
    pub mask: u32,
}

macro_rules! number_value {
    ($($number:ty)*) => {$(
        impl Value for $number {
            fn width(&self) -> usize {
                size_of::<Self>()
            }

            fn emit(&self, buffer: &mut [u8]) {
                buffer.copy_from_slice(&self.to_ne_bytes());
            }

            fn parse(attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError> {
                exactly(attribute, bytes).map(Self::from_ne_bytes)
            }
        }
    )*};
}

number_value!(u8 u16 u32 u64);

impl Value for Port {
    fn width(&self) -> usize {
        2
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0.to_be_bytes());
    }

    fn parse(attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError> {
        exactly(attribute, bytes).map(|bytes| Self(u16::from_be_bytes(bytes)))
    }
}

impl Value for RawAddress {
    fn width(&self) -> usize {
        16
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0);
    }

    fn parse(attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError> {
        let mut address = [0; 16];
        match bytes.len() {
            4 => address[..4].copy_from_slice(bytes),
            16 => address.copy_from_slice(bytes),
            got => return Err(CodecError::Length { attribute, want: 16, got }),
        }
        Ok(Self(address))
    }
}

impl Value for Flags {
    fn width(&self) -> usize {
        8
    }

    fn emit(&self, buffer: &mut [u8]) {
        buffer[..4].copy_from_slice(&self.flags.to_ne_bytes());
        buffer[4..].copy_from_slice(&self.mask.to_ne_bytes());
    }

    fn parse(attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError> {
        let both = u64::from_ne_bytes(exactly(attribute, bytes)?).to_ne_bytes();
        let [a, b, c, d, e, f, g, h] = both;
        Ok(Self { flags: u32::from_ne_bytes([a, b, c, d]), mask: u32::from_ne_bytes([e, f, g, h]) })
    }
}

/// Text with a trailing NUL on the wire.
impl Value for String {
    fn width(&self) -> usize {
        str::len(self) + 1
    }

    fn emit(&self, buffer: &mut [u8]) {
        let (last, text) = buffer.split_last_mut().expect("width() counts the NUL");
        text.copy_from_slice(self.as_bytes());
        *last = 0;
    }

    fn parse(attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError> {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| CodecError::Text { attribute })
    }
}

/// Nested attributes.
impl<A: Nla + Block> Value for Vec<A> {
    fn width(&self) -> usize {
        self.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.as_slice().emit(buffer);
    }

    fn parse(_attribute: &'static str, bytes: &[u8]) -> Result<Self, CodecError> {
        A::parse_all(bytes)
    }
}

impl RawAddress {
    /// The address, read in the family that another attribute names.
    pub fn to_ip(self, ipv6: bool) -> IpAddr {
        let [a, b, c, d, ..] = self.0;
        if ipv6 { Ipv6Addr::from(self.0).into() } else { Ipv4Addr::new(a, b, c, d).into() }
    }
}

impl From<IpAddr> for RawAddress {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&address.octets());
                Self(bytes)
            }
            IpAddr::V6(address) => Self(address.octets()),
        }
    }
}

fn exactly<const N: usize>(attribute: &'static str, bytes: &[u8]) -> Result<[u8; N], CodecError> {
    bytes.try_into().map_err(|_| CodecError::Length { attribute, want: N, got: bytes.len() })
}

/// Declares a family of attributes: the enum, its [`Nla`] and its [`Block`].
macro_rules! attribute_family {
    (
        $(#[$doc:meta])*
        pub enum $family:ident ($block:literal) {
            $( $(#[$item_doc:meta])* $number:literal => $name:ident($value:ty), )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $family {
            $( $(#[$item_doc])* $name($value), )+
            /// An attribute that this version does not know.
            Unknown(netlink_packet_core::DefaultNla),
        }

        impl netlink_packet_core::Nla for $family {
            fn value_len(&self) -> usize {
                match self {
                    $( Self::$name(value) => $crate::ipvs::attribute::Value::width(value), )+
                    Self::Unknown(nla) => nla.value_len(),
                }
            }

            fn kind(&self) -> u16 {
                match self {
                    $( Self::$name(_) => $number, )+
                    Self::Unknown(nla) => nla.kind(),
                }
            }

            fn emit_value(&self, buffer: &mut [u8]) {
                match self {
                    $( Self::$name(value) => $crate::ipvs::attribute::Value::emit(value, buffer), )+
                    Self::Unknown(nla) => nla.emit_value(buffer),
                }
            }
        }

        impl $crate::ipvs::attribute::Block for $family {
            fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, $crate::ipvs::CodecError> {
                use netlink_packet_core::{DefaultNla, NlasIterator, Parseable};
                use $crate::ipvs::{attribute::Value, CodecError};

                const FRAMING: CodecError = CodecError::Framing { block: $block };
                NlasIterator::new(bytes)
                    .map(|nla| {
                        let nla = nla.map_err(|_| FRAMING)?;
                        Ok(match nla.kind() {
                            $( $number => Self::$name(<$value as Value>::parse(
                                concat!($block, " ", stringify!($name)), nla.value())?), )+
                            _ => Self::Unknown(DefaultNla::parse(&nla).map_err(|_| FRAMING)?),
                        })
                    })
                    .collect()
            }
        }
    };
}

pub(crate) use attribute_family;
