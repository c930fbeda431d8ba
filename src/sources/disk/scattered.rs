//! Bytes that lie in pieces all over a medium, read as if they lay together; what of them is sound.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::file_system::Extent;
use crate::model::Ranges;
use crate::sources::medium::{Medium, MediumError, read_vec};

/// What is read at once: a dying drive is asked seldom.
const WINDOW_BYTES: u64 = 64 << 10;
/// How many windows are kept: 64 MiB.
const WINDOWS_KEPT: usize = 1024;

/// A file, or a part of a file system, as a medium of its own. Past its last piece everything is a hole.
pub(super) struct Scattered {
    medium: Arc<dyn Medium>,
    /// Where each piece begins in the whole; as many as pieces.
    starts: Vec<u64>,
    pieces: Vec<Extent>,
    size: u64,
}

impl Scattered {
    /// The first `size` bytes of `pieces`, in their order.
    pub(super) fn new(medium: Arc<dyn Medium>, pieces: Vec<Extent>, size: u64) -> Self {
        let pieces: Vec<Extent> = pieces.into_iter().filter(|piece| piece.length > 0).collect();
        let starts = pieces.iter().scan(0_u64, |end, piece| {
            let start = *end;
            *end = end.saturating_add(piece.length);
            Some(start)
        });
        let starts = starts.collect();
        Self { medium, starts, pieces, size }
    }

    /// The piece that has the byte at `at`, with where it begins.
    fn piece(&self, at: u64) -> Option<(u64, Extent)> {
        let index = self.starts.partition_point(|start| *start <= at).checked_sub(1)?;
        let (start, piece) = (*self.starts.get(index)?, *self.pieces.get(index)?);
        (at < self.size && at - start < piece.length).then_some((start, piece))
    }
}

impl Medium for Scattered {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let mut holes = Ranges::new();
        let (mut at, mut rest) = (at, into);
        while !rest.is_empty() {
            let Some((start, piece)) = self.piece(at) else {
                rest.fill(0);
                holes.insert(at..at.saturating_add(rest.len() as u64));
                break;
            };
            let left = (piece.length - (at - start)).min(self.size - at);
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (here, behind) = rest.split_at_mut(take);
            match piece.at {
                None => here.fill(0),
                Some(place) => {
                    let from = place.saturating_add(at - start);
                    for hole in self.medium.read(from, here)?.iter() {
                        holes.insert(at.saturating_add(hole.start - from)..at.saturating_add(hole.end - from));
                    }
                }
            }
            (at, rest) = (at + take as u64, behind);
        }
        Ok(holes)
    }
}

/// Some bytes, of which not all may have been readable.
pub(super) struct Piece {
    bytes: Vec<u8>,
    /// Positions in `bytes`.
    holes: Ranges,
}

impl Piece {
    /// Reads `length` bytes from `at` on.
    pub(super) fn read(medium: &dyn Medium, at: u64, length: usize) -> Result<Self, MediumError> {
        let (bytes, found) = read_vec(medium, at, length)?;
        Ok(Self { bytes, holes: found.iter().map(|hole| hole.start - at..hole.end - at).collect() })
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether all of them could be read.
    pub(super) fn is_whole(&self) -> bool {
        self.holes.is_empty()
    }

    /// Which positions could not be read.
    pub(super) fn holes(&self) -> &Ranges {
        &self.holes
    }

    /// All bytes; the unreadable ones are zero.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of `range`, if they are there and all of them could be read.
    pub(super) fn sound(&self, range: Range<usize>) -> Option<&[u8]> {
        let bad = self.holes.meets(range.start as u64..range.end as u64);
        self.bytes.get(range).filter(|_| !bad)
    }

    /// The bytes from `at` on, up to the first that could not be read.
    pub(super) fn sound_from(&self, at: usize) -> &[u8] {
        let first = self.holes.within(at as u64..u64::MAX).iter().next().map_or(u64::MAX, |hole| hole.start);
        let end = usize::try_from(first).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.get(at..end).unwrap_or_default()
    }
}

/// A medium that is read in windows of 64 KiB, of which the last thousand are kept.
pub(super) struct Cached {
    medium: Arc<dyn Medium>,
    windows: HashMap<u64, Piece>,
    order: VecDeque<u64>,
}

impl Cached {
    /// Nothing is read yet.
    pub(super) fn new(medium: Arc<dyn Medium>) -> Self {
        Self { medium, windows: HashMap::new(), order: VecDeque::new() }
    }

