//! Damaged photos, and what may be other copies of them.

use rusqlite::params;

use super::columns::{self, to_i64};
use super::{Catalog, CatalogError};
use crate::model::{Condition, Kind, ObjectId, PhotoId, Ranges};

/// An object that may be a copy of another, as far as that can be told without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PossibleCopy {
    /// Its photo.
    pub photo: PhotoId,
    /// Its bytes.
    pub object: ObjectId,
    /// Their number.
    pub size: u64,
    /// The format.
    pub kind: Kind,
    /// How whole it is.
    pub condition: Condition,
    /// What it is called.
    pub name: String,
}

const COLUMNS: &str = "photo.id, object.id, object.size, object.kind, object.condition, photo.name";

impl Catalog {
    /// The photos of an owner whose original is damaged, those in the trash left out.
    pub fn damaged_photos(&self, owner: &str) -> Result<Vec<PossibleCopy>, CatalogError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM object JOIN photo ON photo.object = object.row
             WHERE condition <> 'intact' AND owner = ?1 AND deleted_at IS NULL ORDER BY object.id",
        ))?;
        let rows = statement.query_map([owner], possible)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Other photos of the owner that have the format of `of` (as far as both are known), and its size or its camera and moment: at most `limit`.
    pub fn possible_copies(
        &self,
        owner: &str,
        of: &PossibleCopy,
        limit: usize,
    ) -> Result<Vec<PossibleCopy>, CatalogError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM object CROSS JOIN photo ON photo.object = object.row
             WHERE object.size = ?3 AND (kind = ?2 OR 'unknown' IN (kind, ?2)) AND owner = ?1 AND deleted_at IS NULL AND photo.id <> ?4
                 AND condition IS NOT NULL
             UNION
             SELECT {COLUMNS} FROM photo AS this CROSS JOIN photo ON photo.taken_at = this.taken_at
                 CROSS JOIN object ON object.row = photo.object
             WHERE this.id = ?4 AND photo.camera = this.camera AND kind = ?2 AND photo.owner = ?1
                 AND photo.deleted_at IS NULL AND photo.id <> ?4 AND condition IS NOT NULL
             ORDER BY 2 LIMIT ?5",
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement
            .query_map(params![owner, of.kind.as_str(), to_i64(of.size), of.photo.as_str(), limit], possible)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The bytes of an object that no source gave, where every one of its sources failed to give all: those of the best.
    pub fn lost_of(&self, object: &ObjectId) -> Result<Option<Ranges>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT lost FROM sighting WHERE object = (SELECT row FROM object WHERE id = ?1)")?;
        let mut rows = statement.query([object.as_bytes()])?;
        let mut best: Option<Ranges> = None;
        while let Some(row) = rows.next()? {
            let Some(lost) = row.get::<_, Option<String>>(0)?.as_deref().map(ranges) else { return Ok(None) };
            if best.as_ref().is_none_or(|best| lost.bytes() < best.bytes()) {
                best = Some(lost);
            }
        }
        Ok(best)
    }
}

fn possible(row: &rusqlite::Row<'_>) -> rusqlite::Result<PossibleCopy> {
    Ok(PossibleCopy {
        photo: columns::photo(row, 0)?,
        object: columns::object(row, 1)?,
        size: columns::size(row, 2)?,
        kind: columns::word(row, 3)?,
        condition: columns::word(row, 4)?,
        name: row.get(5)?,
    })
}

/// Places written as `offset+length, …`.
fn ranges(text: &str) -> Ranges {
    let places = text.split(", ").filter_map(|place| place.split_once('+'));
    let parsed = places.filter_map(|(start, length)| {
        let start: u64 = start.parse().ok()?;
        Some(start..start.checked_add(length.parse().ok()?)?)
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, intact, kept};
    use crate::catalog::{FileOutcome, FileRecord};
    use crate::model::{Coming, Examination, Found};

    fn with_lost(mut record: FileRecord, places: &str) -> FileRecord {
        if let FileOutcome::Kept { coming, .. } = &mut record.outcome {
            *coming = Coming { found: Found::DeletedAssumed, lost: ranges(places) };
        }
        record
    }

    #[test]
    fn what_was_lost_is_known_until_it_comes_whole_from_somewhere() {
        let mut sample = Sample::new();
        let object = ObjectId::of(b"a");
        sample.commit("anna", &[with_lost(kept("a.jpg", "a", Kind::Jpeg), "512+512, 4096+8192")]);
        assert_eq!(sample.catalog.lost_of(&object).unwrap().unwrap().to_string(), "512+512, 4096+8192");
        assert_eq!(sample.catalog.doubts(&object).unwrap(), Some((Found::DeletedAssumed, 8704)));
        sample.catalog.record_examinations(&[(object, intact())]).unwrap();
        sample.commit("anna", &[with_lost(kept("b.jpg", "a", Kind::Jpeg), "512+512")]);
        assert_eq!(
            sample.catalog.doubts(&object).unwrap(),
            Some((Found::DeletedAssumed, 512)),
            "the better one counts"
        );
        assert_eq!(sample.catalog.unexamined(None, 10).unwrap().len(), 0);
        sample.commit("anna", &[kept("c.jpg", "a", Kind::Jpeg)]);
        assert_eq!(sample.catalog.doubts(&object).unwrap(), None);
        assert_eq!(sample.catalog.lost_of(&object).unwrap(), None);
        assert_eq!(sample.catalog.unexamined(None, 10).unwrap().len(), 1, "it is looked at again");
    }

    #[test]
    fn other_copies_are_those_of_the_same_size_or_of_the_same_moment() {
        let mut sample = Sample::new();
        sample.commit(
            "anna",
            &[
                kept("a.jpg", "first", Kind::Jpeg),
                kept("b.jpg", "other", Kind::Jpeg),
                kept("c.png", "third", Kind::Png),
                kept("d.jpg", "something longer", Kind::Jpeg),
            ],
        );
        let damaged = Examination { condition: Condition::Damaged, ..intact() };
        let all = ["first", "other", "third", "something longer"].map(|text| ObjectId::of(text.as_bytes()));
        let mut found: Vec<_> = all.iter().map(|object| (*object, intact())).collect();
        found[0].1 = damaged;
        sample.catalog.record_examinations(&found).unwrap();
        let damaged = sample.catalog.damaged_photos("anna").unwrap();
        assert_eq!(damaged.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a.jpg"]);
        let others = sample.catalog.possible_copies("anna", &damaged[0], 10).unwrap();
        assert_eq!(others.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["b.jpg"]);
        assert!(sample.catalog.damaged_photos("ben").unwrap().is_empty());
    }
}
