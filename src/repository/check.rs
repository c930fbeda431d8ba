//! Whether a repository is whole.

mod affected;
mod structure;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustic_core::{FileType, Id};
use sha2::{Digest, Sha256};

use self::structure::Survey;
use super::Repository;
use super::backend::{id_in, path_of};
use super::engine::{isolated, side_by_side};
use super::error::RepositoryError;
use crate::events::{Listener, Progress, Stage};

/// How much of the data a check reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadData {
    /// None: sizes, index, snapshots and folders only.
    No,
    /// So many percent of its bytes, in packs drawn by lot.
    Percent(u8),
    /// All of it.
    All,
}

/// What a check did and found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Bytes of packs that were read and hashed.
    pub read_bytes: u64,
    /// What is wrong; empty when all is well.
    pub findings: Vec<CheckFinding>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckFinding {
    /// What sort of thing.
    pub kind: FindingKind,
    /// What it is, in words that stand alone.
    pub what: String,
    /// The file of the repository that is bad, for [`Repository::set_aside`]; `None`: it is gone, or it is not one
    /// file.
    pub file: Option<String>,
    /// The files of the newest snapshot that it touches, where that is known.
    pub paths: Vec<String>,
}

/// The sorts of findings; scripts rely on the words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FindingKind {
    /// A pack's bytes are not those it is named after.
    PackAltered,
    /// A pack that the index names is not there.
    PackMissing,
    /// An index file is not what it is named after, or cannot be read.
    IndexDamaged,
    /// A snapshot file is not what it is named after, or cannot be read.
    SnapshotDamaged,
    /// The newest snapshot that this archive knows of is not there.
    SnapshotMissing,
    /// A key file is not what it is named after, or there is none.
    KeyDamaged,
    /// Whole files that do not fit together.
    Structure,
    /// A snapshot before the newest one of its archive lacks parts; the newest one does not need them.
    OldSnapshotIncomplete,
}

impl FindingKind {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PackAltered => "pack-altered",
            Self::PackMissing => "pack-missing",
            Self::IndexDamaged => "index-damaged",
            Self::SnapshotDamaged => "snapshot-damaged",
            Self::SnapshotMissing => "snapshot-missing",
            Self::KeyDamaged => "key-damaged",
            Self::Structure => "structure",
            Self::OldSnapshotIncomplete => "old-snapshot-incomplete",
        }
    }
}

impl FindingKind {
    /// What a person does about it. Nothing in the archive is touched by any of them.
    pub fn what_to_do(self) -> &'static str {
        match self {
            Self::PackAltered => {
                "move the file of that name out of the repository's folder data, and run keepsake backup: it sends again \
                 what was in it"
            }
            Self::PackMissing | Self::IndexDamaged | Self::Structure | Self::SnapshotMissing => {
                "keepsake backup sends again what is missing; until then restore from another repository"
            }
            Self::SnapshotDamaged => {
                "keepsake backup makes a new one; move the damaged file away to be rid of this line"
            }
            Self::KeyDamaged => "keepsake repo password NAME writes a new key file; the kit opens it until then",
            Self::OldSnapshotIncomplete => {
                "what it lacks is lost for this old snapshot alone; the newest one does not need it"
            }
        }
    }
}

/// Bytes fetched at once while a pack is hashed.
const PIECE: u64 = 8 * 1024 * 1024;

/// Packs read at once from a bucket, where waiting costs more than reading. From a disk one after the other: a
/// second reader would only move its heads.
const PACKS_AT_ONCE: usize = 4;

/// Where bad files go.
const QUARANTINE: &str = "quarantine";

