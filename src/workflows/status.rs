//! Status: is every photo safe, and what should be done next?
//!
//! Asks the catalog alone; no repository is contacted.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Circumstances, Error, OpenArchive, drive, make_kit};
use crate::catalog::{Job, RunRow};
use crate::model::in_words::count;
use crate::model::report::{AtRisk, RepositoryStatus, StatusReport};

/// A backup older than this is due again.
const BACKUP_AGE: SignedDuration = SignedDuration::from_hours(36);

/// How many backups are looked through for the last that found the newest snapshot in its place.
const BACKUPS_LOOKED_AT: usize = 50;

/// A proof older than this is due again.
const PROOF_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Says how every photo and every repository stands.
///
/// A photo is safe when all its bytes came back from a repository off the archive's drive, and a kit that opens it
/// exists outside that drive too.
pub fn status(open: &OpenArchive, around: &Circumstances) -> Result<StatusReport, Error> {
    let mut report = StatusReport { photos: open.catalog.photo_count()?, ..StatusReport::default() };
    (_, report.objects_bytes) = open.catalog.objects_total()?;
    let mut safe_ids = Vec::new();
    let kit_is_outside = make_kit::is_outside(open, around)?;
    let backups = open.catalog.finished_runs(Job::Backup, BACKUPS_LOOKED_AT)?;
    for settings in &open.archive.settings.repositories {
        let name = settings.name.to_string();
        let mut one = RepositoryStatus {
            off_this_drive: drive::is_off_drive(&open.archive.folder, &settings.location),
            location: settings.location.clone(),
            ..RepositoryStatus::default()
        };
        let (mut backed_up, mut oldest_proof) = (None, None);
        if let Some(id) = &settings.id {
            let proven = open.catalog.proofs_summary(id)?;
            one.proven_photos = proven.proven_photos;
            oldest_proof = proven.oldest_proof;
            one.oldest_proof = oldest_proof.map(|at| at.to_string());
            one.newest_snapshot = open.catalog.newest_snapshot(id)?.map(|snapshot| snapshot.at.to_string());
            let newest = open.catalog.newest_complete_snapshot(id)?;
            one.newest_complete = newest.as_ref().map(|snapshot| snapshot.at.to_string());
            let check = open.catalog.newest_check(id)?;
            // A night with nothing new writes no snapshot; it asks whether the newest one is still there.
            let whole = check.filter(|check| check.ok).map(|check| check.at);
            backed_up = newest.and_then(|newest| {
                let met = backups.iter().find(|run| has_met(run, &newest.id)).and_then(|run| run.finished_at);
                [Some(newest.at), whole, met].into_iter().flatten().max()
            });
            if let Some(check) = check.filter(|check| !check.ok) {
                report.problems.push(format!(
                    "{name}: the check of {:.0} found damage; keepsake check --repo {name} tells what",
                    check.at
                ));
            }
            // A copy that was found damaged makes nothing safe until a check finds it whole.
            if one.off_this_drive && check.is_none_or(|check| check.ok) {
                safe_ids.push(id.clone());
            }
        }
        report.due.extend(due(&name, backed_up, oldest_proof, one.proven_photos, report.photos, around.now));
        one.name = name;
        report.repositories.push(one);
    }
    judge(open, &safe_ids, kit_is_outside, &mut report)?;
    Ok(report)
}

/// What a kept report of a backup says of each repository.
#[derive(Deserialize)]
struct KeptReport {
    repositories: Vec<KeptBackup>,
}

#[derive(Deserialize)]
struct KeptBackup {
    snapshot: Option<String>,
    state: String,
}

/// Whether a backup wrote the snapshot, or found it in its place.
fn has_met(run: &RunRow, snapshot: &str) -> bool {
    let report = run.report_json.as_deref().map(serde_json::from_str::<KeptReport>);
    // A report that cannot be understood says nothing.
    let Some(Ok(report)) = report else { return false };
    let is_whole = |one: &KeptBackup| matches!(one.state.as_str(), "complete" | "unchanged");
    report.repositories.iter().any(|one| is_whole(one) && one.snapshot.as_deref() == Some(snapshot))
}

fn due(
    name: &str,
    backed_up: Option<Timestamp>,
    oldest_proof: Option<Timestamp>,
    proven: u64,
    photos: u64,
    now: Timestamp,
) -> Vec<String> {
    let mut due = Vec::new();
    match backed_up {
        None => due.push(format!("backup to {name}: there is no complete snapshot yet")),
        Some(at) if now.duration_since(at) > BACKUP_AGE => due.push(format!("backup to {name}: the newest is of {at}")),
        Some(_) => {}
    }
    if proven < photos {
        let unproven = count(photos - proven, "photo has", "photos have");
        due.push(format!("drill of {name}: {unproven} not been restored from it yet"));
    } else if oldest_proof.is_some_and(|at| now.duration_since(at) > PROOF_AGE) {
        due.push(format!("drill of {name}: its oldest proof is more than a month old"));
    }
    due
}

fn judge(
    open: &OpenArchive,
    safe_ids: &[String],
    kit_is_outside: bool,
    report: &mut StatusReport,
) -> Result<(), Error> {
    let off_drive = report.repositories.iter().any(|one| one.off_this_drive);
    let counted = if kit_is_outside { safe_ids } else { &[] };
    let unproven = open.catalog.at_risk(counted, usize::MAX)?;
    let why = if report.repositories.is_empty() {
        "it is on this drive only: no repository has been added yet"
    } else if !off_drive {
        "every copy is on the drive that the archive is on"
    } else if !kit_is_outside {
        "the recovery kit is on this drive only"
    } else {
        "it has not been restored yet from a repository off this drive"
    };
    report.safe = report.photos.saturating_sub(unproven.count);
    report.at_risk = unproven.photos.into_iter().map(|risk| AtRisk { why: why.to_owned(), ..risk }).collect();
    Ok(())
}
