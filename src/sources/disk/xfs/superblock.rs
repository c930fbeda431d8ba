//! The superblock, which stands at the start of each allocation group.

use crate::formats::numbers::{be16, be32, be64};
use crate::sources::disk::chunks::Chunks;
use crate::sources::disk::ext::text;
use crate::sources::disk::signs::shows_another;
use crate::sources::medium::MediumError;

const SIZE: usize = 512;

/// In `features_incompat` of version 5.
const FILE_TYPES: u32 = 0x1;
/// In `features2` of version 4.
const FILE_TYPES_4: u32 = 0x200;

/// What a superblock says, all of it within bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Superblock {
    /// A power of two from 512 to 64 KiB.
    pub(super) block_bytes: u64,
    pub(super) blocks: u64,
    /// Blocks of an allocation group; the last may have fewer.
    pub(super) group_blocks: u64,
    pub(super) groups: u64,
    /// Bits of a block number that count within its group.
    pub(super) group_bits: u32,
    pub(super) sector_bytes: u64,
    pub(super) inode_bytes: u64,
    /// Bits of an inode number that count within its block.
    pub(super) inode_bits: u32,
    /// Of a block of a folder.
    pub(super) folder_block_bytes: u64,
    pub(super) top: u64,
    /// The first block of the log, and how many it has; none where it lies on another drive.
    pub(super) log: Option<(u64, u64)>,
    /// Inodes of the file system itself: bitmaps of the realtime part, quotas.
    pub(super) own_inodes: [u64; 5],
    pub(super) is_version_5: bool,
    pub(super) has_file_types: bool,
    pub(super) uuid: [u8; 16],
    pub(super) label: Option<String>,
    /// Whether it was read from another group than the first.
    pub(super) is_copy: bool,
}

impl Superblock {
    /// Makes sense of its bytes; `None` where they make none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.get(..4)? == b"XFSB").then_some(())?;
        let log = |at: usize, most: u8| bytes.get(at).copied().filter(|log| *log <= most).map(u32::from);
        let (block_log, sector_log, inode_log) = (log(120, 16)?, log(121, 15)?, log(122, 11)?);
        let (inode_bits, group_bits, folder_log) = (log(123, 8)?, log(124, 31)?, log(192, 7)?);
        let block_bytes = 1_u64 << block_log;
        let (blocks, group_blocks, groups) =
            (be64(bytes, 8)?, u64::from(be32(bytes, 84)?), u64::from(be32(bytes, 88)?));
        let version = be16(bytes, 100)?;
        let is_version_5 = version & 0xF == 5;
        let makes_sense = (9..=16).contains(&block_log)
            && u64::from(be32(bytes, 4)?) == block_bytes
            && (9..=15).contains(&sector_log)
            && (8..=11).contains(&inode_log)
            && inode_log + inode_bits == block_log
            && (4..=5).contains(&(version & 0xF))
            // A group is no smaller than 64 blocks, and its number of bits fits it.
            && group_blocks >= 64
            && group_blocks <= 1 << group_bits
            && group_bits + inode_bits <= 40
            && groups > 0
            && blocks > (groups - 1) * group_blocks
            && blocks <= groups * group_blocks
            && block_log + folder_log <= 16;
        makes_sense.then_some(())?;
        let has_file_types =
            if is_version_5 { be32(bytes, 216)? & FILE_TYPES != 0 } else { be32(bytes, 200)? & FILE_TYPES_4 != 0 };
        let project_quotas = if is_version_5 { be64(bytes, 232)? } else { u64::MAX };
        Some(Self {
            block_bytes,
            blocks,
            group_blocks,
            groups,
            group_bits,
            sector_bytes: 1 << sector_log,
            inode_bytes: 1 << inode_log,
            inode_bits,
            folder_block_bytes: block_bytes << folder_log,
            top: be64(bytes, 56)?,
            log: Some((be64(bytes, 48)?, u64::from(be32(bytes, 96)?)))
                .filter(|(first, blocks)| *first > 0 && *blocks > 0),
            own_inodes: [be64(bytes, 64)?, be64(bytes, 72)?, be64(bytes, 160)?, be64(bytes, 168)?, project_quotas],
            is_version_5,
            has_file_types,
            uuid: bytes.get(32..48)?.try_into().ok()?,
            label: text(bytes.get(108..120)?),
            is_copy: false,
        })
    }

    /// Where a block lies, counted as within its group; `None` outside the volume.
    pub(super) fn place_in(&self, group: u64, block: u64) -> Option<u64> {
        let number = group.checked_mul(self.group_blocks)?.checked_add(block)?;
        (group < self.groups && block < self.group_blocks && number < self.blocks)
            .then(|| number.checked_mul(self.block_bytes))?
    }

    /// Where blocks lie whose number holds their group in its upper bits.
    pub(super) fn place(&self, block: u64, count: u64) -> Option<u64> {
        let (group, within) = (block >> self.group_bits, block & ((1 << self.group_bits) - 1));
        self.place_in(group, within.checked_add(count.max(1) - 1)?)?;
        self.place_in(group, within)
    }

    /// Where an inode lies.
    pub(super) fn place_of_inode(&self, number: u64) -> Option<u64> {
        let at = self.place(number >> self.inode_bits, 1)?;
        at.checked_add((number & ((1 << self.inode_bits) - 1)) * self.inode_bytes)
    }

    /// Groups that begin on the medium.
    pub(super) fn groups_there(&self, medium_bytes: u64) -> u64 {
        self.groups.min(medium_bytes.div_ceil(self.group_blocks * self.block_bytes))
    }
}

/// Looks at the start, and where that is unreadable or wiped, where mkfs puts the second group: at a fourth of the
/// volume, or at another even part.
pub(super) fn find(chunks: &Chunks) -> Result<Option<Superblock>, MediumError> {
    let first = chunks.read(0, SIZE)?;
    let is_whole = first.holes.is_empty();
    if let Some(found) = Superblock::parse(&first.bytes).filter(|_| is_whole) {
        return Ok(Some(found));
    }
    let is_ours = !is_whole || first.bytes.iter().all(|byte| *byte == 0) || first.bytes.starts_with(b"XFSB");
    if !is_ours || shows_another(chunks, "XFS")? {
        return Ok(None);
    }
    for block_bytes in [4096, 1024, 512] {
        let blocks = chunks.size() / block_bytes;
        for parts in [4, 2, 8, 16, 32, 1] {
            for group_blocks in [blocks / parts, blocks.div_ceil(parts)] {
                let at = group_blocks * block_bytes;
                if let Some(bytes) = chunks.read(at, SIZE)?.whole().filter(|_| at > 0)
                    && let Some(found) = Superblock::parse(&bytes)
                    && found.group_blocks * found.block_bytes == at
                {
                    return Ok(Some(Superblock { is_copy: true, ..found }));
                }
            }
        }
    }
    Ok(None)
}
