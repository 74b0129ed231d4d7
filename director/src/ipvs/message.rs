//! Messages of the generic-netlink family `IPVS`: a command and its blocks of attributes.

use netlink_packet_core::{DecodeError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::CodecError;
use super::attribute::{Block, attribute_family};
use super::dest::DestAttr;
use super::info::{DaemonAttr, InfoAttr};
use super::service::ServiceAttr;

/// Name under which the kernel registers the family.
pub const FAMILY_NAME: &str = "IPVS";
/// `IPVS_GENL_VERSION`.
const FAMILY_VERSION: u8 = 1;

/// `IPVS_CMD_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Command {
    /// Adds a service; also the command in answers to `GetService`.
    NewService = 1,
    /// Changes a service.
    SetService = 2,
    /// Deletes a service with its servers.
    DelService = 3,
    /// Asks for one or all services.
    GetService = 4,
    /// Adds a server; also the command in answers to `GetDest`.
    NewDest = 5,
    /// Changes a server.
    SetDest = 6,
    /// Deletes a server.
    DelDest = 7,
    /// Asks for the servers of a service (dump only).
    GetDest = 8,
    /// Starts a sync daemon; also the command in answers to `GetDaemon`.
    NewDaemon = 9,
    /// Stops a sync daemon.
    DelDaemon = 10,
    /// Asks for the sync daemons (dump only).
    GetDaemon = 11,
    /// Sets timeouts; also the command in answers to `GetConfig`.
    SetConfig = 12,
    /// Asks for the timeouts.
    GetConfig = 13,
    /// The command in answers to `GetInfo`.
    SetInfo = 14,
    /// Asks for the version.
    GetInfo = 15,
    /// Sets the counters of one service, or of all, to 0.
    Zero = 16,
    /// Deletes all services.
    Flush = 17,
}

attribute_family! {
    /// A top-level attribute.
    pub enum CommandAttr("command") {
        /// A service.
        1 => Service(Vec<ServiceAttr>),
        /// A real server.
        2 => Dest(Vec<DestAttr>),
        /// A sync daemon.
        3 => Daemon(Vec<DaemonAttr>),
        /// Timeout of established TCP connections, in seconds.
        4 => TimeoutTcp(u32),
        /// Timeout of closing TCP connections, in seconds.
        5 => TimeoutTcpFin(u32),
        /// Timeout of UDP, in seconds.
        6 => TimeoutUdp(u32),
    }
}

/// A request to the kernel or an answer of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpvsMessage {
    /// What is asked or told.
    pub command: Command,
    /// With what.
    pub payload: Payload,
}

/// The attributes after the header; `SetInfo` numbers them differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Every command but `SetInfo`.
    Attributes(Vec<CommandAttr>),
    /// `SetInfo`.
    Info(Vec<InfoAttr>),
}

impl IpvsMessage {
    /// A message with these top-level attributes.
    pub const fn new(command: Command, attributes: Vec<CommandAttr>) -> Self {
        Self { command, payload: Payload::Attributes(attributes) }
    }

    /// Reads what follows the generic-netlink header with this command.
    pub fn parse(command: u8, bytes: &[u8]) -> Result<Self, CodecError> {
        let command = Command::try_from(command)?;
        let payload = match command {
            Command::SetInfo => Payload::Info(InfoAttr::parse_all(bytes)?),
            Command::NewService
            | Command::SetService
            | Command::DelService
            | Command::GetService
            | Command::NewDest
            | Command::SetDest
            | Command::DelDest
            | Command::GetDest
            | Command::NewDaemon
            | Command::DelDaemon
            | Command::Zero
            | Command::Flush
            | Command::GetDaemon
            | Command::SetConfig
            | Command::GetConfig
            | Command::GetInfo => Payload::Attributes(CommandAttr::parse_all(bytes)?),
        };
        Ok(Self { command, payload })
    }
}

impl TryFrom<u8> for Command {
    type Error = CodecError;

    fn try_from(number: u8) -> Result<Self, CodecError> {
        Ok(match number {
            1 => Self::NewService,
            2 => Self::SetService,
            3 => Self::DelService,
            4 => Self::GetService,
            5 => Self::NewDest,
            6 => Self::SetDest,
            7 => Self::DelDest,
            8 => Self::GetDest,
            9 => Self::NewDaemon,
            10 => Self::DelDaemon,
            11 => Self::GetDaemon,
            12 => Self::SetConfig,
            13 => Self::GetConfig,
            14 => Self::SetInfo,
            15 => Self::GetInfo,
            16 => Self::Zero,
            17 => Self::Flush,
            other => return Err(CodecError::Command(other)),
        })
    }
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        FAMILY_NAME
    }

    fn command(&self) -> u8 {
        self.command as u8
    }

    fn version(&self) -> u8 {
        FAMILY_VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        match &self.payload {
            Payload::Attributes(attributes) => attributes.as_slice().buffer_len(),
            Payload::Info(attributes) => attributes.as_slice().buffer_len(),
        }
    }

    fn emit(&self, buffer: &mut [u8]) {
        match &self.payload {
            Payload::Attributes(attributes) => attributes.as_slice().emit(buffer),
            Payload::Info(attributes) => attributes.as_slice().emit(buffer),
        }
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Self::parse(header.cmd, bytes).map_err(|error| error.to_string().into())
    }
}
