//! Metadata of a file system, read in pieces of 64 KiB that are kept a while: a dying drive is asked once for what lies
//! together.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Ranges;
use crate::sources::medium::{Medium, MediumError};

/// Bytes that are asked for at once.
const CHUNK: u64 = 64 << 10;

/// Chunks that are kept: 4 MiB.
const KEPT: usize = 64;

/// A medium whose last-used chunks are kept.
pub(in crate::sources) struct Chunks {
    medium: Arc<dyn Medium>,
    kept: Mutex<VecDeque<(u64, Arc<Chunk>)>>,
}

struct Chunk {
    bytes: Vec<u8>,
    holes: Ranges,
}

/// Bytes with the places among them that could not be read, counted from the first of them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::sources) struct Piece {
    /// The bytes; zeros where they could not be read.
    pub(in crate::sources) bytes: Vec<u8>,
    /// Where they could not be read.
    pub(in crate::sources) holes: Ranges,
}

impl Piece {
    /// The bytes, where all of them could be read.
    pub(in crate::sources) fn whole(self) -> Option<Vec<u8>> {
        self.holes.is_empty().then_some(self.bytes)
    }
}

impl Chunks {
    /// Keeps nothing yet.
    pub(in crate::sources) fn new(medium: Arc<dyn Medium>) -> Self {
        Self { medium, kept: Mutex::default() }
    }

    /// Bytes of the medium.
    pub(in crate::sources) fn size(&self) -> u64 {
        self.medium.size()
    }

    /// Reads `length` bytes from `at` on; the caller bounds `length`.
    ///
    /// # Errors
    /// As [`Medium::read`].
    pub(in crate::sources) fn read(&self, at: u64, length: usize) -> Result<Piece, MediumError> {
        let mut piece = Piece { bytes: Vec::with_capacity(length), holes: Ranges::new() };
        let end = at.saturating_add(length as u64);
        let mut here = at;
        while here < end.min(self.size()) {
            let start = here - here % CHUNK;
            let chunk = self.chunk(start)?;
            let wanted = here..end.min(start.saturating_add(chunk.bytes.len() as u64));
            piece.bytes.extend_from_slice(part(&chunk.bytes, &(wanted.start - start..wanted.end - start)));
            let holes = chunk.holes.within(wanted.clone());
            piece.holes.extend(holes.iter().map(|hole| hole.start - at..hole.end - at));
            here = wanted.end;
        }
        piece.holes.insert(piece.bytes.len() as u64..length as u64);
        piece.bytes.resize(length, 0);
        Ok(piece)
    }

    fn chunk(&self, start: u64) -> Result<Arc<Chunk>, MediumError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|(at, _)| *at == start)
            && let Some(found) = kept.remove(place)
        {
            kept.push_front(found.clone());
            return Ok(found.1);
        }
        drop(kept);
        let length = usize::try_from(CHUNK.min(self.size().saturating_sub(start))).unwrap_or(0);
        let mut bytes = vec![0; length];
        let holes = self.medium.read(start, &mut bytes)?;
        let chunk = Arc::new(Chunk { bytes, holes });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front((start, chunk.clone()));
        Ok(chunk)
    }
}

fn part<'a>(bytes: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
    let end = usize::try_from(range.end).unwrap_or(usize::MAX);
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_across_chunks_has_its_bytes_and_its_own_holes() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let bad: Ranges = [60_000..60_512, 150_000..150_100].into_iter().collect();
        let chunks = Chunks::new(Arc::new((bytes.clone(), bad)));
        let piece = chunks.read(59_990, 100_000).expect("it reads");
        assert_eq!(piece.holes.to_string(), "10+512, 90010+100");
        assert_eq!(piece.bytes[600..90_000], bytes[60_590..149_990]);
        assert_eq!(chunks.read(100, 50).expect("it reads").whole().as_deref(), Some(&bytes[100..150]));
    }

    #[test]
    fn what_lies_behind_the_end_is_a_hole() {
        let chunks = Chunks::new(Arc::new((vec![7; 100], Ranges::new())));
        let piece = chunks.read(90, 30).expect("it reads");
        assert_eq!((piece.bytes.len(), piece.holes.to_string().as_str()), (30, "10+20"));
        assert_eq!(chunks.read(u64::MAX - 3, 9).expect("it reads").holes.to_string(), "0+9");
    }
}
