//! Every file of a volume: the named, those that lost their folder, then the deleted.

use std::ops::Range;

use crate::model::in_words::thousands;
use crate::model::{ProblemKind, Ranges};
use crate::sources::disk::ext::Ext;
use crate::sources::disk::ext::blocks::{Budget, Mapped};
use crate::sources::disk::ext::inode::{Inode, Is};
use crate::sources::disk::ext::names::{self, Shape};
use crate::sources::disk::ext::{deleted, inline};
use crate::sources::disk::file_system::{Content, Met};
use crate::sources::disk::inodes::{Found, Inodes, Listing, MOST_NAMES, Meet, Node, problem, walk as walk_inodes};
use crate::sources::medium::MediumError;

/// The folder at the top.
const TOP: u32 = 2;

/// Blocks of folders that are read at once.
const AT_ONCE: u64 = 64 << 10;

/// Meets every file.
pub(super) fn walk(ext: &Ext, meet: &mut Meet<'_>) -> Result<(), MediumError> {
    let superblock = &ext.superblock;
    if superblock.is_copy {
        let words = "its first superblock cannot be read: a copy was used, and every file is read as before";
        if meet(Met::Problem(problem(b"", ProblemKind::Damaged, words))).is_break() {
            return Ok(());
        }
    }
    if superblock.needs_recovery() {
        let words = "was not taken out cleanly: what was written in its last seconds stands in its journal only, \
                     which is not read, and may be missing or old here";
        if meet(Met::Problem(problem(b"", ProblemKind::Damaged, words))).is_break() {
            return Ok(());
        }
    }
    // Each block of metadata belongs to one file: a sound volume never uses it up.
    let budget = Budget(ext.chunks.size() / superblock.block_bytes + 4096);
    let mut reader = Walk { ext, budget, used: None };
    if walk_inodes(&mut reader, meet)?.is_break() {
        return Ok(());
    }
    deleted::walk(ext, &mut reader.budget, meet)
}

/// One walk, with what it may still read.
pub(super) struct Walk<'a> {
    ext: &'a Ext,
    budget: Budget,
    /// The bitmap of the inodes of the group that was last asked for.
    used: Option<(u64, UsedInodes)>,
}

/// Of a group of which nothing is known.
const NONE: &UsedInodes = &UsedInodes { bits: Vec::new(), ever: 0 };

/// Which inodes of a group are in use.
#[derive(Clone, Debug)]
pub(super) struct UsedInodes {
    /// A bit for each; all set where the bitmap cannot be read.
    bits: Vec<u8>,
    /// How many were ever in use, from the first one on.
    pub(super) ever: u32,
}

impl UsedInodes {
    pub(super) fn contains(&self, index: u32) -> bool {
        let byte = usize::try_from(index / 8).ok().and_then(|place| self.bits.get(place));
        index < self.ever && byte.is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }
}

impl Inodes for Walk<'_> {
    fn top(&self) -> u64 {
        u64::from(TOP)
    }

    fn node(&mut self, number: u64) -> Result<Node, MediumError> {
        let number = u32::try_from(number).unwrap_or(0);
        let Some(inode) = self.ext.inode(number)? else { return Ok(Node::Unreadable) };
        Ok(match inode.is() {
            _ if !inode.is_linked() => Node::Unused,
            Is::Folder | Is::File if inode.is_encrypted() => Node::Locked,
            Is::Folder => Node::Folder,
            Is::File => Node::File(self.file(&inode)?),
            Is::Other => Node::Other,
        })
    }

    fn list(&mut self, number: u64) -> Result<Listing, MediumError> {
        let inode = self.ext.inode(u32::try_from(number).unwrap_or(0))?;
        let Some(inode) = inode.filter(|inode| inode.is() == Is::Folder) else {
            let flaw = "the record of this folder cannot be read: what is in it is here by number, without names";
            return Ok(Listing { flaw: Some(flaw.to_owned()), ..Listing::default() });
        };
        self.folder(&inode)
    }

    fn next_in_use(&mut self, after: u64) -> Result<Option<u64>, MediumError> {
        let ext = self.ext;
        let superblock = &ext.superblock;
        let per_group = superblock.inodes_per_group;
        let groups = superblock.groups().min(u64::from(superblock.inodes.div_ceil(per_group)));
        // The file system's own come first.
        let mut number = u32::try_from(after).unwrap_or(u32::MAX).max(superblock.first_inode - 1);
        while let Some(next) = number.checked_add(1).filter(|next| *next <= superblock.inodes) {
            let (group, index) = (u64::from((next - 1) / per_group), (next - 1) % per_group);
            if group >= groups {
                break;
            }
            let own = superblock.own_inodes;
            let used = self.used_inodes(group)?;
            match (index..used.ever).find(|index| used.contains(*index)) {
                Some(found) => {
                    number = next - index + found;
                    if !own.contains(&number) {
                        return Ok(Some(u64::from(number)));
                    }
                }
                // The last of this group.
                None => number = (next - index).saturating_add(per_group - 1),
            }
        }
        Ok(None)
    }
}

