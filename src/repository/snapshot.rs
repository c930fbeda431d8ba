//! The snapshots of a repository.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rustic_core::repofile::SnapshotFile as EngineSnapshot;
use rustic_core::{Id, SnapshotOptions, StringList};
use serde::{Deserialize, Serialize};

use super::error::RepositoryError;
use super::location::Location;

/// The name of a snapshot: the SHA-256 hash of its file, as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(Id);

impl SnapshotId {
    pub(super) fn new(id: Id) -> Self {
        Self(id)
    }

    pub(super) fn id(self) -> Id {
        self.0
    }

    /// The first 8 digits, as restic shows it.
    pub fn short(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_hex().as_str())
    }
}

impl fmt::Debug for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SnapshotId({self})")
    }
}

/// The text is not 64 hex digits.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("“{0}” is not the name of a snapshot (64 hex digits)")]
pub struct ParseSnapshotIdError(String);

impl FromStr for SnapshotId {
    type Err = ParseSnapshotIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| ParseSnapshotIdError(text.to_owned()))
    }
}

/// What a new snapshot says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotStamp {
    /// The archive that it is of; stands where restic has the host name.
    pub archive_id: String,
    /// When.
    pub at: Timestamp,
    /// The generation of the catalog that it holds.
    pub generation: u64,
    /// The program and its version.
    pub program: String,
}

/// One snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Its name.
    pub id: SnapshotId,
    /// When it was made.
    pub at: Timestamp,
    /// Whether it holds every file it was meant to. Of a snapshot that is not ours, nobody knows: `false`.
    pub complete: bool,
    /// Whether this program made it.
    pub ours: bool,
    /// The archive that it is of; the host name, where it is not ours.
    pub archive_id: String,
    /// The generation of the catalog in it.
    pub generation: Option<u64>,
    /// Files in it; 0 where the snapshot does not say.
    pub files: u64,
    /// Bytes of these files; 0 where the snapshot does not say.
    pub bytes: u64,
}

/// The label, and one of the tags, of every snapshot of ours. With host and path it decides which snapshots belong
/// together: changing any of them would make the next backup read everything again.
const OURS: &str = "keepsake";

/// The one path that every snapshot of ours is said to be of.
pub(super) const PATHS: &str = "/";

const PARTIAL: &str = "partial";

const GENERATION: &str = "generation-";

/// The snapshot to fill, as the library wants it.
pub(super) fn draft(location: &Location, stamp: &SnapshotStamp) -> Result<EngineSnapshot, RepositoryError> {
    let mut options = SnapshotOptions::default()
        .host(stamp.archive_id.clone())
        .label(OURS.to_owned())
        .time(stamp.at.to_zoned(jiff::tz::TimeZone::UTC))
        // Else the library notes down our command line.
        .command(stamp.program.clone());
    for tag in [OURS.to_owned(), format!("{GENERATION}{}", stamp.generation)] {
        options = options
            .add_tags(&tag)
            .map_err(|error| RepositoryError::from_engine(location, "naming the snapshot", &error))?;
    }
    let mut snapshot =
        options.to_snapshot().map_err(|error| RepositoryError::from_engine(location, "naming the snapshot", &error))?;
    snapshot.program_version.clone_from(&stamp.program);
    Ok(snapshot)
}

/// Marks a snapshot that lacks files it was meant to hold.
pub(super) fn mark_partial(snapshot: &mut EngineSnapshot) {
    snapshot.tags.add(PARTIAL.to_owned());
}

impl Snapshot {
    pub(super) fn of(id: Id, file: &EngineSnapshot) -> Self {
        let ours = file.label == OURS && file.tags.contains(OURS);
        let summary = file.summary.as_ref();
        Self {
            id: SnapshotId(id),
            at: file.time.timestamp(),
            complete: ours && !file.tags.contains(PARTIAL),
            ours,
            archive_id: file.hostname.clone(),
            generation: if ours { generation(&file.tags) } else { None },
            files: summary.map_or(0, |summary| summary.total_files_processed),
            bytes: summary.map_or(0, |summary| summary.total_bytes_processed),
        }
    }
}

/// The door for fuzzing: outside of it, snapshots come decrypted out of a repository.
#[cfg(fuzzing)]
impl Snapshot {
    /// Reads the text of a snapshot's file.
    pub fn of_json(text: &[u8]) -> Option<Self> {
        let file: EngineSnapshot = serde_json::from_slice(text).ok()?;
        Some(Self::of(Id::default(), &file))
    }
}

fn generation(tags: &StringList) -> Option<u64> {
    tags.iter().find_map(|tag| tag.strip_prefix(GENERATION)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_reads_back_as_the_stamp_it_was_made_from() {
        let location: Location = "/mnt/disk".parse().unwrap();
        let at = Timestamp::constant(1_407_075_753, 0);
        let stamp = SnapshotStamp { archive_id: "an-archive".into(), at, generation: 17, program: "keepsake 1".into() };
        let mut file = draft(&location, &stamp).unwrap();
        let snapshot = Snapshot::of(Id::default(), &file);
        assert_eq!((snapshot.at, snapshot.generation, snapshot.archive_id.as_str()), (at, Some(17), "an-archive"));
        assert!(snapshot.ours && snapshot.complete);
        mark_partial(&mut file);
        assert!(!Snapshot::of(Id::default(), &file).complete);
        file.label.clear();
        assert!(!Snapshot::of(Id::default(), &file).ours);
    }

    #[test]
    fn a_snapshot_id_reads_back_from_its_own_text() {
        let text = "0a".repeat(32);
        let id: SnapshotId = text.parse().unwrap();
        assert_eq!((id.to_string(), id.short()), (text, "0a0a0a0a".to_owned()));
        assert!("latest".parse::<SnapshotId>().is_err());
    }
}
