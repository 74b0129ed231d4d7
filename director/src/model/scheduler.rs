//! Schedulers, and the flags that each of them takes.

use super::{FLAG_SCHED1, FLAG_SCHED2, FLAG_SCHED3};

/// Scheduler name as the kernel knows it, and its flags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scheduler {
    /// `rr`, `wrr`, `wlc`, `mh`, ...
    pub kind: SchedulerKind,
    /// `mh-fallback` or `sh-fallback` (kernel flag SCHED1): a flow whose server has weight 0 goes to another.
    pub fallback: bool,
    /// `mh-port` or `sh-port` (kernel flag SCHED2): the client's port is hashed, too.
    pub port: bool,
}

/// Kernel schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchedulerKind {
    /// Round robin.
    Rr,
    /// Weighted round robin.
    Wrr,
    /// Least connection.
    Lc,
    /// Weighted least connection.
    Wlc,
    /// Locality-based least connection.
    Lblc,
    /// Locality-based least connection with replication.
    Lblcr,
    /// Destination hashing.
    Dh,
    /// Source hashing.
    Sh,
    /// Maglev hashing.
    Mh,
    /// Shortest expected delay.
    Sed,
    /// Never queue.
    Nq,
    /// Weighted failover: the highest weight takes all.
    Fo,
    /// Weighted overflow: the highest weight until it has as many connections.
    Ovf,
    /// Power of two choices.
    Twos,
}

impl Scheduler {
    /// A scheduler without flags.
    pub const fn plain(kind: SchedulerKind) -> Self {
        Self { kind, fallback: false, port: false }
    }

    /// The kernel's flags.
    pub const fn flags(&self) -> u32 {
        let fallback = if self.fallback { FLAG_SCHED1 } else { 0 };
        let port = if self.port { FLAG_SCHED2 } else { 0 };
        fallback | port
    }
}

impl SchedulerKind {
    /// Every scheduler of the kernel.
    pub const ALL: [Self; 14] = [
        Self::Rr,
        Self::Wrr,
        Self::Lc,
        Self::Wlc,
        Self::Lblc,
        Self::Lblcr,
        Self::Dh,
        Self::Sh,
        Self::Mh,
        Self::Sed,
        Self::Nq,
        Self::Fo,
        Self::Ovf,
        Self::Twos,
    ];

    /// The kernel's name; its module is `ip_vs_` and this.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rr => "rr",
            Self::Wrr => "wrr",
            Self::Lc => "lc",
            Self::Wlc => "wlc",
            Self::Lblc => "lblc",
            Self::Lblcr => "lblcr",
            Self::Dh => "dh",
            Self::Sh => "sh",
            Self::Mh => "mh",
            Self::Sed => "sed",
            Self::Nq => "nq",
            Self::Fo => "fo",
            Self::Ovf => "ovf",
            Self::Twos => "twos",
        }
    }

    /// The scheduler that the kernel calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Does it know fallback and port?
    pub const fn takes_flags(self) -> bool {
        matches!(self, Self::Mh | Self::Sh)
    }

    /// Does the same client meet the same server on every director that holds the same table?
    pub const fn is_consistent(self) -> bool {
        matches!(self, Self::Mh | Self::Sh)
    }

    /// Does the choice depend on the order in which the servers stand in the kernel's list?
    pub const fn depends_on_order(self) -> bool {
        matches!(self, Self::Mh | Self::Sh | Self::Dh)
    }
}

/// ipvsadm's names of the scheduler flags that are set.
pub fn scheduler_flag_names(scheduler: &str, flags: u32) -> Vec<&'static str> {
    flag_words(scheduler).into_iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| name).collect()
}

/// The flag that ipvsadm calls so for this scheduler: `mh-port`, `sh-fallback`, or `flag-1` to `flag-3` for any.
pub fn scheduler_flag(scheduler: &str, name: &str) -> Option<u32> {
    let plain = flag_words("").into_iter();
    plain.chain(flag_words(scheduler)).find(|(_, word)| *word == name).map(|(flag, _)| flag)
}

fn flag_words(scheduler: &str) -> [(u32, &'static str); 3] {
    let [fallback, port] = match scheduler {
        "mh" => ["mh-fallback", "mh-port"],
        "sh" => ["sh-fallback", "sh-port"],
        _ => ["flag-1", "flag-2"],
    };
    [(FLAG_SCHED1, fallback), (FLAG_SCHED2, port), (FLAG_SCHED3, "flag-3")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheduler_is_found_by_its_name() {
        for kind in SchedulerKind::ALL {
            assert_eq!(SchedulerKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(SchedulerKind::from_name("none"), None);
    }

    #[test]
    fn a_flag_is_known_by_the_word_of_its_scheduler_and_by_its_number() {
        assert_eq!(scheduler_flag("mh", "mh-port"), Some(FLAG_SCHED2));
        assert_eq!(scheduler_flag("sh", "sh-fallback"), Some(FLAG_SCHED1));
        assert_eq!(scheduler_flag("mh", "sh-port"), None);
        assert_eq!(scheduler_flag("rr", "flag-3"), Some(FLAG_SCHED3));
        assert_eq!(scheduler_flag_names("mh", FLAG_SCHED1 | FLAG_SCHED3), ["mh-fallback", "flag-3"]);
    }
}
