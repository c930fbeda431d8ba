//! The superblock: what shape the volume has. It lies 1024 bytes behind the start, and in some groups again.

use crate::formats::numbers::{le16, le32};
use crate::sources::disk::chunks::Chunks;
use crate::sources::disk::signs::shows_another;
use crate::sources::medium::MediumError;

const SIZE: usize = 1024;
const MAGIC: u16 = 0xEF53;

/// Compatible features.
const HAS_JOURNAL: u32 = 0x4;
const SPARSE_SUPER_2: u32 = 0x200;
/// Incompatible features.
const FILE_TYPE: u32 = 0x2;
const RECOVER: u32 = 0x4;
const JOURNAL_DEVICE: u32 = 0x8;
const META_GROUPS: u32 = 0x10;
const WIDE: u32 = 0x80;
const LARGE_FOLDERS: u32 = 0x4000;
/// Features that a read-only mount may not know.
const SPARSE_SUPER: u32 = 0x1;
const LARGE_FILES: u32 = 0x2;
const FOLDER_TREES: u32 = 0x4;
const GROUP_CHECKSUMS: u32 = 0x10;
const BIG_CLUSTERS: u32 = 0x200;
const CHECKSUMS: u32 = 0x400;
const WAITING: u32 = 0x1_0000;

/// What a superblock says, all of it within bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Superblock {
    /// 1 KiB to 64 KiB.
    pub(super) block_bytes: u64,
    /// What a bit of a bitmap stands for; a block, save with `bigalloc`.
    pub(super) cluster_bytes: u64,
    /// The block where the first group begins.
    pub(super) first_block: u64,
    /// Blocks of the volume.
    pub(super) blocks: u64,
    /// Numbers of inodes end with this one.
    pub(super) inodes: u32,
    pub(super) blocks_per_group: u64,
    pub(super) inodes_per_group: u32,
    /// A power of two from 128 to a block.
    pub(super) inode_bytes: u64,
    /// The first inode that is not the file system's own.
    pub(super) first_inode: u32,
    /// The file system's own inodes above that: quotas, orphans.
    pub(super) own_inodes: [u32; 4],
    pub(super) uuid: [u8; 16],
    pub(super) label: Option<String>,
    /// Of a group descriptor: 32 to 1024.
    pub(super) descriptor_bytes: u64,
    /// In the folder of groups, blocks from here on lie in the groups that they describe.
    pub(super) first_meta_group: Option<u64>,
    /// Blocks behind the group descriptors that wait for more of them.
    pub(super) reserved_descriptor_blocks: u64,
    /// Whether it was read from a copy.
    pub(super) is_copy: bool,
    copies_in: Copies,
    /// Whether files wait for their deletion: without a name, but not yet deleted.
    pub(super) has_waiting: bool,
    compatible: u32,
    incompatible: u32,
    read_only: u32,
}

/// In which groups the superblock and the group descriptors stand again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Copies {
    Everywhere,
    /// 1, and the powers of 3, 5 and 7.
    Sparse,
    These([u32; 2]),
}

