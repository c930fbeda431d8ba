//! One file out of a repository, whole under its name or not there at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;

#[cfg(test)]
use super::whole_disk::tests::{Step, note};

use crate::model::{Namer, ObjectId};
use crate::repository::{ReadOne, Repository, RepositoryError, SnapshotFile};

/// What became of one file.
pub(super) enum Brought {
    /// It was fetched, compared, and stands under its name.
    Back {
        /// Its hash.
        object: ObjectId,
    },
    /// It was fetched and stands under its name; nothing but the repository's own hashes says that it is right.
    BackUnproven,
    /// The same bytes stood there already.
    AlreadyThere,
    /// Different bytes stand there, and stay.
    InTheWay,
}

/// Why one file did not come back.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotBack {
    /// The repository did not give it whole.
    #[error("the repository does not give it back whole")]
    Repository(#[source] RepositoryError),
    /// The bytes that came are not the ones that went in.
    #[error("other bytes came back than went in: {found} instead of {expected}")]
    Altered {
        /// What the snapshot, or the catalog, says.
        expected: ObjectId,
        /// What came.
        found: ObjectId,
    },
    /// The snapshot does not hold it, and should.
    #[error("the snapshot does not hold it")]
    NotThere,
    /// The place to restore to refused it.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

impl NotBack {
    /// Whether going on is pointless: nothing else will fit either.
    pub(super) fn is_full_disk(&self) -> bool {
        match self {
            Self::Unwritable { cause, .. } => {
                matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Repository(_) | Self::Altered { .. } | Self::NotThere => false,
        }
    }
}

/// Whether a different file that stands in the way may be replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overwrite {
    /// It stays, and the file is a problem.
    Never,
    /// It is replaced, once the right bytes are there.
    Yes,
}

/// A file that was fetched and compared, and does not have its name yet.
pub(super) struct Fetched {
    file: File,
    partial: PathBuf,
    target: PathBuf,
    modified_at: Timestamp,
    expected: Option<ObjectId>,
    overwrite: Overwrite,
    has_name: bool,
}

/// Fetches `file` to `target`.
///
/// After Ok(`Back`) the bytes hash to `expected` (where the snapshot says what that is), are on the disk, and stand under the name; the folder is not synced
/// yet. After Err or a crash nothing new stands under the name; an unfinished `.keepsake-partial` may stay beside it
/// and is written over by the next try.
pub(super) fn bring_back(
    repository: &Repository,
    file: &SnapshotFile,
    expected: Option<ObjectId>,
    target: &Path,
    overwrite: Overwrite,
) -> Result<Brought, NotBack> {
    match fetch(&|out| repository.read(file, out), file, expected, target, overwrite)? {
        ControlFlow::Break(brought) => Ok(brought),
        ControlFlow::Continue(fetched) => {
            fetched.sync()?;
            fetched.settle()
        }
    }
}

/// The first half of [`bring_back`]: the bytes are compared and stand beside `target`. `Break`: there is nothing to
/// do, or it must not be done.
pub(super) fn fetch(
    read: ReadOne<'_>,
    file: &SnapshotFile,
    expected: Option<ObjectId>,
    target: &Path,
    overwrite: Overwrite,
) -> Result<ControlFlow<Brought, Fetched>, NotBack> {
    match standing(target, expected.as_ref()) {
        Ok(Standing::Nothing) => {}
        Ok(Standing::Same) => return Ok(ControlFlow::Break(Brought::AlreadyThere)),
        Ok(Standing::Other) if overwrite == Overwrite::Yes => {}
        Ok(Standing::Other) => return Ok(ControlFlow::Break(Brought::InTheWay)),
        Err(cause) => return Err(unwritable(target, cause)),
    }
    let partial = partial_name(target);
    match write_out(read, expected.as_ref(), &partial) {
        Ok(written) => Ok(ControlFlow::Continue(Fetched {
            file: written,
            partial,
            target: target.to_owned(),
            modified_at: file.modified_at,
            expected,
            overwrite,
            has_name: false,
        })),
        Err(error) => remove(&partial).and(Err(error)),
    }
}

impl Fetched {
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Puts its bytes on the disk; [`Fetched::settle`] wants them there.
    pub(super) fn sync(&self) -> Result<(), NotBack> {
        #[cfg(test)]
        note(Step::SyncedOne);
        self.file.sync_all().map_err(|cause| unwritable(&self.partial, cause))
    }

    /// The second half of [`bring_back`], once the bytes are on the disk.
    pub(super) fn settle(mut self) -> Result<Brought, NotBack> {
        settle(&self.partial, &self.target, self.modified_at, self.overwrite)
            .map_err(|cause| unwritable(&self.target, cause))?;
        self.has_name = true;
        #[cfg(test)]
        note(Step::Named);
        Ok(self.expected.map_or(Brought::BackUnproven, |object| Brought::Back { object }))
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if !self.has_name {
            // One that stays is written over by the next try.
            drop(fs::remove_file(&self.partial));
        }
    }
}

fn remove(partial: &Path) -> Result<(), NotBack> {
    match fs::remove_file(partial) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(unwritable(partial, cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes what is read into a new file, whole; fails where it does not hash to `expected`.
fn write_out(read: ReadOne<'_>, expected: Option<&ObjectId>, partial: &Path) -> Result<File, NotBack> {
    let write_error = |cause| unwritable(partial, cause);
    if let Some(folder) = partial.parent() {
        fs::create_dir_all(folder).map_err(write_error)?;
    }
    let mut out = Tee { file: File::create(partial).map_err(write_error)?, namer: Namer::default(), failed: None };
    let read = read(&mut out);
    if let Some(cause) = out.failed.take() {
        return Err(write_error(cause));
    }
    read.map_err(NotBack::Repository)?;
    let found = out.namer.finish();
    match expected.filter(|expected| **expected != found) {
        Some(expected) => Err(NotBack::Altered { expected: *expected, found }),
        None => Ok(out.file),
    }
}

/// Gives the finished bytes their time and their name; never over a file that was not looked at.
fn settle(partial: &Path, target: &Path, modified_at: Timestamp, overwrite: Overwrite) -> io::Result<()> {
    let time = Timespec { tv_sec: modified_at.as_second(), tv_nsec: i64::from(modified_at.subsec_nanosecond().max(0)) };
    let times = Timestamps { last_access: time, last_modification: time };
    match rustix::fs::utimensat(CWD, partial, &times, rustix::fs::AtFlags::empty()) {
        // A drive of another system may not let this user set times: the photo matters more.
        Ok(()) | Err(Errno::PERM | Errno::NOTSUP) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = match overwrite {
        Overwrite::Never => RenameFlags::NOREPLACE,
        Overwrite::Yes => RenameFlags::empty(),
    };
    match rustix::fs::renameat_with(CWD, partial, CWD, target, flags) {
        // Some file systems know no rename that refuses to replace; the look before has to do there.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::renameat(CWD, partial, CWD, target)?;
            Ok(())
        }
        other => Ok(other?),
    }
}

enum Standing {
    Nothing,
    Same,
    Other,
}

fn standing(target: &Path, expected: Option<&ObjectId>) -> io::Result<Standing> {
    let metadata = match fs::symlink_metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Nothing),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() {
        return Ok(Standing::Other);
    }
    let Some(expected) = expected else { return Ok(Standing::Other) };
    Ok(if hash_file(target)? == *expected { Standing::Same } else { Standing::Other })
}

/// Names the bytes of a file on disk.
pub(super) fn hash_file(path: &Path) -> io::Result<ObjectId> {
    let mut file = File::open(path)?;
    let mut namer = Namer::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => namer.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(namer.finish())
}

fn partial_name(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".keepsake-partial");
    target.with_file_name(name)
}

fn unwritable(path: &Path, cause: io::Error) -> NotBack {
    NotBack::Unwritable { path: path.to_owned(), cause }
}

/// Writes and hashes at once, and remembers that it was the disk that failed, not the repository.
struct Tee {
    /// Unbuffered: what comes is as large as a part of a file.
    file: File,
    namer: Namer,
    failed: Option<io::Error>,
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.namer.update(bytes);
                Ok(bytes.len())
            }
            Err(cause) => {
                let copy = io::Error::new(cause.kind(), "the place to restore to cannot be written");
                self.failed = Some(cause);
                Err(copy)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
