//! What a run of ingest did.

use serde::{Deserialize, Serialize};

use crate::model::Problem;

/// What one pass over one source did.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct IngestReport {
    /// The number of the run; 0 for a dry run, which is not written down.
    pub run: i64,
    /// The source, as the person named it.
    pub source: String,
    /// What the source was found to be: `folder`, `disk image`, `drive`, …
    pub source_kind: String,
    /// What was found on it, a line for each volume of a disk.
    pub volumes: Vec<String>,
    /// Whether every file of the source was looked at: an interrupted run is not complete.
    pub complete: bool,
    /// Files met. The sum of `stored`, `duplicates`, `previously_deleted`, `unreadable` and `ignored`.
    pub files_seen: u64,
    /// Files whose bytes the archive did not have.
    pub stored: u64,
    /// Files whose bytes the archive already had.
    pub duplicates: u64,
    /// Files that a person deleted from the archive before; they stay deleted.
    pub previously_deleted: u64,
    /// Photos among those read by this run that are truncated or damaged; they are kept.
    pub damaged: u64,
    /// Files that the source could not give.
    pub unreadable: u64,
    /// Files that do not look like photos, videos or their sidecars, or that are empty.
    pub ignored: u64,
    /// Kept files that were deleted on the disk, duplicates included.
    pub deleted: u64,
    /// Kept files that no folder lists, found by what is in them, duplicates included.
    pub by_content: u64,
    /// Kept files of which the disk did not give every byte.
    pub with_holes: u64,
    /// Photos that are whole now, put together from damaged copies.
    pub put_together: u64,
    /// Damaged copies that stand behind a better one now.
    pub behind_better: u64,
    /// Small pictures of other programs that stand behind their photo now.
    pub small_behind: u64,
    /// Bytes read from the source.
    pub read_bytes: u64,
    /// Bytes added to the archive.
    pub stored_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// How long until every byte was durable; what came after was looking into the files.
    pub durable_seconds: f64,
    /// Photos and videos that the archive did not have before (a raw file beside its JPEG is no photo of its own).
    pub new_photos: u64,
    /// Whether nothing was written because only a preview was asked for.
    pub dry_run: bool,
    /// What could not be done to single files, and what is wrong with them.
    pub problems: Vec<Problem>,
}

/// The reports of one call of ingest: the report itself for one source, a list of them for several.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum IngestReports {
    /// One source.
    One(Box<IngestReport>),
    /// Several sources, in their order.
    Several(Vec<IngestReport>),
}

impl From<Vec<IngestReport>> for IngestReports {
    fn from(mut reports: Vec<IngestReport>) -> Self {
        match (reports.pop(), reports.is_empty()) {
            (Some(only), true) => Self::One(Box::new(only)),
            (Some(last), false) => {
                reports.push(last);
                Self::Several(reports)
            }
            (None, _) => Self::Several(reports),
        }
    }
}
