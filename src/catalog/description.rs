//! What files say about a photo, and the path that it gets from that.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::columns::{self, to_json};
use super::companions;
use super::examination::rounded;
use super::said::{Said, said};
use super::tree_path::{self, For};
use super::{Catalog, CatalogError, words};
use crate::model::{CaptureTime, Condition, Facts, FileStamp, Kind, ObjectId, PhotoId, Position, RawPath};

/// What all files together say about a photo: the original, its sidecars, and the names that it was seen under.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// The name to show.
    pub name: String,
    /// When it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<CaptureTime>,
    /// Where it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Stars, -1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<i8>,
    /// What somebody wrote into a file about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Keywords.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// The camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// The lens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens: Option<String>,
    /// Pixels across, as stored (before `orientation` is applied).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels down, as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// EXIF orientation, 1 to 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<u8>,
    /// How long a video runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The path in every snapshot that it should have, `photos/anna/2014/2014-08/20140803-142233_IMG_1234.JPG`, without
    /// a suffix to make it unique. Used for its first path, and when `taken_at` has changed; else the old one stays.
    #[serde(skip)]
    pub wanted_path: String,
}

/// A photo about which there is something new to say.
#[derive(Clone, PartialEq, Debug)]
pub struct Undescribed {
    /// Which photo.
    pub photo: PhotoId,
    /// Whose.
    pub owner: String,
    /// Its original.
    pub object: ObjectId,
    /// The format of the original.
    pub kind: Kind,
    /// What the original says about itself.
    pub facts: Facts,
    /// Where the original was seen, in the order first seen.
    pub sightings: Vec<(RawPath, FileStamp)>,
    /// Sidecars beside it.
    pub sidecars: Vec<ObjectId>,
    /// What its examination, and those of the files beside it, found broken.
    pub damage: Vec<Damage>,
    /// Whether it was never described before: nobody was told of its damage yet.
    pub is_new: bool,
    /// When a person says that it was taken: `wanted_path` goes by this before anything else.
    pub said_taken_at: Option<CaptureTime>,
}

/// A broken file of a photo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Its bytes.
    pub object: ObjectId,
    /// How whole they are.
    pub condition: Condition,
    /// What is wrong, in words that follow “the file …”.
    pub finding: String,
    /// Where they were seen, in the order first seen.
    pub sightings: Vec<(RawPath, FileStamp)>,
}

impl Catalog {
    /// Photos whose original is examined, and that something is new about since they were described: an examination, a
    /// sighting, a companion, a date that a person gave. At most `limit`, by id, those behind `after`.
    pub fn photos_to_describe(&self, after: Option<&PhotoId>, limit: usize) -> Result<Vec<Undescribed>, CatalogError> {
        let moment = self.moment()?;
        let mut statement = moment.prepare_cached(
            "SELECT photo.row, photo.id, owner, object.id, object.kind, object.facts, object.row, description IS NULL
             FROM photo JOIN object ON object.row = photo.object
             WHERE needs_describing = 1 AND examined_version > 0 AND photo.id > ?1 ORDER BY photo.id LIMIT ?2",
        )?;
        let behind = after.map_or("", PhotoId::as_str);
        let mut rows = statement.query(params![behind, i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let photo_row: i64 = row.get(0)?;
            let object_row: i64 = row.get(6)?;
            found.push(Undescribed {
                photo: columns::photo(row, 1)?,
                owner: row.get(2)?,
                object: columns::object(row, 3)?,
                kind: columns::word(row, 4)?,
                facts: columns::json(row, 5)?,
                sightings: sightings_of(&moment, object_row)?,
                sidecars: sidecars_of(&moment, photo_row)?,
                damage: damage_of(&moment, photo_row)?,
                is_new: row.get(7)?,
                said_taken_at: said(&moment, photo_row)?.taken_at,
            });
        }
        Ok(found)
    }

    /// Writes down what files say about a photo. What a person said is not touched, and wins.
    pub fn describe_photo(&mut self, photo: &PhotoId, description: &Description) -> Result<(), CatalogError> {
        self.describe_photos(std::slice::from_ref(&(photo.clone(), description.clone())))
    }

    /// Writes down what files say about some photos, in one transaction.
    pub fn describe_photos(&mut self, descriptions: &[(PhotoId, Description)]) -> Result<(), CatalogError> {
        let change = self.change()?;
        for (photo, description) in descriptions {
            describe(&change, photo, description)?;
        }
        Ok(change.commit()?)
    }
}

fn sightings_of(connection: &Connection, object: i64) -> Result<Vec<(RawPath, FileStamp)>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "SELECT folder.path, name, size, modified_at, inode FROM sighting JOIN folder ON folder.row = sighting.folder
         WHERE object = ?1 ORDER BY sighting.row",
    )?;
    let rows = statement.query_map([object], |row| {
        let stamp = FileStamp {
            size: columns::size(row, 2)?,
            modified_at: columns::time_or_none(row, 3)?,
            inode: columns::size(row, 4)?,
        };
        Ok((columns::path(row, 0, 1)?, stamp))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn damage_of(connection: &Connection, photo: i64) -> Result<Vec<Damage>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "SELECT object.row, object.id, condition, finding FROM object
         WHERE condition <> 'intact' AND (row = (SELECT object FROM photo WHERE row = ?1)
             OR row IN (SELECT object FROM companion WHERE photo = ?1)) ORDER BY object.id",
    )?;
    let mut rows = statement.query([photo])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let finding: Option<String> = row.get(3)?;
        found.push(Damage {
            object: columns::object(row, 1)?,
            condition: columns::word(row, 2)?,
            finding: finding.unwrap_or_else(|| "is damaged".to_owned()),
            sightings: sightings_of(connection, row.get(0)?)?,
        });
    }
    Ok(found)
}

