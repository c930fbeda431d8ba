//! What can go wrong with secrets. No variant carries one.

use std::io;
use std::path::PathBuf;

/// Why secrets could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Others on this computer may read the file.
    #[error("{} can be read by other users of this computer (mode {mode:04o})", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file cannot be understood. What stands in the line is not repeated.
    #[error("{}: line {line} cannot be understood", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The file was there when it was read, and is gone now.
    #[error("{} was there a moment ago and is gone; nothing was written", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("{} could not be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file could not be written; the old one stands as before.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl SecretsError {
    /// What a person can do about it, where there is one clear thing.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotPrivate { path, .. } => Some(format!("chmod 600 {}", quoted(&path.to_string_lossy()))),
            Self::Gone { .. } => Some("is its drive plugged in and mounted?".to_owned()),
            Self::Unwritable { source, .. } if source.kind() == io::ErrorKind::Unsupported => Some(
                "keep the archive on a drive with a Linux file system (ext4, btrfs, xfs), not on exFAT, FAT or a share"
                    .to_owned(),
            ),
            Self::Damaged { .. } => Some(
                "if a newer version of keepsake wrote it, install that one. The photos are not touched by this, and \
                 keepsake restore --kit does not need the file. The recovery kit holds the same passwords: keepsake kit \
                 show KIT prints them, to be written here again"
                    .to_owned(),
            ),
            Self::Unreadable { .. } => Some(
                "the photos are not touched by this, and keepsake restore --kit does not need the file. The recovery kit \
                 holds the same passwords: keepsake kit show KIT prints them, to be written here again"
                    .to_owned(),
            ),
            Self::Unwritable { .. } => None,
        }
    }
}

/// As a shell reads it back.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
