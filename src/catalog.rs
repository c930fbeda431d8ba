//! The catalog: what is known about every photo, in one SQLite file.
//!
//! The schema, and what each row states, is in `catalog/migrations`. One file per topic:
//!
//! - [`runs`], `of_run`: jobs, their reports and problems, and what they brought
//! - [`sightings`]: what was seen where, and the photos and objects that come of it
//! - [`examination`]: condition and facts of objects
//! - [`folders`], [`companions`], `copies`, `thumbnails`: files that belong together
//! - [`description`], [`said`]: what files say about a photo, and what a person says, who is always believed
//! - [`photos`], [`search`]: finding and showing
//! - [`albums`], [`trash`], [`operations`]: what a person changes, and how to take it back
//! - [`proofs`], [`snapshots`]: what repositories hold, and what came back from them whole
//! - [`plan`], [`export`], [`import`]: what a snapshot is made of, and the way back
//! - `tree_path`, `words`, `columns`, `migrations`: the workings
//!
//! A method that changes something is one transaction: after `Ok` it is durable, after `Err` or a crash nothing of it
//! has happened.

pub mod albums;
mod columns;
pub mod companions;
mod copies;
pub mod description;
mod error;
pub mod examination;
pub mod export;
pub mod folders;
pub mod import;
mod migrations;
mod of_run;
pub mod operations;
pub mod photos;
pub mod plan;
pub mod proofs;
mod relatives;
pub mod runs;
pub mod said;
mod same_picture;
pub mod search;
pub mod sightings;
pub mod snapshots;
pub mod sources;
mod thumbnails;
pub mod trash;
mod tree_path;
mod words;

#[cfg(test)]
mod sample;

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use companions::CompanionOutcome;
pub use copies::PossibleCopy;
pub use description::{Damage, Description, Undescribed};
pub use error::CatalogError;
pub use examination::EXAMINER_VERSION;
pub use export::{ExportedAlbum, ExportedPhoto, Shard, exported_albums, exported_photos};
pub use folders::{FolderFile, OwnedPhoto};
pub use import::Imported;
pub use of_run::Brought;
pub use operations::{OperationId, OperationRow, Undone};
pub use plan::{Plan, PlanAlbum, PlanAlbumFile, PlanFile, PlanPhoto};
pub use proofs::{AtRiskPhotos, ObjectRow, ProofSummary};
pub use runs::{Job, Outcome, RunId, RunRow};
pub use search::{KindFilter, Query};
pub use sightings::{FileOutcome, FileRecord, Recorded, Seen, SeenOutcome};
pub use snapshots::{CheckRow, SnapshotRow};
pub use sources::{SourceId, SourceIdentity, SourceRow};
pub use thumbnails::{Seen as SeenLook, ThumbnailStore};

use columns::to_u64;

/// How long a writer waits for another one before it gives up with [`CatalogError::Busy`].
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// More than there are different statements, so that each is prepared once.
const STATEMENTS: usize = 128;

/// The catalog of one archive, open.
///
/// Can be sent to another thread, not shared by several: open it once per thread. Many may read while one writes.
#[derive(Debug)]
pub struct Catalog {
    connection: Connection,
    archive_id: String,
}

impl Catalog {
    /// Makes the empty catalog of a new archive at `file`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::AlreadyExists`] when something stands there; it is left as it is. After any other error or a
    /// crash, nothing stands at `file`.
    pub fn create(file: &Path, archive_id: &str) -> Result<Self, CatalogError> {
        let folder = folder_of(file);
        let unwritable = |cause| CatalogError::Unwritable { file: file.to_owned(), cause };
        // Built under another name and moved when whole: a crash leaves no half of a catalog behind.
        let draft = tempfile::Builder::new().prefix(".catalog-").tempfile_in(folder).map_err(unwritable)?;
        {
            let mut connection = Connection::open(draft.path())?;
            migrations::create(&mut connection, archive_id)?;
            connection.close().map_err(|(_, cause)| cause)?;
        }
        draft.as_file().sync_all().map_err(unwritable)?;
        draft.persist_noclobber(file).map_err(|refused| {
            let already_exists = refused.error.kind() == std::io::ErrorKind::AlreadyExists;
            if already_exists {
                CatalogError::AlreadyExists { file: file.to_owned() }
            } else {
                unwritable(refused.error)
            }
        })?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
        Self::open(file)
    }

