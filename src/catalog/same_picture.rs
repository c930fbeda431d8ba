//! Photos that are the same picture with other metadata: they share a payload. They are shown together, and each stays
//! what it is.

use rusqlite::{Connection, params};

use super::{CatalogError, columns};
use crate::model::PhotoId;

/// The best first: intact, the largest file (it has lost the least of what was written about it), kept first.
const BEST_FIRST: &str = "object.condition IS NOT 'intact', object.size DESC, object.kept_at, photo.id";

/// Of what `from` finds (a `FROM` with its conditions, over `photo` and `object`), the best of each picture of each owner.
pub(super) fn best_of_each(from: &str) -> String {
    // An object without a payload is a picture of its own; no hash has the length of a payload.
    format!(
        "FROM photo JOIN object ON object.row = photo.object WHERE photo.row IN (
             SELECT best FROM (SELECT photo.row AS best, row_number() OVER (
                 PARTITION BY photo.owner, ifnull(object.payload, object.id) ORDER BY {BEST_FIRST}) AS place {from})
             WHERE place = 1)"
    )
}

/// The owner's other photos of the same picture, the best first; none that is in the trash.
pub(super) fn others(connection: &Connection, photo: &PhotoId) -> Result<Vec<PhotoId>, CatalogError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT photo.id FROM photo AS asked JOIN object AS original ON original.row = asked.object
         JOIN object ON object.payload = original.payload
         JOIN photo ON photo.object = object.row AND photo.owner = asked.owner AND photo.row <> asked.row
         WHERE asked.id = ?1 AND photo.deleted_at IS NULL ORDER BY {BEST_FIRST}"
    ))?;
    let rows = statement.query_map(params![photo.as_str()], |row| columns::photo(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Query;
    use crate::catalog::sample::{Sample, at, described, intact};
    use crate::model::{Condition, Examination, Likeness, ObjectId, Payload};

    /// Four photos, of which the first three are the same picture.
    fn library() -> (Sample, [PhotoId; 4]) {
        let mut sample = Sample::new();
        let contents = ["small", "of the right size", "the largest, but damaged", "other"];
        let photos = contents.map(|content| sample.photo(&format!("{content}.jpg"), content));
        for (content, photo) in contents.iter().zip(&photos) {
            let payload = Payload::from_hash([u8::from(*content == "other"); 16]);
            let examination = Examination {
                condition: if content.contains("damaged") { Condition::Damaged } else { Condition::Intact },
                likeness: Likeness { payload: Some(payload), look: None },
                ..intact()
            };
            sample.catalog.record_examinations(&[(ObjectId::of(content.as_bytes()), examination)]).unwrap();
            sample.catalog.describe_photo(photo, &described(content, "2014-08-03")).unwrap();
        }
        (sample, photos)
    }

    fn grouped(sample: &Sample, words: &[&str]) -> Vec<(PhotoId, Vec<PhotoId>)> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let report = sample.catalog.search(&Query { words, grouped: true, limit: 100, ..Query::default() }).unwrap();
        assert_eq!(report.total, report.photos.len() as u64);
        report.photos.into_iter().map(|photo| (photo.id, photo.same_picture)).collect()
    }

    #[test]
    fn a_picture_is_listed_once_by_its_best_photo_and_names_the_others() {
        let (sample, [small, right, damaged, other]) = library();
        let mut found = grouped(&sample, &[]);
        found.sort();
        let mut wanted = [(right, vec![small, damaged]), (other, Vec::new())];
        wanted.sort();
        assert_eq!(found, wanted);
    }

    #[test]
    fn only_what_a_search_finds_is_folded_and_nothing_is_dropped() {
        let (sample, [small, right, damaged, _]) = library();
        assert_eq!(grouped(&sample, &["small"]), [(small.clone(), vec![right.clone(), damaged.clone()])]);
        let all = sample.catalog.search(&Query { limit: 100, ..Query::default() }).unwrap();
        assert_eq!(all.total, 4);
        assert_eq!(sample.catalog.photo(&damaged).unwrap().summary.same_picture, [right, small]);
    }

    #[test]
    fn a_photo_in_the_trash_stands_for_nobody() {
        let (mut sample, [small, right, damaged, other]) = library();
        sample.catalog.delete_photos(std::slice::from_ref(&right), at(5)).unwrap();
        let found = grouped(&sample, &[]);
        assert!(found.contains(&(small, vec![damaged])) && found.contains(&(other, Vec::new())), "{found:?}");
    }

    #[test]
    fn photos_without_a_payload_and_those_of_others_are_not_the_same() {
        let mut sample = Sample::new();
        let (one, two) = (sample.photo("a.jpg", "a"), sample.photo("b.jpg", "b"));
        assert_eq!(grouped(&sample, &[]).len(), 2);
        let payload = Some(Payload::from_hash([1; 16]));
        for name in ["a", "b", "c"] {
            if name == "c" {
                sample.commit("ben", &[crate::catalog::sample::kept("c.jpg", "c", crate::model::Kind::Jpeg)]);
            }
            let examination = Examination { likeness: Likeness { payload, look: None }, ..intact() };
            sample.catalog.record_examinations(&[(ObjectId::of(name.as_bytes()), examination)]).unwrap();
        }
        assert_eq!(others(&sample.catalog.connection, &one).unwrap(), [two]);
        assert_eq!(grouped(&sample, &[]).len(), 2, "ben's is ben's");
    }
}
