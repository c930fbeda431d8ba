//! Albums: photos that somebody put together under a name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of an album's row; stays when the album is renamed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AlbumId(pub i64);

/// What a person calls an album: not empty, no control characters, no white space at the ends, at most 200 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlbumName(String);

impl AlbumName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AlbumName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AlbumName {
    type Err = AlbumNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        if name.is_empty() {
            Err(AlbumNameError::Empty)
        } else if name.len() > 200 {
            Err(AlbumNameError::TooLong)
        } else if name.chars().any(char::is_control) {
            Err(AlbumNameError::ControlCharacter)
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

impl TryFrom<String> for AlbumName {
    type Error = AlbumNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AlbumName> for String {
    fn from(name: AlbumName) -> Self {
        name.0
    }
}

/// Why a text is no name for an album.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AlbumNameError {
    /// There is nothing to call it by.
    #[error("an album needs a name")]
    Empty,
    /// It would not fit into a folder's name everywhere.
    #[error("an album's name is at most 200 bytes long")]
    TooLong,
    /// It would move the cursor.
    #[error("an album's name is one line of plain text")]
    ControlCharacter,
}

/// An album as a list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Album {
    /// Which one.
    pub id: AlbumId,
    /// Whose it is.
    pub owner: String,
    /// What it is called.
    pub name: AlbumName,
    /// How many photos are in it, deleted ones not counted.
    pub photos: u64,
    /// The day of its earliest dated photo, `2014-08-03`.
    pub from: Option<String>,
    /// The day of its latest dated photo.
    pub to: Option<String>,
}
