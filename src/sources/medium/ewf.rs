//! `EnCase`'s evidence files, `.E01` and what follows it (as libewf's "Expert Witness Compression Format" describes them).
//!
//! A chunk whose checksum is wrong is a hole, and so is what could not be read when the image was made. Memory: a few numbers for
//! each table (of 16,000 chunks as a rule), and one table's entries.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::blocks::{Blocks, LARGEST, Layout, Packing, Place, Refusal, adler32};
use super::joined::{Joined, Piece};
use super::{Medium, MediumError, read_vec};
use crate::formats::numbers::{le32, le64};
use crate::model::Ranges;

/// Of one file.
const MOST_SECTIONS: usize = 100_000;

/// Of one table: `EnCase` writes 16,375, others up to 65,534.
const MOST_ENTRIES: u64 = 1 << 20;

/// Whether the file begins as the parts of such an image do.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(b"EVF\x09\x0D\x0A\xFF\x00")
}

/// The name's ending of the part after the `number`th, counted from 1: E01 to E99, EAA to EZZ, FAA and so on.
pub(super) fn ending(first: &str, number: u32) -> Option<String> {
    let letter = first.chars().next()?;
    if number <= 99 {
        return Some(format!("{letter}{number:02}"));
    }
    let base = if letter.is_ascii_uppercase() { b'A' } else { b'a' };
    let after = number - 100;
    let third = u8::try_from(after % 26).ok()?;
    let second = u8::try_from(after / 26 % 26).ok()?;
    let leading =
        u8::try_from(u32::from(u8::try_from(letter).ok()? - base) + after / 676).ok().filter(|at| *at < 26)?;
    Some([leading, second, third].iter().map(|digit| char::from(base + digit)).collect())
}

struct Ewf {
    size: u64,
    chunk: u64,
    sector: u64,
    tables: Vec<Table>,
    unread: Ranges,
    loaded: Mutex<Option<(usize, Arc<Vec<u32>>)>>,
}

#[derive(Default)]
struct Table {
    /// The chunks that it is about.
    chunks: Range<u64>,
    /// Where it stands, and where its copy does.
    copies: Vec<u64>,
    /// What its offsets are counted from.
    base: u64,
    /// Where its last chunk ends.
    end: u64,
}

/// The drive that the parts are the image of, given in their order.
pub(super) fn open(parts: Vec<Arc<dyn Medium>>) -> Result<Arc<dyn Medium>, Refusal> {
    let mut ewf =
        Ewf { size: 0, chunk: 0, sector: 512, tables: Vec::new(), unread: Ranges::new(), loaded: Mutex::default() };
    let mut begin = 0;
    for part in &parts {
        ewf.read_sections(part.as_ref(), begin)?;
        begin += part.size();
    }
    if ewf.chunk == 0 {
        return Err(Refusal::Damaged("what the image says of the drive is damaged"));
    }
    let joined = Joined::new(parts.into_iter().map(|part| (part.size(), Piece::Of(part, 0))));
    Ok(Arc::new(Blocks::new(Arc::new(joined), ewf)))
}

impl Ewf {
    /// Goes through the sections of a part that begins at `begin` in the whole. Ends where the chain does, or turns back.
    fn read_sections(&mut self, part: &dyn Medium, begin: u64) -> Result<(), Refusal> {
        let mut at = 13;
        let mut sectors_end = 0;
        for _ in 0..MOST_SECTIONS {
            let (head, holes) = read_vec(part, at, 76)?;
            let (Some(kind), Some(next), Some(length)) = (head.get(..16), le64(&head, 16), le64(&head, 24)) else {
                break;
            };
            if !holes.is_empty() || le32(&head, 72) != head.get(..72).map(adler32) {
                break;
            }
            let end = if length >= 76 { at.saturating_add(length) } else { next };
            let body = at + 76;
            match kind.split(|byte| *byte == 0).next().unwrap_or_default() {
                b"volume" | b"disk" | b"data" if self.chunk == 0 => self.read_volume(part, body)?,
                b"sectors" => sectors_end = end,
                // Where the chunks stand in the table's own section, they reach to its end.
                b"table" => self.read_table(part, body, begin, if sectors_end == 0 { end } else { sectors_end })?,
                b"table2" => {
                    if let Some(table) = self.tables.last_mut().filter(|table| table.copies.len() == 1) {
                        table.copies.push(begin.saturating_add(body));
                    }
                }
                b"error2" => self.read_errors(part, body)?,
                _ => {}
            }
            if next <= at {
                break;
            }
            at = next;
        }
        Ok(())
    }

