//! Drill: restore from each repository into scratch space and compare, byte for byte by hash.
//!
//! Reads from the repository alone. What it proves is kept for each object, so that “safe” can be said of a photo
//! only when its bytes came back.

mod choose;

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;

use super::access::{chosen, open_known};
use super::backup::newest_complete;
use super::bring_back::{NotBack, Overwrite, fetch};
use super::contents::Contents;
use super::tree_paths::path_of_each_object;
use super::{Circumstances, Error, OpenArchive};
use crate::catalog::{Job, Outcome, SnapshotRow};
use crate::config::RepositorySettings;
use crate::events::{Listener, Progress, Stage};
use crate::model::ObjectId;
use crate::model::in_words::{count, size};
use crate::model::report::{DrillFailure, DrillReport, RepositoryDrill};
use crate::repository::{ReadOne, Repository, Snapshot, SnapshotFile};

pub use choose::Share;

/// How much to prove.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DrillOptions {
    /// Which files.
    pub share: Share,
    /// Stop choosing files after this many bytes; at least one file is restored.
    pub max_bytes: Option<u64>,
}

/// Drills the repositories called `names`, or all.
///
/// A repository that fails is reported and never stops the next one. A file that does not come back whole loses the
/// proof it had.
///
/// # Errors
///
/// Only what concerns all repositories: an unknown name, no repository at all, a catalog that cannot be read.
pub fn drill(
    open: &mut OpenArchive,
    names: &[String],
    options: &DrillOptions,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<DrillReport, Error> {
    let repositories = chosen(open, names)?;
    let run = open.catalog.begin_run(Job::Drill, None, around.moment())?;
    let mut report = DrillReport::default();
    for settings in &repositories {
        if listener.stop_requested() {
            report.stopped = true;
            break;
        }
        let started = Instant::now();
        let mut one = match drill_one(open, settings, options, around, listener) {
            Ok((one, ended)) => {
                report.stopped = ended == Ended::Stopped;
                one
            }
            Err(error) => {
                RepositoryDrill { error: Some(error.told()), hint: error.hint(), ..RepositoryDrill::default() }
            }
        };
        one.name = settings.name.to_string();
        one.seconds = started.elapsed().as_secs_f64();
        report.repositories.push(one);
    }
    let outcome = match &report {
        report if report.stopped => Outcome::Interrupted,
        report if report.repositories.iter().any(|one| one.error.is_some()) => Outcome::Failed,
        report if report.repositories.iter().any(|one| !one.failed.is_empty()) => Outcome::Problems,
        _ => Outcome::Done,
    };
    let as_json = serde_json::to_string(&report).map_err(Error::Report)?;
    open.catalog.finish_run(run, outcome, around.moment(), &as_json, &[])?;
    Ok(report)
}

/// Whether everything that was planned was tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    AsPlanned,
    Stopped,
}

