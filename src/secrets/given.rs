//! Secrets that the environment and the service manager hand to the program.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::error::SecretsError;

/// Bytes; longer than every password and key.
const MOST_BYTES: u64 = 64 * 1024;

const ENDINGS: [&str; 3] = [".password", ".bucket-key-id", ".bucket-key-secret"];
const KIT_PASSPHRASE: &str = "kit-passphrase";

/// The sort of bucket that keys are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// Any store that speaks S3.
    S3,
    /// Backblaze B2's own interface.
    B2,
}

/// What was handed in. Has no `Debug`: nothing of it may be shown.
#[derive(Default)]
pub(super) struct Given {
    environment: BTreeMap<String, String>,
    credentials: BTreeMap<String, String>,
}

impl Given {
    /// Takes what is ours out of the environment, and out of the folder of credentials.
    pub(super) fn read(
        environment: &BTreeMap<String, String>,
        credentials_directory: Option<&Path>,
    ) -> Result<Self, SecretsError> {
        let ours = |name: &str| {
            ["KEEPSAKE_PASSWORD_", "KEEPSAKE_KIT_PASSPHRASE", "AWS_", "B2_"].iter().any(|start| name.starts_with(start))
        };
        let environment = environment
            .iter()
            .filter(|(name, value)| ours(name) && !value.is_empty())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let credentials = credentials_directory.map(read_credentials).transpose()?.unwrap_or_default();
        Ok(Self { environment, credentials })
    }

    pub(super) fn password(&self, repository: &str) -> Option<String> {
        let variable = format!("KEEPSAKE_PASSWORD_{}", repository.to_uppercase().replace('-', "_"));
        self.environment.get(&variable).or_else(|| self.credentials.get(&format!("{repository}.password"))).cloned()
    }

    pub(super) fn bucket_keys(&self, repository: &str, scheme: Scheme) -> Option<(String, String)> {
        let (id, secret) = match scheme {
            Scheme::S3 => ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            Scheme::B2 => ("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"),
        };
        both(&self.environment, id, secret).or_else(|| {
            let named = |half| format!("{repository}.{half}");
            both(&self.credentials, &named("bucket-key-id"), &named("bucket-key-secret"))
        })
    }

    /// What the key of an S3 bucket comes with that somebody lent for some hours.
    pub(super) fn session_token(&self, scheme: Scheme) -> Option<String> {
        match scheme {
            // It belongs to the key beside it, and to no other.
            Scheme::S3 if both(&self.environment, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY").is_some() => {
                self.environment.get("AWS_SESSION_TOKEN").cloned()
            }
            Scheme::S3 | Scheme::B2 => None,
        }
    }

    pub(super) fn kit_passphrase(&self) -> Option<String> {
        self.environment.get("KEEPSAKE_KIT_PASSPHRASE").or_else(|| self.credentials.get(KIT_PASSPHRASE)).cloned()
    }
}

/// Both halves or nothing: a half of one key and a half of another open nothing.
fn both(values: &BTreeMap<String, String>, id: &str, secret: &str) -> Option<(String, String)> {
    Some((values.get(id)?.clone(), values.get(secret)?.clone()))
}

fn read_credentials(folder: &Path) -> Result<BTreeMap<String, String>, SecretsError> {
    let unreadable = |source| SecretsError::Unreadable { path: folder.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name == KIT_PASSPHRASE || ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            let value = read_password_file(&entry.path())?;
            if !value.is_empty() {
                found.insert(name, value);
            }
        }
    }
    Ok(found)
}

/// Reads a file that holds one secret. White space around it is no part of it, as with restic.
pub fn read_password_file(path: &Path) -> Result<String, SecretsError> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    };
    read().map_err(|source| SecretsError::Unreadable { path: path.to_owned(), source })
}

/// Finds the password of a repository that has no name here yet: `KEEPSAKE_PASSWORD`, else `RESTIC_PASSWORD`, else what
/// stands in the file that `RESTIC_PASSWORD_FILE` names.
pub fn password_from_environment(environment: &BTreeMap<String, String>) -> Result<Option<String>, SecretsError> {
    let value = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if let Some(password) = value("KEEPSAKE_PASSWORD").or_else(|| value("RESTIC_PASSWORD")) {
        return Ok(Some(password.clone()));
    }
    value("RESTIC_PASSWORD_FILE").map(|path| read_password_file(Path::new(path))).transpose()
}
