//! Where the content of an inode lies: a list of pieces in the inode, or a tree of them.

use crate::formats::numbers::{be16, be64};
use crate::sources::disk::layout::Layout;
use crate::sources::disk::xfs::Xfs;
use crate::sources::disk::xfs::inode::{Fork, Inode};
use crate::sources::medium::MediumError;

const DEEPEST: u16 = 9;

/// Blocks of metadata that may still be read.
#[derive(Debug)]
pub(super) struct Budget(pub(super) u64);

impl Budget {
    /// Takes one, where one is left.
    pub(super) fn take(&mut self) -> bool {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

impl Xfs {
    /// Where the first `until` bytes of an inode's content lie, as far as that can be read.
    pub(super) fn layout(&self, inode: &Inode, until: u64, budget: &mut Budget) -> Result<Layout, MediumError> {
        let mut map = Map { xfs: self, budget, layout: Layout::new(self.chunks.size()), until };
        match inode.fork() {
            Fork::Extents(bytes, count) => map.records(bytes, count, 0, u64::MAX),
            Fork::Tree(bytes) => map.root(bytes)?,
            Fork::Local(_) | Fork::Unknown => map.lose_until(u64::MAX),
        }
        Ok(map.layout)
    }
}

struct Map<'a> {
    xfs: &'a Xfs,
    budget: &'a mut Budget,
    layout: Layout,
    until: u64,
}

impl Map<'_> {
    fn root(&mut self, bytes: &[u8]) -> Result<(), MediumError> {
        let level = be16(bytes, 0).filter(|level| (1..=DEEPEST).contains(level));
        let (Some(level), Some(count), Some(body)) = (level, be16(bytes, 2), bytes.get(4..)) else {
            self.lose_until(u64::MAX);
            return Ok(());
        };
        self.index(body, usize::from(count), level, 0, u64::MAX)
    }

    /// Takes in what an index says of the logical blocks `first..end`: keys, then as many pointers.
    fn index(&mut self, body: &[u8], count: usize, level: u16, first: u64, end: u64) -> Result<(), MediumError> {
        let most = body.len() / 16;
        let keys: Vec<u64> = body.chunks_exact(8).take(count.min(most)).filter_map(|key| be64(key, 0)).collect();
        let pointers = body.get(most * 8..).unwrap_or_default().chunks_exact(8);
        let mut before = first;
        for (index, (key, pointer)) in keys.iter().zip(pointers).enumerate() {
            if *key < before || *key >= end {
                break;
            }
            let next = keys.get(index + 1).map_or(end, |next| (*next).min(end));
            before = key.saturating_add(1);
            self.block(be64(pointer, 0).unwrap_or(0), level - 1, *key, next)?;
            if index + 1 == count {
                return Ok(());
            }
        }
        self.lose_until(end);
        Ok(())
    }

    fn block(&mut self, block: u64, level: u16, first: u64, end: u64) -> Result<(), MediumError> {
        // What lies behind the end is not asked for.
        if self.bytes(first) >= self.until {
            return Ok(());
        }
        self.layout.zeros_until(self.bytes(first));
        let superblock = &self.xfs.superblock;
        let length = usize::try_from(superblock.block_bytes).unwrap_or(0);
        let bytes = match superblock.place(block, 1).filter(|_| self.budget.take()) {
            Some(at) => self.xfs.chunks.read(at, length)?.whole(),
            None => None,
        };
        let magic: &[u8] = if superblock.is_version_5 { b"BMA3" } else { b"BMAP" };
        let bytes = bytes.filter(|bytes| bytes.get(..4) == Some(magic) && be16(bytes, 4) == Some(level));
        let header = if superblock.is_version_5 { 72 } else { 24 };
        let body = bytes.as_deref().and_then(|bytes| bytes.get(header..));
        match (body, bytes.as_deref().and_then(|bytes| be16(bytes, 6))) {
            (Some(body), Some(count)) if level == 0 => self.records(body, u64::from(count), first, end),
            (Some(body), Some(count)) => self.index(body, usize::from(count), level, first, end)?,
            _ => self.lose_until(end),
        }
        Ok(())
    }

    /// Takes in pieces: 1 bit whether it was never written, 54 of its logical block, 52 of its place, 21 of its length.
    fn records(&mut self, bytes: &[u8], count: u64, first: u64, end: u64) {
        let mut before = first;
        let there = (bytes.len() / 16) as u64;
        for record in bytes.chunks_exact(16).take(usize::try_from(count).unwrap_or(usize::MAX)) {
            let (high, low) = (be64(record, 0).unwrap_or(0), be64(record, 8).unwrap_or(0));
            let logical = high >> 9 & ((1 << 54) - 1);
            let (block, blocks) = ((high & 0x1FF) << 43 | low >> 21, low & 0x1F_FFFF);
            if logical < before || logical >= end || blocks == 0 || self.layout.is_full() {
                return self.lose_until(end);
            }
            before = logical + blocks;
            if self.bytes(logical) >= self.until {
                return;
            }
            self.layout.zeros_until(self.bytes(logical));
            let length = self.bytes(blocks);
            match self.xfs.superblock.place(block, blocks) {
                _ if high >> 63 == 1 => self.layout.put(None, length),
                Some(at) => self.layout.put(Some(at), length),
                None => self.layout.lose(length),
            }
        }
        if count > there {
            self.lose_until(end);
        }
    }

    fn lose_until(&mut self, block: u64) {
        let end = self.bytes(block).min(self.until.checked_next_multiple_of(self.bytes(1)).unwrap_or(u64::MAX));
        self.layout.lose(end.saturating_sub(self.layout.end()));
    }

    fn bytes(&self, blocks: u64) -> u64 {
        blocks.saturating_mul(self.xfs.superblock.block_bytes)
    }
}
