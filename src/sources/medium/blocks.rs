//! Images that keep a drive in blocks, each somewhere in the file, some of them packed.
//!
//! Memory: eight unpacked blocks of at most 16 MiB (2 MiB in what the common programs write).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};

use super::{Medium, MediumError, read_vec};
use crate::model::Ranges;

/// Why a file that says it is an image is not read as one.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is of a kind that is not read.
    Unsupported(&'static str),
    /// What it says of itself makes no sense.
    Damaged(&'static str),
    /// It cannot be read any more.
    Medium(MediumError),
}

impl From<MediumError> for Refusal {
    fn from(error: MediumError) -> Self {
        Self::Medium(error)
    }
}

/// Where a block lies in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// As it is, from there on.
    At(u64),
    /// Nowhere: it is all zeros.
    Zeros,
    /// It cannot be told.
    Missing,
    /// In so many bytes from there on.
    Packed { at: u64, length: u64, how: Packing },
}

/// How a block is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    /// RFC 1950: with a checksum.
    Zlib,
    /// RFC 1951: nothing tells whether it is right.
    Deflate,
    /// Not at all, with its Adler-32 behind it.
    Checked,
}

/// What a kind of image says of where its blocks are.
pub(super) trait Layout: Send + Sync {
    /// Bytes of the drive.
    fn size(&self) -> u64;

    /// Bytes of a block; at least one.
    fn block(&self) -> u64;

    /// Where a block is.
    fn place(&self, file: &dyn Medium, index: u64) -> Result<Place, MediumError>;

    /// What could not be read already when the image was made.
    fn unread(&self) -> Option<&Ranges> {
        None
    }
}

/// The drive that an image is of.
pub(super) struct Blocks<L> {
    file: Arc<dyn Medium>,
    layout: L,
    unpacked: Mutex<VecDeque<Unpacked>>,
}

struct Unpacked {
    index: u64,
    bytes: Arc<Vec<u8>>,
    holes: Ranges,
}

/// The largest block that is unpacked at once.
pub(super) const LARGEST: u64 = 16 << 20;

const MOST_UNPACKED: usize = 8;

/// Blocks that are looked up for one wish to try harder: whatever a file claims to be long.
const MOST_AT_ONCE: u32 = 1 << 20;

impl<L: Layout> Blocks<L> {
    pub(super) fn new(file: Arc<dyn Medium>, layout: L) -> Self {
        Self { file, layout, unpacked: Mutex::default() }
    }

    /// A block's bytes, with the holes in it counted from its beginning.
    fn unpack(
        &self,
        index: u64,
        (at, length, how): (u64, u64, Packing),
        wanted: usize,
    ) -> Result<(Arc<Vec<u8>>, Ranges), MediumError> {
        let lock = || self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().iter().find(|one| one.index == index && one.bytes.len() >= wanted) {
            return Ok((Arc::clone(&found.bytes), found.holes.clone()));
        }
        // Packing never makes a block much longer.
        let length = usize::try_from(length.min(LARGEST + (LARGEST >> 3))).unwrap_or(usize::MAX);
        let (packed, holes) = read_vec(self.file.as_ref(), at, length)?;
        let holes: Ranges = holes.iter().map(|hole| hole.start - at..hole.end - at).collect();
        let lost = (vec![0; wanted], Ranges::one(0..wanted as u64));
        let (bytes, holes) = match how {
            Packing::Checked => checked(packed, &holes, wanted).unwrap_or(lost),
            Packing::Zlib | Packing::Deflate if !holes.is_empty() => lost,
            Packing::Zlib => inflate(&packed, true, wanted).map_or(lost, |bytes| (bytes, Ranges::new())),
            Packing::Deflate => inflate(&packed, false, wanted).map_or(lost, |bytes| (bytes, Ranges::new())),
        };
        let bytes = Arc::new(bytes);
        let mut unpacked = lock();
        if unpacked.len() >= MOST_UNPACKED {
            unpacked.pop_front();
        }
        unpacked.push_back(Unpacked { index, bytes: Arc::clone(&bytes), holes: holes.clone() });
        Ok((bytes, holes))
    }
}

