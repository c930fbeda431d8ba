//! What can go wrong with a catalog.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

use super::operations::OperationId;
use super::runs::RunId;
use crate::model::{AlbumId, AlbumName, PhotoId};

/// Why the catalog could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no catalog at this place.
    #[error("there is no catalog at {}", file.display())]
    Missing {
        /// Where it should be.
        file: PathBuf,
    },
    /// There already is a file at the place where a new catalog should go.
    #[error("{} exists already", file.display())]
    AlreadyExists {
        /// What stands there.
        file: PathBuf,
    },
    /// The file is a database, but of another program.
    #[error("{} is a database of another program, not a catalog", file.display())]
    NotACatalog {
        /// The file.
        file: PathBuf,
    },
    /// A newer version of the program wrote it; nothing was changed.
    #[error(
        "this catalog was written by a newer version of Keepsake (it has version {found}, this program knows up to \
         {known})"
    )]
    NewerVersion {
        /// The version of the catalog.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// The database is damaged. It can be made again from the objects and the newest snapshot.
    #[error("the catalog is damaged")]
    Corrupt {
        /// What SQLite says.
        #[source]
        cause: rusqlite::Error,
    },
    /// A value in the database is none that this program ever writes.
    #[error("the catalog is damaged: {what}")]
    Nonsense {
        /// Which value.
        what: String,
    },
    /// Another process kept the write lock for longer than this one was willing to wait.
    #[error("another run of Keepsake is writing to the catalog")]
    Busy,
    /// There is no room left for the change; it has not happened.
    #[error("the drive that holds the catalog is full")]
    DriveFull,
    /// The file cannot be read.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The file cannot be written.
    #[error("{} cannot be written", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// SQLite may not write: the drive was mounted read-only, which Linux also does by itself when a drive fails.
    #[error("the catalog cannot be opened for writing")]
    ReadOnly {
        /// What SQLite says.
        #[source]
        cause: rusqlite::Error,
    },
    /// SQLite failed for a reason of its own: a drive that went away, a bug of ours.
    #[error("the catalog could not be used")]
    Database {
        /// What SQLite says.
        #[source]
        cause: rusqlite::Error,
    },
    /// No photo is called that.
    #[error("there is no photo “{asked}”")]
    PhotoNotFound {
        /// What was asked for.
        asked: String,
    },
    /// Several photos begin like that.
    #[error("“{asked}” could mean {} photos: {}", candidates.len(), list(candidates))]
    PhotoAmbiguous {
        /// What was asked for.
        asked: String,
        /// Some of the photos that it could mean; at most ten.
        candidates: Vec<PhotoId>,
    },
    /// Fewer than four characters say nothing.
    #[error("“{asked}” is too short: give at least the first four characters of a photo's id")]
    PhotoTooShort {
        /// What was asked for.
        asked: String,
    },
    /// The owner has an album of that name.
    #[error("there already is an album “{name}”")]
    AlbumAlreadyExists {
        /// The name.
        name: AlbumName,
    },
    /// The owner has no album of that name.
    #[error("there is no album “{asked}”")]
    AlbumNotFound {
        /// What was asked for.
        asked: String,
    },
    /// The album has been deleted.
    #[error("there is no album with the number {}", album.0)]
    AlbumGone {
        /// Which one.
        album: AlbumId,
    },
    /// There was never such a run.
    #[error("there is no run {}", run.0)]
    RunNotFound {
        /// Which one.
        run: RunId,
    },
    /// The object has never been kept.
    #[error("the catalog does not know the object {object}")]
    ObjectNotFound {
        /// Which one.
        object: crate::model::ObjectId,
    },
    /// There is no operation of that number.
    #[error("there is no change {}", operation.0)]
    OperationNotFound {
        /// Which one.
        operation: OperationId,
    },
    /// Nothing is left to take back.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// It has been taken back before.
    #[error("change {} has been undone already", operation.0)]
    AlreadyUndone {
        /// Which one.
        operation: OperationId,
    },
    /// Something newer stands in the way of taking it back.
    #[error("change {} cannot be undone: {why}", operation.0)]
    CannotUndo {
        /// Which one.
        operation: OperationId,
        /// What stands in the way, in words.
        why: String,
    },
    /// An export is read only into a catalog that knows nothing yet.
    #[error("this catalog already knows something; an export is read only into an empty one")]
    NotEmpty,
    /// The export was written by a newer version of the program.
    #[error(
        "{shard} was written by a newer version of Keepsake (it has version {found}, this program knows up to {known})"
    )]
    NewerExport {
        /// Which part of it.
        shard: String,
        /// The version of the export.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
}

fn list(photos: &[PhotoId]) -> String {
    photos.iter().map(PhotoId::as_str).collect::<Vec<_>>().join(", ")
}

impl From<rusqlite::Error> for CatalogError {
    fn from(cause: rusqlite::Error) -> Self {
        let is_nonsense = matches!(
            cause,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        );
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { cause },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::DriveFull,
            // Write-ahead logging makes files beside the catalog even to read it: a read-only folder cannot be opened.
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => Self::ReadOnly { cause },
            Some(_) | None if is_nonsense => Self::Nonsense { what: cause.to_string() },
            Some(_) | None => Self::Database { cause },
        }
    }
}
