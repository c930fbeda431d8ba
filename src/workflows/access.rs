//! All that opens a repository, put together from settings and secrets.

use super::{Error, OpenArchive};
use crate::config::RepositorySettings;
use crate::repository::{Access, BucketKeys, Key, Location, Repository};
use crate::secrets::{Scheme, Secrets};

/// The repositories called `names`, in the order of the settings; all when no name is given.
pub(super) fn chosen(open: &OpenArchive, names: &[String]) -> Result<Vec<RepositorySettings>, Error> {
    let known = &open.archive.settings.repositories;
    if let Some(unknown) = names.iter().find(|name| known.iter().all(|one| one.name.as_str() != name.as_str())) {
        let known = known.iter().map(|one| one.name.to_string()).collect();
        return Err(Error::NoSuchRepository { name: unknown.clone(), known });
    }
    let wanted = |one: &&RepositorySettings| names.is_empty() || names.iter().any(|name| name == one.name.as_str());
    let chosen: Vec<_> = known.iter().filter(wanted).cloned().collect();
    if chosen.is_empty() { Err(Error::NoRepositories) } else { Ok(chosen) }
}

/// What opens the repository of `settings`.
pub(super) fn access(open: &OpenArchive, settings: &RepositorySettings) -> Result<Access, Error> {
    let name = settings.name.as_str();
    let password =
        open.secrets.repository_password(name).ok_or_else(|| Error::NoPassword { repository: name.to_owned() })?;
    let location: Location = settings.location.parse()?;
    let bucket_keys = bucket_keys(&open.secrets, name, &location);
    Ok(Access { location, options: settings.options.clone(), bucket_keys, key: Key::Password(password) })
}

/// Opens the repository of `settings`, and makes sure that it is the one that was added under this name.
///
/// # Errors
///
/// Another repository stands at the place: a drive was exchanged. Nothing that is known of the old one holds for it.
pub(super) fn open_known(open: &OpenArchive, settings: &RepositorySettings) -> Result<Repository, Error> {
    let repository = Repository::open(&access(open, settings)?)?;
    let found = repository.id();
    match &settings.id {
        Some(known) if *known != found => {
            Err(Error::AnotherRepository { name: settings.name.to_string(), location: settings.location.clone() })
        }
        Some(_) | None => Ok(repository),
    }
}

/// The keys of the bucket at `location`, for the repository called `name`.
pub(super) fn bucket_keys(secrets: &Secrets, name: &str, location: &Location) -> Option<BucketKeys> {
    let scheme = match location.scheme() {
        crate::repository::Scheme::Local => return None,
        crate::repository::Scheme::S3 => Scheme::S3,
        crate::repository::Scheme::B2 => Scheme::B2,
    };
    secrets.bucket_keys(name, scheme).map(|(id, secret)| BucketKeys { id, secret })
}
