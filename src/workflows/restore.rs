//! Restore: an album, a photo, or everything, out of a repository into a folder.
//!
//! Needs neither catalog nor objects: what a snapshot says about itself is enough.

mod pick;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::Error;
use super::bring_back::{Brought, Fetched, NotBack, fetch};
use super::contents::Contents;
use super::whole_disk::WholeDisk;
use crate::events::{Listener, Progress, Stage};
use crate::model::report::RestoreReport;
use crate::model::{ObjectId, Problem, ProblemKind};
use crate::repository::{Access, ReadOne, Repository, Snapshot, SnapshotFile, SnapshotId};

pub use super::bring_back::Overwrite;
pub use pick::Wanted;

/// What the person asked for besides the files.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// Which files.
    pub wanted: Wanted,
    /// A snapshot's id or its beginning; the newest complete one when not said.
    pub snapshot: Option<String>,
    /// Whose snapshots, where that is known.
    pub archive_id: Option<String>,
    /// Only say what would be restored.
    pub dry_run: bool,
    /// What to do where a different file stands in the way.
    pub overwrite: Overwrite,
}

/// Restores files of one snapshot below the folder `to`, under the names that they have in the snapshot.
///
/// After Ok every file that is not among the problems stands there, byte for byte what went in; running again goes on
/// from there. Files that stand twice in the snapshot (albums) take their space once where the file system has hard
/// links.
///
/// # Errors
///
/// The repository cannot be opened, or goes away in the middle; the snapshot or the album is not in it; the disk is full.
pub fn restore(
    access: &Access,
    to: &Path,
    options: &RestoreOptions,
    listener: &dyn Listener,
) -> Result<RestoreReport, Error> {
    let RestoreOptions { wanted, snapshot, archive_id, dry_run, overwrite } = options;
    let repository = Repository::open(access)?;
    let snapshot = pick_snapshot(&repository, snapshot.as_deref(), archive_id.as_deref())?;
    let mut contents = Contents::list(&repository, &snapshot.id)?;
    let paths = pick::paths(wanted, &repository, &contents)?;
    let mut report = RestoreReport {
        snapshot: snapshot.id.to_string(),
        files: paths.len() as u64,
        bytes: paths.iter().filter_map(|path| contents.files.get(path)).map(|file| file.size).sum(),
        dry_run: *dry_run,
        ..RestoreReport::default()
    };
    if options.snapshot.is_none() {
        report.problems.extend(unreadable_snapshots(&repository, &snapshot)?);
    }
    if !dry_run {
        report.problems.extend(contents.fetch_checksums(&repository, paths.iter().map(String::as_str))?);
        report.problems.extend(contents.lost_folders(wanted.top_folder()));
        let missing = to.ancestors().take_while(|folder| !folder.is_dir()).count();
        let unusable = |cause| Error::RestoreTo { path: to.to_owned(), cause };
        fs::create_dir_all(to).map_err(unusable)?;
        let mut restoring = Restoring {
            repository: &repository,
            contents: &contents,
            to,
            disk: WholeDisk::of(to).map_err(unusable)?,
            overwrite: *overwrite,
            placed: BTreeMap::new(),
            listener,
            files_done: 0,
            bytes_done: 0,
        };
        restoring.all(&paths, &mut report)?;
        // The folder's own name is synced even where it was there: a run that died may have made it a moment ago.
        sync_folders(to, missing.max(1), &paths)?;
    }
    report.fetched_bytes = repository.traffic().fetched_bytes;
    Ok(report)
}

/// The snapshot whose id begins with `id`, or the newest complete one: of the archive `archive_id` where it is known, since
/// two archives can share a repository.
pub(super) fn pick_snapshot(
    repository: &Repository,
    id: Option<&str>,
    archive_id: Option<&str>,
) -> Result<Snapshot, Error> {
    let snapshots = repository.snapshots()?;
    match id {
        None | Some("latest") => snapshots
            .into_iter()
            .rev()
            .find(|one| one.ours && one.complete && archive_id.is_none_or(|archive_id| one.archive_id == archive_id))
            .ok_or(Error::NoCompleteSnapshot),
        Some(beginning) => {
            let mut matching = snapshots.into_iter().filter(|one| one.id.to_string().starts_with(beginning));
            match (matching.next(), matching.next()) {
                (Some(one), None) => Ok(one),
                (None, _) => Err(Error::NoSuchSnapshot { id: beginning.to_owned() }),
                (Some(_), Some(_)) => Err(Error::AmbiguousSnapshot { id: beginning.to_owned() }),
            }
        }
    }
}

