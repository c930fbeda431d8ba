//! What was seen where, and the objects and photos that come of it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::columns::{self, split, to_i64, to_ns};
use super::runs::{Outcome, RunId};
use super::sources::SourceId;
use super::{Catalog, CatalogError};
use crate::model::{Coming, Family, FileStamp, Found, Kind, ObjectId, PhotoId, RawPath, Sha1Digest};

/// What came of one file of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRecord {
    /// Its path in the source.
    pub path: RawPath,
    /// What the file system said about it before it was read.
    pub stamp: FileStamp,
    /// What came of it.
    pub outcome: FileOutcome,
}

/// What came of reading, or not reading, a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileOutcome {
    /// Its bytes are durable in the archive, under the name `object`.
    Kept {
        /// Their name.
        object: ObjectId,
        /// Their other name.
        sha1: Sha1Digest,
        /// Their number.
        size: u64,
        /// Their format.
        kind: Kind,
        /// How they came out of the source.
        coming: Coming,
    },
    /// It is no photo, no video and no sidecar.
    Ignored,
    /// It has no bytes.
    Empty,
    /// The source did not give its bytes; why, in words.
    Unreadable(String),
    /// It was not read, because its stamp is that of the newest sighting.
    Unchanged,
}

/// What [`FileOutcome`] a sighting was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenOutcome {
    /// Its bytes are in the archive.
    Kept,
    /// It is no photo, no video and no sidecar.
    Ignored,
    /// It had no bytes.
    Empty,
    /// It could not be read.
    Unreadable,
}

impl SeenOutcome {
    /// The word for it in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Ignored => "ignored",
            Self::Empty => "empty",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The newest sighting of a path, whose stamp is the one that was asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// What came of it.
    pub outcome: SeenOutcome,
    /// Its content, where it was kept.
    pub object: Option<ObjectId>,
    /// Whether the source did not give all of it.
    pub has_lost: bool,
    /// The run that last read its bytes (not one that only met it unchanged).
    pub run: RunId,
    /// Whether that run went through everything.
    pub run_complete: bool,
    /// When that run began: a file written after this moment may have changed under an equal stamp.
    pub run_started_at: Timestamp,
}

/// What writing down one file did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// The archive has something that it did not have.
    New {
        /// The photo that came of it; `None` for sidecars.
        photo: Option<PhotoId>,
        /// Whether the bytes are new too, and not only that this owner has them.
        object_is_new: bool,
    },
    /// The owner has these bytes already.
    Duplicate,
    /// The owner deleted these bytes before; they stay deleted.
    PreviouslyDeleted,
    /// It was met again, unread.
    Unchanged {
        /// What came of it when it was read.
        outcome: SeenOutcome,
        /// Whether the owner has deleted its bytes since.
        previously_deleted: bool,
    },
    /// Nothing was kept: ignored, empty or unreadable.
    Other,
}

impl Catalog {
    /// The newest sighting of a path, if its stamp is equal to `stamp`; `None` when the file must be read.
    ///
    /// Also `None` when no run of this catalog has read it (after an import): what another machine saw is not relied on.
    pub fn seen_unchanged(
        &self,
        source: SourceId,
        path: &RawPath,
        stamp: &FileStamp,
    ) -> Result<Option<Seen>, CatalogError> {
        let (folder, name) = split(path);
        let mut statement = self.connection.prepare_cached(
            "SELECT sighting.outcome, object.id, size_seen, modified_at, inode, read_run, run.outcome, run.started_at,
                 lost IS NOT NULL
             FROM (SELECT row, outcome, object, size AS size_seen, modified_at, inode, read_run, lost FROM sighting
                   WHERE folder = (SELECT row FROM folder WHERE source = ?1 AND path = ?2) AND name = ?3
                   ORDER BY row DESC LIMIT 1) AS sighting
             JOIN run ON run.id = read_run
             LEFT JOIN object ON object.row = sighting.object",
        )?;
        let newest = statement
            .query_row(params![source.0, folder, name], |row| {
                let seen_stamp = FileStamp {
                    size: columns::size(row, 2)?,
                    modified_at: columns::time_or_none(row, 3)?,
                    inode: columns::size(row, 4)?,
                };
                let run_outcome: Option<Outcome> = columns::word_or_none(row, 6)?;
                let seen = Seen {
                    outcome: columns::word(row, 0)?,
                    object: columns::object_or_none(row, 1)?,
                    has_lost: row.get(8)?,
                    run: RunId(row.get(5)?),
                    run_complete: run_outcome.is_some_and(Outcome::is_complete),
                    run_started_at: columns::time(row, 7)?,
                };
                Ok((seen, seen_stamp))
            })
            .optional()?;
        Ok(newest.filter(|(_, seen_stamp)| seen_stamp == stamp).map(|(seen, _)| seen))
    }

