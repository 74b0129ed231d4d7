//! The interface state machine as a table (RFC 2328 §9.3). Pure: `super` executes the actions.

use crate::core::config::NetworkType;

/// Interface states (RFC 2328 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// The link is down, or OSPF is off on it.
    Down,
    /// Looped back.
    Loopback,
    /// Listening for who is Designated Router.
    Waiting,
    /// Up, on a network without Designated Router.
    PointToPoint,
    /// Up, neither Designated Router nor its backup.
    DrOther,
    /// Backup Designated Router.
    Backup,
    /// Designated Router.
    Dr,
}

impl State {
    /// The RFC's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "Down",
            Self::Loopback => "Loopback",
            Self::Waiting => "Waiting",
            Self::PointToPoint => "Point-to-point",
            Self::DrOther => "DROther",
            Self::Backup => "Backup",
            Self::Dr => "DR",
        }
    }

    /// Are packets sent and received in this state?
    pub(crate) const fn is_operational(self) -> bool {
        match self {
            Self::Down | Self::Loopback => false,
            Self::Waiting | Self::PointToPoint | Self::DrOther | Self::Backup | Self::Dr => true,
        }
    }

    /// Does this router listen on AllDRouters (RFC 2328 A.1)?
    pub(crate) const fn is_dr_or_backup(self) -> bool {
        matches!(self, Self::Dr | Self::Backup)
    }
}

/// Interface events (RFC 2328 §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the table is the RFC's, whole; not every event has a source yet")]
pub(crate) enum Event {
    /// The link came up.
    InterfaceUp,
    /// WaitTimer fired.
    WaitTimer,
    /// A neighbour says who is Backup Designated Router, or that there is none.
    BackupSeen,
    /// The set of bidirectional neighbours, or what they declare, changed.
    NeighborChange,
    /// The link is looped.
    LoopInd,
    /// The link is no longer looped.
    UnloopInd,
    /// The link went down.
    InterfaceDown,
}

/// What the table has to know of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guards {
    /// Network type.
    pub(crate) network: NetworkType,
    /// Router priority is above 0.
    pub(crate) eligible: bool,
}

/// The state after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This one.
    To(State),
    /// DROther, Backup or DR: the election tells (§9.4).
    Elected,
    /// As before.
    Stay,
}

/// What is to be done on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start HelloTimer, first hello at once.
    StartHello,
    /// Start WaitTimer.
    StartWait,
    /// Stop WaitTimer.
    StopWait,
    /// Elect Designated Router and Backup (§9.4).
    Elect,
    /// Forget all variables, stop all timers, KillNbr to all neighbours.
    Reset,
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// State afterwards.
    pub(crate) next: Next,
    /// Actions in order.
    pub(crate) actions: &'static [Action],
}

const IGNORED: Step = Step { next: Next::Stay, actions: &[] };

/// RFC 2328 §9.3.
pub(crate) const fn step(state: State, event: Event, guards: Guards) -> Step {
    use Event as E;
    use State as S;

    match (state, event) {
        (S::Down, E::InterfaceUp) => match (guards.network, guards.eligible) {
            (NetworkType::PointToPoint | NetworkType::PointToMultipoint, true | false) => {
                Step { next: Next::To(S::PointToPoint), actions: &[Action::StartHello] }
            }
            (NetworkType::Broadcast | NetworkType::NonBroadcast, false) => {
                Step { next: Next::To(S::DrOther), actions: &[Action::StartHello] }
            }
            (NetworkType::Broadcast | NetworkType::NonBroadcast, true) => {
                Step { next: Next::To(S::Waiting), actions: &[Action::StartHello, Action::StartWait] }
            }
        },
        (S::Waiting, E::BackupSeen | E::WaitTimer) => {
            Step { next: Next::Elected, actions: &[Action::StopWait, Action::Elect] }
        }
        (S::DrOther | S::Backup | S::Dr, E::NeighborChange) => {
            Step { next: Next::Elected, actions: &[Action::Elect] }
        }
        (
            S::Down
            | S::Loopback
            | S::Waiting
            | S::PointToPoint
            | S::DrOther
            | S::Backup
            | S::Dr,
            E::InterfaceDown,
        ) => Step { next: Next::To(S::Down), actions: &[Action::Reset] },
        (
            S::Down
            | S::Loopback
            | S::Waiting
            | S::PointToPoint
            | S::DrOther
            | S::Backup
            | S::Dr,
            E::LoopInd,
        ) => Step { next: Next::To(S::Loopback), actions: &[Action::Reset] },
        (S::Loopback, E::UnloopInd) => Step { next: Next::To(S::Down), actions: &[] },

        // Pairs that §9.3 does not name: nothing happens.
        (S::Down, E::WaitTimer | E::BackupSeen | E::NeighborChange | E::UnloopInd)
        | (S::Loopback, E::InterfaceUp | E::WaitTimer | E::BackupSeen | E::NeighborChange)
        // §9.2: before the wait is over, changes among neighbours do not matter.
        | (S::Waiting, E::InterfaceUp | E::NeighborChange | E::UnloopInd)
        // §9.4: no election on a network of two.
        | (
            S::PointToPoint,
            E::InterfaceUp | E::WaitTimer | E::BackupSeen | E::NeighborChange | E::UnloopInd,
        )
        | (
            S::DrOther | S::Backup | S::Dr,
            E::InterfaceUp | E::WaitTimer | E::BackupSeen | E::UnloopInd,
        ) => IGNORED,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const STATES: [State; 7] = [
        State::Down,
        State::Loopback,
        State::Waiting,
        State::PointToPoint,
        State::DrOther,
        State::Backup,
        State::Dr,
    ];
    const NETWORKS: [NetworkType; 4] = [
        NetworkType::PointToPoint,
        NetworkType::Broadcast,
        NetworkType::NonBroadcast,
        NetworkType::PointToMultipoint,
    ];
    const EVENTS: [Event; 7] = [
        Event::InterfaceUp,
        Event::WaitTimer,
        Event::BackupSeen,
        Event::NeighborChange,
        Event::LoopInd,
        Event::UnloopInd,
        Event::InterfaceDown,
    ];

    #[test]
    fn the_matrix_is_that_of_section_9_3() {
        let mut text = String::new();
        for network in NETWORKS {
            for eligible in [true, false] {
                writeln!(text, "{network:?}, eligible: {eligible}").expect("a string takes all");
                for state in STATES {
                    for event in EVENTS {
                        let Step { next, actions } = step(state, event, Guards { network, eligible });
                        let next = match next {
                            Next::To(state) => state.as_str(),
                            Next::Elected => "elected",
                            Next::Stay => "-",
                        };
                        writeln!(
                            text,
                            "  {:14} {:14} {next:14} {actions:?}",
                            state.as_str(),
                            format!("{event:?}")
                        )
                        .expect("a string takes all");
                    }
                }
            }
        }
        insta::assert_snapshot!(text);
    }
}