impl Walk<'_> {
    fn file(&mut self, inode: &Inode) -> Result<Found, MediumError> {
        if inode.is_inline() {
            return Ok(self.inline_file(inode, inode.size(false)));
        }
        Ok(self.ext.file(inode, &mut self.budget)?.0)
    }

    fn inline_file(&self, inode: &Inode, size: u64) -> Found {
        let mut bytes = inode.block_bytes().to_vec();
        bytes.extend_from_slice(inline::attribute(inode));
        let room = self.ext.superblock.inode_bytes;
        let flaw =
            (size > room).then(|| format!("it says that {size} bytes of it are in its record, which has {room}"));
        let size = size.min(room);
        let length = usize::try_from(size).unwrap_or(0);
        let missing = Ranges::one(bytes.len() as u64..size);
        bytes.resize(length, 0);
        Found { size, modified_at: inode.modified_at(), content: Content::Inline(bytes, missing), flaw }
    }

    fn folder(&mut self, inode: &Inode) -> Result<Listing, MediumError> {
        let superblock = &self.ext.superblock;
        let shape = Shape { inodes: superblock.inodes, has_file_types: superblock.has_file_types() };
        if inode.is_inline() {
            return Ok(inline_folder(inode, shape));
        }
        let Mapped { layout, .. } = self.ext.layout(inode, &mut self.budget)?;
        let size = inode.size(superblock.has_large_folders());
        let block = superblock.block_bytes;
        let (mut listing, mut at, mut damaged) = (Listing::default(), 0, layout.out_of_reach(size).div_ceil(block));
        for piece in layout.pieces() {
            let end = piece.length.min(size.saturating_sub(at));
            at += piece.length;
            let Some(start) = piece.at.filter(|start| *start < self.ext.chunks.size()) else { continue };
            let mut done = 0;
            while done < end {
                let length = AT_ONCE.max(block).min((end - done).next_multiple_of(block));
                if listing.entries.len() > MOST_NAMES || !self.budget.take(length / block) {
                    damaged += (end - done).div_ceil(block);
                    break;
                }
                let bytes = self.ext.chunks.read(start + done, usize::try_from(length).unwrap_or(0))?;
                for (index, one) in bytes.bytes.chunks_exact(usize::try_from(block).unwrap_or(1024)).enumerate() {
                    let here = index as u64 * block;
                    let holes: Ranges = bytes
                        .holes
                        .within(here..here + block)
                        .iter()
                        .map(|hole| hole.start - here..hole.end - here)
                        .collect();
                    let names = names::read(one, &holes, shape);
                    listing.parent = listing.parent.or(names.parent);
                    listing.entries.extend(names.entries);
                    damaged += u64::from(names.is_damaged);
                }
                done += length;
            }
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

    fn used_inodes(&mut self, group: u64) -> Result<&UsedInodes, MediumError> {
        if self.used.as_ref().is_none_or(|(of, _)| *of != group) {
            let used = self.ext.read_used_inodes(group)?;
            self.used = Some((group, used));
        }
        Ok(self.used.as_ref().map_or(NONE, |(_, used)| used))
    }
}

fn inline_folder(inode: &Inode, shape: Shape) -> Listing {
    let first = inode.block_bytes();
    let parent = crate::formats::numbers::le32(first, 0).map(u64::from);
    let mut listing = Listing { parent, ..Listing::default() };
    for area in [first.get(4..).unwrap_or_default(), inline::attribute(inode)] {
        let names = names::read(area, &Ranges::new(), shape);
        listing.entries.extend(names.entries);
        if names.is_damaged {
            listing.flaw = Some("a part of this folder makes no sense".to_owned());
        }
    }
    listing
}

impl Ext {
    /// A file whose content is in blocks, and which blocks say where.
    pub(super) fn file(&self, inode: &Inode, budget: &mut Budget) -> Result<(Found, Vec<Range<u64>>), MediumError> {
        let (size, modified_at) = (inode.size(false), inode.modified_at());
        let Mapped { layout, told_by } = self.layout(inode, budget)?;
        // Of more blocks than a block has numbers, no file can be.
        let most = (u64::from(u32::MAX) + 1).saturating_mul(self.superblock.block_bytes);
        let (size, is_absurd) = if size > most { (layout.end(), true) } else { (size, false) };
        let flaw = match layout.lost().min(size) {
            _ if is_absurd => Some("its size makes no sense: it is taken to end with its last block".to_owned()),
            0 => None,
            lost => Some(format!(
                "where {} of its {} bytes lie cannot be read any more: they are missing",
                thousands(lost),
                thousands(size)
            )),
        };
        Ok((Found { size, modified_at, content: layout.content(size), flaw }, told_by))
    }

    /// Which inodes of a group are in use; all, where that cannot be read.
    pub(super) fn read_used_inodes(&self, group: u64) -> Result<UsedInodes, MediumError> {
        let superblock = &self.superblock;
        let per_group = superblock.inodes_per_group;
        let length = usize::try_from(per_group.div_ceil(8)).unwrap_or(0);
        let Some(found) = self.group(group)?.filter(|found| !found.has_no_inodes) else {
            return Ok(UsedInodes { bits: Vec::new(), ever: 0 });
        };
        let piece = self.chunks.read(found.inode_bitmap.saturating_mul(superblock.block_bytes), length)?;
        let mut bits = piece.bytes;
        // What cannot be read is looked at in the table itself.
        for hole in piece.holes.iter() {
            let (start, end) = (usize::try_from(hole.start).unwrap_or(0), usize::try_from(hole.end).unwrap_or(0));
            bits.get_mut(start..end).unwrap_or_default().fill(0xFF);
        }
        Ok(UsedInodes { bits, ever: per_group.saturating_sub(found.unused_inodes) })
    }
}