fn sidecars_of(connection: &Connection, photo: i64) -> Result<Vec<ObjectId>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "SELECT object.id FROM companion JOIN object ON object.row = companion.object
         WHERE photo = ?1 AND role = 'sidecar' ORDER BY object.id",
    )?;
    let rows = statement.query_map([photo], |row| columns::object(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn describe(change: &Connection, photo: &PhotoId, description: &Description) -> Result<(), CatalogError> {
    let row: i64 = change
        .prepare_cached("SELECT row FROM photo WHERE id = ?1")?
        .query_row([photo.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| CatalogError::PhotoNotFound { asked: photo.to_string() })?;
    let kept = Description { position: description.position.and_then(rounded), ..description.clone() };
    change
        .prepare_cached("UPDATE photo SET description = ?2, needs_describing = 0 WHERE row = ?1")?
        .execute(params![row, to_json(&kept)?])?;
    settle(change, row)?;
    if !description.wanted_path.is_empty() {
        give_path(change, row, &description.wanted_path)?;
    }
    Ok(())
}

/// Brings the columns, tags and words that a photo is sorted and found by up to what files and people say now.
pub(super) fn settle(change: &Connection, photo: i64) -> Result<(), CatalogError> {
    let (known_name, description): (String, Option<Description>) = change
        .prepare_cached("SELECT name, description FROM photo WHERE row = ?1")?
        .query_row([photo], |row| Ok((row.get(0)?, columns::json_or_none(row, 1)?)))?;
    let description = description.unwrap_or_default();
    let taken_at = said(change, photo)?.taken_at.or(description.taken_at);
    let name = if description.name.is_empty() { known_name } else { description.name };
    let local = taken_at.as_ref().map(|time| time.local.to_string());
    change
        .prepare_cached(
            "UPDATE photo SET needs_path = needs_path OR taken_at IS NOT ?3, name = ?2, taken_at = ?3, taken_at_source = ?4,
                 camera = ?5 WHERE row = ?1",
        )?
        .execute(params![photo, name, local, taken_at.map(|time| time.source.as_str()), description.camera])?;
    change.prepare_cached("DELETE FROM tag WHERE photo = ?1")?.execute([photo])?;
    for keyword in &description.keywords {
        change
            .prepare_cached("INSERT INTO tag (photo, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![photo, keyword])?;
    }
    words::refresh(change, photo)
}

fn give_path(change: &Connection, photo: i64, wanted: &str) -> Result<(), CatalogError> {
    let (owner, object, needs_path): (String, ObjectId, bool) = change
        .prepare_cached(
            "SELECT owner, object.id, needs_path FROM photo JOIN object ON object.row = photo.object
             WHERE photo.row = ?1",
        )?
        .query_row([photo], |row| Ok((row.get(0)?, columns::object(row, 1)?, row.get(2)?)))?;
    if !needs_path {
        return companions::give_paths(change, photo);
    }
    companions::take_paths(change, photo)?;
    let wanted = tree_path::below_photos(&owner, wanted);
    let (path, key) = tree_path::free(change, &wanted, &object, photo, For::Photo)?;
    change
        .prepare_cached("UPDATE photo SET path = ?2, path_key = ?3, needs_path = 0 WHERE row = ?1")?
        .execute(params![photo, path, key])?;
    companions::give_paths(change, photo)
}

/// What is known about a photo's words and facts: what files say, with what a person says put over it.
pub(super) fn believed(connection: &Connection, photo: i64) -> Result<(Description, Said), CatalogError> {
    let description: Option<Description> = connection
        .prepare_cached("SELECT description FROM photo WHERE row = ?1")?
        .query_row([photo], |row| columns::json_or_none(row, 0))?;
    let mut description = description.unwrap_or_default();
    let said = said(connection, photo)?;
    let Said { caption, rating, taken_at } = said.clone();
    description.caption = caption.or(description.caption).filter(|caption| !caption.is_empty());
    description.rating = rating.or(description.rating);
    description.taken_at = taken_at.or(description.taken_at);
    Ok((description, said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, described, intact};
    use crate::model::{CompanionRole, Examination};

    #[test]
    fn damage_of_a_photo_and_of_what_stands_beside_it_waits_until_it_is_described() {
        let mut sample = Sample::new();
        let photo = sample.photo("DCIM/IMG_1.JPG", "jpeg");
        sample.photo_of_kind("DCIM/IMG_1.CR2", "raw", Kind::Cr2);
        let (jpeg, raw) = (ObjectId::of(b"jpeg"), ObjectId::of(b"raw"));
        sample.catalog.set_companion(&photo, &raw, CompanionRole::Raw, "IMG_1.CR2").unwrap();
        let finding = Some("holds only zeros".to_owned());
        let broken = Examination { condition: Condition::Damaged, finding, ..intact() };
        sample.catalog.record_examinations(&[(jpeg, intact()), (raw, broken)]).unwrap();
        let waiting = sample.catalog.photos_to_describe(None, 9).unwrap().remove(0);
        assert!(waiting.is_new);
        assert_eq!(waiting.damage.len(), 1);
        assert_eq!((waiting.damage[0].object, waiting.damage[0].condition), (raw, Condition::Damaged));
        assert_eq!(waiting.damage[0].sightings[0].0.as_bytes(), b"DCIM/IMG_1.CR2");
        sample.catalog.describe_photo(&photo, &described("IMG_1.JPG", "2014-08-03")).unwrap();
        sample.catalog.record_examinations(&[(jpeg, intact())]).unwrap();
        assert!(!sample.catalog.photos_to_describe(None, 9).unwrap()[0].is_new);
    }
}
