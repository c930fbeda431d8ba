//! Space that is nobody's, by the bitmaps of blocks.

use std::ops::Range;

use crate::model::Ranges;
use crate::sources::disk::ext::Ext;
use crate::sources::disk::ext::groups::Group;
use crate::sources::medium::MediumError;

/// Pieces at most (128 MiB of them). A bitmap that is noise, shared by all groups, would make more.
const MOST_PIECES: usize = 8 << 20;

/// Free space. What lies in groups whose descriptor or bitmap cannot be read does not count as free.
pub(super) fn free(ext: &Ext) -> Result<Option<Ranges>, MediumError> {
    let superblock = &ext.superblock;
    let mut free = Ranges::new();
    let mut own = Vec::new();
    let mut is_any_known = false;
    // Behind the end of the medium there is nothing to be searched.
    let there = superblock.blocks.min(ext.chunks.size().div_ceil(superblock.block_bytes));
    let groups = there.saturating_sub(superblock.first_block).div_ceil(superblock.blocks_per_group);
    for number in 0..groups {
        own.extend(ext.copies_in_group(number));
        let Some(group) = ext.group(number)? else { continue };
        is_any_known = true;
        own.extend(ext.parts(&group));
        let start = superblock.group_start(number) * superblock.block_bytes;
        let end = superblock.group_start(number + 1).min(there) * superblock.block_bytes;
        if group.has_no_blocks {
            free.insert(start..end);
        } else {
            ext.bitmap(&group, start..end, &mut free)?;
        }
        if free.len() > MOST_PIECES {
            return Ok(None);
        }
    }
    // Sorted, so that each is found at the end of the last.
    own.sort_by_key(|range| range.start);
    for range in own {
        free.remove(range);
    }
    Ok(is_any_known.then(|| free.within(0..ext.chunks.size())))
}

impl Ext {
    /// The bitmaps and inodes of a group, as bytes.
    fn parts(&self, group: &Group) -> [Range<u64>; 3] {
        let blocks =
            [(group.block_bitmap, 1), (group.inode_bitmap, 1), (group.inode_table, self.superblock.table_blocks())];
        blocks.map(|(first, count)| self.bytes(first..first.saturating_add(count)))
    }

    /// Superblock and group descriptors in a group, with the blocks that are kept for more of them.
    fn copies_in_group(&self, group: u64) -> Option<Range<u64>> {
        let superblock = &self.superblock;
        let per_block = superblock.block_bytes / superblock.descriptor_bytes;
        let (first, has_copy) = (superblock.group_start(group), superblock.has_copy(group));
        let blocks = superblock.groups().div_ceil(per_block).min(superblock.first_meta_group.unwrap_or(u64::MAX));
        let in_meta_group = superblock.first_meta_group.is_some_and(|first| group / per_block >= first);
        let descriptors = match (in_meta_group, has_copy) {
            (true, _) => u64::from([0, 1, per_block - 1].contains(&(group % per_block))),
            (false, true) => blocks + superblock.reserved_descriptor_blocks,
            (false, false) => 0,
        };
        let count = u64::from(has_copy) + descriptors;
        (count > 0).then(|| self.bytes(first..first.saturating_add(count)))
    }

    fn bitmap(&self, group: &Group, part: Range<u64>, free: &mut Ranges) -> Result<(), MediumError> {
        let superblock = &self.superblock;
        let cluster = superblock.cluster_bytes;
        let bits = (part.end - part.start).div_ceil(cluster);
        let length = usize::try_from(bits.div_ceil(8)).unwrap_or(0);
        let piece = self.chunks.read(group.block_bitmap.saturating_mul(superblock.block_bytes), length)?;
        let mut run: Option<u64> = None;
        for bit in 0..bits {
            let place = bit / 8;
            let byte = usize::try_from(place).ok().and_then(|place| piece.bytes.get(place)).copied().unwrap_or(0xFF);
            let is_free = byte >> (bit % 8) & 1 == 0 && !(byte == 0 && piece.holes.contains(place));
            match (run, is_free) {
                (None, true) => run = Some(bit),
                (Some(from), false) => {
                    free.insert(part.start + from * cluster..part.start + bit * cluster);
                    run = None;
                }
                (None, false) | (Some(_), true) => {}
            }
        }
        if let Some(from) = run {
            free.insert(part.start + from * cluster..part.end);
        }
        Ok(())
    }

    fn bytes(&self, blocks: Range<u64>) -> Range<u64> {
        let size = self.superblock.block_bytes;
        blocks.start.saturating_mul(size)..blocks.end.saturating_mul(size)
    }
}
