//! A new archive, and the words that open its recovery kit.

use std::path::Path;

use super::{Circumstances, Error, OpenArchive, make_kit};
use crate::catalog::Catalog;
use crate::config::{Archive, ConfigError};
use crate::objects::Store;
use crate::secrets::{Secrets, generate_id, generate_passphrase};

/// A new archive, as its maker must know it.
pub struct NewArchive {
    /// The archive, open.
    pub open: OpenArchive,
    /// The words that open the kit. Nobody can be shown them again but the owner of this machine.
    pub words: String,
}

/// Makes an empty archive in `folder`, which must be missing or empty, with a kit sealed by new words, or by those that
/// the environment gives.
///
/// After a crash the folder is no archive yet, or one that is unfinished: `init` can be run again either way.
pub fn init(folder: &Path, around: &Circumstances) -> Result<NewArchive, Error> {
    let archive = match Archive::create(folder, &around.login, &generate_id()) {
        Err(ConfigError::AlreadyThere { .. }) if is_unfinished(folder) => Archive::open(folder)?,
        created => created?,
    };
    let mut secrets = Secrets::load(folder, &around.environment, around.credentials_directory.as_deref())?;
    // Words of the environment win over those of the file whenever a kit is sealed: others must not be shown.
    let words = secrets.kit_passphrase().unwrap_or_else(generate_passphrase);
    secrets.set_kit_passphrase(&words);
    secrets.save()?;
    let objects = Store::create(folder)?;
    let catalog = Catalog::create(&archive.catalog_file(), &archive.marker.archive_id)?;
    let mut open = OpenArchive { archive, catalog, objects, secrets };
    make_kit::renew(&mut open, around)?;
    Ok(NewArchive { open, words })
}

/// Whether an archive was begun in `folder` and cut off before it had a catalog: nothing is in it yet.
pub(super) fn is_unfinished(folder: &Path) -> bool {
    let Ok(archive) = Archive::open(folder) else { return false };
    let no_objects = archive.objects_folder().read_dir().map_or(true, |mut entries| entries.next().is_none());
    no_objects && !archive.catalog_file().exists() && archive.settings.repositories.is_empty()
}
