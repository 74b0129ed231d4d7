//! Sending and receiving hellos (RFC 2328 §9.5, §10.5).

use std::net::Ipv4Addr;
use std::time::Duration;

use common::ids::{IfIndex, RouterId};
use common::time::Instant;

use crate::core::constants::{HELLO_GAP, MAX_NEIGHBORS, NO_CROWD};
use crate::core::drops::DropReason;
use crate::core::instance::Instance;
use crate::core::neighbor::{self, Neighbor};
use crate::core::receive::Rx;
use crate::core::timer::TimerKey;
use crate::packet::{Body, Hello, options};

use super::{Event, Interface, State};

/// What a neighbour's hello changed.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    /// It was not known before.
    new: bool,
    /// Its priority, or whether it declares itself Designated Router or backup.
    election: bool,
}

impl Instance {
    /// HelloTimer: sends a hello now, and the next one HelloInterval later.
    pub(crate) fn hello_due(&mut self, now: Instant, if_index: IfIndex) {
        let Some(interface) = self.interfaces.get_mut(&if_index) else { return };
        // §9.5.1: in state Waiting and above.
        if !interface.state.is_operational() || interface.config.passive {
            return;
        }
        interface.hello_sent_at = Some(now);
        self.timers.set(TimerKey::Hello(if_index), now + interface.config.hello_interval);
        let destinations = interface.hello_destinations();
        self.send_hello_to(if_index, &destinations);
    }

    /// A hello at once, or soon where one has just gone out: in a crowd that starts together each router is new to all others,
    /// and a hello from everybody to everybody would be answered by everybody. So the more there are, the longer each waits,
    /// though never longer than until its next hello is due anyway.
    fn hello_soon(&mut self, now: Instant, if_index: IfIndex) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let crowd = u32::try_from(interface.neighbors.len()).unwrap_or(u32::MAX).saturating_sub(NO_CROWD);
        let gap = HELLO_GAP * crowd;
        let at = interface.hello_sent_at.map_or(now, |sent| sent + gap);
        let timer = TimerKey::Hello(if_index);
        if at <= now {
            self.hello_due(now, if_index);
        } else if self.timers.deadline(timer).is_none_or(|due| at < due) {
            self.timers.set(timer, at);
        }
    }

    /// Our hello, to each of `destinations`.
    pub(super) fn send_hello_to(&mut self, if_index: IfIndex, destinations: &[Ipv4Addr]) {
        let Some(interface) = self.interfaces.get(&if_index) else { return };
        let hello = own_hello(interface, interface.neighbors.keys().copied().collect());
        for destination in destinations {
            self.output.send(interface, *destination, Body::Hello(hello.clone()));
        }
    }

    /// A hello that lists nobody: neighbours fall back to Init at once.
    pub(crate) fn send_farewell(&mut self, if_index: IfIndex) {
        if let Some(interface) = self.interfaces.get(&if_index)
            && interface.state.is_operational()
            && !interface.config.passive
        {
            for destination in interface.hello_destinations() {
                self.output.send(interface, destination, Body::Hello(own_hello(interface, Vec::new())));
            }
        }
    }

    /// RFC 2328 §10.5.
    pub(crate) fn receive_hello(&mut self, now: Instant, rx: Rx, hello: &Hello) {
        let Some(interface) = self.interfaces.get(&rx.if_index) else { return };
        if let Err(reason) = acceptable(interface, hello).and_then(|()| admissible(interface, rx)) {
            return self.drop_packet(rx, reason);
        }
        // The address is somebody else's now: the neighbour that had it has restarted under another Router ID.
        let replaced = interface
            .neighbors
            .values()
            .find(|neighbor| neighbor.address == rx.source && neighbor.router_id != rx.router_id)
            .map(|neighbor| neighbor.router_id);
        if let Some(replaced) = replaced {
            self.neighbor_event(now, rx.if_index, replaced, neighbor::Event::KillNbr);
        }

        // §10.2, §10.3
        let changes = self.note_hello(now, rx, hello);
        let hears_us = hello.neighbors.contains(&self.config.router_id);
        let lost_us = !hears_us && self.neighbor_state(rx.if_index, rx.router_id) >= neighbor::State::TwoWay;
        self.neighbor_event(now, rx.if_index, rx.router_id, neighbor::Event::HelloReceived);
        if !hears_us {
            self.neighbor_event(now, rx.if_index, rx.router_id, neighbor::Event::OneWayReceived);
        }
        if changes.new || lost_us {
            // Not asked for by the RFC: who is new, or has restarted, is answered at once, so that the adjacency does not
            // wait for our next hello.
            self.hello_soon(now, rx.if_index);
        }
        if self.interfaces.get(&rx.if_index).is_some_and(|i| i.answers(rx.source, hello.priority)) {
            self.send_hello_to(rx.if_index, &[rx.source]);
        }
        if !hears_us {
            return;
        }
        self.neighbor_event(now, rx.if_index, rx.router_id, neighbor::Event::TwoWayReceived);

        // §9.2: BackupSeen and NeighborChange.
        let waiting =
            self.interfaces.get(&rx.if_index).is_some_and(|interface| interface.state == State::Waiting);
        let alone_at_the_top =
            hello.designated_router == rx.source && hello.backup_designated_router.is_unspecified();
        if waiting && (alone_at_the_top || hello.backup_designated_router == rx.source) {
            self.interface_event(now, rx.if_index, Event::BackupSeen);
        } else if changes.election {
            self.interface_event(now, rx.if_index, Event::NeighborChange);
        }
    }

    /// Puts what the hello says into the neighbour's record, which is made if need be.
    fn note_hello(&mut self, now: Instant, rx: Rx, hello: &Hello) -> Changes {
        let Some(interface) = self.interfaces.get_mut(&rx.if_index) else { return Changes::default() };
        let new = !interface.neighbors.contains_key(&rx.router_id);
        let neighbor = interface
            .neighbors
            .entry(rx.router_id)
            .or_insert_with(|| Neighbor::new(rx.router_id, rx.source, now));
        if let Some(seen) = interface.remembered.remove(&rx.router_id) {
            neighbor.seen = seen;
        }
        if new && let Some(poll) = interface.polls.get(&rx.source) {
            neighbor.state = poll.state(now);
        }
        let role = |neighbor: &Neighbor| {
            (neighbor.priority, neighbor.designated == neighbor.address, neighbor.backup == neighbor.address)
        };
        let before = role(neighbor);
        neighbor.address = rx.source;
        neighbor.priority = hello.priority;
        let declared = (hello.designated_router, hello.backup_designated_router);
        match &mut neighbor.helping {
            // RFC 3623 §3: who was Designated Router stays it until the help ends, whatever it says while it restarts.
            Some(helping) => helping.declared = declared,
            None => (neighbor.designated, neighbor.backup) = declared,
        }
        neighbor.hears_us = hello.neighbors.contains(&self.config.router_id);
        Changes { new, election: !new && before != role(neighbor) }
    }
}

