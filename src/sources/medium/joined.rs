//! Several pieces, read as if they were one: a split image, a logical volume.

use std::ops::Range;
use std::sync::Arc;

use super::{Medium, MediumError};
use crate::model::Ranges;

/// What a piece consists of.
#[derive(Clone)]
pub enum Piece {
    /// Bytes of a medium from a position on.
    Of(Arc<dyn Medium>, u64),
    /// Zeros that nobody had to write.
    Zeros,
    /// Nothing: it is not there any more.
    Missing,
}

/// Pieces one after the other.
pub struct Joined {
    pieces: Vec<(Range<u64>, Piece)>,
}

impl Joined {
    /// The pieces in this order, each with its length; what would end behind the largest position is left out.
    pub fn new(pieces: impl IntoIterator<Item = (u64, Piece)>) -> Self {
        let mut at = 0_u64;
        let place = |(length, piece): (u64, Piece)| {
            let start = at;
            at = at.saturating_add(length);
            (start..at, piece)
        };
        Self { pieces: pieces.into_iter().map(place).filter(|(range, _)| !range.is_empty()).collect() }
    }
}

impl Medium for Joined {
    fn size(&self) -> u64 {
        self.pieces.last().map_or(0, |(range, _)| range.end)
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let end = at.saturating_add(into.len() as u64);
        let mut holes = Ranges::one(at.max(self.size())..end);
        into.fill(0);
        let first = self.pieces.partition_point(|(range, _)| range.end <= at);
        let met = self.pieces.get(first..).unwrap_or_default().iter();
        for (range, piece) in met.take_while(|(range, _)| range.start < end) {
            let part = range.start.max(at)..range.end.min(end);
            let inside = usize::try_from(part.start - at).unwrap_or(usize::MAX)
                ..usize::try_from(part.end - at).unwrap_or(usize::MAX);
            match piece {
                Piece::Zeros => {}
                Piece::Missing => holes.insert(part),
                Piece::Of(medium, from) => {
                    let from = from.saturating_add(part.start - range.start);
                    let found = medium.read(from, into.get_mut(inside).unwrap_or_default())?;
                    let here = |position: u64| part.start.saturating_add(position.saturating_sub(from));
                    holes.extend(found.iter().map(|hole| here(hole.start)..here(hole.end)));
                }
            }
        }
        Ok(holes)
    }

    fn try_harder(&self, ranges: &Ranges) -> Result<(), MediumError> {
        for (range, piece) in &self.pieces {
            let Piece::Of(medium, from) = piece else { continue };
            let there = |at: u64| from.saturating_add(at - range.start);
            let wanted = ranges.within(range.clone());
            if !wanted.is_empty() {
                medium.try_harder(&wanted.iter().map(|one| there(one.start)..there(one.end)).collect())?;
            }
        }
        Ok(())
    }

    fn can_try_harder(&self) -> bool {
        self.pieces.iter().any(|(_, piece)| matches!(piece, Piece::Of(medium, _) if medium.can_try_harder()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what is tried harder for.
    struct Noting(std::sync::Mutex<Ranges>);

    impl Medium for Noting {
        fn size(&self) -> u64 {
            100
        }

        fn read(&self, _: u64, _: &mut [u8]) -> Result<Ranges, MediumError> {
            Ok(Ranges::new())
        }

        fn try_harder(&self, ranges: &Ranges) -> Result<(), MediumError> {
            *self.0.lock().unwrap() = ranges.clone();
            Ok(())
        }

        fn can_try_harder(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_is_tried_harder_for_is_named_by_the_positions_of_the_pieces() {
        let drive = Arc::new(Noting(std::sync::Mutex::default()));
        let of = |from| Piece::Of(Arc::clone(&drive) as Arc<dyn Medium>, from);
        let joined = Joined::new([(10, Piece::Zeros), (20, of(50)), (5, Piece::Missing)]);
        assert!(joined.can_try_harder());
        joined.try_harder(&[5..12, 25..33].into_iter().collect()).unwrap();
        assert_eq!(drive.0.lock().unwrap().to_string(), "50+2, 65+5");
        assert!(!Joined::new([(10, Piece::Zeros), (5, Piece::Missing)]).can_try_harder());
    }

    #[test]
    fn holes_are_named_by_the_positions_of_the_whole() {
        let one: Arc<dyn Medium> = Arc::new((vec![1; 10], Ranges::one(8..9)));
        let two: Arc<dyn Medium> = Arc::new((vec![2; 10], Ranges::new()));
        let joined = Joined::new([
            (10, Piece::Of(one, 0)),
            (5, Piece::Missing),
            (0, Piece::Zeros),
            (3, Piece::Zeros),
            (8, Piece::Of(two, 4)),
        ]);
        assert_eq!(joined.size(), 26);
        let mut bytes = [9; 30];
        assert_eq!(joined.read(0, &mut bytes).unwrap().to_string(), "8+1, 10+5, 24+6");
        assert_eq!(bytes[..19], [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        let mut bytes = [9; 4];
        assert_eq!(joined.read(9, &mut bytes).unwrap().to_string(), "10+3");
        assert_eq!(bytes, [1, 0, 0, 0]);
        assert_eq!(joined.read(u64::MAX - 1, &mut bytes).unwrap().bytes(), 1);
    }
}
