//! Whether every photo is safe.

use serde::Serialize;

use crate::model::PhotoId;

/// Why a photo is not safe yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AtRisk {
    /// Which photo.
    pub photo: PhotoId,
    /// Why, in words.
    pub why: String,
}

/// How one repository stands.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct RepositoryStatus {
    /// The repository.
    pub name: String,
    /// Where it is.
    pub location: String,
    /// Whether it is on another drive than the archive.
    pub off_this_drive: bool,
    /// When its newest snapshot was made; RFC 3339.
    pub newest_snapshot: Option<String>,
    /// When its newest complete snapshot was made; RFC 3339.
    pub newest_complete: Option<String>,
    /// Photos that were restored from it and compared.
    pub proven_photos: u64,
    /// The time of the oldest of those proofs; RFC 3339.
    pub oldest_proof: Option<String>,
}

/// Whether every photo is safe.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct StatusReport {
    /// Photos in the archive, deleted ones not counted.
    pub photos: u64,
    /// Bytes of all objects.
    pub objects_bytes: u64,
    /// Photos proven in a repository off this drive, while the kit exists outside this drive.
    pub safe: u64,
    /// The others.
    pub at_risk: Vec<AtRisk>,
    /// The repositories.
    pub repositories: Vec<RepositoryStatus>,
    /// What should be done now: `backup b2: never`.
    pub due: Vec<String>,
    /// What is wrong.
    pub problems: Vec<String>,
}
