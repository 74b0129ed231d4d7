//! Not-so-stubby areas (RFC 3101): which border router tells the AS of an NSSA's external routes (§3.1).
//!
//! `originate::nssa` makes the type-7 LSAs, `originate::translate` the type-5 LSAs from those of others.
//!
//! Deviation from §3.3: who has been deposed takes back all that it told when its time is over, not only what it told of
//! ranges. Its successor has told of it by then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::ids::{AreaId, RouterId};
use common::time::Instant;

use super::config::TranslatorRole;
use super::event::Event;
use super::instance::Instance;
use super::originate::active_areas;

/// NSSATranslatorState (RFC 3101 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Translator {
    /// Somebody else translates, or we are no border router.
    #[default]
    Disabled,
    /// We have been elected.
    Elected,
    /// Another has been elected; we go on until then.
    Deposed(Instant),
    /// We translate in any case.
    Enabled,
}

impl Translator {
    /// The RFC's word for it, and one for what has none.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Elected => "elected",
            Self::Deposed(_) => "deposed",
            Self::Enabled => "enabled",
        }
    }

    /// Do we translate?
    pub(crate) const fn translates(self) -> bool {
        match self {
            Self::Disabled => false,
            Self::Elected | Self::Deposed(_) | Self::Enabled => true,
        }
    }
}

/// What the state of a translator depends on.
#[derive(Clone, Copy, Debug)]
struct Facts {
    role: TranslatorRole,
    is_border: bool,
    /// The election is ours.
    wins: bool,
    stability_interval: Duration,
}

/// RFC 3101 §3.1
fn step(now: Instant, state: Translator, facts: Facts) -> Translator {
    if !facts.is_border {
        return Translator::Disabled;
    }
    match (facts.role, facts.wins) {
        (TranslatorRole::Always, _) => Translator::Enabled,
        (TranslatorRole::Candidate, true) => Translator::Elected,
        (TranslatorRole::Candidate, false) => match state {
            Translator::Disabled => Translator::Disabled,
            Translator::Elected | Translator::Enabled => Translator::Deposed(now + facts.stability_interval),
            Translator::Deposed(until) if until <= now => Translator::Disabled,
            Translator::Deposed(until) => Translator::Deposed(until),
        },
    }
}

/// RFC 3101 §3.1: nobody translates in any case, and of the others none has a higher Router ID.
fn wins(own: RouterId, others: impl Iterator<Item = (RouterId, bool)>) -> bool {
    others.into_iter().all(|(other, always)| !always && other < own)
}

/// The translators of our NSSAs.
#[derive(Debug, Default)]
pub(crate) struct Translators(BTreeMap<AreaId, Translator>);

impl Translators {
    /// What we are to `area`.
    pub(crate) fn state(&self, area: AreaId) -> Translator {
        self.0.get(&area).copied().unwrap_or_default()
    }

    /// The areas that we translate for.
    pub(crate) fn translating(&self) -> BTreeSet<AreaId> {
        self.0.iter().filter(|(_, state)| state.translates()).map(|(area, _)| *area).collect()
    }

    /// When the first who is deposed stops.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadline = |state: &Translator| match state {
            Translator::Deposed(until) => Some(*until),
            Translator::Disabled | Translator::Elected | Translator::Enabled => None,
        };
        self.0.values().filter_map(deadline).min()
    }
}

impl Instance {
    /// The NSSAs that an interface of ours is up in.
    pub(crate) fn active_nssas(&self) -> Vec<AreaId> {
        let areas = active_areas(&self.interfaces).into_iter();
        areas.filter(|area| self.config.area_kind(*area).nssa().is_some()).collect()
    }

    /// RFC 3101 §3.1: finds out anew for each NSSA whether we translate. It follows from the routes.
    pub(crate) fn elect_translators(&mut self, now: Instant) {
        let is_border = active_areas(&self.interfaces).len() > 1;
        let mut states = BTreeMap::new();
        for area in self.active_nssas() {
            let Some(nssa) = self.config.area_kind(area).nssa() else { continue };
            let others = self.routing.calculation.nssa_borders(area);
            let facts = Facts {
                role: nssa.translator,
                is_border,
                wins: wins(self.config.router_id, others),
                stability_interval: nssa.stability_interval,
            };
            let before = self.translators.state(area);
            let after = step(now, before, facts);
            states.insert(area, after);
            if before != after {
                self.dirty = true;
                self.output.event(Event::Translator { area, from: before.name(), to: after.name() });
            }
        }
        self.dirty |= self.translators.0.keys().any(|area| !states.contains_key(area));
        self.translators.0 = states;
    }

    /// The other border routers that may tell the AS of what is in `area`.
    pub(crate) fn other_translators(&self, area: AreaId) -> BTreeSet<RouterId> {
        self.routing.calculation.nssa_borders(area).map(|(router, _)| router).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_000_000);
    const INTERVAL: Duration = Duration::from_secs(40);
    const CANDIDATE: Facts =
        Facts { role: TranslatorRole::Candidate, is_border: true, wins: true, stability_interval: INTERVAL };
    const LOSER: Facts = Facts { wins: false, ..CANDIDATE };
    const ALWAYS: Facts = Facts { role: TranslatorRole::Always, ..LOSER };
    const INSIDE: Facts = Facts { is_border: false, ..CANDIDATE };

    #[test]
    fn every_state_goes_where_section_3_1_says() {
        use Translator::{Deposed, Disabled, Elected, Enabled};
        let (later, past) = (NOW + INTERVAL, NOW);
        let rows = [
            (Disabled, [Elected, Disabled, Enabled, Disabled]),
            (Elected, [Elected, Deposed(later), Enabled, Disabled]),
            (Enabled, [Elected, Deposed(later), Enabled, Disabled]),
            (Deposed(later), [Elected, Deposed(later), Enabled, Disabled]),
            (Deposed(past), [Elected, Disabled, Enabled, Disabled]),
        ];
        for (before, after) in rows {
            let found = [CANDIDATE, LOSER, ALWAYS, INSIDE].map(|facts| step(NOW, before, facts));
            assert_eq!(found, after, "{before:?}");
        }
    }

    #[test]
    fn the_highest_router_id_wins_unless_somebody_translates_in_any_case() {
        let won = |others: &[(u32, bool)]| {
            wins(RouterId(5), others.iter().map(|(id, always)| (RouterId(*id), *always)))
        };
        assert!(won(&[]));
        assert!(won(&[(4, false), (1, false)]));
        assert!(!won(&[(4, false), (6, false)]));
        assert!(!won(&[(1, true)]));
    }
}
