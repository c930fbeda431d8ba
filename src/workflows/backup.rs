//! Backup: one snapshot of everything into each repository, and a check of what was written.

mod tree;
mod unchanged;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::access::{chosen, open_known};
use super::check::{read_damage, record_check};
use super::open_archive::hold;
use super::{Circumstances, Error, OpenArchive, make_kit};
use crate::catalog::{Job, Outcome, RunId, SnapshotRow};
use crate::config::{Lock, RepositorySettings, Sharing};
use crate::events::Listener;
use crate::model::report::{BackupReport, BackupState, RepositoryBackup};
use crate::model::{Problem, ProblemKind};
use crate::objects::{ObjectsError, Store};
use crate::repository::{
    BackedUp, CheckFinding, FindingKind, Opener, ReadData, Repository, RepositoryError, Snapshot, SnapshotStamp,
    TreeFile,
};

use unchanged::{found_whole, still_there, whole_at};

pub(super) use tree::checksum_shard;

/// Backs the archive up to the repositories called `names`, or to all.
///
/// A repository that fails is reported and never stops the next one. A snapshot is `complete` only when every object
/// of the archive is in it; the newest one stays what it was otherwise. After a crash, packs already sent are found
/// and used by the next backup.
///
/// # Errors
///
/// Only what concerns all repositories: an unknown name, no repository at all, a catalog that cannot be read, or that
/// other runs are busy with every one of them.
pub fn backup(
    open: &mut OpenArchive,
    names: &[String],
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<BackupReport, Error> {
    let repositories = chosen(open, names)?;
    let run = open.catalog.begin_run(Job::Backup, None, around.moment())?;
    let mut report = BackupReport::default();
    let mut busy = Vec::new();
    for settings in &repositories {
        if listener.stop_requested() {
            report.stopped = true;
            break;
        }
        let started = Instant::now();
        let mut one = match back_up_to(open, settings, around, listener) {
            Ok(one) => one,
            Err(error) if error.is_interruption() => {
                report.stopped = true;
                break;
            }
            Err(error) => {
                listener.note(&format!("{}: the backup failed", settings.name));
                let one =
                    RepositoryBackup { error: Some(error.told()), hint: error.hint(), ..RepositoryBackup::default() };
                busy.extend(error.is_busy().then_some(error));
                one
            }
        };
        one.name = settings.name.to_string();
        one.seconds = started.elapsed().as_secs_f64();
        report.repositories.push(one);
    }
    finish(open, run, &report, around)?;
    match busy.pop() {
        Some(error) if busy.len() + 1 == repositories.len() => Err(error),
        Some(_) | None => Ok(report),
    }
}

fn finish(open: &mut OpenArchive, run: RunId, report: &BackupReport, around: &Circumstances) -> Result<(), Error> {
    let states: Vec<BackupState> = report.repositories.iter().map(|one| one.state).collect();
    let outcome = if report.stopped {
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
    let who = format!("backup to {}", settings.name);
    let _held = hold(&open.archive, &lock, Sharing::Exclusive, &who, around, listener)?;
    if let Some(unchanged) = still_there(open, settings, around)? {
        return Ok(unchanged);
    }
    let repository = open_known(open, settings)?;
    if let Some(unchanged) = found_whole(open, settings, &repository, around, listener)? {
        return Ok(unchanged);
    }
    let mut written = write(open, &repository, Repository::back_up, around, listener)?;
    if written.damage.newest_lacks_parts {
        listener.note(&format!("{}: parts of the snapshot are lost; everything is looked at again", settings.name));
        let before = (written.made.read_bytes, written.made.sent_bytes);
        written = write(open, &repository, Repository::back_up_anew, around, listener)?;
        written.made.read_bytes += before.0;
        written.made.sent_bytes += before.1;
    }
    make_kit::put_beside(open, &settings.name, &repository, around)?;
    let Written { made, damage, photos, generation, bytes } = written;
    if let Some(snapshot) = &made.snapshot {
        open.catalog.record_snapshot(&SnapshotRow {
            name: settings.name.to_string(),
            repository: repository.id(),
            id: snapshot.to_string(),
            at: around.now,
            generation,
            complete: made.complete && !damage.touches_newest,
            files: made.files,
            bytes,
        })?;
    }
    let structure_whole_at = whole_at(open, &repository.id())?;
    Ok(RepositoryBackup { structure_whole_at, ..told(made, photos, damage) })
}

/// A snapshot of one moment of the catalog, and what a look at the repository found after it.
struct Written {
    made: BackedUp,
    damage: Damage,
    photos: u64,
    generation: u64,
    bytes: u64,
}

/// [`Repository::back_up`] or [`Repository::back_up_anew`].
type Writing = fn(&Repository, Vec<TreeFile>, &SnapshotStamp, &dyn Listener) -> Result<BackedUp, RepositoryError>;

fn write(
    open: &mut OpenArchive,
    repository: &Repository,
    writing: Writing,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<Written, Error> {
    let archive_id = open.archive.marker.archive_id.clone();
    let (plan, export) = open.catalog.snapshot_contents()?;
    let photos = plan.photos.iter().filter(|photo| !photo.path.starts_with("trash/")).count() as u64;
    let generation = plan.generation;
    let stamp = SnapshotStamp { archive_id, at: around.now, generation, program: around.program.clone() };
    let files = tree::files(open, &plan, export, &opener(open)?)?;
    let bytes = files.iter().map(TreeFile::size).sum();
    let made = writing(repository, files, &stamp, listener)?;
    let damage = damage(open, repository, around, listener)?;
    Ok(Written { made, damage, photos, generation, bytes })
}

/// What a look at the structure of a repository found.
struct Damage {
    /// Whether data is touched, and not only an old snapshot or a key that nobody used now.
    touches_newest: bool,
    /// Whether the newest snapshot names what is not there, or not to be read.
    newest_lacks_parts: bool,
    problems: Vec<Problem>,
}

fn damage(
    open: &mut OpenArchive,
    repository: &Repository,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<Damage, Error> {
    // Damage that only reading finds is not gone because a look at the structure does not see it.
    let read = if read_damage(open, &repository.id())? { ReadData::All } else { ReadData::No };
    let checked = repository.check(read, listener)?;
    record_check(open, &repository.id(), &checked, around)?;
    let beside_the_data = |finding: &CheckFinding| {
        matches!(
            finding.kind,
            FindingKind::SnapshotDamaged | FindingKind::KeyDamaged | FindingKind::OldSnapshotIncomplete
        )
    };
    let place = repository.location().to_string();
    let told = |finding: CheckFinding| Problem::new(place.as_str(), ProblemKind::Damaged, finding.what);
    let touches_newest = !checked.findings.iter().all(beside_the_data);
    let newest_lacks_parts = checked.findings.iter().any(|finding| finding.kind == FindingKind::Structure);
    let problems = checked.findings.into_iter().map(told).collect();
    Ok(Damage { touches_newest, newest_lacks_parts, problems })
}

fn told(made: BackedUp, photos: u64, damage: Damage) -> RepositoryBackup {
    let state = match (made.unchanged, made.complete && !damage.touches_newest) {
        (true, true) => BackupState::Unchanged,
        (false, true) => BackupState::Complete,
        (_, false) => BackupState::Partial,
    };
    let mut problems = made.problems;
    problems.extend(damage.problems);
    RepositoryBackup {
        snapshot: made.snapshot.as_ref().map(ToString::to_string),
        state,
        photos,
        files_new: made.files_new,
        read_bytes: made.read_bytes,
        sent_bytes: made.sent_bytes,
        checked: !damage.touches_newest,
        problems,
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

/// Opens objects; the repository holds each against its name while it reads.
fn opener(open: &OpenArchive) -> Result<Opener, Error> {
    let objects = Store::open(&open.archive.folder)?;
    Ok(Arc::new(move |id| match objects.open_object(id) {
        Ok(reader) => Ok(Box::new(reader)),
        Err(error @ ObjectsError::Missing { .. }) => Err(io::Error::new(io::ErrorKind::NotFound, error)),
        Err(error) => Err(io::Error::other(error)),
    }))
}
