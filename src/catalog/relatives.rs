//! Photos that are edits of others: two photos, each of which stays, that name each other when they are shown.

use rusqlite::{Connection, params};

use super::{CatalogError, columns};
use crate::formats::{edited, file_name};
use crate::model::PhotoId;
use crate::model::report::{RelatedReport, Relation};

/// The owner's photos that are an edit of this one, or that this one is an edit of: by the names of one folder in which
/// both were seen, and not where their days differ. None that is in the trash.
pub(super) fn relatives(connection: &Connection, photo: i64) -> Result<Vec<RelatedReport>, CatalogError> {
    let mut names = connection.prepare_cached(
        "SELECT DISTINCT folder, sighting.name FROM photo JOIN sighting ON sighting.object = photo.object WHERE photo.row = ?1",
    )?;
    let places: Vec<(i64, Vec<u8>)> =
        names.query_map([photo], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for (folder, name) in places {
        let name = String::from_utf8_lossy(&name);
        let stem = file_name::split_ending(&name).0;
        let counterparts = [(edited::original_of(stem), Relation::EditOf), (edited::edit_of(stem), Relation::EditedAs)];
        for (stem, relation) in counterparts {
            let Some(stem) = stem else { continue };
            for id in photos_named(connection, photo, folder, &stem)? {
                found.push(RelatedReport { photo: id, relation });
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn photos_named(connection: &Connection, asked: i64, folder: i64, stem: &str) -> Result<Vec<PhotoId>, CatalogError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT other.id FROM photo AS asked
         JOIN sighting ON folder = ?2 AND lower(CAST(sighting.name AS TEXT)) GLOB lower(?3) || '.*'
         JOIN photo AS other ON other.object = sighting.object AND other.owner = asked.owner
         WHERE asked.row = ?1 AND other.row <> asked.row AND other.deleted_at IS NULL
             AND ifnull(substr(asked.taken_at, 1, 10) = substr(other.taken_at, 1, 10), 1)",
    )?;
    let rows = statement.query_map(params![asked, folder, stem], |row| columns::photo(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, described};

    fn related(sample: &Sample, photo: &PhotoId) -> Vec<(PhotoId, Relation)> {
        let related = sample.catalog.photo(photo).unwrap().related;
        related.into_iter().map(|related| (related.photo, related.relation)).collect()
    }

    #[test]
    fn an_edit_and_its_original_know_each_other_and_both_stay() {
        let mut sample = Sample::new();
        let original = sample.photo("DCIM/IMG_1234.HEIC", "original");
        let edit = sample.photo("DCIM/img_e1234.jpg", "edit");
        let elsewhere = sample.photo("other/IMG_E1234.JPG", "elsewhere");
        sample.photo("DCIM/IMG_12345.JPG", "another number");
        assert_eq!(related(&sample, &original), [(edit.clone(), Relation::EditedAs)]);
        assert_eq!(related(&sample, &edit), [(original, Relation::EditOf)]);
        assert_eq!(related(&sample, &elsewhere), [], "the same number in another folder");
        assert_eq!(sample.catalog.photo_count().unwrap(), 4);
    }

    #[test]
    fn a_photo_of_another_day_is_no_edit_whatever_its_name() {
        let mut sample = Sample::new();
        let original = sample.photo("DCIM/IMG_1234.JPG", "original");
        let edit = sample.photo("DCIM/IMG_E1234.JPG", "edit");
        for (photo, day, others) in [(&original, "2014-08-03", 1), (&edit, "2014-08-03", 1), (&edit, "2015-01-01", 0)] {
            sample.catalog.describe_photo(photo, &described("x.JPG", day)).unwrap();
            assert_eq!(related(&sample, &original).len(), others, "{day}");
        }
    }
}
