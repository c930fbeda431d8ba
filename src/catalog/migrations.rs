//! Bringing a catalog of any older version to this one, in one step.
//!
//! Migrations are SQL text alone: they call no code that lives on and changes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::CatalogError;

/// All migrations there ever were; number N (from 1) brings a catalog of version N-1 to version N.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql"), include_str!("migrations/0002.sql")];

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

/// Looks whether the database is a catalog, and whether it is older than the last of `migrations`.
pub(super) fn is_older(connection: &Connection, file: &Path, migrations: &[&str]) -> Result<bool, CatalogError> {
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
    Ok(found < known)
}

/// Brings a catalog to the version of the last of `migrations`, after a copy of it has been made durable beside `file`.
///
/// All in one transaction, begun before the copy: whoever does the same at the same moment waits, and then finds nothing
/// left to do, so that no copy is ever made of what has been changed already. After a crash at any moment the catalog is
/// as old as before or as new as wanted, and in the second case the copy is there.
pub(super) fn bring_up_to_date(
    connection: &mut Connection,
    file: &Path,
    migrations: &[&str],
) -> Result<(), CatalogError> {
    if !is_older(connection, file, migrations)? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !is_older(&transaction, file, migrations)? {
        return Ok(());
    }
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    copy(file, &copy_path(file, version_of(migrations)))?;
    for migration in migrations.iter().skip(found as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", version_of(migrations))?;
    Ok(transaction.commit()?)
}

/// Copies the whole database to `target`. After `Ok` the copy is whole and durable; after a crash it is whole or absent.
///
/// Reads through a connection of its own: SQLite copies from none that is about to write, and waits for ever.
fn copy(file: &Path, target: &Path) -> Result<(), CatalogError> {
    let unwritable = |cause: io::Error| CatalogError::Unwritable { file: target.to_owned(), cause };
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let draft = tempfile::Builder::new().prefix(".catalog-").tempfile_in(folder).map_err(unwritable)?;
    let mut copy = Connection::open(draft.path())?;
    let source = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    Backup::new(&source, &mut copy)?.run_to_completion(1024, std::time::Duration::ZERO, None)?;
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
mod tests;
