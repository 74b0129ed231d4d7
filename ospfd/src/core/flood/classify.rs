//! What is to be done with an LSA that came in an update (RFC 2328 §13), as a pure function of a few facts.

use std::cmp::Ordering;

use crate::core::interface::State as InterfaceState;

/// What the decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The LS type is one that we take.
    pub(crate) supported: bool,
    /// LS sequence number 0x80000000, or MaxSequenceNumber on an LSA that is not at MaxAge.
    pub(crate) bad_sequence: bool,
    /// The LSA is at MaxAge.
    pub(crate) at_max_age: bool,
    /// How the LSA compares with our copy; `None`: we have none.
    pub(crate) recency: Option<Ordering>,
    /// Some neighbour is in state Exchange or Loading.
    pub(crate) anyone_loading: bool,
    /// Our copy came by flooding less than MinLSArrival ago.
    pub(crate) copy_is_fresh: bool,
    /// The sender's request list has the LSA.
    pub(crate) requested: bool,
    /// The sender's retransmission list has the LSA.
    pub(crate) awaiting_ack: bool,
    /// Our copy is at MaxAge with the last sequence number, or one before it, which is the last that some use.
    pub(crate) copy_is_wrapping: bool,
    /// We flooded our copy less than MinLSArrival ago.
    pub(crate) copy_sent_lately: bool,
    /// It names us as its originator.
    pub(crate) self_originated: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// §13 (2), (3): not an LSA type that we take.
    Unsupported,
    /// A sequence number that no router uses in earnest.
    BadSequence,
    /// §13 (4): at MaxAge, no copy, nobody loading: acknowledge and forget.
    AckMaxAge,
    /// §13 (5)(a): newer, but too soon after our copy.
    TooSoon,
    /// §13 (5)(b) to (e): newer.
    Install,
    /// §13 (5)(f), §13.4: newer, and our own: a former life, or somebody else, made it.
    FightBack,
    /// §13 (6): not newer though the sender promised it.
    BadRequest,
    /// §13 (7)(a): the same, and we were waiting for the sender's acknowledgement: this is one.
    ImpliedAck,
    /// §13 (7): the same.
    Duplicate,
    /// §13 (8): older; our copy is wrapping, let it go first.
    OlderWhileWrapping,
    /// §13 (8): older; the sender will have ours any moment.
    OlderSentLately,
    /// §13 (8): older; send ours back.
    SendBack,
}

/// RFC 2328 §13 (2) to (8).
pub(crate) const fn classify(facts: Facts) -> Disposition {
    if !facts.supported {
        return Disposition::Unsupported;
    }
    if facts.bad_sequence {
        return Disposition::BadSequence;
    }
    if facts.at_max_age && facts.recency.is_none() && !facts.anyone_loading {
        return Disposition::AckMaxAge;
    }
    match facts.recency {
        None | Some(Ordering::Greater) => {
            // An answer to our request is no flooded copy.
            if facts.copy_is_fresh && !facts.requested && !facts.self_originated {
                Disposition::TooSoon
            } else if facts.self_originated {
                Disposition::FightBack
            } else {
                Disposition::Install
            }
        }
        Some(Ordering::Equal | Ordering::Less) if facts.requested => Disposition::BadRequest,
        Some(Ordering::Equal) if facts.awaiting_ack => Disposition::ImpliedAck,
        Some(Ordering::Equal) => Disposition::Duplicate,
        Some(Ordering::Less) if facts.copy_is_wrapping => Disposition::OlderWhileWrapping,
        Some(Ordering::Less) if facts.copy_sent_lately => Disposition::OlderSentLately,
        Some(Ordering::Less) => Disposition::SendBack,
    }
}

/// How an LSA is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ack {
    /// Not at all.
    None,
    /// At once, to the sender.
    Direct,
    /// Collected, to all.
    Delayed,
}

