//! Shutting down: our LSAs are flushed (RFC 2328 §14.1), and the end waits for the acknowledgements.

use common::time::Instant;

use super::event::Event;
use super::instance::{Instance, Life};
use super::interface;
use super::timer::TimerKey;
use crate::packet::MAX_AGE;

impl Instance {
    /// Starts to shut down.
    pub(crate) fn begin_stop(&mut self, deadline: Instant) {
        if self.life == Life::Running {
            self.life = Life::Stopping;
            self.dirty = true;
            self.timers.set(TimerKey::Shutdown, deadline);
        }
    }

    /// Ends as soon as all neighbours in state Full know that we are gone.
    pub(crate) fn stop_when_acknowledged(&mut self, now: Instant) {
        if self.life != Life::Stopping || self.dirty {
            return;
        }
        let awaited = self.interfaces.values().any(|interface| {
            let place = interface.place();
            interface.full_neighbors().any(|neighbor| {
                self.originator
                    .keys()
                    .any(|(scope, key)| scope.is_in(place) && neighbor.retransmit.contains(key))
            })
        });
        // A flush may still be held back, so that nobody ignores it for coming too soon.
        let held_back = self.timers.deadline(TimerKey::Originate).is_some();
        if !awaited && !held_back {
            self.finish_stop(now, true);
        }
    }

    /// The deadline has come: what was held back goes out now, heeded or not.
    pub(crate) fn stop_unacknowledged(&mut self, now: Instant) {
        self.flush_all(now);
        self.finish_stop(now, false);
    }

    /// Flushes what stands in our name, heeded or not.
    fn flush_all(&mut self, now: Instant) {
        let standing: Vec<_> = self
            .originator
            .keys()
            .filter_map(|(scope, key)| {
                let entry = self.lsdb.get(scope, key).filter(|entry| entry.age(now) < MAX_AGE)?;
                Some((scope, entry.lsa().with_age(MAX_AGE)))
            })
            .collect();
        for (scope, lsa) in standing {
            self.flush(now, scope, lsa);
        }
        self.send_floods(now);
    }

    /// RFC 2328 C.1: before the Router ID changes, what stands under the old one is flushed. Nobody can acknowledge it,
    /// for the adjacencies end with it.
    pub(crate) fn end_life(&mut self, now: Instant) {
        self.flush_all(now);
        self.leave(now);
    }

    /// A last hello that lists nobody, all interfaces down.
    fn leave(&mut self, now: Instant) {
        let interfaces: Vec<_> = self.interfaces.keys().copied().collect();
        for if_index in interfaces {
            self.send_farewell(if_index);
            self.interface_event(now, if_index, interface::Event::InterfaceDown);
        }
    }

    /// The end.
    fn finish_stop(&mut self, now: Instant, acknowledged: bool) {
        self.leave(now);
        self.life = Life::Stopped;
        self.dirty = false;
        self.timers.clear();
        self.output.event(Event::ShutdownComplete { acknowledged });
    }
}
