//! XFS (versions 4 and 5), read without mounting. After the kernel's "XFS Algorithms & Data Structures".
//!
//! Where an inode lies follows from its number, so a folder that can be read finds its files whatever else is damaged;
//! the trees of inodes are asked only for files that no folder names. Free space stands in two trees: the second is
//! taken where the first has a bad block. The log is not replayed: it is only asked whether it holds anything.
//!
//! What bounds time and memory, whatever the headers say: allocation groups are counted by the size of the medium; a
//! tree may have no more blocks than the medium, nor be deeper than 9; the blocks of all folders and trees of extents
//! together may be no more than the medium has; of one group's inodes 16 bytes are held for each 64.

mod extents;
mod folder;
mod inode;
mod log;
mod superblock;
mod trees;
mod walk;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::model::Ranges;
use crate::sources::disk::chunks::Chunks;
use crate::sources::disk::ext::hyphenated;
use crate::sources::disk::file_system::{FileSystem, Met, Reading};
use crate::sources::medium::{Medium, MediumError};
use superblock::Superblock;

/// Opens an XFS file system; `None` where there is none.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, _reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let chunks = Chunks::new(medium);
    let found = superblock::find(&chunks)?;
    Ok(found.map(|superblock| Box::new(Xfs { chunks, superblock }) as Box<dyn FileSystem>))
}

struct Xfs {
    chunks: Chunks,
    superblock: Superblock,
}

impl FileSystem for Xfs {
    fn kind(&self) -> &'static str {
        "XFS"
    }

    fn label(&self) -> Option<String> {
        self.superblock.label.clone()
    }

    fn uuid(&self) -> Option<String> {
        Some(hyphenated(&self.superblock.uuid))
    }

    fn cluster_bytes(&self) -> u64 {
        self.superblock.block_bytes
    }

    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        walk::walk(self, meet)
    }

    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        trees::free(self)
    }
}
