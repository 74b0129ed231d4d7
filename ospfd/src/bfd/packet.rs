//! The control packet (RFC 5880 §4).

use std::fmt;

use common::wire::{Reader, Truncated};
use serde::{Deserialize, Serialize};

use super::auth::{MAX_SECTION_LEN, Section};

/// Version of the protocol (§4.1).
const VERSION: u8 = 1;
/// Bytes in front of the authentication section (§4.1).
pub(super) const HEADER_LEN: usize = 24;
/// The longest packet that there is.
pub const MAX_LEN: usize = HEADER_LEN + MAX_SECTION_LEN;

/// Poll (§4.1), as the flags behind it in the second byte.
const P: u8 = 0x20;
/// Final.
const F: u8 = 0x10;
/// Control Plane Independent.
const C: u8 = 0x08;
/// Authentication Present.
pub(super) const A: u8 = 0x04;
/// Demand.
const D: u8 = 0x02;
/// Multipoint.
const M: u8 = 0x01;

/// Session states (§4.1), with their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Held down on purpose.
    AdminDown,
    /// Not heard.
    Down,
    /// Heard; the other side does not hear us yet, as far as we know.
    Init,
    /// Each hears the other.
    Up,
}

impl State {
    /// All of them, by number.
    pub const ALL: [Self; 4] = [Self::AdminDown, Self::Down, Self::Init, Self::Up];

    /// The RFC's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdminDown => "AdminDown",
            Self::Down => "Down",
            Self::Init => "Init",
            Self::Up => "Up",
        }
    }
}

/// Why a session left state Up (§4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Diagnostic {
    /// Nothing to tell.
    #[default]
    None,
    /// The other side fell silent.
    DetectionTimeExpired,
    /// Echo packets did not come back.
    EchoFailed,
    /// The other side says that it does not hear us.
    NeighborSignaledDown,
    /// The forwarding plane was reset.
    ForwardingPlaneReset,
    /// The path below is down.
    PathDown,
    /// A path that this one is joined to is down.
    ConcatenatedPathDown,
    /// Taken down on purpose.
    AdministrativelyDown,
    /// A path that this one is joined to is down, the other way.
    ReverseConcatenatedPathDown,
    /// Not assigned.
    Unknown(u8),
}

impl Diagnostic {
    const fn from_wire(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::DetectionTimeExpired,
            2 => Self::EchoFailed,
            3 => Self::NeighborSignaledDown,
            4 => Self::ForwardingPlaneReset,
            5 => Self::PathDown,
            6 => Self::ConcatenatedPathDown,
            7 => Self::AdministrativelyDown,
            8 => Self::ReverseConcatenatedPathDown,
            other => Self::Unknown(other),
        }
    }

    const fn to_wire(self) -> u8 {
        match self {
            Self::None => 0,
            Self::DetectionTimeExpired => 1,
            Self::EchoFailed => 2,
            Self::NeighborSignaledDown => 3,
            Self::ForwardingPlaneReset => 4,
            Self::PathDown => 5,
            Self::ConcatenatedPathDown => 6,
            Self::AdministrativelyDown => 7,
            Self::ReverseConcatenatedPathDown => 8,
            Self::Unknown(number) => number & 0x1f,
        }
    }

    /// In words; those that FRR's `show bfd peers` has.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "ok",
            Self::DetectionTimeExpired => "control detection time expired",
            Self::EchoFailed => "echo function failed",
            Self::NeighborSignaledDown => "neighbor signaled session down",
            Self::ForwardingPlaneReset => "forwarding plane reset",
            Self::PathDown => "path down",
            Self::ConcatenatedPathDown => "concatenated path down",
            Self::AdministrativelyDown => "administratively down",
            Self::ReverseConcatenatedPathDown => "reverse concatenated path down",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A control packet without its authentication section. Intervals are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPacket {
    /// Why the sender's session left state Up last.
    pub diagnostic: Diagnostic,
    /// State of the sender's session.
    pub state: State,
    /// The sender wants an answer with `final_bit`.
    pub poll: bool,
    /// This is the answer to a poll.
    pub final_bit: bool,
    /// The sender's BFD survives its control plane.
    pub control_plane_independent: bool,
    /// The sender wants no periodic packets while both sides are Up.
    pub demand: bool,
    /// How many of the sender's packets may be missed, not 0.
    pub multiplier: u8,
    /// The sender's name for the session, not 0.
    pub my_discriminator: u32,
    /// The receiver's name for it; 0 while the sender does not know it.
    pub your_discriminator: u32,
    /// The sender would like to send no faster than this.
    pub desired_min_tx: u32,
    /// The sender can hear packets at this interval; 0: it wants none.
    pub required_min_rx: u32,
    /// The sender can send echo packets back at this interval; 0: not at all.
    pub required_min_echo_rx: u32,
}

