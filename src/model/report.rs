//! What a verb has to say when it is done: one type prints the text and the JSON.
//!
//! Field names are a contract (docs/cli.md): fields may be added, never renamed or dropped.

use serde::Serialize;

use super::{Album, Condition, Kind, ObjectId, PhotoId, Problem};

/// What one pass over one source did.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct IngestReport {
    /// The number of the run.
    pub run: i64,
    /// The source, as the person named it.
    pub source: String,
    /// What the source was found to be: `folder`.
    pub source_kind: String,
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
    /// Bytes read from the source.
    pub read_bytes: u64,
    /// Bytes added to the archive.
    pub stored_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Photos and videos that the archive did not have before (a raw file beside its JPEG is no photo of its own).
    pub new_photos: u64,
    /// Whether nothing was written because only a preview was asked for.
    pub dry_run: bool,
    /// What could not be done to single files, and what is wrong with them.
    pub problems: Vec<Problem>,
}

/// One photo in a list of results.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PhotoSummary {
    /// Its id.
    pub id: PhotoId,
    /// Its original.
    pub object: ObjectId,
    /// The name it came with.
    pub name: String,
    /// The wall clock where it was taken, `2014-08-03T14:22:33`.
    pub taken_at: Option<String>,
    /// Who says so.
    pub taken_at_source: Option<String>,
    /// How whole it is; `None` until it has been examined.
    pub condition: Option<Condition>,
    /// Its format.
    pub kind: Kind,
    /// Its path in every snapshot.
    pub path: String,
}

/// What a search found.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct SearchReport {
    /// How many photos match, shown or not.
    pub total: u64,
    /// The first of them, newest first.
    pub photos: Vec<PhotoSummary>,
}

/// One place where a photo's bytes were seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SightingReport {
    /// The source, as it was named.
    pub source: String,
    /// The path in it.
    pub path: String,
    /// When the file was last written, by the source's clock; RFC 3339.
    pub modified_at: Option<String>,
}

/// One proof that a photo came back whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProofReport {
    /// The repository it was restored from.
    pub repository: String,
    /// When; RFC 3339.
    pub at: String,
}

/// One file that belongs to a photo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CompanionReport {
    /// What it is: `raw`, `live-video`, `sidecar`.
    pub role: String,
    /// Its bytes.
    pub object: ObjectId,
    /// The name it came with.
    pub name: String,
}

/// Everything known about one photo.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PhotoReport {
    /// What a list shows of it.
    #[serde(flatten)]
    pub summary: PhotoSummary,
    /// Whose it is.
    pub owner: String,
    /// Bytes of the original.
    pub size: u64,
    /// How much of the time is known: `exact`, `day`, `month`, `year`, `guess`.
    pub taken_at_certainty: Option<String>,
    /// The zone of the wall clock, `+02:00`.
    pub zone: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// The camera.
    pub camera: Option<String>,
    /// The lens.
    pub lens: Option<String>,
    /// Pixels across, upright.
    pub width: Option<u32>,
    /// Pixels down, upright.
    pub height: Option<u32>,
    /// How far the condition was tested: `pixels`, `structure`, `signature`.
    pub tested: Option<String>,
    /// What is wrong with it, in words.
    pub finding: Option<String>,
    /// How much of the picture is good, where damage could be measured.
    pub good_percent: Option<u8>,
    /// Stars.
    pub rating: Option<i8>,
    /// What somebody wrote about it.
    pub caption: Option<String>,
    /// Keywords.
    pub tags: Vec<String>,
    /// Names of the people on it.
    pub people: Vec<String>,
    /// Names of the albums it is in.
    pub albums: Vec<String>,
    /// RAW, moving half, sidecars.
    pub companions: Vec<CompanionReport>,
    /// Every place where it was seen.
    pub sightings: Vec<SightingReport>,
    /// Every repository it came back from.
    pub proofs: Vec<ProofReport>,
    /// When it was deleted; RFC 3339.
    pub deleted_at: Option<String>,
}

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
    /// Whether the repository's structure was checked after the snapshot was written, and found whole.
    pub checked: bool,
    /// What could not be backed up.
    pub problems: Vec<Problem>,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a backup did.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct BackupReport {
    /// One entry per repository, in their order in the settings.
    pub repositories: Vec<RepositoryBackup>,
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

/// The archive's own objects, checked.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct ObjectsCheck {
    /// Objects looked at.
    pub checked: u64,
    /// Objects that the catalog knows and the store has not.
    pub missing: Vec<ObjectId>,
    /// Objects whose bytes are not what their name says.
    pub altered: Vec<ObjectId>,
}

/// Something wrong in a repository.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What sort: `pack-missing`, `pack-altered`, `index-missing`, `structure`, …
    pub kind: String,
    /// Which file, and what is wrong with it.
    pub what: String,
    /// The photos whose bytes it touches, where that could be told.
    pub affected_photos: Vec<PhotoId>,
}

/// One repository, checked.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct RepositoryCheck {
    /// The repository.
    pub name: String,
    /// Whether nothing is wrong as far as was looked.
    pub ok: bool,
    /// Bytes of packs read back and compared; 0 when only the structure was checked.
    pub read_bytes: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct CheckReport {
    /// The archive's own objects.
    pub objects: ObjectsCheck,
    /// The repositories.
    pub repositories: Vec<RepositoryCheck>,
}

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
}

/// What a drill proved.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct DrillReport {
    /// One entry per repository.
    pub repositories: Vec<RepositoryDrill>,
}

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

/// What a rescue did, step by step.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct RescueReport {
    /// The archive.
    pub archive: String,
    /// One report per source that could be read.
    pub ingests: Vec<IngestReport>,
    /// Sources that could not be read, and why.
    pub failed_sources: Vec<String>,
    /// The copies.
    pub backup: BackupReport,
    /// What was proven by restoring.
    pub drill: DrillReport,
    /// The archive's own copy of the recovery kit.
    pub kit: String,
    /// The words that open the kit, when the archive was made just now.
    pub words: Option<String>,
    /// How everything stands now.
    pub status: StatusReport,
}

impl CheckReport {
    /// Whether nothing is wrong as far as was looked.
    pub fn is_sound(&self) -> bool {
        self.objects.missing.is_empty()
            && self.objects.altered.is_empty()
            && self.repositories.iter().all(|repository| repository.ok)
    }
}

/// One album in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AlbumReport {
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// Photos in it, deleted ones not counted.
    pub photos: u64,
    /// The day of its earliest dated photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The day of its latest dated photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl From<Album> for AlbumReport {
    fn from(album: Album) -> Self {
        let Album { id: _, owner, name, photos, from, to } = album;
        Self { name: name.to_string(), owner, photos, from, to }
    }
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
