//! The snapshots of the repositories, as the repositories themselves tell.

use super::access::{access_that_opens, chosen, open_known};
use super::{Error, OpenArchive};
use crate::config::RepositorySettings;
use crate::model::report::{SnapshotReport, UnlistedRepository};
use crate::repository::{Access, Snapshot};

/// Lists the snapshots of the repositories called `names`, or of all, oldest first, and the repositories that could
/// not be asked.
///
/// # Errors
///
/// There is no such repository, or none of them could be asked.
pub fn snapshots(
    open: &OpenArchive,
    names: &[String],
) -> Result<(Vec<SnapshotReport>, Vec<UnlistedRepository>), Error> {
    let chosen = chosen(open, names)?;
    let (mut list, mut unlisted) = (Vec::new(), Vec::new());
    for settings in &chosen {
        match snapshots_of(open, settings) {
            Ok(snapshots) => list.extend(snapshots),
            Err(error) if chosen.len() == 1 => return Err(error),
            Err(error) => unlisted.push(UnlistedRepository {
                repository: settings.name.to_string(),
                error: error.told(),
                hint: error.hint(),
            }),
        }
    }
    Ok((list, unlisted))
}

fn snapshots_of(open: &OpenArchive, settings: &RepositorySettings) -> Result<Vec<SnapshotReport>, Error> {
    let repository = open_known(open, settings)?;
    let told = |snapshot: Snapshot| SnapshotReport {
        repository: settings.name.to_string(),
        id: snapshot.id.to_string(),
        at: snapshot.at.to_string(),
        complete: snapshot.complete,
        files: snapshot.files,
        bytes: snapshot.bytes,
    };
    Ok(repository.snapshots()?.into_iter().map(told).collect())
}

/// What opens the repository called `name`, or the first one: the way from an archive that is there to `restore`.
pub fn access_to(open: &OpenArchive, name: Option<&str>) -> Result<Access, Error> {
    let names: Vec<String> = name.map(str::to_owned).into_iter().collect();
    let chosen = chosen(open, &names)?;
    let first = chosen.first().ok_or(Error::NoRepositories)?;
    access_that_opens(open, first)
}
