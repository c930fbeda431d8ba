//! The whole main job.

use serde::Serialize;

use super::{BackupReport, DrillReport, IngestReport, StatusReport};

/// What a rescue did, step by step.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct RescueReport {
    /// The archive.
    pub archive: String,
    /// One report per source that could be read.
    pub ingests: Vec<IngestReport>,
    /// Sources that could not be read, and why.
    pub failed_sources: Vec<String>,
    /// Places that could not be made a repository, and why.
    pub failed_repositories: Vec<String>,
    /// The copies.
    pub backup: BackupReport,
    /// What was proven by restoring.
    pub drill: DrillReport,
    /// The archive's own copy of the recovery kit.
    pub kit: String,
    /// The words that open the kit, when no person has been shown them yet.
    pub words: Option<String>,
    /// How everything stands now.
    pub status: StatusReport,
}
