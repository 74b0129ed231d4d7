//! The control server: requests from `director` and `ospfctl` become [`Command`]s for the loop.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::control::frame;
use common::control::ospf::{Request, Response};
use common::control::{Refusal, RefusalCode};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

/// Requests that may wait for the loop.
pub const QUEUE: usize = 64;
/// Connections at one time; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 64;
/// Owner and group may ask.
const MODE: u32 = 0o660;

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
pub struct Server {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `path`, and sends what is asked to `commands`.
    ///
    /// # Errors
    /// The socket cannot be made, or another daemon answers on it.
    pub async fn start(path: &Path, commands: mpsc::Sender<Command>) -> io::Result<Self> {
        let listener = frame::bind(path, MODE).await?;
        Ok(Self { path: path.to_owned(), task: tokio::spawn(accept(listener, commands)) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            debug!(path = %self.path.display(), %error, "control socket not removed");
        }
    }
}

async fn accept(listener: UnixListener, commands: mpsc::Sender<Command>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let commands = commands.clone();
                tokio::spawn(async move {
                    serve(stream, &commands).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, above all: it may pass.
                warn!(%error, "a control connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, commands: &mpsc::Sender<Command>) {
    let answer = |request| async move { ask(commands, request).await };
    if let Err(error) = frame::serve(stream, answer, Response::Refused).await {
        debug!(%error, "a control connection broke");
    }
}

async fn ask(commands: &mpsc::Sender<Command>, request: Request) -> Response {
    let (reply, answer) = oneshot::channel();
    if commands.send(Command { request, reply }).await.is_ok()
        && let Ok(response) = answer.await
    {
        return response;
    }
    Response::Refused(Refusal {
        code: RefusalCode::Unavailable,
        message: "ospfd is stopping; ask again when it runs".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use common::control::frame::Client;
    use common::control::ospf::CounterView;

    use super::*;

    async fn server() -> (tempfile::TempDir, PathBuf, Server, mpsc::Receiver<Command>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ospfd.sock");
        let (sender, receiver) = mpsc::channel(QUEUE);
        let server = Server::start(&path, sender).await.unwrap();
        (folder, path, server, receiver)
    }

    #[tokio::test]
    async fn a_request_reaches_the_loop_and_its_answer_the_client() {
        let (_folder, path, server, mut commands) = server().await;
        let owner = tokio::spawn(async move {
            let Command { request, reply } = commands.recv().await.unwrap();
            let counter = CounterView { name: format!("{request:?}"), value: 7 };
            reply.send(Response::Counters(vec![counter])).unwrap();
        });
        let mut client = Client::connect(&path).await.unwrap();
        let response: Response = client.call(&Request::ShowCounters).await.unwrap();
        let counter = CounterView { name: "ShowCounters".into(), value: 7 };
        assert_eq!(response, Response::Counters(vec![counter]));
        owner.await.unwrap();
        drop(server);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stopping_daemon_says_so() {
        let (_folder, path, _server, commands) = server().await;
        drop(commands);
        let mut client = Client::connect(&path).await.unwrap();
        let response: Response = client.call(&Request::ShowCounters).await.unwrap();
        let Response::Refused(refusal) = response else { panic!("{response:?}") };
        assert_eq!(refusal.code, RefusalCode::Unavailable);
    }

    #[tokio::test]
    async fn a_second_daemon_does_not_take_the_socket() {
        let (_folder, path, _server, _commands) = server().await;
        let (sender, _receiver) = mpsc::channel(QUEUE);
        let error = Server::start(&path, sender).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists());
    }
}
