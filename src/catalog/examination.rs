//! What was found when an object's bytes were looked at.

use rusqlite::{OptionalExtension as _, params};

use super::columns::{self, to_json};
use super::sightings::object_row;
use super::{Catalog, CatalogError};
use crate::model::{Examination, Facts, Kind, Look, ObjectId, Payload, Position};

/// The version of the examiner. Raised when it learns something new, so that every object is looked at again.
pub const EXAMINER_VERSION: u32 = 1;

impl Catalog {
    /// Objects that no examiner of this version has looked at: at most `limit`, by id, those behind `after`.
    pub fn unexamined(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<(ObjectId, Kind, u64)>, CatalogError> {
        // One query per older version, each along the index, instead of one that sorts.
        let mut statement = self.connection.prepare_cached(
            "SELECT id, kind, size FROM object WHERE examined_version = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let behind = after.as_ref().map_or(&[][..], |id| id.as_bytes());
        let mut found = Vec::new();
        for version in 0..EXAMINER_VERSION {
            let rows = statement
                .query_map(params![version, behind, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok((columns::object(row, 0)?, columns::word(row, 1)?, columns::size(row, 2)?))
                })?;
            for row in rows {
                found.push(row?);
            }
        }
        found.sort_unstable_by_key(|(id, _, _)| *id);
        found.truncate(limit);
        Ok(found)
    }

    /// Writes down what was found in some objects, in one transaction. The photos that they belong to are to be described
    /// again, and the folders that they were seen in to be grouped again.
    ///
    /// Positions are kept to a billionth of a degree (a tenth of a millimetre): such a number is the same after it
    /// was written as text and read again.
    pub fn record_examinations(&mut self, results: &[(ObjectId, Examination)]) -> Result<(), CatalogError> {
        let change = self.change()?;
        for (object, examination) in results {
            let row = object_row(&change, object)?.ok_or(CatalogError::ObjectNotFound { object: *object })?;
            let Examination { condition, depth, good_percent, finding, facts, likeness } = examination;
            let facts = Facts { position: facts.position.and_then(rounded), ..facts.clone() };
            change
                .prepare_cached(
                    "UPDATE object SET examined_version = ?2, condition = ?3, depth = ?4, good_percent = ?5,
                         finding = ?6, facts = ?7, payload = ?8, look = ?9 WHERE row = ?1",
                )?
                .execute(params![
                    row,
                    EXAMINER_VERSION,
                    condition.as_str(),
                    depth.as_str(),
                    good_percent,
                    finding,
                    to_json(&facts)?,
                    likeness.payload.as_ref().map(Payload::as_bytes),
                    likeness.look.map(Look::to_bytes),
                ])?;
            change
                .prepare_cached(
                    "UPDATE photo SET needs_describing = 1
                     WHERE object = ?1 OR row IN (SELECT photo FROM companion WHERE object = ?1)",
                )?
                .execute([row])?;
            change
                .prepare_cached(
                    "UPDATE folder SET needs_grouping = 1 WHERE row IN (SELECT folder FROM sighting WHERE object = ?1)",
                )?
                .execute([row])?;
        }
        Ok(change.commit()?)
    }

    /// What was found in an object; `None` until somebody has looked.
    pub fn examination(&self, object: &ObjectId) -> Result<Option<Examination>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT condition, depth, good_percent, finding, facts, payload, look FROM object
             WHERE id = ?1 AND examined_version > 0",
        )?;
        let found = statement.query_row([object.as_bytes()], |row| {
            Ok(Examination {
                condition: columns::word(row, 0)?,
                depth: columns::word(row, 1)?,
                good_percent: row.get(2)?,
                finding: row.get(3)?,
                facts: columns::json(row, 4)?,
                likeness: columns::likeness(row, 5, 6)?,
            })
        });
        Ok(found.optional()?)
    }
}

/// The position to nine decimals: at most twelve digits, which every JSON reader brings back exactly.
pub(super) fn rounded(position: Position) -> Option<Position> {
    let round = |degrees: f64| (degrees * 1e9).round() / 1e9;
    Position::new(round(position.latitude()), round(position.longitude()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, intact, kept};
    use crate::model::{Condition, Depth, Likeness};

    #[test]
    fn an_object_is_to_be_examined_until_it_was() {
        let mut sample = Sample::new();
        sample.commit("anna", &[kept("a.jpg", "a", Kind::Jpeg), kept("b.png", "b", Kind::Png)]);
        let waiting = sample.catalog.unexamined(None, 10).unwrap();
        assert_eq!(waiting.len(), 2);
        assert_eq!(sample.catalog.unexamined(Some(waiting[0].0), 10).unwrap(), waiting[1..]);
        assert_eq!(sample.catalog.unexamined(None, 1).unwrap(), waiting[..1]);

        let examination = Examination {
            condition: Condition::Truncated,
            depth: Depth::Pixels,
            good_percent: Some(61),
            finding: Some("ends after 61 % of the picture".to_owned()),
            facts: Facts { camera: Some("Canon EOS 350D".to_owned()), ..Facts::default() },
            likeness: Likeness {
                payload: Some(Payload::from_hash([7; 16])),
                look: Some(Look { coarse: u64::MAX, fine: [1, 2, 3, 4] }),
            },
        };
        let object = waiting[0].0;
        assert_eq!(sample.catalog.examination(&object).unwrap(), None);
        sample.catalog.record_examinations(&[(object, examination.clone())]).unwrap();
        assert_eq!(sample.catalog.examination(&object).unwrap(), Some(examination));
        assert_eq!(sample.catalog.unexamined(None, 10).unwrap(), waiting[1..]);
    }

    #[test]
    fn an_examination_of_an_object_that_was_never_kept_is_refused_and_none_is_written() {
        let mut sample = Sample::new();
        sample.commit("anna", &[kept("a.jpg", "a", Kind::Jpeg)]);
        let results = [(ObjectId::of(b"a"), intact()), (ObjectId::of(b"never kept"), intact())];
        let refused = sample.catalog.record_examinations(&results);
        assert!(matches!(refused, Err(CatalogError::ObjectNotFound { .. })));
        assert_eq!(sample.catalog.unexamined(None, 10).unwrap().len(), 1);
    }

    #[test]
    fn a_position_is_the_same_after_it_was_written_and_read() {
        let mut sample = Sample::new();
        sample.commit("anna", &[kept("a.jpg", "a", Kind::Jpeg)]);
        let object = ObjectId::of(b"a");
        for number in 1..500_u32 {
            let odd = f64::from(number) * 0.123_456_789_012_345_67;
            let mut examination = intact();
            examination.facts.position = Position::new(odd, -odd * 2.0);
            sample.catalog.record_examinations(&[(object, examination)]).unwrap();
            let kept = sample.catalog.examination(&object).unwrap().unwrap().facts.position.unwrap();
            assert_eq!(Some(kept), rounded(Position::new(odd, -odd * 2.0).unwrap()), "{number}");
            assert!((kept.latitude() - odd).abs() < 1e-9);
        }
    }
}
