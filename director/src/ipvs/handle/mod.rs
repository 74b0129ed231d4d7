//! A socket to the kernel's IPVS: dumps, changes in batches, sync daemons, counters.

mod error;
mod transport;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};

pub use error::{IpvsError, Refusal, Request};
use transport::Transport;

use super::dest::DestAttr;
use super::entry::{
    DumpedServer, DumpedService, read_server, read_service, server_reference, server_request,
    service_reference, service_request,
};
use super::info::{DaemonAttr, InfoAttr};
use super::message::{Command, CommandAttr, FAMILY_NAME, IpvsMessage, Payload};
use super::service::ServiceAttr;
use super::settings::{daemon_reference, daemon_request, read_daemon, read_timeouts, timeouts_request};
use crate::core::observed::{Observed, ObservedServer, ObservedService};
use crate::core::plan::Op;
use crate::ipvsadm::list::Rows;
use crate::model::{DaemonRole, ServiceKey, SyncDaemon, Timeouts};

/// Changes in one `sendmsg`. More would only make the set of errors harder to receive; the kernel's cost per change
/// is flat from 64 on.
pub const BATCH: usize = 256;

/// The kernel's IPVS in the network namespace in which [`Handle::connect`] was called.
///
/// One owner, one request at a time. A call that is dropped half-way leaves answers behind, which the next call
/// recognises by their sequence numbers and skips.
#[derive(Debug)]
pub struct Handle {
    transport: Transport,
    family: u16,
}

/// The answer to `GET_INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Major, minor, patch of the kernel's module.
    pub version: (u8, u8, u8),
    /// Buckets of the connection table.
    pub table_size: u32,
}

impl Handle {
    /// Opens a socket and resolves the family; the kernel may load `ip_vs` for that.
    pub async fn connect() -> Result<Self, IpvsError> {
        let mut transport = Transport::open()?;
        let name = GenlCtrlAttrs::FamilyName(FAMILY_NAME.to_owned());
        let question = GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: vec![name] };
        let answers: Vec<GenlCtrl> = transport.ask(question, 0, NLM_F_REQUEST, Request::Family).await?;
        let family = answers.iter().flat_map(|answer| &answer.nlas).find_map(|attribute| match attribute {
            GenlCtrlAttrs::FamilyId(id) => Some(*id),
            _ => None,
        });
        let family = family.ok_or(IpvsError::NoAnswer { request: Request::Family })?;
        Ok(Self { transport, family })
    }

    /// Version and table size of the kernel's module.
    pub async fn info(&mut self) -> Result<Info, IpvsError> {
        let question = IpvsMessage::new(Command::GetInfo, Vec::new());
        let answers = self.ask(question, NLM_F_REQUEST, Request::Info).await?;
        let mut info = Info { version: (0, 0, 0), table_size: 0 };
        for answer in answers {
            let Payload::Info(attributes) = answer.payload else { continue };
            for attribute in attributes {
                match attribute {
                    InfoAttr::Version(number) => {
                        let [_, major, minor, patch] = number.to_be_bytes();
                        info.version = (major, minor, patch);
                    }
                    InfoAttr::TableSize(size) => info.table_size = size,
                    InfoAttr::Unknown(_) => {}
                }
            }
        }
        Ok(info)
    }

    /// The timeouts of connections.
    pub async fn timeouts(&mut self) -> Result<Timeouts, IpvsError> {
        let question = IpvsMessage::new(Command::GetConfig, Vec::new());
        let request = Request::Timeouts;
        let answers = self.ask(question, NLM_F_REQUEST, request.clone()).await?;
        match answers.into_iter().next().map(|answer| answer.payload) {
            Some(Payload::Attributes(attributes)) => Ok(read_timeouts(&attributes)?),
            Some(Payload::Info(_)) | None => Err(IpvsError::NoAnswer { request }),
        }
    }

    /// The sync daemons that run: none, one, or the master and the backup.
    pub async fn daemons(&mut self) -> Result<Vec<SyncDaemon>, IpvsError> {
        let question = IpvsMessage::new(Command::GetDaemon, Vec::new());
        let answers = self.ask(question, NLM_F_REQUEST | NLM_F_DUMP, Request::Daemons).await?;
        answers.iter().filter_map(daemon_block).map(|block| Ok(read_daemon(block)?)).collect()
    }

    /// Starts a sync daemon. While one runs, no service can have servers of the other address family.
    ///
    /// # Errors
    /// A daemon of that role runs already, or the interface or the group cannot be used; the refusal says which.
    pub async fn start_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), IpvsError> {
        let request = Request::StartDaemon(Box::new(daemon.clone()));
        self.ask(daemon_request(daemon), NLM_F_REQUEST, request).await.map(drop)
    }

    /// Stops a sync daemon.
    ///
    /// # Errors
    /// None of that role runs.
    pub async fn stop_daemon(&mut self, role: DaemonRole) -> Result<(), IpvsError> {
        self.ask(daemon_reference(role), NLM_F_REQUEST, Request::StopDaemon(role)).await.map(drop)
    }

    /// Sets the counters of a service and its servers to 0, or those of all.
    pub async fn zero(&mut self, key: Option<ServiceKey>) -> Result<(), IpvsError> {
        let question = match &key {
            Some(key) => service_reference(Command::Zero, key),
            None => IpvsMessage::new(Command::Zero, Vec::new()),
        };
        self.ask(question, NLM_F_REQUEST, Request::Zero(key)).await.map(drop)
    }

    /// Deletes all services, ours and others'. Sync daemons and timeouts stay.
    pub async fn flush(&mut self) -> Result<(), IpvsError> {
        let question = IpvsMessage::new(Command::Flush, Vec::new());
        self.ask(question, NLM_F_REQUEST, Request::Flush).await.map(drop)
    }

    /// The whole table: the timeouts, one dump of the services, then one per service.
    ///
    /// The dumps follow each other: the kernel refuses a second one on a socket while the first is not read to its end, and
    /// since it writes each of them while we ask, there is no waiting that more sockets could fill.
    pub async fn dump(&mut self) -> Result<Observed, IpvsError> {
        let mut observed = Observed { timeouts: self.timeouts().await?, ..Observed::default() };
        for service in self.dump_services().await? {
            let Some(key) = service.key else {
                observed.unnamed += 1;
                continue;
            };
            let servers = self.dump_servers(&key).await?;
            // The kernel lists the newest first.
            let insertion = servers.iter().rev().map(|server| server.address).collect();
            let servers =
                servers.into_iter().map(|server| (server.address, ObservedServer::from(server))).collect();
            let row = ObservedService { entry: service.entry, servers, insertion, stats: service.stats };
            observed.services.insert(key, row);
        }
        Ok(observed)
    }

    /// Sends the operations in order, [`BATCH`] in one `sendmsg`, and returns those that the kernel refused. It goes on
    /// after a refusal, and so do we: what one service lacks must not keep the others away.
    pub async fn apply(&mut self, ops: &[Op]) -> Result<Vec<Refusal>, IpvsError> {
        let mut refusals = Vec::new();
        for batch in ops.chunks(BATCH) {
            // Which operation each message belongs to.
            let mut owners = Vec::with_capacity(batch.len());
            let mut messages = Vec::with_capacity(batch.len());
            for op in batch {
                for message in messages_for(op) {
                    owners.push(op);
                    messages.push(message);
                }
            }
            let refused = self.transport.batch(messages, self.family).await?;
            refusals.extend(refused.into_iter().filter_map(|(index, errno)| {
                owners.get(index).map(|&op| Refusal { request: Request::Op(Box::new(op.clone())), errno })
            }));
        }
        Ok(refusals)
    }

    /// The whole table with its counters, in the order in which the kernel tells it; services that have no key are left out.
    pub async fn table(&mut self) -> Result<Vec<Rows>, IpvsError> {
        let mut table = Vec::new();
        for DumpedService { key, entry, stats } in self.dump_services().await? {
            if let Some(key) = key {
                table.push(Rows { key, entry, stats, servers: self.dump_servers(&key).await? });
            }
        }
        Ok(table)
    }

    async fn dump_services(&mut self) -> Result<Vec<DumpedService>, IpvsError> {
        let question = IpvsMessage::new(Command::GetService, Vec::new());
        let answers = self.ask(question, NLM_F_REQUEST | NLM_F_DUMP, Request::Services).await?;
        answers.iter().filter_map(service_block).map(|block| Ok(read_service(block)?)).collect()
    }

    async fn dump_servers(&mut self, key: &ServiceKey) -> Result<Vec<DumpedServer>, IpvsError> {
        let question = service_reference(Command::GetDest, key);
        let answers = self.ask(question, NLM_F_REQUEST | NLM_F_DUMP, Request::Servers(*key)).await?;
        answers.iter().filter_map(dest_block).map(|block| Ok(read_server(key, block)?)).collect()
    }

    async fn ask(
        &mut self,
        question: IpvsMessage,
        flags: u16,
        request: Request,
    ) -> Result<Vec<IpvsMessage>, IpvsError> {
        self.transport.ask(question, self.family, flags, request).await
    }
}

