//! The HTTP check: one HTTP/1.1 GET on a connection of its own; redirects are answers like any other.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;

use super::{Limit, tcp};
use crate::core::health::{Failure, LocalFault, Phase};

/// A health page longer than this is a mistake, and reading it would make the check a load.
pub(super) const MAX_BODY: usize = 1 << 20;

/// The GET for `path`, without `Connection: close`: the prober is to end the connection, by its reset. The Host header is the server's address when none is configured.
pub(super) fn request(
    path: &str,
    host: Option<&str>,
    target: SocketAddr,
) -> Result<Request<Empty<Bytes>>, Failure> {
    let host = host.map_or_else(|| target.to_string(), str::to_owned);
    Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "evenkeel-director")
        .body(Empty::new())
        .map_err(|_| Failure::CannotAsk(LocalFault::Request))
}

/// Sends `request` to `target` and reads the whole answer.
pub(super) async fn get(
    target: SocketAddr,
    request: Request<Empty<Bytes>>,
    statuses: &[(u16, u16)],
    limit: &mut Limit,
) -> Result<(), Failure> {
    let stream = tcp::connect(target, limit).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| meaning(&error, Phase::Answer))?;
    // The connection only has to be polled: what goes wrong on it reaches the request or the body as an error.
    let driver = async {
        let _ = connection.await;
        std::future::pending::<std::convert::Infallible>().await
    };
    let exchange = async {
        let answer = limit
            .within(Phase::Answer, async {
                sender.send_request(request).await.map_err(|error| meaning(&error, Phase::Answer))
            })
            .await?;
        let status = answer.status().as_u16();
        if !statuses.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
            return Err(Failure::Status(status));
        }
        limit.within(Phase::Body, drain(answer.into_body())).await
    };
    tokio::select! {
        biased;
        done = exchange => done,
        never = driver => match never {},
    }
}

async fn drain(body: hyper::body::Incoming) -> Result<(), Failure> {
    let mut body = Limited::new(body, MAX_BODY);
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return Failure::BodyTooLong(MAX_BODY);
            }
            error.downcast_ref().map_or(Failure::Broken(Phase::Body), |error| meaning(error, Phase::Body))
        })?;
    }
    Ok(())
}

fn meaning(error: &hyper::Error, phase: Phase) -> Failure {
    if error.is_parse() { Failure::NotHttp } else { Failure::Broken(phase) }
}
