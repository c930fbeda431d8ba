//! A new archive, and the words that open its recovery kit.

use std::io;
use std::path::{Path, PathBuf};

use super::open_archive::be_present;
use super::{Circumstances, Error, OpenArchive, make_kit};
use crate::catalog::Catalog;
use crate::config::{Archive, ConfigError};
use crate::durable::{self, Readers};
use crate::events::Listener;
use crate::objects::Store;
use crate::secrets::{Secrets, generate_id, generate_passphrase};

/// A new archive, as its maker must know it.
pub struct NewArchive {
    /// The archive, open.
    pub open: OpenArchive,
    /// The words that open the kit. They are told until [`words_were_shown`].
    pub words: String,
}

/// Makes an empty archive in `folder`, which must be missing or empty, with a kit sealed by new words.
///
/// After a crash, and until a person has been shown the words, the call can be repeated: it makes what is missing, and
/// gives the same words again.
pub fn init(folder: &Path, around: &Circumstances, listener: &dyn Listener) -> Result<NewArchive, Error> {
    let archive = match Archive::create(folder, &around.login, &generate_id()) {
        Err(ConfigError::AlreadyThere { .. }) if is_unfinished(folder) => Archive::open(folder)?,
        made => made?,
    };
    let presence = be_present(&archive, around, listener)?;
    let mut secrets = Secrets::load(folder, &around.environment, around.credentials_directory.as_deref())?;
    // Words of the environment win over those of the file whenever a kit is sealed: others must not be shown.
    let words = secrets.kit_passphrase().unwrap_or_else(generate_passphrase);
    secrets.set_kit_passphrase(&words);
    secrets.save()?;
    let objects = Store::create(folder)?;
    let catalog = match Catalog::create(&archive.catalog_file(), &archive.marker.archive_id) {
        Err(crate::catalog::CatalogError::AlreadyExists { file }) => Catalog::open(&file)?,
        made => made?,
    };
    note_that_words_are_to_be_shown(&archive)?;
    let mut open = OpenArchive { archive, catalog, objects, secrets, presence };
    make_kit::renew(&mut open, around)?;
    Ok(NewArchive { open, words })
}

/// Whether the archive in `folder` was being made, and nobody has been shown its words yet.
///
/// A kit is made last, so an archive without one that holds nothing was cut short; a recovery is not meant.
pub(super) fn is_unfinished(folder: &Path) -> bool {
    let Ok(archive) = Archive::open(folder) else { return false };
    if are_to_be_shown(&archive) {
        return true;
    }
    let is_there = |name: &str| archive.folder.join(name).exists();
    let holds_objects = std::fs::read_dir(archive.objects_folder()).is_ok_and(|mut entries| entries.next().is_some());
    let is_recovery = is_there("catalog.db.recovering") || !archive.settings.repositories.is_empty();
    !is_there("recovery/kit.age") && !holds_objects && !is_recovery
}

/// The words of the kit, if no person has been shown them yet.
pub(super) fn words_to_show(open: &OpenArchive) -> Option<String> {
    are_to_be_shown(&open.archive).then(|| open.secrets.kit_passphrase()).flatten()
}

/// Remembers that a person was shown the words: from now on they are not told again.
pub fn words_were_shown(folder: &Path) -> Result<(), Error> {
    let file = folder.join("recovery").join(TO_BE_SHOWN);
    match std::fs::remove_file(&file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::KitFile { path: file, cause }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Stands beside the kit as long as nobody has seen its words: whoever makes an archive may be cut short before the
/// end, where they are printed.
const TO_BE_SHOWN: &str = "words-not-shown-yet";

fn are_to_be_shown(archive: &Archive) -> bool {
    note(archive).exists()
}

fn note(archive: &Archive) -> PathBuf {
    archive.recovery_folder().join(TO_BE_SHOWN)
}

fn note_that_words_are_to_be_shown(archive: &Archive) -> Result<(), Error> {
    let folder = archive.recovery_folder();
    durable::create_folder(&folder).map_err(|cause| Error::KitFile { path: folder, cause })?;
    let text = b"Nobody has been shown the words of this recovery kit yet; rescue or init shows them.\n";
    durable::replace_file(&note(archive), text, Readers::Anyone)
        .map_err(|cause| Error::KitFile { path: note(archive), cause })
}
