//! The neighbour state machine as a table (RFC 2328 §10.3). Pure: `super` executes the actions.

/// Neighbour states (RFC 2328 §10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Not heard.
    Down,
    /// Not heard, but asked (NBMA networks only).
    Attempt,
    /// Heard; does not hear us yet.
    Init,
    /// Each hears the other.
    TwoWay,
    /// Agreeing on who leads the exchange.
    ExStart,
    /// Describing databases.
    Exchange,
    /// Fetching what is missing.
    Loading,
    /// Databases agree.
    Full,
}

impl State {
    /// The RFC's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "Down",
            Self::Attempt => "Attempt",
            Self::Init => "Init",
            Self::TwoWay => "2-Way",
            Self::ExStart => "ExStart",
            Self::Exchange => "Exchange",
            Self::Loading => "Loading",
            Self::Full => "Full",
        }
    }
}

/// Neighbour events (RFC 2328 §10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the table is the RFC's, whole; not every event has a source yet")]
pub(crate) enum Event {
    /// A hello came.
    HelloReceived,
    /// Hellos shall be sent to it (NBMA networks only).
    Start,
    /// It lists us in its hello.
    TwoWayReceived,
    /// Master and slave are agreed.
    NegotiationDone,
    /// Both have described their whole database.
    ExchangeDone,
    /// It asked for an LSA that we do not have, or sent an old one for one that we asked for.
    BadLsReq,
    /// The request list is empty.
    LoadingDone,
    /// Should there be an adjacency? Ask again.
    AdjOk,
    /// The exchange went out of step.
    SeqNumberMismatch,
    /// It does not list us any more.
    OneWayReceived,
    /// It is gone.
    KillNbr,
    /// Silent for RouterDeadInterval.
    InactivityTimer,
    /// The link layer says that it is gone.
    LlDown,
}

impl Event {
    /// The RFC's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::HelloReceived => "HelloReceived",
            Self::Start => "Start",
            Self::TwoWayReceived => "2-WayReceived",
            Self::NegotiationDone => "NegotiationDone",
            Self::ExchangeDone => "ExchangeDone",
            Self::BadLsReq => "BadLSReq",
            Self::LoadingDone => "LoadingDone",
            Self::AdjOk => "AdjOK?",
            Self::SeqNumberMismatch => "SeqNumberMismatch",
            Self::OneWayReceived => "1-WayReceived",
            Self::KillNbr => "KillNbr",
            Self::InactivityTimer => "InactivityTimer",
            Self::LlDown => "LLDown",
        }
    }
}

/// What the table has to know of the neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guards {
    /// An adjacency is wanted (§10.4).
    pub(crate) adjacent: bool,
    /// The request list is not empty.
    pub(crate) requests: bool,
    /// BFD has nothing against it (RFC 5882 §3.2, RFC 9355).
    pub(crate) admitted: bool,
}

/// What is to be done on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// (Re)start InactivityTimer.
    StartInactivity,
    /// Stop InactivityTimer and all other timers of the neighbour.
    StopTimers,
    /// Empty the retransmission, request and summary lists.
    ClearLists,
    /// Next DD sequence number, declare ourselves master, send the first description.
    BeginExStart,
    /// Stop sending the first description, start describing the database.
    BeginExchange,
    /// Send what may be requested.
    Request,
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// State afterwards; `None`: as before.
    pub(crate) next: Option<State>,
    /// Actions in order.
    pub(crate) actions: &'static [Action],
}

const IGNORED: Step = Step { next: None, actions: &[] };
const TO_EXSTART: Step = Step { next: Some(State::ExStart), actions: &[Action::BeginExStart] };
const BACK_TO_EXSTART: Step =
    Step { next: Some(State::ExStart), actions: &[Action::ClearLists, Action::BeginExStart] };
const TO_DOWN: Step = Step { next: Some(State::Down), actions: &[Action::ClearLists, Action::StopTimers] };

