//! Apple's disk images ("UDIF", as its tools and those of others write them; Apple has not published the format): a list of chunks,
//! plain, zero, or packed with zlib. Chunks packed in other ways are holes.
//!
//! Memory: forty bytes for each chunk (of 256 KiB or more as a rule), at most two million of them; eight unpacked chunks.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;

use super::blocks::{LARGEST, Refusal, inflate};
use super::{Medium, MediumError, read_vec};
use crate::formats::numbers::{be32, be64};
use crate::model::Ranges;

const SECTOR: u64 = 512;

/// The list of chunks as text, of two million chunks.
const LONGEST_LIST: u64 = 128 << 20;

const MOST_CHUNKS: usize = 2_000_000;

const MOST_UNPACKED: usize = 8;

struct Dmg {
    file: Arc<dyn Medium>,
    size: u64,
    /// By where they lie on the drive; they do not overlap.
    chunks: Vec<Chunk>,
    unpacked: Mutex<VecDeque<(u64, Arc<Vec<u8>>)>>,
}

#[derive(Clone)]
struct Chunk {
    range: Range<u64>,
    is: Content,
}

#[derive(Clone, Copy)]
enum Content {
    Zeros,
    At(u64),
    Zlib {
        at: u64,
        length: u64,
    },
    /// Packed in a way that is not read.
    Unread,
}

/// Whether these are the last 512 bytes of such an image.
pub(super) fn is_trailer(sector: &[u8]) -> bool {
    sector.starts_with(b"koly\0\0\0\x04")
}

/// The drive that it is the image of, and what of it cannot be read, in words.
pub(super) fn open(file: Arc<dyn Medium>) -> Result<(Arc<dyn Medium>, Option<String>), Refusal> {
    let damaged = || Refusal::Damaged("the list of what the image holds, at its end, is damaged");
    let (trailer, holes) = read_vec(file.as_ref(), file.size().saturating_sub(512), 512)?;
    if !holes.is_empty() || !is_trailer(&trailer) {
        return Err(damaged());
    }
    let long = |at| be64(&trailer, at).ok_or_else(damaged);
    if be32(&trailer, 60).is_some_and(|parts| parts > 1) {
        return Err(Refusal::Unsupported("it is one of several parts: join them with `hdiutil convert` first"));
    }
    let (data_at, list_at, list_length) = (long(24)?, long(216)?, long(224)?);
    if list_length == 0 || list_length > LONGEST_LIST.min(file.size()) {
        return Err(damaged());
    }
    let (list, holes) = read_vec(file.as_ref(), list_at, usize::try_from(list_length).unwrap_or(0))?;
    if !holes.is_empty() {
        return Err(damaged());
    }
    let list = String::from_utf8_lossy(&list);
    let mut chunks = Vec::new();
    for table in tables(&list) {
        read_table(&table, data_at, &mut chunks);
    }
    chunks.sort_by_key(|chunk| chunk.range.start);
    // Where two say something of the same place, the first one counts.
    let mut end = 0;
    chunks.retain(|chunk| {
        let follows = chunk.range.start >= end;
        end = if follows { chunk.range.end } else { end };
        follows
    });
    let size = long(492)?.checked_mul(SECTOR).filter(|size| *size <= 1 << 56).ok_or_else(damaged)?.max(end);
    if chunks.is_empty() {
        return Err(damaged());
    }
    let unread: u64 = chunks.iter().filter(|chunk| matches!(chunk.is, Content::Unread)).map(Chunk::length).sum();
    let note = (unread > 0).then(|| {
        format!("{unread} bytes of the image are packed in a way that is not read: `hdiutil convert -format UDTO` or `dmg2img` makes a plain image of it")
    });
    Ok((Arc::new(Dmg { file, size, chunks, unpacked: Mutex::default() }), note))
}

/// The tables in the list: a property list names them `blkx`, and has them as text.
fn tables(list: &str) -> impl Iterator<Item = Vec<u8>> + '_ {
    let block = list.split_once("<key>blkx</key>").map_or("", |(_, rest)| rest);
    let block = block.split("</array>").next().unwrap_or_default();
    block.split("<data>").skip(1).filter_map(|data| {
        let text: Vec<u8> = data.split("</data>").next()?.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64.decode(&text).ok()
    })
}

