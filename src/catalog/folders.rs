//! Folders of sources, and the files in them that may belong together.

use std::cmp::Reverse;

use jiff::civil::DateTime;
use rusqlite::params;

use super::columns;
use super::sources::SourceId;
use super::{Catalog, CatalogError};
use crate::model::{Facts, Kind, ObjectId, PhotoId, RawPath, TimeSource};

/// A kept file of a folder, as far as finding what belongs together needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FolderFile {
    /// Its path in the source.
    pub path: RawPath,
    /// Its content.
    pub object: ObjectId,
    /// The format.
    pub kind: Kind,
    /// Apple's name for the two halves of a Live Photo.
    pub live_id: Option<String>,
    /// When the camera says that it was taken; `None` until examined.
    pub taken_at: Option<DateTime>,
    /// The photos whose original it is, one for each owner that has it.
    pub photos: Vec<OwnedPhoto>,
}

/// A photo and its owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedPhoto {
    /// Which photo.
    pub id: PhotoId,
    /// Whose.
    pub owner: String,
    /// Whether it is in the trash.
    pub deleted: bool,
}

impl Catalog {
    /// The photos seen in a folder and below it, those in the trash left out. `folder` is a path from the top of any
    /// source, or the end of one: `2014-08 Lisbon`, `Pictures/2014-08 Lisbon`.
    pub fn photos_of_folder(&self, folder: &str) -> Result<Vec<PhotoId>, CatalogError> {
        let wanted = folder.trim_matches('/').as_bytes();
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT photo.id, photo.taken_at FROM folder
             JOIN sighting ON sighting.folder = folder.row
             LEFT JOIN companion ON companion.object = sighting.object
             JOIN photo ON photo.object = sighting.object OR photo.row = companion.photo
             WHERE instr('/' || CAST(folder.path AS TEXT), ?1) > 0 AND deleted_at IS NULL
             ORDER BY photo.taken_at IS NULL, photo.taken_at, photo.id",
        )?;
        let part = format!("/{}/", String::from_utf8_lossy(wanted));
        let rows = statement.query_map([part], |row| columns::photo(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Folders in which something was kept or examined since they were grouped, at most `limit`. A folder path ends
    /// with its slash, and is empty at the top of the source.
    pub fn folders_to_group(&self, limit: usize) -> Result<Vec<(SourceId, RawPath)>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT source, path FROM folder WHERE needs_grouping = 1 ORDER BY row LIMIT ?1")?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((SourceId(row.get(0)?), RawPath::from_bytes(row.get(1)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes down that what belongs together in a folder has been put together.
    pub fn folder_grouped(&mut self, source: SourceId, folder: &RawPath) -> Result<(), CatalogError> {
        self.connection
            .prepare_cached("UPDATE folder SET needs_grouping = 0 WHERE source = ?1 AND path = ?2")?
            .execute(params![source.0, with_slash(folder)])?;
        Ok(())
    }

    /// The files that were kept from one folder (not from those below it), each as it was seen last, by name. The slash
    /// at the end of `folder` may be left out.
    pub fn files_of_folder(&self, source: SourceId, folder: &RawPath) -> Result<Vec<FolderFile>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT folder.path, name, object.id, object.kind, object.facts, object.row FROM folder
             JOIN sighting ON sighting.folder = folder.row
             JOIN object ON object.row = sighting.object
             WHERE source = ?1 AND path = ?2
                 AND sighting.row = (SELECT max(newer.row) FROM sighting AS newer
                                     WHERE newer.folder = sighting.folder AND newer.name = sighting.name)
             ORDER BY name",
        )?;
        let mut photos = self
            .connection
            .prepare_cached("SELECT id, owner, deleted_at IS NOT NULL FROM photo WHERE object = ?1 ORDER BY owner")?;
        let mut rows = statement.query(params![source.0, with_slash(folder)])?;
        let mut files = Vec::new();
        while let Some(row) = rows.next()? {
            let facts: Option<Facts> = columns::json_or_none(row, 4)?;
            let photos = photos.query_map([row.get::<_, i64>(5)?], |row| {
                Ok(OwnedPhoto { id: columns::photo(row, 0)?, owner: row.get(1)?, deleted: row.get(2)? })
            })?;
            files.push(FolderFile {
                path: columns::path(row, 0, 1)?,
                object: columns::object(row, 2)?,
                kind: columns::word(row, 3)?,
                taken_at: facts.as_ref().and_then(camera_time),
                live_id: facts.and_then(|facts| facts.live_id),
                photos: photos.collect::<Result<_, _>>()?,
            });
        }
        Ok(files)
    }
}

/// What the file itself says about when it was taken, the most believable first.
fn camera_time(facts: &Facts) -> Option<DateTime> {
    facts
        .times
        .iter()
        .filter(|time| time.source <= TimeSource::Quicktime)
        .min_by_key(|time| (time.source, Reverse(time.certainty)))
        .map(|time| time.local)
}

fn with_slash(folder: &RawPath) -> Vec<u8> {
    let mut bytes = folder.as_bytes().to_vec();
    if bytes.last().is_some_and(|last| *last != b'/') {
        bytes.push(b'/');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, intact, kept, path};

    #[test]
    fn a_folder_lists_its_own_files_as_they_were_seen_last() {
        let mut sample = Sample::new();
        sample.commit(
            "anna",
            &[
                kept("DCIM/IMG_1.JPG", "first", Kind::Jpeg),
                kept("DCIM/IMG_1.CR2", "raw", Kind::Cr2),
                kept("DCIM/below/IMG_1.JPG", "below", Kind::Jpeg),
                kept("IMG_1.JPG", "above", Kind::Jpeg),
                kept("DCIM/IMG_1.JPG", "second, longer", Kind::Jpeg),
            ],
        );
        for folder in ["DCIM", "DCIM/"] {
            let files = sample.catalog.files_of_folder(sample.source, &path(folder)).unwrap();
            let objects: Vec<_> = files.iter().map(|file| file.object).collect();
            assert_eq!(objects, [ObjectId::of(b"raw"), ObjectId::of(b"second, longer")]);
            assert_eq!(files[0].photos.len(), 1);
        }
        assert_eq!(sample.catalog.files_of_folder(sample.source, &path("")).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_is_to_be_grouped_until_it_was_and_again_when_something_is_new_in_it() {
        let mut sample = Sample::new();
        sample.commit("anna", &[kept("DCIM/IMG_1.JPG", "jpeg", Kind::Jpeg)]);
        let waiting = sample.catalog.folders_to_group(10).unwrap();
        assert_eq!(waiting, [(sample.source, path("DCIM/"))]);
        sample.catalog.folder_grouped(sample.source, &path("DCIM")).unwrap();
        assert_eq!(sample.catalog.folders_to_group(10).unwrap(), []);

        sample.commit("anna", &[kept("DCIM/IMG_1.JPG", "jpeg", Kind::Jpeg)]);
        assert_eq!(sample.catalog.folders_to_group(10).unwrap(), [], "nothing is new");
        sample.commit("anna", &[kept("DCIM/IMG_1.CR2", "raw", Kind::Cr2)]);
        assert_eq!(sample.catalog.folders_to_group(10).unwrap(), waiting);
        sample.catalog.folder_grouped(sample.source, &path("DCIM")).unwrap();
        sample.catalog.record_examinations(&[(ObjectId::of(b"raw"), intact())]).unwrap();
        assert_eq!(sample.catalog.folders_to_group(10).unwrap(), waiting);
    }
}
