//! A drive or an image of one, read without mounting it: partitions, file systems, deleted files, free space.
//!
//! The order is that of a rescue from a dying medium: what tells where files are, then photos by worth and along the
//! medium, then the space that nobody owns, and last, with patience, the spots that did not read and that photos lie on.

pub mod apfs;
pub mod btrfs;
pub mod carve;
mod chunks;
mod clusters;
mod contents;
mod decmpfs;
pub mod exfat;
pub mod ext;
pub mod fat;
pub mod file_system;
mod folder_tree;
pub mod hfsplus;
mod inodes;
mod layout;
mod listing;
pub mod ntfs;
pub mod optical;
mod order;
pub mod partitions;
mod scattered;
mod signs;
pub mod xfs;

pub(super) use contents::{Contents, OnDisk};

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::carve::{CarvedState, Search};
use self::file_system::{Content, DiskFile, Reading, Standing};
use self::listing::{Listing, Volume};
use super::SourceError;
use super::found::{FoundFile, Met, Place};
use super::medium::MediumError;
use super::medium::open::Opened;
use super::medium::rescue::Effort;
use crate::model::{FileStamp, Found, Kind, RawPath};

/// How long pieces of one photo that lie apart are looked for.
const BUDGET: Duration = Duration::from_secs(20);

/// A drive or an image, open for reading.
pub struct Disk {
    opened: Opened,
    reading: Reading,
    listing: OnceLock<Listing>,
    gone: AtomicBool,
}

impl Disk {
    /// Takes a medium; nothing of it has been read.
    pub fn new(opened: Opened, reading: Reading) -> Self {
        Self { opened, reading, listing: OnceLock::new(), gone: AtomicBool::new(false) }
    }

    /// What it was opened by.
    pub fn path(&self) -> &Path {
        &self.opened.path
    }

    /// What it is, in words that follow “a”: “drive”, “disk image”.
    pub fn kind(&self) -> &'static str {
        self.opened.kind
    }

    /// Which drive it is, as far as the system knows.
    pub fn make(&self) -> Option<String> {
        let parts = [self.opened.make.model.as_deref(), self.opened.make.serial.as_deref()];
        let known: Vec<&str> = parts.into_iter().flatten().map(str::trim).filter(|part| !part.is_empty()).collect();
        (!known.is_empty()).then(|| known.join(", "))
    }

    /// What tells it from others wherever it is plugged in: the names of its file systems. `None` where it has none.
    pub fn volume(&self) -> Option<String> {
        let names: Vec<String> = self.listing().volumes.iter().filter_map(Volume::identity).collect();
        (!names.is_empty()).then(|| names.join(" + "))
    }

    /// What it was found to hold, a line for each volume.
    pub fn described(&self) -> Vec<String> {
        let notes = self.opened.notes.iter().cloned();
        notes.chain(self.listing().described()).collect()
    }

    /// How many files it lists, and their bytes.
    pub fn listed(&self) -> (u64, u64) {
        let files = &self.listing().files;
        (files.len() as u64, files.iter().map(|one| one.file.size).sum())
    }

    /// Whether it still answers.
    pub fn is_still_there(&self) -> bool {
        !self.gone.load(Ordering::Relaxed)
    }

    /// Meets every file that a file system lists, living or deleted, then what was found in free space.
    pub(super) fn walk(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        meet: &mut dyn FnMut(Met) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let listing = self.listing();
        for problem in &listing.problems {
            if meet(Met::Problem(problem.clone())).is_break() {
                return Ok(());
            }
        }
        for on_disk in &listing.files {
            if stop() || meet(Met::File(found_file(on_disk))).is_break() {
                return Ok(());
            }
        }
        if let Some(error) = &listing.ended_by {
            return self.end(error);
        }
        match self.carve(listing, stop, meet) {
            Ok(()) => Ok(()),
            Err(error) => self.end(&error),
        }
    }

    fn carve(
        &self,
        listing: &Listing,
        stop: &(dyn Fn() -> bool + Sync),
        meet: &mut dyn FnMut(Met) -> ControlFlow<()>,
    ) -> Result<(), MediumError> {
        for space in &listing.unowned {
            let search = Search {
                medium: &*self.opened.medium,
                space: &space.ranges,
                cluster: space.cluster,
                budget: BUDGET,
                threads: std::thread::available_parallelism().map_or(1, usize::from),
            };
            let mut went_on = ControlFlow::Continue(());
            carve::carve(&search, stop, &|_| {}, &mut |carved| {
                let found = match carved.state {
                    CarvedState::Whole => Found::Carved,
                    CarvedState::Reassembled => Found::Reassembled,
                    CarvedState::Partial { .. } => Found::Partial,
                    CarvedState::PreviewOnly => Found::PreviewOnly,
                };
                let at = carved.pieces.first().and_then(|piece| piece.at).unwrap_or(0);
                let name = format!("[found by content]/{at:012x}.{}", ending(carved.kind));
                let file = DiskFile {
                    path: RawPath::from_bytes(name.into_bytes()),
                    size: carved.size,
                    modified_at: None,
                    inode: 0,
                    standing: Standing::Living,
                    content: Content::Extents(carved.pieces),
                };
                let medium = Arc::clone(&self.opened.medium);
                went_on = meet(Met::File(found_file(&Arc::new(OnDisk { medium, file, found, patient: false }))));
                went_on
            })?;
            if went_on.is_break() || stop() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn listing(&self) -> &Listing {
        self.listing.get_or_init(|| {
            // All else hangs on these few bytes: one bad sector in them must not cost its neighbours.
            let effort = |effort| self.opened.rescuer.iter().for_each(|rescuer| rescuer.set_effort(effort));
            effort(Effort::Thorough);
            let listing = Listing::of(&self.opened.medium, &self.reading);
            effort(Effort::Quick);
            listing
        })
    }

    fn end(&self, error: &MediumError) -> Result<(), SourceError> {
        match error {
            MediumError::Stopped => Ok(()),
            MediumError::Gone(_) => {
                self.gone.store(true, Ordering::Relaxed);
                Err(SourceError::Gone { path: self.opened.path.clone() })
            }
        }
    }
}

/// How a file of this kind is called at its end.
fn ending(kind: Kind) -> &'static str {
    if kind == Kind::Jpeg { "jpg" } else { kind.as_str() }
}

fn found_file(on_disk: &Arc<OnDisk>) -> FoundFile {
    let DiskFile { path, size, modified_at, inode, .. } = &on_disk.file;
    FoundFile {
        path: path.clone(),
        stamp: FileStamp { size: *size, modified_at: *modified_at, inode: *inode },
        place: Place::Disk(Arc::clone(on_disk)),
    }
}
