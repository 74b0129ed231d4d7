//! How long route calculations take: the core has no clock, so the loop measures the round in which one ran.

use std::time::Duration;

use common::control::ospf::status::SpfView;

/// Times of route calculations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopwatch {
    /// The last one.
    pub last: Duration,
    /// The longest one.
    pub longest: Duration,
    /// All together.
    pub total: Duration,
}

impl Stopwatch {
    /// A calculation took `span`.
    pub fn note(&mut self, span: Duration) {
        self.last = span;
        self.longest = self.longest.max(span);
        self.total = self.total.saturating_add(span);
    }

    /// `view` with the times.
    pub fn complete(self, view: SpfView) -> SpfView {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        SpfView {
            last_duration_usec: micros(self.last),
            longest_duration_usec: micros(self.longest),
            total_duration_usec: micros(self.total),
            ..view
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stays_and_the_total_grows() {
        let mut stopwatch = Stopwatch::default();
        for micros in [30, 50, 20] {
            stopwatch.note(Duration::from_micros(micros));
        }
        let micros = |n| Duration::from_micros(n);
        assert_eq!(stopwatch, Stopwatch { last: micros(20), longest: micros(50), total: micros(100) });
    }
}
