//! Medians, ranges and ratios.

use serde::{Deserialize, Serialize};

/// A row of samples in three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The middle sample, or the mean of the two middle ones.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    /// Of `samples`; `None` when there are none, or when one is not a finite number.
    pub fn of(samples: &[f64]) -> Option<Self> {
        if samples.iter().any(|s| !s.is_finite()) {
            return None;
        }
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, *sorted.get(middle)?)
        } else {
            *sorted.get(middle)?
        };
        Some(Self { median, min, max })
    }

    /// Our median as a multiple of the peer's; `None` when the peer's is zero.
    pub fn ratio_to(&self, peer: &Self) -> Option<f64> {
        (peer.median != 0.0).then(|| self.median / peer.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[f64]) -> (f64, f64, f64) {
        let s = Summary::of(samples).expect("finite samples");
        (s.median, s.min, s.max)
    }

    #[test]
    fn the_median_of_an_odd_row_is_its_middle_and_of_an_even_row_the_mean_of_two() {
        assert_eq!(of(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0]), (2.5, 1.0, 4.0));
        assert_eq!(of(&[7.5]), (7.5, 7.5, 7.5));
        assert_eq!(of(&[1.0, 9.0]), (5.0, 1.0, 9.0));
    }

    #[test]
    fn an_outlier_moves_the_range_and_not_the_median() {
        assert_eq!(of(&[10.0, 11.0, 12.0, 13.0, 5000.0]), (12.0, 10.0, 5000.0));
    }

    #[test]
    fn no_samples_or_nonsense_give_no_summary() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
        assert_eq!(Summary::of(&[1.0, f64::INFINITY]), None);
    }

    #[test]
    fn the_ratio_is_ours_over_theirs() {
        let ours = Summary::of(&[10.0]).expect("one");
        let theirs = Summary::of(&[20.0]).expect("one");
        let zero = Summary::of(&[0.0]).expect("one");
        assert_eq!(ours.ratio_to(&theirs), Some(0.5));
        assert_eq!(ours.ratio_to(&zero), None);
    }
}