/// A snapshot that cannot be read may be the newest one: whoever takes another must be told.
pub(super) fn unreadable_snapshots(repository: &Repository, taken: &Snapshot) -> Result<Vec<Problem>, Error> {
    let told = |id: SnapshotId| {
        let message = format!(
            "this snapshot cannot be read, and may be newer than the one of {:.0} that was used; photos that are in it alone are not back",
            taken.at
        );
        Problem::new(format!("snapshots/{}", id.short()), ProblemKind::Damaged, message)
    };
    Ok(repository.unreadable_snapshots()?.into_iter().map(told).collect())
}

/// Files that wait for their names at most: each is open meanwhile.
const BATCH_FILES: usize = 256;

/// Bytes that wait at most; so much may have to be fetched again after a crash.
const BATCH_BYTES: u64 = 256 * 1024 * 1024;

struct Restoring<'a> {
    repository: &'a Repository,
    contents: &'a Contents,
    to: &'a Path,
    disk: WholeDisk,
    overwrite: Overwrite,
    /// Where the files that stand more than once in the snapshot have been placed.
    placed: BTreeMap<ObjectId, PathBuf>,
    listener: &'a dyn Listener,
    files_done: u64,
    bytes_done: u64,
}

impl Restoring<'_> {
    /// What stands more than once is fetched once, and linked to its twin afterwards.
    fn all(&mut self, paths: &[String], report: &mut RestoreReport) -> Result<(), Error> {
        let contents = self.contents;
        let (mut wanted, mut twins, mut met) = (Vec::new(), Vec::new(), BTreeSet::new());
        for file in paths.iter().filter_map(|path| contents.files.get(path)) {
            match contents.expected(&file.path) {
                Some(object) if file.links > 1 && !met.insert(object) => twins.push((object, file)),
                None if !contents.is_hash_lost(&file.path) => {
                    let message = "the snapshot holds no checksum for it, so nothing proves it";
                    report.problems.push(Problem::new(file.path.as_str(), ProblemKind::Missing, message));
                }
                Some(_) | None => wanted.push(file),
            }
        }
        self.fetch(wanted, report)?;
        twins.retain(|(object, file)| {
            let linked = self.linked(object, &self.to.join(&file.path));
            if linked {
                self.done(file, report);
            }
            !linked
        });
        self.fetch(twins.into_iter().map(|(_, file)| file).collect(), report)
    }

    fn fetch(&mut self, files: Vec<&SnapshotFile>, report: &mut RestoreReport) -> Result<(), Error> {
        let (repository, contents, to, overwrite) = (self.repository, self.contents, self.to, self.overwrite);
        let work = |file: &SnapshotFile, read: ReadOne<'_>| {
            fetch(read, file, contents.expected(&file.path), &to.join(&file.path), overwrite)
        };
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        let mut ended = Ok(());
        repository.read_each(files, work, |file, fetched| {
            let taken = match fetched {
                Ok(ControlFlow::Continue(fetched)) => {
                    batch.push((file, fetched));
                    batch_bytes += file.size;
                    if batch.len() >= BATCH_FILES || batch_bytes >= BATCH_BYTES {
                        batch_bytes = 0;
                        self.settle(&mut batch, report)
                    } else {
                        Ok(())
                    }
                }
                Ok(ControlFlow::Break(brought)) => self.take(file, Ok(brought), report),
                Err(error) => self.take(file, Err(error), report),
            };
            self.done(file, report);
            let stopped = if self.listener.stop_requested() { Err(Error::Interrupted) } else { Ok(()) };
            ended = taken.and(stopped);
            if ended.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        // Whatever ended it: what was fetched and compared is there.
        self.settle(&mut batch, report).and(ended)
    }

    fn done(&mut self, file: &SnapshotFile, report: &RestoreReport) {
        self.files_done += 1;
        self.bytes_done += file.size;
        self.listener.progress(Progress {
            stage: Stage::Restoring,
            files_done: self.files_done,
            files_total: report.files,
            bytes_done: self.bytes_done,
            bytes_total: report.bytes,
        });
    }

    /// Puts the bytes of a batch on the disk, and only then gives each file its name.
    fn settle(&mut self, batch: &mut Vec<(&SnapshotFile, Fetched)>, report: &mut RestoreReport) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let on_disk = self.disk.sync(batch.iter().map(|(_, fetched)| fetched.file()));
        for (file, fetched) in batch.drain(..) {
            let synced = if on_disk { Ok(()) } else { fetched.sync() };
            self.take(file, synced.and_then(|()| fetched.settle()), report)?;
        }
        Ok(())
    }

    /// Notes what became of a file.
    fn take(
        &mut self,
        file: &SnapshotFile,
        brought: Result<Brought, NotBack>,
        report: &mut RestoreReport,
    ) -> Result<(), Error> {
        let path = file.path.as_str();
        let problem = match brought {
            Ok(Brought::Back { object }) => {
                self.place(object, file);
                return Ok(());
            }
            Ok(Brought::AlreadyThere) => {
                report.already_there += 1;
                if let Some(object) = self.contents.expected(path) {
                    self.place(object, file);
                }
                return Ok(());
            }
            Ok(Brought::BackUnproven) => Problem::new(
                path,
                ProblemKind::Unproven,
                "it is back, but its checksum in the snapshot is lost: only the repository's own hashes say that it is right",
            ),
            Ok(Brought::InTheWay) => Problem::new(
                path,
                ProblemKind::InTheWay,
                "a different file stands there and was not touched (--overwrite replaces it)",
            ),
            Err(error) if error.is_full_disk() => return Err(Error::RestoreDiskFull { to: self.to.to_owned() }),
            // The network or the drive went away: each of the other files would wait for it as long, and in vain.
            Err(NotBack::Repository(error)) if !error.is_of_one_part() => return Err(error.into()),
            Err(error) => Problem::new(path, kind(&error), Error::chain(&error)),
        };
        self.listener.problem(&problem);
        report.problems.push(problem);
        Ok(())
    }

    fn place(&mut self, object: ObjectId, file: &SnapshotFile) {
        if file.links > 1 {
            self.placed.insert(object, self.to.join(&file.path));
        }
    }

    /// Links the file to its twin that was placed before, where that is possible and nothing stands in the way.
    fn linked(&self, object: &ObjectId, target: &Path) -> bool {
        let Some(twin) = self.placed.get(object) else { return false };
        let folder_made = target.parent().is_none_or(|folder| fs::create_dir_all(folder).is_ok());
        folder_made && fs::hard_link(twin, target).is_ok()
    }
}

