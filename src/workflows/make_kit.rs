//! The recovery kit: made with the archive, renewed with every change, put beside every repository.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::access::access;
use super::drive;
use super::{Circumstances, Error, OpenArchive};
use crate::config::{KitCopy, RepositoryName, RepositorySettings};
use crate::durable::{self, Readers};
use crate::model::ObjectId;
use crate::recovery::{
    self, Credentials, KIT_VERSION, Kit, KitRepository, OpenedBy, Opener, RecoveryError, SealTo, SheetFacts,
};
use crate::repository::{BucketKeys, Repository, RepositoryError};

/// What the kit is called beside a repository; restic does not look there.
pub(super) const BESIDE: &str = "recovery/kit.age";

/// Puts together what opens every repository of the archive. The result is as secret as all of them.
pub fn gather(open: &OpenArchive, around: &Circumstances) -> Result<Kit, Error> {
    let mut repositories = Vec::new();
    for settings in &open.archive.settings.repositories {
        let access = access(open, settings)?;
        repositories.push(KitRepository {
            name: settings.name.to_string(),
            location: settings.location.clone(),
            options: settings.options.clone(),
            password: open.secrets.repository_password(settings.name.as_str()).unwrap_or_default(),
            master_key: open.secrets.master_key(settings.name.as_str()),
            repository_id: settings.id.clone(),
            credentials: credentials(open, settings.name.as_str(), access.bucket_keys),
        });
    }
    Ok(Kit {
        kit_version: KIT_VERSION,
        made_at: around.now,
        made_by: around.program.clone(),
        archive_id: open.archive.marker.archive_id.clone(),
        repositories,
    })
}

/// The key of a bucket that lasts: one that ends after some hours would open nothing when the kit is needed.
fn credentials(open: &OpenArchive, name: &str, keys: Option<BucketKeys>) -> Option<Credentials> {
    match keys? {
        BucketKeys { id, secret, session_token: None } => Some(Credentials { id, secret }),
        BucketKeys { session_token: Some(_), .. } => {
            open.secrets.kept_bucket_keys(name).map(|(id, secret)| Credentials { id, secret })
        }
    }
}

/// How this archive seals its kits: to the recipients of the settings, else with the words of its first kit.
pub fn seal_to(open: &OpenArchive) -> Result<SealTo, Error> {
    let recipients = &open.archive.settings.kit.recipients;
    if !recipients.is_empty() {
        return Ok(SealTo::Recipients(recipients.clone()));
    }
    open.secrets.kit_passphrase().map(SealTo::Passphrase).ok_or(Error::NoWayToSealKit)
}

/// Writes the archive's own copy of the kit, and its printable sheet, anew.
pub(super) fn renew(open: &mut OpenArchive, around: &Circumstances) -> Result<(), Error> {
    let kit = gather(open, around)?;
    let sealed = recovery::seal(&kit, &seal_to(open)?)?;
    let folder = open.archive.recovery_folder();
    durable::create_folder(&folder).map_err(|cause| Error::KitFile { path: folder.clone(), cause })?;
    write(&folder.join("sheet.txt"), sheet(open, &sealed, around).as_bytes())?;
    write(&own_kit(open), &sealed)?;
    // Last: a kit that nobody remembers is made again, one that is remembered too early would pass for today's.
    let copy = KitCopy { place: own_kit(open).display().to_string(), contents: contents(open, &kit), at: around.now };
    open.archive.remember_kit_copy(copy)?;
    Ok(())
}

/// The archive's own copy of the kit.
pub fn own_kit(open: &OpenArchive) -> PathBuf {
    open.archive.recovery_folder().join("kit.age")
}

