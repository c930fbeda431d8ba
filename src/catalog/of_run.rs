//! What a run brought.

use rusqlite::params;

use super::columns;
use super::runs::RunId;
use super::{Catalog, CatalogError};
use crate::model::{Condition, Found, ObjectId, PhotoId, RawPath};

/// A file that a run read and kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brought {
    /// Its path in the source.
    pub path: RawPath,
    /// Its bytes.
    pub object: ObjectId,
    /// Their number.
    pub size: u64,
    /// How it was found.
    pub found: Found,
    /// Which bytes the source did not give: `offset+length, …`.
    pub lost: Option<String>,
    /// How whole it is; `None` until examined.
    pub condition: Option<Condition>,
    /// What is wrong with it, in words that follow “the file …”.
    pub finding: Option<String>,
    /// The photo that it is, or stands behind.
    pub photo: Option<PhotoId>,
    /// Where that photo stands in every snapshot.
    pub tree_path: Option<String>,
}

impl Catalog {
    /// The files that a run read last and that were kept, by path.
    pub fn brought_by(&self, run: RunId) -> Result<Vec<Brought>, CatalogError> {
        let mut statement = self.connection.prepare(
            "SELECT folder.path, sighting.name, object.id, object.size, found, lost, condition, finding,
                 (SELECT photo.id FROM photo WHERE photo.object = object.row
                  UNION ALL SELECT photo.id FROM companion JOIN photo ON photo.row = photo WHERE companion.object = object.row
                  LIMIT 1),
                 (SELECT photo.path FROM photo WHERE photo.object = object.row
                  UNION ALL SELECT companion.path FROM companion WHERE companion.object = object.row LIMIT 1)
             FROM sighting JOIN folder ON folder.row = sighting.folder JOIN object ON object.row = sighting.object
             WHERE read_run = ?1 ORDER BY folder.path, sighting.name",
        )?;
        let rows = statement.query_map(params![run.0], |row| {
            let photo: Option<String> = row.get(8)?;
            Ok(Brought {
                path: columns::path(row, 0, 1)?,
                object: columns::object(row, 2)?,
                size: columns::size(row, 3)?,
                found: columns::word_or_none(row, 4)?.unwrap_or_default(),
                lost: row.get(5)?,
                condition: columns::word_or_none(row, 6)?,
                finding: row.get(7)?,
                photo: photo.map(|_| columns::photo(row, 8)).transpose()?,
                tree_path: row.get(9)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::sample::{Sample, kept};
    use crate::model::Kind;

    #[test]
    fn a_run_brought_what_it_read_and_not_what_it_met_unchanged() {
        let mut sample = Sample::new();
        sample.commit("anna", &[kept("DCIM/a.jpg", "a", Kind::Jpeg), kept("b.jpg", "b", Kind::Jpeg)]);
        let run = sample.catalog.runs(1).unwrap()[0].id;
        let brought = sample.catalog.brought_by(run).unwrap();
        assert_eq!(brought.iter().map(|one| one.path.to_string()).collect::<Vec<_>>(), ["b.jpg", "DCIM/a.jpg"]);
        assert!(brought.iter().all(|one| one.photo.is_some()));
    }
}
