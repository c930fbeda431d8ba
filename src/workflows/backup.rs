//! Backup: one snapshot of everything into each repository, and a check of what was written.

mod tree;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::access::{chosen, open_known};
use super::open_archive::hold;
use super::{Circumstances, Error, OpenArchive, make_kit};
use crate::catalog::{CheckRow, Job, Outcome, RunId, SnapshotRow};
use crate::config::{Lock, RepositorySettings, Sharing};
use crate::events::Listener;
use crate::model::report::{BackupReport, BackupState, RepositoryBackup};
use crate::objects::{ObjectsError, Store};
use crate::repository::{BackedUp, Opener, ReadData, Repository, Snapshot, SnapshotStamp, TreeFile};

pub(super) use tree::checksum_shard;

/// Backs the archive up to the repositories called `names`, or to all.
///
/// A repository that fails is reported and never stops the next one. A snapshot is `complete` only when every object
/// of the archive is in it; the newest one stays what it was otherwise. After a crash, packs already sent are found
/// and used by the next backup.
///
/// # Errors
///
/// Only what concerns all repositories: an unknown name, no repository at all, a catalog that cannot be read; another
/// run that is at work on the only one.
pub fn backup(
    open: &mut OpenArchive,
    names: &[String],
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<BackupReport, Error> {
    let repositories = chosen(open, names)?;
    let run = open.catalog.begin_run(Job::Backup, None, around.moment())?;
    let mut report = BackupReport::default();
    let mut busy = None;
    for settings in &repositories {
        let started = Instant::now();
        let mut one = match back_up_to(open, settings, around, listener) {
            Ok(one) => one,
            Err(error) => {
                listener.note(&format!("{}: the backup failed", settings.name));
                let told = error.told();
                busy = busy.or_else(|| Some(error).filter(Error::is_busy));
                RepositoryBackup { error: Some(told), ..RepositoryBackup::default() }
            }
        };
        one.name = settings.name.to_string();
        one.seconds = started.elapsed().as_secs_f64();
        report.repositories.push(one);
        if listener.stop_requested() {
            break;
        }
    }
    finish(open, run, &report, around, listener)?;
    match busy {
        Some(busy) if report.repositories.iter().all(|one| one.state == BackupState::Failed) => Err(busy),
        Some(_) | None => Ok(report),
    }
}

fn finish(
    open: &mut OpenArchive,
    run: RunId,
    report: &BackupReport,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<(), Error> {
    let states: Vec<BackupState> = report.repositories.iter().map(|one| one.state).collect();
    let outcome = if listener.stop_requested() {
        Outcome::Interrupted
    } else if states.contains(&BackupState::Failed) {
        Outcome::Failed
    } else if states.contains(&BackupState::Partial) {
        Outcome::Problems
    } else {
        Outcome::Done
    };
    let problems: Vec<_> = report.repositories.iter().flat_map(|one| one.problems.clone()).collect();
    let as_json = serde_json::to_string(report).map_err(Error::Report)?;
    open.catalog.finish_run(run, outcome, around.moment(), &as_json, &problems)?;
    Ok(())
}

fn back_up_to(
    open: &mut OpenArchive,
    settings: &RepositorySettings,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<RepositoryBackup, Error> {
    let lock = Lock::Repository(settings.name.clone());
    let _held = hold(&open.archive, &lock, Sharing::Exclusive, &format!("backup to {}", settings.name), around)?;
    let repository = open_known(open, settings)?;
    let generation = open.catalog.generation()?;
    let archive_id = open.archive.marker.archive_id.clone();
    let newest = newest_complete(&repository, &archive_id)?;
    // A repository that was found damaged is filled again, whatever its snapshots say.
    let sound = open.catalog.newest_check(&repository.id())?.is_none_or(|check| check.ok);
    if let Some(snapshot) = newest.filter(|snapshot| sound && snapshot.generation == Some(generation)) {
        make_kit::put_beside(open, &settings.name, &repository, around)?;
        return Ok(RepositoryBackup {
            snapshot: Some(snapshot.id.to_string()),
            state: BackupState::Unchanged,
            photos: open.catalog.photo_count()?,
            ..RepositoryBackup::default()
        });
    }
    let (plan, export) = open.catalog.snapshot_contents()?;
    let photos = plan.photos.len() as u64;
    let stamp =
        SnapshotStamp { archive_id, at: around.now, generation: plan.generation, program: around.program.clone() };
    let files = tree::files(open, &plan, export, &opener(open)?, around)?;
    let plan_bytes = files.iter().map(TreeFile::size).sum();
    let made = repository.back_up(files, &stamp, listener)?;
    for problem in &made.problems {
        listener.problem(problem);
    }
    let checked = repository.check(ReadData::No, listener)?;
    make_kit::put_beside(open, &settings.name, &repository, around)?;
    let complete = made.complete && checked.findings.is_empty();
    if let Some(snapshot) = &made.snapshot {
        open.catalog.record_snapshot(&SnapshotRow {
            name: settings.name.to_string(),
            repository: repository.id(),
            id: snapshot.to_string(),
            at: around.now,
            generation: plan.generation,
            complete,
            files: made.files,
            bytes: plan_bytes,
        })?;
    }
    let ok = checked.findings.is_empty();
    open.catalog.record_check(&repository.id(), CheckRow { at: around.now, ok, read_bytes: checked.read_bytes })?;
    Ok(told(&made, photos, checked.findings.is_empty()))
}

fn told(made: &BackedUp, photos: u64, sound: bool) -> RepositoryBackup {
    let state = match (made.unchanged, made.complete && sound) {
        (true, true) => BackupState::Unchanged,
        (false, true) => BackupState::Complete,
        (_, false) => BackupState::Partial,
    };
    RepositoryBackup {
        snapshot: made.snapshot.as_ref().map(ToString::to_string),
        state,
        photos,
        files_new: made.files_new,
        read_bytes: made.read_bytes,
        sent_bytes: made.sent_bytes,
        checked: sound,
        problems: made.problems.clone(),
        ..RepositoryBackup::default()
    }
}

/// The newest snapshot of this archive that holds everything its catalog knew then.
pub(super) fn newest_complete(repository: &Repository, archive_id: &str) -> Result<Option<Snapshot>, Error> {
    let snapshots = repository.snapshots()?;
    Ok(snapshots
        .into_iter()
        .rev()
        .find(|snapshot| snapshot.ours && snapshot.complete && snapshot.archive_id == archive_id))
}

/// Opens objects so that an altered one ends in an error, and never in a snapshot.
fn opener(open: &OpenArchive) -> Result<Opener, Error> {
    let objects = Store::open(&open.archive.folder)?;
    Ok(Arc::new(move |id| match objects.verified_reader(id) {
        Ok(reader) => Ok(Box::new(reader)),
        Err(error @ ObjectsError::Missing { .. }) => Err(io::Error::new(io::ErrorKind::NotFound, error)),
        Err(error) => Err(io::Error::other(error)),
    }))
}
