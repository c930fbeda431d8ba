//! A store as the repository library wants to see it: files by type and id.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use sha2::{Digest, Sha256};

use super::pieces::{Piece, Place};
use super::store::{Fault, FaultKind, Store};
use super::uploads::Uploads;

/// What the library may see and do. Each view of one store has its own rules.
#[derive(Debug)]
pub(super) struct Backend {
    store: Arc<Store>,
    /// Files that are damaged: hidden, because one of them makes the library give up on all of its type.
    hidden: Mutex<HashSet<Id>>,
    /// Index and snapshot files that were read already, where one piece of work reads them more than once.
    remembered: Option<Mutex<HashMap<Id, Bytes>>>,
    /// Whether snapshots are looked for where restic keeps its locks: encrypted alike, and unknown to the library.
    locks_for_snapshots: bool,
    held: HeldSnapshots,
    /// Parts of packs that were fetched ahead, each with its number.
    ahead: Mutex<Vec<(u64, Piece, Bytes)>>,
    next_number: AtomicU64,
    /// For buckets only: a disk is no faster with several writers.
    uploads: Option<Uploads>,
}

/// Snapshots that the library writes are kept back until somebody has looked whether they are whole: it writes
/// one even when files are missing from it.
#[derive(Debug, Default)]
pub(super) struct HeldSnapshots {
    holding: AtomicBool,
    released: Mutex<Option<Id>>,
}

impl Backend {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let uploads = store.location().is_remote().then(|| Uploads::new(Arc::clone(&store)));
        Self {
            store,
            uploads,
            hidden: Mutex::default(),
            remembered: None,
            locks_for_snapshots: false,
            held: HeldSnapshots::default(),
            ahead: Mutex::default(),
            next_number: AtomicU64::default(),
        }
    }

    /// A view in which some files are not there.
    pub(super) fn without(store: Arc<Store>, hidden: HashSet<Id>) -> Self {
        Self { hidden: Mutex::new(hidden), ..Self::new(store) }
    }

    /// A view that reads each index and snapshot file once: their names are their hashes, so they cannot change.
    pub(super) fn remembering(store: Arc<Store>) -> Self {
        Self { remembered: Some(Mutex::default()), ..Self::new(store) }
    }

    /// Takes one more file out of the view.
    pub(super) fn hide(&self, id: Id) {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// A view in which restic's locks stand where snapshots are.
    pub(super) fn of_locks(store: Arc<Store>) -> Self {
        Self { locks_for_snapshots: true, ..Self::new(store) }
    }

    /// A whole file, from memory where it was read before.
    pub(super) fn file(&self, kind: FileType, id: &Id) -> Result<Bytes, Fault> {
        let remembered = self.remembered.as_ref().filter(|_| matches!(kind, FileType::Index | FileType::Snapshot));
        let Some(remembered) = remembered else { return read_named(&self.store, kind, &self.path_of(kind, id), id) };
        if let Some(bytes) = remembered.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(bytes.clone());
        }
        let bytes = read_named(&self.store, kind, &path_of(kind, id), id)?;
        remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, bytes.clone());
        Ok(bytes)
    }

    /// Reads back what was just written to a bucket, and writes it once more where that is not what was sent: packs are
    /// found through these small files alone, and one of them that is damaged stops every later run.
    ///
    /// After `Err` the wrong one is not there, as far as the store does what it says.
    fn confirm(&self, path: &str, parts: &[Bytes]) -> Result<(), Fault> {
        if !self.store.location().is_remote() {
            return Ok(());
        }
        let is_kept = || match self.store.read(path) {
            Ok(kept) => Ok(kept == parts.concat()),
            Err(fault) if fault.kind() == FaultKind::Missing => Ok(false),
            Err(fault) => Err(fault),
        };
        if is_kept()? || is_kept()? {
            return Ok(());
        }
        self.store.write(path, parts)?;
        if is_kept()? {
            return Ok(());
        }
        self.store.remove(path)?;
        let lie = std::io::Error::other("it says that it kept the file, and gives other bytes back");
        Err(Fault::new(FaultKind::NotAStore, "write", path).because(lie))
    }

    fn path_of(&self, kind: FileType, id: &Id) -> String {
        if self.locks_for_snapshots && kind == FileType::Snapshot {
            return format!("{LOCKS}/{}", id.to_hex().as_str());
        }
        path_of(kind, id)
    }

    fn fetched_ahead(&self, pack: &Id, offset: u32, length: u32) -> Option<Bytes> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset.checked_add(length)?;
        let holds = |piece: &Piece| piece.pack == *pack && piece.start <= offset && end <= piece.end;
        let (_, piece, bytes) = ahead.iter().find(|(_, piece, _)| holds(piece))?;
        let from = (offset - piece.start) as usize;
        (from + length as usize <= bytes.len()).then(|| bytes.slice(from..from + length as usize))
    }

    /// What was fetched ahead of one place is not what it should be: from now on it is asked for anew.
    pub(super) fn distrust(&self, place: &Place) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.retain(|(_, piece, _)| !piece.reaches(place));
    }

    /// From now on snapshots are accepted and not written.
    pub(super) fn hold_snapshots(&self) {
        self.held.holding.store(true, Ordering::SeqCst);
    }

    /// From now on snapshots are written.
    pub(super) fn release_snapshots(&self) {
        self.held.holding.store(false, Ordering::SeqCst);
    }

    /// Waits until every pack has arrived; fails when one of them did not.
    pub(super) fn wait_for_uploads(&self) -> Result<(), Fault> {
        self.uploads.as_ref().map_or(Ok(()), Uploads::wait)
    }

    /// The id of the last snapshot that was really written.
    pub(super) fn written_snapshot(&self) -> Option<Id> {
        *self.held.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Parts of packs that a view answers from until this is dropped.
pub(super) struct Ahead<'b> {
    backend: &'b Backend,
    numbers: Vec<u64>,
}

