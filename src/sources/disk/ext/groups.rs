//! Group descriptors: where the bitmaps and the inodes of a group are. All of them stand together behind the
//! superblock, and behind each of its copies.

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::ext::Ext;
use crate::sources::medium::MediumError;

const INODES_UNWRITTEN: u16 = 0x1;
const BLOCKS_UNWRITTEN: u16 = 0x2;

/// Where the parts of a group are, as blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Group {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
    /// Whether the bitmap of inodes was never written, since none is in use.
    pub(super) has_no_inodes: bool,
    /// Whether the bitmap of blocks was never written, since none is in use but by the file system.
    pub(super) has_no_blocks: bool,
    /// Inodes at the end of the table that were never in use.
    pub(super) unused_inodes: u32,
}

impl Ext {
    /// A group's descriptor: the first, else the first copy, that can be read and makes sense.
    pub(super) fn group(&self, group: u64) -> Result<Option<Group>, MediumError> {
        let superblock = &self.superblock;
        let per_block = superblock.block_bytes / superblock.descriptor_bytes;
        let (index, within) = (group / per_block, group % per_block * superblock.descriptor_bytes);
        for (place, is_copy) in self.places(index, per_block) {
            let at = place.saturating_mul(superblock.block_bytes).saturating_add(within);
            let bytes = usize::try_from(superblock.descriptor_bytes).unwrap_or(32);
            let found = self.chunks.read(at, bytes)?.whole().and_then(|bytes| self.parse_group(&bytes, is_copy));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Where the block of descriptors number `index` stands, and whether what stands there is as old as the volume.
    fn places(&self, index: u64, per_block: u64) -> Vec<(u64, bool)> {
        let superblock = &self.superblock;
        // With blocks of 1 KiB the superblock has block 1, else it is within block 0.
        let own_block = u64::from(superblock.block_bytes == 1024);
        match superblock.first_meta_group {
            Some(first) if index >= first => {
                let start = index * per_block;
                let behind = |group: u64| match group {
                    0 => own_block + 1,
                    _ => superblock.group_start(group) + u64::from(superblock.has_copy(group)),
                };
                let groups = [start, start + 1, start + per_block - 1];
                groups
                    .into_iter()
                    .filter(|group| *group < superblock.groups())
                    .map(|group| (behind(group), group != start))
                    .collect()
            }
            _ => {
                let copies = superblock.copies().map(|group| (superblock.group_start(group) + 1 + index, true));
                std::iter::once((own_block + 1 + index, false)).chain(copies).collect()
            }
        }
    }

    fn parse_group(&self, bytes: &[u8], is_copy: bool) -> Option<Group> {
        let superblock = &self.superblock;
        let wide = |low: usize, high: usize| {
            let high = if superblock.is_wide() { le32(bytes, high).unwrap_or(0) } else { 0 };
            le32(bytes, low).map(|low| u64::from(low) | u64::from(high) << 32)
        };
        // Copies are written by mkfs and seldom after: what they say of use is not of today.
        let flags = if superblock.has_unwritten_groups() && !is_copy { le16(bytes, 0x12)? } else { 0 };
        let unused_high = if superblock.is_wide() { le16(bytes, 0x32).unwrap_or(0) } else { 0 };
        let unused = u32::from(le16(bytes, 0x1C)?) | u32::from(unused_high) << 16;
        let group = Group {
            block_bitmap: wide(0x0, 0x20)?,
            inode_bitmap: wide(0x4, 0x24)?,
            inode_table: wide(0x8, 0x28)?,
            has_no_inodes: flags & INODES_UNWRITTEN != 0,
            has_no_blocks: flags & BLOCKS_UNWRITTEN != 0,
            unused_inodes: if superblock.has_unwritten_groups() && !is_copy { unused } else { 0 },
        };
        let inside = superblock.first_block + 1..superblock.blocks;
        let table = group.inode_table..group.inode_table.checked_add(superblock.table_blocks())?;
        let makes_sense = inside.contains(&group.block_bitmap)
            && inside.contains(&group.inode_bitmap)
            && inside.contains(&table.start)
            && table.end <= inside.end
            && group.unused_inodes <= superblock.inodes_per_group;
        makes_sense.then_some(group)
    }
}

impl super::Superblock {
    /// Blocks of each table of inodes.
    pub(super) fn table_blocks(&self) -> u64 {
        (u64::from(self.inodes_per_group) * self.inode_bytes).div_ceil(self.block_bytes)
    }
}