impl<L: Layout> Medium for Blocks<L> {
    fn size(&self) -> u64 {
        self.layout.size()
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let asked = at..at.saturating_add(into.len() as u64);
        let (size, block) = (self.size(), self.layout.block().max(1));
        let mut holes = Ranges::one(at.max(size)..asked.end);
        into.fill(0);
        let mut next = at;
        while next < asked.end.min(size) {
            let index = next / block;
            let start = index.saturating_mul(block);
            let whole = start..start.saturating_add(block).min(size);
            let part = next..whole.end.min(asked.end);
            let inside = usize::try_from(part.start - at).unwrap_or(usize::MAX)
                ..usize::try_from(part.end - at).unwrap_or(usize::MAX);
            let target = into.get_mut(inside).unwrap_or_default();
            let skipped = part.start - whole.start;
            match self.layout.place(self.file.as_ref(), index)? {
                Place::Zeros => {}
                Place::Missing => holes.insert(part.clone()),
                Place::At(from) => {
                    let from = from.saturating_add(skipped);
                    let found = self.file.read(from, target)?;
                    let here = |position: u64| part.start.saturating_add(position.saturating_sub(from));
                    holes.extend(found.iter().map(|hole| here(hole.start)..here(hole.end)));
                }
                Place::Packed { at, length, how } => {
                    let wanted = usize::try_from(whole.end - whole.start).unwrap_or(usize::MAX);
                    let (bytes, found) = self.unpack(index, (at, length, how), wanted)?;
                    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                    let there = bytes.get(skipped..).unwrap_or_default();
                    let length = there.len().min(target.len());
                    let (front, _) = target.split_at_mut(length);
                    front.copy_from_slice(there.get(..length).unwrap_or_default());
                    let found = found.iter().map(|hole| whole.start + hole.start..whole.start.saturating_add(hole.end));
                    holes.extend(found.collect::<Ranges>().within(part.clone()).iter());
                }
            }
            next = part.end;
        }
        if let Some(unread) = self.layout.unread() {
            for hole in unread.within(asked.clone()).iter() {
                let inside = usize::try_from(hole.start - at).unwrap_or(usize::MAX)
                    ..usize::try_from(hole.end - at).unwrap_or(usize::MAX);
                into.get_mut(inside).unwrap_or_default().fill(0);
                holes.insert(hole);
            }
        }
        Ok(holes)
    }

    fn try_harder(&self, ranges: &Ranges) -> Result<(), MediumError> {
        let block = self.layout.block().max(1);
        let mut there = Ranges::new();
        let mut left = MOST_AT_ONCE;
        for range in ranges.iter().map(|range| range.start..range.end.min(self.size())) {
            let mut at = range.start;
            while at < range.end && left > 0 {
                left -= 1;
                let (index, skipped) = (at / block, at % block);
                let length = (block - skipped).min(range.end - at);
                match self.layout.place(self.file.as_ref(), index)? {
                    Place::Zeros | Place::Missing => {}
                    Place::At(from) => {
                        let from = from.saturating_add(skipped);
                        there.insert(from..from.saturating_add(length));
                    }
                    Place::Packed { at, length, .. } => there.insert(at..at.saturating_add(length)),
                }
                at = at.saturating_add(length);
            }
        }
        self.file.try_harder(&there)?;
        // What was unpacked with holes is unpacked again.
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        unpacked.retain(|one| one.holes.is_empty());
        Ok(())
    }

    fn can_try_harder(&self) -> bool {
        self.file.can_try_harder()
    }
}

/// Unpacks `wanted` bytes; none when the stream is damaged, or has fewer.
pub(super) fn inflate(packed: &[u8], zlib: bool, wanted: usize) -> Option<Vec<u8>> {
    // One more than fits, so that the checksum behind the last byte is reached.
    let mut bytes = vec![0; wanted.checked_add(1)?];
    let mut stream = Decompress::new(zlib);
    let status = stream.decompress(packed, &mut bytes, FlushDecompress::Finish).ok()?;
    let came = usize::try_from(stream.total_out()).ok()?;
    // A last block may be packed as long as the others.
    let whole = status == Status::StreamEnd || !zlib || came > wanted;
    bytes.truncate(wanted);
    (whole && came >= wanted).then_some(bytes)
}

/// Bytes with their Adler-32 behind them. Where a part of them is missing nothing can be checked, and the rest is believed; none when the
/// sum is wrong.
fn checked(mut bytes: Vec<u8>, holes: &Ranges, wanted: usize) -> Option<(Vec<u8>, Ranges)> {
    if holes.is_empty() {
        // A last block may be as long as the others.
        let is_right = |length: usize| {
            let sum = bytes.get(length..length.saturating_add(4)).and_then(|sum| sum.try_into().ok());
            sum.is_some_and(|sum| u32::from_le_bytes(sum) == adler32(bytes.get(..length).unwrap_or_default()))
        };
        let all = bytes.len().saturating_sub(4);
        if all < wanted || !(is_right(wanted) || is_right(all)) {
            return None;
        }
    }
    bytes.resize(wanted, 0);
    Some((bytes, holes.within(0..wanted as u64)))
}

/// RFC 1950, section 9.
pub(super) fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    // As many as can be added up before 32 bits are full.
    for chunk in bytes.chunks(5552) {
        for byte in chunk {
            low += u32::from(*byte);
            high += low;
        }
        low %= 65_521;
        high %= 65_521;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_rfc() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        assert_eq!(adler32(&vec![0xFF; 100_000]), {
            let (mut low, mut high) = (1_u64, 0_u64);
            for _ in 0..100_000 {
                low = (low + 255) % 65_521;
                high = (high + low) % 65_521;
            }
            u32::try_from(high << 16 | low).unwrap()
        });
    }
}
