use common::control::RefusalCode;
use common::control::ospf::{AdvertisedView, Advertisement, Encoding, Request, Response};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::runtime::config;
use crate::runtime::control::QUEUE;

/// A loop without links, as unprivileged as any test, and the ends of its inputs.
struct Running {
    folder: tempfile::TempDir,
    signals: mpsc::Sender<Signal>,
    commands: mpsc::Sender<Command>,
    _links: mpsc::Sender<LinkReport>,
    task: JoinHandle<Ended>,
}

impl Running {
    fn start(config: &str) -> Self {
        Self::recorded(config, Recorder::default())
    }

    fn recorded(config: &str, recorder: Recorder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ospfd.toml");
        std::fs::write(&path, config).unwrap();
        let settings = config::load(&path).unwrap();
        let (signals, signal_receiver) = mpsc::channel(4);
        let (commands, command_receiver) = mpsc::channel(QUEUE);
        let (links, link_receiver) = mpsc::channel(4);
        let driver = Driver::new(Clock::start(), 1, path, settings).recorded_by(recorder, 1);
        let inputs = Inputs { signals: signal_receiver, commands: command_receiver, links: link_receiver };
        Self { folder, signals, commands, _links: links, task: tokio::spawn(driver.run(inputs)) }
    }

    async fn ask(&self, request: Request) -> Response {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command { request, reply }).await.unwrap();
        answer.await.unwrap()
    }

    async fn advertised(&self) -> Vec<AdvertisedView> {
        match self.ask(Request::ShowAdvertised).await {
            Response::Advertised(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    /// The prefixes that are advertised, when they are `count`.
    async fn until_advertised(&self, count: usize) -> Vec<String> {
        let wait = async {
            loop {
                let rows = self.advertised().await;
                if rows.len() == count {
                    return rows.iter().map(|row| row.advertisement.prefix.to_string()).collect();
                }
                yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("in time")
    }

    async fn lease(&self, ttl_ms: u64, prefix: &str) {
        let name = "director".to_owned();
        let opened = self.ask(Request::LeaseOpen { name: name.clone(), ttl_ms }).await;
        assert!(matches!(opened, Response::Lease(_)), "{opened:?}");
        let advertisement =
            Advertisement { prefix: prefix.parse().unwrap(), metric: 10, encoding: Encoding::Stub, tag: 0 };
        let set = Request::SetAdvertised { name, generation: 1, advertisements: vec![advertisement] };
        let set = self.ask(set).await;
        assert!(matches!(set, Response::Lease(_)), "{set:?}");
    }

    async fn stopped(self) -> Ended {
        self.signals.send(Signal::Stop).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), self.task).await.expect("in time").unwrap()
    }
}

const CONFIG: &str = "router_id = \"10.0.0.1\"\n[advertise.\"192.0.2.1/32\"]\nmetric = 1\n";

#[tokio::test]
async fn a_silent_holder_loses_its_lease_and_nobody_else_does() {
    let running = Running::start(CONFIG);
    running.lease(100, "192.0.2.2/32").await;
    assert_eq!(running.until_advertised(2).await, ["192.0.2.1/32", "192.0.2.2/32"]);
    assert_eq!(running.until_advertised(1).await, ["192.0.2.1/32"]);
    let renewed = running.ask(Request::LeaseRenew { name: "director".into() }).await;
    let Response::Refused(refusal) = renewed else { panic!("{renewed:?}") };
    assert_eq!(refusal.code, RefusalCode::UnknownLease);
}

#[tokio::test]
async fn a_stop_without_neighbours_is_at_once_and_clean() {
    let running = Running::start(CONFIG);
    assert_eq!(running.until_advertised(1).await, ["192.0.2.1/32"]);
    assert_eq!(running.stopped().await, Ended::Flushed { acknowledged: true });
}

#[tokio::test]
async fn a_reload_changes_static_prefixes_and_keeps_leases() {
    let running = Running::start(CONFIG);
    running.lease(3_600_000, "192.0.2.2/32").await;
    let path = running.folder.path().join("ospfd.toml");
    std::fs::write(&path, format!("{CONFIG}[advertise.\"192.0.2.3/32\"]\nmetric = 1\n")).unwrap();
    running.signals.send(Signal::Reload).await.unwrap();
    assert_eq!(running.until_advertised(3).await, ["192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"]);
}

#[tokio::test]
async fn a_bad_reload_keeps_the_old_configuration() {
    let running = Running::start(CONFIG);
    let path = running.folder.path().join("ospfd.toml");
    std::fs::write(&path, "router_id = \"10.0.0.1\"\n[advertise.\"192.0.2.9/24\"]\nmetric = 1\n").unwrap();
    running.signals.send(Signal::Reload).await.unwrap();
    // Signals come first, so the answer shows what the reload left behind.
    assert_eq!(running.until_advertised(1).await, ["192.0.2.1/32"]);
    std::fs::write(&path, "router_id = \"10.0.0.1\"\n").unwrap();
    running.signals.send(Signal::Reload).await.unwrap();
    assert_eq!(running.until_advertised(0).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_loop_records_replays_to_the_same_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ospfd.record");
    let running = Running::recorded(CONFIG, Recorder::create(&path, u64::MAX).unwrap());
    running.lease(100, "192.0.2.2/32").await;
    assert_eq!(running.until_advertised(1).await, ["192.0.2.1/32"], "the lease lapses");
    running.signals.send(Signal::Reload).await.unwrap();
    assert_eq!(running.stopped().await, Ended::Flushed { acknowledged: true });
    let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
    let replayed = record::replay::replay(file, |_, _| ()).unwrap();
    assert_eq!(Some(&replayed.outcome), replayed.recorded.as_ref());
    assert!(replayed.outcome.events >= 4, "opened, changed, lapsed, stopped: {replayed:?}");
}

#[tokio::test]
async fn every_counter_is_a_metric() {
    let running = Running::start(CONFIG);
    running.lease(3_600_000, "192.0.2.2/32").await;
    let Response::Counters(rows) = running.ask(Request::ShowCounters).await else { panic!() };
    let Response::Metrics(text) = running.ask(Request::ShowMetrics).await else { panic!() };
    for row in rows.iter().filter(|row| row.name != "lsas") {
        let (_, name) = row.name.split_once('-').unwrap();
        let series = format!("=\"{name}\"}} {:?}", row.value as f64);
        assert!(text.lines().any(|line| line.ends_with(&series)), "no series {series} in\n{text}");
    }
    assert!(text.contains("ospfd_lease_prefixes{lease=\"director\"} 1.0\n"), "{text}");
    assert!(text.contains("ospfd_advertised_prefixes 2.0\n"), "{text}");
}

#[tokio::test]
async fn the_log_keeps_what_leases_and_operators_did() {
    let running = Running::start(CONFIG);
    running.lease(3_600_000, "192.0.2.2/32").await;
    assert_eq!(running.ask(Request::ClearNeighbor { neighbor: None }).await, Response::Cleared(Vec::new()));
    let Response::Log(rows) = running.ask(Request::ShowLog).await else { panic!() };
    let lease: Vec<_> = rows.iter().filter(|row| row.what == "lease").collect();
    assert_eq!(
        lease.iter().map(|row| row.fields["what"].as_str()).collect::<Vec<_>>(),
        ["opened", "changed"]
    );
    assert!(lease[0].time.starts_with("20"), "{rows:?}");
    let Response::Instance(view) = running.ask(Request::ShowInstance).await else { panic!() };
    assert_eq!((view.state.as_str(), view.advertised_counter), ("running", 2));
}

#[tokio::test]
async fn the_counters_of_sockets_and_engine_stand_together() {
    let running = Running::start(CONFIG);
    let Response::Counters(rows) = running.ask(Request::ShowCounters).await else { panic!() };
    assert!(rows.iter().any(|row| row.name == "socket-rx"), "{rows:?}");
    let mut names: Vec<_> = rows.iter().map(|row| &row.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "a counter has one name");
}