fn read_table(table: &[u8], data_at: u64, chunks: &mut Vec<Chunk>) {
    if !table.starts_with(b"mish") {
        return;
    }
    let (Some(first), Some(offset)) = (be64(table, 8), be64(table, 24)) else { return };
    for entry in table.get(204..).unwrap_or_default().chunks_exact(40) {
        let number = |at| be64(entry, at).unwrap_or(0);
        let start = first.saturating_add(number(8)).saturating_mul(SECTOR);
        let range = start..start.saturating_add(number(16).saturating_mul(SECTOR));
        let at = data_at.saturating_add(offset).saturating_add(number(24));
        let is = match be32(entry, 0) {
            Some(0 | 2) => Content::Zeros,
            Some(1) => Content::At(at),
            Some(0x8000_0005) if range.end - range.start <= LARGEST => Content::Zlib { at, length: number(32) },
            // A remark, and the end.
            Some(0x7FFF_FFFE | 0xFFFF_FFFF) | None => continue,
            Some(_) => Content::Unread,
        };
        if !range.is_empty() && range.end <= 1 << 56 && chunks.len() < MOST_CHUNKS {
            chunks.push(Chunk { range, is });
        }
    }
}

impl Chunk {
    fn length(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl Dmg {
    fn unpack(&self, chunk: &Chunk, at: u64, length: u64) -> Result<Option<Arc<Vec<u8>>>, MediumError> {
        let lock = || self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = lock().iter().find(|(start, _)| *start == chunk.range.start) {
            return Ok(Some(Arc::clone(bytes)));
        }
        let length = usize::try_from(length.min(LARGEST + (LARGEST >> 3))).unwrap_or(0);
        let (packed, holes) = read_vec(self.file.as_ref(), at, length)?;
        let wanted = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        let Some(bytes) = inflate(&packed, true, wanted).filter(|_| holes.is_empty()) else { return Ok(None) };
        let bytes = Arc::new(bytes);
        let mut unpacked = lock();
        if unpacked.len() >= MOST_UNPACKED {
            unpacked.pop_front();
        }
        unpacked.push_back((chunk.range.start, Arc::clone(&bytes)));
        Ok(Some(bytes))
    }

    /// Fills `into` with the bytes at `at`, all of them in one chunk.
    fn read_chunk(&self, chunk: &Chunk, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let skipped = at - chunk.range.start;
        let all = at..at.saturating_add(into.len() as u64);
        match chunk.is {
            Content::Zeros => Ok(Ranges::new()),
            Content::Unread => Ok(Ranges::one(all)),
            Content::At(from) => {
                let from = from.saturating_add(skipped);
                let holes = self.file.read(from, into)?;
                let here = |position: u64| at.saturating_add(position.saturating_sub(from));
                Ok(holes.iter().map(|hole| here(hole.start)..here(hole.end)).collect())
            }
            Content::Zlib { at: from, length } => {
                let Some(bytes) = self.unpack(chunk, from, length)? else { return Ok(Ranges::one(all)) };
                let there = bytes.get(usize::try_from(skipped).unwrap_or(usize::MAX)..).unwrap_or_default();
                let length = there.len().min(into.len());
                let (front, _) = into.split_at_mut(length);
                front.copy_from_slice(there.get(..length).unwrap_or_default());
                Ok(Ranges::new())
            }
        }
    }
}

impl Medium for Dmg {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        let end = at.saturating_add(into.len() as u64);
        into.fill(0);
        // What no chunk speaks of is not known.
        let mut holes = Ranges::one(at..end);
        let first = self.chunks.partition_point(|chunk| chunk.range.end <= at);
        let met = self.chunks.get(first..).unwrap_or_default().iter();
        for chunk in met.take_while(|chunk| chunk.range.start < end) {
            let part = chunk.range.start.max(at)..chunk.range.end.min(end);
            let inside = usize::try_from(part.start - at).unwrap_or(usize::MAX)
                ..usize::try_from(part.end - at).unwrap_or(usize::MAX);
            let found = self.read_chunk(chunk, part.start, into.get_mut(inside).unwrap_or_default())?;
            holes.remove(part);
            holes.extend(found.iter());
        }
        Ok(holes)
    }
}
