//! What a person changed, and how to take it back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::albums::{self, Member};
use super::columns::{self, to_json, to_ns};
use super::photos::known_photo_row;
use super::said::{self, Subject};
use super::{Catalog, CatalogError, trash};
use crate::model::{AlbumId, PhotoId};

/// The number of a person's change; never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OperationId(pub i64);

/// A person's change, as a list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperationRow {
    /// Its number.
    pub id: OperationId,
    /// When.
    pub at: Timestamp,
    /// What, in words: `deleted 3 photos`.
    pub what: String,
    /// When it was taken back.
    pub undone_at: Option<Timestamp>,
}

/// A change that was taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undone {
    /// Its number.
    pub id: OperationId,
    /// What it had been, in words.
    pub what: String,
}

/// How to take an operation back. Kept in the catalog for years: variants may be added, never changed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub(super) enum Undo {
    /// Take the photos out of the trash.
    Undelete { photos: Vec<PhotoId> },
    /// Put the photos into the trash again.
    Delete { photos: Vec<PhotoId> },
    /// Take away an album that is still empty.
    RemoveAlbum { album: AlbumId },
    /// Make an album again, with what was in it.
    RestoreAlbum { album: albums::AlbumRow, members: Vec<Member> },
    /// Give an album its old name.
    RenameAlbum { album: AlbumId, before: String, after: String },
    /// Take photos out of an album.
    TakeFromAlbum { album: AlbumId, photos: Vec<PhotoId> },
    /// Put photos back into an album, where they were.
    PutIntoAlbum { album: AlbumId, members: Vec<Member> },
    /// Say again what was said before.
    Say { photo: PhotoId, subject: Subject, before: Option<Value>, after: Option<Value> },
}

