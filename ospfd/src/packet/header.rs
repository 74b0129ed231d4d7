//! The packet header (RFC 2328 A.3.1), its checksum (D.4) and the dispatch over packet types.

use bytes::Bytes;
use common::ids::{AreaId, RouterId};
use common::wire::{Reader, Writer, checksum};

use super::auth::Received;
use super::{
    Auth, DatabaseDescription, DecodeError, EmitError, Expected, Hello, Lsa, LsaHeader, LsaKey, SkippedLsa,
    Stamp, ack, request, update,
};

/// Length of the packet header, the authentication field included.
pub const PACKET_HEADER_LEN: usize = 24;

/// The longest OSPF packet: an IPv4 datagram of 65535 bytes less its header (RFC 2328 A.1).
pub(super) const MAX_PACKET_LEN: usize = 65_535 - 20;

const VERSION: u8 = 2;
const LENGTH_AT: usize = 2;
const CHECKSUM_AT: usize = 12;
const AU_TYPE_AT: usize = 14;
pub(super) const AUTH_AT: usize = 16;

const TYPE_HELLO: u8 = 1;
const TYPE_DATABASE_DESCRIPTION: u8 = 2;
const TYPE_LINK_STATE_REQUEST: u8 = 3;
pub(super) const TYPE_LINK_STATE_UPDATE: u8 = 4;
const TYPE_LINK_STATE_ACK: u8 = 5;

/// A whole OSPFv2 packet, without the IP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The sender's Router ID.
    pub router_id: RouterId,
    /// The area that it belongs to.
    pub area_id: AreaId,
    /// What it says.
    pub body: Body,
}

/// The five packet types (RFC 2328 A.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Type 1.
    Hello(Hello),
    /// Type 2.
    DatabaseDescription(DatabaseDescription),
    /// Type 3.
    LinkStateRequest(Vec<LsaKey>),
    /// Type 4. LSAs that are bad in themselves are left out, and reported in [`Decoded::skipped`].
    LinkStateUpdate(Vec<Lsa>),
    /// Type 5.
    LinkStateAck(Vec<LsaHeader>),
}

/// A packet, and what had to be left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The packet.
    pub packet: Packet,
    /// LSAs of a Link State Update that were refused one by one.
    pub skipped: Vec<SkippedLsa>,
}

impl Packet {
    /// Reads a packet from an IP payload, and holds it against the authentication that it would be sent with.
    pub fn decode(bytes: &[u8], auth: &Auth) -> Result<Decoded, DecodeError> {
        Self::read(bytes, |received| auth.verify(received)).map(|(decoded, _)| decoded)
    }

    /// Reads a packet from an IP payload, and verifies it. Of one with a digest comes what the digest vouches
    /// for; its sequence number is for the caller to judge.
    pub fn decode_expecting(
        bytes: &[u8],
        expected: Expected<'_>,
    ) -> Result<(Decoded, Option<Stamp>), DecodeError> {
        Self::read(bytes, |received| expected.verify(received))
    }

    fn read(
        bytes: &[u8],
        verify: impl FnOnce(Received<'_>) -> Result<Option<Stamp>, DecodeError>,
    ) -> Result<(Decoded, Option<Stamp>), DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8("version")?;
        // RFC 2328 §8.2
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let packet_type = reader.u8("packet type")?;
        let length = reader.u16("packet length")?;
        let router_id = RouterId(reader.u32("router id")?);
        let area_id = AreaId(reader.u32("area id")?);
        let checksum = reader.u16("checksum")?;
        let au_type = reader.u16("authentication type")?;
        let field = reader.array::<8>("authentication")?;

        let (packet, behind) = bytes
            .split_at_checked(usize::from(length))
            .filter(|(packet, _)| packet.len() >= PACKET_HEADER_LEN)
            .ok_or(DecodeError::PacketLength { length, received: bytes.len() })?;
        let crypto = verify(Received { au_type, field, checksum, packet, behind })?;

        let mut skipped = Vec::new();
        let (_, body) = packet.split_at(PACKET_HEADER_LEN);
        let body = Body::parse(packet_type, body, &mut skipped)?;
        Ok((Decoded { packet: Self { router_id, area_id, body }, skipped }, crypto))
    }

    /// The packet as bytes. The only error is a packet longer than an IP datagram.
    pub fn encode(&self, auth: &Auth) -> Result<Bytes, EmitError> {
        emit_packet(self.body.packet_type(), (self.router_id, self.area_id), auth, |writer| {
            self.body.emit(writer);
        })
    }
}

impl Body {
    /// The packet type's name in kebab case, for counters and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::DatabaseDescription(_) => "database-description",
            Self::LinkStateRequest(_) => "link-state-request",
            Self::LinkStateUpdate(_) => "link-state-update",
            Self::LinkStateAck(_) => "link-state-ack",
        }
    }

    /// The number of the packet type (RFC 2328 A.3.1).
    pub(crate) const fn packet_type(&self) -> u8 {
        match self {
            Self::Hello(_) => TYPE_HELLO,
            Self::DatabaseDescription(_) => TYPE_DATABASE_DESCRIPTION,
            Self::LinkStateRequest(_) => TYPE_LINK_STATE_REQUEST,
            Self::LinkStateUpdate(_) => TYPE_LINK_STATE_UPDATE,
            Self::LinkStateAck(_) => TYPE_LINK_STATE_ACK,
        }
    }

    fn parse(packet_type: u8, bytes: &[u8], skipped: &mut Vec<SkippedLsa>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        match packet_type {
            TYPE_HELLO => Hello::parse(&mut reader).map(Self::Hello),
            TYPE_DATABASE_DESCRIPTION => {
                DatabaseDescription::parse(&mut reader).map(Self::DatabaseDescription)
            }
            TYPE_LINK_STATE_REQUEST => request::parse(&mut reader).map(Self::LinkStateRequest),
            TYPE_LINK_STATE_UPDATE => update::parse(&mut reader, skipped).map(Self::LinkStateUpdate),
            TYPE_LINK_STATE_ACK => ack::parse(&mut reader).map(Self::LinkStateAck),
            unknown => Err(DecodeError::PacketType(unknown)),
        }
    }

    fn emit(&self, writer: &mut Writer) {
        match self {
            Self::Hello(hello) => hello.emit(writer),
            Self::DatabaseDescription(description) => description.emit(writer),
            Self::LinkStateRequest(keys) => request::emit(keys, writer),
            Self::LinkStateUpdate(lsas) => update::emit(lsas.iter().map(|lsa| &lsa.raw), writer),
            Self::LinkStateAck(headers) => ack::emit(headers, writer),
        }
    }
}