    /// Bytes of the medium.
    pub(super) fn size(&self) -> u64 {
        self.medium.size()
    }

    /// Gives `length` bytes from `at` on; what lies behind the end is a hole.
    pub(super) fn read(&mut self, at: u64, length: usize) -> Result<Piece, MediumError> {
        let end = at.saturating_add(length as u64);
        let mut piece = Piece { bytes: Vec::with_capacity(length), holes: Ranges::new() };
        let mut from = at;
        while from < end.min(self.size()) {
            let start = from - from % WINDOW_BYTES;
            self.fetch(start)?;
            let Some(window) = self.windows.get(&start) else { break };
            let first = usize::try_from(from - start).unwrap_or(usize::MAX);
            let last = usize::try_from(end - start).unwrap_or(usize::MAX).min(window.len());
            let Some(bytes) = window.bytes.get(first..last).filter(|bytes| !bytes.is_empty()) else { break };
            for hole in window.holes.within(first as u64..last as u64).iter() {
                piece.holes.insert(start + hole.start - at..start + hole.end - at);
            }
            piece.bytes.extend_from_slice(bytes);
            from += bytes.len() as u64;
        }
        piece.holes.insert(piece.bytes.len() as u64..length as u64);
        piece.bytes.resize(length, 0);
        Ok(piece)
    }

    fn fetch(&mut self, start: u64) -> Result<(), MediumError> {
        if self.windows.contains_key(&start) {
            return Ok(());
        }
        if self.order.len() >= WINDOWS_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.windows.remove(&oldest);
        }
        let length = usize::try_from(self.size().saturating_sub(start).min(WINDOW_BYTES)).unwrap_or(0);
        let window = Piece::read(self.medium.as_ref(), start, length)?;
        self.windows.insert(start, window);
        self.order.push_back(start);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn medium() -> Arc<dyn Medium> {
        Arc::new(((0..=255).collect::<Vec<u8>>(), Ranges::one(100..110)))
    }

    #[test]
    fn pieces_read_as_one_with_holes_where_they_lie_in_the_whole() {
        let extent = |at, length| Extent { at, length };
        let pieces = vec![extent(Some(98), 4), extent(None, 3), extent(Some(0), 5), extent(Some(250), 20)];
        let whole = Scattered::new(medium(), pieces, 40);
        let (bytes, holes) = read_vec(&whole, 0, 50).expect("it reads");
        assert_eq!(bytes[..18], [98, 99, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 250, 251, 252, 253, 254, 255]);
        assert_eq!(holes.to_string(), "2+2, 18+32");
        let (bytes, holes) = read_vec(&whole, 3, 6).expect("it reads");
        assert_eq!((bytes.as_slice(), holes.to_string().as_str()), (&[0, 0, 0, 0, 0, 1][..], "3+1"));
    }

    #[test]
    fn a_piece_gives_only_what_could_be_read() {
        let mut cached = Cached::new(medium());
        let piece = cached.read(95, 20).expect("it reads");
        assert_eq!(piece.sound(0..5), Some(&[95, 96, 97, 98, 99][..]));
        assert_eq!(piece.sound(0..6), None);
        assert_eq!(piece.sound(15..17), Some(&[110, 111][..]));
        assert_eq!(piece.sound_from(2), [97, 98, 99]);
        assert_eq!(piece.sound_from(15).len(), 5);
        assert!(piece.sound_from(7).is_empty());
        let behind = cached.read(250, 10).expect("it reads");
        assert_eq!(behind.holes().to_string(), "6+4");
    }
}
