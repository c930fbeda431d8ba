//! Btrfs on one drive, read without mounting. After the kernel's `include/uapi/linux/btrfs_tree.h` and the Btrfs wiki's
//! on-disk format.
//!
//! Of a block that lies twice (DUP), or whose twin lies on another drive (RAID1), the copy that can be read and is the
//! one that was asked for is taken. What is striped over several drives, and what is compressed, is a problem by name.
//! The log is not replayed.
//!
//! What bounds time and memory, whatever the headers say: a child must begin with the key that its parent gives, and
//! keys only go up, so that no node is read twice in one search; trees are at most 8 deep; at most a million chunks are
//! held, and 65,536 subvolumes.

mod files;
mod free;
mod map;
mod superblock;
mod tree;
mod walk;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::formats::numbers::Order;
use crate::model::Ranges;
use crate::sources::disk::chunks::Chunks;
use crate::sources::disk::ext::hyphenated;
use crate::sources::disk::file_system::{FileSystem, Met, Reading};
use crate::sources::medium::{Medium, MediumError};
use map::Map;
use superblock::{Earlier, Superblock};

/// Opens a Btrfs file system; `None` where there is none.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, _reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let chunks = Chunks::new(medium);
    let Some(superblock) = superblock::find(&chunks)? else { return Ok(None) };
    let mut btrfs = Btrfs { chunks, map: Map::of_system(&superblock), superblock, is_map_whole: true };
    btrfs.find_trees()?;
    Ok(Some(Box::new(btrfs)))
}

struct Btrfs {
    chunks: Chunks,
    superblock: Superblock,
    map: Map,
    /// Whether all of the tree that says where things lie could be read.
    is_map_whole: bool,
}

impl Btrfs {
    /// Reads where things lie. Where the newest trees cannot be read, those of the change before are still there as a
    /// rule: nothing is overwritten in place.
    fn find_trees(&mut self) -> Result<(), MediumError> {
        self.read_map()?;
        let newest = (self.superblock.roots, self.superblock.chunks);
        for Earlier { roots, chunks, files: _ } in self.superblock.earlier.clone() {
            if self.can_read(self.superblock.roots)? {
                return Ok(());
            }
            (self.superblock.roots, self.superblock.chunks) = (roots, chunks);
            self.superblock.is_earlier = (roots, chunks) != newest;
            self.map = Map::of_system(&self.superblock);
            self.read_map()?;
        }
        if !self.can_read(self.superblock.roots)? {
            (self.superblock.roots, self.superblock.chunks) = newest;
            self.superblock.is_earlier = false;
            self.map = Map::of_system(&self.superblock);
            self.read_map()?;
        }
        Ok(())
    }
}

impl FileSystem for Btrfs {
    fn kind(&self) -> &'static str {
        "Btrfs"
    }

    fn label(&self) -> Option<String> {
        self.superblock.label.clone()
    }

    fn uuid(&self) -> Option<String> {
        Some(hyphenated(&self.superblock.uuid))
    }

    fn cluster_bytes(&self) -> u64 {
        self.superblock.sector_bytes
    }

    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        walk::walk(self, meet)
    }

    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        free::free(self)
    }
}

/// Reads eight bytes, least significant first.
fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Order::Little.number(bytes.get(at..at.checked_add(8)?)?)
}
