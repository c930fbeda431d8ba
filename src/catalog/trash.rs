//! Deleting photos so that they can come back, and so that they do not come back by themselves.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::columns::{self, to_ns};
use super::operations::{OperationId, Undo, photos_in_words, record_operation};
use super::photos::{SUMMARY, photo_row, summary};
use super::{Catalog, CatalogError};
use crate::model::PhotoId;
use crate::model::report::PhotoSummary;

impl Catalog {
    /// Puts photos into the trash. Their bytes stay, their albums remember them, and whenever their bytes are met again
    /// they stay deleted, as do those of their raw files and moving halves.
    pub fn delete_photos(&mut self, photos: &[PhotoId], now: Timestamp) -> Result<OperationId, CatalogError> {
        let change = self.change()?;
        for photo in photos {
            photo_row(&change, photo)?;
        }
        let deleted = put_in(&change, photos, now)?;
        let what = format!("deleted {}", photos_in_words(deleted.len()));
        let operation = record_operation(&change, now, &what, &Undo::Undelete { photos: deleted })?;
        change.commit()?;
        Ok(operation)
    }

    /// Takes photos out of the trash, however they came into it: after a recovery there is no operation to undo.
    pub fn undelete_photos(&mut self, photos: &[PhotoId], now: Timestamp) -> Result<OperationId, CatalogError> {
        let change = self.change()?;
        for photo in photos {
            photo_row(&change, photo)?;
        }
        let taken_out = take_out(&change, photos)?;
        let what = format!("took {} out of the trash", photos_in_words(taken_out.len()));
        let operation = record_operation(&change, now, &what, &Undo::Delete { photos: taken_out })?;
        change.commit()?;
        Ok(operation)
    }

    /// The photos in the trash and when they came into it, last deleted first.
    pub fn trash(&self) -> Result<Vec<(PhotoSummary, Timestamp)>, CatalogError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {SUMMARY}, deleted_at FROM photo JOIN object ON object.row = photo.object
             WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC, photo.id"
        ))?;
        let rows = statement.query_map([], |row| Ok((summary(row)?, columns::time(row, 8)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Deletes those that are not deleted yet, and says which those were. Photos that do not exist are passed over.
pub(super) fn put_in(change: &Connection, photos: &[PhotoId], now: Timestamp) -> Result<Vec<PhotoId>, CatalogError> {
    let mut deleted = Vec::new();
    for photo in photos {
        let changed = change
            .prepare_cached("UPDATE photo SET deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL")?
            .execute(params![photo.as_str(), to_ns(now)])?;
        if changed == 0 {
            continue;
        }
        change
            .prepare_cached(
                "INSERT INTO tombstone (owner, object, photo, deleted_at)
                 SELECT owner, object.id, photo.id, ?2 FROM photo JOIN object ON object.row = photo.object
                     WHERE photo.id = ?1
                 UNION
                 SELECT owner, object.id, photo.id, ?2 FROM photo JOIN companion ON companion.photo = photo.row
                     JOIN object ON object.row = companion.object WHERE photo.id = ?1 AND role <> 'sidecar'
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![photo.as_str(), to_ns(now)])?;
        deleted.push(photo.clone());
    }
    Ok(deleted)
}

/// Takes those that are deleted out of the trash, and says which those were.
pub(super) fn take_out(change: &Connection, photos: &[PhotoId]) -> Result<Vec<PhotoId>, CatalogError> {
    let mut taken_out = Vec::new();
    for photo in photos {
        let changed = change
            .prepare_cached("UPDATE photo SET deleted_at = NULL WHERE id = ?1 AND deleted_at IS NOT NULL")?
            .execute([photo.as_str()])?;
        if changed > 0 {
            change.prepare_cached("DELETE FROM tombstone WHERE photo = ?1")?.execute([photo.as_str()])?;
            taken_out.push(photo.clone());
        }
    }
    Ok(taken_out)
}

#[cfg(test)]
mod tests {
    use crate::catalog::sample::{Sample, at, kept};
    use crate::catalog::{FileOutcome, FileRecord, Recorded, SeenOutcome};
    use crate::model::{CompanionRole, Kind, ObjectId};

    #[test]
    fn a_deleted_photo_that_is_met_again_stays_deleted() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        sample.catalog.delete_photos(std::slice::from_ref(&photo), at(2)).unwrap();
        let again = [kept("a.jpg", "a", Kind::Jpeg), kept("copy/of a.jpg", "a", Kind::Jpeg)];
        assert_eq!(sample.commit("anna", &again), [Recorded::PreviouslyDeleted, Recorded::PreviouslyDeleted]);
        let unread = FileRecord { outcome: FileOutcome::Unchanged, ..again[0].clone() };
        let still = Recorded::Unchanged { outcome: SeenOutcome::Kept, previously_deleted: true };
        assert_eq!(sample.commit("anna", &[unread]), [still]);
        assert_eq!(sample.catalog.photo_count().unwrap(), 0);
        assert_eq!(sample.catalog.trash().unwrap().len(), 1);
        // What anna deleted, ben may have.
        assert!(matches!(sample.commit("ben", &again[..1])[0], Recorded::New { .. }));
    }

    #[test]
    fn the_raw_file_of_a_deleted_photo_does_not_come_back_as_a_photo() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        sample.photo_of_kind("a.cr2", "raw", Kind::Cr2);
        sample.catalog.set_companion(&photo, &ObjectId::of(b"raw"), CompanionRole::Raw, "a.cr2").unwrap();
        sample.catalog.delete_photos(std::slice::from_ref(&photo), at(2)).unwrap();
        assert_eq!(sample.commit("anna", &[kept("copy/a.cr2", "raw", Kind::Cr2)]), [Recorded::PreviouslyDeleted]);
    }

    #[test]
    fn undo_brings_a_deleted_photo_back_and_forgets_that_it_was_deleted() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        let operation = sample.catalog.delete_photos(std::slice::from_ref(&photo), at(2)).unwrap();
        sample.catalog.undo(Some(operation), at(3)).unwrap();
        assert_eq!(sample.catalog.photo_count().unwrap(), 1);
        assert_eq!(sample.commit("anna", &[kept("b.jpg", "a", Kind::Jpeg)]), [Recorded::Duplicate]);
        assert!(sample.catalog.trash().unwrap().is_empty());
    }

    #[test]
    fn deleting_twice_deletes_once_and_undoing_the_second_changes_nothing() {
        let mut sample = Sample::new();
        let photos = [sample.photo("a.jpg", "a"), sample.photo("b.jpg", "b")];
        sample.catalog.delete_photos(&photos[..1], at(2)).unwrap();
        sample.catalog.delete_photos(&photos, at(3)).unwrap();
        assert_eq!(sample.catalog.trash().unwrap()[1].1, at(2));
        sample.catalog.undo(None, at(4)).unwrap();
        assert_eq!(sample.catalog.trash().unwrap().len(), 1);
    }

    #[test]
    fn a_photo_is_taken_out_of_the_trash_without_its_operation() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        sample.catalog.delete_photos(std::slice::from_ref(&photo), at(2)).unwrap();
        sample.catalog.undelete_photos(std::slice::from_ref(&photo), at(3)).unwrap();
        assert_eq!(sample.catalog.photo_count().unwrap(), 1);
        sample.catalog.undo(None, at(4)).unwrap();
        assert_eq!(sample.catalog.photo_count().unwrap(), 0);
    }
}
