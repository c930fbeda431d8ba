//! Places in a file or on a drive: which bytes, as a sorted set of ranges.

use std::fmt;
use std::ops::Range;

/// Bytes by position: ranges that are sorted, not empty, and neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// No bytes at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// One run of bytes; none when it is empty or turned around.
    pub fn one(range: Range<u64>) -> Self {
        let mut ranges = Self::new();
        ranges.insert(range);
        ranges
    }

    /// The ranges, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + '_ {
        self.0.iter().cloned()
    }

    /// Whether there are no bytes in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether the byte at `at` is in it.
    pub fn contains(&self, at: u64) -> bool {
        self.touching(at..at.saturating_add(1)).next().is_some()
    }

    /// Whether any byte of `range` is in it.
    pub fn meets(&self, range: Range<u64>) -> bool {
        self.touching(range).next().is_some()
    }

    /// The parts of `range` that are in it, in their order.
    #[must_use]
    pub fn within(&self, range: Range<u64>) -> Self {
        let inside = self.touching(range.clone());
        Self(inside.map(|one| one.start.max(range.start)..one.end.min(range.end)).collect())
    }

    /// Adds the bytes of `range`; cheap at the end.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // What it overlaps or touches becomes one range with it.
        let first = self.0.partition_point(|one| one.end < range.start);
        let last = self.0.partition_point(|one| one.start <= range.end);
        let met = self.0.get(first..last).unwrap_or_default();
        let start = met.first().map_or(range.start, |one| one.start.min(range.start));
        let end = met.last().map_or(range.end, |one| one.end.max(range.end));
        self.0.splice(first..last, std::iter::once(start..end));
    }

    /// Takes the bytes of `range` out.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|one| one.end <= range.start);
        let last = self.0.partition_point(|one| one.start < range.end);
        let met = self.0.get(first..last).unwrap_or_default();
        let before = met.first().map(|one| one.start..range.start).filter(|left| !left.is_empty());
        let after = met.last().map(|one| range.end..one.end).filter(|left| !left.is_empty());
        self.0.splice(first..last, before.into_iter().chain(after));
    }

    /// What of `whole` is not in it.
    #[must_use]
    pub fn complement(&self, whole: Range<u64>) -> Self {
        let mut gaps = Vec::new();
        let mut at = whole.start;
        for one in self.touching(whole.clone()) {
            if one.start > at {
                gaps.push(at..one.start);
            }
            at = one.end;
        }
        if at < whole.end {
            gaps.push(at..whole.end);
        }
        Self(gaps)
    }

    fn touching(&self, range: Range<u64>) -> impl Iterator<Item = &Range<u64>> {
        let first = self.0.partition_point(|one| one.end <= range.start);
        let rest = self.0.get(first..).unwrap_or_default();
        rest.iter().take_while(move |one| !range.is_empty() && one.start < range.end)
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(from: I) -> Self {
        let mut ranges = Self::new();
        ranges.extend(from);
        ranges
    }
}

impl Extend<Range<u64>> for Ranges {
    fn extend<I: IntoIterator<Item = Range<u64>>>(&mut self, from: I) {
        for range in from {
            self.insert(range);
        }
    }
}

/// Writes the ranges as offset and length: `1024+512, 4096+4096`.
impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}+{}", range.start, range.end - range.start)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ranges({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[allow(clippy::reversed_empty_ranges, reason = "a turned range holds nothing")]
    fn a_range_without_bytes_changes_nothing() {
        let mut ranges = Ranges::one(5..9);
        ranges.insert(7..7);
        ranges.insert(3..1);
        ranges.remove(8..8);
        assert_eq!(ranges.to_string(), "5+4");
        assert!(Ranges::one(9..2).is_empty());
    }

    #[test]
    fn neighbours_become_one() {
        let ranges: Ranges = [8..12, 0..4, 4..8].into_iter().collect();
        assert_eq!(ranges.to_string(), "0+12");
    }

    fn as_bits(ranges: &Ranges) -> u64 {
        ranges.iter().flatten().fold(0, |bits, at| bits | 1 << at)
    }

    fn mask(range: &Range<u64>) -> u64 {
        range.clone().fold(0, |bits, at| bits | 1 << at)
    }

    proptest! {
        #[test]
        fn ranges_do_as_sets_of_bytes_do(steps in prop::collection::vec((any::<bool>(), 0..64_u64, 0..20_u64), 0..40)) {
            let (mut ranges, mut bits) = (Ranges::new(), 0_u64);
            for (adds, start, length) in steps {
                let range = start..(start + length).min(64);
                if adds {
                    ranges.insert(range.clone());
                    bits |= mask(&range);
                } else {
                    ranges.remove(range.clone());
                    bits &= !mask(&range);
                }
                prop_assert_eq!(as_bits(&ranges), bits);
                prop_assert_eq!(ranges.bytes(), u64::from(bits.count_ones()));
                prop_assert_eq!(as_bits(&ranges.within(range.clone())), bits & mask(&range));
                prop_assert_eq!(as_bits(&ranges.complement(range.clone())), !bits & mask(&range));
                prop_assert_eq!(ranges.meets(range.clone()), bits & mask(&range) != 0);
                prop_assert_eq!(ranges.contains(start), bits >> start & 1 == 1);
                let apart = ranges.iter().zip(ranges.iter().skip(1)).all(|(one, next)| one.end < next.start);
                prop_assert!(apart, "{} is not apart", ranges);
            }
        }
    }
}
