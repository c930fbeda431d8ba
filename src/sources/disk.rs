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

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
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
use crate::durable::{Readers, replace_file};
use crate::formats::mapfile::Map;
use crate::model::{FileStamp, Found, Kind, RawPath, in_words};

/// The folder in which files stand of which no folder tells.
pub const FOUND_BY_CONTENT: &str = "[found by content]";

/// How long pieces of one photo that lie apart are looked for.
const BUDGET: Duration = Duration::from_secs(20);

/// A drive or an image, open for reading.
pub struct Disk {
    opened: Opened,
    image: Option<PathBuf>,
    reading: Reading,
    listing: OnceLock<Listing>,
    gone: AtomicBool,
}

impl Disk {
    /// Takes a medium; nothing of it has been read. `image` is where what is read is kept.
    pub fn new(opened: Opened, image: Option<PathBuf>, reading: Reading) -> Self {
        Self { opened, image, reading, listing: OnceLock::new(), gone: AtomicBool::new(false) }
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

    /// Writes beside the image that is kept, if any, where photos lie, as a domain map of ddrescue's: `FILE.photos.map`.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn save_photo_places(&self) -> io::Result<()> {
        let Some(image) = &self.image else { return Ok(()) };
        let mut path = image.clone().into_os_string();
        path.push(".photos.map");
        let map = Map::domain(&self.listing().photos);
        replace_file(Path::new(&path), map.to_string().as_bytes(), Readers::Anyone)
    }

    /// Saves what was read, where it is kept, and tells what a person should know of the drive.
    pub fn troubles(&self) -> Vec<String> {
        let Some(rescuer) = &self.opened.rescuer else { return Vec::new() };
        let mut told = Vec::new();
        if let Err(error) = rescuer.checkpoint() {
            told.push(format!("the image of what was read cannot be saved: {error}"));
        }
        let health = rescuer.health();
        if let Some(trouble) = health.image_trouble {
            told.push(format!("the image of what was read is not written any more: {trouble}"));
        }
        if health.read_errors > 0 {
            let reads = in_words::count(health.read_errors, "read failed", "reads failed");
            let slow = if health.stalls > 0 {
                format!(", {} of them by taking too long", health.stalls)
            } else {
                String::new()
            };
            told.push(format!(
                "the drive is failing: {reads}{slow}. Copy what matters off it soon, and use it for nothing else"
            ));
        }
        told
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
                let name = format!("{FOUND_BY_CONTENT}/{at:012x}.{}", ending(carved.kind));
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
