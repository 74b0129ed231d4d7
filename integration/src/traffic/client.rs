//! The client: short connections at a steady rate, and long-lived ones that ask again and again. It never retries.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use common::time::Instant;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::ledger::{Failure, Ledger};
use crate::observe::clock::Clock;

/// Longest answer that is read.
const MAX_ANSWER: usize = 256;
/// A long-lived connection that broke is replaced after this time.
const REOPEN_AFTER: Duration = Duration::from_millis(500);

/// What the client does.
#[derive(Clone, Debug)]
pub struct Load {
    /// The service.
    pub target: SocketAddr,
    /// Short connections per second; 0 for none.
    pub rate: u32,
    /// Time for a whole short request, connection included.
    pub timeout: Duration,
    /// Long-lived connections.
    pub long: u32,
    /// From one question on a long-lived connection to the next.
    pub long_interval: Duration,
    /// A long-lived connection without an answer for this long counts as broken.
    pub long_limit: Duration,
}

/// A running client: a thread with its own runtime, in a namespace.
#[derive(Debug)]
pub struct Client {
    ledger: Arc<Mutex<Ledger>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Starts the load; `enter` moves the calling thread into the client's namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn start(
        clock: Clock,
        load: Load,
        enter: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let stop = CancellationToken::new();
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let (shared, token) = (Arc::clone(&ledger), stop.clone());
        let thread = std::thread::Builder::new().name("client".into()).spawn(move || {
            let runtime =
                enter().and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
            match runtime {
                Ok(runtime) => {
                    drop(ready.send(Ok(())));
                    runtime.block_on(run(clock, load, &shared, token));
                }
                Err(e) => drop(ready.send(Err(e))),
            }
        })?;
        started.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))??;
        Ok(Self { ledger, stop, thread: Some(thread) })
    }

    /// What happened so far.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Stops new requests, waits for those under way, and ends the thread.
    pub fn finish(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.finish();
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(clock: Clock, load: Load, ledger: &Arc<Mutex<Ledger>>, stop: CancellationToken) {
    let load = Arc::new(load);
    let tasks = tokio_util::task::TaskTracker::new();
    for id in 0..load.long {
        let long = Long { id, clock, load: Arc::clone(&load), ledger: Arc::clone(ledger) };
        let stop = stop.clone();
        tasks.spawn(async move {
            // Not all at once: a herd of openings would look like a step.
            sleep(load_spread(id)).await;
            tokio::select! { () = stop.cancelled() => {}, () = long.live() => {} }
        });
    }
    if load.rate > 0 {
        tokio::select! {
            () = stop.cancelled() => {}
            () = steady(clock, &load, ledger, &tasks) => {}
        }
    }
    stop.cancelled().await;
    tasks.close();
    tasks.wait().await;
}

fn load_spread(id: u32) -> Duration {
    Duration::from_millis(u64::from(id) * 7)
}

/// Starts a short request at every tick, as a task of its own, up to what the timeout can leave under way.
async fn steady(
    clock: Clock,
    load: &Arc<Load>,
    ledger: &Arc<Mutex<Ledger>>,
    tasks: &tokio_util::task::TaskTracker,
) {
    let most = f64::from(load.rate) * load.timeout.as_secs_f64() * 2.0 + 8.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive bound")]
    let room = Arc::new(Semaphore::new(most as usize));
    let mut ticks = interval(Duration::from_secs(1) / load.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let started_at = clock.now();
        let id = lock(ledger).started(started_at);
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            lock(ledger).finished(id, started_at, Err(Failure::Client));
            continue;
        };
        let (load, ledger) = (Arc::clone(load), Arc::clone(ledger));
        tasks.spawn(async move {
            let outcome = timeout(load.timeout, short(load.target)).await.unwrap_or(Err(Failure::Timeout));
            lock(&ledger).finished(id, clock.now(), outcome);
            drop(place);
        });
    }
}

async fn short(target: SocketAddr) -> Result<String, Failure> {
    let mut sender = connect(target).await?;
    ask(&mut sender, target, false).await
}

async fn connect(target: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, Failure> {
    let stream = TcpStream::connect(target).await.map_err(|e| Failure::of(&e))?;
    stream.set_nodelay(true).map_err(|e| Failure::of(&e))?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| why(&e))?;
    // Ends when the sender is dropped; what goes wrong on it is told to the request.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn ask(
    sender: &mut SendRequest<Empty<Bytes>>,
    target: SocketAddr,
    keep: bool,
) -> Result<String, Failure> {
    let request = Request::get("/")
        .header(HOST, target.to_string())
        .header(CONNECTION, if keep { "keep-alive" } else { "close" })
        .body(Empty::new())
        .map_err(|_| Failure::Client)?;
    let response = sender.send_request(request).await.map_err(|e| why(&e))?;
    if response.status() != StatusCode::OK {
        return Err(Failure::Malformed);
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|e| e.downcast::<hyper::Error>().map_or(Failure::Malformed, |e| why(&e)))?;
    let name = String::from_utf8(body.to_bytes().to_vec()).map_err(|_| Failure::Malformed)?;
    if name.is_empty() { Err(Failure::Malformed) } else { Ok(name) }
}

