//! Rows of one repeated pattern: what rescue programs write where they could not read.
//!
//! Zeros mostly; `0xFF` from flash that was erased; words such as `BAD SECTOR` where a person asked for them. Flat parts
//! of a picture are repeated patterns too, so a row alone says nothing: [`super::pieces`] asks whether another copy has
//! data there.

use std::ops::Range;

use crate::formats::zeros::SECTOR;

/// The longest pattern.
const MOST_PERIOD: usize = 64;
/// Every row of a sector or more holds a whole step.
const STEP: usize = SECTOR / 2;
/// Bytes at the edge of a hole that may, by chance, have been what the hole is filled with.
pub(super) const FRINGE: usize = 8;

/// Lists the rows of a sector or more, in their order.
pub(super) fn fills(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0_usize;
    while let Some(step) = bytes.get(at..at.saturating_add(STEP)) {
        if let Some(period) = period(step) {
            let row = grown(bytes, at..at + STEP, period);
            if row.len() >= SECTOR {
                found.push(found.last().map_or(row.start, |last| last.end).max(row.start)..row.end);
            }
            // A row of a sector that begins where this one ends holds the step behind that.
            at = row.end.next_multiple_of(STEP).max(at + STEP);
        } else {
            at += STEP;
        }
    }
    found.retain(|row| !row.is_empty());
    found
}

/// How long the pattern is that all of a step repeats.
fn period(step: &[u8]) -> Option<usize> {
    (1..=MOST_PERIOD).find(|&period| repeats(step, period))
}

fn repeats(bytes: &[u8], period: usize) -> bool {
    bytes.get(period..).is_some_and(|later| bytes.get(..later.len()) == Some(later))
}

/// The longest row around `part` that repeats as it does.
fn grown(bytes: &[u8], part: Range<usize>, period: usize) -> Range<usize> {
    let before = bytes.get(..part.end - period).unwrap_or_default();
    let shifted = bytes.get(period..part.end).unwrap_or_default();
    let same_before = before.iter().rev().zip(shifted.iter().rev()).take_while(|(one, other)| one == other).count();
    let start = part.end.saturating_sub(period + same_before);
    let pattern = bytes.get(part.end - period..).unwrap_or_default();
    let after = bytes.get(part.end..).unwrap_or_default();
    let same_after = pattern.iter().zip(after).take_while(|(one, other)| one == other).count();
    start..part.end + same_after
}

/// How a row begins and ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Edges {
    /// As a hole does: with whole sectors of the file, these; at most a few bytes beside them look the same by chance.
    Sectors(Range<usize>),
    /// Anywhere, but it is as long as whole sectors are: a hole, where the file itself began inside a sector.
    Length,
    /// Anywhere: padding, or a flat part of a picture, or a hole of some other making.
    Soft,
}

/// Looks at the edges of a row in a file of `length` bytes. One that ends with the file ends with a sector.
pub(super) fn edges(row: &Range<usize>, length: usize) -> Edges {
    let start = row.start.next_multiple_of(SECTOR);
    let end = if row.end == length { row.end } else { row.end - row.end % SECTOR };
    if start < end && start - row.start <= FRINGE && row.end - end <= FRINGE {
        Edges::Sectors(start..end)
    } else if row.len().is_multiple_of(SECTOR) {
        Edges::Length
    } else {
        Edges::Soft
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a list of rows may be of one")]
mod tests {
    use super::*;
    use crate::formats::merged::tests::noise;

    #[test]
    fn rows_of_any_pattern_are_found_wherever_they_begin() {
        for (start, length, pattern) in
            [(1024, 512, b"\0".as_slice()), (700, 513, b"\xFF"), (3, 2000, b"BAD SECTOR "), (4096 - 512, 512, b"ab")]
        {
            let mut bytes = noise(1, 4096);
            let fill: Vec<u8> = pattern.iter().copied().cycle().take(length).collect();
            bytes[start..start + length].copy_from_slice(&fill);
            let found = fills(&bytes);
            assert_eq!(found.len(), 1, "{start} {length}");
            let slack = found[0].start.abs_diff(start) + found[0].end.abs_diff(start + length);
            assert!(slack <= 2, "{found:?} of {start}+{length}");
        }
    }

    #[test]
    fn rows_that_touch_are_two() {
        let mut bytes = noise(2, 8192);
        bytes[1000..2100].fill(0);
        bytes[2100..3300].fill(0xFF);
        let found = fills(&bytes);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains(&1500) && found[1].contains(&3000) && found[0].end <= found[1].start, "{found:?}");
    }

    #[test]
    fn noise_and_short_rows_are_none() {
        assert!(fills(&noise(3, 1 << 16)).is_empty());
        let mut bytes = noise(4, 4096);
        bytes[100..600].fill(0);
        assert!(fills(&bytes).is_empty());
        assert!(fills(&[]).is_empty());
        assert!(fills(&[0; 511]).is_empty());
        assert_eq!(fills(&[0; 512]), [0..512]);
    }

    #[test]
    fn a_hole_has_the_edges_of_sectors_and_padding_has_not() {
        assert_eq!(edges(&(1024..2048), 9000), Edges::Sectors(1024..2048));
        // Bytes beside it that are zero by chance.
        assert_eq!(edges(&(1021..2050), 9000), Edges::Sectors(1024..2048));
        assert_eq!(edges(&(8192..9000), 9000), Edges::Sectors(8192..9000));
        assert_eq!(edges(&(1100..1612), 9000), Edges::Length);
        assert_eq!(edges(&(1100..2048), 9000), Edges::Soft);
        assert_eq!(edges(&(1024..2100), 9000), Edges::Soft);
    }
}