/// The printable sheet of the sealed kit. It never holds the words: they are written on it by hand.
pub fn sheet(open: &OpenArchive, sealed: &[u8], around: &Circumstances) -> String {
    let settings = &open.archive.settings;
    let recipients = &settings.kit.recipients;
    let beside = settings.repositories.iter().map(|one| format!("{}/{BESIDE}", one.location));
    let facts = SheetFacts {
        owner: settings.owner.clone(),
        archive_id: open.archive.marker.archive_id.clone(),
        made_at: around.now,
        repositories: settings.repositories.iter().map(|one| (one.name.to_string(), one.location.clone())).collect(),
        copies: std::iter::once(own_kit(open).display().to_string()).chain(beside).collect(),
        opened_by: if recipients.is_empty() { OpenedBy::WordsElsewhere } else { OpenedBy::Keys(recipients.clone()) },
    };
    recovery::sheet(sealed, &facts)
}

/// Whether the kit of today, the archive's own and the copy at the repository of `location`, is known to be in place.
pub(super) fn is_beside(open: &OpenArchive, location: &str, around: &Circumstances) -> Result<bool, Error> {
    let contents = contents(open, &gather(open, around)?);
    let copies = open.archive.kit_copies()?;
    let is_todays = |place: &str| copies.iter().any(|copy| copy.place == place && copy.contents == contents);
    let own = own_kit(open);
    Ok(own.exists() && is_todays(&own.display().to_string()) && is_todays(location))
}

/// Puts the newest kit beside a repository, unless it is there already, and remembers that it is.
pub(super) fn put_beside(
    open: &mut OpenArchive,
    name: &RepositoryName,
    repository: &Repository,
    around: &Circumstances,
) -> Result<(), Error> {
    let place = open.archive.settings.repositories.iter().find(|one| one.name == *name);
    let Some(place) = place.map(|one| one.location.clone()) else { return Ok(()) };
    if is_beside(open, &place, around)? {
        return Ok(());
    }
    let contents = contents(open, &gather(open, around)?);
    let own = own_kit(open);
    let is_own = |copy: &KitCopy| Path::new(&copy.place) == own && copy.contents == contents;
    if !own.exists() || !open.archive.kit_copies()?.iter().any(is_own) {
        if !password_opens(open, name)? {
            // A kit with a password that was altered in the secrets file must not take the place of a good one.
            return Ok(());
        }
        renew(open, around)?;
    }
    repository.put_beside(BESIDE, &read(&own)?)?;
    open.archive.remember_kit_copy(KitCopy { place, contents, at: around.now })?;
    Ok(())
}

