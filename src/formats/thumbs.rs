//! Small pictures that outlive the photo they were made of: what other programs keep for their own use.
//!
//! | file | who made it | what it tells besides |
//! |---|---|---|
//! | `Thumbs.db` | Windows 98 to XP, in each folder; later ones on network drives | the photo's name and date (up to XP) |
//! | `thumbcache_*.db` | Windows Vista to 11, in one place for each person | nothing that leads to the photo |
//! | `.thumbdata*` | Android, up to 9 | nothing |
//! | any file | cameras: thumbnails in EXIF, previews in raw files, second pictures | it is in the photo itself |
//!
//! Nothing here is as good as the photo; where that is lost, it is all there is. Only whole JPEGs are taken out of files
//! that are searched for them. What tells such files by their path alone is in [`paths`].
//!
//! # Bounds
//! At most [`MOST`] pictures of a file, together not longer than twice the file and the tables that some lack. Chains and
//! directories of a broken file are followed no further than it is long.

mod compound;
mod embedded;
mod explorer;
pub mod paths;
mod searched;
mod tables;
mod windows;

use std::borrow::Cow;

use jiff::Timestamp;

use crate::model::Kind;

pub use embedded::last_copies;

/// Pictures that are taken out of one file.
pub const MOST: usize = 1 << 16;

/// A small picture of a photo that was elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thumb<'a> {
    /// What the photo was called, without its folder.
    pub name: Option<String>,
    /// When the photo was last written, by the clock of the computer that made the small picture.
    pub date: Option<Timestamp>,
    /// The picture as a file of its own.
    pub bytes: Cow<'a, [u8]>,
    /// JPEG, PNG or bitmap.
    pub kind: Kind,
}

/// Takes the pictures out of a file that is a store of them; `None` where it is no such store.
///
/// `name` is the last part of its path: Android's store has no mark of its own.
pub fn thumbs<'a>(bytes: &'a [u8], name: &[u8]) -> Option<Vec<Thumb<'a>>> {
    windows::thumbs(bytes, name).or_else(|| explorer::thumbs(bytes)).or_else(|| {
        let is_android = name.to_ascii_lowercase().starts_with(b".thumbdata");
        is_android.then(|| searched::jpegs(bytes, 0).map(|part| Thumb::found(bytes, part)).take(MOST).collect())
    })
}

/// Whether a file is a store of small pictures, by its first bytes and its name.
pub fn is_store(head: &[u8], name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let is_database = name.ends_with(b".db");
    let compound = head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]);
    (compound && is_database && (name == b"thumbs.db" || name.starts_with(b"ehthumbs")))
        || (head.starts_with(b"CMMM") && is_database)
        || (name.starts_with(b".thumbdata") && !head.is_empty())
}

impl<'a> Thumb<'a> {
    /// A JPEG of which nothing else is known.
    fn found(file: &'a [u8], part: std::ops::Range<usize>) -> Self {
        let bytes = Cow::Borrowed(file.get(part).unwrap_or_default());
        Self { name: None, date: None, bytes, kind: Kind::Jpeg }
    }
}

/// What a picture is by its first bytes.
fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let starts: [(&[u8], Kind); 3] =
        [(&[0xFF, 0xD8, 0xFF], Kind::Jpeg), (b"\x89PNG\r\n\x1a\n", Kind::Png), (b"BM", Kind::Bmp)];
    starts.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests;
