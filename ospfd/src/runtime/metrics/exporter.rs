//! Serves the metrics over HTTP, to whoever reaches the address: give it a loopback or management address.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::control::ospf::{Request as Ask, Response as Answer};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use crate::runtime::control::Command;

/// Scrapers at one time; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 8;
/// A connection is closed after this, whatever it does; a scraper comes back.
const LONGEST: Duration = Duration::from_secs(30);
const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// A server that listens. Dropping it stops listening.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Listens on `address`, and asks the loop behind `commands` at every scrape.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(address: SocketAddr, commands: mpsc::Sender<Command>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { address: listener.local_addr()?, task: tokio::spawn(accept(listener, commands)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, commands: mpsc::Sender<Command>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let commands = commands.clone();
                tokio::spawn(async move {
                    if tokio::time::timeout(LONGEST, serve(stream, commands)).await.is_err() {
                        debug!("a metrics connection took too long");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, above all: it may pass.
                warn!(%error, "a metrics connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, commands: mpsc::Sender<Command>) {
    let answer = service_fn(|request| {
        let commands = commands.clone();
        async move { Ok::<_, Infallible>(answer(&request, &commands).await) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await {
        debug!(%error, "a metrics connection broke");
    }
}

async fn answer(request: &Request<Incoming>, commands: &mpsc::Sender<Command>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    let (reply, waiting) = oneshot::channel();
    let asked = commands.send(Command { request: Ask::ShowMetrics, reply }).await.is_ok();
    match waiting.await {
        Ok(Answer::Metrics(text)) if asked => {
            let mut response = Response::new(Full::new(Bytes::from(text)));
            response.headers_mut().insert(CONTENT_TYPE, OPENMETRICS);
            response
        }
        _ => plain(StatusCode::SERVICE_UNAVAILABLE, "ospfd is stopping\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    fn request(method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn a_scrape_asks_the_loop_and_other_requests_do_not() {
        let (sender, mut commands) = mpsc::channel(4);
        let exporter = Exporter::start(SocketAddr::from(([127, 0, 0, 1], 0)), sender).await.unwrap();
        tokio::spawn(async move {
            while let Some(Command { request, reply }) = commands.recv().await {
                assert_eq!(request, Ask::ShowMetrics);
                reply.send(Answer::Metrics("# EOF\n".into())).unwrap();
            }
        });
        let scraped = get(exporter.address(), &request("GET", "/metrics")).await;
        assert!(scraped.starts_with("HTTP/1.1 200 OK\r\n"), "{scraped}");
        assert!(scraped.contains("content-type: application/openmetrics-text; version=1.0.0"), "{scraped}");
        assert!(scraped.ends_with("\r\n\r\n# EOF\n"), "{scraped}");
        for (asked, status) in [(request("GET", "/"), "404"), (request("POST", "/metrics"), "405")] {
            let refused = get(exporter.address(), &asked).await;
            assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_stopping_daemon_says_so() {
        let (sender, commands) = mpsc::channel(1);
        drop(commands);
        let exporter = Exporter::start(SocketAddr::from(([127, 0, 0, 1], 0)), sender).await.unwrap();
        let refused = get(exporter.address(), &request("GET", "/metrics")).await;
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    }
}