fn drill_one(
    open: &mut OpenArchive,
    settings: &RepositorySettings,
    options: &DrillOptions,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<(RepositoryDrill, Ended), Error> {
    let repository = open_known(open, settings)?;
    let snapshot = newest_complete(&repository, &open.archive.marker.archive_id)?.ok_or(Error::NoCompleteSnapshot)?;
    let mut contents = Contents::list(&repository, &snapshot.id)?;
    let repository_id = repository.id();
    let mut passed_by = passed_by(open, &repository, &snapshot)?;
    passed_by.extend(
        contents.lost_folders(None).into_iter().map(|lost| DrillFailure { path: lost.path, reason: lost.message }),
    );
    if !passed_by.is_empty() {
        forget_what_is_not_in(open, &repository_id, &contents)?;
    }
    let up_to_date = snapshot.generation == Some(open.catalog.generation()?);
    let mut report = RepositoryDrill { snapshot: Some(snapshot.id.to_string()), ..RepositoryDrill::default() };
    let every_path: Vec<String> = contents.files.keys().cloned().collect();
    for lost in contents.fetch_checksums(&repository, every_path.iter().map(String::as_str))? {
        report.failed.push(DrillFailure { path: lost.path, reason: lost.message });
    }
    let plan = choose::choose(open, &repository_id, options, &contents, up_to_date)?;
    listener.note(&format!(
        "{}: restoring {} ({}) and the catalog into scratch space, to compare them",
        settings.name,
        count(plan.len() as u64, "original", "originals"),
        size(plan.iter().map(|one| one.size).sum())
    ));
    let scratch = tempfile::Builder::new()
        .prefix("keepsake-drill-")
        .tempdir_in(&around.scratch)
        .map_err(|cause| Error::RestoreTo { path: around.scratch.clone(), cause })?;
    report.failed.extend(passed_by);
    prove_own_files(&repository, &contents, scratch.path(), &mut report)?;
    let mut proven = Vec::new();
    let ended = prove(&repository, &contents, &plan, scratch.path(), &mut report, &mut proven, listener);
    // Whatever ended it: what came back is proven, what came back wrong is not any more.
    record(open, &repository_id, around.now, &plan, &proven, &mut report)?;
    let ended = ended?;
    report.fetched_bytes = repository.traffic().fetched_bytes;
    Ok((report, ended))
}

/// What is newer than the snapshot that is drilled, and should be there: what is in it alone is proven by nothing.
fn passed_by(open: &OpenArchive, repository: &Repository, drilled: &Snapshot) -> Result<Vec<DrillFailure>, Error> {
    let newest = open.catalog.newest_complete_snapshot(&repository.id())?;
    let lost = newest.filter(|known| known.at > drilled.at && known.id != drilled.id.to_string());
    let told = |lost: SnapshotRow| DrillFailure {
        path: format!("snapshots/{}", lost.id.get(..8).unwrap_or(&lost.id)),
        reason: format!(
            "the newest snapshot, of {:.0}, is gone or cannot be read; the one of {:.0} was drilled",
            lost.at, drilled.at
        ),
    };
    Ok(lost.map(told).into_iter().collect())
}

/// What no snapshot that can be read holds cannot be restored, however well it came back before.
fn forget_what_is_not_in(open: &mut OpenArchive, repository_id: &str, contents: &Contents) -> Result<(), Error> {
    let paths = path_of_each_object(&open.catalog.snapshot_plan()?);
    let lost: Vec<ObjectId> =
        paths.into_iter().filter(|(_, path)| !contents.files.contains_key(path)).map(|(object, _)| object).collect();
    Ok(open.catalog.forget_proofs(repository_id, &lost)?)
}

/// The catalog's export, settings and checksums must come back too: without them the photos have no names.
fn prove_own_files(
    repository: &Repository,
    contents: &Contents,
    scratch: &Path,
    report: &mut RepositoryDrill,
) -> Result<(), Error> {
    let own = contents.files.values().filter(|file| file.path.starts_with("keepsake/"));
    let own: Vec<_> = own.filter_map(|file| Some((file, contents.expected(&file.path)?))).collect();
    restore_each(repository, &own, scratch, |file, back| {
        report.restored += 1;
        match back {
            Ok(_) => report.matched += 1,
            Err(error) => report.failed.push(failure(&file.path, &error)),
        }
        ControlFlow::Continue(())
    })
}

fn prove(
    repository: &Repository,
    contents: &Contents,
    plan: &[choose::Chosen],
    scratch: &Path,
    report: &mut RepositoryDrill,
    proven: &mut Vec<ObjectId>,
    listener: &dyn Listener,
) -> Result<Ended, Error> {
    let bytes_total = plan.iter().map(|one| one.size).sum();
    let files_total = plan.len() as u64;
    let (mut files_done, mut bytes_done) = (0, 0);
    let mut there = Vec::new();
    for one in plan {
        if let Some(file) = contents.files.get(&one.path) {
            there.push((file, one.object));
        } else {
            report.restored += 1;
            report.failed.push(failure(&one.path, &NotBack::NotThere));
            files_done += 1;
            bytes_done += one.size;
        }
    }
    if listener.stop_requested() {
        return Ok(Ended::Stopped);
    }
    let mut ended = Ended::AsPlanned;
    restore_each(repository, &there, scratch, |file, back| {
        report.restored += 1;
        match back {
            Ok(object) => {
                report.matched += 1;
                proven.push(object);
            }
            Err(error) => report.failed.push(failure(&file.path, &error)),
        }
        files_done += 1;
        bytes_done += file.size;
        listener.progress(Progress { stage: Stage::Drilling, files_done, files_total, bytes_done, bytes_total });
        if listener.stop_requested() {
            ended = Ended::Stopped;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(ended)
}

/// Restores files into scratch space, compares each with the object it must be, and takes it away again.
///
/// # Errors
///
/// The scratch space is full, or the network or the drive went away: that says nothing of a file.
fn restore_each(
    repository: &Repository,
    files: &[(&SnapshotFile, ObjectId)],
    scratch: &Path,
    mut each: impl FnMut(&SnapshotFile, Result<ObjectId, NotBack>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let objects: BTreeMap<&str, ObjectId> = files.iter().map(|(file, object)| (file.path.as_str(), *object)).collect();
    let work = |file: &SnapshotFile, read: ReadOne<'_>| {
        let object = objects.get(file.path.as_str()).copied().ok_or(NotBack::NotThere)?;
        let target = scratch.join(ObjectId::of(file.path.as_bytes()).to_string());
        // Fetched and compared; nobody asks for it to outlive a crash, so it gets no name and is gone again at once.
        match fetch(read, file, Some(object), &target, Overwrite::Never)? {
            ControlFlow::Continue(_compared) => Ok(object),
            ControlFlow::Break(_) => {
                let cause = io::Error::new(io::ErrorKind::AlreadyExists, "the scratch space is not empty");
                Err(NotBack::Unwritable { path: target, cause })
            }
        }
    };
    let mut ended = Ok(());
    repository.read_each(files.iter().map(|(file, _)| *file).collect(), work, |file, back| match back {
        Err(error) if error.is_full_disk() => {
            ended = Err(Error::ScratchFull { folder: scratch.to_owned() });
            ControlFlow::Break(())
        }
        Err(NotBack::Repository(error)) if !error.is_of_one_file() => {
            ended = Err(error.into());
            ControlFlow::Break(())
        }
        back => each(file, back),
    })?;
    ended
}

fn failure(path: &str, error: &NotBack) -> DrillFailure {
    DrillFailure { path: path.to_owned(), reason: Error::chain(error) }
}

fn record(
    open: &mut OpenArchive,
    repository_id: &str,
    now: Timestamp,
    plan: &[choose::Chosen],
    proven: &[ObjectId],
    report: &mut RepositoryDrill,
) -> Result<(), Error> {
    open.catalog.record_proofs(repository_id, now, proven)?;
    let by_path: BTreeMap<&str, ObjectId> = plan.iter().map(|one| (one.path.as_str(), one.object)).collect();
    let lost: Vec<ObjectId> = report.failed.iter().filter_map(|one| by_path.get(one.path.as_str()).copied()).collect();
    open.catalog.forget_proofs(repository_id, &lost)?;
    report.proven_photos = open.catalog.proofs_summary(repository_id)?.proven_photos;
    Ok(())
}