    /// Writes down what came of some files, in one transaction: objects, sightings, and a photo for each still, video or
    /// unknown that `owner` did not have. The answers stand in the order of `files`.
    ///
    /// The bytes of every kept object must be durable before this is called: a row without an object is a lie.
    pub fn commit_files(
        &mut self,
        run: RunId,
        source: SourceId,
        owner: &str,
        now: Timestamp,
        files: &[FileRecord],
    ) -> Result<Vec<Recorded>, CatalogError> {
        let change = self.change()?;
        let visit = Visit { run, source, owner, now };
        let recorded = files.iter().map(|file| record(&change, &visit, file)).collect::<Result<_, _>>()?;
        change.commit()?;
        Ok(recorded)
    }

    /// How an object came out of its sources, where none of them gave it whole and surely: the best of those ways.
    pub fn doubts(&self, object: &ObjectId) -> Result<Option<(Found, u64)>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT found, lost FROM sighting WHERE object = (SELECT row FROM object WHERE id = ?1)")?;
        let mut rows = statement.query([object.as_bytes()])?;
        let mut best: Option<(Found, u64)> = None;
        while let Some(row) = rows.next()? {
            let found: Option<Found> = columns::word_or_none(row, 0)?;
            let lost: Option<String> = row.get(1)?;
            let this = (found.unwrap_or_default(), lost.as_deref().map_or(0, bytes_lost));
            if !this.0.is_doubtful() && this.1 == 0 {
                return Ok(None);
            }
            if best.is_none_or(|best| (this.1, this.0) < (best.1, best.0)) {
                best = Some(this);
            }
        }
        Ok(best)
    }

    /// The photo that `owner` has of an object, be it its original or a companion; `None` when there is none.
    pub fn photo_of(&self, owner: &str, object: &ObjectId) -> Result<Option<PhotoId>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT photo.id FROM object CROSS JOIN photo ON object.row = photo.object WHERE object.id = ?1 AND owner = ?2
             UNION ALL
             SELECT photo.id FROM object CROSS JOIN companion ON companion.object = object.row
                 CROSS JOIN photo ON photo.row = companion.photo
             WHERE object.id = ?1 AND owner = ?2 LIMIT 1",
        )?;
        Ok(statement.query_row(params![object.as_bytes(), owner], |row| columns::photo(row, 0)).optional()?)
    }

    /// All photos that an object belongs to, as original or as companion, deleted ones included.
    pub fn photos_of_object(&self, object: &ObjectId) -> Result<Vec<PhotoId>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT photo.id FROM photo JOIN object ON object.row = photo.object WHERE object.id = ?1
             UNION
             SELECT photo.id FROM object JOIN companion ON companion.object = object.row JOIN photo ON photo.row = photo
             WHERE object.id = ?1 ORDER BY 1",
        )?;
        let rows = statement.query_map([object.as_bytes()], |row| columns::photo(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// How many bytes the places `offset+length, …` are.
fn bytes_lost(places: &str) -> u64 {
    let lengths = places.split(", ").filter_map(|place| place.split_once('+')?.1.parse::<u64>().ok());
    lengths.fold(0, u64::saturating_add)
}

/// Who looks at a source, for whom, and when.
struct Visit<'a> {
    run: RunId,
    source: SourceId,
    owner: &'a str,
    now: Timestamp,
}

/// The newest sighting of a path, as far as a new one must be compared with it.
struct Newest {
    row: i64,
    outcome: SeenOutcome,
    object: Option<i64>,
    size: u64,
    modified_at: Option<i64>,
    reason: Option<String>,
    found: Option<String>,
    lost: Option<String>,
}

fn record(change: &Connection, visit: &Visit<'_>, file: &FileRecord) -> Result<Recorded, CatalogError> {
    let (folder_path, name) = split(&file.path);
    let folder = folder_row(change, visit.source, folder_path)?;
    let newest = newest(change, folder, name)?;
    match &file.outcome {
        FileOutcome::Kept { object, sha1, size, kind, coming } => {
            if coming.is_sure() {
                forget_doubts(change, object)?;
            }
            let (object_row, object_is_new) = keep_object(change, object, *sha1, *size, *kind, visit.now)?;
            let sighting_is_new =
                note_sighting(change, visit, folder, file, newest.as_ref(), SeenOutcome::Kept, Some(object_row))?;
            if sighting_is_new {
                change.prepare_cached("UPDATE folder SET needs_grouping = 1 WHERE row = ?1")?.execute([folder])?;
                change
                    .prepare_cached("UPDATE photo SET needs_describing = 1 WHERE object = ?1")?
                    .execute([object_row])?;
            }
            let keeping = keep_photo(change, visit, object_row, object, *kind, name)?;
            Ok(match keeping {
                Keeping::NewPhoto(photo) => Recorded::New { photo: Some(photo), object_is_new },
                Keeping::NoPhoto if object_is_new => Recorded::New { photo: None, object_is_new },
                Keeping::Deleted => Recorded::PreviouslyDeleted,
                Keeping::NoPhoto | Keeping::Had => Recorded::Duplicate,
            })
        }
        FileOutcome::Ignored => {
            note_sighting(change, visit, folder, file, newest.as_ref(), SeenOutcome::Ignored, None)?;
            Ok(Recorded::Other)
        }
        FileOutcome::Empty => {
            note_sighting(change, visit, folder, file, newest.as_ref(), SeenOutcome::Empty, None)?;
            Ok(Recorded::Other)
        }
        FileOutcome::Unreadable(_) => {
            note_sighting(change, visit, folder, file, newest.as_ref(), SeenOutcome::Unreadable, None)?;
            Ok(Recorded::Other)
        }
        FileOutcome::Unchanged => match newest {
            Some(newest) => meet_again(change, visit, &newest, name),
            None => Ok(Recorded::Other),
        },
    }
}

fn folder_row(change: &Connection, source: SourceId, path: &[u8]) -> Result<i64, CatalogError> {
    let known: Option<i64> = change
        .prepare_cached("SELECT row FROM folder WHERE source = ?1 AND path = ?2")?
        .query_row(params![source.0, path], |row| row.get(0))
        .optional()?;
    if let Some(row) = known {
        return Ok(row);
    }
    change.prepare_cached("INSERT INTO folder (source, path) VALUES (?1, ?2)")?.execute(params![source.0, path])?;
    Ok(change.last_insert_rowid())
}

fn newest(change: &Connection, folder: i64, name: &[u8]) -> Result<Option<Newest>, CatalogError> {
    let mut statement = change.prepare_cached(
        "SELECT row, outcome, object, size, modified_at, reason, found, lost FROM sighting WHERE folder = ?1 AND name = ?2
         ORDER BY row DESC LIMIT 1",
    )?;
    let newest = statement.query_row(params![folder, name], |row| {
        Ok(Newest {
            row: row.get(0)?,
            outcome: columns::word(row, 1)?,
            object: row.get(2)?,
            size: columns::size(row, 3)?,
            modified_at: row.get(4)?,
            reason: row.get(5)?,
            found: row.get(6)?,
            lost: row.get(7)?,
        })
    });
    Ok(newest.optional()?)
}

fn keep_object(
    change: &Connection,
    object: &ObjectId,
    sha1: Sha1Digest,
    size: u64,
    kind: Kind,
    now: Timestamp,
) -> Result<(i64, bool), CatalogError> {
    if let Some(row) = object_row(change, object)? {
        return Ok((row, false));
    }
    change
        .prepare_cached("INSERT INTO object (id, sha1, size, kind, kept_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![object.as_bytes(), sha1.0, to_i64(size), kind.as_str(), to_ns(now)])?;
    Ok((change.last_insert_rowid(), true))
}

/// An object whose bytes were in doubt has come whole from somewhere: it is looked at again.
fn forget_doubts(change: &Connection, object: &ObjectId) -> Result<(), CatalogError> {
    change
        .prepare_cached(
            "UPDATE object SET examined_version = 0, condition = NULL, depth = NULL, good_percent = NULL, finding = NULL,
                 facts = NULL, payload = NULL, look = NULL WHERE id = ?1
                 AND EXISTS (SELECT 1 FROM sighting WHERE object = object.row)
                 AND NOT EXISTS (SELECT 1 FROM sighting WHERE object = object.row AND lost IS NULL AND found IS NULL)",
        )?
        .execute([object.as_bytes()])?;
    Ok(())
}

/// The private number of an object that is known.
pub(super) fn object_row(connection: &Connection, object: &ObjectId) -> Result<Option<i64>, CatalogError> {
    let mut statement = connection.prepare_cached("SELECT row FROM object WHERE id = ?1")?;
    Ok(statement.query_row([object.as_bytes()], |row| row.get(0)).optional()?)
}

/// Writes a sighting, or touches the newest one when it says the same; tells whether a row was added.
fn note_sighting(
    change: &Connection,
    visit: &Visit<'_>,
    folder: i64,
    file: &FileRecord,
    newest: Option<&Newest>,
    outcome: SeenOutcome,
    object: Option<i64>,
) -> Result<bool, CatalogError> {
    let FileRecord { path, stamp, outcome: came } = file;
    let reason = match came {
        FileOutcome::Unreadable(reason) => Some(reason.as_str()),
        FileOutcome::Kept { .. } | FileOutcome::Ignored | FileOutcome::Empty | FileOutcome::Unchanged => None,
    };
    let (found, lost) = match came {
        FileOutcome::Kept { coming: Coming { found, lost }, .. } => {
            ((*found != Found::Listed).then(|| found.as_str()), (!lost.is_empty()).then(|| lost.to_string()))
        }
        FileOutcome::Ignored | FileOutcome::Empty | FileOutcome::Unreadable(_) | FileOutcome::Unchanged => (None, None),
    };
    let modified_at = stamp.modified_at.map(to_ns);
    // The inode is left out: file systems without inodes of their own give new ones at each mount.
    let same = newest.filter(|newest| {
        newest.outcome == outcome
            && newest.object == object
            && newest.size == stamp.size
            && newest.modified_at == modified_at
            && newest.reason.as_deref() == reason
            && newest.found.as_deref() == found
            && newest.lost == lost
    });
    if let Some(newest) = same {
        change
            .prepare_cached("UPDATE sighting SET inode = ?2, read_run = ?3, last_run = ?3 WHERE row = ?1")?
            .execute(params![newest.row, to_i64(stamp.inode), visit.run.0])?;
        return Ok(false);
    }
    change
        .prepare_cached(
            "INSERT INTO sighting (folder, name, owner, outcome, object, size, modified_at, inode, reason,
                 first_seen_at, read_run, last_run, found, lost)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13)",
        )?
        .execute(params![
            folder,
            split(path).1,
            visit.owner,
            outcome.as_str(),
            object,
            to_i64(stamp.size),
            modified_at,
            to_i64(stamp.inode),
            reason,
            to_ns(visit.now),
            visit.run.0,
            found,
            lost,
        ])?;
    Ok(true)
}

