//! A set of cluster numbers.
//!
//! Bound: one bit for each cluster of a stretch that is neither all in nor all out, and nothing to speak of for the
//! others.

use std::ops::Range;

/// Clusters in a page.
const PAGE: u32 = 1 << 15;
const WORDS: usize = PAGE as usize / 64;

enum Page {
    Clear,
    Mixed(Box<[u64; WORDS]>, u32),
    Full,
}

/// Which clusters are in, of a volume with no more than `u32::MAX` of them.
#[derive(Default)]
pub(super) struct Bits(Vec<Page>);

impl Bits {
    /// Puts a cluster in; whether it was out before.
    pub(super) fn insert(&mut self, cluster: u32) -> bool {
        let index = (cluster / PAGE) as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || Page::Clear);
        }
        let Some(page) = self.0.get_mut(index) else { return false };
        if matches!(page, Page::Clear) {
            *page = Page::Mixed(Box::new([0; WORDS]), 0);
        }
        let Page::Mixed(words, count) = page else { return false };
        let Some(word) = words.get_mut((cluster % PAGE / 64) as usize) else { return false };
        let bit = 1 << (cluster % 64);
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        *count += 1;
        if *count == PAGE {
            *page = Page::Full;
        }
        true
    }

    /// Whether a cluster is in.
    pub(super) fn contains(&self, cluster: u32) -> bool {
        match self.0.get((cluster / PAGE) as usize) {
            None | Some(Page::Clear) => false,
            Some(Page::Full) => true,
            Some(Page::Mixed(words, _)) => {
                words.get((cluster % PAGE / 64) as usize).is_some_and(|word| word >> (cluster % 64) & 1 == 1)
            }
        }
    }

    /// The stretches of `whole` that are out, in their order.
    pub(super) fn gaps(&self, whole: Range<u32>) -> impl Iterator<Item = Range<u32>> + '_ {
        let mut at = whole.start;
        std::iter::from_fn(move || {
            let start = self.next(at, whole.end, false);
            let end = self.next(start, whole.end, true);
            at = end;
            (start < end).then_some(start..end)
        })
    }

    /// The first cluster from `at` on that is in, or out; `end` where there is none before it.
    fn next(&self, mut at: u32, end: u32, wanted: bool) -> u32 {
        while at < end {
            let in_page = at % PAGE;
            let uniform = match self.0.get((at / PAGE) as usize) {
                None | Some(Page::Clear) => false,
                Some(Page::Full) => true,
                Some(Page::Mixed(words, _)) => {
                    let word = words.get((in_page / 64) as usize).copied().unwrap_or(0);
                    let sought = (if wanted { word } else { !word }) >> (at % 64);
                    if sought != 0 {
                        return at.saturating_add(sought.trailing_zeros()).min(end);
                    }
                    at = at.saturating_add(64 - at % 64);
                    continue;
                }
            };
            if uniform == wanted {
                return at;
            }
            at = at.saturating_add(PAGE - in_page);
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_page_that_is_all_in_needs_no_bits() {
        let mut bits = Bits::default();
        (0..PAGE).for_each(|cluster| assert!(bits.insert(cluster)));
        assert!(matches!(bits.0[0], Page::Full));
        assert!(!bits.insert(5) && bits.contains(5));
        assert_eq!(bits.gaps(0..PAGE + 9).collect::<Vec<_>>(), vec![PAGE..PAGE + 9]);
        assert_eq!(Bits::default().gaps(2..u32::MAX).collect::<Vec<_>>(), vec![2..u32::MAX]);
    }

    proptest! {
        #[test]
        fn bits_do_as_a_set_does(
            clusters in prop::collection::vec(prop_oneof![0..300_u32, 32_700..32_900_u32, 98_000..98_400_u32], 0..400)
        ) {
            let (mut bits, mut set) = (Bits::default(), BTreeSet::new());
            for cluster in clusters {
                prop_assert_eq!(bits.insert(cluster), set.insert(cluster));
            }
            let out: Vec<u32> = bits.gaps(0..99_000).flatten().collect();
            let expected: Vec<u32> = (0..99_000).filter(|cluster| !set.contains(cluster)).collect();
            prop_assert_eq!(out, expected);
            prop_assert!((0..99_000).all(|cluster| bits.contains(cluster) == set.contains(&cluster)));
        }
    }
}
