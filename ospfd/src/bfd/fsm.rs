//! The session state machine as a table (RFC 5880 §6.2, §6.8.4, §6.8.6, §6.8.16). Pure: `session` does the rest.

use super::packet::{Diagnostic, State};

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The other side is in this state.
    Received(State),
    /// It has been silent for the Detection Time.
    DetectionTimeExpired,
    /// The session is disabled on purpose.
    Disable,
    /// It is enabled again.
    Enable,
}

/// A cell of the table: the next state, and the diagnostic that it brings.
pub(super) type Step = Option<(State, Option<Diagnostic>)>;

/// The step that `event` leads to; `None`: nothing changes.
pub(super) const fn step(state: State, event: Event) -> Step {
    use Event as E;
    use State as S;

    match (state, event) {
        // §6.8.16
        (S::Down | S::Init | S::Up, E::Disable) => {
            Some((S::AdminDown, Some(Diagnostic::AdministrativelyDown)))
        },
        (S::AdminDown, E::Enable) => Some((S::Down, Some(Diagnostic::None))),
        // §6.8.6: "If received state is AdminDown", and "Else, if received State is Down" in state Up.
        (S::Init, E::Received(S::AdminDown)) | (S::Up, E::Received(S::AdminDown | S::Down)) => {
            Some((S::Down, Some(Diagnostic::NeighborSignaledDown)))
        }
        // The diagnostic tells why the session left Up last, until it is Up again.
        (S::Down, E::Received(S::Down)) => Some((S::Init, None)),
        (S::Down, E::Received(S::Init)) | (S::Init, E::Received(S::Init | S::Up)) => {
            Some((S::Up, Some(Diagnostic::None)))
        }
        // §6.8.4
        (S::Init | S::Up, E::DetectionTimeExpired) => {
            Some((S::Down, Some(Diagnostic::DetectionTimeExpired)))
        },

        // §6.8.6: a session in AdminDown discards what comes; §6.8.4 does not speak of it.
        (
            S::AdminDown,
            E::Received(S::AdminDown | S::Down | S::Init | S::Up) | E::DetectionTimeExpired | E::Disable,
        )
        // §6.8.6: no state change is named for these; §6.8.4 speaks of Init and Up only.
        | (S::Down, E::Received(S::AdminDown | S::Up) | E::DetectionTimeExpired | E::Enable)
        | (S::Init, E::Received(S::Down) | E::Enable)
        | (S::Up, E::Received(S::Init | S::Up) | E::Enable) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_matrix_is_that_of_section_6_8() {
        let events = State::ALL.map(Event::Received).into_iter().chain([
            Event::DetectionTimeExpired,
            Event::Disable,
            Event::Enable,
        ]);
        let mut text = String::new();
        for event in events {
            for state in State::ALL {
                let next = match step(state, event) {
                    Some((next, Some(diagnostic))) => format!("{} ({diagnostic})", next.as_str()),
                    Some((next, None)) => next.as_str().to_owned(),
                    None => "-".to_owned(),
                };
                let event = format!("{event:?}");
                writeln!(text, "{:9} {event:22} {next}", state.as_str()).expect("a string takes all");
            }
        }
        insta::assert_snapshot!(text);
    }
}
