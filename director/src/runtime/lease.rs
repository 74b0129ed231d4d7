//! The way to `ospfd`: carries requests of the lease client over its control socket. It decides nothing and renews
//! nothing by itself: a loop that stalls lets its lease lapse.

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::control::frame::{Client, ClientError};
use common::control::ospf::{Request, Response};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::core::lease::{LeaseFault, LeaseReply};

/// The lease client has one request under way at a time.
const QUEUE: usize = 1;

/// A task that holds the connection. Dropping it ends the task.
#[derive(Debug)]
pub struct Link {
    requests: mpsc::Sender<Request>,
    replies: mpsc::Receiver<LeaseReply>,
    task: JoinHandle<()>,
}

impl Link {
    /// A link to the socket of `ospfd`, which is connected to when there is something to ask. Each answer is waited for no longer
    /// than `patience`.
    pub fn start(socket: PathBuf, patience: Duration) -> Self {
        let (requests, to_send) = mpsc::channel(QUEUE);
        let (answered, replies) = mpsc::channel(QUEUE);
        let task = tokio::spawn(carry(socket, patience, to_send, answered));
        Self { requests, replies, task }
    }

    /// Sends one request. Its answer comes out of [`Link::reply`].
    ///
    /// # Errors
    /// The request, when one is under way already.
    pub fn send(&self, request: Request) -> Result<(), Request> {
        self.requests.try_send(request).map_err(mpsc::error::TrySendError::into_inner)
    }

    /// The next answer.
    pub async fn reply(&mut self) -> LeaseReply {
        match self.replies.recv().await {
            Some(reply) => reply,
            // The task ends only with the link.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    socket: PathBuf,
    patience: Duration,
    mut requests: mpsc::Receiver<Request>,
    replies: mpsc::Sender<LeaseReply>,
) {
    let mut client = None;
    while let Some(request) = requests.recv().await {
        let reply = ask(&mut client, &socket, patience, &request).await;
        if reply.is_err() {
            client = None;
        }
        if replies.send(reply).await.is_err() {
            return;
        }
    }
}

async fn ask(
    client: &mut Option<Client>,
    socket: &Path,
    patience: Duration,
    request: &Request,
) -> LeaseReply {
    let slow = || {
        format!(
            "no answer from ospfd on {} within {}",
            socket.display(),
            humantime::format_duration(patience)
        )
    };
    let connected = match client {
        Some(client) => client,
        none @ None => match timeout(patience, Client::connect(socket)).await {
            Ok(Ok(fresh)) => none.insert(fresh),
            Ok(Err(error)) => return Err(LeaseFault::Unreachable(error.to_string())),
            Err(_) => return Err(LeaseFault::Unreachable(slow())),
        },
    };
    match timeout(patience, connected.call::<_, Response>(request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(ClientError::Connect { path, source })) => {
            Err(LeaseFault::Unreachable(ClientError::Connect { path, source }.to_string()))
        }
        Ok(Err(error)) => Err(LeaseFault::Broken(error.to_string())),
        Err(_) => Err(LeaseFault::Broken(slow())),
    }
}