fn meet_again(change: &Connection, visit: &Visit<'_>, newest: &Newest, name: &[u8]) -> Result<Recorded, CatalogError> {
    change
        .prepare_cached("UPDATE sighting SET last_run = ?2 WHERE row = ?1")?
        .execute(params![newest.row, visit.run.0])?;
    let unchanged = Recorded::Unchanged { outcome: newest.outcome, previously_deleted: false };
    let Some(object_row) = newest.object else { return Ok(unchanged) };
    // Another owner may have read it first: what is unchanged can still be new to this one.
    let (object, kind) = change
        .prepare_cached("SELECT id, kind FROM object WHERE row = ?1")?
        .query_row([object_row], |row| Ok((columns::object(row, 0)?, columns::word(row, 1)?)))?;
    Ok(match keep_photo(change, visit, object_row, &object, kind, name)? {
        Keeping::NewPhoto(photo) => Recorded::New { photo: Some(photo), object_is_new: false },
        Keeping::Deleted => Recorded::Unchanged { outcome: newest.outcome, previously_deleted: true },
        Keeping::NoPhoto | Keeping::Had => unchanged,
    })
}

/// Whether the owner `?1` has the object `?2` in one of their photos.
///
/// A CROSS JOIN keeps its order (sqlite.org/optoverview.html, 7.2): else SQLite walks over all photos of the owner for each
/// file, and a first ingest gets slower with each photo.
const HAD: &str = "SELECT 1 FROM photo WHERE owner = ?1 AND object = ?2
    UNION ALL
    SELECT 1 FROM companion CROSS JOIN photo ON photo.row = companion.photo
    WHERE companion.object = ?2 AND photo.owner = ?1";

