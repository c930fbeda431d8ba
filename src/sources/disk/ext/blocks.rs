//! Where the content of an inode lies: a tree of extents (ext4), or lists of blocks up to three deep (ext2, ext3).
//!
//! Logical blocks in a tree only ever go up, so no node is taken twice; every node and list that is read takes one from
//! the budget of the walk, so that a million inodes cannot share one huge tree.

use std::ops::Range;

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::ext::Ext;
use crate::sources::disk::ext::inode::Inode;
use crate::sources::disk::layout::Layout;
use crate::sources::medium::MediumError;

const EXTENT_MAGIC: u16 = 0xF30A;
const DEEPEST: u16 = 5;

/// Blocks of metadata that may still be read.
#[derive(Debug)]
pub(super) struct Budget(pub(super) u64);

impl Budget {
    /// Takes some, where as many are left.
    pub(super) fn take(&mut self, blocks: u64) -> bool {
        let left = self.0.checked_sub(blocks);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

impl Ext {
    /// Where an inode's content lies, as far as that can be read.
    pub(super) fn layout(&self, inode: &Inode, budget: &mut Budget) -> Result<Mapped, MediumError> {
        let size = inode.size(self.superblock.has_large_folders());
        let layout = Layout::new(self.chunks.size());
        let mut map = Map { ext: self, budget, mapped: Mapped { layout, told_by: Vec::new() }, until: size };
        if inode.has_extents() {
            map.extents(inode.block_bytes(), None, 0, u64::from(u32::MAX) + 1)?;
        } else {
            map.lists(inode.block_bytes())?;
        }
        Ok(map.mapped)
    }
}

/// Where content lies.
pub(super) struct Mapped {
    pub(super) layout: Layout,
    /// The blocks that say so, as bytes.
    pub(super) told_by: Vec<Range<u64>>,
}

struct Map<'a> {
    ext: &'a Ext,
    budget: &'a mut Budget,
    mapped: Mapped,
    until: u64,
}

/// What a node of a tree says.
struct Node {
    depth: u16,
    entries: Vec<Entry>,
}

/// The logical block where it begins, how many there are (0 in an index), whether they were written, where they lie.
struct Entry {
    first: u64,
    blocks: u64,
    is_written: bool,
    at: u64,
}

impl Map<'_> {
    /// Takes in a node for the logical blocks `first..end`. What it cannot tell of them is lost.
    fn extents(&mut self, bytes: &[u8], depth: Option<u16>, first: u64, end: u64) -> Result<(), MediumError> {
        let node = parse_node(bytes).filter(|node| depth.is_none_or(|depth| node.depth == depth));
        let Some(node) = node else {
            self.lose_until(end);
            return Ok(());
        };
        let mut before = first;
        for (index, entry) in node.entries.iter().enumerate() {
            let next = node.entries.get(index + 1).map_or(end, |next| next.first.min(end));
            if entry.first < before || entry.first >= end || self.mapped.layout.is_full() {
                // Out of order: what lies from here to the end of the node is not known.
                break;
            }
            before = entry.first + entry.blocks.max(1);
            // Space may be kept behind the end of a file.
            let is_behind = self.bytes(entry.first) >= self.until;
            if !is_behind {
                self.mapped.layout.zeros_until(self.bytes(entry.first));
            }
            match node.depth {
                _ if is_behind => {}
                0 => self.extent(entry),
                deeper => {
                    let block = self.block(entry.at)?;
                    self.extents(&block, Some(deeper - 1), entry.first, next)?;
                }
            }
            if index + 1 == node.entries.len() {
                return Ok(());
            }
        }
        if !node.entries.is_empty() {
            self.lose_until(end);
        }
        Ok(())
    }

    fn extent(&mut self, entry: &Entry) {
        let length = self.bytes(entry.blocks);
        match self.place(entry.at, entry.blocks) {
            _ if !entry.is_written => self.mapped.layout.put(None, length),
            Some(at) => self.mapped.layout.put(Some(at), length),
            None => self.mapped.layout.lose(length),
        }
    }

    fn lists(&mut self, bytes: &[u8]) -> Result<(), MediumError> {
        for index in 0..15 {
            let at = u64::from(le32(bytes, index * 4).unwrap_or(0));
            self.list(at, u32::try_from(index.saturating_sub(11)).unwrap_or(0))?;
        }
        Ok(())
    }

