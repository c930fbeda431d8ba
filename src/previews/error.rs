//! What can go wrong with previews.

use std::io;
use std::path::PathBuf;

/// Why a preview cannot be kept or looked up. Never a reason to stop anything else.
#[derive(Debug, thiserror::Error)]
pub enum PreviewsError {
    /// The disk, or this person's share of it, is full.
    #[error("there is no room left to write “{}”", path.display())]
    NoSpace {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something could not be written.
    #[error("“{}” could not be written", path.display())]
    NotWritten {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something could not be read.
    #[error("“{}” could not be read", path.display())]
    NotRead {
        /// What was being read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PreviewsError {
    pub(super) fn new(path: PathBuf, source: io::Error) -> Self {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::NoSpace { path, source }
        } else {
            Self::NotWritten { path, source }
        }
    }
}
