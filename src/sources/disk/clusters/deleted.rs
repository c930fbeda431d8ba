//! The files that the volume listed once.
//!
//! Bounds: all deleted files together look at no more than eight times the volume's clusters, and are kept in no more
//! than 4 million runs (32 MiB); what would need more ends early.

use std::collections::HashSet;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::sources::disk::file_system::{Content, DiskFile, Met, Standing};
use crate::sources::medium::{MediumError, read_vec};

use super::bitmap::Bitmap;
use super::bits::Bits;
use super::deleted_folders;
use super::folder::{SLOT, State};
use super::heap::{Run, push};
use super::living::{Grave, Living, Owner};
use super::table::Link;

const MOST_RUNS: usize = 4 << 20;

/// A deleted file with what is thought of its place.
struct Found {
    grave: usize,
    runs: Vec<Run>,
    standing: Standing,
}

/// Who has a cluster that a deleted file may have had.
#[derive(Clone, Copy)]
enum Taken {
    /// Nobody.
    No,
    /// A living file, since then if that is known.
    By(Option<Timestamp>),
    /// Somebody who is not listed.
    Somehow,
    /// A deleted folder, and nothing was written over it since.
    ByFolder,
}

/// A walk over what was deleted.
pub(super) struct Deleted<'v> {
    pub(super) living: Living<'v>,
    bitmap: Option<Bitmap>,
    /// Clusters of deleted folders that could be listed.
    pub(super) folder_clusters: HashSet<u32>,
    claimed: Bits,
    contested: Bits,
    steps_left: u64,
    pub(super) searched_left: u64,
    runs_left: usize,
}

impl<'v> Deleted<'v> {
    pub(super) fn new(mut living: Living<'v>) -> Result<Self, MediumError> {
        living.owners.sort_unstable_by_key(|owner| owner.run.first);
        let bitmap = if living.graves.is_empty() { None } else { Bitmap::read(&mut living)? };
        let clusters = u64::from(living.volume.shape.heap.clusters);
        Ok(Self {
            living,
            bitmap,
            folder_clusters: HashSet::new(),
            claimed: Bits::default(),
            contested: Bits::default(),
            steps_left: clusters.saturating_mul(8),
            searched_left: deleted_folders::SEARCHED,
            runs_left: MOST_RUNS,
        })
    }

    /// Which clusters the living have.
    pub(super) fn into_owned(self) -> Bits {
        self.living.owned
    }