fn kind(error: &NotBack) -> ProblemKind {
    match error {
        NotBack::Repository(_) => ProblemKind::Unreadable,
        NotBack::Altered { .. } => ProblemKind::Altered,
        NotBack::NotThere => ProblemKind::Missing,
        NotBack::Unwritable { .. } => ProblemKind::Unwritable,
    }
}

/// Makes the names of all restored files durable, and those of the folder `to` and of the next ones `above` it, as many
/// as may be new.
fn sync_folders(to: &Path, above: usize, paths: &[String]) -> Result<(), Error> {
    let mut folders: BTreeSet<_> = to.ancestors().skip(1).take(above).map(Path::to_owned).collect();
    for path in paths {
        let target = to.join(path);
        folders.extend(target.ancestors().skip(1).take_while(|folder| folder.starts_with(to)).map(Path::to_owned));
    }
    for folder in folders {
        match File::open(&folder).and_then(|folder| folder.sync_all()) {
            Ok(()) => {}
            // Some file systems cannot sync a folder (FAT by root, shares): they have no better to give. One that may not
            // be opened stands above `to` and was there before.
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::InvalidInput
                        | io::ErrorKind::Unsupported
                        | io::ErrorKind::PermissionDenied
                ) => {}
            Err(cause) => return Err(Error::RestoreTo { path: folder, cause }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