    fn read_volume(&mut self, part: &dyn Medium, at: u64) -> Result<(), Refusal> {
        let (body, _) = read_vec(part, at, 24)?;
        let number = |at| le32(&body, at).map_or(0, u64::from);
        let (chunks, per_chunk, sector) = (number(4), number(8), number(12));
        let sectors = le64(&body, 16).unwrap_or(0);
        let chunk = per_chunk.checked_mul(sector).filter(|chunk| (512..=LARGEST).contains(chunk));
        let size = sectors.checked_mul(sector).filter(|size| *size <= 1 << 56);
        if let (Some(chunk), Some(size), true) = (chunk, size, (512..=1 << 16).contains(&sector)) {
            // Without a count of sectors that of the chunks is all there is.
            self.size = if size > 0 { size } else { chunks.saturating_mul(chunk) };
            self.chunk = chunk;
            self.sector = sector;
        }
        Ok(())
    }

    fn read_table(&mut self, part: &dyn Medium, at: u64, begin: u64, end: u64) -> Result<(), Refusal> {
        let (head, holes) = read_vec(part, at, 24)?;
        let count = le32(&head, 0).map_or(0, u64::from).min(MOST_ENTRIES);
        // Without its head the number of its chunks is not known, and nothing behind it has its place.
        if holes.is_empty() && count > 0 {
            let first = self.tables.last().map_or(0, |table| table.chunks.end);
            self.tables.push(Table {
                chunks: first..first.saturating_add(count),
                copies: vec![begin.saturating_add(at)],
                base: begin.saturating_add(le64(&head, 8).unwrap_or(0)),
                end: begin.saturating_add(end),
            });
        }
        Ok(())
    }

    fn read_errors(&mut self, part: &dyn Medium, at: u64) -> Result<(), Refusal> {
        let (head, _) = read_vec(part, at, 4)?;
        let count = le32(&head, 0).map_or(0, u64::from).min(MOST_ENTRIES);
        let (list, holes) = read_vec(part, at.saturating_add(520), usize::try_from(count * 8).unwrap_or(0))?;
        for (index, pair) in list.chunks_exact(8).enumerate() {
            let place = at.saturating_add(520).saturating_add(index as u64 * 8);
            if let (Some(first), Some(length), false) = (le32(pair, 0), le32(pair, 4), holes.meets(place..place + 8)) {
                let first = u64::from(first) * self.sector;
                self.unread.insert(first..first + u64::from(length) * self.sector);
            }
        }
        Ok(())
    }

    /// The entries of a table, and where the whole file has them; the copy's where the first is damaged.
    fn entries(&self, file: &dyn Medium, index: usize, table: &Table) -> Result<Arc<Vec<u32>>, MediumError> {
        let lock = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, entries)) = lock().as_ref().filter(|(loaded, _)| *loaded == index) {
            return Ok(Arc::clone(entries));
        }
        let count = usize::try_from(table.chunks.end - table.chunks.start).unwrap_or(0);
        let mut best = Vec::new();
        for copy in &table.copies {
            let (bytes, holes) = read_vec(file, copy.saturating_add(24), count * 4 + 4)?;
            let (entries, sum) = bytes.split_at(count * 4);
            let is_right = holes.is_empty() && le32(sum, 0) == Some(adler32(entries));
            if is_right || best.is_empty() {
                // Entries that are not sure point to chunks whose own checksums tell.
                best = entries.chunks_exact(4).map(|entry| le32(entry, 0).unwrap_or(0)).collect();
            }
            if is_right {
                break;
            }
        }
        let entries = Arc::new(best);
        *lock() = Some((index, Arc::clone(&entries)));
        Ok(entries)
    }
}

const IS_PACKED: u32 = 1 << 31;

impl Layout for Ewf {
    fn size(&self) -> u64 {
        self.size
    }

    fn block(&self) -> u64 {
        self.chunk
    }

    fn place(&self, file: &dyn Medium, index: u64) -> Result<Place, MediumError> {
        let at = self.tables.partition_point(|table| table.chunks.end <= index);
        let Some(table) = self.tables.get(at) else { return Ok(Place::Missing) };
        let entries = self.entries(file, at, table)?;
        let inside = usize::try_from(index - table.chunks.start).unwrap_or(usize::MAX);
        let Some(entry) = entries.get(inside) else { return Ok(Place::Missing) };
        let place = |entry: u32| table.base.saturating_add(u64::from(entry & !IS_PACKED));
        let start = place(*entry);
        let end = entries.get(inside.saturating_add(1)).map_or(table.end, |next| place(*next));
        let how = if entry & IS_PACKED != 0 { Packing::Zlib } else { Packing::Checked };
        Ok(match end.checked_sub(start) {
            Some(length) if length > 0 => Place::Packed { at: start, length, how },
            _ => Place::Missing,
        })
    }

    fn unread(&self) -> Option<&Ranges> {
        Some(&self.unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_as_encase_names_them() {
        let name = |number| ending("E01", number);
        assert_eq!(name(2).as_deref(), Some("E02"));
        assert_eq!(name(99).as_deref(), Some("E99"));
        assert_eq!(name(100).as_deref(), Some("EAA"));
        assert_eq!(name(775).as_deref(), Some("EZZ"));
        assert_eq!(name(776).as_deref(), Some("FAA"));
        assert_eq!(name(100 + 22 * 676), None);
        assert_eq!(ending("e01", 101).as_deref(), Some("eab"));
    }
}
