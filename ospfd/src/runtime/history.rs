//! The last state changes, for `ospfctl show log`: bounded, and independent of where the log lines go.

use std::collections::{BTreeMap, VecDeque};

use common::control::ospf::status::LogView;
use common::time::Instant;
use jiff::Timestamp;

use crate::core::event::Event;

/// State changes that are kept.
const MOST: usize = 512;

/// The ring.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
}

/// One state change.
#[derive(Debug)]
struct Entry {
    at: Instant,
    what: &'static str,
    fields: BTreeMap<&'static str, String>,
}

impl History {
    /// Takes a note; the oldest makes room.
    pub fn note<const N: usize>(
        &mut self,
        at: Instant,
        what: &'static str,
        fields: [(&'static str, String); N],
    ) {
        if self.entries.len() >= MOST {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at, what, fields: BTreeMap::from(fields) });
    }

    /// Takes a note of an event of the engine if it is a change of state.
    pub fn note_event(&mut self, at: Instant, event: &Event) {
        match event {
            Event::InterfaceState { name, from, to } => {
                let fields = [("interface", name.clone()), ("from", text(from)), ("to", text(to))];
                self.note(at, "interface", fields);
            }
            Event::NeighborState { interface, router_id, from, to, cause } => {
                let fields = [
                    ("neighbor", router_id.to_string()),
                    ("interface", interface.clone()),
                    ("from", text(from)),
                    ("to", text(to)),
                    ("cause", text(cause)),
                ];
                self.note(at, "neighbor", fields);
            }
            Event::SendKey { interface, key_id, algorithm, expired } => {
                let fields = [
                    ("interface", interface.clone()),
                    ("key_id", key_id.to_string()),
                    ("algorithm", text(algorithm)),
                    ("expired", expired.to_string()),
                ];
                self.note(at, "key", fields);
            }
            Event::Translator { area, from, to } => {
                let fields = [("area", area.to_string()), ("from", text(from)), ("to", text(to))];
                self.note(at, "nssa-translator", fields);
            }
            Event::Helper { interface, router_id, what } => {
                let fields = [
                    ("interface", interface.clone()),
                    ("neighbor", router_id.to_string()),
                    ("what", text(what)),
                ];
                self.note(at, "graceful-restart", fields);
            }
            Event::Bfd { interface, peer, state, diagnostic, what } => {
                let fields = [
                    ("interface", interface.clone()),
                    ("peer", peer.to_string()),
                    ("state", text(state)),
                    ("diagnostic", text(diagnostic)),
                    ("what", text(what)),
                ];
                self.note(at, "bfd", fields);
            }
            Event::Lease { name, what, advertisements } => {
                let fields = [
                    ("lease", name.clone()),
                    ("what", text(what)),
                    ("advertisements", advertisements.to_string()),
                ];
                self.note(at, "lease", fields);
            }
            Event::Dropped { .. }
            | Event::Groups { .. }
            | Event::Routes(_)
            | Event::ShutdownComplete { .. } => {}
        }
    }

    /// The oldest first.
    pub fn views(&self) -> Vec<LogView> {
        self.entries.iter().map(Entry::view).collect()
    }
}

impl Entry {
    fn view(&self) -> LogView {
        LogView {
            time: time(self.at),
            what: self.what.to_owned(),
            fields: self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }
}

/// The daemon's instants count from 1970.
fn time(at: Instant) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).map_or_else(|_| "?".to_owned(), |at| format!("{at:.6}"))
}

fn text(word: &str) -> String {
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way_and_the_order_stays() {
        let mut history = History::default();
        for at in 0..=MOST as u64 {
            history.note(Instant::from_micros(at), "daemon", [("n", at.to_string())]);
        }
        let views = history.views();
        assert_eq!(views.len(), MOST);
        assert_eq!(
            (views[0].fields["n"].as_str(), views[0].time.as_str()),
            ("1", "1970-01-01T00:00:00.000001Z")
        );
        assert_eq!(views.last().unwrap().fields["n"], MOST.to_string());
    }

    #[test]
    fn changes_of_state_are_kept_and_drops_are_not() {
        let mut history = History::default();
        let source = std::net::Ipv4Addr::LOCALHOST;
        let reason = "decode";
        let drop = Event::Dropped { if_index: common::ids::IfIndex(1), source, reason };
        history.note_event(Instant::ZERO, &drop);
        let change = Event::InterfaceState { name: "eth0".into(), from: "Down", to: "DR" };
        history.note_event(Instant::from_micros(1_000_000), &change);
        let views = history.views();
        let [view] = views.as_slice() else { panic!("{views:?}") };
        assert_eq!((view.what.as_str(), view.time.as_str()), ("interface", "1970-01-01T00:00:01.000000Z"));
        let fields: Vec<_> = view.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(fields, [("from", "Down"), ("interface", "eth0"), ("to", "DR")]);
    }
}