/// How an owner stands to an object.
enum Keeping {
    NewPhoto(PhotoId),
    Had,
    Deleted,
    NoPhoto,
}

/// Makes sure that the owner has a photo of the object, unless it is a sidecar, or they deleted it, or it belongs to one
/// of their photos as a companion.
fn keep_photo(
    change: &Connection,
    visit: &Visit<'_>,
    object_row: i64,
    object: &ObjectId,
    kind: Kind,
    file_name: &[u8],
) -> Result<Keeping, CatalogError> {
    match kind.family() {
        Family::Sidecar => return Ok(Keeping::NoPhoto),
        Family::Still | Family::Video | Family::Unknown => {}
    }
    let deleted = change
        .prepare_cached("SELECT 1 FROM tombstone WHERE owner = ?1 AND object = ?2")?
        .exists(params![visit.owner, object.as_bytes()])?;
    if deleted {
        return Ok(Keeping::Deleted);
    }
    let had = change.prepare_cached(HAD)?.exists(params![visit.owner, object_row])?;
    if had {
        return Ok(Keeping::Had);
    }
    let id = PhotoId::new(visit.owner, object);
    change
        .prepare_cached("INSERT INTO photo (id, owner, object, added_at, name) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            id.as_str(),
            visit.owner,
            object_row,
            to_ns(visit.now),
            RawPath::from_bytes(file_name.to_vec()).to_string(),
        ])?;
    super::words::refresh(change, change.last_insert_rowid())?;
    Ok(Keeping::NewPhoto(id))
}

#[cfg(test)]
mod tests;
