//! Places that photos were read from.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::columns;
use super::{Catalog, CatalogError};
use crate::model::RawPath;

/// The number of a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SourceId(pub i64);

/// What makes a source the same one when it is met again: its kind, its volume and its root. The name may change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceIdentity {
    /// What it was found to be: `folder`.
    pub kind: String,
    /// The file system's own uuid, where it has one: a drive is the same drive wherever it is mounted.
    pub volume: Option<String>,
    /// Its root: absolute, or relative to the volume.
    pub root: RawPath,
    /// As the person named it.
    pub name: String,
}

/// A source as a list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceRow {
    /// Its number.
    pub id: SourceId,
    /// What makes it the same when it is met again, and its name.
    pub identity: SourceIdentity,
    /// When the first file of it was seen, or the first run over it began.
    pub first_seen_at: Option<Timestamp>,
    /// When the last run over it began; after an import, when its last new file was seen.
    pub last_seen_at: Option<Timestamp>,
    /// How many runs read from it.
    pub runs: u64,
    /// How many different files were met in it, ignored ones not counted.
    pub files: u64,
    /// How many different contents came of them.
    pub objects: u64,
}

impl Catalog {
    /// The number of a source: the old one when it is known (its name becomes the new one), else a new one.
    pub fn source(&mut self, identity: &SourceIdentity) -> Result<SourceId, CatalogError> {
        let change = self.change()?;
        let id = upsert(&change, identity)?;
        change.commit()?;
        Ok(id)
    }

    /// All sources, in the order in which they were first met.
    pub fn sources(&self) -> Result<Vec<SourceRow>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT source.id, kind, volume, root, name,
                 min(ifnull(first_run, first_file), ifnull(first_file, first_run)),
                 max(ifnull(last_run, last_file), ifnull(last_file, last_run)), ifnull(runs, 0), ifnull(files, 0), ifnull(objects, 0)
             FROM source
             LEFT JOIN (SELECT source, min(started_at) AS first_run, max(started_at) AS last_run, count(*) AS runs
                        FROM run GROUP BY source) AS run ON run.source = source.id
             LEFT JOIN (SELECT folder.source, min(first_seen_at) AS first_file, max(first_seen_at) AS last_file,
                            count(DISTINCT folder || '/' || hex(name)) AS files, count(DISTINCT object) AS objects
                        FROM sighting JOIN folder ON folder.row = sighting.folder
                        WHERE outcome <> 'ignored' GROUP BY folder.source) AS seen ON seen.source = source.id
             ORDER BY source.id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(SourceRow {
                id: SourceId(row.get(0)?),
                identity: SourceIdentity {
                    kind: row.get(1)?,
                    volume: row.get(2)?,
                    root: RawPath::from_bytes(row.get(3)?),
                    name: row.get(4)?,
                },
                first_seen_at: columns::time_or_none(row, 5)?,
                last_seen_at: columns::time_or_none(row, 6)?,
                runs: columns::size(row, 7)?,
                files: columns::size(row, 8)?,
                objects: columns::size(row, 9)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn upsert(connection: &Connection, identity: &SourceIdentity) -> Result<SourceId, CatalogError> {
    let SourceIdentity { kind, volume, root, name } = identity;
    let known: Option<i64> = connection
        .prepare_cached("SELECT id FROM source WHERE kind = ?1 AND ifnull(volume, '') = ifnull(?2, '') AND root = ?3")?
        .query_row(params![kind, volume, root.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        connection.prepare_cached("UPDATE source SET name = ?2 WHERE id = ?1")?.execute(params![id, name])?;
        return Ok(SourceId(id));
    }
    connection
        .prepare_cached("INSERT INTO source (kind, volume, root, name) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![kind, volume, root.as_bytes(), name])?;
    Ok(SourceId(connection.last_insert_rowid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Job;
    use crate::catalog::sample::{at, folder_source};

    #[test]
    fn a_source_met_again_is_the_same_source_under_its_new_name() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        let first = catalog.source(&folder_source("/media/stick")).unwrap();
        let renamed = SourceIdentity { name: "the old stick".to_owned(), ..folder_source("/media/stick") };
        let generation = catalog.generation().unwrap();
        assert_eq!(catalog.source(&folder_source("/media/stick")).unwrap(), first);
        assert_eq!(catalog.generation().unwrap(), generation);
        assert_eq!(catalog.source(&renamed).unwrap(), first);
        assert_ne!(catalog.source(&folder_source("/media/other")).unwrap(), first);
        let sources = catalog.sources().unwrap();
        assert_eq!((sources.len(), sources[0].identity.name.as_str()), (2, "the old stick"));
    }

    #[test]
    fn one_drive_at_two_mount_points_is_one_source() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        let drive = |volume: &str| SourceIdentity { volume: Some(volume.to_owned()), ..folder_source("DCIM") };
        let first = catalog.source(&drive("1234-ABCD")).unwrap();
        assert_eq!(catalog.source(&drive("1234-ABCD")).unwrap(), first);
        assert_ne!(catalog.source(&drive("9999-0000")).unwrap(), first);
    }

    #[test]
    fn a_source_says_when_it_was_read() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        let source = catalog.source(&folder_source("/a")).unwrap();
        assert_eq!(catalog.sources().unwrap()[0].first_seen_at, None);
        catalog.begin_run(Job::Ingest, Some(source), at(5)).unwrap();
        catalog.begin_run(Job::Ingest, Some(source), at(9)).unwrap();
        let row = &catalog.sources().unwrap()[0];
        assert_eq!((row.first_seen_at, row.last_seen_at, row.runs), (Some(at(5)), Some(at(9)), 2));
    }
}
