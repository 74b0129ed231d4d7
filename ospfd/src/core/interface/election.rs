//! Election of the Designated Router and its backup (RFC 2328 §9.4). Pure.
//!
//! Routers name each other by a number: the interface address in OSPFv2, the Router ID in OSPFv3. 0 is nobody.

use common::ids::RouterId;

/// A router that takes part: we ourselves, or a neighbour in state 2-Way or above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its Router ID.
    pub(crate) router_id: RouterId,
    /// What it is called in `designated` and `backup`.
    pub(crate) name: u32,
    /// Its priority; 0 cannot be elected.
    pub(crate) priority: u8,
    /// Whom it declares Designated Router.
    pub(crate) designated: u32,
    /// Whom it declares Backup Designated Router.
    pub(crate) backup: u32,
}

impl Candidate {
    const fn declares_designated(&self) -> bool {
        self.designated == self.name
    }

    const fn declares_backup(&self) -> bool {
        self.backup == self.name
    }

    const fn rank(&self) -> (u8, RouterId) {
        (self.priority, self.router_id)
    }
}

/// Who was elected, by name; 0 is nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Designated Router.
    pub(crate) designated: u32,
    /// Backup Designated Router.
    pub(crate) backup: u32,
}

/// RFC 2328 §9.4: `own` carries the roles that we hold so far.
pub(crate) fn elect(own: Candidate, neighbors: &[Candidate]) -> Outcome {
    let first = round(&own, neighbors);
    let before = (own.declares_designated(), own.declares_backup());
    let after = (first.designated == own.name, first.backup == own.name);
    // §9.4 (4): when our own role changed, do (2) and (3) once more with it.
    if before == after {
        return first;
    }
    round(&Candidate { designated: first.designated, backup: first.backup, ..own }, neighbors)
}

/// §9.4 (2) and (3).
fn round(own: &Candidate, neighbors: &[Candidate]) -> Outcome {
    let eligible = || std::iter::once(own).chain(neighbors).filter(|candidate| candidate.priority > 0);

    // §9.4 (2): who declares itself Designated Router cannot be the backup.
    let backup = eligible()
        .filter(|candidate| !candidate.declares_designated())
        .max_by_key(|candidate| (candidate.declares_backup(), candidate.rank()))
        .map_or(0, |candidate| candidate.name);
    // §9.4 (3): without one that declares itself, the backup is promoted.
    let designated = eligible()
        .filter(|candidate| candidate.declares_designated())
        .max_by_key(|candidate| candidate.rank())
        .map_or(backup, |candidate| candidate.name);
    Outcome { designated, backup }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(name: u32, priority: u8, designated: u32, backup: u32) -> Candidate {
        Candidate { router_id: RouterId(name), name, priority, designated, backup }
    }

    #[test]
    fn the_highest_priority_wins_a_fresh_network() {
        let outcome = elect(router(1, 10, 0, 0), &[router(2, 1, 0, 0), router(3, 1, 0, 0)]);
        assert_eq!(outcome, Outcome { designated: 1, backup: 3 });
    }

    #[test]
    fn a_fresh_network_seen_by_the_loser() {
        let outcome = elect(router(2, 1, 0, 0), &[router(1, 10, 0, 0), router(3, 1, 0, 0)]);
        assert_eq!(outcome.designated, 1);
    }

    #[test]
    fn a_sitting_designated_router_is_not_dethroned() {
        let outcome = elect(router(9, 200, 0, 0), &[router(1, 1, 1, 2), router(2, 1, 1, 2)]);
        assert_eq!(outcome, Outcome { designated: 1, backup: 2 });
    }

    #[test]
    fn the_backup_steps_up_and_a_new_backup_is_found() {
        let outcome = elect(router(2, 1, 1, 2), &[router(3, 1, 1, 2)]);
        assert_eq!(outcome, Outcome { designated: 2, backup: 3 });
    }

    #[test]
    fn priority_0_is_never_elected() {
        assert_eq!(elect(router(1, 0, 0, 0), &[router(2, 0, 0, 0)]), Outcome::default());
        assert_eq!(elect(router(9, 0, 0, 0), &[router(2, 1, 2, 0)]), Outcome { designated: 2, backup: 0 },);
    }

    #[test]
    fn alone_on_the_network_we_are_designated_router_without_a_backup() {
        assert_eq!(elect(router(1, 1, 0, 0), &[]), Outcome { designated: 1, backup: 0 });
    }

    #[test]
    fn of_equal_priorities_the_higher_router_id_is_backup_and_a_declared_backup_stays() {
        let fresh = elect(router(1, 1, 2, 0), &[router(2, 1, 2, 0), router(3, 1, 2, 0), router(4, 0, 2, 0)]);
        assert_eq!(fresh, Outcome { designated: 2, backup: 3 });
        let sitting = elect(router(5, 9, 0, 0), &[router(2, 1, 2, 3), router(3, 1, 2, 3)]);
        assert_eq!(sitting, Outcome { designated: 2, backup: 3 });
    }

    #[test]
    fn of_two_declared_backups_the_higher_one_is_it() {
        let outcome =
            elect(router(1, 1, 2, 0), &[router(2, 1, 2, 0), router(3, 1, 2, 3), router(4, 2, 2, 4)]);
        assert_eq!(outcome, Outcome { designated: 2, backup: 4 });
    }

    #[test]
    fn who_calculates_never_holds_both_offices() {
        // All claims that two neighbours and we ourselves can make.
        for claims in 0..4_u32.pow(3) * 8 {
            let claim = |name: u32| {
                let (made, eligible) = (claims / 8 / 4_u32.pow(name - 1), ((claims % 8) >> (name - 1)) & 1);
                let says = |bit: u32| if made >> bit & 1 == 1 { name } else { 0 };
                router(name, u8::try_from(eligible).unwrap(), says(0), says(1))
            };
            let outcome = elect(claim(1), &[claim(2), claim(3)]);
            assert!(outcome.designated != 1 || outcome.backup != 1, "{:?}: {outcome:?}", claim(1));
        }
    }

    #[test]
    fn of_two_that_both_declare_themselves_the_lower_one_yields() {
        let outcome = elect(router(1, 1, 1, 0), &[router(2, 1, 2, 0)]);
        assert_eq!(outcome, Outcome { designated: 2, backup: 1 });
    }
}
