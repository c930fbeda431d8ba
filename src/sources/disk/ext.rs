//! ext2, ext3 and ext4, read without mounting. After the Linux kernel's `Documentation/filesystems/ext4`.
//!
//! The superblock and each group descriptor have copies: the first that can be read and makes sense is taken. A bad
//! inode costs one file, a bad block of a folder the names in it; the files are then met by number under `[orphan]`.
//! The journal is not replayed.
//!
//! What bounds time and memory, whatever the headers say: no table is held, only 4 MiB of chunks; groups are counted by
//! the size of the medium; the blocks of all folders, extent trees and indirect blocks together may be no more than the
//! medium has (`walk::Walk`); each folder is entered once; a file has at most 4 million pieces.

mod blocks;
mod deleted;
mod free;
mod groups;
mod inline;
mod inode;
mod names;
mod superblock;
mod walk;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::model::Ranges;
use crate::sources::disk::chunks::Chunks;
use crate::sources::disk::file_system::{FileSystem, Met, Reading};
use crate::sources::medium::{Medium, MediumError};
use superblock::Superblock;

pub(in crate::sources) use superblock::text;

/// Opens an ext2, ext3 or ext4 file system; `None` where there is none.
///
/// A volume whose first superblock cannot be read, or is wiped, is recognised by one of its copies.
///
/// # Errors
/// Only what ends the whole run.
pub fn open(medium: Arc<dyn Medium>, _reading: &Reading) -> Result<Option<Box<dyn FileSystem>>, MediumError> {
    let chunks = Chunks::new(medium);
    let found = superblock::find(&chunks)?;
    Ok(found.map(|superblock| Box::new(Ext { chunks, superblock }) as Box<dyn FileSystem>))
}

struct Ext {
    chunks: Chunks,
    superblock: Superblock,
}

impl FileSystem for Ext {
    fn kind(&self) -> &'static str {
        self.superblock.kind()
    }

    fn label(&self) -> Option<String> {
        self.superblock.label.clone()
    }

    fn uuid(&self) -> Option<String> {
        Some(hyphenated(&self.superblock.uuid)).filter(|uuid| uuid.bytes().any(|digit| !matches!(digit, b'0' | b'-')))
    }

    fn cluster_bytes(&self) -> u64 {
        self.superblock.cluster_bytes
    }

    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        walk::walk(self, meet)
    }

    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        free::free(self)
    }
}

/// A UUID as it is written: `8-4-4-4-12`, lower case.
pub(in crate::sources) fn hyphenated(uuid: &[u8; 16]) -> String {
    let digits = data_encoding::HEXLOWER.encode(uuid);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}
