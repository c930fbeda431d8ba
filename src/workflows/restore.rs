//! Restore: an album, a photo, or everything, out of a repository into a folder.
//!
//! Needs neither catalog nor objects: what a snapshot says about itself is enough.

mod pick;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::bring_back::{Brought, NotBack, bring_back};
use super::contents::Contents;
use crate::events::{Listener, Progress, Stage};
use crate::model::report::RestoreReport;
use crate::model::{ObjectId, Problem, ProblemKind};
use crate::repository::{Access, Repository, Snapshot, SnapshotFile};

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
/// The repository cannot be opened, the snapshot or the album is not in it, the disk is full.
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
    if !dry_run {
        report.problems = contents.fetch_checksums(&repository, paths.iter().map(String::as_str))?;
        let mut restoring = Restoring {
            repository: &repository,
            contents: &contents,
            to,
            overwrite: *overwrite,
            placed: BTreeMap::new(),
            listener,
        };
        restoring.all(&paths, &mut report)?;
        sync_folders(to, &paths)?;
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

struct Restoring<'a> {
    repository: &'a Repository,
    contents: &'a Contents,
    to: &'a Path,
    overwrite: Overwrite,
    /// Where the files that stand more than once in the snapshot have been placed.
    placed: BTreeMap<ObjectId, PathBuf>,
    listener: &'a dyn Listener,
}

impl Restoring<'_> {
    fn all(&mut self, paths: &[String], report: &mut RestoreReport) -> Result<(), Error> {
        let mut bytes_done = 0;
        for (files_done, path) in (1..).zip(paths) {
            if self.listener.stop_requested() {
                return Err(Error::Interrupted);
            }
            let Some(file) = self.contents.files.get(path) else { continue };
            self.one(path, file, report)?;
            bytes_done += file.size;
            self.listener.progress(Progress {
                stage: Stage::Restoring,
                files_done,
                files_total: report.files,
                bytes_done,
                bytes_total: report.bytes,
            });
        }
        Ok(())
    }

    fn one(&mut self, path: &str, file: &SnapshotFile, report: &mut RestoreReport) -> Result<(), Error> {
        let target = self.to.join(path);
        let expected = self.contents.expected(path);
        if let Some(object) = expected.filter(|object| self.linked(object, &target)) {
            self.placed.entry(object).or_insert(target);
            return Ok(());
        }
        if expected.is_none() && !self.contents.is_hash_lost(path) {
            let message = "the snapshot holds no checksum for it, so nothing proves it";
            report.problems.push(Problem::new(path, ProblemKind::Missing, message));
            return Ok(());
        }
        let problem = match bring_back(self.repository, file, expected, &target, self.overwrite) {
            Ok(Brought::Back { object }) => {
                if file.links > 1 {
                    self.placed.insert(object, target);
                }
                return Ok(());
            }
            Ok(Brought::AlreadyThere) => {
                report.already_there += 1;
                if let Some(object) = expected.filter(|_| file.links > 1) {
                    self.placed.insert(object, target);
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
            Err(error) => Problem::new(path, kind(&error), Error::chain(&error)),
        };
        self.listener.problem(&problem);
        report.problems.push(problem);
        Ok(())
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

/// Makes the names of all restored files durable.
fn sync_folders(to: &Path, paths: &[String]) -> Result<(), Error> {
    let mut folders = BTreeSet::new();
    for path in paths {
        let target = to.join(path);
        folders.extend(target.ancestors().skip(1).take_while(|folder| folder.starts_with(to)).map(Path::to_owned));
    }
    for folder in folders {
        match File::open(&folder).and_then(|folder| folder.sync_all()) {
            Ok(()) => {}
            // Some file systems cannot sync a folder (FAT by root, shares): they have no better to give.
            Err(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) => {}
            Err(cause) => return Err(Error::RestoreTo { path: folder, cause }),
        }
    }
    Ok(())
}