/// Why bytes are no control packet: the first steps of §6.8.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a header has.
    #[error("{0}")]
    Truncated(#[from] Truncated),
    /// Another version.
    #[error("version {0}, and 1 is spoken here")]
    Version(u8),
    /// A length that no packet has, or that is longer than the datagram.
    #[error("length {length} of {datagram} bytes")]
    Length {
        /// As the packet says.
        length: u8,
        /// Bytes of the datagram.
        datagram: usize,
    },
    /// Detect Mult 0.
    #[error("detect multiplier 0")]
    Multiplier,
    /// The M bit.
    #[error("multipoint")]
    Multipoint,
    /// My Discriminator 0.
    #[error("my discriminator 0")]
    MyDiscriminator,
    /// Your Discriminator 0 in a state that needs one.
    #[error("your discriminator 0 in state {}", .0.as_str())]
    YourDiscriminator(State),
    /// An authentication section that does not fill the rest of the packet, or of a type that there is not.
    #[error("authentication section of type {kind}, {length} bytes")]
    AuthSection {
        /// Auth Type.
        kind: u8,
        /// Auth Len.
        length: u8,
    },
}

impl DecodeError {
    /// The name of its counter.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Truncated(_) => "truncated",
            Self::Version(_) => "bad-version",
            Self::Length { .. } => "bad-length",
            Self::Multiplier => "zero-multiplier",
            Self::Multipoint => "multipoint",
            Self::MyDiscriminator => "zero-my-discriminator",
            Self::YourDiscriminator(_) => "zero-your-discriminator",
            Self::AuthSection { .. } => "bad-auth-section",
        }
    }
}

/// A control packet that came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Its fields.
    pub packet: ControlPacket,
    /// Its authentication section; `None` when the A bit is clear.
    pub section: Option<Section<'a>>,
    /// The packet as it came, without what stands behind it in the datagram.
    pub bytes: &'a [u8],
}

/// Hides the bytes: a password may be in them.
impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded").field("packet", &self.packet).field("section", &self.section).finish()
    }
}

impl ControlPacket {
    /// Reads a datagram: the steps of RFC 5880 §6.8.6 that need no session.
    ///
    /// # Errors
    /// The first of those steps that discards it.
    pub fn decode(datagram: &[u8]) -> Result<Decoded<'_>, DecodeError> {
        let mut reader = Reader::new(datagram);
        let [first, second, multiplier, length] = reader.array("header")?;
        if first >> 5 != VERSION {
            return Err(DecodeError::Version(first >> 5));
        }
        let authenticated = second & A != 0;
        let least = HEADER_LEN + if authenticated { 2 } else { 0 };
        let bad_length = DecodeError::Length { length, datagram: datagram.len() };
        if usize::from(length) < least {
            return Err(bad_length);
        }
        let bytes = datagram.get(..usize::from(length)).ok_or(bad_length)?;
        if multiplier == 0 {
            return Err(DecodeError::Multiplier);
        }
        if second & M != 0 {
            return Err(DecodeError::Multipoint);
        }
        let my_discriminator = reader.u32("my discriminator")?;
        if my_discriminator == 0 {
            return Err(DecodeError::MyDiscriminator);
        }
        let your_discriminator = reader.u32("your discriminator")?;
        let state = State::ALL[usize::from(second >> 6)];
        if your_discriminator == 0 && !matches!(state, State::Down | State::AdminDown) {
            return Err(DecodeError::YourDiscriminator(state));
        }
        let packet = Self {
            diagnostic: Diagnostic::from_wire(first & 0x1f),
            state,
            poll: second & P != 0,
            final_bit: second & F != 0,
            control_plane_independent: second & C != 0,
            demand: second & D != 0,
            multiplier,
            my_discriminator,
            your_discriminator,
            desired_min_tx: reader.u32("desired min tx interval")?,
            required_min_rx: reader.u32("required min rx interval")?,
            required_min_echo_rx: reader.u32("required min echo rx interval")?,
        };
        let section = match bytes.get(HEADER_LEN..) {
            Some(rest) if authenticated => Some(Section::decode(rest)?),
            _ => None,
        };
        Ok(Decoded { packet, section, bytes })
    }

    /// Writes the packet without authentication section.
    pub fn encode(&self) -> Encoded {
        let mut encoded = Encoded { bytes: [0; MAX_LEN], len: HEADER_LEN };
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.poll, P)
            | flag(self.final_bit, F)
            | flag(self.control_plane_independent, C)
            | flag(self.demand, D);
        let head = [
            VERSION << 5 | self.diagnostic.to_wire(),
            (self.state as u8) << 6 | flags,
            self.multiplier,
            HEADER_LEN as u8,
        ];
        let words = [
            u32::from_be_bytes(head),
            self.my_discriminator,
            self.your_discriminator,
            self.desired_min_tx,
            self.required_min_rx,
            self.required_min_echo_rx,
        ];
        for (place, word) in encoded.bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        encoded
    }
}

