//! Parts of packs that are fetched by one request: what lies close together comes together.

use rustic_core::Id;

/// Where a blob lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) pack: Id,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// A part of a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) pack: Id,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Bytes of it that somebody asked for.
    wanted: u32,
}

/// The longest piece; a longer blob is a piece of its own.
const LONGEST: u32 = 8 * 1024 * 1024;

/// How much of a piece may lie between the blobs that were asked for: one byte in eleven, so that a restore fetches at
/// most a tenth more than it needs.
const WANTED_PER_UNWANTED: u32 = 10;

impl Piece {
    pub(super) fn length(&self) -> u32 {
        self.end - self.start
    }

    /// Whether the place begins inside it.
    pub(super) fn reaches(&self, place: &Place) -> bool {
        self.pack == place.pack && (self.start..self.end).contains(&place.offset)
    }

    /// The piece with one more blob behind its end, if that is near enough.
    fn with(&self, place: &Place) -> Option<Self> {
        let end = place.offset.checked_add(place.length)?.max(self.end);
        let wanted = self
            .wanted
            .checked_add(place.offset.checked_add(place.length)?.saturating_sub(self.end.max(place.offset)))?;
        let grown = Self { end, wanted, ..*self };
        let fits = place.pack == self.pack
            && place.offset >= self.start
            && grown.length() <= LONGEST
            && (grown.length() - wanted).checked_mul(WANTED_PER_UNWANTED)? <= wanted;
        fits.then_some(grown)
    }
}

/// The pieces that hold all of `places`, in the order in which they lie.
pub(super) fn pieces(mut places: Vec<Place>) -> Vec<Piece> {
    places.sort_unstable();
    places.dedup();
    let mut pieces: Vec<Piece> = Vec::new();
    for place in places {
        // A damaged index may name what no pack has; asked for alone, that blob fails alone.
        let Some(end) = place.offset.checked_add(place.length) else { continue };
        match pieces.last_mut().and_then(|last| Some((last.with(&place)?, last))) {
            Some((grown, last)) => *last = grown,
            None => pieces.push(Piece { pack: place.pack, start: place.offset, end, wanted: place.length }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(pack: u8, offset: u32, length: u32) -> Place {
        Place { pack: Id::new([pack; 32]), offset, length }
    }

    fn ranges(places: Vec<Place>) -> Vec<(u32, u32)> {
        pieces(places).iter().map(|piece| (piece.start, piece.end)).collect()
    }

    #[test]
    fn neighbours_come_in_one_piece_whatever_their_order() {
        assert_eq!(ranges(vec![place(1, 300, 50), place(1, 0, 100), place(1, 100, 200)]), [(0, 350)]);
        assert_eq!(ranges(vec![place(1, 0, 100), place(2, 100, 200)]), [(0, 100), (100, 300)], "two packs");
        assert_eq!(ranges(vec![place(1, 0, 100), place(1, 0, 100)]), [(0, 100)], "one blob, twice");
    }

    #[test]
    fn a_gap_is_fetched_only_where_it_is_small_beside_what_is_wanted() {
        assert_eq!(ranges(vec![place(1, 0, 1000), place(1, 1100, 1000)]), [(0, 2100)]);
        assert_eq!(ranges(vec![place(1, 0, 1000), place(1, 1300, 1000)]), [(0, 1000), (1300, 2300)]);
        let scattered: Vec<_> = (0..1000).map(|n| place(1, n * 1050, 1000)).collect();
        let fetched: u32 = pieces(scattered).iter().map(Piece::length).sum();
        assert!(fetched <= 1_100_000, "{fetched} for a million");
    }

    #[test]
    fn a_piece_is_no_longer_than_memory_allows() {
        let many: Vec<_> = (0..64).map(|n| place(1, n << 20, 1 << 20)).collect();
        let found = pieces(many);
        assert_eq!(found.len(), 8);
        assert!(found.iter().all(|piece| piece.length() <= LONGEST));
        assert_eq!(ranges(vec![place(1, 0, 20 << 20)]), [(0, 20 << 20)], "a blob is never cut");
    }

    #[test]
    fn what_no_pack_can_have_is_left_out() {
        assert_eq!(ranges(vec![place(1, u32::MAX, 2), place(1, 0, 5)]), [(0, 5)]);
    }
}
