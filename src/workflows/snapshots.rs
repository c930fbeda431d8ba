//! The snapshots of the repositories, as the repositories themselves tell.

use super::access::{access, chosen};
use super::{Error, OpenArchive};
use crate::model::report::SnapshotReport;
use crate::repository::{Access, Repository};

/// Lists the snapshots of the repositories called `names`, or of all, oldest first.
pub fn snapshots(open: &OpenArchive, names: &[String]) -> Result<Vec<SnapshotReport>, Error> {
    let mut list = Vec::new();
    for settings in chosen(open, names)? {
        let repository = Repository::open(&access(open, &settings)?)?;
        list.extend(repository.snapshots()?.into_iter().map(|snapshot| SnapshotReport {
            repository: settings.name.to_string(),
            id: snapshot.id.to_string(),
            at: snapshot.at.to_string(),
            complete: snapshot.complete,
            files: snapshot.files,
            bytes: snapshot.bytes,
        }));
    }
    Ok(list)
}

/// What opens the repository called `name`, or the first one: the way from an archive that is there to `restore`.
pub fn access_to(open: &OpenArchive, name: Option<&str>) -> Result<Access, Error> {
    let names: Vec<String> = name.map(str::to_owned).into_iter().collect();
    let chosen = chosen(open, &names)?;
    let first = chosen.first().ok_or(Error::NoRepositories)?;
    access(open, first)
}
