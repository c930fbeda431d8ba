//! Check: are the catalog, the archive's objects and the repositories what they should be?

use std::collections::{BTreeMap, BTreeSet};

use super::access::{OpenedBy, chosen, open_somehow};
use super::open_archive::hold;
use super::tree_paths::{objects_at, photos_by_path};
use super::{Circumstances, Error, OpenArchive, make_kit};
use crate::catalog::{CheckRow, Job, Outcome};
use crate::config::{Lock, RepositorySettings, Sharing};
use crate::events::{Listener, Progress, Stage};
use crate::model::PhotoId;
use crate::model::report::{CheckReport, Finding, ObjectsCheck, RepositoryCheck, UNOPENABLE};
use crate::objects::Verdict;
use crate::repository::{CheckFinding, Checked, FindingKind, ReadData, Repository, RepositoryError};

/// What to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckOptions {
    /// Whether to read every object of the archive, and not only whether it is there.
    pub objects: bool,
    /// How much of each repository's data to read back.
    pub read_data: ReadData,
}

/// Checks the catalog's file, the archive's objects and the repositories called `names`, or all.
///
/// Nothing is changed. A repository that cannot be opened is a finding of its own and never stops the next one.
pub fn check(
    open: &mut OpenArchive,
    names: &[String],
    options: CheckOptions,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<CheckReport, Error> {
    let repositories = match chosen(open, names) {
        Err(Error::NoRepositories) => Vec::new(),
        other => other?,
    };
    let run = open.catalog.begin_run(Job::Check, None, around.moment())?;
    let mut report = CheckReport::default();
    let stopped = look(open, &repositories, options, &mut report, around, listener);
    let outcome = match &stopped {
        Err(error) if error.is_interruption() => Outcome::Interrupted,
        Err(_) => Outcome::Failed,
        Ok(()) if report.is_sound() => Outcome::Done,
        Ok(()) => Outcome::Problems,
    };
    let as_json = serde_json::to_string(&report).map_err(Error::Report)?;
    open.catalog.finish_run(run, outcome, around.moment(), &as_json, &[])?;
    stopped.map(|()| report)
}

/// Looks at everything; an error ends the whole check.
fn look(
    open: &mut OpenArchive,
    repositories: &[RepositorySettings],
    options: CheckOptions,
    report: &mut CheckReport,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<(), Error> {
    report.catalog = open.catalog.integrity_check()?;
    report.objects = check_objects(open, options.objects, listener)?;
    report.kit = make_kit::look_at_own(open, around)?;
    let mut busy = Vec::new();
    for settings in repositories {
        let mut one = match check_one(open, settings, options.read_data, around, listener) {
            Ok(one) => one,
            Err(error) if error.is_interruption() => return Err(Error::Interrupted),
            Err(error) => {
                remember_damage(open, settings, &error, around)?;
                let findings = vec![unopenable(&error)];
                busy.extend(error.is_busy().then_some(error));
                RepositoryCheck { findings, ..RepositoryCheck::default() }
            }
        };
        one.name = settings.name.to_string();
        one.ok = one.findings.is_empty();
        report.repositories.push(one);
        report.kit.extend(make_kit::look_beside(open, settings, around)?);
    }
    match busy.pop() {
        // Nothing is wrong with a repository that a backup is writing to.
        Some(error) if busy.len() + 1 == repositories.len() => Err(error),
        Some(_) | None => Ok(()),
    }
}

/// A repository that cannot be opened because a part of it is damaged makes nothing safe; one whose drive is not
/// plugged in is what it was.
fn remember_damage(
    open: &mut OpenArchive,
    settings: &RepositorySettings,
    error: &Error,
    around: &Circumstances,
) -> Result<(), Error> {
    let damaged =
        matches!(error, Error::Repository(RepositoryError::Damaged { .. } | RepositoryError::FileMissing { .. }));
    if let Some(id) = settings.id.as_deref().filter(|_| damaged) {
        open.catalog.record_check(id, CheckRow { at: around.moment(), ok: false, read_bytes: 0 })?;
    }
    Ok(())
}

/// What the repository alone cannot know: the newest snapshot that was made here, and the password.
fn check_what_is_known(
    open: &OpenArchive,
    repository: &Repository,
    opened_by: OpenedBy,
    checked: &mut Checked,
) -> Result<(), Error> {
    let mut found =
        |kind, what: String| checked.findings.push(CheckFinding { kind, what, file: None, paths: Vec::new() });
    if let Some(newest) = open.catalog.newest_complete_snapshot(&repository.id())? {
        let there = repository.snapshots()?.iter().any(|snapshot| snapshot.id.to_string() == newest.id);
        let unreadable = repository.unreadable_snapshots()?.iter().any(|id| id.to_string() == newest.id);
        if !there && !unreadable {
            let what = format!("the newest complete snapshot {}, of {:.0}, is gone", newest.id, newest.at);
            found(FindingKind::SnapshotMissing, what);
        }
    }
    if opened_by == OpenedBy::MasterKey {
        let what = "the password that is kept for it opens no key file; its master key opens it".to_owned();
        found(FindingKind::KeyDamaged, what);
    }
    Ok(())
}

fn unopenable(error: &Error) -> Finding {
    Finding { kind: UNOPENABLE.to_owned(), what: error.told(), affected_photos: Vec::new(), hint: error.hint() }
}

/// Looks whether every object that the catalog knows is there, and (`read`) whether its bytes are the right ones.
fn check_objects(open: &OpenArchive, read: bool, listener: &dyn Listener) -> Result<ObjectsCheck, Error> {
    let mut check = ObjectsCheck::default();
    let mut bytes_done = 0;
    for (id, size) in open.every_object()? {
        if listener.stop_requested() {
            return Err(Error::Interrupted);
        }
        check.checked += 1;
        if read {
            match open.objects.verify(&id)? {
                Verdict::Whole { .. } => {}
                Verdict::Missing => check.missing.push(id),
                Verdict::Altered | Verdict::Unreadable(_) => check.altered.push(id),
            }
            bytes_done += size;
        } else {
            match open.objects.size(&id)? {
                None => check.missing.push(id),
                Some(found) if found != size => check.altered.push(id),
                Some(_) => {}
            }
        }
        let files_done = check.checked;
        listener.progress(Progress { stage: Stage::Checking, files_done, files_total: 0, bytes_done, bytes_total: 0 });
    }
    Ok(check)
}

fn check_one(
    open: &mut OpenArchive,
    settings: &RepositorySettings,
    read_data: ReadData,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<RepositoryCheck, Error> {
    let lock = Lock::Repository(settings.name.clone());
    let who = format!("check of {}", settings.name);
    let _held = hold(&open.archive, &lock, Sharing::Shared, &who, around, listener)?;
    let (repository, opened_by) = open_somehow(open, settings)?;
    let mut checked = repository.check(read_data, listener)?;
    check_what_is_known(open, &repository, opened_by, &mut checked)?;
    let ok = checked.findings.is_empty();
    record_check(open, &repository.id(), &checked, around)?;
    if !ok {
        let objects = objects_at(&open.catalog.snapshot_plan()?, checked.findings.iter().flat_map(|one| &one.paths));
        open.catalog.forget_proofs(&repository.id(), &objects)?;
    }
    let by_path = if ok { BTreeMap::new() } else { photos_by_path(&open.catalog.snapshot_plan()?) };
    let findings = checked
        .findings
        .into_iter()
        .map(|finding| {
            let affected: BTreeSet<PhotoId> =
                finding.paths.iter().filter_map(|path| by_path.get(path).cloned()).collect();
            let affected_photos = affected.into_iter().collect();
            let hint = Some(finding.kind.what_to_do().to_owned());
            Finding { kind: finding.kind.as_str().to_owned(), what: finding.what, affected_photos, hint }
        })
        .collect();
    Ok(RepositoryCheck { read_bytes: checked.read_bytes, findings, ..RepositoryCheck::default() })
}

/// Whether the newest word on a repository's data is that reading found damage.
pub(super) fn read_damage(open: &OpenArchive, repository_id: &str) -> Result<bool, Error> {
    Ok(open.catalog.newest_check(repository_id)?.is_some_and(|check| !check.ok && check.read_bytes > 0))
}

/// Writes down what a check found; one that read nothing does not take back what reading found.
pub(super) fn record_check(
    open: &mut OpenArchive,
    repository_id: &str,
    checked: &Checked,
    around: &Circumstances,
) -> Result<(), Error> {
    let ok = checked.findings.is_empty();
    if ok && checked.read_bytes == 0 && read_damage(open, repository_id)? {
        return Ok(());
    }
    let row = CheckRow { at: around.moment(), ok, read_bytes: checked.read_bytes };
    Ok(open.catalog.record_check(repository_id, row)?)
}
