//! Objects that belong to a photo: its raw file, its moving half, its sidecars.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::columns::{self};
use super::sightings::object_row;
use super::tree_path::{self, For};
use super::{Catalog, CatalogError};
use crate::model::{CompanionRole, ObjectId, PhotoId};

/// What came of putting an object beside a photo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompanionOutcome {
    /// It stands beside the photo now, and is no photo of its own any more if it was one.
    Set,
    /// It stood there in the same role before.
    AlreadySet,
    /// It stays a photo of its own: somebody said something about it, or put it into an album of its own.
    StaysAPhoto,
    /// The photo is in the trash; an object that comes now is not hidden with it.
    PhotoDeleted,
}

impl Catalog {
    /// Puts an object beside a photo, under the name that it came with.
    ///
    /// If the object had a photo row of its own (with the same owner), that row goes, its companions come along, and
    /// albums that it shares with the photo let go of it; unless somebody said something about it alone.
    pub fn set_companion(
        &mut self,
        photo: &PhotoId,
        object: &ObjectId,
        role: CompanionRole,
        name: &str,
    ) -> Result<CompanionOutcome, CatalogError> {
        let change = self.change()?;
        let outcome = set(&change, photo, object, role, name)?;
        change.commit()?;
        Ok(outcome)
    }
}

