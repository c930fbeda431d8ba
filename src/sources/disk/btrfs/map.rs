//! Where the addresses of a volume lie on its drive: chunks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::formats::numbers::le16;
use crate::sources::disk::btrfs::superblock::Superblock;
use crate::sources::disk::btrfs::tree::{Key, kind};
use crate::sources::disk::btrfs::{Btrfs, le64};
use crate::sources::medium::MediumError;

/// Chunks that are held at most; they are a GiB each as a rule.
const MOST: usize = 1 << 20;

/// RAID0, RAID10, RAID5 and RAID6: neighbours lie on several drives.
const STRIPED: u64 = 0x8 | 0x40 | 0x80 | 0x100;

/// Chunks by the address where they begin.
#[derive(Clone, Default, Debug)]
pub(super) struct Map(BTreeMap<u64, Chunk>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Chunk {
    length: u64,
    /// Where its copies begin on this drive; none where it is striped, or on other drives.
    copies: Vec<u64>,
}

/// Addresses in one chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Where the copies lie on this drive.
    pub(super) copies: Vec<u64>,
    /// How many bytes lie in one piece.
    pub(super) length: u64,
}

impl Map {
    /// What the superblock knows: where the tree of chunks lies.
    pub(super) fn of_system(superblock: &Superblock) -> Self {
        let mut map = Self::default();
        let mut rest = superblock.system_chunks.as_slice();
        while let Some((key, item)) = Key::parse(rest).zip(rest.get(17..)) {
            let Some(length) = map.add(&key, item, superblock) else { break };
            rest = item.get(length..).unwrap_or_default();
        }
        map
    }

    /// Takes in a chunk; answers how many bytes its item has.
    fn add(&mut self, key: &Key, item: &[u8], superblock: &Superblock) -> Option<usize> {
        let (length, flags, stripes) = (le64(item, 0)?, le64(item, 24)?, usize::from(le16(item, 44)?));
        let all = item.get(48..48 + stripes * 32)?.chunks_exact(32);
        (key.kind == kind::CHUNK && length > 0 && self.0.len() < MOST).then_some(())?;
        key.offset.checked_add(length)?;
        let here = all.filter(|stripe| le64(stripe, 0) == Some(superblock.drive) && flags & STRIPED == 0);
        let copies = here.filter_map(|stripe| le64(stripe, 8)).filter(|at| at.checked_add(length).is_some());
        self.0.insert(key.offset, Chunk { length, copies: copies.collect() });
        Some(48 + stripes * 32)
    }

    /// Where an address lies, and how much follows it there; `None` where nothing is known of it.
    pub(super) fn place(&self, address: u64) -> Option<Place> {
        let (start, chunk) = self.0.range(..=address).next_back()?;
        let within = address - start;
        let length = chunk.length.checked_sub(within).filter(|length| *length > 0)?;
        let copies = chunk.copies.iter().filter_map(|at| at.checked_add(within)).collect();
        Some(Place { copies, length })
    }

    /// Whether parts of the volume lie where this drive alone does not tell.
    pub(super) fn has_strangers(&self) -> bool {
        self.0.values().any(|chunk| chunk.copies.is_empty())
    }
}

impl Btrfs {
    /// Reads the tree of chunks, by the little that the superblock knows of it.
    pub(super) fn read_map(&mut self) -> Result<(), MediumError> {
        let mut found = self.map.clone();
        let superblock = &self.superblock;
        let is_whole = self.scan(superblock.chunks, Key::FIRST..=Key::LAST, &mut |key, item| {
            if key.kind == kind::CHUNK {
                found.add(&key, item, superblock);
            }
            ControlFlow::Continue(())
        })?;
        self.map = found;
        self.is_map_whole = is_whole;
        Ok(())
    }
}