/// RFC 2328 §10.3.
#[expect(clippy::too_many_lines, reason = "one table, every pair in it")]
pub(crate) const fn step(state: State, event: Event, guards: Guards) -> Step {
    use Event as E;
    use State as S;

    match (state, event) {
        (S::Down, E::Start) => Step { next: Some(S::Attempt), actions: &[Action::StartInactivity] },
        (S::Attempt | S::Down, E::HelloReceived) => {
            Step { next: Some(S::Init), actions: &[Action::StartInactivity] }
        }
        (
            S::Init | S::TwoWay | S::ExStart | S::Exchange | S::Loading | S::Full,
            E::HelloReceived,
        ) => Step { next: None, actions: &[Action::StartInactivity] },
        (S::Init, E::TwoWayReceived) => {
            if !guards.admitted {
                IGNORED
            } else if guards.adjacent {
                TO_EXSTART
            } else {
                Step { next: Some(S::TwoWay), actions: &[] }
            }
        }
        (S::ExStart, E::NegotiationDone) => {
            Step { next: Some(S::Exchange), actions: &[Action::BeginExchange] }
        }
        (S::Exchange, E::ExchangeDone) => {
            if guards.requests {
                Step { next: Some(S::Loading), actions: &[Action::Request] }
            } else {
                Step { next: Some(S::Full), actions: &[] }
            }
        }
        (S::Loading, E::LoadingDone) => Step { next: Some(S::Full), actions: &[] },
        (S::TwoWay, E::AdjOk) => {
            if guards.adjacent {
                TO_EXSTART
            } else {
                IGNORED
            }
        }
        (S::ExStart | S::Exchange | S::Loading | S::Full, E::AdjOk) => {
            if guards.adjacent {
                IGNORED
            } else {
                Step { next: Some(S::TwoWay), actions: &[Action::ClearLists] }
            }
        }
        (S::Exchange | S::Loading | S::Full, E::SeqNumberMismatch | E::BadLsReq) => BACK_TO_EXSTART,
        (
            S::Down
            | S::Attempt
            | S::Init
            | S::TwoWay
            | S::ExStart
            | S::Exchange
            | S::Loading
            | S::Full,
            E::KillNbr | E::InactivityTimer | E::LlDown,
        ) => TO_DOWN,
        (S::TwoWay | S::ExStart | S::Exchange | S::Loading | S::Full, E::OneWayReceived) => {
            Step { next: Some(S::Init), actions: &[Action::ClearLists] }
        }

        // §10.3: "no state change" is spelled out there for these two.
        (S::TwoWay | S::ExStart | S::Exchange | S::Loading | S::Full, E::TwoWayReceived)
        | (S::Init, E::OneWayReceived)
        // Pairs that §10.3 does not name: nothing happens.
        | (
            S::Down | S::Attempt,
            E::TwoWayReceived | E::OneWayReceived,
        )
        | (
            S::Attempt | S::Init | S::TwoWay | S::ExStart | S::Exchange | S::Loading | S::Full,
            E::Start,
        )
        | (
            S::Down | S::Attempt | S::Init | S::TwoWay | S::Exchange | S::Loading | S::Full,
            E::NegotiationDone,
        )
        | (
            S::Down | S::Attempt | S::Init | S::TwoWay | S::ExStart | S::Loading | S::Full,
            E::ExchangeDone,
        )
        | (
            S::Down | S::Attempt | S::Init | S::TwoWay | S::ExStart | S::Exchange | S::Full,
            E::LoadingDone,
        )
        | (S::Down | S::Attempt | S::Init, E::AdjOk)
        | (
            S::Down | S::Attempt | S::Init | S::TwoWay | S::ExStart,
            E::SeqNumberMismatch | E::BadLsReq,
        ) => IGNORED,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const STATES: [State; 8] = [
        State::Down,
        State::Attempt,
        State::Init,
        State::TwoWay,
        State::ExStart,
        State::Exchange,
        State::Loading,
        State::Full,
    ];
    const EVENTS: [Event; 13] = [
        Event::HelloReceived,
        Event::Start,
        Event::TwoWayReceived,
        Event::NegotiationDone,
        Event::ExchangeDone,
        Event::BadLsReq,
        Event::LoadingDone,
        Event::AdjOk,
        Event::SeqNumberMismatch,
        Event::OneWayReceived,
        Event::KillNbr,
        Event::InactivityTimer,
        Event::LlDown,
    ];

    #[test]
    fn the_matrix_is_that_of_section_10_3() {
        let mut text = String::new();
        for state in STATES {
            for event in EVENTS {
                let cell =
                    |adjacent, requests| step(state, event, Guards { adjacent, requests, admitted: true });
                let plain = cell(false, false);
                let mut line = |label: &str, Step { next, actions }| {
                    let next = next.map_or("-", State::as_str);
                    writeln!(
                        text,
                        "{:9} {:18} {label:15} {next:9} {actions:?}",
                        state.as_str(),
                        event.as_str()
                    )
                    .expect("a string takes all");
                };
                let unadmitted = Guards { adjacent: true, requests: true, admitted: false };
                if step(state, event, unadmitted)
                    != step(state, event, Guards { admitted: true, ..unadmitted })
                {
                    line("not admitted", step(state, event, unadmitted));
                }
                if cell(true, false) != plain {
                    line("not adjacent", plain);
                    line("adjacent", cell(true, false));
                } else if cell(false, true) != plain {
                    line("nothing to load", plain);
                    line("something", cell(false, true));
                } else {
                    line("", plain);
                }
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn only_described_neighbours_rank_at_or_above_exchange() {
        assert!(
            State::Exchange > State::ExStart && State::TwoWay > State::Init && State::Full > State::Loading
        );
    }
}
