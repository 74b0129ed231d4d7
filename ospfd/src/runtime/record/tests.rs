use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::replay::{Output, ReplayError, Replayed, replay};
use super::*;
use crate::core::event::LinkState;
use crate::runtime::clock::Moment;
use crate::runtime::config;

const LATENCY: Duration = Duration::from_micros(200);
const ETH0: IfIndex = IfIndex(2);
/// 2026-11-20 18:00 UTC.
const START: Instant = Instant::from_micros(1_795_197_600_000_000);

/// One end of a link, and the recording of it.
struct Side {
    instance: Instance,
    recorder: Recorder,
    address: Ipv4Addr,
}

impl Side {
    fn new(number: u8, recorder: Recorder) -> Self {
        let toml = format!(
            "router_id = \"10.0.0.{number}\"\ntransit = true\n\
             [interface.eth0]\ntype = \"point-to-point\"\nhello_interval = \"1s\"\nauth = {{ simple = \"secret\" }}\n\
             [advertise.\"203.0.113.{number}/32\"]\nmetric = 5\n"
        );
        let settings = config::parse(Path::new("test"), &toml).unwrap();
        let moment = Moment { now: START, unix_micros: START.as_micros() };
        let mut side = Self {
            instance: Instance::new(settings.core_at(moment), u64::from(number), START),
            recorder,
            address: Ipv4Addr::new(192, 0, 2, number),
        };
        let config =
            RecordedConfig { toml: settings.written.text().to_owned(), unix_micros: START.as_micros() };
        let start = Entry::Start {
            version: VERSION,
            seed: u64::from(number),
            crypto_sequence: 0,
            boot_count: 0,
            config,
        };
        side.recorder.note(START, &side.instance, || start);
        let event = LinkEvent::State(LinkState {
            if_index: ETH0,
            name: "eth0".into(),
            up: true,
            address: format!("{}/24", side.address).parse().ok(),
            mtu: 1500,
        });
        side.recorder.note(START, &side.instance, || Entry::Link { event: event.clone() });
        side.instance.handle_link(START, event);
        side
    }

    fn drain(&mut self) -> Vec<Transmit> {
        while let Some(event) = self.instance.poll_event() {
            self.recorder.note_event(&event);
        }
        let transmits: Vec<_> = std::iter::from_fn(|| self.instance.poll_transmit()).collect();
        transmits.iter().for_each(|transmit| self.recorder.note_transmit(transmit));
        transmits
    }
}

/// Two routers talk for `span`; the first one is recorded, and given back.
fn converse(recorder: Recorder, span: Duration) -> Side {
    let mut sides = [Side::new(1, recorder), Side::new(2, Recorder::default())];
    let mut flying: Vec<(Instant, usize, Transmit)> = Vec::new();
    let (mut now, end) = (START, START + span);
    loop {
        for (from, side) in sides.iter_mut().enumerate() {
            flying.extend(side.drain().into_iter().map(|transmit| (now + LATENCY, from, transmit)));
        }
        let timers = sides.iter().filter_map(|side| side.instance.poll_timeout().map(|(at, _)| at));
        let Some(at) = timers.chain(flying.iter().map(|(at, ..)| *at)).min().filter(|at| *at <= end) else {
            break;
        };
        now = now.max(at);
        let due: Vec<_> = flying.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, from, Transmit { source, destination, ttl, payload, .. }) in due {
            let side = &mut sides[1 - from];
            let rx = RxDatagram { if_index: ETH0, source, destination, ttl, payload: &payload };
            side.recorder.note_datagram(now, &side.instance, rx);
            side.instance.handle_datagram(now, rx);
        }
        for side in &mut sides {
            if side.instance.poll_timeout().is_some_and(|(at, _)| at <= now) {
                side.recorder.note(now, &side.instance, || Entry::Timeout);
                side.instance.handle_timeout(now);
            }
        }
    }
    let [mut side, _] = sides;
    side.recorder.end(now, &side.instance, false);
    side
}

