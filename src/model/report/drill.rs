//! What a drill proved.

use serde::Serialize;

/// A file that did not come back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DrillFailure {
    /// Its path in the snapshot.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What a drill of one repository proved.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct RepositoryDrill {
    /// The repository.
    pub name: String,
    /// The snapshot that was restored from.
    pub snapshot: Option<String>,
    /// Files restored.
    pub restored: u64,
    /// Files whose restored bytes are the original ones.
    pub matched: u64,
    /// Files that did not come back, or came back different.
    pub failed: Vec<DrillFailure>,
    /// Bytes that came from the repository.
    pub fetched_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Photos that have a proof from this repository now.
    pub proven_photos: u64,
    /// Why it could not be done at all, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What a person can do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a drill proved.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct DrillReport {
    /// One entry per repository; those that a stop came before are not in it.
    pub repositories: Vec<RepositoryDrill>,
    /// Whether the person stopped it before its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

impl DrillReport {
    /// Whether a repository could not be drilled at all.
    pub fn failed(&self) -> bool {
        self.repositories.iter().any(|one| one.error.is_some())
    }

    /// Whether a file did not come back.
    pub fn unproven(&self) -> bool {
        self.repositories.iter().any(|one| !one.failed.is_empty())
    }
}