/// RFC 2328 §13.5, Table 19. `flooded_back`: a newer LSA went out again where it came in; `from_dr`: the sender is the
/// Designated Router.
pub(crate) const fn acknowledgement(
    disposition: Disposition,
    interface: InterfaceState,
    flooded_back: bool,
    from_dr: bool,
) -> Ack {
    // A backup leaves it to the Designated Router to be heard first.
    let delayed = match interface {
        InterfaceState::Backup if !from_dr => Ack::None,
        InterfaceState::Backup
        | InterfaceState::Down
        | InterfaceState::Loopback
        | InterfaceState::Waiting
        | InterfaceState::PointToPoint
        | InterfaceState::DrOther
        | InterfaceState::Dr => Ack::Delayed,
    };
    match disposition {
        Disposition::Install if flooded_back => Ack::None,
        Disposition::Install => delayed,
        Disposition::ImpliedAck => match interface {
            InterfaceState::Backup => delayed,
            InterfaceState::Down
            | InterfaceState::Loopback
            | InterfaceState::Waiting
            | InterfaceState::PointToPoint
            | InterfaceState::DrOther
            | InterfaceState::Dr => Ack::None,
        },
        // Not in the table: the answer to a self-originated LSA may be held back, the acknowledgement is not.
        Disposition::Duplicate | Disposition::AckMaxAge | Disposition::FightBack => Ack::Direct,
        Disposition::Unsupported
        | Disposition::BadSequence
        | Disposition::TooSoon
        | Disposition::BadRequest
        | Disposition::OlderWhileWrapping
        | Disposition::OlderSentLately
        | Disposition::SendBack => Ack::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Facts = Facts {
        supported: true,
        bad_sequence: false,
        at_max_age: false,
        recency: None,
        anyone_loading: false,
        copy_is_fresh: false,
        requested: false,
        awaiting_ack: false,
        copy_is_wrapping: false,
        copy_sent_lately: false,
        self_originated: false,
    };
    const NEWER: Facts = Facts { recency: Some(Ordering::Greater), ..NEW };
    const SAME: Facts = Facts { recency: Some(Ordering::Equal), ..NEW };
    const OLDER: Facts = Facts { recency: Some(Ordering::Less), ..NEW };

    #[test]
    fn each_step_of_section_13_has_its_row() {
        let rows = [
            ("(2)", Facts { supported: false, ..NEW }, Disposition::Unsupported),
            ("CVE-2017-3224", Facts { bad_sequence: true, ..NEWER }, Disposition::BadSequence),
            ("(4)", Facts { at_max_age: true, ..NEW }, Disposition::AckMaxAge),
            ("(4) loading", Facts { at_max_age: true, anyone_loading: true, ..NEW }, Disposition::Install),
            ("(4) has a copy", Facts { at_max_age: true, ..NEWER }, Disposition::Install),
            ("(5) none", NEW, Disposition::Install),
            ("(5) newer", NEWER, Disposition::Install),
            ("(5)(a)", Facts { copy_is_fresh: true, ..NEWER }, Disposition::TooSoon),
            (
                "(5)(a) asked for",
                Facts { copy_is_fresh: true, requested: true, ..NEWER },
                Disposition::Install,
            ),
            ("(5)(f)", Facts { self_originated: true, ..NEWER }, Disposition::FightBack),
            ("(5)(f) unknown", Facts { self_originated: true, ..NEW }, Disposition::FightBack),
            ("(6) same", Facts { requested: true, ..SAME }, Disposition::BadRequest),
            ("(6) older", Facts { requested: true, ..OLDER }, Disposition::BadRequest),
            ("(7)(a)", Facts { awaiting_ack: true, ..SAME }, Disposition::ImpliedAck),
            ("(7)(b)", SAME, Disposition::Duplicate),
            ("(8) wrapping", Facts { copy_is_wrapping: true, ..OLDER }, Disposition::OlderWhileWrapping),
            ("(8) sent", Facts { copy_sent_lately: true, ..OLDER }, Disposition::OlderSentLately),
            ("(8)", OLDER, Disposition::SendBack),
        ];
        for (step, facts, expected) in rows {
            assert_eq!(classify(facts), expected, "RFC 2328 §13 {step}");
        }
    }

    #[test]
    fn each_row_of_table_19_is_kept() {
        use Disposition as D;
        use InterfaceState::{Backup, Dr, DrOther, PointToPoint};
        let rows = [
            // Circumstance, then the columns Backup (from the DR, from others) and all other states.
            (D::Install, true, [Ack::None, Ack::None, Ack::None]),
            (D::Install, false, [Ack::Delayed, Ack::None, Ack::Delayed]),
            (D::ImpliedAck, false, [Ack::Delayed, Ack::None, Ack::None]),
            (D::Duplicate, false, [Ack::Direct, Ack::Direct, Ack::Direct]),
            (D::AckMaxAge, false, [Ack::Direct, Ack::Direct, Ack::Direct]),
        ];
        for (disposition, flooded_back, [backup_from_dr, backup, others]) in rows {
            assert_eq!(acknowledgement(disposition, Backup, flooded_back, true), backup_from_dr);
            assert_eq!(acknowledgement(disposition, Backup, flooded_back, false), backup);
            for state in [Dr, DrOther, PointToPoint] {
                for from_dr in [true, false] {
                    assert_eq!(acknowledgement(disposition, state, flooded_back, from_dr), others);
                }
            }
        }
    }
}