    pub(super) fn walk(
        &mut self,
        meet: &mut dyn FnMut(Met) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, MediumError> {
        self.folders()?;
        let graves = std::mem::take(&mut self.living.graves);
        let mut found = Vec::new();
        for (index, grave) in graves.iter().enumerate() {
            let entry = &grave.entry;
            let is_renamed = entry.size > 0 && self.living.begun.get(&entry.first) == Some(&entry.size);
            if entry.is_folder || is_renamed {
                continue;
            }
            let (runs, standing) = self.place(grave)?;
            found.push(Found { grave: index, runs, standing });
        }
        let heap = self.living.volume.shape.heap;
        for Found { grave, runs, mut standing } in found {
            let Some(Grave { folder, entry, halves: _ }) = graves.get(grave) else { continue };
            let is_contested = runs.iter().flat_map(|run| run.clusters()).any(|at| self.contested.contains(at));
            if is_contested && standing == Standing::Deleted {
                standing = Standing::DeletedAssumed;
            }
            let file = DiskFile {
                path: self.living.folders.path(*folder, &entry.name),
                size: entry.size,
                modified_at: entry.modified_at,
                inode: entry.at / SLOT as u64,
                standing,
                content: Content::Extents(heap.extents(&runs, entry.written, entry.size)),
            };
            if meet(Met::File(file)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The first of those places that looks as the file's name says; otherwise the first that is free.
    fn choose(&mut self, grave: &Grave) -> Result<u32, MediumError> {
        let entry = &grave.entry;
        let firsts = self.firsts(entry, grave.folder, &grave.halves);
        let mut free = None;
        if firsts.len() > 1 {
            let heap = self.living.volume.shape.heap;
            for first in firsts {
                if !heap.holds(first) || !matches!(self.taken(first)?, Taken::No) {
                    continue;
                }
                let (bytes, holes) = read_vec(self.living.volume.medium.as_ref(), heap.position(first), 512)?;
                if holes.is_empty() && begins_like(&entry.name, &bytes) {
                    return Ok(first);
                }
                free = free.or(Some(first));
            }
        }
        Ok(free.unwrap_or(entry.first))
    }

    fn place(&mut self, grave: &Grave) -> Result<(Vec<Run>, Standing), MediumError> {
        let entry = &grave.entry;
        let heap = self.living.volume.shape.heap;
        let clusters = heap.clusters_for(entry.size);
        let mut search = Search { runs: Vec::new(), is_assumed: entry.state == State::HalfKnown, is_reused: false };
        let mut at = self.choose(grave)?;
        let mut left = clusters;
        // Whether the entry itself or a link names this cluster, or nothing but its neighbour.
        let mut is_named = true;
        while left > 0 {
            if !heap.holds(at) || self.steps_left == 0 || search.runs.len() >= self.runs_left {
                search.is_assumed = true;
                break;
            }
            self.steps_left -= 1;
            let taken = if is_named { self.taken_from_chain(at) } else { self.taken(at)? };
            if search.takes(taken, is_named, entry.modified_at) {
                push(&mut search.runs, at);
                left -= 1;
            }
            if entry.is_chained && is_named {
                let link = self.living.table.link(at)?;
                // The links of what others have are theirs.
                if let Link::Next(next) = link
                    && left > 0
                    && heap.holds(next)
                    && !self.living.owned.contains(at)
                {
                    at = next;
                    continue;
                }
                // A file of one cluster needs no link.
                let is_as_said = left == 0 && (link == Link::End || clusters == 1 && link == Link::Free);
                search.is_assumed |= !is_as_said;
                is_named = false;
            }
            at = at.saturating_add(1);
        }
        for cluster in search.runs.iter().flat_map(|run| run.clusters()) {
            if !self.claimed.insert(cluster) {
                self.contested.insert(cluster);
            }
        }
        self.runs_left = self.runs_left.saturating_sub(search.runs.len());
        let standing = match search {
            Search { is_reused: true, .. } => Standing::DeletedReused,
            Search { is_assumed: true, .. } => Standing::DeletedAssumed,
            Search { .. } => Standing::Deleted,
        };
        Ok((search.runs, standing))
    }

    /// Whether somebody else has a cluster that nothing but its neighbour points to.
    fn taken(&mut self, cluster: u32) -> Result<Taken, MediumError> {
        let taken = self.taken_from_chain(cluster);
        if matches!(taken, Taken::No)
            && self.living.volume.format.deleting_unlinks()
            && matches!(self.living.table.link(cluster)?, Link::Next(_) | Link::End | Link::Wrong)
        {
            return Ok(Taken::Somehow);
        }
        Ok(taken)
    }

    /// Whether somebody else has a cluster that the deleted file's own chain leads to.
    fn taken_from_chain(&self, cluster: u32) -> Taken {
        if self.living.owned.contains(cluster) {
            let after = self.living.owners.partition_point(|owner| owner.run.first <= cluster);
            let owner = after.checked_sub(1).and_then(|index| self.living.owners.get(index));
            let owner = owner.filter(|Owner { run, .. }| run.clusters().contains(&cluster));
            return Taken::By(owner.and_then(|owner| owner.since));
        }
        match &self.bitmap {
            Some(bitmap) if bitmap.says_used(cluster) => Taken::Somehow,
            Some(_) | None if self.folder_clusters.contains(&cluster) => Taken::ByFolder,
            Some(_) | None => Taken::No,
        }
    }
}

/// What is found while a deleted file is put together.
struct Search {
    runs: Vec<Run>,
    is_assumed: bool,
    is_reused: bool,
}

impl Search {
    /// Whether a cluster is the next part of the file. One that has another owner now is, if the file must have been there:
    /// because it is named, or because the owner is younger. An older owner's cluster was never its own.
    fn takes(&mut self, taken: Taken, is_named: bool, modified_at: Option<Timestamp>) -> bool {
        let since = match taken {
            Taken::No => return true,
            Taken::By(since) => since,
            Taken::Somehow => None,
            Taken::ByFolder => {
                self.is_assumed = true;
                return is_named;
            }
        };
        let is_older = since.is_some_and(|since| modified_at.is_some_and(|modified| since < modified));
        if is_older && !is_named {
            self.is_assumed = true;
            return false;
        }
        self.is_reused = true;
        is_named || since.is_some()
    }
}

/// Whether bytes begin as a file of such a name does, for the kinds that cameras write.
fn begins_like(name: &str, bytes: &[u8]) -> bool {
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let starts: &[&[u8]] = match extension.as_str() {
        "jpg" | "jpeg" | "thm" => &[b"\xFF\xD8\xFF"],
        "png" => &[b"\x89PNG"],
        "gif" => &[b"GIF8"],
        "tif" | "tiff" | "nef" | "nrw" | "cr2" | "arw" | "dng" | "pef" | "srw" => &[b"II*\0", b"MM\0*"],
        "rw2" => &[b"IIU\0"],
        "orf" => &[b"IIRO", b"IIRS", b"MMOR"],
        "raf" => &[b"FUJIFILM"],
        "avi" | "webp" | "wav" => &[b"RIFF"],
        "heic" | "avif" | "mp4" | "m4v" | "cr3" | "3gp" => {
            return bytes.get(4..8) == Some(b"ftyp");
        }
        "mov" => {
            return bytes.get(4..8).is_some_and(|kind| matches!(kind, b"ftyp" | b"moov" | b"mdat" | b"wide" | b"skip"));
        }
        _ => return false,
    };
    starts.iter().any(|start| bytes.starts_with(start))
}
