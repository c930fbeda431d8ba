//! What repositories were given, and how their checks ended.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use super::columns::{self, to_i64, to_ns};
use super::proofs::repository_row;
use super::{Catalog, CatalogError};

/// A snapshot in a repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotRow {
    /// The repository, as the settings called it then.
    pub name: String,
    /// The repository's own key, which stays when it is renamed.
    pub repository: String,
    /// The snapshot's id, 64 hex digits.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// The generation of the catalog that it holds.
    pub generation: u64,
    /// Whether it holds every object.
    pub complete: bool,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A check of a repository.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckRow {
    /// When.
    pub at: Timestamp,
    /// Whether nothing was wrong as far as was looked.
    pub ok: bool,
    /// Bytes of packs read back and compared; 0 when only the structure was checked.
    pub read_bytes: u64,
}

const SNAPSHOTS: &str = "SELECT name, key, snapshot.id, at, generation, complete, files, bytes
    FROM snapshot JOIN repository ON repository.row = snapshot.repository WHERE key = ?1";

impl Catalog {
    /// Writes down that a repository holds a snapshot. Said again of the same one, it replaces what was said before.
    pub fn record_snapshot(&mut self, snapshot: &SnapshotRow) -> Result<(), CatalogError> {
        let SnapshotRow { name, repository, id, at, generation, complete, files, bytes } = snapshot;
        let change = self.change()?;
        let repository = repository_row(&change, repository)?;
        change.execute(
            "INSERT INTO snapshot (repository, id, name, at, generation, complete, files, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET name = excluded.name, at = excluded.at, generation = excluded.generation,
                 complete = excluded.complete, files = excluded.files, bytes = excluded.bytes",
            params![repository, id, name, to_ns(*at), to_i64(*generation), complete, to_i64(*files), to_i64(*bytes)],
        )?;
        Ok(change.commit()?)
    }

    /// Writes down that a repository has no such snapshot any more.
    pub fn forget_snapshots(&mut self, repository: &str, ids: &[String]) -> Result<(), CatalogError> {
        let change = self.change()?;
        let repository = repository_row(&change, repository)?;
        for id in ids {
            change.execute("DELETE FROM snapshot WHERE repository = ?1 AND id = ?2", params![repository, id])?;
        }
        Ok(change.commit()?)
    }

    /// The newest snapshot of a repository that is known here, complete or not.
    pub fn newest_snapshot(&self, repository: &str) -> Result<Option<SnapshotRow>, CatalogError> {
        let mut statement = self.connection.prepare_cached(&format!("{SNAPSHOTS} ORDER BY at DESC, id LIMIT 1"))?;
        Ok(statement.query_row([repository], snapshot_row).optional()?)
    }

    /// The newest snapshot of a repository that is known here and holds every object.
    pub fn newest_complete_snapshot(&self, repository: &str) -> Result<Option<SnapshotRow>, CatalogError> {
        let mut statement =
            self.connection.prepare_cached(&format!("{SNAPSHOTS} AND complete = 1 ORDER BY at DESC, id LIMIT 1"))?;
        Ok(statement.query_row([repository], snapshot_row).optional()?)
    }

    /// The snapshots of a repository that are known here, newest first.
    pub fn snapshots(&self, repository: &str) -> Result<Vec<SnapshotRow>, CatalogError> {
        let mut statement = self.connection.prepare_cached(&format!("{SNAPSHOTS} ORDER BY at DESC, id"))?;
        Ok(statement.query_map([repository], snapshot_row)?.collect::<Result<_, _>>()?)
    }

    /// Writes down how a check of a repository ended.
    pub fn record_check(&mut self, repository: &str, check: CheckRow) -> Result<(), CatalogError> {
        let CheckRow { at, ok, read_bytes } = check;
        let change = self.change()?;
        let repository = repository_row(&change, repository)?;
        change.execute(
            "INSERT INTO repository_check (repository, at, ok, read_bytes) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET ok = min(ok, excluded.ok), read_bytes = max(read_bytes, excluded.read_bytes)",
            params![repository, to_ns(at), ok, to_i64(read_bytes)],
        )?;
        Ok(change.commit()?)
    }

    /// The last check of a repository.
    pub fn newest_check(&self, repository: &str) -> Result<Option<CheckRow>, CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT at, ok, read_bytes FROM repository_check JOIN repository ON repository.row = repository
             WHERE key = ?1 ORDER BY at DESC LIMIT 1",
        )?;
        let newest = statement.query_row([repository], |row| {
            Ok(CheckRow { at: columns::time(row, 0)?, ok: row.get(1)?, read_bytes: columns::size(row, 2)? })
        });
        Ok(newest.optional()?)
    }
}

fn snapshot_row(row: &Row<'_>) -> rusqlite::Result<SnapshotRow> {
    Ok(SnapshotRow {
        name: row.get(0)?,
        repository: row.get(1)?,
        id: row.get(2)?,
        at: columns::time(row, 3)?,
        generation: columns::size(row, 4)?,
        complete: row.get(5)?,
        files: columns::size(row, 6)?,
        bytes: columns::size(row, 7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::at;

    fn snapshot(id: &str, second: i64, complete: bool) -> SnapshotRow {
        SnapshotRow {
            name: "b2".to_owned(),
            repository: "key".to_owned(),
            id: id.to_owned(),
            at: at(second),
            generation: 7,
            complete,
            files: 1,
            bytes: 2,
        }
    }

    #[test]
    fn the_newest_complete_snapshot_is_not_always_the_newest() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        assert_eq!(catalog.newest_snapshot("key").unwrap(), None);
        let (whole, partial) = (snapshot("one", 1, true), snapshot("two", 2, false));
        catalog.record_snapshot(&whole).unwrap();
        catalog.record_snapshot(&partial).unwrap();
        assert_eq!(catalog.newest_snapshot("key").unwrap(), Some(partial.clone()));
        assert_eq!(catalog.newest_complete_snapshot("key").unwrap(), Some(whole.clone()));
        assert_eq!(catalog.snapshots("key").unwrap(), [partial, whole.clone()]);
        assert_eq!(catalog.newest_snapshot("other").unwrap(), None);
        catalog.forget_snapshots("key", &["two".to_owned()]).unwrap();
        assert_eq!(catalog.newest_snapshot("key").unwrap(), Some(whole));
    }

    #[test]
    fn the_last_check_is_remembered() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        assert_eq!(catalog.newest_check("key").unwrap(), None);
        catalog.record_check("key", CheckRow { at: at(1), ok: true, read_bytes: 0 }).unwrap();
        let failed = CheckRow { at: at(2), ok: false, read_bytes: 9 };
        catalog.record_check("key", failed).unwrap();
        assert_eq!(catalog.newest_check("key").unwrap(), Some(failed));
    }
}
