//! Frames on a unix socket: one JSON [`Envelope`] a line, a bound on its length, both halves.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use super::{Envelope, MAX_FRAME, Refusal, RefusalCode, VERSION};

/// How long a client waits for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a call did not bring an answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("cannot reach the daemon on {path}: {source}. Is it running, and is this its control socket?")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke, or the frame was longer than allowed.
    #[error("the control connection broke: {0}")]
    Broken(#[from] LinesCodecError),
    /// The daemon closed the connection instead of answering.
    #[error("the daemon closed the control connection without an answer")]
    Closed,
    /// No answer in time.
    #[error("no answer from the daemon within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout,
    /// The answer is not what this build expects.
    #[error("the daemon's answer cannot be read: {0}. Do both come from the same release?")]
    Unreadable(#[from] serde_json::Error),
    /// The daemon speaks another protocol version.
    #[error(
        "the daemon speaks control protocol {theirs}, this tool {VERSION}: use the tool of the daemon's release"
    )]
    Version {
        /// Its version.
        theirs: u16,
    },
}

/// The client's half: one call at a time.
#[derive(Debug)]
pub struct Client {
    frames: Framed<UnixStream, LinesCodec>,
}

impl Client {
    /// Connects to the daemon that listens on `path`.
    ///
    /// # Errors
    /// [`ClientError::Connect`] when nobody listens there.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path)
            .await
            .map_err(|source| ClientError::Connect { path: path.to_owned(), source })?;
        Ok(Self { frames: framed(stream) })
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// Any [`ClientError`]; the connection is of no further use then.
    pub async fn call<Q, R>(&mut self, request: &Q) -> Result<R, ClientError>
    where
        Q: Serialize + Sync,
        R: DeserializeOwned,
    {
        self.frames.send(encode(request)?).await?;
        let line = timeout(ANSWER_TIMEOUT, self.frames.next())
            .await
            .map_err(|_| ClientError::Timeout)?
            .ok_or(ClientError::Closed)??;
        // The version is looked at first: a body of another version need not be readable.
        let envelope: Envelope<serde_json::Value> = serde_json::from_str(&line)?;
        if envelope.version != VERSION {
            return Err(ClientError::Version { theirs: envelope.version });
        }
        Ok(serde_json::from_value(envelope.body)?)
    }
}

/// Listens on `path` with file mode `mode`. A socket file that nobody answers on is replaced; one that a running
/// daemon answers on is left alone.
///
/// # Errors
/// `AddrInUse` when another daemon answers there; otherwise what the system said.
pub async fn bind(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!(
                "another daemon already answers on {}: stop it, or give this one another socket",
                path.display()
            ),
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Serves one connection until the client leaves: every request goes through `answer`, in order. What cannot be read
/// is answered by `refuse`.
///
/// # Errors
/// The connection broke, or a frame was longer than [`MAX_FRAME`].
pub async fn serve<Q, R, F, A>(
    stream: UnixStream,
    mut answer: F,
    refuse: impl Fn(Refusal) -> R,
) -> Result<(), LinesCodecError>
where
    Q: DeserializeOwned,
    R: Serialize,
    F: FnMut(Q) -> A,
    A: Future<Output = R>,
{
    let mut frames = framed(stream);
    while let Some(line) = frames.next().await {
        let response = match decode(&line?) {
            Ok(request) => answer(request).await,
            Err(refusal) => refuse(refusal),
        };
        let text = encode(&response).map_err(io::Error::other)?;
        frames.send(text).await?;
    }
    Ok(())
}

fn framed(stream: UnixStream) -> Framed<UnixStream, LinesCodec> {
    Framed::new(stream, LinesCodec::new_with_max_length(MAX_FRAME))
}

fn encode<T: Serialize>(body: &T) -> serde_json::Result<String> {
    serde_json::to_string(&Envelope { version: VERSION, body })
}

fn decode<Q: DeserializeOwned>(line: &str) -> Result<Q, Refusal> {
    let malformed = |error: serde_json::Error| Refusal {
        code: RefusalCode::Malformed,
        message: format!("this is no request of control protocol {VERSION}: {error}"),
    };
    let envelope: Envelope<serde_json::Value> = serde_json::from_str(line).map_err(malformed)?;
    if envelope.version != VERSION {
        return Err(Refusal {
            code: RefusalCode::Version,
            message: format!(
                "the request is of control protocol {}, this daemon speaks {VERSION}: use the tool of this release",
                envelope.version
            ),
        });
    }
    serde_json::from_value(envelope.body).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ospf::{Request, Response};

    async fn server(path: &Path) {
        let listener = bind(path, 0o600).await.unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(
                    stream,
                    |request: Request| async move {
                        match request {
                            Request::ShowNeighbors => Response::Neighbors(Vec::new()),
                            other => Response::Refused(Refusal {
                                code: RefusalCode::NotFound,
                                message: format!("{other:?}"),
                            }),
                        }
                    },
                    Response::Refused,
                ));
            }
        });
    }

    async fn raw(path: &Path, line: &str) -> String {
        let mut frames = framed(UnixStream::connect(path).await.unwrap());
        frames.send(line).await.unwrap();
        frames.next().await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_request_meets_its_answer_and_connections_are_reused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s/ospfd.sock");
        server(&path).await;
        let mut client = Client::connect(&path).await.unwrap();
        for _ in 0..3 {
            let answer: Response = client.call(&Request::ShowNeighbors).await.unwrap();
            assert_eq!(answer, Response::Neighbors(Vec::new()));
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn another_version_and_garbage_are_refused_with_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ospfd.sock");
        server(&path).await;
        let other = raw(&path, r#"{"version":9,"body":{"request":"fly"}}"#).await;
        assert!(other.contains("control protocol 9, this daemon speaks 1"), "{other}");
        let garbage = raw(&path, "GET / HTTP/1.1").await;
        assert!(garbage.contains("malformed"), "{garbage}");
        let unknown = raw(&path, r#"{"version":1,"body":{"request":"fly"}}"#).await;
        assert!(unknown.contains("unknown variant `fly`"), "{unknown}");
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ospfd.sock");
        drop(bind(&path, 0o600).await.unwrap());
        let alive = bind(&path, 0o600).await.unwrap();
        let error = bind(&path, 0o600).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(alive);
        assert!(Client::connect(&path).await.is_err());
    }
}
