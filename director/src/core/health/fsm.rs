//! Rise and fall: one step of a check's state, as a pure table.
//!
//! | state   | pass                          | fail                        |
//! |---------|-------------------------------|-----------------------------|
//! | unknown | up after `rise` passes        | down                        |
//! | up      | forgets failures              | down after `fall` failures  |
//! | down    | up after `rise` passes        | forgets passes              |
//!
//! One failure decides an unknown server: nobody uses it yet, so there is nothing to protect, and the first round
//! ends after `rise` answers at most.

/// What the checks say about a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// Not decided yet, as after a start. A server that the kernel does not serve yet is not served; one that it
    /// serves already keeps its weight, so that a restart disturbs nothing.
    #[default]
    Unknown,
    /// Answers as it should.
    Up,
    /// Does not.
    Down,
}

impl HealthState {
    /// The word for status and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A state and the answers in a row that speak against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fsm {
    pub(super) state: HealthState,
    against: u32,
}

impl Fsm {
    /// A check that needs no asking.
    pub(super) const ALWAYS_UP: Self = Self { state: HealthState::Up, against: 0 };

    /// The state after one more answer. `rise` and `fall` are at least 1.
    pub(super) const fn step(self, passed: bool, rise: u32, fall: u32) -> Self {
        match (self.state, passed) {
            (HealthState::Unknown | HealthState::Down, true) => self.count(rise, HealthState::Up),
            (HealthState::Up, false) => self.count(fall, HealthState::Down),
            (HealthState::Up, true) => Self { state: HealthState::Up, against: 0 },
            (HealthState::Unknown | HealthState::Down, false) => {
                Self { state: HealthState::Down, against: 0 }
            }
        }
    }

    const fn count(self, needed: u32, next: HealthState) -> Self {
        let against = self.against.saturating_add(1);
        if against >= needed { Self { state: next, against: 0 } } else { Self { state: self.state, against } }
    }
}

#[cfg(test)]
mod tests {
    use super::HealthState::{Down, Unknown, Up};
    use super::*;

    fn walk(rise: u32, fall: u32, answers: &str) -> Vec<HealthState> {
        let mut fsm = Fsm::default();
        answers
            .chars()
            .map(|answer| {
                fsm = fsm.step(answer == '+', rise, fall);
                fsm.state
            })
            .collect()
    }

    #[test]
    fn rise_and_fall_count_answers_in_a_row() {
        assert_eq!(walk(1, 2, "+--"), [Up, Up, Down]);
        assert_eq!(walk(1, 2, "+-+--"), [Up, Up, Up, Up, Down]);
        assert_eq!(walk(2, 1, "++-+-++"), [Unknown, Up, Down, Down, Down, Down, Up]);
        assert_eq!(walk(3, 3, "+-+++"), [Unknown, Down, Down, Down, Up]);
    }

    #[test]
    fn an_unknown_server_is_decided_after_rise_answers() {
        for answers in ["+++", "-++", "+-+", "++-"] {
            assert_ne!(walk(3, 9, answers).last(), Some(&Unknown), "{answers}");
        }
    }
}
