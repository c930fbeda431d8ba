//! Backups and snapshots.

use serde::Serialize;

use crate::model::Problem;

/// How a backup to one repository ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupState {
    /// A snapshot with every object.
    Complete,
    /// A snapshot that lacks something; it does not count.
    Partial,
    /// No snapshot.
    #[default]
    Failed,
    /// The newest snapshot already holds everything.
    Unchanged,
}

/// What a backup to one repository did.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct RepositoryBackup {
    /// The repository.
    pub name: String,
    /// The snapshot that holds the archive now.
    pub snapshot: Option<String>,
    /// How it ended.
    pub state: BackupState,
    /// Photos in the snapshot.
    pub photos: u64,
    /// Files that the newest snapshot before it did not have.
    pub files_new: u64,
    /// Bytes read from the archive.
    pub read_bytes: u64,
    /// Bytes sent to the repository.
    pub sent_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether the repository's structure was checked in this run, after the snapshot was written, and found whole.
    pub checked: bool,
    /// When the structure was last looked at, in this run or before, and found whole; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structure_whole_at: Option<String>,
    /// What could not be backed up.
    pub problems: Vec<Problem>,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What a person can do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a backup did.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct BackupReport {
    /// One entry per repository, in their order in the settings; those that a stop came before are not in it.
    pub repositories: Vec<RepositoryBackup>,
    /// Whether the person stopped it before its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

/// A repository whose snapshots could not be listed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UnlistedRepository {
    /// Its name.
    pub repository: String,
    /// Why.
    pub error: String,
    /// What to do about it, where there is one clear thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SnapshotReport {
    /// The repository.
    pub repository: String,
    /// Its id, 64 hex digits.
    pub id: String,
    /// When it was made; RFC 3339.
    pub at: String,
    /// Whether it holds everything.
    pub complete: bool,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl BackupReport {
    /// Whether a repository got no snapshot.
    pub fn failed(&self) -> bool {
        self.repositories.iter().any(|one| one.state == BackupState::Failed)
    }

    /// Whether a snapshot lacks something.
    pub fn partial(&self) -> bool {
        self.repositories.iter().any(|one| one.state == BackupState::Partial)
    }
}
