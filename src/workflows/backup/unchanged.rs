//! A backup with nothing new: what the catalog knows, and one request.

use jiff::SignedDuration;

use super::{Damage, damage};
use crate::catalog::{Job, Outcome, RunRow, SnapshotRow};
use crate::config::RepositorySettings;
use crate::events::Listener;
use crate::model::report::{BackupState, RepositoryBackup};
use crate::repository::{Repository, SnapshotId};
use crate::workflows::access::access;
use crate::workflows::{Circumstances, Error, OpenArchive, make_kit};

/// When a backup with nothing new looks at the structure again.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The report of a repository that holds the catalog as it is now: said of what is known here, and of one request.
///
/// Known here is that the newest snapshot holds every object of this very generation, that the structure was found whole
/// after it was written and less than a week ago, that no drill failed since, and that today's kit lies beside it. The request reads the
/// snapshot's file: its name is the hash of its bytes, so a repository that was exchanged, emptied or thinned out
/// does not pass for this one. That packs are still there is not asked: the look each week, `check` and `drill` ask it.
///
/// `None`: one of these does not hold, and the repository has to be opened.
pub(super) fn still_there(
    open: &OpenArchive,
    settings: &RepositorySettings,
    around: &Circumstances,
) -> Result<Option<RepositoryBackup>, Error> {
    let Some(known) = settings.id.as_deref().map(|id| holding_all(open, id)).transpose()?.flatten() else {
        return Ok(None);
    };
    let look = open.catalog.newest_check(&known.repository)?.filter(|check| check.ok && check.at >= known.at);
    // Not one of the future either: a clock that was set back may not put the next look off.
    let is_young = |at| (SignedDuration::ZERO..LOOK_AGAIN_AFTER).contains(&around.moment().duration_since(at));
    let Some(look) = look.filter(|check| is_young(check.at)) else { return Ok(None) };
    // What a drill could not bring back is a reason to look, too.
    let failed_drill = |drill: &RunRow| drill.outcome == Some(Outcome::Problems) && drill.finished_at > Some(look.at);
    if open.catalog.finished_runs(Job::Drill, 1)?.iter().any(failed_drill) {
        return Ok(None);
    }
    let Ok(snapshot) = known.id.parse::<SnapshotId>() else { return Ok(None) };
    if !make_kit::is_beside(open, &settings.location, around)?
        || !Repository::has_snapshot(&access(open, settings)?, &snapshot)?
    {
        return Ok(None);
    }
    Ok(Some(RepositoryBackup {
        snapshot: Some(known.id),
        state: BackupState::Unchanged,
        photos: open.catalog.photo_count()?,
        structure_whole_at: Some(look.at.to_string()),
        ..RepositoryBackup::default()
    }))
}

/// The report of an opened repository that holds the catalog as it is now, and whose structure is whole. A damaged one is
/// filled again, whatever its snapshots say.
pub(super) fn found_whole(
    open: &mut OpenArchive,
    settings: &RepositorySettings,
    repository: &Repository,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<Option<RepositoryBackup>, Error> {
    let Some(known) = holding_all(open, &repository.id())? else { return Ok(None) };
    let known_damage = open.catalog.newest_check(&repository.id())?.is_some_and(|check| !check.ok);
    let is_there = |id: &str| {
        let snapshots = repository.snapshots()?;
        Ok::<_, Error>(snapshots.iter().any(|one| one.ours && one.complete && one.id.to_string() == id))
    };
    if known_damage || !is_there(&known.id)? {
        return Ok(None);
    }
    let Damage { touches_newest, problems, newest_lacks_parts: _ } = damage(open, repository, around, listener)?;
    if touches_newest {
        return Ok(None);
    }
    make_kit::put_beside(open, &settings.name, repository, around)?;
    Ok(Some(RepositoryBackup {
        snapshot: Some(known.id),
        state: BackupState::Unchanged,
        photos: open.catalog.photo_count()?,
        checked: true,
        structure_whole_at: whole_at(open, &repository.id())?,
        problems,
        ..RepositoryBackup::default()
    }))
}

/// When the repository was last looked at, if it was found whole then.
pub(super) fn whole_at(open: &OpenArchive, repository: &str) -> Result<Option<String>, Error> {
    let check = open.catalog.newest_check(repository)?.filter(|check| check.ok);
    Ok(check.map(|check| check.at.to_string()))
}

/// The newest snapshot that this catalog has written down, if it holds every object of the catalog as it is now.
///
/// Not what the snapshot says of itself: a catalog that was put back from an older copy counts its changes anew, and one
/// of its generations would pass for another of the same number.
fn holding_all(open: &OpenArchive, repository: &str) -> Result<Option<SnapshotRow>, Error> {
    let generation = open.catalog.generation()?;
    let newest = open.catalog.newest_snapshot(repository)?;
    Ok(newest.filter(|snapshot| snapshot.complete && snapshot.generation == generation))
}

#[cfg(test)]
mod tests;
