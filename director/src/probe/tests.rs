use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::core::health::LocalFault;
use crate::model::{CheckSpec, Forward, RealServer, Thresholds};

const TIMEOUT: Duration = Duration::from_millis(300);

fn ask(kind: CheckKind, address: SocketAddr) -> Question {
    let check = CheckSpec { kind, target: None, interval: TIMEOUT, timeout: TIMEOUT, rise: 1, fall: 1 };
    Question::of(&RealServer {
        address,
        weight: 1,
        forward: Forward::Dr,
        thresholds: Thresholds::default(),
        check,
    })
}

fn http(path: &str) -> CheckKind {
    CheckKind::Http { path: path.into(), host: None, statuses: vec![(200, 299)] }
}

/// A server that does `behave` with its first connection; what `behave` returns is what it read.
async fn server<F, A>(behave: F) -> (SocketAddr, tokio::task::JoinHandle<String>)
where
    F: FnOnce(TcpStream) -> A + Send + 'static,
    A: Future<Output = String> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(async move { behave(listener.accept().await.unwrap().0).await }))
}

/// Reads the request, writes `answer`, then waits until the prober goes.
async fn answering(mut stream: TcpStream, answer: &str) -> String {
    let mut request = vec![0; 4096];
    let length = stream.read(&mut request).await.unwrap();
    stream.write_all(answer.as_bytes()).await.unwrap();
    let ended = stream.read(&mut [0; 16]).await;
    let end = match ended {
        Ok(0) => "FIN".to_owned(),
        Ok(_) => "more".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    };
    format!("{}{end}", String::from_utf8_lossy(&request[..length]))
}

async fn probe_answer(answer: &'static str) -> Result<(), Failure> {
    let (address, served) = server(move |stream| answering(stream, answer)).await;
    let result = run(&ask(http("/health"), address)).await;
    served.abort();
    result
}

#[tokio::test]
async fn a_listener_passes_the_tcp_check_and_sees_a_reset() {
    let (address, served) = server(|mut stream| async move {
        format!("{:?}", stream.read(&mut [0; 16]).await.map_err(|error| error.kind()))
    })
    .await;
    assert_eq!(run(&ask(CheckKind::Tcp, address)).await, Ok(()));
    assert_eq!(served.await.unwrap(), "Err(ConnectionReset)", "no TIME_WAIT is left behind");
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for kind in [CheckKind::Tcp, http("/")] {
        assert_eq!(run(&ask(kind, address)).await, Err(Failure::Refused));
    }
}

#[tokio::test]
async fn a_full_backlog_is_a_connect_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept = Vec::new();
    for _ in 0..2 {
        kept.push(TcpStream::connect(address).await.unwrap());
    }
    let result = run(&ask(CheckKind::Tcp, address)).await;
    assert_eq!(result, Err(Failure::Timeout(Phase::Connect, TIMEOUT)));
    assert_eq!(kept.len(), 2);
}

#[tokio::test]
async fn an_accepted_status_passes_and_the_request_is_well_formed() {
    let (address, served) = server(|stream| answering(stream, "HTTP/1.1 204 No Content\r\n\r\n")).await;
    assert_eq!(run(&ask(http("/health?deep=1"), address)).await, Ok(()));
    let seen = served.await.unwrap();
    assert!(seen.starts_with("GET /health?deep=1 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: {address}\r\n")), "{seen}");
    assert!(seen.ends_with("ConnectionReset"), "{seen}");
}

#[tokio::test]
async fn a_body_of_known_or_unknown_length_is_read_to_its_end() {
    let fixed = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(probe_answer(fixed).await, Ok(()));
    assert_eq!(probe_answer(chunked).await, Ok(()));
}

#[tokio::test]
async fn another_status_fails_and_is_named() {
    let result = probe_answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(result, Err(Failure::Status(503)));
    assert_eq!(result.unwrap_err().to_string(), "HTTP status 503 is not accepted");
}

#[tokio::test]
async fn a_slow_body_is_a_timeout_while_reading_it() {
    let result = probe_answer("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nbeginning").await;
    assert_eq!(result, Err(Failure::Timeout(Phase::Body, TIMEOUT)));
}

#[tokio::test]
async fn silence_after_the_request_is_a_timeout_while_waiting() {
    let result = probe_answer("").await;
    assert_eq!(result, Err(Failure::Timeout(Phase::Answer, TIMEOUT)));
    let text = result.unwrap_err().to_string();
    assert_eq!(text, "no success within 300ms, while waiting for the answer");
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let (address, served) = server(|mut stream| async move {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 10 * http::MAX_BODY);
        stream.write_all(head.as_bytes()).await.unwrap();
        let block = vec![b'x'; 1 << 16];
        let mut sent = 0;
        while stream.write_all(&block).await.is_ok() {
            sent += block.len();
        }
        format!("{sent}")
    })
    .await;
    let result = run(&ask(http("/"), address)).await;
    assert_eq!(result, Err(Failure::BodyTooLong(http::MAX_BODY)));
    let sent: usize = served.await.unwrap().parse().unwrap();
    assert!(sent < 10 * http::MAX_BODY, "the prober went away early, after {sent} bytes");
}

#[tokio::test]
async fn another_protocol_is_not_http() {
    assert_eq!(probe_answer("SSH-2.0-OpenSSH_9.2\r\n").await, Err(Failure::NotHttp));
}

#[tokio::test]
async fn a_server_that_hangs_up_is_a_broken_connection() {
    let (address, _served) = server(|mut stream| async move {
        let length = stream.read(&mut [0; 4096]).await.unwrap();
        length.to_string()
    })
    .await;
    assert_eq!(run(&ask(http("/"), address)).await, Err(Failure::Broken(Phase::Answer)));
}

#[tokio::test]
async fn a_path_that_is_none_is_our_own_fault() {
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let result = run(&ask(http("/a b"), address)).await;
    assert_eq!(result, Err(Failure::CannotAsk(LocalFault::Request)));
}
