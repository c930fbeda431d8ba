//! Encrypted restic-format repositories on a disk or in a bucket.
//!
//! The format is restic's, written and read by `rustic_core`; the store below it is our own (`store`), because a
//! listing that is cut short, a request without an end or a file without a sync would each lose photos. Stock restic
//! opens, checks and restores all of it.
//!
//! What the library may not decide alone is decided here: whether a snapshot is whole (`back_up`), whether a blob
//! is the one that was asked for (`read`), whether a pack is what it is named after (`check`).

mod access;
mod back_up;
mod backend;
mod check;
mod engine;
mod error;
mod indexed;
mod location;
mod lock;
mod open;
mod pieces;
mod read;
mod read_each;
mod snapshot;
mod source;
mod store;
mod tree;
mod uploads;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rustic_core::repofile::{IndexFile, MasterKey, SnapshotFile as EngineSnapshot};
use rustic_core::{FileType, Id, OpenStatus};
use sha2::{Digest, Sha256};

pub use self::access::{Access, BucketKeys, Key, OPTIONS};
pub use self::back_up::BackedUp;
use self::backend::Backend;
pub use self::check::{CheckFinding, Checked, FindingKind, ReadData};
use self::engine::{Engine, connect};
pub use self::error::{EngineFault, RepositoryError};
use self::indexed::Indexed;
pub use self::location::{Location, ParseLocationError, Scheme};
pub use self::read::{Listing, LostFolder, SnapshotFile};
pub use self::read_each::ReadOne;
pub use self::snapshot::{ParseSnapshotIdError, Snapshot, SnapshotId, SnapshotStamp};
use self::store::Store;
pub use self::store::{Fault, FaultKind, Traffic};
pub use self::tree::{Content, Opener, TreeFile};

/// One repository, unlocked.
///
/// Every call talks to the store anew: what it says is true of the moment. May be shared by threads; must not be
/// called from a thread that runs async tasks.
pub struct Repository {
    store: Arc<Store>,
    master: MasterKey,
    id: String,
    /// The index, as far as reading needs it; thrown away when a backup changes it.
    indexed: Mutex<Option<Arc<Indexed>>>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("location", self.store.location())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// The repository's own id: 64 hex digits, drawn when it was made.
    pub fn id(&self) -> String {
        self.id.clone()
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        self.store.location()
    }

    /// The key that all of its data is encrypted with, as JSON: with it, the repository opens without a password
    /// and without its key files. Whoever has seen it can read the repository for ever.
    pub fn master_key(&self) -> Result<String, RepositoryError> {
        serde_json::to_string(&self.master).map_err(|error| RepositoryError::Engine {
            location: self.location().clone(),
            doing: "writing down the master key",
            source: EngineFault::new(error.to_string()),
        })
    }

    /// What went over the wire since it was opened.
    pub fn traffic(&self) -> Traffic {
        self.store.traffic()
    }

