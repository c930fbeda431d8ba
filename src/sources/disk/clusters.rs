//! Volumes of clusters that a table of links puts in order: what FAT and exFAT have in common.
//!
//! Bounds. Memory: one bit for each cluster in use ([`bits`]), 32 MiB of the table ([`table`]), and what grows with the
//! number of folders, of living files' runs and of deleted entries, never with bytes; a folder is held whole while it
//! is listed. Time: no folder is listed twice; a link is followed once for each cluster of the volume, and once more
//! for all that files claim twice; deleted files may look at eight times as many clusters as there are. There are never
//! more clusters than the table on the medium has links for, whatever the header says.

mod bitmap;
mod bits;
mod deleted;
mod deleted_folders;
mod findings;
mod folder;
mod heap;
mod living;
mod lost;
mod table;
#[cfg(test)]
pub(in crate::sources::disk) mod tests;
mod wall_clock;

pub(in crate::sources::disk) use folder::{Entry, Format, Lister, Listing, SLOT, State, System, part};
pub(in crate::sources::disk) use heap::Heap;
pub(in crate::sources::disk) use table::{TableLayout, Width};
pub(in crate::sources::disk) use wall_clock::{at_offset, in_zone, shown};

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Problem, ProblemKind, Ranges};
use crate::sources::disk::file_system::{FileSystem, Met};
use crate::sources::medium::{Medium, MediumError};

use bits::Bits;
use deleted::Deleted;
use living::Living;

/// Where the top folder lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::sources::disk) enum Root {
    /// Before the clusters, as FAT12 and FAT16 have it.
    Area(Range<u64>),
    /// In clusters, from this one on.
    Cluster(u32),
}

/// What a boot sector says about a volume.
#[derive(Clone, Debug)]
pub(in crate::sources::disk) struct Shape {
    pub(in crate::sources::disk) heap: Heap,
    pub(in crate::sources::disk) table: TableLayout,
    pub(in crate::sources::disk) root: Root,
    pub(in crate::sources::disk) serial: Option<u32>,
    /// What is wrong with the volume as a whole, in words for a person.
    pub(in crate::sources::disk) findings: Vec<String>,
}

/// A recognised volume.
pub(in crate::sources::disk) struct Volume {
    medium: Arc<dyn Medium>,
    kind: &'static str,
    label: Option<String>,
    shape: Shape,
    format: Box<dyn Format>,
    /// Which clusters living files have, once a walk has been through.
    owned: Mutex<Option<Arc<Bits>>>,
}

impl Volume {
    /// Takes a volume as its boot sector describes it, and reads the beginning of the top folder for the name that
    /// somebody gave it; `boot_label` stands where the folder has none.
    pub(in crate::sources::disk) fn new(
        medium: Arc<dyn Medium>,
        kind: &'static str,
        shape: Shape,
        format: Box<dyn Format>,
        boot_label: Option<String>,
    ) -> Result<Self, MediumError> {
        let mut volume = Self { medium, kind, label: None, shape, format, owned: Mutex::new(None) };
        volume.label = Living::new(&volume).label()?.or(boot_label);
        Ok(volume)
    }

    fn remember(&self, owned: Bits) {
        *self.owned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(owned));
    }

    fn owned(&self) -> Result<Arc<Bits>, MediumError> {
        let known = self.owned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(owned) = known {
            return Ok(owned);
        }
        let mut living = Living::new(self);
        let ended = living.walk(&mut |_| ControlFlow::Continue(()))?;
        debug_assert!(ended.is_continue());
        let owned = Arc::new(living.owned);
        *self.owned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&owned));
        Ok(owned)
    }
}

impl FileSystem for Volume {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn label(&self) -> Option<String> {
        self.label.clone()
    }

    fn uuid(&self) -> Option<String> {
        self.shape.serial.map(|serial| format!("{:04X}-{:04X}", serial >> 16, serial & 0xFFFF))
    }

    fn cluster_bytes(&self) -> u64 {
        self.shape.heap.cluster_bytes
    }

    fn first_cluster(&self) -> u64 {
        self.shape.heap.start
    }

    /// The number of a file is the place of its entry in units of 32 bytes: nothing else tells two deleted files of one name
    /// apart.
    fn walk(&self, meet: &mut dyn FnMut(Met) -> ControlFlow<()>) -> Result<(), MediumError> {
        for finding in &self.shape.findings {
            if meet(Met::Problem(Problem::new("the volume", ProblemKind::Damaged, finding.clone()))).is_break() {
                return Ok(());
            }
        }
        let mut living = Living::new(self);
        if living.walk(meet)?.is_break() {
            return Ok(());
        }
        let mut deleted = Deleted::new(living)?;
        // Ended early or not: which clusters the living have is known by now.
        let ended = deleted.walk(meet)?;
        self.remember(deleted.into_owned());
        match ended {
            ControlFlow::Continue(()) | ControlFlow::Break(()) => Ok(()),
        }
    }

    /// Everything behind the first cluster that no file or folder of a walk has: also what the table calls used, but
    /// nothing listed leads to (files of a folder that cannot be read), and what deleted files had.
    fn free(&self) -> Result<Option<Ranges>, MediumError> {
        let owned = self.owned()?;
        let heap = self.shape.heap;
        let end = self.medium.size();
        let mut free = Ranges::new();
        for gap in owned.gaps(heap.numbers()) {
            free.insert(heap.position(gap.start)..heap.position(gap.end).min(end));
        }
        free.insert(heap.position(heap.numbers().end)..end);
        Ok(Some(free))
    }
}
