//! Requests and answers on a generic-netlink socket.
//!
//! A batch is one `sendmsg` whose last message alone asks for an acknowledgement. Refusals come back one by one, under
//! the sequence numbers of the messages that they are about, before that acknowledgement.

use std::fmt::{self, Debug};
use std::io;
use std::time::Duration;

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable, NetlinkMessage, NetlinkPayload,
    ParseableParametrized,
};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use nix::errno::Errno;

use super::{IpvsError, Refusal, Request};
use crate::ipvs::message::IpvsMessage;

/// The kernel fills at most 32 KiB of a reader's buffer in a dump, and sends one refusal per datagram.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// The kernel answers at once; only a scheduler module that is being loaded takes longer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct Transport {
    socket: TokioSocket,
    sequence: u32,
    received: Vec<u8>,
}

impl Transport {
    pub(super) fn open() -> Result<Self, IpvsError> {
        let mut socket = TokioSocket::new(NETLINK_GENERIC)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_ref().connect(&SocketAddr::new(0, 0))?;
        // Without the request's bytes, more refusals fit into the receive buffer.
        socket.socket_ref().set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0, received: Vec::with_capacity(RECEIVE_BUFFER) })
    }

    /// Asks one question and collects the answers: one, or all of a dump.
    pub(super) async fn ask<F>(
        &mut self,
        question: F,
        family: u16,
        flags: u16,
        request: Request,
    ) -> Result<Vec<F>, IpvsError>
    where
        F: GenlFamily + Emitable + ParseableParametrized<[u8], GenlHeader> + Debug,
    {
        // A plain question is answered, then acknowledged; a dump ends by itself.
        let flags = if flags == NLM_F_REQUEST { flags | NLM_F_ACK } else { flags };
        let sequence = self.next_sequence();
        let mut bytes = Vec::new();
        append(&mut bytes, question, family, flags, sequence);
        self.send(&bytes).await?;
        let mut answers = Vec::new();
        loop {
            for message in self.receive::<GenlMessage<F>>(&request).await? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer.into_parts().1),
                    NetlinkPayload::Done(done) if done.code == 0 => return Ok(answers),
                    NetlinkPayload::Done(done) => return Err(refusal(request, done.code)),
                    NetlinkPayload::Error(error) => match error.code {
                        None => return Ok(answers),
                        Some(code) => return Err(refusal(request, code.get())),
                    },
                    NetlinkPayload::Overrun(_) => return Err(IpvsError::Overrun { request }),
                    _ => {}
                }
            }
        }
    }

    /// Sends all messages at once and waits until the kernel has taken them. Returns which of them it refused, by
    /// index, and how.
    pub(super) async fn batch(
        &mut self,
        messages: Vec<IpvsMessage>,
        family: u16,
    ) -> Result<Vec<(usize, Errno)>, IpvsError> {
        let count = messages.len();
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let flags = if index + 1 == count { NLM_F_REQUEST | NLM_F_ACK } else { NLM_F_REQUEST };
            let sequence = self.next_sequence();
            append(&mut bytes, message, family, flags, sequence);
        }
        let mut refused = Vec::new();
        if count == 0 {
            return Ok(refused);
        }
        self.send(&bytes).await?;
        loop {
            for message in self.receive::<GenlMessage<IpvsMessage>>(&Request::Batch).await? {
                let index = message.header.sequence_number.wrapping_sub(first) as usize;
                if index >= count {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::Error(error) => {
                        if let Some(code) = error.code {
                            refused.push((index, errno(code.get())));
                        }
                        if index + 1 == count {
                            return Ok(refused);
                        }
                    }
                    NetlinkPayload::Overrun(_) => return Err(IpvsError::Overrun { request: Request::Batch }),
                    _ => {}
                }
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), IpvsError> {
        let sent = self.socket.send(bytes).await?;
        if sent == bytes.len() {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::WriteZero, "the kernel took a part of a netlink message")
                .into())
        }
    }

    /// Waits for one datagram and takes it apart.
    async fn receive<M>(&mut self, request: &Request) -> Result<Vec<NetlinkMessage<M>>, IpvsError>
    where
        M: NetlinkDeserializable,
    {
        self.received.clear();
        let reading = self.socket.recv(&mut self.received);
        match tokio::time::timeout(ANSWER_DEADLINE, reading).await {
            Err(_) => return Err(IpvsError::NoAnswer { request: request.clone() }),
            Ok(Err(error)) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                return Err(IpvsError::Overrun { request: request.clone() });
            }
            Ok(read) => read?,
        }
        split(&self.received)
    }
}

impl Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

fn append<F>(bytes: &mut Vec<u8>, payload: F, family: u16, flags: u16, sequence: u32)
where
    F: GenlFamily + Emitable + Debug,
{
    let mut inner = GenlMessage::from_payload(payload);
    inner.set_resolved_family_id(family);
    let mut message = NetlinkMessage::from(inner);
    message.header.flags = flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let start = bytes.len();
    bytes.resize(start + message.buffer_len(), 0);
    message.serialize(&mut bytes[start..]);
}

/// The messages of one datagram.
fn split<M: NetlinkDeserializable>(mut bytes: &[u8]) -> Result<Vec<NetlinkMessage<M>>, IpvsError> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let length = NetlinkBuffer::new_checked(bytes)?.length() as usize;
        messages.push(NetlinkMessage::deserialize(bytes)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(messages)
}

fn refusal(request: Request, code: i32) -> IpvsError {
    Refusal { request, errno: errno(code) }.into()
}

/// The kernel writes errors negated.
fn errno(code: i32) -> Errno {
    Errno::from_raw(code.saturating_abs())
}
