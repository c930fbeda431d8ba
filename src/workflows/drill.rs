//! Drill: restore from each repository into scratch space and compare, byte for byte by hash.
//!
//! Reads from the repository alone. What it proves is kept for each object, so that “safe” can be said of a photo
//! only when its bytes came back.

mod choose;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;

use super::access::{chosen, open_known};
use super::backup::newest_complete;
use super::bring_back::{Brought, NotBack, Overwrite, bring_back};
use super::contents::Contents;
use super::{Circumstances, Error, OpenArchive};
use crate::catalog::{Job, Outcome};
use crate::config::RepositorySettings;
use crate::events::{Listener, Progress, Stage};
use crate::model::ObjectId;
use crate::model::in_words::{count, size};
use crate::model::report::{DrillFailure, DrillReport, RepositoryDrill};
use crate::repository::{Repository, SnapshotFile};

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
    let up_to_date = snapshot.generation == Some(open.catalog.generation()?);
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
    let mut report = RepositoryDrill { snapshot: Some(snapshot.id.to_string()), ..RepositoryDrill::default() };
    prove_own_files(&repository, &mut contents, scratch.path(), &mut report)?;
    let mut proven = Vec::new();
    let ended = prove(&repository, &contents, &plan, scratch.path(), &mut report, &mut proven, listener);
    // Whatever ended it: what came back is proven, what came back wrong is not any more.
    record(open, &repository_id, around.now, &plan, &proven, &mut report)?;
    let ended = ended?;
    report.fetched_bytes = repository.traffic().fetched_bytes;
    Ok((report, ended))
}

/// The catalog's export, settings and checksums must come back too: without them the photos have no names.
fn prove_own_files(
    repository: &Repository,
    contents: &mut Contents,
    scratch: &Path,
    report: &mut RepositoryDrill,
) -> Result<(), Error> {
    let every_path: Vec<String> = contents.files.keys().cloned().collect();
    for lost in contents.fetch_checksums(repository, every_path.iter().map(String::as_str))? {
        report.failed.push(DrillFailure { path: lost.path, reason: lost.message });
    }
    let own: Vec<&SnapshotFile> = contents
        .files
        .values()
        .filter(|file| file.path.starts_with("keepsake/") && contents.expected(&file.path).is_some())
        .collect();
    for file in own {
        report.restored += 1;
        match bring_back(repository, file, contents.expected(&file.path), &scratch.join(&file.path), Overwrite::Never) {
            Ok(_) => report.matched += 1,
            Err(error) if error.is_full_disk() => return Err(Error::ScratchFull { folder: scratch.to_owned() }),
            Err(error) => report.failed.push(failure(&file.path, &error)),
        }
    }
    Ok(())
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
    let mut bytes_done = 0;
    for (files_done, one) in (1..).zip(plan) {
        if listener.stop_requested() {
            return Ok(Ended::Stopped);
        }
        report.restored += 1;
        let target = scratch.join("object");
        let back = match contents.files.get(&one.path) {
            Some(file) => bring_back(repository, file, Some(one.object), &target, Overwrite::Never),
            None => Err(NotBack::NotThere),
        };
        match back {
            Ok(Brought::Back { object }) => {
                report.matched += 1;
                proven.push(object);
                std::fs::remove_file(&target).map_err(|cause| Error::RestoreTo { path: target.clone(), cause })?;
            }
            Ok(Brought::BackUnproven | Brought::AlreadyThere | Brought::InTheWay) => {
                report
                    .failed
                    .push(DrillFailure { path: one.path.clone(), reason: "the scratch space is not empty".into() });
            }
            Err(error) if error.is_full_disk() => {
                return Err(Error::ScratchFull { folder: scratch.to_owned() });
            }
            // The network or the drive went away: that says nothing of this file, nor of the others.
            Err(NotBack::Repository(error)) if !error.is_of_one_file() => return Err(error.into()),
            Err(error) => report.failed.push(failure(&one.path, &error)),
        }
        bytes_done += one.size;
        let files_total = plan.len() as u64;
        listener.progress(Progress { stage: Stage::Drilling, files_done, files_total, bytes_done, bytes_total });
    }
    Ok(Ended::AsPlanned)
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
