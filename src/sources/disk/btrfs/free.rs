//! Space that is nobody's: all of the drive but what the tree of extents names, and the superblocks.

use std::ops::{ControlFlow, Range};

use crate::model::Ranges;
use crate::sources::disk::btrfs::Btrfs;
use crate::sources::disk::btrfs::superblock::PLACES;
use crate::sources::disk::btrfs::tree::{Key, kind};
use crate::sources::medium::MediumError;

/// The tree of extents.
const EXTENTS: u64 = 2;
/// The first MiB is never used.
const RESERVED: u64 = 1 << 20;
/// Pieces in use that are held at most: 128 MiB of them.
const MOST_PIECES: usize = 8 << 20;

/// Free space; `None` where a part of the tree of extents cannot be read.
pub(super) fn free(btrfs: &Btrfs) -> Result<Option<Ranges>, MediumError> {
    let Some(tree) = btrfs.own_tree(EXTENTS)? else { return Ok(None) };
    let superblocks = PLACES.map(|place| place..place + (64 << 10));
    let mut used: Vec<Range<u64>> = std::iter::once(0..RESERVED).chain(superblocks).collect();
    let is_whole = btrfs.scan(tree, Key::FIRST..=Key::LAST, &mut |key, _| {
        let length = match key.kind {
            kind::USED => key.offset,
            kind::USED_NODE => btrfs.superblock.node_bytes,
            _ => return ControlFlow::Continue(()),
        };
        let Some(place) = btrfs.map.place(key.object) else { return ControlFlow::Continue(()) };
        for at in place.copies {
            let end = at.saturating_add(length.min(place.length));
            // Extents that follow each other are one piece, as long as one copy is told of at a time.
            match used.last_mut() {
                Some(last) if last.end == at => last.end = end,
                _ => used.push(at..end),
            }
        }
        if used.len() < MOST_PIECES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    // What was written since the earlier tables is in none of them.
    if !is_whole || !btrfs.is_map_whole || btrfs.superblock.is_earlier || used.len() >= MOST_PIECES {
        return Ok(None);
    }
    used.sort_by_key(|piece| piece.start);
    let used: Ranges = used.into_iter().collect();
    Ok(Some(used.complement(0..btrfs.superblock.drive_bytes.min(btrfs.chunks.size()))))
}
