//! Every file of a volume: the named, then those that lost their folder.

use std::ops::ControlFlow;

use crate::model::in_words::thousands;
use crate::model::{ProblemKind, Ranges};
use crate::sources::disk::chunks::Piece;
use crate::sources::disk::file_system::{Content, Extent, Met};
use crate::sources::disk::inodes::{Found, Inodes, Listing, MOST_NAMES, Meet, Node, problem, walk as walk_inodes};
use crate::sources::disk::xfs::Xfs;
use crate::sources::disk::xfs::extents::Budget;
use crate::sources::disk::xfs::folder::{self, Names};
use crate::sources::disk::xfs::inode::{Fork, Inode, Record};
use crate::sources::disk::xfs::trees::InodeChunk;
use crate::sources::medium::MediumError;

/// Names of a folder lie in front of this byte, its indexes behind it.
const END_OF_NAMES: u64 = 32 << 30;

/// Meets every file.
pub(super) fn walk(xfs: &Xfs, meet: &mut Meet<'_>) -> Result<(), MediumError> {
    if xfs.superblock.is_copy {
        let words = "its first superblock cannot be read: a copy was used, and every file is read as before";
        if meet(Met::Problem(problem(b"", ProblemKind::Damaged, words))).is_break() {
            return Ok(());
        }
    }
    if xfs.was_unmounted()? == Some(false) {
        let words = "was not taken out cleanly: what was written in its last seconds stands in its log only, \
                     which is not read, and may be missing or old here";
        if meet(Met::Problem(problem(b"", ProblemKind::Damaged, words))).is_break() {
            return Ok(());
        }
    }
    let budget = Budget(xfs.chunks.size() / xfs.superblock.block_bytes + 4096);
    let mut reader = Walk { xfs, budget, group: None, unlisted: 0 };
    if walk_inodes(&mut reader, meet)?.is_break() || reader.unlisted == 0 {
        return Ok(());
    }
    let words = "the lists of its files cannot all be read: those that are in no readable folder cannot be looked for";
    match meet(Met::Problem(problem(b"", ProblemKind::Unreadable, words))) {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => Ok(()),
    }
}

struct Walk<'a> {
    xfs: &'a Xfs,
    budget: Budget,
    /// The inodes of the group that was last asked for.
    group: Option<(u64, Vec<InodeChunk>)>,
    /// Groups whose inodes cannot all be listed.
    unlisted: u64,
}

impl Inodes for Walk<'_> {
    fn top(&self) -> u64 {
        self.xfs.superblock.top
    }

    fn node(&mut self, number: u64) -> Result<Node, MediumError> {
        let inode = match self.xfs.inode(number)? {
            Record::Inode(inode) => inode,
            Record::None => return Ok(Node::Unused),
            Record::Unreadable => return Ok(Node::Unreadable),
        };
        Ok(match () {
            () if !inode.is_linked() => Node::Unused,
            () if inode.is_folder() => Node::Folder,
            () if inode.is_file() => Node::File(self.file(&inode)?),
            () => Node::Other,
        })
    }

    fn list(&mut self, number: u64) -> Result<Listing, MediumError> {
        let Record::Inode(inode) = self.xfs.inode(number)? else {
            let flaw = "the record of this folder cannot be read: what is in it is here by number, without names";
            return Ok(Listing { flaw: Some(flaw.to_owned()), ..Listing::default() });
        };
        if let Fork::Local(bytes) = inode.fork() {
            let names = folder::read_short(bytes, self.xfs.superblock.has_file_types);
            let flaw = names.is_damaged.then(|| "a part of this folder makes no sense".to_owned());
            return Ok(Listing { entries: names.entries, parent: names.parent, flaw });
        }
        self.blocks_of_names(&inode)
    }

    fn next_in_use(&mut self, after: u64) -> Result<Option<u64>, MediumError> {
        let xfs = self.xfs;
        let superblock = &xfs.superblock;
        let bits = superblock.group_bits + superblock.inode_bits;
        let Some(mut next) = after.checked_add(1) else { return Ok(None) };
        while next >> bits < superblock.groups_there(xfs.chunks.size()) {
            let group = next >> bits;
            let chunks = self.inodes_of(group)?;
            let first = chunks.partition_point(|chunk| chunk.first.saturating_add(64) <= next);
            let used = chunks
                .get(first..)
                .unwrap_or_default()
                .iter()
                .flat_map(|chunk| (0..64).filter(|bit| chunk.used >> bit & 1 == 1).map(|bit| chunk.first + bit));
            let is_own = |number: &u64| superblock.own_inodes.contains(number);
            if let Some(found) = used.filter(|number| *number >= next).find(|number| !is_own(number)) {
                return Ok(Some(found));
            }
            next = (group + 1) << bits;
        }
        Ok(None)
    }
}

