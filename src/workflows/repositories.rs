//! Repositories: adding one, taking one out of the settings, changing its password.

use std::collections::BTreeMap;

use super::access::{access, bucket_keys, open_known};
use super::{Circumstances, Error, OpenArchive, make_kit};
use crate::config::{RepositoryName, RepositorySettings};
use crate::repository::{Access, Key, Location, Repository, RepositoryError};
use crate::secrets::generate_password;

/// What adding a repository came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// A new, empty repository was made.
    Created,
    /// One was there already, and the password known here opens it.
    Joined,
}

/// Makes the repository at `location`, or joins the one that is there with its `password`, writes it into the settings,
/// and puts a kit beside it.
///
/// The password is on this disk before the repository exists: a crash leaves no repository that nothing opens.
pub fn add_repository(
    open: &mut OpenArchive,
    name: &RepositoryName,
    location: &Location,
    options: &BTreeMap<String, String>,
    password: Option<String>,
    around: &Circumstances,
) -> Result<Added, Error> {
    if open.archive.settings.repositories.iter().any(|one| one.name == *name) {
        return Err(Error::RepositoryNameTaken { name: name.to_string() });
    }
    let text = location.to_string();
    if let Some(one) = open.archive.settings.repositories.iter().find(|one| one.location == text) {
        return Err(Error::RepositoryLocationTaken { name: one.name.to_string(), location: text });
    }
    refuse_inside_archive(open, location)?;
    if open.secrets.master_key(name.as_str()).is_some() {
        return Err(Error::RepositoryNameKept { name: name.to_string() });
    }
    let keys = bucket_keys(&open.secrets, name.as_str(), location);
    let own = open.secrets.repository_password(name.as_str()).unwrap_or_else(generate_password);
    open.secrets.set_repository_password(name.as_str(), &own);
    if let Some(keys) = keys.as_ref().filter(|keys| keys.session_token.is_none()) {
        open.secrets.set_bucket_keys(name.as_str(), &keys.id, &keys.secret);
    }
    open.secrets.save()?;
    let access =
        Access { location: location.clone(), options: options.clone(), bucket_keys: keys, key: Key::Password(own) };
    let (repository, added) = match Repository::create(&access) {
        Ok(repository) => (repository, Added::Created),
        Err(there @ RepositoryError::AlreadyExists { .. }) => {
            let repository = join(open, name, access, password, there)?;
            repository.settle_names()?;
            (repository, Added::Joined)
        }
        Err(error) => return Err(error.into()),
    };
    let mut settings = open.archive.settings.clone();
    let (id, options) = (Some(repository.id()), options.clone());
    settings.repositories.push(RepositorySettings { name: name.clone(), location: text, id, options });
    open.archive.save_settings(settings)?;
    // After the settings: a name with a master key is taken for good.
    open.secrets.set_master_key(name.as_str(), &repository.master_key()?);
    open.secrets.save()?;
    make_kit::renew(open, around)?;
    make_kit::put_beside(open, name, &repository, around)?;
    Ok(added)
}

/// Opens a repository that is there already: with the password that was given, or with the one that a run which was cut
/// off had made it with.
fn join(
    open: &mut OpenArchive,
    name: &RepositoryName,
    access: Access,
    given: Option<String>,
    there: RepositoryError,
) -> Result<Repository, Error> {
    let Some(password) = given else {
        return match Repository::open(&access) {
            Err(RepositoryError::WrongKey { .. }) => Err(there.into()),
            other => Ok(other?),
        };
    };
    let repository = Repository::open(&Access { key: Key::Password(password.clone()), ..access })?;
    open.secrets.set_repository_password(name.as_str(), &password);
    Ok(repository)
}

/// A copy inside the archive dies with it.
fn refuse_inside_archive(open: &OpenArchive, location: &Location) -> Result<(), Error> {
    let archive = open.archive.folder.canonicalize().unwrap_or_else(|_| open.archive.folder.clone());
    match location.local_path() {
        Some(path) if path.starts_with(&archive) || archive.starts_with(path) => {
            Err(Error::RepositoryInsideArchive { location: location.to_string() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Takes a repository out of the settings. The repository itself, and the password that opens it, are kept.
pub fn remove_repository(open: &mut OpenArchive, name: &str, around: &Circumstances) -> Result<(), Error> {
    let mut settings = open.archive.settings.clone();
    let before = settings.repositories.len();
    settings.repositories.retain(|one| one.name.as_str() != name);
    if settings.repositories.len() == before {
        let known = settings.repositories.iter().map(|one| one.name.to_string()).collect();
        return Err(Error::NoSuchRepository { name: name.to_owned(), known });
    }
    open.archive.save_settings(settings)?;
    make_kit::renew(open, around)
}

/// Gives a repository a new password: added, tried, and only then is the old one taken away.
///
/// The kit is renewed and put beside this repository; the next backup puts it beside the others. Whoever had the old
/// password could have read the repository's master key, and can read its data for ever: only a new repository
/// changes that.
pub fn rotate_password(open: &mut OpenArchive, name: &str, around: &Circumstances) -> Result<(), Error> {
    let settings = super::access::chosen(open, &[name.to_owned()])?;
    let Some(settings) = settings.first() else { return Err(Error::NoRepositories) };
    if open.secrets.is_given(name) {
        return Err(Error::PasswordIsGiven { repository: name.to_owned() });
    }
    let repository = open_known(open, settings)?;
    let password = generate_password();
    // Both open it for a moment: whatever fails in between, the password that is written down is one of them.
    repository.add_password(&password)?;
    open.secrets.set_repository_password(name, &password);
    open.secrets.save()?;
    let reopened = Repository::open(&access(open, settings)?)?;
    reopened.change_password(&password)?;
    make_kit::renew(open, around)?;
    make_kit::put_beside(open, &settings.name, &reopened, around)
}
