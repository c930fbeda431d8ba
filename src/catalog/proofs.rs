//! Proofs: which objects were read back whole from which repository, and what that makes of the photos.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::columns::{self, to_ns};
use super::sightings::object_row;
use super::{Catalog, CatalogError};
use crate::model::report::AtRisk;
use crate::model::{Condition, Kind, ObjectId, PhotoId};

/// What is proven of one repository.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ProofSummary {
    /// Photos of which every object came back whole, those in the trash not counted.
    pub proven_photos: u64,
    /// Objects that came back whole.
    pub proven_objects: u64,
    /// When the proof that is the oldest now was made.
    pub oldest_proof: Option<Timestamp>,
}

/// Photos that no safe repository has given back yet.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AtRiskPhotos {
    /// How many.
    pub count: u64,
    /// Some of them, by id, each with the reason.
    pub photos: Vec<AtRisk>,
}

/// An object with its size, its format, and how whole it is once it was examined.
pub type ObjectRow = (ObjectId, u64, Kind, Option<Condition>);

/// A photo all of whose objects are proven in the repository that is `?1`.
const WHOLLY_PROVEN: &str = "(EXISTS (SELECT 1 FROM proof WHERE repository = ?1 AND proof.object = photo.object)
    AND NOT EXISTS (SELECT 1 FROM companion WHERE companion.photo = photo.row AND NOT EXISTS
        (SELECT 1 FROM proof WHERE repository = ?1 AND proof.object = companion.object)))";

impl Catalog {
    /// Writes down that objects were read back whole from a repository. A proof replaces an older one of the same object.
    pub fn record_proofs(&mut self, repository: &str, at: Timestamp, objects: &[ObjectId]) -> Result<(), CatalogError> {
        let change = self.change()?;
        let repository = repository_row(&change, repository)?;
        for object in objects {
            let object = object_row(&change, object)?.ok_or(CatalogError::ObjectNotFound { object: *object })?;
            change
                .prepare_cached(
                    "INSERT INTO proof (repository, object, at) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
                )?
                .execute(params![repository, object, to_ns(at)])?;
        }
        Ok(change.commit()?)
    }

    /// Takes proofs back: the repository was found without these objects, or with other bytes. Unknown ones are passed
    /// over.
    pub fn forget_proofs(&mut self, repository: &str, objects: &[ObjectId]) -> Result<(), CatalogError> {
        let change = self.change()?;
        let repository = repository_row(&change, repository)?;
        for object in objects {
            if let Some(object) = object_row(&change, object)? {
                change
                    .prepare_cached("DELETE FROM proof WHERE repository = ?1 AND object = ?2")?
                    .execute([repository, object])?;
            }
        }
        Ok(change.commit()?)
    }

    /// What is proven of a repository.
    pub fn proofs_summary(&self, repository: &str) -> Result<ProofSummary, CatalogError> {
        let moment = self.moment()?;
        let Some(repository) = known_repository(&moment, repository)? else { return Ok(ProofSummary::default()) };
        let query = format!("SELECT count(*) FROM photo WHERE deleted_at IS NULL AND {WHOLLY_PROVEN}");
        let proven_photos = moment.prepare_cached(&query)?.query_row([repository], |row| columns::size(row, 0))?;
        let (proven_objects, oldest_proof) = moment
            .prepare_cached("SELECT count(*), min(at) FROM proof WHERE repository = ?1")?
            .query_row([repository], |row| Ok((columns::size(row, 0)?, columns::time_or_none(row, 1)?)))?;
        Ok(ProofSummary { proven_photos, proven_objects, oldest_proof })
    }