impl Walk<'_> {
    fn inodes_of(&mut self, group: u64) -> Result<&[InodeChunk], MediumError> {
        if self.group.as_ref().is_none_or(|(of, _)| *of != group) {
            let chunks = self.xfs.inodes_of(group)?;
            self.unlisted += u64::from(!chunks.is_whole);
            self.group = Some((group, chunks.found));
        }
        Ok(self.group.as_ref().map_or(&[], |(_, chunks)| chunks.as_slice()))
    }

    fn file(&mut self, inode: &Inode) -> Result<Found, MediumError> {
        // The largest file that XFS can hold.
        let size = inode.size().min((1 << 63) - 1);
        let modified_at = inode.modified_at();
        if let Fork::Local(bytes) = inode.fork() {
            let length = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len());
            let content = Content::Inline(bytes.get(..length).unwrap_or_default().to_vec(), Ranges::new());
            return Ok(Found { size: length as u64, modified_at, content, flaw: None });
        }
        if inode.is_realtime() {
            let flaw = Some("its content lies on a second drive, the realtime part of this volume".to_owned());
            return Ok(Found { size, modified_at, content: Content::Extents(Vec::new()), flaw });
        }
        let layout = self.xfs.layout(inode, size, &mut self.budget)?;
        let flaw = match layout.lost().min(size) {
            0 => None,
            lost => Some(format!(
                "where {} of its {} bytes lie cannot be read any more: they are missing",
                thousands(lost),
                thousands(size)
            )),
        };
        Ok(Found { size, modified_at, content: layout.content(size), flaw })
    }

    fn blocks_of_names(&mut self, inode: &Inode) -> Result<Listing, MediumError> {
        let superblock = &self.xfs.superblock;
        let size = inode.size().min(END_OF_NAMES);
        let layout = self.xfs.layout(inode, size, &mut self.budget)?;
        let block = superblock.folder_block_bytes;
        let (mut listing, mut damaged) = (Listing::default(), layout.out_of_reach(size).div_ceil(block));
        let mut blocks =
            Blocks { pieces: layout.pieces(), at: 0, within: 0, block, medium_bytes: self.xfs.chunks.size() };
        while let Some((start, pieces)) = blocks.next_one() {
            if start >= size || listing.entries.len() > MOST_NAMES || !self.budget.take() {
                damaged += (size.saturating_sub(start)).div_ceil(block);
                break;
            }
            let bytes = self.read_pieces(&pieces)?;
            let Names { entries, parent, is_damaged } =
                folder::read_block(&bytes.bytes, &bytes.holes, superblock.has_file_types);
            listing.entries.extend(entries);
            listing.parent = listing.parent.or(parent);
            damaged += u64::from(is_damaged);
        }
        if damaged > 0 {
            let of = size.div_ceil(block);
            listing.flaw = Some(format!(
                "{damaged} of {of} blocks of this folder cannot be read whole: files whose names are lost \
                 are here by number"
            ));
        }
        Ok(listing)
    }

    fn read_pieces(&self, pieces: &[Extent]) -> Result<Piece, MediumError> {
        let mut all = Piece::default();
        for piece in pieces {
            let length = usize::try_from(piece.length).unwrap_or(0);
            let before = all.bytes.len() as u64;
            match piece.at {
                Some(at) => {
                    let read = self.xfs.chunks.read(at, length)?;
                    all.bytes.extend(read.bytes);
                    all.holes.extend(read.holes.iter().map(|hole| hole.start + before..hole.end + before));
                }
                None => all.bytes.resize(all.bytes.len() + length, 0),
            }
        }
        Ok(all)
    }
}

/// The blocks of a folder that have a place, one after the other, with where their pieces lie: a block may be in several,
/// where it is larger than those of the volume.
struct Blocks<'a> {
    pieces: &'a [Extent],
    /// The first byte of the first piece.
    at: u64,
    /// Bytes of the first piece that are done.
    within: u64,
    block: u64,
    medium_bytes: u64,
}

impl Blocks<'_> {
    fn next_one(&mut self) -> Option<(u64, Vec<Extent>)> {
        let (mut block, mut parts) = (None, Vec::new());
        while let Some((piece, rest)) = self.pieces.split_first() {
            let here = self.at.saturating_add(self.within);
            let start = here - here % self.block;
            let length = (start.saturating_add(self.block) - here).min(piece.length.saturating_sub(self.within));
            if let Some(at) = piece.at.filter(|at| length > 0 && *at < self.medium_bytes) {
                if *block.get_or_insert(start) != start {
                    break;
                }
                parts.push(Extent { at: Some(at.saturating_add(self.within)), length });
                self.within += length;
            } else {
                // It is done, or a gap, which is passed at once.
                self.at = self.at.saturating_add(piece.length);
                (self.pieces, self.within) = (rest, 0);
            }
        }
        block.map(|block| (block, parts))
    }
}
