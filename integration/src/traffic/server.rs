//! A real server: a small HTTP server that says its name.
//!
//! `GET /health` answers 200, any other `GET` answers the name. Connections are kept alive when the client wants it, which
//! is what makes a long-lived connection.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections served at once; more wait in the listen queue.
const MAX_CONNECTIONS: usize = 4096;
/// A connection that does not finish its request head in this time is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// What `lab serve` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What the server says.
    #[arg(long)]
    pub name: String,
    /// Where it listens.
    #[arg(long)]
    pub listen: SocketAddr,
}

/// `lab serve`: serves until it is killed.
///
/// # Errors
/// The address cannot be bound.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(arguments.listen, &arguments.name))?;
    Ok(ExitCode::SUCCESS)
}

/// Serves on `address` as `name` until the process ends.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(address: SocketAddr, name: &str) -> io::Result<()> {
    serve_on(TcpListener::bind(address).await?, name).await
}

async fn serve_on(listener: TcpListener, name: &str) -> io::Result<()> {
    let name = Bytes::from(name.to_owned());
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        // A connection that died in the queue, or a shortage of descriptors, is no reason to stop serving.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let name = name.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let body =
                    if request.uri().path() == "/health" { Bytes::from_static(b"ok") } else { name.clone() };
                async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE_LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            // The client counts what breaks; the server has nobody to tell.
            drop(connection.await);
            drop(place);
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A server on a free loopback port; it ends with the runtime.
    pub(in crate::traffic) async fn on_loopback(name: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { serve_on(listener, name).await });
        address
    }
}