/// A recording of 30 s of two routers, and the digest of the area that the recorded one had at the end.
fn recorded(limit: u64) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ospfd.record");
    let side = converse(Recorder::create(&path, limit).unwrap(), Duration::from_secs(30));
    let view = &side.instance.neighbors(START)[0];
    assert_eq!(view.nbr_state, "Full");
    (std::fs::read_to_string(&path).unwrap(), side.instance.area_views()[0].database_digest.clone())
}

fn play(text: &str) -> Result<Replayed, ReplayError> {
    replay(Cursor::new(text), |_, _| ())
}

#[test]
fn a_recorded_conversation_replays_to_the_same_outputs_and_databases() {
    let (text, digest) = recorded(u64::MAX);
    let mut full = None;
    let replayed = replay(Cursor::new(&text), |at, output| {
        if let Output::Event(Event::NeighborState { to: "Full", .. }) = output {
            full = Some(at);
        }
    })
    .unwrap();
    assert_eq!(Some(&replayed.outcome), replayed.recorded.as_ref());
    assert_eq!(replayed.outcome.databases.values().collect::<Vec<_>>(), [&digest]);
    assert!(replayed.outcome.transmits > 30 && replayed.outcome.events > 5, "{replayed:?}");
    assert_eq!(replayed.inputs, text.lines().count() - 2);
    assert!(full.is_some_and(|at| at > START && at < START + Duration::from_secs(5)), "{full:?}");
}

#[test]
fn another_input_gives_another_outcome() {
    let (text, _) = recorded(u64::MAX);
    let without = text.lines().filter(|line| !line.contains("\"link\"")).collect::<Vec<_>>().join("\n");
    let replayed = play(&without).unwrap();
    assert_ne!(Some(&replayed.outcome), replayed.recorded.as_ref());
}

#[test]
fn a_full_recording_ends_in_order_and_replays_as_far_as_it_goes() {
    let (whole, _) = recorded(u64::MAX);
    let (text, _) = recorded(6_000);
    assert!(text.len() < 6_000 + 600 && text.len() < whole.len(), "{}", text.len());
    assert!(text.lines().last().unwrap().contains("\"full\":true"), "{text}");
    let replayed = play(&text).unwrap();
    assert_eq!(Some(&replayed.outcome), replayed.recorded.as_ref());
}

#[test]
fn a_recording_without_an_end_is_played_and_not_vouched_for() {
    let (text, _) = recorded(u64::MAX);
    let cut: Vec<_> = text.lines().take(20).collect();
    let replayed = play(&cut.join("\n")).unwrap();
    assert_eq!((replayed.inputs, replayed.recorded), (19, None));
}

#[test]
fn what_is_no_recording_is_refused_with_the_line() {
    assert!(matches!(play(""), Err(ReplayError::NoStart)));
    assert!(matches!(play("{\"at\":1,\"entry\":\"timeout\"}"), Err(ReplayError::NoStart)));
    let (text, _) = recorded(u64::MAX);
    let mut lines: Vec<_> = text.lines().take(5).map(str::to_owned).collect();
    let newer = lines[0].replace("\"version\":1", "\"version\":99");
    assert!(matches!(play(&newer), Err(ReplayError::Version(99))));
    lines[3] = "{\"at\":1,\"entry\":\"nonsense\"}".into();
    assert!(matches!(play(&lines.join("\n")), Err(ReplayError::Line { line: 4, .. })));
    lines[3] = "{\"at\":1,\"entry\":\"datagram\",\"if_index\":2,\"source\":\"192.0.2.2\",\"destination\":\"224.0.0.5\",\"ttl\":1,\"payload\":\"0g\"}".into();
    assert!(matches!(play(&lines.join("\n")), Err(ReplayError::Payload(4))));
}

#[test]
fn a_recording_is_its_owner_s_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ospfd.record");
    drop(Recorder::create(&path, 100).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    assert_eq!(Recorder::create(&path, 100).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn bytes_survive_as_hexadecimal() {
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    assert_eq!(unhex(&hex(&bytes)), Some(bytes));
    for bad in ["0", "0g", "\u{e9}"] {
        assert_eq!(unhex(bad), None, "{bad}");
    }
}
