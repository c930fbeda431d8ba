//! All that opens a repository, put together from settings and secrets.

use super::{Error, OpenArchive};
use crate::config::RepositorySettings;
use crate::repository::{Access, BucketKeys, Key, Location, Repository, RepositoryError};
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
    open_somehow(open, settings).map(|(repository, _)| repository)
}

/// What opened a repository.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OpenedBy {
    /// Its password.
    Password,
    /// Its master key: the password does not, or is lost.
    MasterKey,
}

/// As [`open_known`], and says how.
pub(super) fn open_somehow(open: &OpenArchive, settings: &RepositorySettings) -> Result<(Repository, OpenedBy), Error> {
    let by_password = access(open, settings).and_then(|access| Ok(Repository::open(&access)?));
    let (repository, by) = match by_password {
        Err(error) if is_of_the_key(&error) => {
            match by_master_key(open, settings)?.map(|access| Repository::open(&access)) {
                Some(Ok(repository)) => (repository, OpenedBy::MasterKey),
                Some(Err(_)) | None => return Err(error),
            }
        }
        other => (other?, OpenedBy::Password),
    };
    let found = repository.id();
    match &settings.id {
        Some(known) if *known != found => {
            Err(Error::AnotherRepository { name: settings.name.to_string(), location: settings.location.clone() })
        }
        Some(_) | None => Ok((repository, by)),
    }
}

/// Whether another key may do what this one did not: key files are damaged, or the password is lost or altered.
fn is_of_the_key(error: &Error) -> bool {
    matches!(
        error,
        Error::NoPassword { .. }
            | Error::Repository(RepositoryError::WrongKey { .. } | RepositoryError::Damaged { .. })
    )
}

/// The master key in the secrets file opens a repository whose key files are lost.
fn by_master_key(open: &OpenArchive, settings: &RepositorySettings) -> Result<Option<Access>, Error> {
    let name = settings.name.as_str();
    let location: Location = settings.location.parse()?;
    let bucket_keys = bucket_keys(&open.secrets, name, &location);
    let key = open.secrets.master_key(name).map(Key::Master);
    Ok(key.map(|key| Access { location, options: settings.options.clone(), bucket_keys, key }))
}

/// What opens the repository of `settings` now: its password, or where that does not, its master key.
pub(super) fn access_that_opens(open: &OpenArchive, settings: &RepositorySettings) -> Result<Access, Error> {
    match open_somehow(open, settings) {
        Ok((_, OpenedBy::MasterKey)) => by_master_key(open, settings)?.ok_or(Error::NoRepositories),
        Ok((_, OpenedBy::Password)) | Err(_) => access(open, settings),
    }
}

/// The keys of the bucket at `location`, for the repository called `name`.
pub(super) fn bucket_keys(secrets: &Secrets, name: &str, location: &Location) -> Option<BucketKeys> {
    let scheme = match location.scheme() {
        crate::repository::Scheme::Local => return None,
        crate::repository::Scheme::S3 => Scheme::S3,
        crate::repository::Scheme::B2 => Scheme::B2,
    };
    let session_token = secrets.session_token(scheme);
    secrets.bucket_keys(name, scheme).map(|(id, secret)| BucketKeys { id, secret, session_token })
}