impl Catalog {
    /// The last `limit` changes that a person made, newest first, taken back or not.
    pub fn operations(&self, limit: usize) -> Result<Vec<OperationRow>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, at, what, undone_at FROM operation ORDER BY id DESC LIMIT ?1")?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok(OperationRow {
                id: OperationId(row.get(0)?),
                at: columns::time(row, 1)?,
                what: row.get(2)?,
                undone_at: columns::time_or_none(row, 3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes back one change, or the newest that has not been taken back. Photos that are gone by now are passed over.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NothingToUndo`], [`CatalogError::AlreadyUndone`], and [`CatalogError::CannotUndo`] when a newer
    /// change would be lost by it; nothing has changed then.
    pub fn undo(&mut self, operation: Option<OperationId>, now: Timestamp) -> Result<Undone, CatalogError> {
        let change = self.change()?;
        let id = match operation {
            Some(id) => id,
            None => change
                .query_row("SELECT max(id) FROM operation WHERE undone_at IS NULL", [], |row| {
                    row.get::<_, Option<i64>>(0)
                })?
                .map(OperationId)
                .ok_or(CatalogError::NothingToUndo)?,
        };
        let (what, undo, is_undone): (String, Undo, bool) = change
            .query_row("SELECT what, undo, undone_at IS NOT NULL FROM operation WHERE id = ?1", [id.0], |row| {
                Ok((row.get(0)?, columns::json(row, 1)?, row.get(2)?))
            })
            .optional()?
            .ok_or(CatalogError::OperationNotFound { operation: id })?;
        if is_undone {
            return Err(CatalogError::AlreadyUndone { operation: id });
        }
        take_back(&change, undo, now)?.map_err(|why| CatalogError::CannotUndo { operation: id, why })?;
        change.execute("UPDATE operation SET undone_at = ?2 WHERE id = ?1", params![id.0, to_ns(now)])?;
        change.commit()?;
        Ok(Undone { id, what })
    }
}

/// Writes down a change together with the way back.
pub(super) fn record_operation(
    change: &Connection,
    now: Timestamp,
    what: &str,
    undo: &Undo,
) -> Result<OperationId, CatalogError> {
    change.prepare_cached("INSERT INTO operation (at, what, undo) VALUES (?1, ?2, ?3)")?.execute(params![
        to_ns(now),
        what,
        to_json(undo)?
    ])?;
    Ok(OperationId(change.last_insert_rowid()))
}

/// “1 photo”, “2 photos”.
pub(super) fn photos_in_words(count: usize) -> String {
    if count == 1 { "1 photo".to_owned() } else { format!("{count} photos") }
}

/// The inner error is what stands in the way, in words.
fn take_back(change: &Connection, undo: Undo, now: Timestamp) -> Result<Result<(), String>, CatalogError> {
    match undo {
        Undo::Undelete { photos } => trash::take_out(change, &photos).map(|_| Ok(())),
        Undo::Delete { photos } => trash::put_in(change, &photos, now).map(|_| Ok(())),
        Undo::RemoveAlbum { album } => albums::remove_if_empty(change, album),
        Undo::RestoreAlbum { album, members } => albums::restore(change, &album, &members),
        Undo::RenameAlbum { album, before, after } => albums::rename_back(change, album, &before, &after),
        Undo::TakeFromAlbum { album, photos } => {
            for photo in &photos {
                albums::take_out(change, album, photo)?;
            }
            Ok(Ok(()))
        }
        Undo::PutIntoAlbum { album, members } => albums::put_back(change, album, &members),
        Undo::Say { photo, subject, before, after } => {
            let Some(row) = known_photo_row(change, &photo)? else {
                return Ok(Err(format!("the photo {photo} is gone")));
            };
            if said::statement(change, row, subject)? != after {
                return Ok(Err("it has been changed again since; undo that first".to_owned()));
            }
            said::write(change, row, subject, before.as_ref(), now).map(Ok)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, at, described};

    #[test]
    fn a_caption_is_taken_back_to_what_the_file_says() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        let mut description = described("a.jpg", "2014-08-03");
        description.caption = Some("from the file".to_owned());
        sample.catalog.describe_photo(&photo, &description).unwrap();
        let caption = |sample: &Sample| sample.catalog.photo(&photo).unwrap().caption;
        sample.catalog.set_caption(&photo, Some("from a person"), at(2)).unwrap();
        assert_eq!(caption(&sample).as_deref(), Some("from a person"));
        sample.catalog.describe_photo(&photo, &description).unwrap();
        assert_eq!(caption(&sample).as_deref(), Some("from a person"), "a person wins over every later reading");
        sample.catalog.set_caption(&photo, Some(""), at(3)).unwrap();
        assert_eq!(caption(&sample), None);
        sample.catalog.undo(None, at(4)).unwrap();
        assert_eq!(caption(&sample).as_deref(), Some("from a person"));
        sample.catalog.undo(None, at(5)).unwrap();
        assert_eq!(caption(&sample).as_deref(), Some("from the file"));
        assert!(matches!(sample.catalog.undo(None, at(6)), Err(CatalogError::NothingToUndo)));
    }

    #[test]
    fn an_older_statement_is_not_taken_back_from_under_a_newer_one() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        let first = sample.catalog.set_rating(&photo, Some(3), at(2)).unwrap();
        sample.catalog.set_rating(&photo, Some(5), at(3)).unwrap();
        assert!(matches!(sample.catalog.undo(Some(first), at(4)), Err(CatalogError::CannotUndo { .. })));
        assert_eq!(sample.catalog.photo(&photo).unwrap().rating, Some(5));
    }

    #[test]
    fn a_change_is_taken_back_once() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        let id = sample.catalog.delete_photos(&[photo], at(2)).unwrap();
        let undone = sample.catalog.undo(Some(id), at(3)).unwrap();
        assert_eq!(undone, Undone { id, what: "deleted 1 photo".to_owned() });
        assert!(matches!(sample.catalog.undo(Some(id), at(4)), Err(CatalogError::AlreadyUndone { .. })));
        assert!(matches!(
            sample.catalog.undo(Some(OperationId(99)), at(4)),
            Err(CatalogError::OperationNotFound { .. })
        ));
        assert_eq!(sample.catalog.operations(9).unwrap()[0].undone_at, Some(at(3)));
    }
}
