//! Finding the place of an identifier among some thousands, some hundred thousand times.

/// A sorted list of numbers and a coarse index into it.
#[derive(Clone, Debug, Default)]
pub(super) struct IdIndex {
    ids: Vec<u32>,
    /// `ids` is cut into pieces of equal range: a number's piece is its distance to the first, shifted by this.
    shift: u32,
    /// Where each piece starts in `ids`; one entry more than there are pieces.
    start: Vec<u32>,
}

impl IdIndex {
    /// An index of `ids`, which are sorted and without duplicates.
    pub(super) fn new(ids: Vec<u32>) -> Self {
        let (Some(&low), Some(&high)) = (ids.first(), ids.last()) else { return Self::default() };
        let pieces = u32::try_from(ids.len()).unwrap_or(u32::MAX).max(1);
        // As many pieces as there are numbers, so that one holds one number when they are spread evenly.
        let shift = 32_u32.saturating_sub((high - low).leading_zeros()).saturating_sub(pieces.ilog2() + 1);
        let count = ((high - low) >> shift) as usize + 1;
        let mut start = vec![0_u32; count + 1];
        for id in &ids {
            start[((id - low) >> shift) as usize + 1] += 1;
        }
        for at in 0..count {
            start[at + 1] += start[at];
        }
        Self { ids, shift, start }
    }

    /// The place of `id` in the list.
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        let low = self.ids.first()?;
        let piece = (id.checked_sub(*low)? >> self.shift) as usize;
        let &[from, to] = self.start.get(piece..piece + 2)? else { return None };
        // However the numbers are chosen, this takes no longer than a search of the whole list.
        let found = self.ids.get(from as usize..to as usize)?.binary_search(&id).ok()?;
        Some(from as usize + found)
    }

    /// The list.
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_the_range_are_found() {
        let index = IdIndex::new(vec![0, 1, u32::MAX - 1, u32::MAX]);
        assert_eq!(index.find(0), Some(0));
        assert_eq!(index.find(u32::MAX), Some(3));
        assert_eq!(index.find(2), None);
        assert_eq!(IdIndex::new(vec![7]).find(7), Some(0));
        assert_eq!(IdIndex::new(vec![7]).find(6), None);
        assert_eq!(IdIndex::new(vec![7]).find(8), None);
        assert_eq!(IdIndex::new(vec![]).find(0), None);
    }

    proptest! {
        #[test]
        fn an_index_finds_what_a_search_finds(ids in prop::collection::btree_set(prop_oneof![any::<u32>(), 0..500_u32], 0..200), more: [u32; 8]) {
            let index = IdIndex::new(ids.iter().copied().collect());
            for id in ids.iter().chain(&more).copied().chain(0..600).collect::<BTreeSet<_>>() {
                prop_assert_eq!(index.find(id), index.ids().binary_search(&id).ok());
            }
        }
    }
}