    /// Makes an empty catalog that lives as long as the value, for tests and previews.
    pub fn in_memory(archive_id: &str) -> Result<Self, CatalogError> {
        let mut connection = Connection::open_in_memory()?;
        migrations::create(&mut connection, archive_id)?;
        Self::over(connection)
    }

    /// Opens the catalog at `file`.
    ///
    /// A catalog of an older version is copied to `catalog.db.before-vN` beside it (N: the version it is brought to),
    /// and brought to this version, in one transaction: nobody else should have it open then, see
    /// [`Catalog::is_older`]. Only the header and the schema are looked at here, which costs
    /// the same for every size; [`Catalog::integrity_check`] reads all of it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Missing`], [`CatalogError::NewerVersion`] and [`CatalogError::Corrupt`] leave the file as it is.
    pub fn open(file: &Path) -> Result<Self, CatalogError> {
        let mut connection = connect(file)?;
        migrations::bring_up_to_date(&mut connection, file, migrations::MIGRATIONS)?;
        Self::over(connection)
    }

    /// Whether [`Catalog::open`] will have to bring the catalog at `file` to a newer version first. Changes nothing, and
    /// fails as opening would.
    pub fn is_older(file: &Path) -> Result<bool, CatalogError> {
        migrations::is_older(&connect(file)?, file, migrations::MIGRATIONS)
    }

    fn over(connection: Connection) -> Result<Self, CatalogError> {
        connection.busy_timeout(BUSY_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        let archive_id = connection.query_row("SELECT id FROM archive", [], |row| row.get(0))?;
        Ok(Self { connection, archive_id })
    }

    /// Ends the work with the catalog: afterwards all of it is in its one file.
    pub fn close(self) -> Result<(), CatalogError> {
        self.connection.close().map_err(|(_, cause)| cause.into())
    }

    /// The id of the archive that this catalog belongs to.
    pub fn archive_id(&self) -> &str {
        &self.archive_id
    }

    /// How often the meaning of the catalog has changed: photos, albums, tombstones, captions, paths, sightings. Runs,
    /// proofs and snapshots do not count, nor do files that were met again unchanged. Never goes back.
    pub fn generation(&self) -> Result<u64, CatalogError> {
        Ok(self.connection.query_row("SELECT generation FROM archive", [], |row| row.get(0).map(to_u64))?)
    }

    /// Goes on counting generations from a number that this archive has not had before.
    ///
    /// A recovered catalog counts its changes from the start, and a snapshot of before the loss can have the number
    /// that it reaches one day: a backup would believe that everything is in that snapshot already. Microseconds since
    /// 1970 are ahead of every count, and ahead of what an earlier recovery went on from.
    pub fn skip_generations(&mut self, now: Timestamp) -> Result<(), CatalogError> {
        let change = self.change()?;
        change.execute("UPDATE archive SET generation = max(generation + 1, ?1)", [now.as_microsecond()])?;
        change.commit()?;
        Ok(())
    }

    /// Reads the whole file and says what is wrong with it, in SQLite's words; empty when nothing is.
    pub fn integrity_check(&self) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut found: Vec<String> = lines.into_iter().filter(|line| line != "ok").collect();
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            found.push(format!("a row of “{table}” names a row of “{parent}” that does not exist"));
        }
        Ok(found)
    }

    /// Begins a change. Takes the write lock at once, so that waiting happens here and nowhere later.
    fn change(&mut self) -> Result<Transaction<'_>, CatalogError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Begins to read one consistent moment.
    fn moment(&self) -> Result<Transaction<'_>, CatalogError> {
        Ok(Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred)?)
    }
}