impl Superblock {
    /// Makes sense of 1024 bytes; `None` where they make none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        (le16(bytes, 0x38)? == MAGIC).then_some(())?;
        let (compatible, incompatible, read_only) = (le32(bytes, 0x5C)?, le32(bytes, 0x60)?, le32(bytes, 0x64)?);
        let is_old = le32(bytes, 0x4C)? == 0;
        let [compatible, incompatible, read_only] =
            [compatible, incompatible, read_only].map(|set| if is_old { 0 } else { set });
        let block_bytes = 1024_u64 << Some(le32(bytes, 0x18)?).filter(|log| *log <= 6)?;
        let has_clusters = read_only & BIG_CLUSTERS != 0;
        let cluster_log =
            if has_clusters { Some(le32(bytes, 0x1C)?).filter(|log| *log <= 20)? } else { le32(bytes, 0x18)? };
        let cluster_bytes = Some(1024_u64 << cluster_log).filter(|cluster| *cluster >= block_bytes)?;
        let high = if incompatible & WIDE == 0 { 0 } else { u64::from(le32(bytes, 0x150)?) };
        let blocks = u64::from(le32(bytes, 0x4)?) | high << 32;
        let first_block = u64::from(le32(bytes, 0x14)?);
        let blocks_per_group = u64::from(le32(bytes, 0x20)?);
        let inodes_per_group = le32(bytes, 0x28)?;
        let inode_bytes = if is_old { 128 } else { u64::from(le16(bytes, 0x58)?) };
        let descriptor_bytes = match incompatible & WIDE {
            0 => 32,
            _ => u64::from(le16(bytes, 0xFE)?),
        };
        let bits = block_bytes * 8;
        let makes_sense = blocks > first_block
            && first_block <= 1
            && (256..=bits.saturating_mul(cluster_bytes / block_bytes)).contains(&blocks_per_group)
            && blocks_per_group % 8 == 0
            && (1..=bits).contains(&u64::from(inodes_per_group))
            && inode_bytes.is_power_of_two()
            && (128..=block_bytes).contains(&inode_bytes)
            && descriptor_bytes.is_power_of_two()
            && (32..=1024).contains(&descriptor_bytes);
        let own = |at: usize, has: bool| if has { le32(bytes, at) } else { Some(0) };
        makes_sense.then_some(())?;
        Some(Self {
            block_bytes,
            cluster_bytes,
            first_block,
            blocks,
            inodes: le32(bytes, 0)?,
            blocks_per_group,
            inodes_per_group,
            inode_bytes,
            first_inode: if is_old { 11 } else { le32(bytes, 0x54)?.max(11) },
            own_inodes: [own(0x240, true)?, own(0x244, true)?, own(0x26C, true)?, own(0x280, true)?],
            uuid: bytes.get(0x68..0x78)?.try_into().ok()?,
            label: text(bytes.get(0x78..0x88)?),
            descriptor_bytes,
            first_meta_group: (incompatible & META_GROUPS != 0).then_some(u64::from(le32(bytes, 0x104)?)),
            reserved_descriptor_blocks: u64::from(le16(bytes, 0xCE)?),
            is_copy: false,
            copies_in: match (compatible & SPARSE_SUPER_2, read_only & SPARSE_SUPER) {
                (0, 0) => Copies::Everywhere,
                (0, _) => Copies::Sparse,
                _ => Copies::These([le32(bytes, 0x24C)?, le32(bytes, 0x250)?]),
            },
            has_waiting: le32(bytes, 0xE8)? != 0 || read_only & WAITING != 0,
            compatible,
            incompatible,
            read_only,
        })
        .filter(|found| found.incompatible & JOURNAL_DEVICE == 0)
    }

    /// As blkid tells them apart.
    pub(super) fn kind(&self) -> &'static str {
        let ext3_reads = FILE_TYPE | RECOVER | META_GROUPS;
        let ext3_skips = SPARSE_SUPER | LARGE_FILES | FOLDER_TREES;
        if self.incompatible & !ext3_reads != 0 || self.read_only & !ext3_skips != 0 {
            "ext4"
        } else if self.has_journal() {
            "ext3"
        } else {
            "ext2"
        }
    }

    pub(super) fn has_journal(&self) -> bool {
        self.compatible & HAS_JOURNAL != 0
    }

    /// Whether its newest changes stand in the journal only.
    pub(super) fn needs_recovery(&self) -> bool {
        self.incompatible & RECOVER != 0
    }

    pub(super) fn has_file_types(&self) -> bool {
        self.incompatible & FILE_TYPE != 0
    }

    pub(super) fn has_large_folders(&self) -> bool {
        self.incompatible & LARGE_FOLDERS != 0
    }

    /// Whether a group descriptor may say that parts of its group were never written.
    pub(super) fn has_unwritten_groups(&self) -> bool {
        self.read_only & (GROUP_CHECKSUMS | CHECKSUMS) != 0
    }

    pub(super) fn is_wide(&self) -> bool {
        self.incompatible & WIDE != 0
    }

    /// Groups of blocks.
    pub(super) fn groups(&self) -> u64 {
        (self.blocks - self.first_block).div_ceil(self.blocks_per_group)
    }

    /// The first block of a group.
    pub(super) fn group_start(&self, group: u64) -> u64 {
        self.first_block.saturating_add(group.saturating_mul(self.blocks_per_group))
    }

    /// Whether a group has a copy of the superblock.
    pub(super) fn has_copy(&self, group: u64) -> bool {
        let power_of = |base: u64| {
            let mut power = base;
            while power < group {
                power = power.saturating_mul(base);
            }
            power == group
        };
        group == 0
            || match self.copies_in {
                Copies::Everywhere => true,
                Copies::Sparse => group == 1 || [3, 5, 7].into_iter().any(power_of),
                Copies::These(groups) => groups.into_iter().any(|one| u64::from(one) == group),
            }
    }

    /// The first groups behind the first one that have a copy.
    pub(super) fn copies(&self) -> impl Iterator<Item = u64> + '_ {
        let (sparse, these) = match self.copies_in {
            Copies::Everywhere | Copies::Sparse => (&[1, 3, 5, 7, 9, 25, 27, 49][..], [0, 0]),
            Copies::These(groups) => (&[][..], groups),
        };
        let groups = sparse.iter().copied().chain(these.into_iter().map(u64::from));
        groups.filter(|group| *group != 0 && *group < self.groups())
    }
}

/// Looks in the usual place, and where that is unreadable or wiped, where mkfs puts the copies.
pub(super) fn find(chunks: &Chunks) -> Result<Option<Superblock>, MediumError> {
    let first = chunks.read(SIZE as u64, SIZE)?;
    // The second half has nothing that cannot be done without.
    let is_whole = !first.holes.meets(0..512);
    if let Some(found) = Superblock::parse(&first.bytes).filter(|_| is_whole) {
        return Ok(Some(found));
    }
    let is_blank = first.bytes.iter().all(|byte| *byte == 0);
    let is_ours = is_blank || !is_whole || le16(&first.bytes, 0x38) == Some(MAGIC);
    if !is_ours || shows_another(chunks, "ext")? {
        return Ok(None);
    }
    for block_bytes in [4096, 1024, 2048, 1 << 16] {
        let first_block = u64::from(block_bytes == 1024);
        for group in [1, 3, 5, 7, 9, 25, 27, 49] {
            let at = (group * block_bytes * 8 + first_block) * block_bytes;
            if at >= chunks.size() {
                break;
            }
            let copy = chunks.read(at, SIZE)?;
            let Some(bytes) = Some(copy).filter(|copy| !copy.holes.meets(0..512)).map(|copy| copy.bytes) else {
                continue;
            };
            let is_here =
                |found: &Superblock| found.block_bytes == block_bytes && found.group_start(group) * block_bytes == at;
            if le16(&bytes, 0x5A).is_some_and(|says| u64::from(says) == group)
                && let Some(found) = Superblock::parse(&bytes).filter(is_here)
            {
                return Ok(Some(Superblock { is_copy: true, ..found }));
            }
        }
    }
    Ok(None)
}

/// Text that ends with its first zero; none where it is empty.
pub(in crate::sources) fn text(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
