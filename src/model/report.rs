//! What a verb has to say when it is done: one type prints the text and the JSON.
//!
//! Field names are a contract (docs/cli.md): fields may be added, never renamed or dropped.

mod backup;
mod check;
mod drill;
mod ingest;
mod photo;
mod previews;
mod rescue;
mod restore;
mod status;

pub use backup::{BackupReport, BackupState, RepositoryBackup, SnapshotReport, UnlistedRepository};
pub use check::{CheckReport, Finding, ObjectsCheck, RepositoryCheck, UNOPENABLE};
pub use drill::{DrillFailure, DrillReport, RepositoryDrill};
pub use ingest::{IngestReport, IngestReports};
pub use photo::{
    AlbumReport, CompanionReport, PhotoReport, PhotoSummary, ProofReport, RelatedReport, Relation, SearchReport,
    SightingReport,
};
pub use previews::{PhotoPreviews, PreviewsReport};
pub use rescue::RescueReport;
pub use restore::{RecoverReport, RestoreReport};
pub use status::{AtRisk, RepositoryStatus, StatusReport};
