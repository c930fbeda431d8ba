//! The space that is searched, as if it were one piece: a file that runs around what others own is contiguous here.

use std::ops::Range;

use crate::model::Ranges;
use crate::sources::disk::file_system::Extent;

/// Parts of a medium in their order, each of whole units on one grid. Positions in it count without the gaps.
///
/// Memory: 24 bytes for each part.
#[derive(Clone, Debug, Default)]
pub(super) struct Space {
    /// Where each part begins in here, and its bytes on the medium.
    parts: Vec<(u64, Range<u64>)>,
    size: u64,
}

impl Space {
    /// The units of `unit` bytes that lie wholly in `ranges`, on the grid that has `first` on it.
    pub(super) fn new(ranges: &Ranges, unit: u64, first: u64) -> Self {
        let unit = unit.max(1);
        let phase = first % unit;
        let mut space = Self::default();
        for range in ranges.iter() {
            let over = (range.start + unit - phase) % unit;
            let start = if over == 0 { Some(range.start) } else { range.start.checked_add(unit - over) };
            let Some(start) = start.filter(|start| *start < range.end) else { continue };
            let length = (range.end - start) / unit * unit;
            if length > 0 {
                space.parts.push((space.size, start..start + length));
                space.size += length;
            }
        }
        space
    }

    /// Bytes in all.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Where on the medium the byte at `at` lies, and how many follow it there in one piece.
    pub(super) fn locate(&self, at: u64) -> Option<(u64, u64)> {
        let index = self.parts.partition_point(|(start, _)| *start <= at).checked_sub(1)?;
        let (start, part) = self.parts.get(index)?;
        let place = part.start + (at - start);
        (place < part.end).then(|| (place, part.end - place))
    }

    /// Which byte of the space lies at `place` on the medium.
    pub(super) fn find(&self, place: u64) -> Option<u64> {
        let index = self.parts.partition_point(|(_, part)| part.start <= place).checked_sub(1)?;
        let (start, part) = self.parts.get(index)?;
        (place < part.end).then(|| start + (place - part.start))
    }

    /// The pieces on the medium that `length` bytes from `at` on make, up to the end of the space.
    pub(super) fn pieces(&self, at: u64, length: u64) -> Vec<Extent> {
        let (mut at, mut left) = (at, length);
        let mut pieces = Vec::new();
        while left > 0 {
            let Some((place, here)) = self.locate(at) else { break };
            let taken = here.min(left);
            join(&mut pieces, Extent { at: Some(place), length: taken });
            at += taken;
            left -= taken;
        }
        pieces
    }
}

/// Adds a piece, as part of the one before it where it follows that.
pub(super) fn join(pieces: &mut Vec<Extent>, piece: Extent) {
    match pieces.last_mut() {
        Some(last) if last.at.map(|at| at + last.length) == piece.at => last.length += piece.length,
        Some(_) | None => pieces.push(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_without_the_gaps_and_only_whole_units() {
        let ranges: Ranges = [100..2100, 4096..8192, 9000..9001].into_iter().collect();
        let space = Space::new(&ranges, 512, 0);
        assert_eq!(space.size(), 1536 + 4096);
        assert_eq!(space.locate(0), Some((512, 1536)));
        assert_eq!(space.locate(1535), Some((2047, 1)));
        assert_eq!(space.locate(1536), Some((4096, 4096)));
        assert_eq!(space.locate(5632), None);
        assert_eq!(space.find(4097), Some(1537));
        assert_eq!(space.find(2048), None);
        let pieces = space.pieces(1024, 1024);
        assert_eq!(pieces, [Extent { at: Some(1536), length: 512 }, Extent { at: Some(4096), length: 512 }]);
    }

    #[test]
    fn the_grid_may_begin_anywhere() {
        let space = Space::new(&Ranges::one(0..10_000), 4096, 1024);
        assert_eq!(space.locate(0), Some((1024, 8192)));
        let behind = Space::new(&Ranges::one(1024..10_000), 4096, 1024);
        assert_eq!(behind.locate(0), Some((1024, 8192)));
    }
}