fn set(
    change: &Connection,
    photo: &PhotoId,
    object: &ObjectId,
    role: CompanionRole,
    name: &str,
) -> Result<CompanionOutcome, CatalogError> {
    let (photo_row, owner, original, is_deleted): (i64, String, i64, bool) = change
        .prepare_cached("SELECT row, owner, object, deleted_at IS NOT NULL FROM photo WHERE id = ?1")?
        .query_row([photo.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?
        .ok_or_else(|| CatalogError::PhotoNotFound { asked: photo.to_string() })?;
    let object_row = object_row(change, object)?.ok_or(CatalogError::ObjectNotFound { object: *object })?;
    if object_row == original {
        return Ok(CompanionOutcome::StaysAPhoto);
    }
    if is_deleted {
        return Ok(CompanionOutcome::PhotoDeleted);
    }
    let known: Option<CompanionRole> = change
        .prepare_cached("SELECT role FROM companion WHERE photo = ?1 AND object = ?2")?
        .query_row(params![photo_row, object_row], |row| columns::word(row, 0))
        .optional()?;
    if known == Some(role) {
        return Ok(CompanionOutcome::AlreadySet);
    }
    let own_photo: Option<i64> = change
        .prepare_cached("SELECT row FROM photo WHERE owner = ?1 AND object = ?2")?
        .query_row(params![owner, object_row], |row| row.get(0))
        .optional()?;
    if let Some(own_photo) = own_photo {
        if stands_for_itself(change, own_photo, photo_row)? {
            return Ok(CompanionOutcome::StaysAPhoto);
        }
        absorb(change, own_photo, photo_row)?;
    }
    change
        .prepare_cached(
            "INSERT INTO companion (photo, object, role, name) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET role = excluded.role, name = excluded.name",
        )?
        .execute(params![photo_row, object_row, role.as_str(), name])?;
    change.prepare_cached("UPDATE photo SET needs_describing = 1 WHERE row = ?1")?.execute([photo_row])?;
    give_paths(change, photo_row)?;
    Ok(CompanionOutcome::Set)
}

/// Whether somebody deleted a photo, said something about it, or put it into an album that `other` is not in.
fn stands_for_itself(change: &Connection, photo: i64, other: i64) -> Result<bool, CatalogError> {
    Ok(change
        .prepare_cached(
            "SELECT 1 FROM photo WHERE row = ?1 AND deleted_at IS NOT NULL
             UNION ALL SELECT 1 FROM said WHERE photo = ?1
             UNION ALL SELECT 1 FROM album_photo WHERE photo = ?1
                 AND album NOT IN (SELECT album FROM album_photo WHERE photo = ?2)",
        )?
        .exists(params![photo, other])?)
}

/// Takes a photo's row away, and gives its companions to `other`.
fn absorb(change: &Connection, photo: i64, other: i64) -> Result<(), CatalogError> {
    change.execute("DELETE FROM album_photo WHERE photo = ?1", [photo])?;
    change.execute(
        "INSERT INTO companion (photo, object, role, name)
         SELECT ?2, object, role, name FROM companion WHERE photo = ?1
             AND object <> (SELECT object FROM photo WHERE row = ?2)
         ON CONFLICT DO NOTHING",
        [photo, other],
    )?;
    change.execute("DELETE FROM photo WHERE row = ?1", [photo])?;
    change.execute("DELETE FROM words WHERE rowid = ?1", [photo])?;
    Ok(())
}

/// Takes all companions of a photo out of the tree, so that nothing of its own is in the way of its new path.
pub(super) fn take_paths(change: &Connection, photo: i64) -> Result<(), CatalogError> {
    change.prepare_cached("UPDATE companion SET path = NULL, path_key = NULL WHERE photo = ?1")?.execute([photo])?;
    Ok(())
}

/// Gives a path beside their photo to those companions that have none, once the photo has one. Worse copies stand below
/// `kept/` instead: whoever restores the photo wants the good one.
pub(super) fn give_paths(change: &Connection, photo: i64) -> Result<(), CatalogError> {
    let (photo_path, photo_name): (Option<String>, String) = change
        .prepare_cached("SELECT path, name FROM photo WHERE row = ?1")?
        .query_row([photo], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(photo_path) = photo_path else { return Ok(()) };
    let pathless: Vec<(i64, ObjectId, String)> = change
        .prepare_cached(
            "SELECT object.row, object.id, name FROM companion JOIN object ON object.row = companion.object
             WHERE photo = ?1 AND path IS NULL AND role NOT IN ('damaged-copy', 'thumbnail') ORDER BY object.id",
        )?
        .query_map([photo], |row| Ok((row.get(0)?, columns::object(row, 1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (object_row, object, name) in pathless {
        let wanted = tree_path::beside(&photo_path, &photo_name, &name);
        let (path, key) = tree_path::free(change, &wanted, &object, photo, For::Companion)?;
        change
            .prepare_cached("UPDATE companion SET path = ?3, path_key = ?4 WHERE photo = ?1 AND object = ?2")?
            .execute(params![photo, object_row, path, key])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Recorded;
    use crate::catalog::sample::{Sample, at, described, kept};
    use crate::model::Kind;

    /// A picture and its raw file, each a photo so far.
    fn pair() -> (Sample, PhotoId, PhotoId) {
        let mut sample = Sample::new();
        let jpeg = sample.photo("DCIM/IMG_1.JPG", "jpeg");
        let raw = sample.photo_of_kind("DCIM/IMG_1.CR2", "raw", Kind::Cr2);
        (sample, jpeg, raw)
    }

    #[test]
    fn a_raw_file_beside_its_jpeg_is_no_photo_of_its_own() {
        let (mut sample, jpeg, raw) = pair();
        let object = ObjectId::of(b"raw");
        let set = |sample: &mut Sample| {
            sample.catalog.set_companion(&jpeg, &object, CompanionRole::Raw, "IMG_1.CR2").unwrap()
        };
        assert_eq!(set(&mut sample), CompanionOutcome::Set);
        assert_eq!(set(&mut sample), CompanionOutcome::AlreadySet);
        assert_eq!(sample.catalog.photo_count().unwrap(), 1);
        assert_eq!(sample.catalog.photos_of_object(&object).unwrap(), std::slice::from_ref(&jpeg));
        assert!(sample.catalog.photo(&raw).is_err());
        // Met again elsewhere, it still is none.
        assert_eq!(sample.commit("anna", &[kept("copy/IMG_1.CR2", "raw", Kind::Cr2)]), [Recorded::Duplicate]);
        assert_eq!(sample.catalog.photo_count().unwrap(), 1);
    }

    #[test]
    fn what_somebody_spoke_of_stays_a_photo() {
        let (mut sample, jpeg, raw) = pair();
        sample.catalog.set_caption(&raw, Some("the good one"), at(2)).unwrap();
        let outcome =
            sample.catalog.set_companion(&jpeg, &ObjectId::of(b"raw"), CompanionRole::Raw, "IMG_1.CR2").unwrap();
        assert_eq!(outcome, CompanionOutcome::StaysAPhoto);
        assert_eq!(sample.catalog.photo_count().unwrap(), 2);
    }

    #[test]
    fn a_shared_album_keeps_nobody_apart_and_an_album_of_its_own_does() {
        let (mut sample, jpeg, raw) = pair();
        let album = sample.catalog.create_album("anna", &"Lisbon".parse().unwrap(), at(2)).unwrap();
        sample.catalog.add_to_album(album, std::slice::from_ref(&raw), at(3)).unwrap();
        let object = ObjectId::of(b"raw");
        let mut set = || sample.catalog.set_companion(&jpeg, &object, CompanionRole::Raw, "IMG_1.CR2").unwrap();
        assert_eq!(set(), CompanionOutcome::StaysAPhoto);
        sample.catalog.add_to_album(album, std::slice::from_ref(&jpeg), at(4)).unwrap();
        let set = sample.catalog.set_companion(&jpeg, &object, CompanionRole::Raw, "IMG_1.CR2").unwrap();
        assert_eq!(set, CompanionOutcome::Set);
        assert_eq!(sample.catalog.album_photos(album).unwrap().len(), 1);
    }

    #[test]
    fn nothing_is_hidden_with_a_deleted_photo() {
        let (mut sample, jpeg, _) = pair();
        sample.catalog.delete_photos(std::slice::from_ref(&jpeg), at(2)).unwrap();
        let outcome =
            sample.catalog.set_companion(&jpeg, &ObjectId::of(b"raw"), CompanionRole::Raw, "IMG_1.CR2").unwrap();
        assert_eq!(outcome, CompanionOutcome::PhotoDeleted);
        assert_eq!(sample.catalog.photo_count().unwrap(), 1);
    }

    #[test]
    fn companions_stand_beside_their_photo_and_move_with_it() {
        let (mut sample, jpeg, _) = pair();
        sample.commit(
            "anna",
            &[kept("DCIM/IMG_1.xmp", "words", Kind::Xmp), kept("DCIM/IMG_1.JPG.xmp", "more", Kind::Xmp)],
        );
        for (content, role, name) in [
            ("raw", CompanionRole::Raw, "IMG_1.CR2"),
            ("words", CompanionRole::Sidecar, "IMG_1.xmp"),
            ("more", CompanionRole::Sidecar, "IMG_1.JPG.xmp"),
        ] {
            sample.catalog.set_companion(&jpeg, &ObjectId::of(content.as_bytes()), role, name).unwrap();
        }
        let more = ObjectId::of(b"more").short(8);
        for day in ["2014-08-03", "2015-01-01"] {
            sample.catalog.describe_photo(&jpeg, &described("IMG_1.JPG", day)).unwrap();
            let plan = sample.catalog.snapshot_plan().unwrap();
            let folder = format!("photos/anna/{}/{}", &day[..4], &day[..7]);
            let mut paths: Vec<_> = plan.photos[0].companions.iter().map(|file| file.path.clone()).collect();
            paths.sort();
            let name = day.replace('-', "");
            // IMG_1.JPG.xmp is kept free for what a person says about the photo here.
            let wanted = ["_IMG_1.CR2".to_owned(), format!("_IMG_1.JPG_{more}.xmp"), "_IMG_1.xmp".to_owned()];
            assert_eq!(paths, wanted.map(|rest| format!("{folder}/{name}{rest}")));
            assert!(plan.kept.is_empty());
        }
    }
}