/// RFC 2328 §9.5.
fn own_hello(interface: &Interface, neighbors: Vec<RouterId>) -> Hello {
    Hello {
        // §9.5: unnumbered point-to-point networks have no mask.
        network_mask: interface
            .network()
            .filter(|_| !interface.is_unnumbered())
            .map_or(Ipv4Addr::UNSPECIFIED, |network| network.mask()),
        hello_interval: u16::try_from(interface.config.hello_interval.as_secs()).unwrap_or(u16::MAX),
        options: interface.kind.hello_options(),
        priority: interface.config.priority,
        router_dead_interval: whole_seconds(interface.config.dead_interval),
        designated_router: interface.designated,
        backup_designated_router: interface.backup,
        neighbors,
    }
}

fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

/// RFC 2328 §10.5, first half: the parameters that neighbours must share.
fn acceptable(interface: &Interface, hello: &Hello) -> Result<(), DropReason> {
    let mask = interface.network().map(|network| network.mask());
    // §10.5: the mask does not matter on point-to-point networks.
    if interface.is_shared() && mask != Some(hello.network_mask) {
        return Err(DropReason::MaskMismatch);
    }
    if Duration::from_secs(hello.hello_interval.into()) != interface.config.hello_interval {
        return Err(DropReason::HelloIntervalMismatch);
    }
    if Duration::from_secs(hello.router_dead_interval.into()) != interface.config.dead_interval {
        return Err(DropReason::DeadIntervalMismatch);
    }
    // RFC 2328 §10.5 and RFC 3101 §2.1: E and N must agree; other bits are not looked at.
    if hello.options & (options::E | options::NP) != interface.kind.hello_options() {
        return Err(DropReason::OptionsMismatch);
    }
    Ok(())
}

/// May the sender be a neighbour here, given those that there are?
fn admissible(interface: &Interface, rx: Rx) -> Result<(), DropReason> {
    if let Some(known) = interface.neighbors.get(&rx.router_id) {
        // Two routers with one Router ID: the first stays until it falls silent.
        let moved = interface.is_shared() && known.address != rx.source;
        return if moved { Err(DropReason::DuplicateRouterId) } else { Ok(()) };
    }
    let same_address = interface.neighbors.values().any(|neighbor| neighbor.address == rx.source);
    if !interface.is_shared() && !interface.neighbors.is_empty() && !same_address {
        return Err(DropReason::SecondNeighbor);
    }
    if interface.neighbors.len() >= MAX_NEIGHBORS {
        return Err(DropReason::TooManyNeighbors);
    }
    Ok(())
}
