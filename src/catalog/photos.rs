//! Finding one photo, and showing all that is known about it.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::columns;
use super::description::believed;
use super::relatives::relatives;
use super::{Catalog, CatalogError, same_picture};
use crate::model::report::{CompanionReport, PhotoReport, PhotoSummary, ProofReport, SightingReport};
use crate::model::{CompanionRole, ObjectId, PhotoId};

/// How many candidates an ambiguous name is answered with.
const CANDIDATES: i64 = 10;

/// The columns that [`summary`] reads, from `photo JOIN object`.
pub(super) const SUMMARY: &str = "photo.id, object.id, photo.name, photo.taken_at, photo.taken_at_source,
    object.condition, object.kind, photo.path";

impl Catalog {
    /// The photo that a person means: by its id, by a beginning of its id, or by a beginning of the name of one of its
    /// objects; at least four characters. Photos in the trash are found too.
    ///
    /// # Errors
    ///
    /// [`CatalogError::PhotoNotFound`], [`CatalogError::PhotoAmbiguous`] with some candidates, and
    /// [`CatalogError::PhotoTooShort`].
    pub fn find_photo(&self, text: &str) -> Result<PhotoId, CatalogError> {
        let asked = text.trim().to_ascii_lowercase();
        if asked.chars().count() < 4 {
            return Err(CatalogError::PhotoTooShort { asked });
        }
        let by_id = if is_beginning_of_id(&asked) {
            let query = "SELECT id FROM photo WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
            self.photos_between(query, asked.as_str(), format!("{asked}~").as_str())?
        } else {
            Vec::new()
        };
        if let [only] = by_id.as_slice() {
            return Ok(only.clone());
        }
        let mut candidates = by_id;
        if let Some((first, last)) = hash_range(&asked) {
            candidates.extend(self.photos_between(
                "SELECT photo.id FROM object JOIN photo ON photo.object = object.row WHERE object.id BETWEEN ?1 AND ?2
                 UNION
                 SELECT photo.id FROM object JOIN companion ON companion.object = object.row
                     JOIN photo ON photo.row = companion.photo WHERE object.id BETWEEN ?1 AND ?2
                 ORDER BY 1 LIMIT ?3",
                first.as_bytes(),
                last.as_bytes(),
            )?);
        }
        candidates.sort();
        candidates.dedup();
        match candidates.as_slice() {
            [] => Err(CatalogError::PhotoNotFound { asked }),
            [only] => Ok(only.clone()),
            _ => Err(CatalogError::PhotoAmbiguous { asked, candidates }),
        }
    }