impl From<DumpedServer> for ObservedServer {
    fn from(server: DumpedServer) -> Self {
        let DumpedServer { address: _, entry, active, inactive, persistent, stats } = server;
        Self { entry, active, inactive, persistent, stats }
    }
}

/// One message for every operation but a move, which is two in a row: nothing comes between them.
fn messages_for(op: &Op) -> Vec<IpvsMessage> {
    let message = match op {
        Op::AddService { key, entry } => service_request(Command::NewService, key, entry),
        Op::EditService { key, entry } => service_request(Command::SetService, key, entry),
        Op::DelService { key } => service_reference(Command::DelService, key),
        Op::AddServer { key, address, entry } => server_request(Command::NewDest, key, *address, entry),
        Op::EditServer { key, address, entry } => server_request(Command::SetDest, key, *address, entry),
        Op::DelServer { key, address } => server_reference(Command::DelDest, key, *address),
        Op::SetTimeouts { timeouts } => timeouts_request(*timeouts),
        Op::MoveServer { key, address, entry } => {
            return vec![
                server_reference(Command::DelDest, key, *address),
                server_request(Command::NewDest, key, *address, entry),
            ];
        }
    };
    vec![message]
}

fn daemon_block(message: &IpvsMessage) -> Option<&[DaemonAttr]> {
    let Payload::Attributes(attributes) = &message.payload else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        CommandAttr::Daemon(block) => Some(block.as_slice()),
        _ => None,
    })
}

fn service_block(message: &IpvsMessage) -> Option<&[ServiceAttr]> {
    let Payload::Attributes(attributes) = &message.payload else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        CommandAttr::Service(block) => Some(block.as_slice()),
        _ => None,
    })
}

fn dest_block(message: &IpvsMessage) -> Option<&[DestAttr]> {
    let Payload::Attributes(attributes) = &message.payload else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        CommandAttr::Dest(block) => Some(block.as_slice()),
        _ => None,
    })
}