    /// Takes in a block of content (`level` 0), or a block that lists such blocks.
    fn list(&mut self, at: u64, level: u32) -> Result<(), MediumError> {
        let numbers = self.ext.superblock.block_bytes / 4;
        let covers = self.bytes(numbers.saturating_pow(level));
        if self.mapped.layout.end() >= self.until {
            return Ok(());
        }
        match (at, level) {
            // Nothing of it was ever written.
            (0, _) => {
                let left = (self.until - self.mapped.layout.end()).checked_next_multiple_of(self.bytes(1));
                self.mapped.layout.put(None, covers.min(left.unwrap_or(u64::MAX)));
            }
            (_, 0) => match self.place(at, 1) {
                Some(at) => self.mapped.layout.put(Some(at), covers),
                None => self.mapped.layout.lose(covers),
            },
            _ => {
                let end = self.mapped.layout.end().saturating_add(covers);
                let block = self.block(at)?;
                if block.is_empty() {
                    self.lose_until(end / self.bytes(1));
                }
                for number in block.chunks_exact(4).filter_map(|number| le32(number, 0)) {
                    self.list(u64::from(number), level - 1)?;
                }
            }
        }
        Ok(())
    }

    /// A block of metadata; nothing where it cannot be read.
    fn block(&mut self, at: u64) -> Result<Vec<u8>, MediumError> {
        let length = usize::try_from(self.ext.superblock.block_bytes).unwrap_or(0);
        let Some(at) = self.place(at, 1).filter(|_| self.budget.take(1)) else { return Ok(Vec::new()) };
        self.mapped.told_by.push(at..at.saturating_add(self.ext.superblock.block_bytes));
        Ok(self.ext.chunks.read(at, length)?.whole().unwrap_or_default())
    }

    /// Where blocks of the volume lie, when it has them.
    fn place(&self, block: u64, blocks: u64) -> Option<u64> {
        let superblock = &self.ext.superblock;
        let end = block.checked_add(blocks)?;
        (block > 0 && end <= superblock.blocks).then(|| block.checked_mul(superblock.block_bytes))?
    }

    fn lose_until(&mut self, block: u64) {
        let end = self.bytes(block).min(self.until.checked_next_multiple_of(self.bytes(1)).unwrap_or(u64::MAX));
        self.mapped.layout.lose(end.saturating_sub(self.mapped.layout.end()));
    }

    fn bytes(&self, blocks: u64) -> u64 {
        blocks.saturating_mul(self.ext.superblock.block_bytes)
    }
}

fn parse_node(bytes: &[u8]) -> Option<Node> {
    let (magic, count, depth) = (le16(bytes, 0)?, le16(bytes, 2)?, le16(bytes, 6)?);
    let most = bytes.len() / 12 - 1;
    (magic == EXTENT_MAGIC && depth <= DEEPEST && usize::from(count) <= most).then_some(())?;
    let entries = bytes.chunks_exact(12).skip(1).take(usize::from(count));
    Some(Node { depth, entries: entries.filter_map(|entry| parse_entry(entry, depth == 0)).collect() })
}

