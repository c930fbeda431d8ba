//! A folder: a mounted drive, a card, a phone that the system shows as a folder.

mod patient;
mod walk;

pub(super) use patient::Patient;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Met, SourceError, volume};
use crate::model::FileStamp;

/// A folder that photos are read from. It is held open: what is unplugged and plugged in again is another one.
pub struct Folder {
    path: PathBuf,
    top: Arc<OwnedFd>,
}

impl Folder {
    /// Opens a folder for reading; a link given by the person is followed, none inside is.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |cause: io::Error| SourceError::Unreadable { path: path.to_owned(), cause };
        let absolute = match path.canonicalize() {
            Ok(absolute) => absolute,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Err(SourceError::Missing { path: path.to_owned() });
            }
            Err(cause) => return Err(unreadable(cause)),
        };
        if !absolute.is_dir() {
            return Err(SourceError::NotAFolder { path: path.to_owned() });
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(&absolute, flags, Mode::empty()).map_err(|errno| unreadable(errno.into()))?;
        Ok(Self { path: absolute, top: Arc::new(top) })
    }

    /// The absolute path of its top.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The UUID of the file system that it lies on, where that can be found out.
    pub fn volume(&self) -> Option<String> {
        volume::uuid(&self.path)
    }

    /// Meets everything below the top: each folder's files by name, then its folders by name. One folder's listing is
    /// in memory at a time for each level of depth.
    pub fn walk(&self) -> impl Iterator<Item = Met> + use<> {
        walk::Walk::new(Arc::clone(&self.top))
    }

    /// Whether the folder is still the one that was opened: a drive that was unplugged is not.
    pub fn is_still_there(&self) -> bool {
        let now = rustix::fs::stat(&self.path);
        let then = rustix::fs::fstat(&self.top);
        matches!((now, then), (Ok(now), Ok(then)) if now.st_dev == then.st_dev && now.st_ino == then.st_ino)
    }
}

/// Opens a regular file in an open folder.
pub(super) fn open_in(folder: &OwnedFd, name: &[u8]) -> io::Result<(Patient, FileStamp)> {
    // A pipe that took the file's place must not block the run for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(folder, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::openat(folder, name, flags, Mode::empty())?,
        other => other?,
    };
    let stat = rustix::fs::fstat(&opened)?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(io::Error::other("it is no regular file any more"));
    }
    let stamp = stamp(&stat);
    Ok((Patient::new(File::from(opened), stamp.size), stamp))
}

/// What the file system says about an open file now.
pub(super) fn stamp_of(file: &Patient) -> io::Result<FileStamp> {
    Ok(stamp(&rustix::fs::fstat(&file.file)?))
}

