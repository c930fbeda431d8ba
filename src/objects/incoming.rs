//! Copies on their way in: written once, hashed while they are written.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Disk, LocalDisk, Store, commit::Committed, error::ObjectsError};
use crate::model::{Hasher, ObjectId, Sha1Digest};

/// How often another name is tried for a new copy. A sweep may take a file in the moment before it is locked; one in a
/// tight loop was seen to win eight times running.
const NAME_ATTEMPTS: usize = 200;

/// A copy that is being written. Dropped, it is removed.
///
/// Each byte is handed to the disk as it comes and is hashed once; nothing is buffered, so write big chunks.
pub struct Incoming<'store, D: Disk = LocalDisk> {
    store: &'store Store<D>,
    temp: Temp<D>,
    hasher: Hasher,
}

/// A copy that is written and hashed, but neither durable nor named. Dropped before [`Store::commit`], it is removed.
///
/// Holds one open file, which keeps sweeps of other runs off the copy.
pub struct Staged<D: Disk = LocalDisk> {
    /// The name it will have.
    pub id: ObjectId,
    /// The SHA-1 of its bytes.
    pub sha1: Sha1Digest,
    /// Bytes.
    pub size: u64,
    pub(super) temp: Temp<D>,
}

/// A file in `incoming/`, removed when dropped unless it got a name.
pub(super) struct Temp<D: Disk> {
    disk: D,
    pub(super) path: PathBuf,
    file: D::File,
    named: bool,
}

impl<D: Disk> Store<D> {
    /// Starts a new copy in `incoming/`.
    pub fn receive(&self) -> Result<Incoming<'_, D>, ObjectsError> {
        let mut attempts = NAME_ATTEMPTS;
        loop {
            let name = temp_name().map_err(|source| ObjectsError::not_written(&self.incoming, source))?;
            let path = self.incoming.join(name);
            attempts = attempts.saturating_sub(1);
            match self.disk.create_new(&path) {
                Ok(file) => {
                    let temp = Temp { disk: self.disk.clone(), path, file, named: false };
                    return Ok(Incoming { store: self, temp, hasher: Hasher::new() });
                }
                Err(error) if attempts > 0 && error.kind() == io::ErrorKind::AlreadyExists => {}
                // Somebody tidied up the empty folder.
                Err(error) if attempts > 0 && error.kind() == io::ErrorKind::NotFound => {
                    self.ensure_present()?;
                    self.make_folder(&self.incoming)?;
                }
                Err(source) => return Err(ObjectsError::not_written(&path, source)),
            }
        }
    }

    /// Removes the unfinished copies of runs that are dead, and says how many.
    ///
    /// A copy whose run is alive is locked, and stays; so does what the store did not put there. One copy that
    /// cannot be removed does not stop the others, and is the error that comes back.
    pub fn sweep_incoming(&self) -> Result<u64, ObjectsError> {
        let names = match self.disk.list(&self.incoming) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.ensure_present()?;
                return Ok(0);
            }
            Err(source) => return Err(ObjectsError::not_read(&self.incoming, source)),
        };
        let mut removed = 0;
        let mut failure = None;
        for path in names.iter().filter(|name| is_temp_name(name)).map(|name| self.incoming.join(name)) {
            match self.disk.remove_abandoned(&path) {
                Ok(true) => removed += 1,
                Ok(false) => {}
                Err(source) => failure = failure.or(Some(ObjectsError::not_written(&path, source))),
            }
        }
        failure.map_or(Ok(removed), Err)
    }
}

impl<D: Disk> Incoming<'_, D> {
    /// Writes all of `bytes`. Tells a full disk apart, which plain [`Write`] cannot.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), ObjectsError> {
        self.write_all(bytes).map_err(|source| ObjectsError::not_written(&self.temp.path, source))
    }

    /// Ends the copy: what was written is all there is.
    pub fn finish(mut self) -> Result<Staged<D>, ObjectsError> {
        self.flush().map_err(|source| ObjectsError::not_written(&self.temp.path, source))?;
        let (id, sha1, size) = self.hasher.finish();
        Ok(Staged { id, sha1, size, temp: self.temp })
    }

    /// Ends the copy and makes it an object, alone. Several at once are cheaper through [`Store::commit`].
    pub fn commit(self) -> Result<Committed, ObjectsError> {
        let store = self.store;
        let staged = self.finish()?;
        let (id, sha1, size) = (staged.id, staged.sha1, staged.size);
        let was_new = store.commit(vec![staged])?.iter().any(|committed| committed.was_new);
        Ok(Committed { id, sha1, size, was_new })
    }
}

impl<D: Disk> Write for Incoming<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.temp.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temp.file.flush()
    }
}

impl<D: Disk> Temp<D> {
    /// Makes the bytes durable.
    pub(super) fn sync(&self) -> Result<(), ObjectsError> {
        self.disk.sync_file(&self.file).map_err(|source| ObjectsError::not_written(&self.path, source))
    }

    /// Leaves the file where it was renamed to.
    pub(super) fn keep(mut self) {
        self.named = true;
    }
}

impl<D: Disk> Drop for Temp<D> {
    fn drop(&mut self) {
        if !self.named {
            // A drop can tell nobody. What stays behind is found by the next sweep, and is no object until then.
            drop(self.disk.remove(&self.path));
        }
    }
}

impl<D: Disk> fmt::Debug for Incoming<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("path", &self.temp.path).finish_non_exhaustive()
    }
}

impl<D: Disk> fmt::Debug for Staged<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, sha1: _, size, temp } = self;
        f.debug_struct("Staged").field("id", id).field("size", size).field("path", &temp.path).finish_non_exhaustive()
    }
}

/// Random, so that a name is never used twice: a sweep that is slow must not meet a new copy under an old name.
/// Process numbers repeat, and in containers they are all 1.
fn temp_name() -> io::Result<String> {
    let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{random:016x}.part"))
}

fn is_temp_name(name: &std::ffi::OsStr) -> bool {
    name.to_str().and_then(|name| name.strip_suffix(".part")).is_some_and(|random| {
        random.len() == 16 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