/// RFC 2328 §8.1: writes the header, then the body, then what [`seal`] adds: length, checksum, authentication.
pub(super) fn emit_packet(
    packet_type: u8,
    (router_id, area_id): (RouterId, AreaId),
    auth: &Auth,
    body: impl FnOnce(&mut Writer),
) -> Result<Bytes, EmitError> {
    let mut writer = Writer::with_capacity(256);
    writer.u8(VERSION);
    writer.u8(packet_type);
    writer.u16(0);
    writer.u32(router_id.0);
    writer.u32(area_id.0);
    writer.u16(0);
    writer.u16(0);
    writer.bytes(&[0; 8]);
    body(&mut writer);
    seal(writer, auth)
}

/// A packet given as bytes, whatever they say, made right in what authentication covers it with: length, AuType, checksum,
/// authentication field, digest. `None` when there is no whole header or more than an IP datagram holds. It is how packets
/// are made that are genuine and wrong all the same.
pub fn sealed(packet: &[u8], auth: &Auth) -> Option<Bytes> {
    if packet.len() < PACKET_HEADER_LEN {
        return None;
    }
    let mut writer = Writer::with_capacity(packet.len());
    writer.bytes(packet);
    writer.patch(CHECKSUM_AT, &[0; PACKET_HEADER_LEN - CHECKSUM_AT]);
    seal(writer, auth).ok()
}

/// Ends a packet whose fields from the checksum to the authentication are zero.
fn seal(mut writer: Writer, auth: &Auth) -> Result<Bytes, EmitError> {
    // RFC 2328 D.4.3: a digest stands behind the packet and does not count in its length.
    let datagram = writer.len() + auth.trailer_len();
    if datagram > MAX_PACKET_LEN {
        return Err(EmitError::PacketTooLong(datagram));
    }
    let length = u16::try_from(writer.len()).map_err(|_| EmitError::PacketTooLong(datagram))?;
    writer.patch(LENGTH_AT, &length.to_be_bytes());
    writer.patch(AU_TYPE_AT, &auth.au_type().to_be_bytes());
    if auth.has_checksum() {
        // RFC 2328 D.4.1, D.4.2: the sum is taken while the authentication field is zero.
        let sum = checksum::internet(&[writer.written()]);
        writer.patch(CHECKSUM_AT, &sum.to_be_bytes());
    }
    writer.patch(AUTH_AT, &auth.field());
    let trailer = auth.trailer(writer.written());
    writer.bytes(&trailer);
    Ok(writer.finish())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::LsType;
    use super::*;

    #[test]
    fn a_hello_survives_the_wire() {
        let packet = Packet {
            router_id: RouterId(0x0a00_0001),
            area_id: AreaId(0),
            body: Body::Hello(Hello {
                network_mask: Ipv4Addr::new(255, 255, 255, 0),
                hello_interval: 10,
                options: 2,
                priority: 1,
                router_dead_interval: 40,
                designated_router: Ipv4Addr::UNSPECIFIED,
                backup_designated_router: Ipv4Addr::UNSPECIFIED,
                neighbors: vec![RouterId(7)],
            }),
        };
        for auth in [Auth::Null, Auth::Simple(*b"password")] {
            let bytes = packet.encode(&auth).unwrap();
            let decoded = Packet::decode(&bytes, &auth).unwrap();
            assert_eq!(decoded, Decoded { packet: packet.clone(), skipped: vec![] });
        }
    }

    #[test]
    fn an_odd_packet_has_a_checksum_too() {
        let key = LsaKey { ls_type: LsType::OpaqueArea, link_state_id: 1, advertising_router: RouterId(1) };
        let lsa = Lsa::build_opaque(1, 2, key, 1, b"abc").unwrap();
        let packet =
            Packet { router_id: RouterId(1), area_id: AreaId(0), body: Body::LinkStateUpdate(vec![lsa]) };
        let bytes = packet.encode(&Auth::Null).unwrap();
        // By hand: in words, with a zero byte behind the last one.
        assert_eq!(bytes.len() % 2, 1);
        let words =
            bytes.chunks(2).map(|pair| (u32::from(pair[0]) << 8) + pair.get(1).map_or(0, |&low| low.into()));
        let sum: u32 = words.sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
        assert_eq!(Packet::decode(&bytes, &Auth::Null).unwrap().packet, packet);
        let mut damaged = bytes.to_vec();
        *damaged.last_mut().unwrap() ^= 1;
        let refused = Packet::decode(&damaged, &Auth::Null).unwrap_err();
        assert!(matches!(refused, DecodeError::PacketChecksum(_)), "{refused}");
    }
}
