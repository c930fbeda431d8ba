//! What can go wrong in the store.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::ObjectId;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The folder of the objects is not there: the archive is absent, not empty.
    #[error("there is no folder “{}”; if the archive is on a drive of its own, that drive is not connected", path.display())]
    StoreMissing {
        /// Where `objects/` should be.
        path: PathBuf,
    },
    /// Nothing bears the object's name.
    #[error("the archive does not have object {id}")]
    Missing {
        /// The object.
        id: ObjectId,
    },
    /// A folder, a link or a device is where a file must be.
    #[error("“{}” should be a file, and is something else", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// The disk, or this person's share of it, is full.
    #[error("there is no room left to write “{}”", path.display())]
    NoSpace {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something could not be written, renamed, removed or made durable.
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

impl ObjectsError {
    pub(super) fn not_written(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::NoSpace { path, source }
        } else {
            Self::NotWritten { path, source }
        }
    }

    pub(super) fn not_read(path: &Path, source: io::Error) -> Self {
        Self::NotRead { path: path.to_path_buf(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_full_quota_are_told_apart_from_other_failures() {
        for (errno, is_no_space) in [
            (rustix::io::Errno::NOSPC, true),
            (rustix::io::Errno::DQUOT, true),
            (rustix::io::Errno::IO, false),
            (rustix::io::Errno::ROFS, false),
        ] {
            let error = ObjectsError::not_written(Path::new("a"), errno.into());
            assert_eq!(matches!(error, ObjectsError::NoSpace { .. }), is_no_space, "{errno:?}");
        }
    }
}
