//! Where bytes were seen.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ranges;

/// A path inside a source, as the bytes that the file system gave: no encoding is assumed and none is lost.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawPath(Vec<u8>);

impl RawPath {
    /// Takes the bytes of a path that is relative to its source.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Takes a path that is relative to its source.
    pub fn from_path(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }

    /// The bytes, `/` between the parts.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same path for the operating system.
    pub fn to_path(&self) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(&self.0))
    }

    /// The bytes of the last part.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The bytes before the last part, without the slash; empty at the top of the source.
    pub fn parent(&self) -> &[u8] {
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.0.get(..end).unwrap_or_default()
    }
}

/// Writes the path for people: what is not UTF-8, and what would move the cursor, as `\xNN`.
impl fmt::Display for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    write!(f, "\\x{:02x}", u32::from(character))?;
                } else {
                    write!(f, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawPath({self})")
    }
}

/// What a file system says about a file without reading it: equal stamps on one path mean “not changed since”.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileStamp {
    /// Bytes.
    pub size: u64,
    /// When it was last written, where the source knows and the year can be written down.
    pub modified_at: Option<Timestamp>,
    /// The number of its inode; 0 where the source has none.
    pub inode: u64,
}

/// How a file was found in its source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// A folder lists it.
    #[default]
    Listed,
    /// It was deleted; the file system still says where all of it lay, and no living file has any of that.
    Deleted,
    /// It was deleted; where its parts lay is partly assumed.
    DeletedAssumed,
    /// It was deleted, and living files have taken some of its space since.
    DeletedReused,
    /// No folder tells of it. Its bytes lay in one piece, and hold together from the first to the last.
    Carved,
    /// No folder tells of it. Its pieces were put together, and hold together from the first byte to the last.
    Reassembled,
    /// No folder tells of it, and only a part of it was found.
    Partial,
    /// No folder tells of it, and only the small picture inside was found.
    PreviewOnly,
}

impl Found {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Deleted => "deleted",
            Self::DeletedAssumed => "deleted-assumed",
            Self::DeletedReused => "deleted-reused",
            Self::Carved => "carved",
            Self::Reassembled => "reassembled",
            Self::Partial => "partial",
            Self::PreviewOnly => "preview-only",
        }
    }

    /// Whether the file system had taken its name out.
    pub fn was_deleted(self) -> bool {
        matches!(self, Self::Deleted | Self::DeletedAssumed | Self::DeletedReused)
    }

    /// Whether no folder tells of it at all.
    pub fn is_by_content(self) -> bool {
        matches!(self, Self::Carved | Self::Reassembled | Self::Partial | Self::PreviewOnly)
    }

    /// Whether its bytes may be others than the file had: only a test of every pixel tells.
    pub fn is_doubtful(self) -> bool {
        match self {
            Self::Listed | Self::Deleted | Self::Carved | Self::Reassembled => false,
            Self::DeletedAssumed | Self::DeletedReused | Self::Partial | Self::PreviewOnly => true,
        }
    }
}

/// How a file came out of its source, beyond being read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coming {
    /// How it was found.
    pub found: Found,
    /// The bytes of it that the source did not give. Inside they are zeros; at the end they are missing.
    pub lost: Ranges,
}

impl Coming {
    /// Whether every byte is what the source holds, as far as anybody can tell.
    pub fn is_sure(&self) -> bool {
        self.lost.is_empty() && !self.found.is_doubtful()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_text_is_shown_and_kept() {
        let path = RawPath::from_bytes(b"DCIM/f\xfcr Oma\x1b[2J.jpg".to_vec());
        assert_eq!(path.to_string(), "DCIM/f\\xfcr Oma\\x1b[2J.jpg");
        assert_eq!(path.file_name(), b"f\xfcr Oma\x1b[2J.jpg");
        assert_eq!(path.parent(), b"DCIM");
        assert_eq!(RawPath::from_path(&path.to_path()), path);
    }

    #[test]
    fn a_file_at_the_top_has_no_parent() {
        assert_eq!(RawPath::from_bytes(b"a.jpg".to_vec()).parent(), b"");
    }
}
