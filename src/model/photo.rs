//! The name of a photo, and what may stand beside it.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32HEX_NOPAD;
use serde::{Deserialize, Serialize};

use super::ObjectId;

/// The name of an entry of the catalog: 16 characters, the same on every machine.
///
/// Derived from the owner and the first original, so that an interrupted run, a rerun and a recovered archive all
/// call the same photo by the same name; it does not change when a better copy becomes the original.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhotoId(String);

impl PhotoId {
    /// How many characters an id has; a unique beginning is enough on the command line.
    pub const LENGTH: usize = 16;

    /// Names the photo that `owner` has of `original`: 80 bits, so that ten million photos meet by chance once in
    /// some 10^10 libraries.
    pub fn new(owner: &str, original: &ObjectId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("keepsake 2026 photo id");
        hasher.update(original.as_bytes());
        hasher.update(owner.as_bytes());
        let mut name = BASE32HEX_NOPAD.encode(hasher.finalize().as_bytes()).to_ascii_lowercase();
        name.truncate(Self::LENGTH);
        Self(name)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhotoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PhotoId {
    type Err = ParsePhotoIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'v');
        if text.len() == Self::LENGTH && text.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParsePhotoIdError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for PhotoId {
    type Error = ParsePhotoIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PhotoId> for String {
    fn from(id: PhotoId) -> Self {
        id.0
    }
}

/// The text is not 16 characters of `0-9a-v`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not the id of a photo (16 characters, digits and a to v)")]
pub struct ParsePhotoIdError(String);

/// What a companion is to its photo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompanionRole {
    /// The sensor data of the same shot.
    Raw,
    /// The moving half of a Live Photo.
    LiveVideo,
    /// What another program wrote about it (XMP, AAE).
    Sidecar,
    /// A worse copy of the same picture: holed, cut short.
    DamagedCopy,
    /// A small picture that some program made of it.
    Thumbnail,
}

impl CompanionRole {
    /// The word for it in tables, JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::LiveVideo => "live-video",
            Self::Sidecar => "sidecar",
            Self::DamagedCopy => "damaged-copy",
            Self::Thumbnail => "thumbnail",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_owner_and_original_only() {
        let original = ObjectId::of(b"a photo");
        assert_eq!(PhotoId::new("anna", &original), PhotoId::new("anna", &original));
        assert_ne!(PhotoId::new("anna", &original), PhotoId::new("ben", &original));
        assert_ne!(PhotoId::new("anna", &original), PhotoId::new("anna", &ObjectId::of(b"another")));
    }

    #[test]
    fn an_id_reads_back_from_its_own_text() {
        let id = PhotoId::new("anna", &ObjectId::of(b"a photo"));
        assert_eq!(id.as_str().parse(), Ok(id));
        assert!("0123456789abcde".parse::<PhotoId>().is_err());
        assert!("0123456789abcdez".parse::<PhotoId>().is_err());
    }
}
