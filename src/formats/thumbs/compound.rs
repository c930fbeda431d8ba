//! Compound files, as Microsoft's OLE 2 made them (MS-CFB): a file system in a file. Enough of it to read the streams.

use crate::formats::numbers::{le16, le32};

const MAGIC: &[u8; 8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
const ENTRY: usize = 128;
const MINI_SECTOR: usize = 64;
/// Streams shorter than this lie in the root's stream, in small sectors (MS-CFB 2.6.1).
const CUTOFF: usize = 4096;
const HEADER: usize = 512;
/// Larger numbers of sectors are no sectors: end of chain, free, tables (MS-CFB 2.1).
const LAST_SECTOR: u32 = 0xFFFF_FFFA;
const STREAM: u8 = 2;
const ROOT: u8 = 5;

/// A compound file, its tables read.
pub(super) struct Compound<'a> {
    bytes: &'a [u8],
    sector: usize,
    /// For each sector, the next one of its chain.
    next: Vec<u32>,
    mini_next: Vec<u32>,
    mini: Vec<u8>,
    entries: Vec<Entry>,
    /// Bytes that may still be taken out: chains of a broken file may all lead through the same sectors.
    left: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    kind: u8,
    start: u32,
    size: usize,
}

impl<'a> Compound<'a> {
    /// Reads the tables; `None` when these bytes begin no compound file, or no directory of it can be found.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        bytes.strip_prefix(MAGIC)?;
        let sector = match le16(bytes, 30)? {
            9 => 512,
            12 => 4096,
            _ => return None,
        };
        let mut file = Self {
            bytes,
            sector,
            next: Vec::new(),
            mini_next: Vec::new(),
            mini: Vec::new(),
            entries: Vec::new(),
            left: bytes.len().saturating_mul(2),
        };
        for table in file.table_sectors() {
            let part = file.sector(table).unwrap_or_default();
            // A table that lies behind the end leaves a gap, so that the others keep their places.
            file.next.extend((0..sector / 4).map(|index| le32(part, index * 4).unwrap_or(u32::MAX)));
        }
        let directory = file.chain(le32(bytes, 48)?, usize::MAX);
        file.entries = directory.chunks_exact(ENTRY).filter_map(Entry::read).collect();
        let root = file.entries.iter().find(|entry| entry.kind == ROOT).cloned();
        if let Some(root) = root {
            let table = file.chain(le32(bytes, 60)?, usize::MAX);
            file.mini_next = table.as_chunks::<4>().0.iter().map(|next| u32::from_le_bytes(*next)).collect();
            file.mini = file.chain(root.start, root.size);
        }
        (!file.entries.is_empty()).then_some(file)
    }

    /// The names of all streams, with what takes them out, in the order of the directory.
    pub(super) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.entries.iter().enumerate().filter(|(_, entry)| entry.kind == STREAM);
        all.map(|(index, entry)| (index, entry.name.as_str()))
    }

    /// All bytes of a stream; fewer where its chain breaks off.
    pub(super) fn stream(&mut self, index: usize) -> Vec<u8> {
        let Some(Entry { start, size, .. }) = self.entries.get(index).cloned() else { return Vec::new() };
        if size >= CUTOFF { self.chain(start, size) } else { self.mini_chain(start, size) }
    }

    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(number).ok()?.checked_add(1)?.checked_mul(self.sector)?;
        // The last one may be cut.
        let end = start.checked_add(self.sector)?.min(self.bytes.len());
        self.bytes.get(start..end).filter(|sector| !sector.is_empty())
    }

    /// The sectors that hold the table of chains: 109 numbers in the header, more in sectors of their own.
    fn table_sectors(&self) -> Vec<u32> {
        let most = self.bytes.len() / self.sector + 1;
        let in_header = (76..HEADER).step_by(4).filter_map(|at| le32(self.bytes, at));
        let mut found: Vec<u32> = in_header.filter(|number| *number < LAST_SECTOR).collect();
        let mut more = le32(self.bytes, 68).unwrap_or(u32::MAX);
        for _ in 0..most {
            let Some(part) = self.sector(more) else { break };
            let last = self.sector - 4;
            found.extend((0..last).step_by(4).filter_map(|at| le32(part, at)).filter(|number| *number < LAST_SECTOR));
            more = le32(part, last).unwrap_or(u32::MAX);
            if found.len() > most {
                break;
            }
        }
        found.truncate(most);
        found
    }

    /// The bytes of a chain of sectors, at most `size`.
    fn chain(&mut self, start: u32, size: usize) -> Vec<u8> {
        let wanted = size.min(self.left).min(self.bytes.len());
        let mut found = Vec::new();
        let mut number = start;
        while found.len() < wanted {
            let Some(sector) = self.sector(number) else { break };
            found.extend_from_slice(sector);
            number = usize::try_from(number).ok().and_then(|at| self.next.get(at)).copied().unwrap_or(u32::MAX);
        }
        found.truncate(wanted);
        self.left -= found.len();
        found
    }

    fn mini_chain(&mut self, start: u32, size: usize) -> Vec<u8> {
        let wanted = size.min(self.left);
        let mut found = Vec::new();
        let mut number = usize::try_from(start).unwrap_or(usize::MAX);
        while found.len() < wanted {
            let at = number.saturating_mul(MINI_SECTOR);
            let part = self.mini.get(at..at.saturating_add(MINI_SECTOR).min(self.mini.len()));
            let Some(part) = part.filter(|part| !part.is_empty()) else { break };
            found.extend_from_slice(part);
            let next = self.mini_next.get(number).copied().unwrap_or(u32::MAX);
            number = usize::try_from(next).unwrap_or(usize::MAX);
        }
        found.truncate(wanted);
        self.left -= found.len();
        found
    }
}

impl Entry {
    /// MS-CFB 2.6.1; `None` for one that is free.
    fn read(bytes: &[u8]) -> Option<Self> {
        let &kind = bytes.get(66).filter(|kind| **kind != 0)?;
        let length = usize::from(le16(bytes, 64)?).min(64);
        // The upper half of the size is rubbish in some files of version 3.
        let size = usize::try_from(le32(bytes, 120)?).ok()?;
        Some(Self { name: utf16(bytes.get(..length)?), kind, start: le32(bytes, 116)?, size })
    }
}

/// Text of two bytes for each letter, up to its end mark.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let letters = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: Vec<u16> = letters.take_while(|letter| *letter != 0).collect();
    String::from_utf16_lossy(&text)
}
