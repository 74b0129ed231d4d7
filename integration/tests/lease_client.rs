//! The director's lease client against the loop and the control server of a real `ospfd`. Without interfaces it opens no raw
//! socket, so this needs no privileges.

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::control::frame::Client;
use common::control::ospf::{Request, Response};
use director::core::gate::Advertised;
use director::core::lease::Lease;
use director::runtime::clock::Clock;
use director::runtime::lease::Link;
use ospfd::runtime::control::{self, Server};
use ospfd::runtime::driver::{Driver, Inputs};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const TTL: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(20);
const VIP: &str = "192.0.2.10";

/// An `ospfd` in this process, gone with the value.
struct Ospfd {
    folder: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Ospfd {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("ospfd.toml");
        let socket = folder.path().join("ospfd.sock");
        let text = format!("router_id = \"10.0.0.1\"\ncontrol.socket = \"{}\"\n", socket.display());
        std::fs::write(&config, text).unwrap();
        let settings = ospfd::runtime::config::load(&config).unwrap();
        let (to_loop, commands) = mpsc::channel(control::QUEUE);
        let server = Server::start(&socket, to_loop).await.unwrap();
        let task = tokio::spawn(async move {
            // Nobody signals it, and it has no links.
            let ((_signal, signals), (_link, links)) = (mpsc::channel(1), mpsc::channel(1));
            let driver = Driver::new(ospfd::runtime::clock::Clock::start(), 1, config, settings);
            driver.run(Inputs { signals, commands, links }).await;
            drop(server);
        });
        Self { folder, task }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("ospfd.sock")
    }

    /// Who advertises what, as the daemon says.
    async fn advertised(&self) -> Vec<(String, u16, String)> {
        let mut client = Client::connect(&self.socket()).await.unwrap();
        match client.call(&Request::ShowAdvertised).await.unwrap() {
            Response::Advertised(rows) => rows
                .into_iter()
                .map(|row| (row.advertisement.prefix.to_string(), row.advertisement.metric, row.owner))
                .collect(),
            other => panic!("not what was asked: {other:?}"),
        }
    }
}

impl Drop for Ospfd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The director's half: the core and its link, driven as the daemon's loop drives them.
struct Holder {
    clock: Clock,
    lease: Lease,
    link: Link,
}

impl Holder {
    fn new(socket: &Path) -> Self {
        let clock = Clock::start();
        let lease = Lease::new(clock.now(), "director".into(), TTL, [VIP.parse().unwrap()].into());
        Self { clock, lease, link: Link::start(socket.to_owned(), TTL / 3) }
    }

    /// Drives until `done`.
    async fn until(&mut self, done: impl Fn(&Lease) -> bool) {
        let drive = async {
            while !done(&self.lease) {
                if let Some(request) = self.lease.poll_request(self.clock.now()) {
                    self.link.send(request).unwrap();
                }
                tokio::select! {
                    reply = self.link.reply() => self.lease.handle_reply(self.clock.now(), reply),
                    () = self.clock.sleep_until(self.lease.next_deadline()) => {
                        self.lease.handle_timeout(self.clock.now());
                    }
                }
            }
        };
        timeout(SOON, drive).await.expect("in time");
    }

    /// Wants the VIP at `metric`, and drives until it is in force.
    async fn advertise(&mut self, metric: u16) {
        let want: Advertised = [(VIP.parse().unwrap(), metric)].into();
        self.lease.want(want.clone());
        self.until(|lease| lease.in_force() == Some(&want)).await;
    }
}

fn row(metric: u16) -> Vec<(String, u16, String)> {
    vec![(format!("{VIP}/32"), metric, "director".to_owned())]
}

#[tokio::test]
async fn a_set_is_in_force_stays_while_it_is_renewed_and_changes_at_once() {
    let ospfd = Ospfd::start().await;
    let mut holder = Holder::new(&ospfd.socket());
    holder.advertise(10).await;
    assert_eq!(ospfd.advertised().await, row(10));
    let renewed_until = holder.clock.now() + TTL * 2;
    let clock = holder.clock;
    holder.until(|_| clock.now() >= renewed_until).await;
    assert_eq!(ospfd.advertised().await, row(10), "twice the time to live later");
    holder.advertise(65_535).await;
    assert_eq!(ospfd.advertised().await, row(65_535));
}

#[tokio::test]
async fn a_holder_that_returns_in_time_finds_its_set_and_changes_nothing() {
    let ospfd = Ospfd::start().await;
    let mut first = Holder::new(&ospfd.socket());
    first.advertise(10).await;
    drop(first);
    assert_eq!(ospfd.advertised().await, row(10), "a closed connection withdraws nothing");
    let mut second = Holder::new(&ospfd.socket());
    second.until(|lease| lease.in_force().is_some()).await;
    assert_eq!(second.lease.in_force().map(Advertised::len), Some(1), "resumed before anything was set");
    assert!(second.lease.to_string().contains("generation 1"), "{}", second.lease);
    second.advertise(10).await;
    assert!(second.lease.to_string().contains("generation 1"), "{}", second.lease);
}

#[tokio::test]
async fn a_silent_holder_lapses_and_sets_again_when_it_speaks() {
    let ospfd = Ospfd::start().await;
    let mut holder = Holder::new(&ospfd.socket());
    holder.advertise(10).await;
    timeout(SOON, async {
        while !ospfd.advertised().await.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("silence withdraws");
    // The next renewal is refused: the lease is opened again, and is empty.
    holder.until(|lease| lease.in_force().is_none_or(Advertised::is_empty)).await;
    holder.advertise(10).await;
    assert_eq!(ospfd.advertised().await, row(10));
}

#[tokio::test]
async fn a_released_lease_is_withdrawn_before_the_answer() {
    let ospfd = Ospfd::start().await;
    let mut holder = Holder::new(&ospfd.socket());
    holder.advertise(10).await;
    holder.lease.release();
    let clock = holder.clock;
    holder.until(|lease| lease.is_gone(clock.now())).await;
    assert!(ospfd.advertised().await.is_empty());
}

#[tokio::test]
async fn an_absent_ospfd_is_told_in_words() {
    let mut holder = Holder::new(Path::new("/nonexistent/ospfd.sock"));
    holder
        .until(|lease| lease.to_string().contains("cannot reach the daemon on /nonexistent/ospfd.sock"))
        .await;
}
