//! The content-addressed store: originals, named by their BLAKE3 hash, written once.
//!
//! ```text
//! ARCHIVE/objects/ab/abcd…   one file per content, mode 0444, named by all 64 hex digits of its hash
//! ARCHIVE/incoming/….part    unfinished copies, each locked by the run that writes it
//! ```
//!
//! A content gets its name only after its bytes are durable, so a name in `objects/` always stands for whole
//! content, whatever was pulled out of the wall in between. The order is: write and hash the copy, sync it, rename
//! it, sync its folder, sync `objects/` ([`Store::commit`]).
//!
//! Modes follow the person's umask: objects are made with 0444 and folders with 0777 before it is applied. A person
//! who lets their family read their photos means these too, and one with a umask of 077 keeps them private; secrets
//! do not live here.

mod commit;
mod disk;
mod error;
mod incoming;
mod listing;
mod local_disk;
#[cfg(test)]
mod tests;
mod verified;

use std::path::{Path, PathBuf};

pub use commit::Committed;
pub use disk::{Disk, Entry, Opened};
pub use error::ObjectsError;
pub use incoming::{Incoming, Staged};
pub use listing::Listing;
pub use local_disk::LocalDisk;
pub use verified::{AlteredObject, Verdict, VerifiedReader};

use crate::model::ObjectId;

/// Keeps objects in one archive. Threads and processes may use the same archive at once.
#[derive(Clone, Debug)]
pub struct Store<D: Disk = LocalDisk> {
    disk: D,
    objects: PathBuf,
    incoming: PathBuf,
}

impl Store<LocalDisk> {
    /// Makes `archive` and the store's folders in it where they are missing, and opens the store.
    ///
    /// After Ok the folders survive a power loss. Objects that are there already stay as they are.
    pub fn create(archive: &Path) -> Result<Self, ObjectsError> {
        Self::create_on(LocalDisk, archive)
    }

    /// Opens the store of an archive, and writes nothing.
    ///
    /// A store whose `objects/` is not there is absent, not empty: [`ObjectsError::StoreMissing`].
    pub fn open(archive: &Path) -> Result<Self, ObjectsError> {
        Self::open_on(LocalDisk, archive)
    }
}

impl<D: Disk> Store<D> {
    /// Does what [`Store::create`] does, on any disk.
    pub fn create_on(disk: D, archive: &Path) -> Result<Self, ObjectsError> {
        let store = Self::at(disk, archive);
        let mut made = Vec::new();
        for folder in archive.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
            match store.disk.entry(folder).map_err(|source| ObjectsError::not_read(folder, source))? {
                Entry::Nothing => made.push(folder),
                Entry::File { .. } | Entry::Folder | Entry::Other => break,
            }
        }
        for folder in made.iter().rev() {
            store.make_folder(folder)?;
        }
        store.make_folder(&store.objects)?;
        store.make_folder(&store.incoming)?;
        store.sync_folder(archive)?;
        // The archive's own name is synced even if it was there: a run that died may have made it a moment ago.
        store.sync_folder(parent(archive))?;
        for folder in made.iter().skip(1) {
            store.sync_folder(parent(folder))?;
        }
        store.ensure_present()?;
        Ok(store)
    }

    /// Does what [`Store::open`] does, on any disk.
    pub fn open_on(disk: D, archive: &Path) -> Result<Self, ObjectsError> {
        let store = Self::at(disk, archive);
        store.ensure_present()?;
        Ok(store)
    }

    /// Whether a file bears the object's name. Only [`Store::verify`] knows whether it is whole.
    pub fn contains(&self, id: &ObjectId) -> Result<bool, ObjectsError> {
        Ok(self.size(id)?.is_some())
    }

    /// The bytes of the file that bears the object's name; `None` if there is none.
    pub fn size(&self, id: &ObjectId) -> Result<Option<u64>, ObjectsError> {
        Ok(match self.entry(id)? {
            Entry::File { size } => Some(size),
            Entry::Nothing | Entry::Folder | Entry::Other => None,
        })
    }

    /// Opens an object for reading, unverified. Links are not followed.
    pub fn open_object(&self, id: &ObjectId) -> Result<D::File, ObjectsError> {
        self.open_sized(id).map(|(file, _)| file)
    }

    fn open_sized(&self, id: &ObjectId) -> Result<(D::File, u64), ObjectsError> {
        let path = self.path(id);
        match self.disk.open(&path).map_err(|source| ObjectsError::not_read(&path, source))? {
            Opened::File { file, size } => Ok((file, size)),
            Opened::Other => Err(ObjectsError::NotAFile { path }),
            Opened::Nothing => {
                self.ensure_present()?;
                Err(ObjectsError::Missing { id: *id })
            }
        }
    }

    fn at(disk: D, archive: &Path) -> Self {
        Self { disk, objects: archive.join("objects"), incoming: archive.join("incoming") }
    }

    fn folder(&self, id: &ObjectId) -> PathBuf {
        self.objects.join(id.short(2))
    }

    fn path(&self, id: &ObjectId) -> PathBuf {
        self.folder(id).join(id.to_string())
    }

    fn entry(&self, id: &ObjectId) -> Result<Entry, ObjectsError> {
        let path = self.path(id);
        let entry = self.disk.entry(&path).map_err(|source| ObjectsError::not_read(&path, source))?;
        if entry == Entry::Nothing {
            self.ensure_present()?;
        }
        Ok(entry)
    }

    /// A drive that was pulled out has no objects, and yet none of them is missing.
    fn ensure_present(&self) -> Result<(), ObjectsError> {
        match self.disk.entry(&self.objects).map_err(|source| ObjectsError::not_read(&self.objects, source))? {
            Entry::Folder => Ok(()),
            Entry::Nothing | Entry::File { .. } | Entry::Other => {
                Err(ObjectsError::StoreMissing { path: self.objects.clone() })
            }
        }
    }

    fn make_folder(&self, folder: &Path) -> Result<(), ObjectsError> {
        match self.disk.create_folder(folder) {
            Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(ObjectsError::not_written(folder, source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), ObjectsError> {
        self.disk.sync_folder(folder).map_err(|source| ObjectsError::not_written(folder, source))
    }
}

/// The folder that holds the name of `folder`.
fn parent(folder: &Path) -> &Path {
    match folder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => folder,
    }
}
