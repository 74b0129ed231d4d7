//! Router-LSA body (RFC 2328 A.4.2).

use common::wire::{Reader, Writer};

use super::{DecodeError, EmitError};

/// Bits of [`RouterLsa::flags`].
pub mod flags {
    /// Area border router.
    pub const B: u8 = 0x01;
    /// AS boundary router.
    pub const E: u8 = 0x02;
    /// Endpoint of a virtual link.
    pub const V: u8 = 0x04;
    /// A border router that translates type-7 LSAs whatever others do (RFC 3101 appendix B).
    pub const NT: u8 = 0x10;
}

const LINK_LEN: usize = 12;
const TOS_LEN: usize = 4;

/// Router-LSA body (RFC 2328 A.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterLsa {
    /// V, E, B bits as on the wire, see [`flags`].
    pub flags: u8,
    /// The links.
    pub links: Vec<RouterLink>,
}

/// One link of a Router-LSA. TOS metrics are skipped on receipt and never sent (RFC 2328 §12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouterLink {
    /// Type.
    pub link_type: RouterLinkType,
    /// Link ID.
    pub link_id: u32,
    /// Link Data.
    pub link_data: u32,
    /// Cost.
    pub metric: u16,
}

/// Router-LSA link types (RFC 2328 A.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouterLinkType {
    /// 1
    PointToPoint,
    /// 2
    Transit,
    /// 3
    Stub,
    /// 4
    Virtual,
    /// Any other.
    Unknown(u8),
}

impl RouterLsa {
    /// Reads the body; the links that it counts must fill it.
    pub(super) fn parse(reader: &mut Reader<'_>, bad_length: DecodeError) -> Result<Self, DecodeError> {
        let mut read = || -> Result<Self, DecodeError> {
            let flags = reader.u8("router flags")?;
            reader.u8("router reserved")?;
            let count = usize::from(reader.u16("router link count")?);
            let mut links = Vec::with_capacity(count.min(reader.remaining() / LINK_LEN));
            for _ in 0..count {
                links.push(RouterLink::parse(reader)?);
            }
            Ok(Self { flags, links })
        };
        let router = read().map_err(|_| bad_length)?;
        if reader.is_empty() { Ok(router) } else { Err(bad_length) }
    }

    pub(super) fn emit(&self, writer: &mut Writer) -> Result<(), EmitError> {
        let count = u16::try_from(self.links.len())
            .map_err(|_| EmitError::LsaTooLong(self.links.len().saturating_mul(LINK_LEN)))?;
        writer.u8(self.flags);
        writer.u8(0);
        writer.u16(count);
        for link in &self.links {
            link.emit(writer);
        }
        Ok(())
    }
}

impl RouterLink {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let link_id = reader.u32("router link id")?;
        let link_data = reader.u32("router link data")?;
        let link_type = RouterLinkType::from(reader.u8("router link type")?);
        let tos_count = usize::from(reader.u8("router link tos count")?);
        let metric = reader.u16("router link metric")?;
        reader.bytes("router link tos", tos_count * TOS_LEN)?;
        Ok(Self { link_type, link_id, link_data, metric })
    }

    fn emit(&self, writer: &mut Writer) {
        writer.u32(self.link_id);
        writer.u32(self.link_data);
        writer.u8(self.link_type.into());
        writer.u8(0);
        writer.u16(self.metric);
    }
}

impl From<u8> for RouterLinkType {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::PointToPoint,
            2 => Self::Transit,
            3 => Self::Stub,
            4 => Self::Virtual,
            unknown => Self::Unknown(unknown),
        }
    }
}

impl From<RouterLinkType> for u8 {
    fn from(link_type: RouterLinkType) -> Self {
        match link_type {
            RouterLinkType::PointToPoint => 1,
            RouterLinkType::Transit => 2,
            RouterLinkType::Stub => 3,
            RouterLinkType::Virtual => 4,
            RouterLinkType::Unknown(number) => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LsType;
    use super::*;

    const BAD_LENGTH: DecodeError = DecodeError::LsaLength { ls_type: LsType::Router, length: 0 };

    #[test]
    fn tos_metrics_are_skipped() {
        let body = [
            0x05, 0, 0, 2, //
            1, 1, 1, 1, 2, 2, 2, 2, 1, 2, 0, 10, /* TOS */ 8, 0, 0, 1, 16, 0, 0, 2, //
            3, 3, 3, 3, 4, 4, 4, 4, 9, 0, 0xff, 0xff,
        ];

        let router = RouterLsa::parse(&mut Reader::new(&body), BAD_LENGTH).unwrap();

        assert_eq!(router.flags, flags::V | flags::B);
        let first = RouterLink {
            link_type: RouterLinkType::PointToPoint,
            link_id: 0x0101_0101,
            link_data: 0x0202_0202,
            metric: 10,
        };
        let second = RouterLink {
            link_type: RouterLinkType::Unknown(9),
            link_id: 0x0303_0303,
            link_data: 0x0404_0404,
            metric: 0xffff,
        };
        assert_eq!(router.links, [first, second]);
    }

    #[test]
    fn links_that_do_not_fill_the_body_are_refused() {
        let one_link = [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 0, 0, 10];
        let mut one_more_counted = one_link;
        one_more_counted[3] = 2;
        let mut one_less_counted = one_link;
        one_less_counted[3] = 0;
        let mut tos_behind_the_end = one_link;
        tos_behind_the_end[13] = 1;

        assert!(RouterLsa::parse(&mut Reader::new(&one_link), BAD_LENGTH).is_ok());
        for body in
            [&one_more_counted[..], &one_less_counted, &tos_behind_the_end, &one_link[..15], &[0, 0, 0]]
        {
            assert_eq!(RouterLsa::parse(&mut Reader::new(body), BAD_LENGTH), Err(BAD_LENGTH));
        }
    }
}