fn why(error: &hyper::Error) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Failure::of(io);
        }
        source = inner.source();
    }
    if error.is_timeout() {
        Failure::Timeout
    } else if error.is_parse() {
        Failure::Malformed
    } else {
        Failure::Closed
    }
}

/// One long-lived connection and its successors.
struct Long {
    id: u32,
    clock: Clock,
    load: Arc<Load>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Long {
    async fn live(self) {
        loop {
            if let Some(failure) = self.one_life().await {
                lock(&self.ledger).long_broke(self.id, self.clock.now(), failure);
            }
            sleep(REOPEN_AFTER).await;
        }
    }

    /// Opens, then asks until something fails. `None` when it could not be opened: what never stood cannot break.
    async fn one_life(&self) -> Option<Failure> {
        let target = self.load.target;
        let opening = async {
            let mut sender = connect(target).await?;
            let server = ask(&mut sender, target, true).await?;
            Ok::<_, Failure>((sender, server))
        };
        let (mut sender, server) = timeout(self.load.timeout, opening).await.ok()?.ok()?;
        lock(&self.ledger).long_opened(self.id, self.clock.now(), server.clone());
        loop {
            sleep(self.load.long_interval).await;
            let asked_at = self.clock.now();
            match timeout(self.load.long_limit, ask(&mut sender, target, true)).await {
                Err(_) => return Some(Failure::Timeout),
                Ok(Err(failure)) => return Some(failure),
                Ok(Ok(name)) if name != server => return Some(Failure::Malformed),
                Ok(Ok(_)) => self.answered(asked_at),
            }
        }
    }

    fn answered(&self, asked_at: Instant) {
        let now = self.clock.now();
        lock(&self.ledger).long_answered(now, now.since(asked_at), self.load.long_interval / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::tests::on_loopback;
    use super::*;
    use crate::clock::{until, until_some};

    const WAIT: Duration = Duration::from_secs(10);

    fn load(target: SocketAddr) -> Load {
        Load {
            target,
            rate: 50,
            timeout: Duration::from_secs(2),
            long: 2,
            long_interval: Duration::from_millis(20),
            long_limit: Duration::from_secs(2),
        }
    }

    fn in_background(name: &'static str) -> (tokio::runtime::Runtime, SocketAddr) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("runtime");
        let address = runtime.block_on(on_loopback(name));
        (runtime, address)
    }

    #[test]
    fn answers_are_counted_by_the_name_of_the_server() {
        let (_runtime, address) = in_background("alpha");
        let clock = Clock::start();
        let mut client = Client::start(clock, load(address), || Ok(())).expect("client");
        let served = until(WAIT, "both kinds of traffic are served", || {
            let ledger = client.ledger();
            let answered = ledger.tally(Instant::ZERO, clock.now()).answered_by("alpha");
            answered >= 10 && ledger.long_by_server().get("alpha") == Some(&2)
        });
        served.expect("traffic");
        client.finish();
        let end = clock.now();
        let ledger = client.ledger();
        assert!(ledger.settled(end), "requests are under way after the end");
        let tally = ledger.tally(Instant::ZERO, end);
        assert_eq!((tally.failed_total(), tally.broken), (0, 0));
    }

    #[test]
    fn a_dead_server_fails_requests_and_breaks_each_long_connection_once() {
        let (runtime, address) = in_background("alpha");
        let clock = Clock::start();
        let client = Client::start(clock, load(address), || Ok(())).expect("client");
        let stood = until(WAIT, "long-lived connections stand", || {
            client.ledger().long_by_server().get("alpha") == Some(&2)
        });
        stood.expect("long-lived connections");
        runtime.shutdown_background();
        let failed = until_some(WAIT, "requests fail and connections break", || {
            let tally = client.ledger().tally(Instant::ZERO, clock.now());
            (tally.failed_total() >= 3 && tally.broken >= 2).then_some(tally)
        });
        let tally = failed.expect("the death was not noticed");
        assert_eq!(tally.broken, 2);
        assert!(tally.failed.contains_key(&Failure::Refused), "{tally:?}");
    }

    #[test]
    fn nobody_listening_is_refused_at_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let outcome = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
            let address = listener.local_addr().expect("bound");
            drop(listener);
            short(address).await
        });
        assert_eq!(outcome, Err(Failure::Refused));
    }
}