    /// The objects that a drill should read next: those that were never proven in this repository, then those whose proof
    /// is the oldest; each with its size and its proof.
    pub fn objects_to_prove(
        &self,
        repository: &str,
        limit: usize,
    ) -> Result<Vec<(ObjectId, u64, Option<Timestamp>)>, CatalogError> {
        let repository = known_repository(&self.connection, repository)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT object.id, size, at FROM object LEFT JOIN proof ON proof.object = object.row AND repository = ?1
             ORDER BY at, object.id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![repository, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((columns::object(row, 0)?, columns::size(row, 1)?, columns::time_or_none(row, 2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Photos that are not wholly proven in any of these repositories: how many, and `limit` of them. Photos in the
    /// trash are not at risk, they are on their way out.
    pub fn at_risk(&self, safe_repositories: &[String], limit: usize) -> Result<AtRiskPhotos, CatalogError> {
        let moment = self.moment()?;
        let mut repositories = Vec::new();
        for key in safe_repositories {
            repositories.extend(known_repository(&moment, key)?);
        }
        // The rows are our own numbers, not text from outside.
        let mut from = "FROM photo WHERE deleted_at IS NULL".to_owned();
        for row in repositories {
            from.push_str(" AND NOT ");
            from.push_str(&WHOLLY_PROVEN.replace("?1", &row.to_string()));
        }
        let count = moment.prepare(&format!("SELECT count(*) {from}"))?.query_row([], |row| columns::size(row, 0))?;
        let why = match safe_repositories.len() {
            0 => "there is no repository that counts as safe",
            1 => "it has not come back whole from the repository yet",
            _ => "it has not come back whole from any repository yet",
        };
        let mut statement = moment.prepare(&format!("SELECT id {from} ORDER BY id LIMIT ?1"))?;
        let photos = statement
            .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(AtRisk { photo: columns::photo(row, 0)?, why: why.to_owned() })
            })?
            .collect::<Result<_, _>>()?;
        Ok(AtRiskPhotos { count, photos })
    }

    /// Objects by id, those behind `after`, at most `limit`: all that the archive must hold, a page at a time.
    pub fn objects(&self, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectRow>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, size, kind, condition FROM object WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let behind = after.as_ref().map_or(&[][..], |id| id.as_bytes());
        let rows = statement.query_map(params![behind, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((
                columns::object(row, 0)?,
                columns::size(row, 1)?,
                columns::word(row, 2)?,
                columns::word_or_none(row, 3)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many objects there are, and their bytes.
    pub fn objects_total(&self) -> Result<(u64, u64), CatalogError> {
        let mut statement = self.connection.prepare_cached("SELECT count(*), ifnull(sum(size), 0) FROM object")?;
        Ok(statement.query_row([], |row| Ok((columns::size(row, 0)?, columns::size(row, 1)?)))?)
    }

    /// All objects of a photo, its original first.
    pub fn objects_of_photo(&self, photo: &PhotoId) -> Result<Vec<(ObjectId, u64)>, CatalogError> {
        let row = super::photos::photo_row(&self.connection, photo)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT object.id, size FROM (SELECT 0 AS place, object FROM photo WHERE row = ?1
                 UNION SELECT 1, object FROM companion WHERE photo = ?1) AS part
             JOIN object ON object.row = part.object ORDER BY place, object.id",
        )?;
        let rows = statement.query_map([row], |row| Ok((columns::object(row, 0)?, columns::size(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The private number of a repository, given now if it is new.
pub(super) fn repository_row(change: &Connection, key: &str) -> Result<i64, CatalogError> {
    if let Some(row) = known_repository(change, key)? {
        return Ok(row);
    }
    change.prepare_cached("INSERT INTO repository (key) VALUES (?1)")?.execute([key])?;
    Ok(change.last_insert_rowid())
}

/// The private number of a repository that something is known about.
pub(super) fn known_repository(connection: &Connection, key: &str) -> Result<Option<i64>, CatalogError> {
    let mut statement = connection.prepare_cached("SELECT row FROM repository WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, at, kept};
    use crate::model::CompanionRole;

    /// A photo with a raw file, and a photo alone.
    fn library() -> (Sample, PhotoId, PhotoId) {
        let mut sample = Sample::new();
        let pair = sample.photo("a.jpg", "a");
        sample.commit("anna", &[kept("a.cr2", "raw", Kind::Cr2)]);
        sample.catalog.set_companion(&pair, &ObjectId::of(b"raw"), CompanionRole::Raw, "a.cr2").unwrap();
        let alone = sample.photo("b.jpg", "b");
        (sample, pair, alone)
    }

    #[test]
    fn a_photo_is_proven_when_all_its_objects_are() {
        let (mut sample, pair, alone) = library();
        let (a, raw, b) = (ObjectId::of(b"a"), ObjectId::of(b"raw"), ObjectId::of(b"b"));
        let safe = ["b2".to_owned()];
        let at_risk = |sample: &Sample| -> Vec<PhotoId> {
            let found = sample.catalog.at_risk(&safe, 10).unwrap();
            assert_eq!(found.count, found.photos.len() as u64);
            found.photos.into_iter().map(|photo| photo.photo).collect()
        };
        assert_eq!(at_risk(&sample).len(), 2);
        sample.catalog.record_proofs("b2", at(5), &[a, b]).unwrap();
        assert_eq!(at_risk(&sample), std::slice::from_ref(&pair));
        assert_eq!(sample.catalog.proofs_summary("b2").unwrap().proven_photos, 1);
        assert!(sample.catalog.photo(&pair).unwrap().proofs.is_empty());
        sample.catalog.record_proofs("b2", at(9), &[raw]).unwrap();
        assert!(at_risk(&sample).is_empty());
        let wanted = ProofSummary { proven_photos: 2, proven_objects: 3, oldest_proof: Some(at(5)) };
        assert_eq!(sample.catalog.proofs_summary("b2").unwrap(), wanted);
        assert_eq!(sample.catalog.photo(&pair).unwrap().proofs[0].at, at(5).to_string());
        sample.catalog.forget_proofs("b2", &[b, ObjectId::of(b"unknown")]).unwrap();
        assert_eq!(at_risk(&sample), [alone]);
    }

    #[test]
    fn a_photo_is_not_safe_because_half_of_it_is_proven_here_and_half_there() {
        let (mut sample, pair, _) = library();
        sample.catalog.record_proofs("b2", at(5), &[ObjectId::of(b"a")]).unwrap();
        sample.catalog.record_proofs("disk", at(5), &[ObjectId::of(b"raw")]).unwrap();
        let safe = ["b2".to_owned(), "disk".to_owned()];
        let found = sample.catalog.at_risk(&safe, 10).unwrap();
        assert!(found.photos.iter().any(|photo| photo.photo == pair));
        assert_eq!(sample.catalog.at_risk(&[], 1).unwrap().count, 2);
    }

    #[test]
    fn what_was_never_proven_is_proven_first_then_what_was_proven_longest_ago() {
        let (mut sample, _, _) = library();
        let (a, raw, b) = (ObjectId::of(b"a"), ObjectId::of(b"raw"), ObjectId::of(b"b"));
        sample.catalog.record_proofs("b2", at(7), &[a]).unwrap();
        sample.catalog.record_proofs("b2", at(5), &[raw]).unwrap();
        let order: Vec<_> =
            sample.catalog.objects_to_prove("b2", 10).unwrap().into_iter().map(|(object, _, _)| object).collect();
        assert_eq!(order, [b, raw, a]);
        assert_eq!(sample.catalog.objects_to_prove("another", 2).unwrap().len(), 2);
        sample.catalog.record_proofs("b2", at(1), &[a]).unwrap();
        assert_eq!(sample.catalog.objects_to_prove("b2", 10).unwrap()[2].2, Some(at(7)), "never older");
    }

    #[test]
    fn all_objects_are_listed_a_page_at_a_time() {
        let (sample, pair, _) = library();
        let first = sample.catalog.objects(None, 2).unwrap();
        let rest = sample.catalog.objects(Some(first[1].0), 2).unwrap();
        assert_eq!((first.len(), rest.len()), (2, 1));
        assert_eq!(sample.catalog.objects_total().unwrap(), (3, 5));
        let of_pair: Vec<_> = sample.catalog.objects_of_photo(&pair).unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(of_pair, [ObjectId::of(b"a"), ObjectId::of(b"raw")]);
    }
}
