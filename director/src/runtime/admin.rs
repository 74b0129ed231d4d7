//! The control socket: requests of `directorctl` become [`Command`]s for the loop.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::control::director::{Request, Response};
use common::control::frame;
use common::control::{Refusal, RefusalCode};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Requests that may wait for the loop.
const QUEUE: usize = 16;
/// Connections at one time; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 16;
/// Owner and group may ask.
const MODE: u32 = 0o660;
/// After a connection could not be accepted, mostly for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request, and where its answer goes.
#[derive(Debug)]
pub struct Command {
    /// What is asked.
    pub request: Request,
    /// Who waits. A client that has left is no error.
    pub reply: oneshot::Sender<Response>,
}

/// A server that listens. Dropping it stops listening and removes the socket file.
#[derive(Debug)]
pub struct Admin {
    path: PathBuf,
    task: JoinHandle<()>,
    commands: mpsc::Receiver<Command>,
}

impl Admin {
    /// Listens on `path`.
    ///
    /// # Errors
    /// The socket cannot be made, or another daemon answers on it.
    pub async fn start(path: &Path) -> io::Result<Self> {
        let listener = frame::bind(path, MODE).await?;
        let (to_loop, commands) = mpsc::channel(QUEUE);
        Ok(Self { path: path.to_owned(), task: tokio::spawn(accept(listener, to_loop)), commands })
    }

    /// The next command.
    pub async fn command(&mut self) -> Command {
        match self.commands.recv().await {
            Some(command) => command,
            // The task ends only with the server.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "control socket not removed");
        }
    }
}

async fn accept(listener: UnixListener, commands: mpsc::Sender<Command>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let commands = commands.clone();
                tokio::spawn(async move {
                    serve(stream, &commands).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a control connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, commands: &mpsc::Sender<Command>) {
    let answer = |request| async move {
        let (reply, answered) = oneshot::channel();
        let is_sent = commands.send(Command { request, reply }).await.is_ok();
        match answered.await {
            Ok(response) if is_sent => response,
            _ => Response::Refused(Refusal {
                code: RefusalCode::Unavailable,
                message: "the daemon is stopping".to_owned(),
            }),
        }
    };
    if let Err(error) = frame::serve(stream, answer, Response::Refused).await {
        tracing::debug!(%error, "a control connection broke");
    }
}