fn connect(file: &Path) -> Result<Connection, CatalogError> {
    match file.try_exists() {
        Ok(true) => {}
        Ok(false) => return Err(CatalogError::Missing { file: file.to_owned() }),
        Err(cause) => return Err(CatalogError::Unreadable { file: file.to_owned(), cause }),
    }
    settle_log(file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    Ok(connection)
}

/// Makes durable what another run left in the write-ahead log, before anybody is told what stands in it.
///
/// A run that died may have committed and synced nothing. And SQLite syncs the folder of a log that it makes itself, but
/// trusts one that is there: what is committed into it later could vanish with the log's name.
fn settle_log(file: &Path) -> Result<(), CatalogError> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let settled = match File::open(Path::new(&log)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        opened => opened.and_then(|log| log.sync_all()).and_then(|()| File::open(folder_of(file))?.sync_all()),
    };
    settled.map_err(|cause| CatalogError::Unwritable { file: file.to_owned(), cause })
}

/// The folder that a file stands in; `.` for a bare name.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, SeekFrom, Write as _};

    #[test]
    fn a_catalog_that_was_made_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.db");
        let made = Catalog::create(&file, "an-archive").unwrap();
        assert_eq!(made.archive_id(), "an-archive");
        drop(made);
        let opened = Catalog::open(&file).unwrap();
        assert_eq!((opened.archive_id(), opened.generation().unwrap()), ("an-archive", 0));
        assert_eq!(opened.integrity_check().unwrap(), Vec::<String>::new());
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".catalog-")), "{names:?}");
    }

    #[test]
    fn a_catalog_is_never_made_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.db");
        drop(Catalog::create(&file, "first").unwrap());
        assert!(matches!(Catalog::create(&file, "second"), Err(CatalogError::AlreadyExists { .. })));
        assert_eq!(Catalog::open(&file).unwrap().archive_id(), "first");
    }

    #[test]
    fn a_missing_catalog_is_said_to_be_missing_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.db");
        assert!(matches!(Catalog::open(&file), Err(CatalogError::Missing { .. })));
        assert!(!file.exists());
    }

    #[test]
    fn a_corrupted_file_is_said_to_be_corrupt() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole.db");
        drop(Catalog::create(&whole, "an-archive").unwrap());
        let bytes = std::fs::read(&whole).unwrap();
        let mut zeroed = bytes.clone();
        zeroed[100..bytes.len() / 2].fill(0);
        let variants = [
            ("empty", Vec::new()),
            ("words", b"this is no catalog, but it is longer than the header of one".repeat(9)),
            ("cut", bytes[..bytes.len() / 2].to_vec()),
            ("zeroed", zeroed),
        ];
        for (name, content) in variants {
            let file = folder.path().join(name);
            File::create(&file).unwrap().write_all(&content).unwrap();
            let opened = Catalog::open(&file);
            assert!(matches!(opened, Err(CatalogError::Corrupt { .. })), "{name}: {opened:?}");
        }
    }

    #[test]
    fn another_program_s_database_is_no_catalog() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.db");
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE moz_places (id)").unwrap();
        assert!(matches!(Catalog::open(&file), Err(CatalogError::NotACatalog { .. })));
    }

    #[test]
    fn damage_deep_inside_is_found_by_the_integrity_check_and_never_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.db");
        let mut catalog = Catalog::create(&file, "an-archive").unwrap();
        for number in 0..200 {
            let root = format!("/photos/{number}/{}", "x".repeat(200));
            catalog.source(&sample::folder_source(&root)).unwrap();
        }
        drop(catalog);
        let mut raw = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
        let size = raw.seek(SeekFrom::End(0)).unwrap();
        raw.seek(SeekFrom::Start(size - 3 * 4096)).unwrap();
        raw.write_all(&[0x5a; 3 * 4096]).unwrap();
        drop(raw);
        let catalog = Catalog::open(&file).unwrap();
        match catalog.integrity_check() {
            Ok(found) => assert!(!found.is_empty()),
            Err(error) => assert!(matches!(error, CatalogError::Corrupt { .. }), "{error:?}"),
        }
    }
}
