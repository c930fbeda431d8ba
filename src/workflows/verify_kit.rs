//! Whether a kit would do what it is for, tried for real.

use jiff::Timestamp;
use serde::Serialize;

use super::bring_back::{Overwrite, bring_back};
use super::contents::Contents;
use super::restore::pick_snapshot;
use super::{Circumstances, Error};
use crate::events::Listener;
use crate::recovery::{Kit, KitRepository};
use crate::repository::{Access, BucketKeys, Key, Repository};

/// How many files of each repository are restored.
const FILES: usize = 3;

/// What a kit was found to be worth, on the day it was tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KitVerified {
    /// When the kit was made; RFC 3339.
    pub made_at: String,
    /// When it was tried; RFC 3339.
    pub verified_at: String,
    /// Each repository of the kit.
    pub repositories: Vec<KitRepositoryVerified>,
}

/// What a kit was found to be worth for one repository.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KitRepositoryVerified {
    /// Its name.
    pub name: String,
    /// Files that were restored and compared.
    pub restored: usize,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl KitVerified {
    /// Whether every repository of the kit gave files back, and there is one at all.
    pub fn is_good(&self) -> bool {
        !self.repositories.is_empty() && self.repositories.iter().all(|one| one.error.is_none())
    }
}

/// Opens each repository of `kit` with nothing but the kit, and restores up to three files from each.
pub fn verify_kit(kit: &Kit, around: &Circumstances, listener: &dyn Listener) -> Result<KitVerified, Error> {
    let mut repositories = Vec::new();
    for one in &kit.repositories {
        listener.note(&format!("opening {} with nothing but the kit", one.name));
        let (restored, error) = match restore_some(one, &kit.archive_id, around) {
            Ok(restored) => (restored, None),
            Err(error) => (0, Some(error.told())),
        };
        repositories.push(KitRepositoryVerified { name: one.name.clone(), restored, error });
    }
    let told = |at: Timestamp| at.to_string();
    Ok(KitVerified { made_at: told(kit.made_at), verified_at: told(around.now), repositories })
}

fn restore_some(one: &KitRepository, archive_id: &str, around: &Circumstances) -> Result<usize, Error> {
    let keys = one.credentials.as_ref();
    let access = Access {
        location: one.location.parse()?,
        options: one.options.clone(),
        bucket_keys: keys.map(|keys| BucketKeys {
            id: keys.id.clone(),
            secret: keys.secret.clone(),
            session_token: None,
        }),
        key: Key::Password(one.password.clone()),
    };
    let repository = Repository::open(&access)?;
    let snapshot = pick_snapshot(&repository, None, Some(archive_id))?;
    let mut contents = Contents::list(&repository, &snapshot.id)?;
    let photos: Vec<String> = contents.files.keys().filter(|path| path.starts_with("photos/")).cloned().collect();
    // First, middle and last: the same three each time would say little of the rest.
    let step = (photos.len() / FILES).max(1);
    let picked: Vec<&String> = photos.iter().step_by(step).take(FILES).collect();
    let lost = contents.fetch_checksums(&repository, picked.iter().map(|path| path.as_str()))?;
    if let Some(lost) = lost.first() {
        return Err(Error::NotBack { path: lost.path.clone(), why: lost.message.clone() });
    }
    let scratch = tempfile::Builder::new()
        .prefix("keepsake-kit-")
        .tempdir_in(&around.scratch)
        .map_err(|cause| Error::RestoreTo { path: around.scratch.clone(), cause })?;
    let mut restored = 0;
    for path in picked {
        let Some(file) = contents.files.get(path) else { continue };
        let target = scratch.path().join(restored.to_string());
        bring_back(&repository, file, contents.expected(path), &target, Overwrite::Never)
            .map_err(|error| Error::NotBack { path: path.clone(), why: Error::chain(&error) })?;
        restored += 1;
    }
    Ok(restored)
}