    fn photos_between<T: rusqlite::ToSql>(&self, query: &str, from: T, to: T) -> Result<Vec<PhotoId>, CatalogError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(params![from, to, CANDIDATES], |row| columns::photo(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many photos there are, those in the trash not counted.
    pub fn photo_count(&self) -> Result<u64, CatalogError> {
        let mut statement = self.connection.prepare_cached("SELECT count(*) FROM photo WHERE deleted_at IS NULL")?;
        Ok(statement.query_row([], |row| columns::size(row, 0))?)
    }

    /// Everything that is known about one photo. In `proofs`, `repository` is the key that proofs are recorded under, and
    /// `at` the time of the oldest proof among the photo's objects; a repository that lacks one of them is not listed.
    pub fn photo(&self, id: &PhotoId) -> Result<PhotoReport, CatalogError> {
        let moment = self.moment()?;
        let row = photo_row(&moment, id)?;
        let query = format!(
            "SELECT {SUMMARY}, owner, size, depth, finding, good_percent, deleted_at
             FROM photo JOIN object ON object.row = photo.object WHERE photo.row = ?1"
        );
        let mut report = moment.prepare_cached(&query)?.query_row([row], |row| {
            Ok(PhotoReport {
                summary: summary(row)?,
                owner: row.get(8)?,
                size: columns::size(row, 9)?,
                tested: row.get(10)?,
                finding: row.get(11)?,
                good_percent: row.get(12)?,
                deleted_at: columns::time_or_none(row, 13)?.map(|at| at.to_string()),
                taken_at_certainty: None,
                zone: None,
                latitude: None,
                longitude: None,
                camera: None,
                lens: None,
                width: None,
                height: None,
                rating: None,
                caption: None,
                tags: Vec::new(),
                people: Vec::new(),
                albums: Vec::new(),
                companions: Vec::new(),
                related: Vec::new(),
                sightings: Vec::new(),
                proofs: Vec::new(),
            })
        })?;
        let (believed, _) = believed(&moment, row)?;
        let lies_on_its_side = believed.orientation.is_some_and(|orientation| (5..=8).contains(&orientation));
        (report.width, report.height) =
            if lies_on_its_side { (believed.height, believed.width) } else { (believed.width, believed.height) };
        report.taken_at_certainty = believed.taken_at.as_ref().map(|time| time.certainty.as_str().to_owned());
        report.zone = believed.taken_at.and_then(|time| time.offset).map(|offset| offset.to_string());
        report.latitude = believed.position.map(crate::model::Position::latitude);
        report.longitude = believed.position.map(crate::model::Position::longitude);
        report.camera = believed.camera;
        report.lens = believed.lens;
        report.rating = believed.rating;
        report.caption = believed.caption;
        report.tags = believed.keywords;
        report.summary.same_picture = same_picture::others(&moment, id)?;
        report.albums = albums_of(&moment, row)?;
        report.companions = companions_of(&moment, row)?;
        report.related = relatives(&moment, row)?;
        report.sightings = sightings_of(&moment, row)?;
        report.proofs = proofs_of(&moment, row)?;
        Ok(report)
    }
}

/// The private number of a photo.
pub(super) fn photo_row(connection: &Connection, id: &PhotoId) -> Result<i64, CatalogError> {
    known_photo_row(connection, id)?.ok_or_else(|| CatalogError::PhotoNotFound { asked: id.to_string() })
}

/// The private number of a photo, if there is such a photo.
pub(super) fn known_photo_row(connection: &Connection, id: &PhotoId) -> Result<Option<i64>, CatalogError> {
    let mut statement = connection.prepare_cached("SELECT row FROM photo WHERE id = ?1")?;
    Ok(statement.query_row([id.as_str()], |row| row.get(0)).optional()?)
}

/// What a list shows of a photo, from a row that begins with [`SUMMARY`].
pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<PhotoSummary> {
    let taken_at: Option<String> = row.get(3)?;
    Ok(PhotoSummary {
        id: columns::photo(row, 0)?,
        object: columns::object(row, 1)?,
        name: row.get(2)?,
        taken_at: taken_at.map(|text| to_the_second(&text).to_owned()),
        taken_at_source: row.get(4)?,
        condition: columns::word_or_none(row, 5)?,
        kind: columns::word(row, 6)?,
        path: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
        same_picture: Vec::new(),
    })
}

/// `2014-08-03T14:22:33` of `2014-08-03T14:22:33.125`.
fn to_the_second(local: &str) -> &str {
    local.split('.').next().unwrap_or(local)
}

fn is_beginning_of_id(text: &str) -> bool {
    text.len() <= PhotoId::LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'))
}

/// The first and the last hash that begin with these hex digits.
fn hash_range(digits: &str) -> Option<(ObjectId, ObjectId)> {
    let fill = |filler: &str| -> Option<ObjectId> {
        let missing = 64_usize.checked_sub(digits.len())?;
        format!("{digits}{}", filler.repeat(missing)).parse().ok()
    };
    Some((fill("0")?, fill("f")?))
}

fn albums_of(connection: &Connection, photo: i64) -> Result<Vec<String>, CatalogError> {
    let mut statement = connection
        .prepare_cached("SELECT name FROM album_photo JOIN album ON album.id = album WHERE photo = ?1 ORDER BY name")?;
    Ok(statement.query_map([photo], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn companions_of(connection: &Connection, photo: i64) -> Result<Vec<CompanionReport>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "SELECT role, object.id, name FROM companion JOIN object ON object.row = companion.object
         WHERE photo = ?1 ORDER BY role, name, object.id",
    )?;
    let rows = statement.query_map([photo], |row| {
        let role: CompanionRole = columns::word(row, 0)?;
        Ok(CompanionReport { role: role.as_str().to_owned(), object: columns::object(row, 1)?, name: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Oldest first, and by path within a run: several readers write rows in any order, and a recovery in another.
fn sightings_of(connection: &Connection, photo: i64) -> Result<Vec<SightingReport>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "SELECT source.name, folder.path, sighting.name, modified_at FROM sighting
         JOIN folder ON folder.row = sighting.folder JOIN source ON source.id = folder.source
         WHERE object = (SELECT object FROM photo WHERE row = ?1)
         ORDER BY first_seen_at, source.name, folder.path, sighting.name, sighting.row",
    )?;
    let rows = statement.query_map([photo], |row| {
        Ok(SightingReport {
            source: row.get(0)?,
            path: columns::path(row, 1, 2)?.to_string(),
            modified_at: columns::time_or_none(row, 3)?.map(|at| at.to_string()),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn proofs_of(connection: &Connection, photo: i64) -> Result<Vec<ProofReport>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "WITH part (object) AS (SELECT object FROM photo WHERE row = ?1
                                UNION SELECT object FROM companion WHERE photo = ?1)
         SELECT key, min(at) FROM proof JOIN repository ON repository.row = proof.repository
         WHERE object IN part GROUP BY key HAVING count(*) = (SELECT count(*) FROM part) ORDER BY key",
    )?;
    let rows = statement.query_map([photo], |row| {
        Ok(ProofReport { repository: row.get(0)?, at: columns::time(row, 1)?.to_string() })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, described};
    use crate::model::Kind;

    #[test]
    fn a_photo_is_found_by_a_beginning_of_its_id_or_of_its_object() {
        let mut sample = Sample::new();
        let photo = sample.photo("a.jpg", "a");
        sample.photo("b.jpg", "b");
        let raw = ObjectId::of(b"raw");
        sample.photo_of_kind("a.cr2", "raw", Kind::Cr2);
        sample.catalog.set_companion(&photo, &raw, CompanionRole::Raw, "a.cr2").unwrap();
        let object = ObjectId::of(b"a");
        for text in
            [photo.to_string(), photo.as_str()[..6].to_uppercase(), object.to_string(), object.short(10), raw.short(9)]
        {
            assert_eq!(sample.catalog.find_photo(&text).unwrap(), photo, "{text}");
        }
    }

    #[test]
    fn a_name_that_says_too_little_or_nothing_is_refused() {
        let mut sample = Sample::new();
        sample.photo("a.jpg", "a");
        assert!(matches!(sample.catalog.find_photo("abc"), Err(CatalogError::PhotoTooShort { .. })));
        for text in ["0000", "zzzz", "'; DROP TABLE photo", "öööö", &"0".repeat(70)] {
            assert!(matches!(sample.catalog.find_photo(text), Err(CatalogError::PhotoNotFound { .. })), "{text}");
        }
    }

    #[test]
    fn a_beginning_that_several_photos_share_names_them() {
        let mut sample = Sample::new();
        for number in 0..3000 {
            sample.photo(&format!("{number}.jpg"), &number.to_string());
        }
        let mut found = None;
        for number in 0..0xffff_u32 {
            if let Err(CatalogError::PhotoAmbiguous { candidates, .. }) =
                sample.catalog.find_photo(&format!("{number:04x}"))
            {
                found = Some(candidates);
                break;
            }
        }
        assert!(found.unwrap().len() >= 2);
    }

    #[test]
    fn a_picture_that_lies_on_its_side_is_measured_upright() {
        let mut sample = Sample::new();
        let photo = sample.photo("DCIM/a.jpg", "a");
        let mut description = described("a.jpg", "2014-08-03");
        (description.width, description.height, description.orientation) = (Some(4000), Some(3000), Some(6));
        sample.catalog.describe_photo(&photo, &description).unwrap();
        let report = sample.catalog.photo(&photo).unwrap();
        assert_eq!((report.width, report.height), (Some(3000), Some(4000)));
        assert_eq!(report.summary.taken_at.as_deref(), Some("2014-08-03T14:22:33"));
        assert_eq!(report.sightings[0].path, "DCIM/a.jpg");
    }
}