/// A packet as it goes out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    pub(super) bytes: [u8; MAX_LEN],
    pub(super) len: usize,
}

impl Encoded {
    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Shows how long it is: a password may be in it.
impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FRR's first packet of a session, as tshark 4.0 dissects it: Down, multiplier 3, 1 s, 50 ms, echo 50 ms.
    const FIRST: [u8; 24] = [
        0x20, 0x40, 0x03, 0x18, 0x2d, 0x5e, 0x87, 0x0a, 0, 0, 0, 0, 0x00, 0x0f, 0x42, 0x40, 0x00, 0x00, 0xc3,
        0x50, 0x00, 0x00, 0xc3, 0x50,
    ];

    fn first() -> ControlPacket {
        ControlPacket {
            diagnostic: Diagnostic::None,
            state: State::Down,
            poll: false,
            final_bit: false,
            control_plane_independent: false,
            demand: false,
            multiplier: 3,
            my_discriminator: 0x2d5e_870a,
            your_discriminator: 0,
            desired_min_tx: 1_000_000,
            required_min_rx: 50_000,
            required_min_echo_rx: 50_000,
        }
    }

    #[test]
    fn bytes_and_fields_of_a_packet_correspond() {
        assert_eq!(
            ControlPacket::decode(&FIRST),
            Ok(Decoded { packet: first(), section: None, bytes: &FIRST })
        );
        assert_eq!(first().encode().as_slice(), FIRST);
    }

    #[test]
    fn every_state_diagnostic_and_flag_has_its_bits() {
        for number in 0..=31 {
            for state in State::ALL {
                for bits in 0..16_u8 {
                    let flag = |index: u8| bits >> index & 1 == 1;
                    let packet = ControlPacket {
                        diagnostic: Diagnostic::from_wire(number),
                        state,
                        poll: flag(0),
                        final_bit: flag(1),
                        control_plane_independent: flag(2),
                        demand: flag(3),
                        your_discriminator: 7,
                        ..first()
                    };
                    let encoded = packet.encode();
                    assert_eq!(encoded.as_slice()[0] & 0x1f, number);
                    assert_eq!(ControlPacket::decode(encoded.as_slice()).map(|d| d.packet), Ok(packet));
                }
            }
        }
    }

    fn refused(change: impl Fn(&mut Vec<u8>)) -> &'static str {
        let mut bytes = FIRST.to_vec();
        change(&mut bytes);
        ControlPacket::decode(&bytes).expect_err("a step discards it").reason()
    }

    #[test]
    fn each_step_of_reception_that_needs_no_session_has_its_reason() {
        assert_eq!(refused(|b| b.truncate(3)), "truncated");
        assert_eq!(refused(|b| b[0] = 0x00), "bad-version");
        assert_eq!(refused(|b| b[0] = 0x40), "bad-version");
        assert_eq!(refused(|b| b[3] = 23), "bad-length");
        // 24 bytes are enough without authentication, and with it 26.
        assert_eq!(refused(|b| b[1] |= A), "bad-length");
        assert_eq!(refused(|b| b[3] = 25), "bad-length");
        assert_eq!(refused(|b| b[2] = 0), "zero-multiplier");
        assert_eq!(refused(|b| b[1] |= M), "multipoint");
        assert_eq!(refused(|b| b[4..8].fill(0)), "zero-my-discriminator");
        assert_eq!(refused(|b| b[1] = 0x80), "zero-your-discriminator");
        assert_eq!(refused(|b| b[1] = 0xc0), "zero-your-discriminator");
    }

    #[test]
    fn admin_down_needs_no_discriminator_and_bytes_behind_the_packet_are_ignored() {
        let mut bytes = FIRST.to_vec();
        bytes[1] = 0x00;
        bytes.extend([0xff; 9]);
        let decoded = ControlPacket::decode(&bytes).unwrap();
        assert_eq!((decoded.packet.state, decoded.bytes.len()), (State::AdminDown, 24));
    }
}
