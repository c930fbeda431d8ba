//! `secrets.toml`: what it holds, and how it is read and written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable::{Readers, create_folder, is_private, replace_file};

use super::error::SecretsError;

/// The name of the file in an archive.
pub const SECRETS_FILE: &str = "secrets.toml";

/// Bytes; longer than every secrets file.
const MOST_BYTES: u64 = 1 << 20;

const HEADER: &str = "\
# The passwords and keys of this Keepsake archive. Whoever can read this file can read all the photos.
# Keep a recovery kit outside this drive: without the passwords nobody can read the backups.

";

/// What the file holds. A key that is not known is refused: to drop one while writing could lose a password.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    #[serde(default, skip_serializing_if = "KitSecrets::is_default")]
    pub(super) kit: KitSecrets,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) repository: BTreeMap<String, RepositorySecrets>,
}

#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KitSecrets {
    pub(super) passphrase: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RepositorySecrets {
    pub(super) password: Option<String>,
    pub(super) master_key: Option<String>,
    pub(super) bucket_key_id: Option<String>,
    pub(super) bucket_key_secret: Option<String>,
}

impl KitSecrets {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Contents {
    /// Takes over everything that `edits` says, and keeps the rest.
    pub(super) fn apply(&mut self, edits: &Self) {
        let Self { kit: KitSecrets { passphrase }, repository } = edits;
        replace(&mut self.kit.passphrase, passphrase.as_ref());
        for (name, edits) in repository {
            let RepositorySecrets { password, master_key, bucket_key_id, bucket_key_secret } = edits;
            let ours = self.repository.entry(name.clone()).or_default();
            replace(&mut ours.password, password.as_ref());
            replace(&mut ours.master_key, master_key.as_ref());
            replace(&mut ours.bucket_key_id, bucket_key_id.as_ref());
            replace(&mut ours.bucket_key_secret, bucket_key_secret.as_ref());
        }
    }
}

fn replace(ours: &mut Option<String>, new: Option<&String>) {
    if let Some(new) = new {
        *ours = Some(new.clone());
    }
}

/// Reads the file; `None` when there is none. A file that others may read is refused unread.
pub(super) fn read(path: &Path) -> Result<Option<Contents>, SecretsError> {
    let unreadable = |source| SecretsError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        file => file.map_err(unreadable)?,
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is no file")));
    }
    let permissions = metadata.permissions();
    if !is_private(&permissions) {
        return Err(SecretsError::NotPrivate { path: path.to_owned(), mode: permissions.mode() & 0o7777 });
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    toml::from_str(&text).map(Some).map_err(|error| {
        // The error's own text would repeat the line, and with it the secret.
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or(&text).matches('\n').count() + 1;
        SecretsError::Damaged { path: path.to_owned(), line }
    })
}

/// Writes the file: private from before its first byte; after a crash the old one or the new one is there.
pub(super) fn write(path: &Path, contents: &Contents) -> Result<(), SecretsError> {
    let unwritable = |source| SecretsError::Unwritable { path: path.to_owned(), source };
    let text = toml::to_string(contents).map_err(|error| unwritable(io::Error::other(error)))?;
    replace_file(path, format!("{HEADER}{text}").as_bytes(), Readers::OwnerOnly).map_err(unwritable)
}

/// Makes two programs that change the file wait for each other. Released when the returned file is dropped.
pub(super) fn lock(archive: &Path) -> Result<File, SecretsError> {
    let folder = archive.join("locks");
    let path = folder.join("secrets.lock");
    let take = |path: &PathBuf| -> io::Result<File> {
        create_folder(&folder)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.lock()?;
        Ok(file)
    };
    take(&path).map_err(|source| SecretsError::Unwritable { path: path.clone(), source })
}