impl<'b> Ahead<'b> {
    pub(super) fn nothing(backend: &'b Backend) -> Self {
        Self { backend, numbers: Vec::new() }
    }

    pub(super) fn keep(&mut self, fetched: Option<(Piece, Bytes)>) {
        let Some((piece, bytes)) = fetched else { return };
        let number = self.backend.next_number.fetch_add(1, Ordering::Relaxed);
        self.backend.ahead.lock().unwrap_or_else(PoisonError::into_inner).push((number, piece, bytes));
        self.numbers.push(number);
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        let mut ahead = self.backend.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.retain(|(number, ..)| !self.numbers.contains(number));
    }
}

/// Where restic keeps its locks.
pub(super) const LOCKS: &str = "locks";

/// Where the file of a type and id is, relative to the repository (restic design document, “Repository Layout”).
pub(super) fn path_of(kind: FileType, id: &Id) -> String {
    let name = id.to_hex();
    let name = name.as_str();
    match kind {
        FileType::Config => "config".to_owned(),
        FileType::Pack => format!("data/{}/{name}", name.get(..2).unwrap_or_default()),
        FileType::Index | FileType::Key | FileType::Snapshot => format!("{}/{name}", kind.dirname()),
    }
}

/// A whole file. One from afar that does not have the bytes it is named after is read once more: a byte may have
/// changed on the way, and what is damaged where it lies stays so.
pub(super) fn read_named(store: &Store, kind: FileType, path: &str, id: &Id) -> Result<Bytes, Fault> {
    let bytes = store.read(path)?;
    let is_named_after_itself = kind != FileType::Config;
    if is_named_after_itself && store.location().is_remote() && Id::new(Sha256::digest(&bytes).into()) != *id {
        return store.read(path);
    }
    Ok(bytes)
}

/// Every file of a type with its size; names that are no id belong to others and are passed over.
pub(super) fn list(store: &Store, kind: FileType) -> Result<Vec<(Id, u64)>, Fault> {
    let depth = usize::from(kind == FileType::Pack);
    let files = store.list(kind.dirname(), depth)?;
    Ok(files.into_iter().filter_map(|(path, size)| Some((id_in(kind, &path)?, size))).collect())
}

/// The id in a path, if the path is the very one that the id belongs at.
pub(super) fn id_in(kind: FileType, path: &str) -> Option<Id> {
    let (_, name) = path.rsplit_once('/')?;
    let id: Id = name.parse().ok()?;
    (path_of(kind, &id) == path).then_some(id)
}

fn failed(fault: Fault) -> Box<RusticError> {
    RusticError::with_source(ErrorKind::Backend, "the store failed", fault)
}

impl ReadBackend for Backend {
    fn location(&self) -> String {
        self.store.location().to_string()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if kind == FileType::Config {
            let size = self.store.size("config").map_err(failed)?;
            return Ok(size.into_iter().map(|_| (Id::default(), 0)).collect());
        }
        let mut found = Vec::new();
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (id, size) in list(&self.store, kind).map_err(failed)? {
            if hidden.contains(&id) {
                continue;
            }
            // The format has no files past 4 GiB: such a size is none that an index could agree with.
            found.push((id, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        Ok(found)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let bytes = self.file(kind, id).map_err(failed)?;
        // The library would take one snapshot under the name of another; restic would not.
        if kind == FileType::Snapshot && Id::new(Sha256::digest(&bytes).into()) != *id {
            return Err(RusticError::new(ErrorKind::Cryptography, "its bytes are not those it is named after"));
        }
        Ok(bytes)
    }

    fn read_partial(&self, kind: FileType, id: &Id, _cacheable: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        if let Some(bytes) = self.fetched_ahead(id, offset, length) {
            return Ok(bytes);
        }
        self.store.read_range(&path_of(kind, id), u64::from(offset), length as usize).map_err(failed)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        path_of(kind, id)
    }
}

impl WriteBackend for Backend {
    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        if kind == FileType::Snapshot && self.held.holding.load(Ordering::SeqCst) {
            return Ok(());
        }
        if let Some(uploads) = &self.uploads {
            if kind == FileType::Pack {
                return uploads.send(path_of(kind, id), content.into_vec()).map_err(failed);
            }
            // Whatever is not a pack may name one.
            uploads.wait().map_err(failed)?;
        }
        let path = path_of(kind, id);
        self.store.write(&path, content.slice()).map_err(failed)?;
        if matches!(kind, FileType::Index | FileType::Snapshot) {
            self.confirm(&path, content.slice()).map_err(failed)?;
        }
        if kind == FileType::Snapshot {
            *self.held.released.lock().unwrap_or_else(PoisonError::into_inner) = Some(*id);
        }
        Ok(())
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.store.remove(&path_of(kind, id)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_an_id_belongs_at_names_it() {
        let id: Id = "ab".repeat(32).parse().unwrap();
        let path = path_of(FileType::Pack, &id);
        assert_eq!(path, format!("data/ab/{}", "ab".repeat(32)));
        assert_eq!(id_in(FileType::Pack, &path), Some(id));
        for wrong in [format!("data/cd/{}", "ab".repeat(32)), format!("{path}.tmp"), path.to_uppercase()] {
            assert_eq!(id_in(FileType::Pack, &wrong), None, "{wrong}");
        }
    }
}