fn parse_entry(entry: &[u8], is_leaf: bool) -> Option<Entry> {
    let first = u64::from(le32(entry, 0)?);
    if !is_leaf {
        let at = u64::from(le32(entry, 4)?) | u64::from(le16(entry, 8)?) << 32;
        return Some(Entry { first, blocks: 0, is_written: true, at });
    }
    let length = u64::from(le16(entry, 4)?);
    let is_written = length <= 1 << 15;
    let blocks = if is_written { length } else { length - (1 << 15) };
    let at = u64::from(le32(entry, 8)?) | u64::from(le16(entry, 6)?) << 32;
    Some(Entry { first, blocks, is_written, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ranges;
    use crate::sources::disk::chunks::Chunks;
    use crate::sources::disk::ext::superblock::Superblock;

    use std::sync::Arc;

    const EXTENTS: u32 = 0x8_0000;

    /// A volume of 64 blocks of 1 KiB, the first of which are as given.
    fn volume(blocks: &[(usize, Vec<u8>)], bad: Ranges) -> Ext {
        let mut bytes = vec![0; 64 << 10];
        let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
        let numbers =
            [(0x0, 32_u32), (0x4, 64), (0x14, 1), (0x20, 8192), (0x24, 8192), (0x28, 32), (0x4C, 1), (0x54, 11)];
        for (at, number) in numbers {
            put(1024 + at, &number.to_le_bytes());
        }
        put(1024 + 0x38, &[0x53, 0xEF]);
        put(1024 + 0x58, &[128, 0]);
        for (block, what) in blocks {
            put(block * 1024, what);
        }
        let superblock = Superblock::parse(&bytes[1024..2048]).expect("it is a superblock");
        Ext { chunks: Chunks::new(Arc::new((bytes, bad))), superblock }
    }

    fn inode(flags: u32, size: u32, content: &[u8]) -> Inode {
        let mut bytes = vec![0; 128];
        bytes[0..2].copy_from_slice(&0x81A4_u16.to_le_bytes());
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        bytes[0x20..0x24].copy_from_slice(&flags.to_le_bytes());
        bytes[0x28..0x28 + content.len()].copy_from_slice(content);
        Inode::parse(bytes).expect("it is an inode")
    }

    fn numbers(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// A node: its depth, and its entries as logical block, length, place.
    fn node(depth: u16, entries: &[(u32, u16, u32)]) -> Vec<u8> {
        let count = u16::try_from(entries.len()).unwrap_or(0);
        let mut node: Vec<u8> =
            [EXTENT_MAGIC, count, 4, depth, 0, 0].iter().flat_map(|number| number.to_le_bytes()).collect();
        for (first, length, at) in entries {
            node.extend(first.to_le_bytes());
            if depth == 0 {
                node.extend(length.to_le_bytes());
                node.extend([0, 0]);
                node.extend(at.to_le_bytes());
            } else {
                node.extend(at.to_le_bytes());
                node.extend([0; 4]);
            }
        }
        node
    }

    fn pieces(ext: &Ext, inode: &Inode) -> (Vec<(Option<u64>, u64)>, u64) {
        let Mapped { layout, .. } = ext.layout(inode, &mut Budget(1000)).expect("memory never goes");
        (
            layout.pieces().iter().map(|piece| (piece.at.map(|at| at / 1024), piece.length / 1024)).collect(),
            layout.lost() / 1024,
        )
    }

    #[test]
    fn lists_of_blocks_give_their_blocks_and_gaps() {
        let ext = volume(&[(40, numbers(&[22, 23, 0, 24]))], Ranges::new());
        let blocks = numbers(&[10, 11, 0, 0, 12, 13, 14, 15, 16, 17, 18, 19, 40]);
        let expected = vec![(Some(10), 2), (None, 2), (Some(12), 8), (Some(22), 2), (None, 1), (Some(24), 1)];
        assert_eq!(pieces(&ext, &inode(0, 16 << 10, &blocks)), (expected, 0));
    }

    #[test]
    fn a_list_that_cannot_be_read_loses_what_it_lists_and_no_more() {
        let ext = volume(&[(40, numbers(&[22, 23]))], Ranges::one(40_960..41_472));
        let blocks = numbers(&[10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 40]);
        assert_eq!(pieces(&ext, &inode(0, 14 << 10, &blocks)), (vec![(Some(10), 12), (Some(64), 2)], 2));
    }

    #[test]
    fn a_list_of_itself_ends() {
        let ext = volume(&[(40, numbers(&[40; 256]))], Ranges::new());
        let mut blocks = [0; 15];
        blocks[14] = 40;
        let (pieces, lost) = pieces(&ext, &inode(0, u32::MAX, &numbers(&blocks)));
        assert!(pieces.len() < 1 << 20 && lost > 0);
    }

    #[test]
    fn a_tree_gives_its_extents_and_what_was_never_written_is_zeros() {
        let leaf = node(0, &[(4, 2, 30), (6, (1 << 15) + 3, 35)]);
        let ext = volume(&[(40, leaf)], Ranges::new());
        let root = node(1, &[(0, 0, 40)]);
        assert_eq!(pieces(&ext, &inode(EXTENTS, 9 << 10, &root)), (vec![(None, 4), (Some(30), 2), (None, 3)], 0));
    }

    #[test]
    fn a_part_of_a_tree_that_cannot_be_read_is_lost_and_never_zeros() {
        let leaves = [(40, node(0, &[(0, 2, 20)])), (41, node(0, &[(2, 2, 25)])), (42, node(0, &[(4, 2, 30)]))];
        let ext = volume(&leaves, Ranges::one(41 << 10..42 << 10));
        let root = node(1, &[(0, 0, 40), (2, 0, 41), (4, 0, 42)]);
        assert_eq!(
            pieces(&ext, &inode(EXTENTS, 6 << 10, &root)),
            (vec![(Some(20), 2), (Some(64), 2), (Some(30), 2)], 2)
        );
    }

    #[test]
    fn a_tree_of_itself_ends() {
        let loops: Vec<(u32, u16, u32)> = (0..80).map(|index| (index, 0, 40)).collect();
        let ext = volume(&[(40, node(4, &loops))], Ranges::new());
        let (_, lost) = pieces(&ext, &inode(EXTENTS, 64 << 10, &node(5, &[(0, 0, 40)])));
        assert_eq!(lost, 64);
    }
}