fn stamp(stat: &Stat) -> FileStamp {
    let nanoseconds = i32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    FileStamp {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified_at: Timestamp::new(stat.st_mtime, nanoseconds).ok(),
        inode: stat.st_ino,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Unfollowed;
    use std::collections::BTreeSet;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    fn met_files(folder: &Folder) -> Vec<String> {
        folder
            .walk()
            .filter_map(|met| match met {
                Met::File(found) => Some(found.path.to_string()),
                Met::Problem(_) | Met::Unfollowed(..) => None,
            })
            .collect()
    }

    fn put(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        File::create(path).and_then(|mut file| io::Write::write_all(&mut file, bytes)).expect("a file");
    }

    #[test]
    fn every_file_is_met_once_in_the_order_of_names() {
        let source = tempfile::tempdir().expect("a folder");
        for name in ["b.jpg", "a.jpg", "DCIM/2.jpg", "DCIM/1.jpg", "DCIM/deep/er/x.jpg"] {
            put(&source.path().join(name), b"bytes");
        }
        let folder = Folder::open(source.path()).expect("it opens");
        assert_eq!(met_files(&folder), ["a.jpg", "b.jpg", "DCIM/1.jpg", "DCIM/2.jpg", "DCIM/deep/er/x.jpg"]);
    }

    #[test]
    fn links_are_passed_by_even_when_they_run_in_circles() {
        let source = tempfile::tempdir().expect("a folder");
        let outside = tempfile::tempdir().expect("a folder");
        put(&outside.path().join("secret.jpg"), b"outside");
        put(&source.path().join("in/a.jpg"), b"inside");
        symlink(source.path(), source.path().join("in/loop")).expect("a link");
        symlink(outside.path(), source.path().join("out")).expect("a link");
        symlink(outside.path().join("secret.jpg"), source.path().join("secret.jpg")).expect("a link");
        let folder = Folder::open(source.path()).expect("it opens");
        assert_eq!(met_files(&folder), ["in/a.jpg"]);
        let passed_by: BTreeSet<String> = folder
            .walk()
            .filter_map(|met| match met {
                Met::Unfollowed(Unfollowed::Link, path) => Some(path.to_string()),
                Met::File(_) | Met::Problem(_) | Met::Unfollowed(..) => None,
            })
            .collect();
        assert_eq!(passed_by, BTreeSet::from(["in/loop".into(), "out".into(), "secret.jpg".into()]));
    }

    #[test]
    fn a_file_that_became_a_link_is_not_opened() {
        let source = tempfile::tempdir().expect("a folder");
        put(&source.path().join("a.jpg"), b"bytes");
        let folder = Folder::open(source.path()).expect("it opens");
        let found = folder.walk().find_map(|met| match met {
            Met::File(found) => Some(found),
            Met::Problem(_) | Met::Unfollowed(..) => None,
        });
        std::fs::remove_file(source.path().join("a.jpg")).expect("it goes");
        symlink("/etc/passwd", source.path().join("a.jpg")).expect("a link");
        assert!(found.expect("one file").open().is_err());
    }

    #[test]
    fn a_hundred_levels_of_folders_are_walked() {
        let source = tempfile::tempdir().expect("a folder");
        let mut deep = source.path().to_owned();
        for _ in 0..100 {
            deep.push("down");
        }
        put(&deep.join("a.jpg"), b"bytes");
        let folder = Folder::open(source.path()).expect("it opens");
        assert_eq!(met_files(&folder).len(), 1);
    }

    #[test]
    fn a_keepsake_archive_inside_the_source_is_not_entered() {
        let source = tempfile::tempdir().expect("a folder");
        put(&source.path().join("a.jpg"), b"bytes");
        put(&source.path().join("archive/.keepsake-archive"), b"");
        put(&source.path().join("archive/objects/ab/abcd"), b"bytes");
        let folder = Folder::open(source.path()).expect("it opens");
        assert_eq!(met_files(&folder), ["a.jpg"]);
    }

    #[test]
    fn reading_gives_the_bytes_and_leaves_the_access_time() {
        let source = tempfile::tempdir().expect("a folder");
        put(&source.path().join("a.jpg"), b"bytes");
        let folder = Folder::open(source.path()).expect("it opens");
        for met in folder.walk() {
            let Met::File(found) = met else { continue };
            let mut opened = found.open().expect("it opens");
            let mut bytes = Vec::new();
            opened.read_to_end(&mut bytes).expect("it reads");
            assert_eq!(bytes, b"bytes");
            assert_eq!(opened.stamp_now().expect("a stamp"), found.stamp);
        }
    }

    #[test]
    fn what_is_not_there_and_what_is_no_folder_are_told_apart() {
        let source = tempfile::tempdir().expect("a folder");
        put(&source.path().join("a.jpg"), b"bytes");
        assert!(matches!(Folder::open(&source.path().join("nothing")), Err(SourceError::Missing { .. })));
        assert!(matches!(Folder::open(&source.path().join("a.jpg")), Err(SourceError::NotAFolder { .. })));
    }

    #[test]
    fn a_source_that_was_swapped_is_noticed() {
        let parent = tempfile::tempdir().expect("a folder");
        let top = parent.path().join("drive");
        put(&top.join("a.jpg"), b"bytes");
        let folder = Folder::open(&top).expect("it opens");
        assert!(folder.is_still_there());
        std::fs::remove_dir_all(&top).expect("it goes");
        assert!(!folder.is_still_there());
    }
}