/// What is wrong with the archive's own copy of the kit; the next backup writes it anew.
pub(super) fn look_at_own(open: &OpenArchive, around: &Circumstances) -> Result<Vec<String>, Error> {
    let own = own_kit(open);
    let state = match read(&own) {
        Ok(sealed) => state_of(open, &sealed),
        Err(Error::KitFile { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
            State::Lost("it is gone".to_owned())
        }
        Err(error) => State::Lost(error.told()),
    };
    told(open, &own.display().to_string(), state, around)
}

/// What is wrong with the copy of the kit beside a repository, where one was put; the next backup puts it there anew.
pub(super) fn look_beside(
    open: &OpenArchive,
    settings: &RepositorySettings,
    around: &Circumstances,
) -> Result<Vec<String>, Error> {
    let place = &settings.location;
    let known = open.archive.kit_copies()?.iter().any(|copy| copy.place == *place);
    let Some(access) = access(open, settings).ok().filter(|_| known) else { return Ok(Vec::new()) };
    let state = match Repository::get_beside(&access, BESIDE) {
        Ok(Some(sealed)) if read(&own_kit(open)).is_ok_and(|own| own == sealed) => State::Whole,
        Ok(Some(sealed)) => state_of(open, &sealed),
        Ok(None) => State::Lost(format!("the copy beside it, {BESIDE}, is gone")),
        Err(error) if error.is_of_one_file() => State::Lost(Error::chain(&error)),
        // The place does not answer: that is told of the repository, and says nothing of the kit.
        Err(_) => State::Whole,
    };
    told(open, place, state, around)
}

/// How a copy of the kit stands.
enum State {
    /// As far as can be told: one that is sealed to keys opens elsewhere.
    Whole,
    /// It opens nothing any more; why.
    Lost(String),
    /// It may be whole: the words that are kept here do not open it.
    OtherWords,
}

fn state_of(open: &OpenArchive, sealed: &[u8]) -> State {
    let opened = match (seal_to(open), recovery::needs_passphrase(sealed)) {
        (_, Err(error)) => Err(error),
        (Ok(SealTo::Passphrase(words)), Ok(true)) => recovery::open(sealed, &Opener::Passphrase(words)).map(|_| ()),
        (Ok(SealTo::Passphrase(_) | SealTo::Recipients(_)) | Err(_), Ok(_)) => Ok(()),
    };
    match opened {
        Ok(()) => State::Whole,
        Err(RecoveryError::WrongKey { .. }) => State::OtherWords,
        Err(error) => State::Lost(error.to_string()),
    }
}

/// A copy that is lost does not count as one any more, so that the next backup makes it anew. One that other words open
/// stays: what is wrong may be the words.
fn told(open: &OpenArchive, place: &str, state: State, around: &Circumstances) -> Result<Vec<String>, Error> {
    match state {
        State::Whole => Ok(Vec::new()),
        State::OtherWords => Ok(vec![format!("{place}: the words in secrets.toml do not open it")]),
        State::Lost(why) => {
            let contents = ObjectId::of(b"");
            open.archive.remember_kit_copy(KitCopy { place: place.to_owned(), contents, at: around.now })?;
            Ok(vec![format!("{place}: {why}")])
        }
    }
}

/// Whether the password that would go into the kit is the repository's; what cannot be found out counts as yes.
fn password_opens(open: &OpenArchive, name: &RepositoryName) -> Result<bool, Error> {
    let Some(settings) = open.archive.settings.repository(name.as_str()) else { return Ok(true) };
    let opened = Repository::open(&access(open, settings)?);
    Ok(!matches!(opened, Err(RepositoryError::WrongKey { .. })))
}

/// Seals a kit to `to` and writes it to `file`, where the person wants it.
///
/// After Ok the file is whole and on the disk. An older kit is replaced, any other file is not touched.
pub fn create_kit(open: &mut OpenArchive, to: &SealTo, file: &Path, around: &Circumstances) -> Result<(), Error> {
    refuse_what_is_no_kit(file)?;
    let kit = gather(open, around)?;
    write(file, &recovery::seal(&kit, to)?)?;
    let absolute = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let copy = KitCopy { place: absolute.display().to_string(), contents: contents(open, &kit), at: around.now };
    open.archive.remember_kit_copy(copy)?;
    Ok(())
}

/// Whether a kit that opens every repository of today is known to exist outside the drive that the archive is on: beside
/// a repository elsewhere, or in a file on another drive that is still there.
pub(super) fn is_outside(open: &OpenArchive, around: &Circumstances) -> Result<bool, Error> {
    let contents = contents(open, &gather(open, around)?);
    let copies = open.archive.kit_copies()?;
    let newest = copies.iter().filter(|copy| copy.contents == contents);
    Ok(newest.into_iter().any(|copy| drive::is_off_drive(&open.archive.folder, &copy.place)))
}

/// Names what a kit opens and for whom, whenever it was sealed. Gives nothing away: the passwords are random.
fn contents(open: &OpenArchive, kit: &Kit) -> ObjectId {
    // Plain text and numbers: writing them down cannot fail, and if it did, no copy would count.
    ObjectId::of(&serde_json::to_vec(&(&kit.repositories, &open.archive.settings.kit.recipients)).unwrap_or_default())
}

/// A slip in a file's name must not cost the file.
fn refuse_what_is_no_kit(file: &Path) -> Result<(), Error> {
    match read(file) {
        Ok(bytes) if recovery::needs_passphrase(&bytes).is_err() => Err(Error::NotAKitFile { path: file.to_owned() }),
        Err(Error::KitFile { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map(|_| ()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    durable::replace_file(path, bytes, Readers::Anyone).map_err(|cause| Error::KitFile { path: path.to_owned(), cause })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|cause| Error::KitFile { path: path.to_owned(), cause })?;
    Ok(bytes)
}