impl Repository {
    /// Checks keys, index, packs, snapshots and all of their folders, and as much of the data as asked for.
    ///
    /// What is wrong with the repository is a finding; `Err` means that the check itself could not be made. Takes
    /// no lock: what a backup running beside it adds is not looked at.
    pub fn check(&self, read: ReadData, listener: &dyn Listener) -> Result<Checked, RepositoryError> {
        let mut survey =
            isolated(self.location(), "checking", || Survey::of(self), || listener.progress(progress(0, 0, 0, 0)))?;
        let chosen = survey.choose(read);
        let read_bytes = self.read_packs(&mut survey, &chosen, listener)?;
        let findings = isolated(self.location(), "checking", || survey.findings(self), || {})?;
        Ok(Checked { read_bytes, findings })
    }

    /// Takes a bad file of the repository out of the way, as the first step of healing: [`Self::back_up`] then
    /// notices what is missing, and reads the photos in it again.
    ///
    /// A copy stays in `quarantine/`, which restic passes over: some of its photos may be nowhere else.
    pub fn set_aside(&self, file: &str) -> Result<(), RepositoryError> {
        let failed = |fault| RepositoryError::from_fault(self.location(), fault);
        let Some((_, name)) = file.rsplit_once('/').filter(|_| is_one_of_ours(file)) else {
            return Err(RepositoryError::InvalidTree { path: file.to_owned(), why: "it is no file of a repository" });
        };
        self.store.mend();
        let bytes = self.store.read(file).map_err(failed)?;
        self.store.write(&format!("{QUARANTINE}/{name}"), &[bytes]).map_err(failed)?;
        self.store.remove(file).map_err(failed)?;
        self.forget_index();
        Ok(())
    }

    /// Hashes whole packs, and notes in `survey` those that are not what they are named after.
    fn read_packs(
        &self,
        survey: &mut Survey,
        chosen: &[(Id, u64)],
        listener: &dyn Listener,
    ) -> Result<u64, RepositoryError> {
        let total = chosen.iter().map(|(_, size)| size).sum();
        let done = Arc::new(AtomicU64::new(0));
        let at_once = if self.location().is_remote() { PACKS_AT_ONCE } else { 1 };
        let mut files_done = 0;
        for some in chosen.chunks(at_once) {
            if listener.stop_requested() {
                return Err(self.interrupted());
            }
            let packs = side_by_side(self.location(), "reading packs", some.to_vec(), |(id, size)| {
                let hash = self.hash_pack(id, size, &done)?;
                if hash == id || !self.location().is_remote() {
                    return Ok(hash);
                }
                // A byte may have changed on the way.
                self.hash_pack(id, size, &AtomicU64::new(0))
            });
            for ((id, _), hash) in some.iter().zip(packs) {
                match hash {
                    Ok(hash) if hash == *id => {}
                    Ok(_) => survey.altered(*id),
                    Err(error) if error.is_of_one_file() => survey.unreadable(*id),
                    Err(error) => return Err(error),
                }
                files_done += 1;
            }
            listener.progress(progress(files_done, chosen.len() as u64, done.load(Ordering::Relaxed), total));
        }
        Ok(done.load(Ordering::Relaxed))
    }

    fn hash_pack(&self, id: Id, size: u64, done: &AtomicU64) -> Result<Id, RepositoryError> {
        let path = path_of(FileType::Pack, &id);
        let mut hasher = Sha256::new();
        let mut offset = 0;
        while offset < size {
            let length = PIECE.min(size - offset);
            let piece = self.store.read_range(&path, offset, usize::try_from(length).unwrap_or(usize::MAX));
            hasher.update(piece.map_err(|fault| RepositoryError::from_fault(self.location(), fault))?);
            offset += length;
            done.fetch_add(length, Ordering::Relaxed);
        }
        Ok(Id::new(hasher.finalize().into()))
    }
}

fn is_one_of_ours(file: &str) -> bool {
    [FileType::Pack, FileType::Index, FileType::Snapshot, FileType::Key].iter().any(|kind| id_in(*kind, file).is_some())
}

fn progress(files_done: u64, files_total: u64, bytes_done: u64, bytes_total: u64) -> Progress {
    Progress { stage: Stage::Checking, files_done, files_total, bytes_done, bytes_total }
}
