//! Where copies of the recovery kit were put, so that `status` can say whether one would outlive this drive.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::archive::{Archive, read, write};
use super::error::ConfigError;
use crate::model::ObjectId;

/// A copy of the kit that was written somewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KitCopy {
    /// The location of the repository it lies beside, or the path of its file.
    pub place: String,
    /// What it opens, hashed: whether it is a kit of today.
    pub contents: ObjectId,
    /// When it was written.
    pub at: Timestamp,
}

/// `recovery/copies.toml`; losing it costs nothing but writing the kit again.
#[derive(Default, Serialize, Deserialize)]
struct Copies {
    #[serde(default)]
    copy: Vec<KitCopy>,
}

impl Archive {
    /// The archive's own copy of the recovery kit and its sheet.
    pub fn recovery_folder(&self) -> PathBuf {
        self.folder.join("recovery")
    }

    /// The copies that are known of. A list that cannot be understood is an empty one: the next backup makes it anew.
    pub fn kit_copies(&self) -> Result<Vec<KitCopy>, ConfigError> {
        let text = read(&self.copies_file())?.unwrap_or_default();
        let copies: Copies = toml::from_str(&text).unwrap_or_default();
        Ok(copies.copy)
    }

    /// Remembers a copy, in place of an older one at the same place.
    pub fn remember_kit_copy(&self, copy: KitCopy) -> Result<(), ConfigError> {
        let mut copies = self.kit_copies()?;
        copies.retain(|other| other.place != copy.place);
        copies.push(copy);
        // Strings and times alone: this cannot fail, and an empty list is what an unreadable one means too.
        let text = toml::to_string(&Copies { copy: copies }).unwrap_or_default();
        write(&self.copies_file(), &text)
    }

    fn copies_file(&self) -> PathBuf {
        self.recovery_folder().join("copies.toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_copy_at_a_place_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::create(folder.path(), "anna", "a1").expect("an archive");
        std::fs::create_dir(archive.recovery_folder()).expect("a folder");
        let copy = |place: &str, bytes: &[u8]| KitCopy {
            place: place.to_owned(),
            contents: ObjectId::of(bytes),
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(archive.kit_copies().expect("none"), []);
        archive.remember_kit_copy(copy("s3:x", b"old")).expect("it is remembered");
        archive.remember_kit_copy(copy("/mnt/disk", b"old")).expect("it is remembered");
        archive.remember_kit_copy(copy("s3:x", b"new")).expect("it is remembered");
        assert_eq!(archive.kit_copies().expect("two"), [copy("/mnt/disk", b"old"), copy("s3:x", b"new")]);
    }
}
