//! Deleted files whose inodes still say where they lay, as ext2 leaves them, and files that lost their last name but were
//! open when the drive was taken out. With a journal, what was deleted is wiped from its inode at once.

use std::ops::Range;

use crate::model::{Ranges, RawPath};
use crate::sources::disk::ext::blocks::Budget;
use crate::sources::disk::ext::inode::{Inode, Is};
use crate::sources::disk::ext::{Ext, free};
use crate::sources::disk::file_system::{Content, Met, Standing};
use crate::sources::disk::inodes::Meet;
use crate::sources::medium::MediumError;

/// Meets every deleted file of which something is left.
pub(super) fn walk(ext: &Ext, budget: &mut Budget, meet: &mut Meet<'_>) -> Result<(), MediumError> {
    let superblock = &ext.superblock;
    let (is_wiped, is_any_waiting) = (superblock.has_journal(), superblock.has_waiting);
    if is_wiped && !is_any_waiting {
        return Ok(());
    }
    let groups = superblock.groups().min(u64::from(superblock.inodes.div_ceil(superblock.inodes_per_group)));
    let mut free = None;
    for group in 0..groups {
        let used = ext.read_used_inodes(group)?;
        for index in 0..used.ever {
            let is_used = used.contains(index);
            if if is_used { !is_any_waiting } else { is_wiped } {
                continue;
            }
            let number =
                u32::try_from(group).unwrap_or(0).saturating_mul(superblock.inodes_per_group).saturating_add(index + 1);
            let is_own = number < superblock.first_inode || superblock.own_inodes.contains(&number);
            let inode = if is_own { None } else { ext.inode(number)? };
            let Some(inode) = inode.filter(|inode| is_left(inode, is_used)) else { continue };
            let (found, told_by) = ext.file(&inode, budget)?;
            let Content::Extents(pieces) = &found.content else { continue };
            if pieces.iter().all(|piece| piece.at.is_none()) {
                continue;
            }
            if free.is_none() {
                free = Some(free::free(ext)?);
            }
            let owned = pieces.iter().filter_map(|piece| piece.at.map(|at| at..at.saturating_add(piece.length)));
            let standing = match free.as_ref().and_then(Option::as_ref) {
                _ if is_used => Standing::Deleted,
                Some(free) if owned.chain(told_by).all(|one| is_free(one, free)) => Standing::Deleted,
                Some(_) => Standing::DeletedReused,
                None => Standing::DeletedAssumed,
            };
            let path = RawPath::from_bytes(format!("[deleted]/inode-{number}").into_bytes());
            if meet(Met::File(found.at(path, u64::from(number), standing))).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether an inode is of a file without a name whose content may still be there.
fn is_left(inode: &Inode, is_used: bool) -> bool {
    inode.is() == Is::File
        && !inode.is_linked()
        && (is_used || inode.is_deleted())
        && !inode.is_encrypted()
        && !inode.is_inline()
        && inode.size(false) > 0
}

/// What told where the content lies must not have been taken either: then it tells of something else.
fn is_free(range: Range<u64>, free: &Ranges) -> bool {
    free.within(range.clone()).bytes() == range.end - range.start
}
