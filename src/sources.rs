//! What photos are read from, and never written to.
//!
//! Everything here opens read-only, follows no link, and asks the system not to touch access times.

pub mod disk;
mod folder;
pub mod medium;
mod volume;

pub use folder::{Folder, FoundFile, Met, OpenedFile, Unfollowed};

use std::io;
use std::path::PathBuf;

/// Why a source could not be read from at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("there is nothing at {}", path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
    },
    /// It is a file, a device or something else that cannot be walked.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// What was asked for.
        path: PathBuf,
    },
    /// The system refused to open it.
    #[error("{} cannot be opened", path.display())]
    Unreadable {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// It was there, and is not any more: unplugged, unmounted.
    #[error("{} is gone: the drive was unplugged or unmounted while it was read", path.display())]
    Gone {
        /// What was being read.
        path: PathBuf,
    },
}
