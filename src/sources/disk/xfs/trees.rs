//! The trees of an allocation group: of its inodes, and of its free space.

use crate::formats::numbers::{be16, be32, be64};
use crate::model::Ranges;
use crate::sources::disk::xfs::Xfs;
use crate::sources::medium::MediumError;

const DEEPEST: u16 = 9;

/// Pieces of free space at most: 128 MiB of them.
const MOST_PIECES: usize = 8 << 20;

/// A tree of short pointers.
#[derive(Clone, Copy, Debug)]
struct Tree {
    /// How its blocks begin in version 4 and 5.
    magic: [&'static [u8; 4]; 2],
    key_bytes: usize,
    record_bytes: usize,
}

const INODES: Tree = Tree { magic: [b"IABT", b"IAB3"], key_bytes: 4, record_bytes: 16 };
const FREE_BY_PLACE: Tree = Tree { magic: [b"ABTB", b"AB3B"], key_bytes: 8, record_bytes: 8 };
const FREE_BY_SIZE: Tree = Tree { magic: [b"ABTC", b"AB3C"], key_bytes: 8, record_bytes: 8 };

/// 64 inodes: the number of the first, and a bit for each that is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct InodeChunk {
    pub(super) first: u64,
    pub(super) used: u64,
}

/// What was found, and whether all of it could be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FoundIn<T> {
    pub(super) found: T,
    pub(super) is_whole: bool,
}

/// Free space by the trees of all groups.
pub(super) fn free(xfs: &Xfs) -> Result<Option<Ranges>, MediumError> {
    let superblock = &xfs.superblock;
    let (mut pieces, mut is_any_known) = (Vec::new(), false);
    for group in 0..superblock.groups_there(xfs.chunks.size()) {
        let Some(header) = xfs.header(group, 1, *b"XAGF")? else { continue };
        is_any_known = true;
        let mut take = |record: &[u8]| {
            let (first, count) = (u64::from(be32(record, 0)?), u64::from(be32(record, 4)?).max(1));
            superblock.place_in(group, first.checked_add(count - 1)?)?;
            let start = superblock.place_in(group, first)?;
            pieces.push(start..start.checked_add(count.checked_mul(superblock.block_bytes)?)?);
            Some(())
        };
        let root = |at: usize| (u64::from(be32(&header, at).unwrap_or(0)), be32(&header, at + 12).unwrap_or(0));
        if !xfs.tree(FREE_BY_PLACE, group, root(16), &mut take)? {
            xfs.tree(FREE_BY_SIZE, group, root(20), &mut take)?;
        }
        if pieces.len() > MOST_PIECES {
            return Ok(None);
        }
    }
    pieces.sort_by_key(|piece| piece.start);
    let free: Ranges = pieces.into_iter().collect();
    // Behind the end of the medium there is nothing to be searched.
    Ok(is_any_known.then(|| free.within(0..xfs.chunks.size())))
}

impl Xfs {
    /// The inodes of a group, as far as they can be read.
    pub(super) fn inodes_of(&self, group: u64) -> Result<FoundIn<Vec<InodeChunk>>, MediumError> {
        let superblock = &self.superblock;
        let mut found = Vec::new();
        let Some(header) = self.header(group, 2, *b"XAGI")? else { return Ok(FoundIn { found, is_whole: false }) };
        let root = (u64::from(be32(&header, 20).unwrap_or(0)), be32(&header, 24).unwrap_or(0));
        let most = superblock.group_blocks << superblock.inode_bits;
        let is_whole = self.tree(INODES, group, root, &mut |record| {
            let first = Some(u64::from(be32(record, 0)?)).filter(|first| *first < most)?;
            let used = !be64(record, 8)?;
            let first = group << (superblock.group_bits + superblock.inode_bits) | first;
            found.push(InodeChunk { first, used });
            Some(())
        })?;
        found.sort_by_key(|chunk| chunk.first);
        Ok(FoundIn { found, is_whole })
    }

    /// A sector at the start of a group.
    fn header(&self, group: u64, sector: u64, magic: [u8; 4]) -> Result<Option<Vec<u8>>, MediumError> {
        let Some(start) = self.superblock.place_in(group, 0) else { return Ok(None) };
        let at = start.saturating_add(sector * self.superblock.sector_bytes);
        Ok(self.chunks.read(at, 512)?.whole().filter(|bytes| bytes.get(..4) == Some(&magic)))
    }

    /// Takes all records of a tree; answers whether all of its blocks could be read and made sense.
    fn tree(
        &self,
        tree: Tree,
        group: u64,
        (root, levels): (u64, u32),
        take: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> Result<bool, MediumError> {
        let Some(level) =
            u16::try_from(levels).ok().and_then(|levels| levels.checked_sub(1)).filter(|level| *level < DEEPEST)
        else {
            return Ok(false);
        };
        let header = if self.superblock.is_version_5 { 56 } else { 16 };
        let length = usize::try_from(self.superblock.block_bytes).unwrap_or(0);
        let most_blocks = self.chunks.size() / self.superblock.block_bytes;
        let (mut waiting, mut is_whole, mut blocks) = (vec![(root, level)], true, 0);
        while let Some((block, level)) = waiting.pop() {
            blocks += 1;
            let Some(at) = self.superblock.place_in(group, block).filter(|_| blocks <= most_blocks) else {
                is_whole = false;
                continue;
            };
            let bytes = self.chunks.read(at, length)?.whole().filter(|bytes| {
                tree.magic.iter().any(|magic| bytes.get(..4) == Some(*magic)) && be16(bytes, 4) == Some(level)
            });
            let Some(bytes) = bytes else {
                is_whole = false;
                continue;
            };
            let (count, body) = (usize::from(be16(&bytes, 6).unwrap_or(0)), bytes.get(header..).unwrap_or_default());
            if level == 0 {
                let records = body.chunks_exact(tree.record_bytes).take(count);
                is_whole &= records.map(&mut *take).all(|taken| taken.is_some());
                continue;
            }
            let most = body.len() / (tree.key_bytes + 4);
            let pointers = body.get(most * tree.key_bytes..).unwrap_or_default().chunks_exact(4).take(count.min(most));
            let children = pointers.filter_map(|pointer| be32(pointer, 0)).map(|child| (u64::from(child), level - 1));
            waiting.extend(children.rev());
        }
        Ok(is_whole)
    }
}
