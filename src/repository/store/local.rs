//! A store in a folder of this machine.
//!
//! Written with the standard library: opendal's folder service writes in place unless told otherwise, and never
//! syncs the file or its folder, so that a power cut could leave a name without its bytes.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

/// Where files grow before they get their name; restic looks into none but its own folders.
const INCOMING: &str = "incoming";

#[derive(Debug)]
pub(super) struct LocalStore {
    root: PathBuf,
    /// Folders that this process has synced: what stood in them before is durable.
    synced: Mutex<HashSet<PathBuf>>,
}

impl LocalStore {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, synced: Mutex::default() }
    }

    /// Makes the folder itself, with the folders above it.
    ///
    /// After `Ok` they survive a power cut.
    pub(super) fn create(&self) -> io::Result<()> {
        self.make_folders(&self.root)
    }

    /// Makes durable what is there: a run that died may have put files under their names and synced no folder.
    ///
    /// After `Ok` all names survive a power cut, save those of packs: [`Self::settle_file`].
    pub(super) fn settle(&self) -> io::Result<()> {
        self.make_folders(&self.root)?;
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.file_name() != INCOMING {
                sync_folder(&entry.path())?;
            }
        }
        sync_folder(&self.root)
    }

    /// Makes the name of one file durable.
    pub(super) fn settle_file(&self, path: &str) -> io::Result<()> {
        sync_folder(self.root.join(path).parent().unwrap_or(&self.root))
    }

    /// Makes a folder of the repository, or the repository's own, with the folders above it. After `Ok` they survive a
    /// power cut, those too that were there: a run that died may have made them a moment ago.
    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        let Some(above) = folder.parent() else { return Ok(()) };
        if folder != self.root {
            self.make_folders(above)?;
        }
        let is_new = !folder.is_dir();
        make_folders(folder)?;
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_new && !synced.contains(above) {
            match sync_folder(above) {
                // Whoever may not open the folder around the repository did not make the repository's in it just now.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && folder == self.root => {}
                done => done?,
            }
        }
        synced.insert(above.to_owned());
        Ok(())
    }

    /// Whether nothing is there but what making a repository leaves when it is cut off early.
    pub(super) fn is_unborn(&self) -> io::Result<bool> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name();
            if name != INCOMING && name != "keys" {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn read(&self, path: &str) -> io::Result<Bytes> {
        fs::read(self.root.join(path)).map(Bytes::from)
    }

    /// Exactly `length` bytes from `offset`; fewer are an error.
    pub(super) fn read_range(&self, path: &str, offset: u64, length: usize) -> io::Result<Bytes> {
        let mut file = File::open(self.root.join(path))?;
        // Before anything is set aside for it: a damaged index may name a length that no file has.
        let end = offset.checked_add(length as u64).ok_or(io::ErrorKind::InvalidInput)?;
        if end > file.metadata()?.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Puts a whole file under its name.
    ///
    /// After `Ok` the file and its name survive a power cut. After `Err`, or a crash at any moment, the name stands
    /// for the whole file or for what it stood for before, never for a part.
    pub(super) fn write(&self, path: &str, parts: &[Bytes]) -> io::Result<()> {
        let target = self.root.join(path);
        let folder = target.parent().unwrap_or(&self.root);
        let incoming = self.root.join(INCOMING);
        self.make_folders(folder)?;
        self.make_folders(&incoming)?;
        let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o444)).tempfile_in(incoming)?;
        for part in parts {
            file.write_all(part)?;
        }
        sync_file(file.as_file())?;
        file.persist(&target).map_err(|error| error.error)?;
        sync_folder(folder)
    }

    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        let target = self.root.join(path);
        fs::remove_file(&target)?;
        sync_folder(target.parent().unwrap_or(&self.root))
    }

    /// Size of a file; `None` when it is not there, or no file.
    pub(super) fn size(&self, path: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.root.join(path)) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every file below `folder`, `depth` folders down, with its size. A folder that is not there is empty.
    pub(super) fn list(&self, folder: &str, depth: usize) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        if self.root.join(folder).try_exists()? {
            self.list_into(folder, depth, &mut found)?;
        }
        Ok(found)
    }

    fn list_into(&self, folder: &str, depth: usize, found: &mut Vec<(String, u64)>) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            // Names of a repository are hex digits: what is not even text is none of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{folder}/{name}");
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                found.push((path, metadata.len()));
            } else if metadata.is_dir() && depth > 0 {
                self.list_into(&path, depth - 1, found)?;
            }
        }
        Ok(())
    }

    /// Removes what crashed writers left, if it is older than `before`: a younger file may belong to one at work.
    pub(super) fn sweep(&self, before: SystemTime) -> io::Result<()> {
        for (path, _) in self.list(INCOMING, 0)? {
            let file = self.root.join(&path);
            if fs::metadata(&file)?.modified()? < before {
                fs::remove_file(file)?;
            }
        }
        Ok(())
    }
}

fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return Ok(()) };
    make_folders(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => Err(error),
        // Another run may have been quicker, and may not have synced it yet.
        Ok(()) | Err(_) => sync_folder(parent),
    }
}

fn sync_file(file: &File) -> io::Result<()> {
    #[cfg(test)]
    tests::note(tests::Synced::File(file.metadata()?.len()));
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(test)]
    tests::note(tests::Synced::Folder(folder.to_owned(), fs::read_dir(folder)?.count()));
    match File::open(folder)?.sync_all() {
        // Some network file systems know no syncing of folders, and say so: theirs are durable or nothing is.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What was synced, and what there was to sync at that moment: a file's bytes, a folder's entries.
    #[derive(Clone, PartialEq, Debug)]
    pub(super) enum Synced {
        File(u64),
        Folder(PathBuf, usize),
    }

    thread_local! {
        static SYNCED: RefCell<Vec<Synced>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(synced: Synced) {
        SYNCED.with_borrow_mut(|all| all.push(synced));
    }

    #[test]
    fn bytes_are_synced_before_they_get_their_name_and_the_name_after() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("repo");
        fs::create_dir(&root).unwrap();
        let store = LocalStore::new(root.clone());
        SYNCED.take();
        store.write("data/ab/abcd", &[Bytes::from_static(b"one file")]).unwrap();
        let folder = |path: &str, entries| Synced::Folder(root.join(path), entries);
        assert_eq!(
            SYNCED.take(),
            [
                // The repository was there, and may be so new that a power cut would take it.
                Synced::Folder(place.path().to_owned(), 1),
                // New folders: each above it knows of the one below before anything is put into that.
                Synced::Folder(root.clone(), 1),
                folder("data", 1),
                Synced::Folder(root.clone(), 2),
                Synced::File(8),
                folder("data/ab", 1),
            ]
        );
        store.remove("data/ab/abcd").unwrap();
        assert_eq!(SYNCED.take(), [folder("data/ab", 0)]);
    }

    #[test]
    fn a_write_leaves_one_whole_read_only_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().join("deep/repo"));
        store.write("data/ab/abcd", &[Bytes::from_static(b"one "), Bytes::from_static(b"file")]).unwrap();
        assert_eq!(store.read("data/ab/abcd").unwrap(), "one file");
        assert_eq!(store.read_range("data/ab/abcd", 4, 4).unwrap(), "file");
        assert_eq!(store.list("data", 1).unwrap(), [("data/ab/abcd".to_owned(), 8)]);
        assert!(store.list(INCOMING, 0).unwrap().is_empty());
        let mode = fs::metadata(folder.path().join("deep/repo/data/ab/abcd")).unwrap().permissions().mode();
        assert_eq!(mode & 0o222, 0, "nobody can write into it");
    }

    #[test]
    fn a_range_that_the_file_does_not_have_is_an_error_not_fewer_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().to_owned());
        store.write("data/ab/abcd", &[Bytes::from_static(b"short")]).unwrap();
        assert!(store.read_range("data/ab/abcd", 3, 3).is_err());
        assert!(store.read_range("data/ab/abcd", 0, usize::MAX).is_err());
        assert!(store.read_range("data/ab/abcd", u64::MAX, 1).is_err());
    }

    #[test]
    fn the_sweep_takes_old_leftovers_and_no_young_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().to_owned());
        store.write("incoming/left-over", &[]).unwrap();
        store.sweep(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(store.list(INCOMING, 0).unwrap().len(), 1);
        let later = fs::metadata(folder.path().join("incoming/left-over")).unwrap().modified().unwrap()
            + std::time::Duration::from_secs(1);
        store.sweep(later).unwrap();
        assert!(store.list(INCOMING, 0).unwrap().is_empty());
    }
}
