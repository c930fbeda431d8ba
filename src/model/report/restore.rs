//! What came back.

use serde::Serialize;

use crate::model::Problem;

/// What a restore brought back.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct RestoreReport {
    /// The snapshot it came from.
    pub snapshot: String,
    /// Files that were asked for.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that came from the repository.
    pub fetched_bytes: u64,
    /// Files that already stood there, whole.
    pub already_there: u64,
    /// Whether nothing was written because only a preview was asked for.
    pub dry_run: bool,
    /// What did not come back.
    pub problems: Vec<Problem>,
}

/// What a recovery brought back.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct RecoverReport {
    /// The snapshot it came from.
    pub snapshot: String,
    /// Photos in the archive now.
    pub photos: u64,
    /// Albums in the archive now.
    pub albums: u64,
    /// Objects that the snapshot holds.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that came from the repository.
    pub fetched_bytes: u64,
    /// Objects that an earlier, interrupted recovery had brought back.
    pub already_there: u64,
    /// The words that open the new kit, where the old ones were not known.
    pub words: Option<String>,
    /// What did not come back.
    pub problems: Vec<Problem>,
}

impl RecoverReport {
    /// The same report, fit to be kept: words belong on paper.
    #[must_use]
    pub fn without_words(&self) -> Self {
        Self { words: None, ..self.clone() }
    }
}
