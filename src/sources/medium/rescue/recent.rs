//! Pieces of a drive that are kept in memory: those that were just read, and those that were hard to get.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// Whole pieces that were just read: metadata is asked for in small parts, and a drive is read past the page cache.
#[derive(Default)]
pub(super) struct Recent(VecDeque<(u64, Vec<u8>)>);

/// Of 64 KiB each.
const MOST_PIECES: usize = 32;

impl Recent {
    /// Gives the piece that begins at `start`.
    pub(super) fn get(&mut self, start: u64) -> Option<&[u8]> {
        let index = self.0.iter().position(|(at, _)| *at == start)?;
        let found = self.0.remove(index)?;
        self.0.push_back(found);
        self.0.back().map(|(_, bytes)| bytes.as_slice())
    }

    pub(super) fn put(&mut self, start: u64, bytes: Vec<u8>) {
        if self.0.len() >= MOST_PIECES {
            self.0.pop_front();
        }
        self.0.push_back((start, bytes));
    }
}

/// What came only after a failure, where there is no image to keep it in: it may never come again.
#[derive(Default)]
pub(super) struct HardWon {
    pieces: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

const MOST_BYTES: usize = 64 << 20;

impl HardWon {
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) {
        if self.bytes.saturating_add(bytes.len()) <= MOST_BYTES {
            self.bytes += bytes.len();
            if let Some(before) = self.pieces.insert(at, bytes.to_vec()) {
                self.bytes -= before.len();
            }
        }
    }

    /// The bytes from `at` on that are kept in one piece.
    pub(super) fn from(&self, at: u64) -> Option<&[u8]> {
        let (start, bytes) = self.pieces.range(..=at).next_back()?;
        bytes.get(usize::try_from(at - start).ok()?..).filter(|rest| !rest.is_empty())
    }

    /// Where the next piece behind `at` begins.
    pub(super) fn next(&self, at: u64) -> Option<u64> {
        self.pieces.range(at.saturating_add(1)..).next().map(|(start, _)| *start)
    }

    pub(super) fn meets(&self, range: Range<u64>) -> bool {
        self.from(range.start).is_some() || self.next(range.start).is_some_and(|next| next < range.end)
    }
}