    /// All snapshots that can be read, oldest first. What cannot be read is a finding of [`Self::check`], and no
    /// reason to hide the others.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, RepositoryError> {
        let engine = self.connect()?;
        let found = self.snapshot_files(&engine)?;
        let mut snapshots: Vec<_> = found.iter().map(|(id, file)| Snapshot::of(*id, file)).collect();
        snapshots.sort_by_key(|snapshot| (snapshot.at, snapshot.id));
        Ok(snapshots)
    }

    /// The snapshots that are there and cannot be read. What is in them, and when they were made, nobody knows.
    pub fn unreadable_snapshots(&self) -> Result<Vec<SnapshotId>, RepositoryError> {
        let read: HashSet<Id> = self.snapshot_files(&self.connect()?)?.into_iter().map(|(id, _)| id).collect();
        let there = self.list(FileType::Snapshot)?.into_iter().map(|(id, _)| id);
        Ok(there.filter(|id| !read.contains(id)).map(SnapshotId::new).collect())
    }

    /// Puts a file that is no part of the repository beside it, replacing what had the name; restic passes over it.
    ///
    /// After `Ok` it survives a power cut.
    pub fn put_beside(&self, name: &str, bytes: &[u8]) -> Result<(), RepositoryError> {
        beside(name)?;
        self.store.mend();
        let parts = vec![bytes::Bytes::copy_from_slice(bytes)];
        self.store.write(name, &parts).map_err(|fault| RepositoryError::from_fault(self.location(), fault))
    }

    /// Reads what [`Self::put_beside`] put there; needs no key to the repository. `None`: there is no such file.
    pub fn get_beside(access: &Access, name: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        beside(name)?;
        let store = Store::new(access)?;
        match store.read(name) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(fault) if fault.kind() == FaultKind::Missing => Ok(None),
            Err(fault) => Err(RepositoryError::from_fault(&access.location, fault)),
        }
    }

    /// Whether the file of a snapshot is there, with the bytes that it is named after: one request, and no key.
    ///
    /// `false` also where nothing is there at all; opening the repository tells why.
    pub fn has_snapshot(access: &Access, snapshot: &SnapshotId) -> Result<bool, RepositoryError> {
        let store = Store::new(access)?;
        let failed = |fault| RepositoryError::from_fault(&access.location, fault);
        // On a disk a second look costs nothing, and without this file nothing opens the repository.
        if !access.location.is_remote() && store.size("config").map_err(failed)?.is_none() {
            return Ok(false);
        }
        match store.read(&backend::path_of(FileType::Snapshot, &snapshot.id())) {
            Ok(bytes) => Ok(Id::new(Sha256::digest(&bytes).into()) == snapshot.id()),
            Err(fault) if matches!(fault.kind(), FaultKind::Missing | FaultKind::Spoiled) => Ok(false),
            Err(fault) => Err(failed(fault)),
        }
    }

    fn connect(&self) -> Result<Engine<OpenStatus>, RepositoryError> {
        self.connect_through(Arc::new(Backend::new(Arc::clone(&self.store))))
    }

    fn connect_through(&self, backend: Arc<Backend>) -> Result<Engine<OpenStatus>, RepositoryError> {
        connect(self.location(), backend, &self.master)
    }

    /// The repository with its whole index in memory.
    fn indexed(&self) -> Result<Arc<Indexed>, RepositoryError> {
        let mut indexed = self.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(indexed) = indexed.as_ref() {
            return Ok(Arc::clone(indexed));
        }
        let new = Arc::new(Indexed::of(self)?);
        *indexed = Some(Arc::clone(&new));
        Ok(new)
    }

    fn forget_index(&self) {
        *self.indexed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Every snapshot file that can be read, in no order.
    fn snapshot_files(&self, engine: &Engine<OpenStatus>) -> Result<Vec<(Id, EngineSnapshot)>, RepositoryError> {
        let failed =
            |error: &rustic_core::RusticError| RepositoryError::from_reading(self.location(), "a snapshot", error);
        let mut found = Vec::new();
        for file in engine.stream_files::<EngineSnapshot>().map_err(|error| failed(&error))? {
            match file {
                Ok((id, snapshot)) => found.push((id.into_inner(), snapshot)),
                Err(error) => {
                    let error = failed(&error);
                    // One damaged file, or one that went away since it was listed, hides no other.
                    if !error.is_of_one_file() {
                        return Err(error);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Every index file, read; the first that cannot be is an error.
    fn index_files(&self, engine: &Engine<OpenStatus>) -> Result<Vec<IndexFile>, RepositoryError> {
        let failed =
            |error: &rustic_core::RusticError| RepositoryError::from_reading(self.location(), "the index", error);
        let files = engine.stream_files::<IndexFile>().map_err(|error| failed(&error))?;
        files.map(|file| file.map(|(_, index)| index).map_err(|error| failed(&error))).collect()
    }

    /// The index files that are not what they are named after, or cannot be read.
    fn damaged_indexes(&self) -> Result<HashSet<Id>, RepositoryError> {
        let mut damaged = HashSet::new();
        for (id, _) in self.list(FileType::Index)? {
            let bytes = self.store.read(&backend::path_of(FileType::Index, &id));
            match bytes.map_err(|fault| RepositoryError::from_fault(self.location(), fault)) {
                Ok(bytes) if Id::new(Sha256::digest(&bytes).into()) == id => {}
                Err(error) if !error.is_of_one_file() => return Err(error),
                Ok(_) | Err(_) => {
                    damaged.insert(id);
                }
            }
        }
        Ok(damaged)
    }

    /// Every file of a type with its size.
    fn list(&self, kind: FileType) -> Result<Vec<(Id, u64)>, RepositoryError> {
        backend::list(&self.store, kind).map_err(|fault| RepositoryError::from_fault(self.location(), fault))
    }
}

/// Refuses names that would step out of the place, or into the repository's own files.
fn beside(name: &str) -> Result<(), RepositoryError> {
    let invalid = |why| Err(RepositoryError::InvalidTree { path: name.to_owned(), why });
    let first = name.split('/').next().unwrap_or_default();
    if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return invalid("it does not stay in its place");
    }
    if ["config", "data", "index", "keys", "snapshots", "locks", "incoming", "quarantine"].contains(&first) {
        return invalid("the name belongs to the repository itself");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
