//! Bringing a catalog of any older version to this one, in one step.
//!
//! Migrations are SQL text alone: they call no code that lives on and changes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, TransactionBehavior};

use super::error::CatalogError;

/// All migrations there ever were; number N (from 1) brings a catalog of version N-1 to version N.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql")];

/// “KEEP”: tells our databases from those of other programs (the header's application id).
const APPLICATION_ID: u32 = 0x4b45_4550;

/// Makes the tables in an empty database.
pub(super) fn create(connection: &mut Connection, archive_id: &str) -> Result<(), CatalogError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS {
        transaction.execute_batch(migration)?;
    }
    transaction.execute("INSERT INTO archive (one, id) VALUES (1, ?1)", [archive_id])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version_of(MIGRATIONS))?;
    Ok(transaction.commit()?)
}

/// Looks whether the database is a catalog, and brings it to the version of the last of `migrations`, after a copy of it
/// has been made durable beside `file`.
pub(super) fn bring_up_to_date(
    connection: &mut Connection,
    file: &Path,
    migrations: &[&str],
) -> Result<(), CatalogError> {
    let application: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        let cause = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None);
        return Err(CatalogError::Corrupt { cause });
    }
    if application != APPLICATION_ID {
        return Err(CatalogError::NotACatalog { file: file.to_owned() });
    }
    let known = version_of(migrations);
    if found > known {
        return Err(CatalogError::NewerVersion { found, known });
    }
    if found < known {
        copy(connection, &copy_path(file, known))?;
        migrate(connection, migrations)?;
    }
    Ok(())
}

/// Runs what is missing, in one transaction; somebody else may have done so in the meantime.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), CatalogError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for migration in migrations.iter().skip(found as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", version_of(migrations).max(found))?;
    Ok(transaction.commit()?)
}

/// Copies the whole database to `target`. After `Ok` the copy is whole and durable; after a crash it is whole or absent.
fn copy(connection: &Connection, target: &Path) -> Result<(), CatalogError> {
    let unwritable = |cause: io::Error| CatalogError::Unwritable { file: target.to_owned(), cause };
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let draft = tempfile::Builder::new().prefix(".catalog-").tempfile_in(folder).map_err(unwritable)?;
    let mut copy = Connection::open(draft.path())?;
    Backup::new(connection, &mut copy)?.run_to_completion(1024, std::time::Duration::ZERO, None)?;
    copy.close().map_err(|(_, cause)| cause)?;
    draft.as_file().sync_all().map_err(unwritable)?;
    draft.persist(target).map_err(|refused| unwritable(refused.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
}

fn copy_path(file: &Path, version: u32) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-v{version}"));
    file.with_file_name(name)
}

fn version_of(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Catalog, sample};
    use super::*;

    #[test]
    fn an_older_catalog_is_migrated_after_a_copy_of_it_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.db");
        let mut old = Catalog::create(&file, "an-archive").unwrap();
        old.source(&sample::folder_source("/old")).unwrap();
        drop(old);
        let newer =
            [MIGRATIONS, &["ALTER TABLE source ADD COLUMN colour TEXT; UPDATE source SET colour = 'blue';"]].concat();
        let mut connection = Connection::open(&file).unwrap();
        bring_up_to_date(&mut connection, &file, &newer).unwrap();
        let colour: String = connection.query_row("SELECT colour FROM source", [], |row| row.get(0)).unwrap();
        assert_eq!(colour, "blue");
        drop(connection);

        assert!(matches!(Catalog::open(&file), Err(CatalogError::NewerVersion { found: 2, known: 1 })));
        let before = Catalog::open(&folder.path().join("catalog.db.before-v2")).unwrap();
        assert_eq!(before.sources().unwrap().len(), 1);
    }

    #[test]
    fn a_migration_that_fails_leaves_the_old_catalog_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.db");
        drop(Catalog::create(&file, "an-archive").unwrap());
        let broken = [MIGRATIONS, &["CREATE TABLE fine (a); SELECT * FROM no_such_table;"]].concat();
        let mut connection = Connection::open(&file).unwrap();
        assert!(bring_up_to_date(&mut connection, &file, &broken).is_err());
        drop(connection);
        let opened = Catalog::open(&file).unwrap();
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'fine'";
        assert_eq!(opened.connection.query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }

    #[test]
    fn a_newer_catalog_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.db");
        drop(Catalog::create(&file, "an-archive").unwrap());
        Connection::open(&file).unwrap().pragma_update(None, "user_version", 7).unwrap();
        let before = std::fs::read(&file).unwrap();
        let refused = Catalog::open(&file);
        assert!(matches!(refused, Err(CatalogError::NewerVersion { found: 7, known: 1 })), "{refused:?}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}
